import type pg from 'pg';
import type { Store } from '../store/connect.ts';
import type { StandingEvent } from './rate-again.ts';
import type { EventLine, RatedSide } from './rate-event.ts';
import { readStored, type StoredEvent, storedColumns } from './stored-event.ts';

export interface UsageRerateFilter {
  /** Of use. Inclusive. */
  readonly from: Date;
  /** Exclusive. */
  readonly to: Date;
  readonly organisation?: string | undefined;
  /** organisation/project */
  readonly project?: string | undefined;
  readonly product?: string | undefined;
  readonly provider?: string | undefined;
  readonly meter?: string | undefined;
}

/** A place in the order of events: by instant of use, then ref. */
export interface EventPlace {
  readonly at: Date;
  readonly ref: string;
}

/** An event with its newest rating. */
export interface RatedRow extends EventPlace {
  /** undefined: it waits for a price. */
  readonly standing: StandingEvent | undefined;
  /** The sums that it is in. */
  readonly months: {
    readonly sell: { readonly version: string; readonly replaced: boolean } | undefined;
    readonly buy: { readonly version: string; readonly replaced: boolean } | undefined;
  };
}

export async function nextRated(
  store: Store,
  filter: UsageRerateFilter,
  after: EventPlace | undefined,
  limit: number,
): Promise<readonly RatedRow[]> {
  const { rows } = await store.pool.query(
    `${ratedSql}
      where e.at >= $1 and e.at < $2 and ($3::timestamptz is null or (e.at, e.ref) > ($3, $4))
        and ($5::text is null or e.organisation = $5) and ($6::text is null or e.project = $6)
        and ($7::text is null or e.product = $7) and ($8::text is null or e.provider = $8)
        and ($9::text is null or e.meter = $9)
      order by e.at, e.ref
      limit $10`,
    [
      filter.from,
      filter.to,
      after?.at ?? null,
      after?.ref ?? '',
      filter.organisation ?? null,
      filter.project ?? null,
      filter.product ?? null,
      filter.provider ?? null,
      filter.meter ?? null,
      limit,
    ],
  );
  return rows.map(readRow);
}

export async function readRated(client: pg.ClientBase, refs: readonly string[]): Promise<readonly RatedRow[]> {
  const { rows } = await client.query(`${ratedSql} where e.ref = any($1) order by e.at, e.ref`, [refs]);
  return rows.map(readRow);
}

/** Some of those whose newest rating is in a sum. */
export async function leftInMonth(store: Store, month: bigint, limit: number): Promise<readonly RatedRow[]> {
  const { rows } = await store.pool.query(
    `${ratedSql}
      where e.ref in (select r.ref from usage_event_rating r
                       where (r.sell_month = $1 or r.buy_month = $1)
                         and not exists (select from usage_event_rating n where n.ref = r.ref and n.number > r.number)
                       order by r.ref limit $2)
      order by e.at, e.ref`,
    [month.toString(), limit],
  );
  return rows.map(readRow);
}

/** Nobody else gives them another rating until the transaction ends. */
export async function lockEvents(client: pg.ClientBase, refs: readonly string[]): Promise<void> {
  await client.query('select from usage_event_key where ref = any($1) order by ref for update', [refs]);
}

const ratedSql = `
select ${storedColumns}, r.number, r.state,
       r.sell_atto, r.sell_currency, r.sell_version, r.sell_lines, r.sell_month, r.sell_units, r.sell_shift_atto,
       r.buy_atto, r.buy_currency, r.buy_version, r.buy_lines, r.buy_month, r.buy_units, r.buy_shift_atto,
       s.version as sell_month_version, s.replaced as sell_replaced,
       b.version as buy_month_version, b.replaced as buy_replaced
  from usage_event e
  join usage_event_key k on k.ref = e.ref
 cross join lateral (select * from usage_event_rating n where n.ref = e.ref order by n.number desc limit 1) as r
  left join usage_month s on s.id = r.sell_month
  left join usage_month b on b.id = r.buy_month`;

type Row = StoredEvent & { readonly number: number; readonly state: 'rated' | 'quarantined' } & Readonly<
    Record<string, unknown>
  >;

function readRow(row: Row): RatedRow {
  const { ref, at, number } = row;
  const isRated = row.state === 'rated';
  const standing = { ref, event: readStored(row), number };
  return {
    ref,
    at,
    standing: isRated ? { ...standing, sell: sideOf(row, 'sell'), buy: sideOf(row, 'buy') } : undefined,
    months: { sell: monthOf(row, 'sell'), buy: monthOf(row, 'buy') },
  };
}

/** What insertRatings wrote there. */
function sideOf(row: Row, book: 'sell' | 'buy'): RatedSide {
  const month = row[`${book}_month`] as bigint | null;
  const shiftAtto = row[`${book}_shift_atto`] as bigint;
  return {
    amountAtto: row[`${book}_atto`] as bigint,
    currency: row[`${book}_currency`] as string,
    version: row[`${book}_version`] as string,
    lines: row[`${book}_lines`] as readonly EventLine[],
    ...(month === null ? {} : { month: { id: month, units: row[`${book}_units`] as bigint } }),
    ...(shiftAtto === 0n ? {} : { shiftAtto }),
  };
}

function monthOf(row: Row, book: 'sell' | 'buy') {
  const version = row[`${book}_month_version`] as string | null;
  return version === null ? undefined : { version, replaced: row[`${book}_replaced`] as boolean };
}
