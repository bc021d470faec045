import type pg from 'pg';
import { unbilled } from '../ledger/accounts.ts';
import { book, type TransferOrder } from '../ledger/book.ts';
import type { Payment } from '../ledger/exchange-payer.ts';
import type { UsagePayer } from '../ledger/usage-payer.ts';
import type { UsageDirectory } from './directory.ts';
import { eventOrders } from './event-postings.ts';
import type { PlacedEvent } from './place-event.ts';
import type { RatedEvent } from './rate-event.ts';
import { readPaid } from './read-paid.ts';

/** One rating of an event that has an amount. */
export interface BookedRating {
  readonly ref: string;
  readonly number: number;
  readonly event: PlacedEvent;
  readonly rated: RatedEvent;
}

interface Paying {
  readonly directory: UsageDirectory;
  /** Without one everything is unbilled. */
  readonly payer: UsagePayer | undefined;
}

/** Books ratings that were just written, in their transaction: what the wallets of their organisations pay, what is owed,
 *  and what they cost. What a month gives back is booked last, so that it finds who paid. */
export async function bookRatings(
  client: pg.ClientBase,
  ratings: readonly BookedRating[],
  paying: Paying,
): Promise<void> {
  const charged = ratings.filter(({ rated }) => rated.sell.amountAtto > 0n);
  const payments = new Map<BookedRating, readonly Payment[]>();
  for (const [index, paid] of (await payAll(client, charged, paying)).entries()) payments.set(charged[index]!, paid);
  await bookNew(
    client,
    ratings.flatMap(rating => eventOrders(rating, payments.get(rating) ?? [])),
  );
  for (const rating of ratings) {
    if (rating.rated.sell.amountAtto < 0n) {
      await bookNew(client, eventOrders(rating, await giveBack(client, rating, paying), 'credit'));
    }
  }
}

async function payAll(
  client: pg.ClientBase,
  charged: readonly BookedRating[],
  { directory, payer }: Paying,
): Promise<readonly (readonly Payment[])[]> {
  if (payer === undefined) {
    return charged.map(({ event, rated }) => [
      { kind: 'sell', debit: unbilled(event.organisation), amountAtto: rated.sell.amountAtto },
    ]);
  }
  return payer.pay(
    client,
    charged.map(({ ref, event, rated: { sell } }) => ({
      id: ref,
      atMs: event.atMs,
      organisation: event.organisation,
      product: event.placedProduct,
      provider: event.placedProvider,
      meter: event.meter,
      amountAtto: sell.amountAtto,
      currency: sell.currency,
      owesRest: directory.owesOnLine({ organisation: event.organisation, currency: sell.currency }),
    })),
  );
}

async function giveBack(
  client: pg.ClientBase,
  { event: { organisation }, rated: { sell } }: BookedRating,
  { directory, payer }: Paying,
): Promise<readonly Payment[]> {
  const amountAtto = -sell.amountAtto;
  const { currency } = sell;
  if (payer === undefined) return [{ kind: 'sell', debit: unbilled(organisation), amountAtto }];
  const owesRest = directory.owesOnLine({ organisation, currency });
  const credit = { organisation, currency, amountAtto, owesRest };
  return payer.giveBack(client, { ...credit, ...(await readPaid(client, organisation, { months: [sell.month!.id] })) }); // only a month gives back
}

/** The ids are of ratings that were just taken, so nothing of them can be there. */
export async function bookNew(client: pg.ClientBase, orders: readonly TransferOrder[]): Promise<void> {
  const results = await book(client, orders);
  const other = results.find(({ outcome }) => outcome !== 'booked');
  if (other !== undefined) throw new Error(`transfer ${other.id} of a new rating is there already: ${other.outcome}`);
}
