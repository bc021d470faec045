import type pg from 'pg';
import type { Store } from '../store/connect.ts';
import { type LedgerRule, type LedgerRuleText, rules } from './rules.ts';

export type { LedgerRule } from './rules.ts';

/** Something that must never be. */
export interface LedgerViolation {
  readonly rule: LedgerRule;
  /** What it is about: an exchange, an account, a lease, a day. */
  readonly subject: string;
  readonly detail: string;
  /** What to do. */
  readonly advice: string;
}

/** What is looked at: days from `since` to before `until`, and what belongs to no day. */
export interface CheckScope {
  /** UTC days, inclusive, as 2026-11-20. */
  readonly days: readonly string[];
  /** Of what belongs to no day, only what changed since; undefined is everything. */
  readonly since: Date | undefined;
}

/** One rule over one day, or over what belongs to none. */
interface CheckUnit {
  readonly rule: LedgerRule;
  readonly day: string | undefined;
}

/** A sample is enough to begin looking; the whole list could be as long as the ledger. */
const violationsMax = 100;
const dayMs = 86_400_000;
/** A day's rules look at rows of one day. What reads longer than this has lost its indexes. */
const unitTimeoutMs = 600_000;

/** Everything there is. */
export async function fullScope(store: Store): Promise<CheckScope> {
  return { days: await daysBooked(store), since: undefined };
}

/** The last day and today, and every earlier day that something was booked or corrected in since: late exchanges, true-ups,
 *  adjustments. What nobody wrote to since was looked at before. */
export async function recentScope(store: Store, nowMs: number): Promise<CheckScope> {
  const since = new Date(nowMs - dayMs);
  const { rows } = await store.pool.query(
    `select distinct to_char(at at time zone 'UTC', 'YYYY-MM-DD') as day
       from (select at from transfer_key where booked_at >= $1
             union all select at from correction where booked_at >= $1
             union all select day::timestamp at time zone 'UTC' from balance_delta) as touched
      where at < $1
      order by 1`,
    [since],
  );
  const days = new Set<string>(rows.map(({ day }) => day));
  for (const ms of [nowMs - dayMs, nowMs]) days.add(new Date(ms).toISOString().slice(0, 10));
  return { days: [...days].sort(), since };
}

/** Where a look that was interrupted goes on: the last unit that was looked at, `rule` or `rule 2026-11-20`. */
export type CheckCursor = string;

export interface CheckStep {
  readonly violations: readonly LedgerViolation[];
  /** Units that were looked at so far, and in all. */
  readonly done: number;
  readonly total: number;
  /** undefined: to the end. */
  readonly next: CheckCursor | undefined;
}

/** Looks at the units after `after`, until the time is over. All of one call are read in one consistent view. Changes
 *  nothing. */
export async function checkUnits(
  store: Store | { readonly client: pg.ClientBase },
  scope: CheckScope,
  options: {
    readonly after?: CheckCursor | undefined;
    /** Default: to the end. */
    readonly budgetMs?: number;
    readonly onProgress?: (done: number, total: number) => void;
    readonly signal?: AbortSignal;
  } = {},
): Promise<CheckStep> {
  const units = [...listUnits(scope)];
  const first = options.after === undefined ? 0 : unitAfter(units, options.after);
  const deadlineMs = performance.now() + (options.budgetMs ?? Number.POSITIVE_INFINITY);
  const violations: LedgerViolation[] = [];
  const total = units.length;
  const client = 'client' in store ? store.client : await store.pool.connect();
  try {
    await client.query('begin isolation level repeatable read read only');
    await client.query(`set local statement_timeout = ${unitTimeoutMs}`);
    // Rules join whole days. A table that has grown since Postgres last counted it looks small, and looping over it for
    // every row of a day takes minutes where hashing takes a second.
    await client.query('set local enable_nestloop = off');
    for (let index = first; index < total; index += 1) {
      options.signal?.throwIfAborted();
      const unit = units[index]!;
      violations.push(...(await checkUnit(client, unit, scope)));
      const done = index + 1;
      options.onProgress?.(done, total);
      if (performance.now() >= deadlineMs && done < total) {
        return { violations, done, total, next: cursorOf(unit) };
      }
    }
    return { violations, done: total, total, next: undefined };
  } finally {
    await client.query('rollback').catch(() => {});
    if (!('client' in store)) (client as pg.PoolClient).release();
  }
}

/** Looks for what must never be, in everything there is. */
export async function checkLedger(store: Store): Promise<readonly LedgerViolation[]> {
  return (await checkUnits(store, await fullScope(store))).violations;
}

/** Remembers a look, for people and `carrier doctor`, and alerts to what it found. */
export async function recordCheck(
  store: Store,
  check: {
    readonly scope: CheckScope;
    readonly startedAt: Date;
    readonly violations: readonly LedgerViolation[];
  },
): Promise<void> {
  const { scope, startedAt, violations } = check;
  await store.pool.query(
    `with seen as (
       insert into ledger_check (scope, since, started_at, finished_at, violations)
       values ($1, $2, $3, clock_timestamp(), $4::json)
     ), forgotten as (
       delete from ledger_check where finished_at < now() - interval '90 days'
     )
     insert into alert (id, code, message)
     select 'ledger_violation:' || rule || ':' || subject, 'ledger_violation',
            'The ledger breaks ' || rule || ': ' || subject || ' ' || detail || '. See \`carrier ledger check\`.'
       from json_to_recordset($4::json) as v (rule text, subject text, detail text)
     on conflict do nothing`,
    [scope.since === undefined ? 'full' : 'recent', scope.since ?? null, startedAt, JSON.stringify(violations)],
  );
}

function* listUnits({ days }: CheckScope): Generator<CheckUnit> {
  for (const [rule, { scope }] of Object.entries(rules) as [LedgerRule, LedgerRuleText][]) {
    if (scope === 'whole') yield { rule, day: undefined };
    else for (const day of days) yield { rule, day };
  }
}

function cursorOf({ rule, day }: CheckUnit): CheckCursor {
  return day === undefined ? rule : `${rule} ${day}`;
}

/** The first unit after the one named; days may have come since. Throws RangeError for what names none. */
function unitAfter(units: readonly CheckUnit[], cursor: CheckCursor): number {
  const [rule, day] = cursor.split(' ');
  const order = Object.keys(rules);
  const place = order.indexOf(rule ?? '');
  if (place === -1) throw new RangeError('this is not a cursor that a look at the ledger gave');
  const found = units.findIndex(unit => {
    const at = order.indexOf(unit.rule);
    return at > place || (at === place && day !== undefined && unit.day !== undefined && unit.day > day);
  });
  return found === -1 ? units.length : found;
}

/** These look up a day's ids among those of all days. */
const byKey: ReadonlySet<LedgerRule> = new Set(['transfer_has_its_key', 'exchange_has_its_key']);

async function checkUnit(
  client: pg.ClientBase,
  { rule, day }: CheckUnit,
  { since }: CheckScope,
): Promise<LedgerViolation[]> {
  const { sql, advice } = rules[rule] as LedgerRuleText;
  const from = day === undefined ? (since?.toISOString() ?? '-infinity') : `${day}T00:00:00Z`;
  const values = day === undefined ? [from] : [from, new Date(Date.parse(from) + dayMs).toISOString()];
  // Rules of a day compare everything of that day. Before statistics are there, the planner takes a full table for an empty
  // one, and compares each row with each.
  await client.query(`set local enable_nestloop = ${day === undefined || byKey.has(rule) ? 'on' : 'off'}`);
  const { rows } = await client.query(`${sql} limit ${violationsMax}`, /\$1/.test(sql) ? values : []);
  return rows.map(({ subject, detail }) => ({ rule, subject, detail, advice }));
}

/** Days that have exchanges, transfers, claimed ids, balances or usage. */
async function daysBooked(store: Store): Promise<string[]> {
  const { rows } = await store.pool.query(
    `select distinct to_char(day, 'YYYY-MM-DD') as day
       from (select day from balance_day
             union all select day from balance_delta
             union all select (hour at time zone 'UTC')::date from usage_hourly
             union all select (at at time zone 'UTC')::date from transfer_key
             union all select (at at time zone 'UTC')::date from correction) as d
      order by 1`,
  );
  return rows.map(({ day }) => day);
}
