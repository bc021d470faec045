import type pg from 'pg';
import { AccountNumbers } from './account-numbers.ts';
import { parseAccountName } from './accounts.ts';
import { ordersMax, writeTransfers } from './book.ts';
import { type BookingResult, claimIds } from './claim-ids.ts';
import { type ClaimedOrder, checkOrders, type PendingOrder, type TransferOrder } from './transfer-order.ts';

/** Transfers in two steps: pending sets the amount aside, then it is posted (whole or in part), voided, or expires. Each
 *  is resolved once, whoever tries: the row of pending_open is the lock.
 *
 *  Only the database's clock counts, so replicas need not agree on the time. A transfer can be posted until that clock
 *  reaches its expiry, and expires when the clock is `expirySkewMs` beyond: a database that fails over to another whose
 *  clock is behind by no more cannot let both happen. */
export const expirySkewMs = 5_000;
/** One transaction of the job resolves so many. */
const expiredAtOnce = 10_000;

export type ResolveOutcome =
  /** Done now. */
  | 'posted'
  | 'voided'
  /** Done before, just so. */
  | 'exists'
  | 'not-found'
  /** More than was set aside. */
  | 'exceeds_pending'
  /** It ended otherwise, or was posted with another amount. */
  | 'already-posted'
  | 'already-voided'
  | 'already-expired';

export interface ResolveResult {
  readonly id: string;
  readonly outcome: ResolveOutcome;
}

/** Sets amounts aside, in the caller's transaction. As book(): the same id and content is `exists`, and ids are shared
 *  with booked transfers. */
export async function openPending(
  client: pg.ClientBase,
  orders: readonly PendingOrder[],
): Promise<readonly BookingResult[]> {
  if (orders.length > ordersMax) throw new RangeError(`at most ${ordersMax} transfers are opened at once`);
  checkOrders(orders);
  if (orders.length === 0) return [];
  const { fresh, results } = await claimIds(client, orders, true);
  if (fresh.length === 0) return results;
  const numbers = new AccountNumbers();
  await numbers.open(client, fresh);
  await client.query(
    `with opened as (
       insert into pending_transfer (id, at, kind, debit, credit, amount_atto, currency, expires_at)
       select * from unnest($1::text[], $2::timestamptz[], $3::text[], $4::int[], $5::int[], $6::numeric[], $7::text[],
                            $8::timestamptz[])
       returning id, expires_at
     )
     insert into pending_open (id, expires_at) select id, expires_at from opened`,
    [
      fresh.map(({ id }) => id),
      fresh.map(({ atMs }) => new Date(atMs).toISOString()),
      fresh.map(({ kind }) => kind),
      fresh.map(({ debit, currency }) => numbers.numberOf(debit.name, currency)),
      fresh.map(({ credit, currency }) => numbers.numberOf(credit.name, currency)),
      fresh.map(({ amountAtto }) => amountAtto.toString()),
      fresh.map(({ currency }) => currency),
      fresh.map(({ expiresAtMs }) => (expiresAtMs === undefined ? null : new Date(expiresAtMs).toISOString())),
    ],
  );
  return results;
}

/** Posts pending transfers, in the caller's transaction: whole, or the amount said; the rest is free again. The transfer
 *  has the pending one's id, and `atMs` as its instant. */
export async function postPending(
  client: pg.ClientBase,
  posts: readonly { readonly id: string; readonly amountAtto?: bigint; readonly atMs: number }[],
): Promise<readonly ResolveResult[]> {
  for (const { id, amountAtto } of posts) {
    if (amountAtto !== undefined && amountAtto <= 0n) throw new RangeError(`${id}: post more than zero, or void it`);
  }
  const found = await lockPending(
    client,
    posts.map(({ id }) => id),
  );
  const orders: ClaimedOrder[] = [];
  const results = posts.map(({ id, amountAtto, atMs }): ResolveResult => {
    const pending = found.get(id);
    if (pending === undefined) return { id, outcome: 'not-found' };
    const amount = amountAtto ?? pending.amountAtto;
    if (amount > pending.amountAtto) return { id, outcome: 'exceeds_pending' };
    if (pending.outcome === 'posted' && pending.postedAtto === amount) return { id, outcome: 'exists' };
    if (pending.outcome !== undefined) return { id, outcome: `already-${pending.outcome}` };
    if (pending.lapsed) return { id, outcome: 'already-expired' };
    pending.outcome = 'posted';
    pending.postedAtto = amount;
    orders.push({ ...pending.order, amountAtto: amount, atMs });
    return { id, outcome: 'posted' };
  });
  await writeTransfers(client, orders);
  await resolve(
    client,
    'posted',
    orders.map(({ id, amountAtto }) => ({ id, amountAtto })),
  );
  return results;
}

/** Gives back what pending transfers set aside, in the caller's transaction. One that has expired is as good as voided. */
export async function voidPending(client: pg.ClientBase, ids: readonly string[]): Promise<readonly ResolveResult[]> {
  const found = await lockPending(client, ids);
  const voided: string[] = [];
  const results = ids.map((id): ResolveResult => {
    const pending = found.get(id);
    if (pending === undefined) return { id, outcome: 'not-found' };
    if (pending.outcome === 'posted') return { id, outcome: 'already-posted' };
    if (pending.outcome === 'expired') return { id, outcome: 'already-expired' };
    if (pending.outcome === 'voided') return { id, outcome: 'exists' };
    pending.outcome = 'voided';
    voided.push(id);
    return { id, outcome: 'voided' };
  });
  await resolve(
    client,
    'voided',
    voided.map(id => ({ id, amountAtto: 0n })),
  );
  return results;
}

/** Expires what nobody posted in time. How many; call it until that is less than `limit`. Any number of replicas may at
 *  any time: each takes what no other is at, and every transaction is complete in itself. */
export async function expirePending(client: pg.ClientBase, limit = expiredAtOnce): Promise<number> {
  // One statement: it is whole whether or not the caller is in a transaction, and nobody posts in between.
  const { rowCount } = await client.query(
    `with due as (
       select id from pending_open
        where expires_at <= clock_timestamp() - $1 * interval '1 millisecond'
        order by expires_at limit $2 for update skip locked),
     gone as (delete from pending_open using due where pending_open.id = due.id returning pending_open.id)
     insert into pending_outcome (id, outcome, amount_atto) select id, 'expired', 0 from gone`,
    [expirySkewMs, limit],
  );
  return rowCount ?? 0;
}

interface LockedPending {
  readonly order: TransferOrder;
  readonly amountAtto: bigint;
  /** The database's clock has reached its expiry. */
  readonly lapsed: boolean;
  outcome: 'posted' | 'voided' | 'expired' | undefined;
  postedAtto: bigint;
}

/** Locks those still open, in one order; then nobody else resolves them before this transaction ends. */
async function lockPending(client: pg.ClientBase, ids: readonly string[]): Promise<Map<string, LockedPending>> {
  if (ids.length === 0) return new Map();
  await client.query('select from pending_open where id = any($1) order by id for update', [ids]);
  const { rows } = await client.query(
    `select p.id, p.kind, p.amount_atto, p.currency, d.name as debit, c.name as credit, o.outcome,
            coalesce(o.amount_atto, 0::numeric) as posted_atto,
            coalesce(p.expires_at <= clock_timestamp(), false) as lapsed
       from pending_transfer p
       join account d on d.id = p.debit
       join account c on c.id = p.credit
       left join pending_outcome o on o.id = p.id
      where p.id = any($1)`,
    [ids],
  );
  return new Map(
    rows.map(row => [
      row.id,
      {
        // True: openPending wrote it from an order that was checked.
        order: {
          id: row.id,
          kind: row.kind,
          debit: parseAccountName(row.debit)!,
          credit: parseAccountName(row.credit)!,
          amountAtto: row.amount_atto,
          currency: row.currency,
        } as TransferOrder,
        amountAtto: row.amount_atto,
        lapsed: row.lapsed,
        outcome: row.outcome ?? undefined,
        postedAtto: row.posted_atto,
      },
    ]),
  );
}

async function resolve(
  client: pg.ClientBase,
  outcome: 'posted' | 'voided' | 'expired',
  resolved: readonly { readonly id: string; readonly amountAtto: bigint }[],
): Promise<void> {
  if (resolved.length === 0) return;
  const ids = resolved.map(({ id }) => id);
  await client.query('delete from pending_open where id = any($1)', [ids]);
  await client.query(
    `insert into pending_outcome (id, outcome, amount_atto)
     select id, $1, amount from unnest($2::text[], $3::numeric[]) as r (id, amount)`,
    [outcome, ids, resolved.map(({ amountAtto }) => amountAtto.toString())],
  );
}
