import {
  inputTotal,
  type Reading,
  type Slice,
  slices,
  type UsageCounts,
  type UsageSlices,
} from '../completion/usage.ts';
import { inMeterOrder, isMeter, type Meter, type TokenMeter } from './meters.ts';
import { type Atto, toAtto } from './money.ts';
import { monthPriceOf, ratePeriod } from './period.ts';
import { baseKey, cellName, type RatingContext, servedCellKey } from './price-place.ts';
import { chargedUnits, chargeFor, type Rate, type Rates } from './rate.ts';
import type { RateCard, RateCell, Tier } from './rate-card.ts';
import { cardAt, type RateTimeline } from './timeline.ts';

export interface RatedUsage {
  readonly amountAtto: Atto;
  readonly currency: string;
  /** The price version the rates come from. */
  readonly version: string;
  /** One for each meter used; the amount is their sum. */
  readonly lines: readonly RatedLine[];
}

export interface RatedLine {
  readonly meter: Meter;
  /** Units charged: those used, or a rate's minimum. */
  readonly quantity: number;
  readonly ratePico: bigint;
  /** Units that the rate is for; absent is 10⁶. */
  readonly per?: bigint;
  /** quantity × rate, exact per 10⁶ units; otherwise quantity × rate × 10⁶ ÷ per, half to even. */
  readonly amountAtto: Atto;
}

/** What one attempt costs by the card that held when it was dispatched, or why that cannot be said; then it is
 *  quarantined, never $0 (I2). */
export function rateReading(
  reading: Reading,
  timeline: RateTimeline,
  context: RatingContext,
): RatedUsage | { readonly quarantine: string } {
  const card = cardAt(timeline, context.atMs);
  if (card !== undefined) return rateByCard(reading, card, context);
  return { quarantine: reading.quarantine ?? 'no price was in force when the attempt was dispatched' };
}

const ordinary: Omit<RatingContext, 'atMs'> = {};

/** The same by one card, whenever it holds. */
export function rateByCard(
  reading: Reading,
  card: RateCard,
  context: Omit<RatingContext, 'atMs'> = ordinary,
): RatedUsage | { readonly quarantine: string } {
  if (reading.quarantine !== undefined) return { quarantine: reading.quarantine };
  if (reading.source === 'none')
    return { amountAtto: toAtto(0n), currency: card.currency, version: card.version, lines: [] };
  // What the provider says of the place counts, as it does of the tier.
  const { serviceTier, requestedTier, region } = reading;
  const key = servedCellKey(serviceTier ?? requestedTier, region === undefined ? context : { ...context, region });
  const cell = key === baseKey ? card : card.cells.get(key);
  if (cell === undefined) return { quarantine: `the ${cellName(key)} has no rates` };
  const rated = rateUsage(reading.slices, card, { cell, counts: reading.counts });
  if ('missing' in rated) return { quarantine: `no rate for ${rated.missing.join(', ')} in ${card.version}` };
  return rated;
}

/** Rates one request's usage: charge = quantity × rate, in 10⁻¹⁸ of the card's currency. `missing` lists the meters that
 *  were used and have no rate. What is not said costs nothing. `cell` is the card itself unless said. */
export function rateUsage(
  usage: UsageSlices,
  card: RateCard,
  { cell = card, counts }: { readonly cell?: RateCell; readonly counts?: UsageCounts | undefined } = {},
): RatedUsage | { readonly missing: readonly string[] } {
  const rates = ratesFor(cell, inputTotal(usage));
  const lines: RatedLine[] = [];
  const missing: string[] = [];
  let amount = rateSlices(usage, rates, lines, missing);
  // Charged once a rated attempt, and only where there is such a rate.
  if (rates.request !== undefined) amount += addLine('request', 1, rates.request, lines);
  if (counts !== undefined) amount += rateCounts(counts, rates, lines, missing);
  if (missing.length > 0) return { missing };
  return { amountAtto: toAtto(amount), currency: card.currency, version: card.version, lines };
}

/** Rates one quantity of one meter, for usage that is not an exchange. Of a meter with a minimum, `holders` is how many
 *  use it at once. Where the price depends on the sum of a month, this is all of it. undefined when the card has no rate
 *  for it. */
export function rateQuantity(
  use: { readonly meter: Meter; readonly quantity: number; readonly holders?: number },
  card: RateCard,
  context: Omit<RatingContext, 'atMs'> = ordinary,
): RatedUsage | undefined {
  const key = servedCellKey(undefined, context);
  const rate = (key === baseKey ? card : card.cells.get(key))?.rates[use.meter];
  if (rate === undefined) return undefined;
  const lines: RatedLine[] = [];
  const quantity = chargedUnits(use.quantity, rate, use.holders);
  const price = typeof rate === 'bigint' ? undefined : monthPriceOf(rate);
  if (price !== undefined) {
    for (const part of ratePeriod(BigInt(quantity), price).lines) {
      // What is free is shown at nothing. A part of a number is one that is as exact.
      addLine(use.meter, Number(part.quantity), part.rate ?? freeOf(rate), lines);
    }
    return { amountAtto: toAtto(sumOf(lines)), currency: card.currency, version: card.version, lines };
  }
  const amount = quantity === 0 ? 0n : addLine(use.meter, quantity, rate, lines);
  return { amountAtto: toAtto(amount), currency: card.currency, version: card.version, lines };
}

function freeOf(rate: Rate): Rate {
  return typeof rate === 'bigint' ? rate : { pico: 0n, per: rate.per, minimum: undefined };
}

function sumOf(lines: readonly RatedLine[]): bigint {
  return lines.reduce((sum, { amountAtto }) => sum + amountAtto, 0n);
}

/** The rates that hold for a request of so many input tokens: those of the largest tier passed, else the base. */
export function ratesFor(cell: RateCell, inputTokens: number): Rates {
  let passed: Tier | undefined;
  for (const tier of cell.tiers) {
    const passes = tier.op === 'gt' ? inputTokens > tier.size : inputTokens >= tier.size;
    if (passes && (passed === undefined || largerTier(tier, passed))) passed = tier;
  }
  return passed === undefined ? cell.rates : passed.rates;
}

/** The form of journal and ledger: decimal integer strings. */
export function ratedAmountJson(rated: RatedUsage): {
  readonly amountAtto: string;
  readonly currency: string;
  readonly version: string;
  readonly lines: readonly { meter: Meter; quantity: number; ratePico: string; per?: string; amountAtto: string }[];
} {
  return {
    amountAtto: rated.amountAtto.toString(),
    currency: rated.currency,
    version: rated.version,
    lines: rated.lines.map(line => ({
      meter: line.meter,
      quantity: line.quantity,
      ratePico: line.ratePico.toString(),
      ...(line.per === undefined ? undefined : { per: line.per.toString() }),
      amountAtto: line.amountAtto.toString(),
    })),
  };
}

/** Of two tiers of one size, `gt` begins later. */
function largerTier(one: Tier, other: Tier): boolean {
  return one.size > other.size || (one.size === other.size && one.op === 'gt' && other.op === 'gte');
}

const meterOf = {
  inputUncached: 'input',
  cacheRead: 'cacheRead',
  cacheWrite5m: 'cacheWrite5m',
  cacheWrite1h: 'cacheWrite1h',
  inputAudio: 'inputAudio',
  inputImage: 'inputImage',
  inputVideo: 'inputVideo',
  output: 'output',
  reasoning: 'reasoning',
  outputAudio: 'outputAudio',
  outputImage: 'outputImage',
} as const satisfies Record<Slice, TokenMeter>;

function rateSlices(usage: UsageSlices, rates: Rates, lines: RatedLine[], missing: string[]): bigint {
  let amount = 0n;
  // Parts without a rate of their own count where they belong.
  const imageAlso = rates.inputImage === undefined ? (usage.inputImage ?? 0) : 0;
  const videoAlso = rates.inputVideo === undefined ? (usage.inputVideo ?? 0) : 0;
  const outputAlso = rates.reasoning === undefined ? (usage.reasoning ?? 0) : 0;
  for (const slice of slices) {
    let quantity = usage[slice] ?? 0;
    if (slice === 'inputUncached') quantity += imageAlso + videoAlso;
    else if (slice === 'output') quantity += outputAlso;
    else if (slice === 'inputImage') quantity -= imageAlso;
    else if (slice === 'inputVideo') quantity -= videoAlso;
    else if (slice === 'reasoning') quantity -= outputAlso;
    if (quantity === 0) continue;
    const meter = meterOf[slice];
    const rate = rates[meter];
    if (rate === undefined) missing.push(meter);
    else amount += addLine(meter, quantity, rate, lines);
  }
  return amount;
}

function rateCounts(counts: UsageCounts, rates: Rates, lines: RatedLine[], missing: string[]): bigint {
  let amount = 0n;
  for (const name of inMeterOrder(Object.keys(counts))) {
    const quantity = counts[name]!;
    if (quantity === 0 || name === 'request') continue;
    const rate = isMeter(name) ? rates[name] : undefined;
    if (rate === undefined || !isMeter(name)) missing.push(name);
    else amount += addLine(name, chargedUnits(quantity, rate), rate, lines);
  }
  return amount;
}

function addLine(meter: Meter, quantity: number, rate: Rate, lines: RatedLine[]): bigint {
  const amountAtto = chargeFor(BigInt(quantity), rate);
  if (typeof rate === 'bigint') lines.push({ meter, quantity, ratePico: rate, amountAtto });
  else lines.push({ meter, quantity, ratePico: rate.pico, per: rate.per, amountAtto });
  return amountAtto;
}
