import type { Job } from '../jobs/job.ts';
import type { Store } from '../store/connect.ts';
import { foldBalances } from './balances.ts';
import { type CheckScope, checkUnits, fullScope, recentScope, recordCheck } from './check.ts';
import { expirePending } from './pending.ts';

/** Reading a balance adds up what is not folded yet, which a busy minute makes some ten thousand rows. */
const upkeepEveryMs = 15_000;
/** When hardly anybody calls. */
const checkAt = '03:20';
const fullCheckEveryMs = 7 * 86_400_000;
/** A year of days at some seconds each. */
const fullCheckTimeoutMs = 4 * 3_600_000;

/** What the ledger does by itself. */
export function ledgerJobs(store: Store): readonly Job[] {
  return [
    {
      name: 'ledger-upkeep',
      purpose: 'Folds balances by day and expires pending transfers',
      schedule: { everyMs: upkeepEveryMs },
      run: async ({ client, signal }) => {
        let folded = 0;
        let expired = 0;
        for (let more = true; more; ) {
          signal.throwIfAborted();
          const counts = { folded: await foldBalances(client), expired: await expirePending(client) };
          folded += counts.folded;
          expired += counts.expired;
          more = counts.folded > 0 || counts.expired > 0;
        }
        return { folded, expired };
      },
    },
    {
      name: 'ledger-check',
      purpose: 'Looks for what must never be in the last day and in what was written to since',
      schedule: { at: checkAt },
      run: context => look(store, context, recentScope(store, Date.now())),
    },
    {
      name: 'ledger-check-full',
      purpose: 'Looks for what must never be in the whole ledger',
      schedule: { everyMs: fullCheckEveryMs },
      timeoutMs: fullCheckTimeoutMs,
      run: context => look(store, context, fullScope(store)),
    },
  ];
}

async function look(
  store: Store,
  { client, progress, signal }: Parameters<Job['run']>[0],
  wanted: Promise<CheckScope>,
): ReturnType<Job['run']> {
  const startedAt = new Date();
  const scope = await wanted;
  const { violations, total } = await checkUnits({ client }, scope, {
    signal,
    onProgress: (done, ofAll) => progress({ done, total: ofAll, note: 'looks' }),
  });
  await recordCheck(store, { scope, startedAt, violations });
  return { looks: total, days: scope.days.length, violations: violations.length };
}
