import { formatAtto } from '../pricing/money.ts';
import type { Store } from '../store/connect.ts';
import type { GrantKind, GrantScope } from './grant.ts';

/** Amounts are decimal strings with all digits; instants ISO 8601. */
export interface GrantView {
  readonly organisation: string;
  readonly id: string;
  readonly kind: GrantKind;
  readonly currency: string;
  readonly amount: string;
  readonly remaining: string;
  /** Of it held by requests under way or to come. */
  readonly held: string;
  readonly priority: number;
  readonly effectiveAt: string;
  readonly expiresAt: string | null;
  readonly scope: GrantScope | null;
  readonly source: string | null;
  readonly createdAt: string;
  /** future: not effective yet. open. expired: over; `remaining` is what may still be paid from it, until it is booked as
   *  breakage. used, voided, refunded: over. */
  readonly state: 'future' | 'open' | 'expired' | 'used' | 'voided' | 'refunded';
}

export interface WalletView {
  readonly organisation: string;
  readonly currency: string;
  /** What is left of grants in force. */
  readonly balance: string;
  /** Of that, what requests hold, or what is kept for them. */
  readonly held: string;
  /** What the line allows beyond grants, and what of it is owed. */
  readonly line: string;
  readonly owed: string;
  /** What a request may still be given: what nobody holds of grants in force that pay for anything, and of the line. */
  readonly available: string;
  /** The next of its grants in force to expire with something left. */
  readonly expiringNext: { readonly id: string; readonly expiresAt: string; readonly remaining: string } | null;
  /** Used by day, newest first, without what was charged to the line. */
  readonly used: readonly { readonly day: string; readonly amount: string; readonly payments: number }[];
}

/** Days of use that a view shows. */
const usedDays = 14;

/** The line of an organisation in this currency: 0 where it has none. */
export type LineOf = (organisation: string, currency: string) => bigint;

/** Wallets of one organisation, by currency. */
export async function readWallet(
  store: Store,
  organisation: string,
  { nowMs, lineOf }: { readonly nowMs: number; readonly lineOf: LineOf },
): Promise<readonly WalletView[]> {
  const { rows } = await store.pool.query(walletsSql('w.organisation = $2'), [new Date(nowMs), organisation]);
  const used = await store.pool.query(
    `select wallet, to_char(hour at time zone 'UTC', 'YYYY-MM-DD') as day, -sum(amount_atto) as atto, sum(count)::int as count
       from wallet_hour
      where wallet = any($1) and kind = 'used' and grant_number <> 0 and hour >= $2
      group by 1, 2 order by 2 desc`,
    [rows.map(({ id }) => id), new Date(nowMs - usedDays * 86_400_000)],
  );
  const usedBy = Map.groupBy(used.rows, ({ wallet }) => wallet as number);
  return rows.map(row => ({
    ...viewOf(row, lineOf),
    used: (usedBy.get(row.id) ?? []).map(({ day, atto, count }) => ({
      day,
      amount: formatAtto(atto),
      payments: count,
    })),
  }));
}

export type WalletSummary = Omit<WalletView, 'used'> & { readonly id: string };

/** Every wallet, by `organisation/currency`. */
export async function listWallets(
  store: Store,
  page: { readonly limit: number; readonly after?: string | undefined },
  {
    nowMs,
    lineOf,
    organisations,
  }: {
    readonly nowMs: number;
    readonly lineOf: LineOf;
    /** Only theirs; absent: everybody's. */
    readonly organisations?: readonly string[] | undefined;
  },
): Promise<{ readonly items: readonly WalletSummary[]; readonly next?: string }> {
  const condition = `w.organisation || '/' || w.currency > $2 collate "C" and ($4::text[] is null or w.organisation = any($4))`;
  const { rows } = await store.pool.query(`${walletsSql(condition)} limit $3`, [
    new Date(nowMs),
    page.after ?? '',
    page.limit + 1,
    organisations ?? null,
  ]);
  const items = rows
    .slice(0, page.limit)
    .map(row => ({ id: `${row.organisation}/${row.currency}`, ...viewOf(row, lineOf) }));
  const last = items.at(-1);
  return rows.length > page.limit && last !== undefined ? { items, next: last.id } : { items };
}

/** $1: now. */
function walletsSql(condition: string): string {
  return `
    select w.id, w.organisation, w.currency, w.owed_atto, m.balance_atto, m.held_atto, m.free_atto, l.atto as line_held_atto,
           n.id as next_id, n.expires_at as next_at, n.remaining_atto as next_atto
      from wallet w
      left join lateral (
        select coalesce(sum(b.remaining_atto), 0) as balance_atto, coalesce(sum(r.atto), 0) as held_atto,
               coalesce(sum(b.remaining_atto - coalesce(r.atto, 0)) filter (where g.scope_id = ''), 0) as free_atto
          from wallet_balance b
          join wallet_grant g on g.number = b.grant_number
          left join (select grant_number, sum(atto) as atto from wallet_reserve where wallet = w.id group by 1) r
                 on r.grant_number = b.grant_number
         where b.wallet = w.id and b.ended is null and g.effective_at <= $1 and (g.expires_at is null or g.expires_at > $1)
      ) as m on true
      left join lateral (
        select coalesce(sum(atto), 0) as atto from wallet_reserve where wallet = w.id and grant_number = 0) as l on true
      left join lateral (
        select g.id, g.expires_at, b.remaining_atto
          from wallet_balance b join wallet_grant g on g.number = b.grant_number
         where b.wallet = w.id and b.ended is null and b.remaining_atto > 0 and g.effective_at <= $1 and g.expires_at > $1
         order by g.expires_at, g.number limit 1) as n on true
     where ${condition}
     order by w.organisation || '/' || w.currency collate "C"`;
}

// Rows of the query above, as pg gives them.
// biome-ignore lint/suspicious/noExplicitAny: one cast for all columns
function viewOf(row: any, lineOf: LineOf): Omit<WalletView, 'used'> {
  const lineAtto = lineOf(row.organisation, row.currency);
  const lineFreeAtto = lineAtto - row.owed_atto - row.line_held_atto;
  return {
    organisation: row.organisation,
    currency: row.currency,
    balance: formatAtto(row.balance_atto),
    held: formatAtto(row.held_atto + row.line_held_atto),
    line: formatAtto(lineAtto),
    owed: formatAtto(row.owed_atto),
    available: formatAtto(row.free_atto + (lineFreeAtto > 0n ? lineFreeAtto : 0n)),
    expiringNext:
      row.next_id === null
        ? null
        : { id: row.next_id, expiresAt: row.next_at.toISOString(), remaining: formatAtto(row.next_atto) },
  };
}

/** Grants of an organisation in the order in which they were made; `open` leaves out those that are over. */
export async function listGrants(
  store: Store,
  filter: { readonly organisation: string; readonly open: boolean; readonly id?: string | undefined },
  page: { readonly limit: number; readonly after?: string | undefined },
  nowMs: number,
): Promise<{ readonly items: readonly GrantView[]; readonly next?: string }> {
  const after = /^\d{1,18}$/.test(page.after ?? '0') ? (page.after ?? '0') : undefined;
  if (after === undefined) throw new RangeError('`after` is not a cursor of this list');
  const { rows } = await store.pool.query(
    `select g.number, g.organisation, g.id, g.kind, w.currency, g.amount_atto, b.remaining_atto, g.priority, g.effective_at,
            g.expires_at, g.scope, g.source, g.created_at, b.ended,
            (select coalesce(sum(atto), 0) from wallet_reserve r where r.wallet = g.wallet and r.grant_number = g.number)
              as held_atto
       from wallet_grant g
       join wallet_balance b on b.grant_number = g.number
       join wallet w on w.id = g.wallet
      where g.organisation = $1 and g.number > $2 and ($3::text is null or g.id = $3) and (not $4 or b.ended is null)
      order by g.number limit $5`,
    [filter.organisation, after, filter.id ?? null, filter.open, page.limit + 1],
  );
  const shown = rows.slice(0, page.limit);
  const items = shown.map(row => ({
    organisation: row.organisation,
    id: row.id,
    kind: row.kind,
    currency: row.currency,
    amount: formatAtto(row.amount_atto),
    remaining: formatAtto(row.remaining_atto),
    held: formatAtto(row.held_atto),
    priority: row.priority,
    effectiveAt: row.effective_at.toISOString(),
    expiresAt: row.expires_at?.toISOString() ?? null,
    scope: row.scope,
    source: row.source,
    createdAt: row.created_at.toISOString(),
    state: stateOf(row, nowMs),
  }));
  return rows.length > shown.length ? { items, next: shown.at(-1).number.toString() } : { items };
}

function stateOf(
  row: { readonly ended: GrantView['state'] | null; readonly effective_at: Date; readonly expires_at: Date | null },
  nowMs: number,
): GrantView['state'] {
  if (row.ended !== null) return row.ended;
  if (row.expires_at !== null && row.expires_at.getTime() <= nowMs) return 'expired';
  return row.effective_at.getTime() > nowMs ? 'future' : 'open';
}
