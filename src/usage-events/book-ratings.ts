import type pg from 'pg';
import { unbilled } from '../ledger/accounts.ts';
import { book } from '../ledger/book.ts';
import type { Payment } from '../ledger/exchange-payer.ts';
import type { UsagePayer } from '../ledger/usage-payer.ts';
import type { UsageDirectory } from './directory.ts';
import { eventOrders } from './event-postings.ts';
import type { PlacedEvent } from './place-event.ts';
import type { RatedEvent } from './rate-event.ts';

/** One rating of an event that has an amount. */
export interface BookedRating {
  readonly ref: string;
  readonly number: number;
  readonly event: PlacedEvent;
  readonly rated: RatedEvent;
}

/** Books ratings that were just written, in their transaction: what the wallets of their organisations pay, what is owed,
 *  and what they cost. */
export async function bookRatings(
  client: pg.ClientBase,
  ratings: readonly BookedRating[],
  { directory, payer }: { readonly directory: UsageDirectory; readonly payer: UsagePayer | undefined },
): Promise<void> {
  const charged = ratings.filter(({ rated }) => rated.sell.amountAtto !== 0n);
  const payments = new Map<BookedRating, readonly Payment[]>();
  if (payer !== undefined) {
    const paid = await payer.pay(
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
    for (const [index, rating] of charged.entries()) payments.set(rating, paid[index]!);
  }
  const orders = ratings.flatMap(rating => {
    const { ref, number, event, rated } = rating;
    return eventOrders(ref, number, event, rated, payments.get(rating) ?? [owed(event, rated)]);
  });
  // The ids are of ratings that were just taken, so nothing of them can be there.
  const results = await book(client, orders);
  const other = results.find(({ outcome }) => outcome !== 'booked');
  if (other !== undefined) throw new Error(`transfer ${other.id} of a new rating is there already: ${other.outcome}`);
}

function owed({ organisation }: PlacedEvent, { sell }: RatedEvent): Payment {
  return { kind: 'sell', debit: unbilled(organisation), amountAtto: sell.amountAtto };
}
