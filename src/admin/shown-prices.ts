import { z } from '@hono/zod-openapi';
import { pricesOf } from '../control/price-book.ts';
import type { BookName, Configuration, DeploymentResource } from '../control/resources.ts';
import { formatRate } from '../pricing/money.ts';
import type { MonthRateJson, RateJson, RatesJson } from '../pricing/rate.ts';
import type { RateCardJson, RateCellJson } from '../pricing/rate-card.ts';
import type { DatedCardJson } from '../pricing/timeline.ts';

const steps = z.array(z.object({ above: z.string(), amount: z.string() })).optional();
const rate = z.union([
  z.string(),
  z.object({
    amount: z.string(),
    per: z.string(),
    minimum: z.int().optional(),
    free: z.string().optional(),
    graduated: steps,
    volume: steps,
  }),
]);
export const ratesSchema = z.record(z.string(), rate).openapi('Rates');
const cell = { rates: ratesSchema, tiers: z.array(z.looseObject({})) };
const card = z.object({
  version: z.string(),
  currency: z.string(),
  ...cell,
  cells: z.array(z.looseObject(cell)).optional(),
});

/** List prices of a deployment in one book: those in force, with what follows; null when none are. */
export const shownPricesSchema = card
  .extend({ later: z.array(z.object({ from: z.string(), card: card.nullable() })).optional() })
  .nullable()
  .openapi('RateCard');

export function shownPrices(
  configuration: Configuration,
  book: BookName,
  { deployment, nowMs }: { readonly deployment: DeploymentResource; readonly nowMs: number },
) {
  const prices = pricesOf(configuration, book, deployment);
  if (prices === null) return null;
  const dated: readonly DatedCardJson[] = 'timeline' in prices ? prices.timeline : [{ from: null, card: prices }];
  const now = new Date(nowMs).toISOString();
  const current = dated.findLast(({ from }) => (from ?? '') <= now)?.card ?? null;
  const later = dated.flatMap(({ from, card }) =>
    from !== null && from > now ? [{ from, card: card === null ? null : decimalCard(card) }] : [],
  );
  if (current === null) return null;
  return { ...decimalCard(current), ...(later.length === 0 ? {} : { later }) };
}

function decimalCard({ cells, ...json }: RateCardJson) {
  const { version, currency } = json;
  return {
    version,
    currency,
    ...decimalCell(json),
    ...(cells === undefined
      ? {}
      : { cells: cells.map(({ rates, tiers, ...place }) => ({ ...place, ...decimalCell({ rates, tiers }) })) }),
  };
}

function decimalCell({ rates, tiers }: RateCellJson) {
  return { rates: decimalRates(rates), tiers: tiers.map(tier => ({ ...tier, rates: decimalRates(tier.rates) })) };
}

function decimalRates(rates: RatesJson) {
  return Object.fromEntries(Object.entries(rates).map(([meter, value]) => [meter, decimalRate(value)]));
}

function decimalRate(value: RateJson) {
  if (typeof value === 'string') return formatRate(BigInt(value));
  const { pico, month, ...rest } = value;
  return { amount: formatRate(BigInt(pico)), ...rest, ...(month === undefined ? {} : decimalMonth(month)) };
}

function decimalMonth({ scope, free, steps }: MonthRateJson) {
  const shown = steps.map(({ above, pico }) => ({ above, amount: formatRate(BigInt(pico)) }));
  return { ...(free === '0' ? {} : { free }), ...(steps.length === 0 ? {} : { [scope]: shown }) };
}
