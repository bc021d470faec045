import type { BrokerOptions } from './broker-port.ts';
import type { WindowState } from './broker-window.ts';

/** How long other workers, and other replicas, may take to give back. Replicas are only waited for when the ledger says
 *  that they hold something: a lone one knows in a few milliseconds. */
export const recallMs = 12;

/** Asks workers for what they have unused and waits a little for the answers. */
export async function recall(
  state: WindowState,
  workers: readonly number[],
  { send, after }: Pick<BrokerOptions, 'send' | 'after'>,
): Promise<void> {
  if (workers.length === 0) return;
  for (const worker of workers) {
    state.recalled.set(worker, (state.recalled.get(worker) ?? 0) + 1);
    send(worker, { type: 'recall', budget: state.budget, window: state.window });
  }
  await new Promise<void>(resolve => {
    const done = () => {
      cancel();
      state.onRecalled = undefined;
      resolve();
    };
    const cancel = after(recallMs, done);
    const previous = state.onRecalled;
    state.onRecalled = () => {
      previous?.();
      done();
    };
  });
}

export function recallAnswered(state: WindowState, worker: number): void {
  const open = state.recalled.get(worker);
  if (open === undefined) return;
  if (open > 1) state.recalled.set(worker, open - 1);
  else state.recalled.delete(worker);
  if (state.recalled.size === 0) state.onRecalled?.();
}
