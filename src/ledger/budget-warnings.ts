import { formatAtto } from '../pricing/money.ts';
import type { BudgetEntry } from '../snapshot/snapshot.ts';
import type { Store } from '../store/connect.ts';

/** A budget in the window that it is in now: first day of its period, ISO 8601, or `total`. */
export interface BudgetInWindow {
  readonly budget: BudgetEntry;
  readonly window: string;
}

export interface BudgetWarning {
  readonly budget: string;
  readonly window: string;
  /** Parts per million of the limit that were passed. */
  readonly atPpm: number;
  readonly message: string;
}

/** Looks which budgets, hard or not, have passed a part of their limit at which to warn, raises an alert for each part
 *  once a window, and gives the new ones. Cheap enough for every minute: one query a scope over the hours of the windows. */
export async function raiseBudgetWarnings(store: Store, budgets: readonly BudgetInWindow[]): Promise<BudgetWarning[]> {
  const watched = budgets.filter(({ budget }) => budget.warnAtPpm.length > 0);
  const warnings: BudgetWarning[] = [];
  for (const scope of ['key', 'project', 'organisation'] as const) {
    const ofScope = watched.filter(({ budget }) => budget.scope === scope);
    const spent = await readSpent(store, scope, ofScope);
    for (const each of ofScope) warnings.push(...warningsOf(each, spent.get(each.budget.id) ?? 0n));
  }
  return raiseNew(store, warnings);
}

async function readSpent(
  store: Store,
  scope: BudgetEntry['scope'],
  budgets: readonly BudgetInWindow[],
): Promise<Map<string, bigint>> {
  if (budgets.length === 0) return new Map();
  const { rows } = await store.pool.query(
    `select b.id, sum(sell_atto) as spent_atto
       from unnest($1::text[], $2::text[], $3::text[], $4::timestamptz[]) as b (id, subject, currency, since)
       join usage_hourly as u on u.${scope} = b.subject and sell_currency = b.currency and hour >= b.since and meter = ''
      group by b.id`,
    [
      budgets.map(({ budget }) => budget.id),
      budgets.map(({ budget }) => budget.subject),
      budgets.map(({ budget }) => budget.currency),
      budgets.map(({ window }) => (window === 'total' ? '-infinity' : `${window}T00:00:00Z`)),
    ],
  );
  return new Map(rows.map(row => [row.id, row.spent_atto]));
}

function warningsOf({ budget, window }: BudgetInWindow, spentAtto: bigint): BudgetWarning[] {
  const limitAtto = BigInt(budget.limitAtto);
  return budget.warnAtPpm
    .filter(atPpm => spentAtto > 0n && spentAtto * 1_000_000n >= limitAtto * BigInt(atPpm))
    .map(atPpm => ({
      budget: budget.id,
      window,
      atPpm,
      message:
        `Budget ${budget.id} of ${budget.scope} ${budget.subject} has spent ${formatAtto(spentAtto)} of ` +
        `${formatAtto(limitAtto)} ${budget.currency} (${window}), past ${atPpm / 10_000} %.`,
    }));
}

async function raiseNew(store: Store, warnings: readonly BudgetWarning[]): Promise<BudgetWarning[]> {
  if (warnings.length === 0) return [];
  const byId = new Map(warnings.map(each => [`budget_warning:${each.budget}:${each.window}:${each.atPpm}`, each]));
  const { rows } = await store.pool.query(
    `insert into alert (id, code, message) select id, 'budget_warning', message from unnest($1::text[], $2::text[]) as w (id, message)
     on conflict do nothing returning id`,
    [[...byId.keys()], [...byId.values()].map(({ message }) => message)],
  );
  return rows.map(row => byId.get(row.id)!);
}
