import { type RatedUsage, rateQuantity } from '../pricing/rating.ts';
import { cardAt, type RateTimeline } from '../pricing/timeline.ts';
import type { UsageDirectory } from './directory.ts';
import type { PlacedEvent } from './place-event.ts';

/** What an event is worth in both books. */
export interface RatedEvent {
  readonly sell: RatedUsage;
  readonly buy: RatedUsage;
}

/** NUMERIC(38,0). */
const amountAttoMax = 10n ** 38n - 1n;

/** By the cards that were in force at the instant of use. What has no rate in both books is a reason, never an amount: a
 *  price of zero has to be said. */
export function rateEvent(event: PlacedEvent, directory: UsageDirectory): RatedEvent | { readonly quarantine: string } {
  const { organisation, deployment, placedProduct, placedProvider } = event;
  const { sell, buy } = directory.pricesOf({
    organisation,
    id: deployment ?? placedProduct,
    product: placedProduct,
    provider: placedProvider,
  });
  const sold = rateBy(event, sell, 'sell');
  if ('quarantine' in sold) return sold;
  const bought = rateBy(event, buy, 'buy');
  return 'quarantine' in bought ? bought : { sell: sold, buy: bought };
}

function rateBy(
  { meter, quantity, holders, atMs, region, mode, placedProduct }: PlacedEvent,
  timeline: RateTimeline | undefined,
  book: 'sell' | 'buy',
): RatedUsage | { readonly quarantine: string } {
  const card = timeline === undefined ? undefined : cardAt(timeline, atMs);
  const rated = card === undefined ? undefined : rateQuantity({ meter, quantity, holders }, card, { mode, region });
  if (rated === undefined) return { quarantine: `no ${book} rate for ${meter} of ${placedProduct}` };
  if (rated.amountAtto > amountAttoMax) return { quarantine: `the ${book} amount has more than 38 digits` };
  return rated;
}
