import { formatAtto } from '../pricing/money.ts';
import { counts, describeBudget, isNarrowed, refuses } from '../snapshot/budgets.ts';
import type { BudgetEntry } from '../snapshot/snapshot.ts';
import type { Store } from '../store/connect.ts';
import { type Notice, noticeId, writeNotice } from '../store/notice.ts';
import type { Standing } from './broker-port.ts';

/** A budget in the window that it is in now: first day of its period, ISO 8601, or `total`. */
export interface BudgetInWindow {
  readonly budget: BudgetEntry;
  readonly window: string;
  /** Whose it is; absent: the installation's. */
  readonly organisation?: string | undefined;
}

export interface BudgetWarning extends BudgetInWindow {
  /** Parts per million of the limit that were passed. */
  readonly atPpm: number;
  readonly spentAtto: bigint;
  readonly message: string;
}

const wholePpm = 1_000_000;

/** Looks which budgets, hard or not, have passed a part of their limit at which to warn, and which shadows would refuse;
 *  raises an alert and writes a notice for each part once a window, and gives the new ones. Cheap enough for every minute:
 *  one or two queries a scope over the hours of the windows. */
export async function raiseBudgetWarnings(store: Store, budgets: readonly BudgetInWindow[]): Promise<BudgetWarning[]> {
  const watched = budgets.filter(({ budget }) => partsOf(budget).length > 0);
  const warnings: BudgetWarning[] = [];
  for (const scope of ['key', 'project', 'organisation', 'installation'] as const) {
    const ofScope = watched.filter(({ budget }) => budget.scope === scope);
    const spent = await readSpent(store, ofScope);
    for (const each of ofScope) warnings.push(...warningsOf(each, spent.get(each.budget.id) ?? 0n));
  }
  return raiseNew(store, warnings);
}

/** Somebody was refused by a hard budget: told once a window. */
export async function noteBudgetRefusal(
  store: Store,
  refused: BudgetInWindow,
  standing: Standing | undefined,
): Promise<void> {
  await writeNotice(store.db, {
    ...noticeOf(refused, 'budget.refused', []),
    body: {
      ...bodyOf(refused),
      ...(standing === undefined
        ? {}
        : { spent: formatAtto(standing.spentAtto), reserved: formatAtto(standing.reservedAtto) }),
    },
  });
}

/** Parts of the limit at which something is told. */
function partsOf(budget: BudgetEntry): readonly number[] {
  const isShadow = budget.hard && !refuses(budget);
  return isShadow ? [...new Set([...budget.warnAtPpm, wholePpm])] : budget.warnAtPpm;
}

/** All of one scope. By budget; those without usage are absent. */
async function readSpent(store: Store, budgets: readonly BudgetInWindow[]): Promise<ReadonlyMap<string, bigint>> {
  const whole = await readSums(
    store,
    budgets.filter(({ budget }) => !isNarrowed(budget)),
    [],
  );
  const narrowed = budgets.filter(({ budget }) => isNarrowed(budget));
  const parts = await readSums(store, narrowed, ['route', 'model', 'provider']);
  const byId = new Map(narrowed.map(({ budget }) => [budget.id, budget]));
  const spent = new Map(whole.map(({ id, atto }) => [id, atto]));
  for (const { id, route, model, provider, atto } of parts) {
    if (!counts(byId.get(id)!, route, { model, provider: { name: provider } })) continue;
    spent.set(id, (spent.get(id) ?? 0n) + atto);
  }
  return spent;
}

interface Sum {
  readonly id: string;
  readonly atto: bigint;
  readonly route: string;
  readonly model: string;
  readonly provider: string;
}

async function readSums(
  store: Store,
  budgets: readonly BudgetInWindow[],
  by: readonly ('route' | 'model' | 'provider')[],
): Promise<readonly Sum[]> {
  const scope = budgets[0]?.budget.scope;
  if (scope === undefined) return [];
  const columns = by.map(column => `, coalesce(u.${column}, '') as ${column}`).join('');
  const { rows } = await store.pool.query(
    `select b.id, sum(sell_atto) as atto${columns}
       from unnest($1::text[], $2::text[], $3::text[], $4::timestamptz[]) as b (id, subject, currency, since)
       join usage_hourly as u on ${scope === 'installation' ? 'true' : `u.${scope} = b.subject`}
                             and sell_currency = b.currency and hour >= b.since and meter = ''
      group by b.id${by.map(column => `, u.${column}`).join('')}`,
    [
      budgets.map(({ budget }) => budget.id),
      budgets.map(({ budget }) => budget.subject),
      budgets.map(({ budget }) => budget.currency),
      budgets.map(({ window }) => (window === 'total' ? '-infinity' : `${window}T00:00:00Z`)),
    ],
  );
  return rows;
}

function warningsOf(at: BudgetInWindow, spentAtto: bigint): BudgetWarning[] {
  const { budget, window } = at;
  const limitAtto = BigInt(budget.limitAtto);
  return partsOf(budget)
    .filter(atPpm => spentAtto > 0n && spentAtto * 1_000_000n >= limitAtto * BigInt(atPpm))
    .map(atPpm => {
      const figures = `${formatAtto(spentAtto)} of ${formatAtto(limitAtto)} ${budget.currency} (${window})`;
      const message = isWouldRefuse(budget, atPpm)
        ? `The shadow of ${describeBudget(budget)} would refuse: ${figures} are spent.`
        : `Budget ${budget.id} of ${budget.scope} ${budget.subject} has spent ${figures}, past ${atPpm / 10_000} %.`;
      return { ...at, atPpm, spentAtto, message };
    });
}

function isWouldRefuse(budget: BudgetEntry, atPpm: number): boolean {
  return budget.hard && !refuses(budget) && atPpm === wholePpm;
}

/** The notices first: written twice they are there once, and an alert says that both are there. */
async function raiseNew(store: Store, warnings: readonly BudgetWarning[]): Promise<BudgetWarning[]> {
  if (warnings.length === 0) return [];
  const idOf = ({ budget, window, atPpm }: BudgetWarning) => `budget_warning:${budget.id}:${window}:${atPpm}`;
  const known = await store.pool.query('select id from alert where id = any($1)', [warnings.map(idOf)]);
  const told = new Set(known.rows.map(({ id }) => id));
  const byId = new Map(warnings.map(each => [idOf(each), each]));
  for (const [id, warning] of byId) {
    if (told.has(id)) byId.delete(id);
    else await writeNotice(store.db, warningNotice(warning));
  }
  const { rows } = await store.pool.query(
    `insert into alert (id, code, message) select id, 'budget_warning', message from unnest($1::text[], $2::text[]) as w (id, message)
     on conflict do nothing returning id`,
    [[...byId.keys()], [...byId.values()].map(({ message }) => message)],
  );
  return rows.map(row => byId.get(row.id)!);
}

function warningNotice(warning: BudgetWarning): Notice {
  const { budget, atPpm, spentAtto } = warning;
  const kind = isWouldRefuse(budget, atPpm) ? 'budget.would-refuse' : 'budget.threshold';
  const notice = noticeOf(warning, kind, [String(atPpm)]);
  return { ...notice, body: { ...notice.body, spent: formatAtto(spentAtto), at: String(atPpm / wholePpm) } };
}

function noticeOf(at: BudgetInWindow, kind: string, more: readonly string[]): Notice {
  return {
    id: noticeId(kind, at.budget.id, at.window, ...more),
    kind,
    organisation: at.organisation ?? null,
    body: bodyOf(at),
  };
}

function bodyOf({ budget, window }: BudgetInWindow) {
  const { scope, subject, period, currency, hard, limitAtto, model, provider, route } = budget;
  return {
    budget: budget.id,
    scope,
    subject,
    ...(model === undefined ? {} : { model }),
    ...(provider === undefined ? {} : { provider }),
    ...(route === undefined ? {} : { route }),
    period,
    window,
    hard,
    limit: formatAtto(BigInt(limitAtto)),
    currency,
  };
}
