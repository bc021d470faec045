import { formatAtto } from '../pricing/money.ts';
import type { Store } from '../store/connect.ts';
import { fitToMinor, formatMinor } from './rounding.ts';
import { type MovementKind, movementKinds } from './wallet-hour.ts';

/** What moved a wallet in a time, by when it was booked: a statement of a time that is over never changes. */
export interface Statement {
  readonly organisation: string;
  readonly currency: string;
  readonly from: string;
  /** Exclusive. */
  readonly to: string;
  /** What was left of all grants at the beginning, and at the end. */
  readonly opening: string;
  readonly closing: string;
  /** What lies between them, by kind; above zero is more to spend. */
  readonly totals: Readonly<Record<MovementKind, string>>;
  /** The same in whole minor units, fitted so that they add up. */
  readonly rounded: Readonly<Record<'opening' | 'closing' | MovementKind, string>>;
  /** Charged to the line and paid back, the same way. Not a part of the totals. */
  readonly owed: { readonly opening: string; readonly closing: string };
  readonly movements: readonly StatementLine[];
  readonly next?: string;
}

export interface StatementLine {
  readonly day: string;
  /** null is the line. */
  readonly grant: string | null;
  readonly kind: MovementKind;
  readonly amount: string;
  /** Exchanges, or bookings. */
  readonly count: number;
}

const hourMs = 3_600_000;
/** Longest time of one statement. */
export const statementDaysMax = 366;

/** What is wrong with a time that somebody asks for; undefined when nothing is. */
export function refuseStatementTime(fromMs: number, toMs: number): string | undefined {
  if (fromMs % hourMs !== 0 || toMs % hourMs !== 0) return 'statements begin and end with whole hours';
  if (fromMs >= toMs) return '`from` must lie before `to`';
  if (toMs - fromMs > statementDaysMax * 24 * hourMs) return `a statement is of at most ${statementDaysMax} days`;
  return undefined;
}

/** undefined: there is no such wallet. Lines by day, grant and kind, in this order; the cursor is the last line's place. */
export async function readStatement(
  store: Store,
  wallet: { readonly organisation: string; readonly currency: string },
  time: { readonly from: Date; readonly to: Date },
  page: { readonly limit: number; readonly after?: string | undefined },
): Promise<Statement | undefined> {
  const { organisation, currency } = wallet;
  const { from, to } = time;
  const found = await store.pool.query('select id from wallet where organisation = $1 and currency = $2', [
    organisation,
    currency,
  ]);
  if (found.rows.length === 0) return undefined;
  const id: number = found.rows[0].id;
  const sums = await store.pool.query(
    `select kind, grant_number = 0 as line, sum(amount_atto) filter (where hour < $2) as before,
            sum(amount_atto) filter (where hour >= $2) as during
       from wallet_hour where wallet = $1 and hour < $3 group by 1, 2`,
    [id, from, to],
  );
  const total = (line: boolean, name: 'before' | 'during', kind?: MovementKind): bigint =>
    sums.rows
      .filter(row => row.line === line && (kind === undefined || row.kind === kind))
      .reduce((sum, row) => sum + (row[name] ?? 0n), 0n);
  const opening = total(false, 'before');
  const closing = opening + total(false, 'during');
  const owedOpening = -total(true, 'before');
  const kinds = movementKinds.map(kind => ({ id: kind, amountAtto: total(false, 'during', kind) }));
  const fitted = fitToMinor([{ id: 'opening', amountAtto: opening }, ...kinds], currency);
  const { items, next } = await readLines(store, id, time, page);
  // True: keys are the kinds that the lists were made of.
  const record = <Name extends string>(entries: readonly (readonly [Name, string])[]) =>
    Object.fromEntries(entries) as Record<Name, string>;
  return {
    organisation,
    currency,
    from: from.toISOString(),
    to: to.toISOString(),
    opening: formatAtto(opening),
    closing: formatAtto(closing),
    totals: record(kinds.map(({ id: kind, amountAtto }) => [kind, formatAtto(amountAtto)] as const)),
    rounded: record([
      ...fitted.lines.map(({ id: name, minor }) => [name as 'opening', formatMinor(minor, currency)] as const),
      ['closing', formatMinor(fitted.totalMinor, currency)] as const,
    ]) as Statement['rounded'],
    owed: { opening: formatAtto(owedOpening), closing: formatAtto(owedOpening - total(true, 'during')) },
    movements: items,
    ...(next === undefined ? {} : { next }),
  };
}

async function readLines(
  store: Store,
  wallet: number,
  { from, to }: { readonly from: Date; readonly to: Date },
  page: { readonly limit: number; readonly after?: string | undefined },
): Promise<{ readonly items: readonly StatementLine[]; readonly next?: string }> {
  const after = readCursor(page.after);
  const { rows } = await store.pool.query(
    `select * from (
       select to_char(h.hour at time zone 'UTC', 'YYYY-MM-DD') as day, h.grant_number, g.id, h.kind,
              sum(h.amount_atto) as atto, sum(h.count)::int as count
         from wallet_hour h left join wallet_grant g on g.number = h.grant_number
        where h.wallet = $1 and h.hour >= $2 and h.hour < $3
        group by 1, 2, 3, 4) as line
      where (day, grant_number, kind) > ($4, $5::bigint, $6)
      order by day, grant_number, kind
      limit $7`,
    [wallet, from, to, after.day, after.grant, after.kind, page.limit + 1],
  );
  const shown = rows.slice(0, page.limit);
  const last = shown.at(-1);
  const items = shown.map(row => ({
    day: row.day,
    grant: row.id,
    kind: row.kind,
    amount: formatAtto(row.atto),
    count: row.count,
  }));
  return rows.length > shown.length ? { items, next: `${last.day}:${last.grant_number}:${last.kind}` } : { items };
}

function readCursor(text: string | undefined): { readonly day: string; readonly grant: string; readonly kind: string } {
  if (text === undefined) return { day: '', grant: '-1', kind: '' };
  const [, day, grant, kind] = /^(\d{4}-\d\d-\d\d):(\d{1,18}):([a-z]{1,20})$/.exec(text) ?? [];
  if (day === undefined || grant === undefined || kind === undefined) {
    throw new RangeError('`after` is not a cursor of this list');
  }
  return { day, grant, kind };
}
