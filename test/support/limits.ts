import type { RateLimits } from '../../src/gateway/ports.ts';
import { LimitDesk } from '../../src/limits/limit-desk.ts';
import { after } from '../../src/process/late-timer.ts';
import type { ToSupervisor } from '../../src/process/messages.ts';
import { WorkerLimits } from '../../src/process/worker-limits.ts';
import { type LimitEntry, loadLimit } from '../../src/snapshot/limits.ts';
import { LimitRows } from './limit-chain.ts';

/** Limits of nobody. */
export const unlimited: RateLimits = {
  take: ({ limits }) => ({ limits, settle: () => {} }),
  knownShort: () => undefined,
  state: limit => ({ limit, remaining: limit.limit, resetMs: 0 }),
};

/** The whole chain of limits of one worker, in this process: only the database is arithmetic in memory. */
export function limitsInMemory(entries: readonly LimitEntry[]): {
  readonly limits: WorkerLimits;
  readonly rows: LimitRows;
} {
  const byId = new Map(entries.map(entry => [entry.id, loadLimit(entry)]));
  const rows = new LimitRows();
  const desk = new LimitDesk({
    leases: {
      acquire: async request => rows.acquire(request),
      release: async (limit, window, amount) => rows.release(limit, window, amount),
      askOthers: async () => {},
    },
    limit: id => byId.get(id),
    replicas: () => 1,
    workers: () => [1],
    send: (_, message) =>
      queueMicrotask(() => {
        if (message.type === 'limit-grant') limits.granted(message.request, message);
        else limits.recall(message.limit, message.window);
      }),
    after,
    nowMs: Date.now,
  });
  const receive = (message: ToSupervisor) => {
    if (message.type === 'limit-request') desk.request(1, message);
    if (message.type === 'limit-return') desk.returned(1, message);
  };
  const limits = new WorkerLimits({
    send: message => queueMicrotask(() => receive(message)),
    monotonicMs: () => performance.now(),
    after,
  });
  return { limits, rows };
}
