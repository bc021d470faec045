import { accessUpkeepJob } from '../access/access-upkeep.ts';
import type { JobDesk } from '../admin/dependencies.ts';
import { auditKeptDaysMin, auditRetentionJob } from '../audit/audit-retention.ts';
import { walletUpkeepJob } from '../billing/wallet-upkeep.ts';
import { keyExpiryJob } from '../control/key-expiry.ts';
import type { Job } from '../jobs/job.ts';
import { readJobs, requestJob } from '../jobs/queries.ts';
import { ledgerJobs } from '../ledger/ledger-jobs.ts';
import { usageFoldJob } from '../ledger/usage-fold.ts';
import type { Store } from '../store/connect.ts';
import type { RetentionSettings } from '../store/maintenance.ts';
import { maintain } from '../store/maintenance.ts';

/** Every job of this release. Each replica's runner has them all; what a job does is told where its room says so. */
export function allJobs({
  store,
  retention,
  nowMs = Date.now,
}: {
  readonly store: Store;
  readonly retention: RetentionSettings & { readonly auditDays?: number };
  /** What day it is for retention and for the end of grants. */
  readonly nowMs?: () => number;
}): readonly Job[] {
  return [
    {
      name: 'maintenance',
      purpose: 'Makes partitions ahead and drops those past their retention',
      schedule: { everyMs: 3_600_000 },
      run: async () => {
        const { ran, dropped } = await maintain(store, retention, nowMs());
        return { ran, dropped: dropped.length };
      },
    },
    auditRetentionJob(retention.auditDays ?? auditKeptDaysMin),
    keyExpiryJob(nowMs),
    accessUpkeepJob(),
    usageFoldJob(),
    ...ledgerJobs(store),
    walletUpkeepJob(undefined, nowMs),
  ];
}

/** `nudge` makes this replica's runner look at once; another may be quicker. */
export function jobDesk(store: Store, jobs: readonly Job[], nudge: () => void): JobDesk {
  const list = () => readJobs(store, jobs);
  return {
    list,
    runNow: async name => {
      if (!(await requestJob(store, jobs, name))) return undefined;
      nudge();
      return (await list()).find(job => job.name === name);
    },
  };
}
