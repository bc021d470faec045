import type { Job } from '../jobs/job.ts';
import { type BreakageSettings, breakageDefault, endExpiredGrants } from './breakage.ts';

/** Warns of grants that expire soon, and books what was left of those that did. */
export function walletUpkeepJob(settings: BreakageSettings = breakageDefault, nowMs: () => number = Date.now): Job {
  return {
    name: 'wallet-upkeep',
    purpose: 'Warns of grants that expire soon, and books what was left of those that did',
    schedule: { everyMs: 300_000 },
    run: async ({ client, progress, signal }) => ({
      ...(await endExpiredGrants({ client, nowMs: nowMs(), settings, progress, signal })),
    }),
  };
}
