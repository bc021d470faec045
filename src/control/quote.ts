import { isEventMeter, isTokenMeter, type TokenMeter } from '../pricing/meters.ts';
import { formatAtto, formatRate } from '../pricing/money.ts';
import type { RatingContext } from '../pricing/price-place.ts';
import { type RatedUsage, rateQuantity, rateReading } from '../pricing/rating.ts';
import { cardAt, type RateTimeline } from '../pricing/timeline.ts';

/** Usage by meter: whole units. */
export type MeteredUsage = Readonly<Record<string, number>>;

export interface Quote {
  /** Decimals, all digits. */
  readonly amount: string;
  readonly currency: string;
  readonly version: string;
  readonly lines: readonly QuoteLine[];
}

export interface QuoteLine {
  readonly meter: string;
  readonly quantity: number;
  /** Of `per` units. */
  readonly rate: string;
  readonly per: string;
  readonly amount: string;
}

/** What usage would cost by prices at an instant, or why that cannot be said. Tokens, calls of tools and other counts are
 *  one exchange; what is used over time is rated meter by meter, of a price by
 *  the month as its first use. The same functions rate what is billed. */
export function quoteUsage(
  usage: MeteredUsage,
  prices: RateTimeline | undefined,
  context: RatingContext & { readonly holders?: number | undefined },
): Quote | { readonly unpriced: string } {
  const card = prices === undefined ? undefined : cardAt(prices, context.atMs);
  if (prices === undefined || card === undefined) return { unpriced: 'no complete price is in force then' };
  const rated: RatedUsage[] = [];
  const ofExchange = Object.keys(usage).filter(meter => !isEventMeter(meter));
  if (ofExchange.length > 0) {
    const reading = { ...slicesAndCounts(usage, ofExchange), source: 'provider' as const };
    const exchange = rateReading(reading, prices, context);
    if ('quarantine' in exchange) return { unpriced: exchange.quarantine };
    rated.push(exchange);
  }
  for (const meter of Object.keys(usage)) {
    if (!isEventMeter(meter)) continue;
    const use = { meter, quantity: usage[meter]!, holders: context.holders ?? 1 };
    const single = rateQuantity(use, card, context);
    if (single === undefined) return { unpriced: `no rate for ${meter} in ${card.version}` };
    rated.push(single);
  }
  const lines = rated.flatMap(part => part.lines);
  return {
    amount: formatAtto(lines.reduce((sum, line) => sum + line.amountAtto, 0n)),
    currency: card.currency,
    version: card.version,
    lines: lines.map(({ meter, quantity, ratePico, per, amountAtto }) => ({
      meter,
      quantity,
      rate: formatRate(ratePico),
      per: (per ?? 1_000_000n).toString(),
      amount: formatAtto(amountAtto),
    })),
  };
}

function slicesAndCounts(usage: MeteredUsage, among: readonly string[]) {
  const slices: Record<string, number> = {};
  const counts: Record<string, number> = {};
  for (const meter of among) {
    if (isTokenMeter(meter)) slices[sliceOf(meter)] = usage[meter]!;
    else if (meter !== 'request') counts[meter] = usage[meter]!;
  }
  return { slices, counts };
}

function sliceOf(meter: TokenMeter): string {
  return meter === 'input' ? 'inputUncached' : meter;
}
