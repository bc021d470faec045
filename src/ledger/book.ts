import type pg from 'pg';
import { ensureTransferPartitions } from '../store/partitions.ts';
import { AccountNumbers } from './account-numbers.ts';
import { type BookingResult, claimIds } from './claim-ids.ts';
import { type ClaimedOrder, checkOrders, type TransferOrder } from './transfer-order.ts';

export type { BookingOutcome, BookingResult } from './claim-ids.ts';
export { type OrderProblem, type PendingOrder, type TransferOrder, TransferRefused } from './transfer-order.ts';

/** One call books so many at most; a job that has more books in parts. */
export const ordersMax = 100_000;
/** One statement writes so many. */
const bookedAtOnce = 10_000;

/** Books transfers in the caller's transaction, which the caller commits: before that nothing is booked, after it all of it
 *  is, and ordering it again gives `exists`. One result for each order, in their order; of several with one id the first
 *  counts. Throws TransferRefused, having written nothing, when any order could never be booked. After any other error
 *  the transaction is lost. For everything that is not a shipped exchange: those are shipping.ts's. */
export async function book(client: pg.ClientBase, orders: readonly TransferOrder[]): Promise<readonly BookingResult[]> {
  if (orders.length > ordersMax) throw new RangeError(`at most ${ordersMax} transfers are booked at once`);
  checkOrders(orders);
  if (orders.length === 0) return [];
  const { fresh, results } = await claimIds(client, orders, false);
  await writeTransfers(client, fresh);
  return results;
}

/** The rows themselves; who calls it has taken their ids. */
export async function writeTransfers(client: pg.ClientBase, orders: readonly ClaimedOrder[]): Promise<void> {
  if (orders.length === 0) return;
  const numbers = new AccountNumbers();
  await numbers.open(client, orders);
  await ensureTransferPartitions(
    client,
    orders.map(({ atMs }) => atMs),
  );
  for (let start = 0; start < orders.length; start += bookedAtOnce) {
    const part = orders.slice(start, start + bookedAtOnce);
    await client.query(
      `insert into transfer (at, exchange_id, attempt, kind, debit, credit, amount_atto, currency)
       select at, id, 0, kind, debit, credit, amount, currency
         from unnest($1::timestamptz[], $2::text[], $3::text[], $4::int[], $5::int[], $6::numeric[], $7::text[])
              as t (at, id, kind, debit, credit, amount, currency)`,
      [
        part.map(({ atMs }) => new Date(atMs).toISOString()),
        part.map(({ id }) => id),
        part.map(({ kind }) => kind),
        part.map(({ debit, currency }) => numbers.numberOf(debit.name, currency)),
        part.map(({ credit, currency }) => numbers.numberOf(credit.name, currency)),
        part.map(({ amountAtto }) => amountAtto.toString()),
        part.map(({ currency }) => currency),
      ],
    );
  }
}
