import { servedCellKey } from '../pricing/price-place.ts';
import type { UnitRate } from '../pricing/rate.ts';
import { cellAt } from '../pricing/rate-card.ts';
import { type RatedUsage, ratedAmountJson, rateQuantity } from '../pricing/rating.ts';
import { cardAt, type RateTimeline } from '../pricing/timeline.ts';
import type { UsageDirectory } from './directory.ts';
import { monthOf } from './month.ts';
import type { PlacedEvent } from './place-event.ts';

/** What an event is worth in both books. */
export interface RatedEvent {
  readonly sell: RatedSide;
  readonly buy: RatedSide;
}

export interface RatedSide {
  /** Below zero only of a price by the month, where all units of it become cheaper. */
  readonly amountAtto: bigint;
  readonly currency: string;
  readonly version: string;
  readonly lines: readonly EventLine[];
  /** Of a price by the month: which sum it was added to, and how many units. */
  readonly month?: { readonly id: bigint; readonly units: bigint };
  /** Of the amount: what an earlier place in the sum of a month cost otherwise than the last one, which it left. */
  readonly shiftAtto?: bigint;
}

/** As the lines of a charge. */
export interface EventLine {
  readonly meter: string;
  /** In text where a number of JSON would not say it exactly. Below zero: units that another line now has. */
  readonly quantity: number | string;
  readonly ratePico: string;
  readonly per?: string;
  readonly amountAtto: string;
  /** Of no units: the difference that stayed when it left the sum of a month (RatedSide.shiftAtto). */
  readonly because?: 'left-month';
}

/** Priced by the sum of a month: what it comes to is known only beside what was counted before. */
export interface MonthPriced {
  readonly type: 'month';
  readonly currency: string;
  /** By which the month begins, should this be its first event. */
  readonly version: string;
  readonly rate: MonthlyRate;
  /** Mode and region, as price-place.ts writes them. */
  readonly place: string;
}
export type MonthlyRate = UnitRate & { readonly month: NonNullable<UnitRate['month']> };

/** What is known of an event's worth by itself. */
export interface PricedEvent {
  readonly sell: RatedSide | MonthPriced;
  readonly buy: RatedSide | MonthPriced;
}

/** NUMERIC(38,0). */
export const amountAttoMax = 10n ** 38n - 1n;

export function isMonthPriced(side: RatedSide | MonthPriced): side is MonthPriced {
  return 'type' in side;
}

/** By the cards that were in force at the instant of use, or at another one that somebody named. What has no rate in both
 *  books is a reason, never an amount: a price of zero has to be said. */
export function rateEvent(
  event: PlacedEvent,
  directory: UsageDirectory,
  pricesOfMs?: number,
): PricedEvent | { readonly quarantine: string } {
  const { organisation, deployment, placedProduct, placedProvider } = event;
  const { sell, buy } = directory.pricesOf({
    organisation,
    id: deployment ?? placedProduct,
    product: placedProduct,
    provider: placedProvider,
  });
  const sold = rateBy(event, sell, { book: 'sell', pricesOfMs });
  if ('quarantine' in sold) return sold;
  const bought = rateBy(event, buy, { book: 'buy', pricesOfMs });
  return 'quarantine' in bought ? bought : { sell: sold, buy: bought };
}

/** By one book. */
export function rateBy(
  event: PlacedEvent,
  timeline: RateTimeline | undefined,
  { book, pricesOfMs }: { readonly book: 'sell' | 'buy'; readonly pricesOfMs: number | undefined },
): RatedSide | MonthPriced | { readonly quarantine: string } {
  const { meter, quantity, holders, atMs, region, mode, placedProduct } = event;
  const card = timeline === undefined ? undefined : cardAt(timeline, pricesOfMs ?? atMs);
  const place = servedCellKey(undefined, { mode, region });
  const rate = card === undefined ? undefined : cellAt(card, place)?.rates[meter];
  if (timeline === undefined || card === undefined || rate === undefined) {
    return { quarantine: `no ${book} rate for ${meter} of ${placedProduct}` };
  }
  if (isMonthly(rate)) {
    const begun = pricesOfMs === undefined ? firstOfMonth(event, timeline, place) : undefined;
    return { type: 'month', currency: card.currency, version: card.version, rate, ...begun, place };
  }
  const rated = rateQuantity({ meter, quantity, holders }, card, { mode, region })!; // the rate is there
  if (rated.amountAtto > amountAttoMax) return { quarantine: `the ${book} amount has more than 38 digits` };
  return sideOf(rated);
}

/** A price by the month holds for whole months: that of the first card of the month that has one. So it does not depend on
 *  the order in which events come in. */
function firstOfMonth(
  { meter, atMs }: PlacedEvent,
  { cards }: RateTimeline,
  place: string,
): { readonly version: string; readonly rate: MonthlyRate } | undefined {
  const beginMs = monthOf(atMs).getTime();
  for (const [index, { fromMs, card }] of cards.entries()) {
    const untilMs = cards[index + 1]?.fromMs ?? Number.POSITIVE_INFINITY;
    if (card === undefined || untilMs <= beginMs || fromMs > atMs) continue;
    const rate = cellAt(card, place)?.rates[meter];
    if (isMonthly(rate)) return { version: card.version, rate };
  }
  return undefined;
}

function isMonthly(rate: bigint | UnitRate | undefined): rate is MonthlyRate {
  return typeof rate === 'object' && rate.month !== undefined;
}

function sideOf(rated: RatedUsage): RatedSide {
  const { currency, version, lines } = ratedAmountJson(rated);
  return { amountAtto: rated.amountAtto, currency, version, lines };
}
