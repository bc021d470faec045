import type { DeploymentPermits } from '../../src/gateway/ports.ts';
import { PermitDesk } from '../../src/process/permit-desk.ts';
import { WorkerPermits } from '../../src/process/worker-permits.ts';

export interface TimeSource {
  readonly monotonicMs: () => number;
  readonly after: (ms: number, run: () => void) => () => void;
}

/** The real permits of one worker and its supervisor, in one process: what they say to each other arrives in the next
 *  microtask. By handle; handles that are not named are unbounded. */
export function permitsOf(limits: Readonly<Record<string, number>>, time: TimeSource): DeploymentPermits {
  const limit = (handle: string) => limits[handle];
  const desk: PermitDesk = new PermitDesk({
    limit,
    after: time.after,
    send: (_worker, message) => {
      queueMicrotask(() => {
        if (message.type === 'permits') permits.granted(message.request, message.granted);
        else if (message.type === 'recall-permits') permits.recall(message.handle);
      });
    },
  });
  const permits: WorkerPermits = new WorkerPermits({
    limit,
    ...time,
    send: message => {
      queueMicrotask(() => {
        if (message.type === 'permit-request') desk.request(1, message);
        else if (message.type === 'return-permits') desk.returned(1, message.handle, message.count);
      });
    },
  });
  return permits;
}
