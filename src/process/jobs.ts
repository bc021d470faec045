import { accessUpkeepJob } from '../access/access-upkeep.ts';
import type { JobDesk } from '../admin/dependencies.ts';
import { auditKeptDaysMin, auditRetentionJob } from '../audit/audit-retention.ts';
import { type LowBalance, lowBalanceJob } from '../billing/low-balance.ts';
import { walletUpkeepJob } from '../billing/wallet-upkeep.ts';
import type { Control } from '../control/control.ts';
import { keyExpiryJob } from '../control/key-expiry.ts';
import type { Keyring } from '../control/keyring.ts';
import { followFilesJob, resealJob } from '../control/secret-upkeep.ts';
import type { Job } from '../jobs/job.ts';
import { readJobs, requestJob } from '../jobs/queries.ts';
import { ledgerJobs } from '../ledger/ledger-jobs.ts';
import { usageFoldJob } from '../ledger/usage-fold.ts';
import type { Store } from '../store/connect.ts';
import type { RetentionSettings } from '../store/maintenance.ts';
import { maintain } from '../store/maintenance.ts';
import type { WebhookContext } from '../webhooks/context.ts';
import { webhookJob } from '../webhooks/delivery-job.ts';
import { webhookUpkeepJob } from '../webhooks/upkeep.ts';

/** Dates of public prices begin with a day, UTC. */
const factsEveryMs = 60_000;

/** Every job of this release. Each replica's runner has them all; what a job does is told where its room says so. */
export function allJobs({
  store,
  retention,
  followFacts,
  lowBalances,
  secrets,
  webhooks,
  nowMs = Date.now,
}: {
  readonly store: Store;
  readonly retention: RetentionSettings & { readonly auditDays?: number };
  /** control.ts followFacts. */
  readonly followFacts: () => Promise<boolean>;
  /** What is configured now. */
  readonly lowBalances: () => Promise<readonly LowBalance[]>;
  /** Absent: what stores no secrets needs no upkeep of them. */
  readonly secrets?: { readonly keyring: Keyring; readonly control: () => Control };
  /** Absent: nobody is told anything. */
  readonly webhooks?: WebhookContext;
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
    ...(secrets === undefined ? [] : [resealJob({ store, ...secrets, nowMs }), followFilesJob(secrets)]),
    {
      name: 'price-facts',
      purpose: 'Where nobody set prices, publishes public ones whose date has come',
      schedule: { everyMs: factsEveryMs },
      run: async () => ({ published: (await followFacts()) ? 1 : 0 }),
    },
    ...(webhooks === undefined ? [] : [webhookJob(webhooks), webhookUpkeepJob()]),
    accessUpkeepJob(),
    usageFoldJob(),
    ...ledgerJobs(store),
    walletUpkeepJob(undefined, nowMs),
    lowBalanceJob(lowBalances, nowMs),
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
