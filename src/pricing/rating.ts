import { inputTotal, type Reading, type Slice, slices, type UsageSlices } from '../completion/usage.ts';
import { type Atto, type PicoPerMillion, toAtto } from './money.ts';
import { type Meter, meters, type RateCard, type Rates } from './rate-card.ts';
import { unpricedTier } from './service-tier.ts';

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
  readonly quantity: number;
  readonly ratePico: PicoPerMillion;
  /** quantity × rate, exact. */
  readonly amountAtto: Atto;
}

/** What one attempt costs by one card, or why that cannot be said; then it is quarantined, never $0 (I2). */
export function rateReading(reading: Reading, card: RateCard): RatedUsage | { readonly quarantine: string } {
  if (reading.quarantine !== undefined) return { quarantine: reading.quarantine };
  if (reading.source === 'none')
    return { amountAtto: toAtto(0n), currency: card.currency, version: card.version, lines: [] };
  const tier = unpricedTier(reading.serviceTier);
  if (tier !== undefined) return { quarantine: `the service tier ${tier} has no rates` };
  const rated = rateUsage(reading.slices, card);
  if ('missing' in rated) return { quarantine: `no rate for ${rated.missing.join(', ')} in ${card.version}` };
  return rated;
}

/** Rates one request's slices, exactly: charge = quantity × rate, in 10⁻¹⁸ of the card's currency, no division.
 *  `missing` lists the meters that were used and have no rate. Slices not said cost nothing. */
export function rateUsage(usage: UsageSlices, card: RateCard): RatedUsage | { readonly missing: readonly Meter[] } {
  const rates = ratesFor(card, inputTotal(usage));
  const quantities = quantitiesOf(usage, rates);
  const lines: RatedLine[] = [];
  const missing: Meter[] = [];
  let amount = 0n;
  for (const meter of meters) {
    const quantity = quantities[meter] ?? 0;
    if (quantity === 0) continue;
    const rate = rates[meter];
    if (rate === undefined) {
      missing.push(meter);
      continue;
    }
    const lineAmount = BigInt(quantity) * rate;
    amount += lineAmount;
    lines.push({ meter, quantity, ratePico: rate, amountAtto: toAtto(lineAmount) });
  }
  if (missing.length > 0) return { missing };
  return { amountAtto: toAtto(amount), currency: card.currency, version: card.version, lines };
}

/** The rates that hold for a request of so many input tokens: those of the largest tier passed, else the base. */
export function ratesFor(card: RateCard, inputTokens: number): Rates {
  let passed: RateCard['tiers'][number] | undefined;
  for (const tier of card.tiers) {
    const passes = tier.op === 'gt' ? inputTokens > tier.size : inputTokens >= tier.size;
    if (passes && (passed === undefined || largerTier(tier, passed))) passed = tier;
  }
  return passed === undefined ? card.rates : passed.rates;
}

/** The form of journal and ledger: decimal integer strings. */
export function ratedAmountJson(rated: RatedUsage): {
  readonly amountAtto: string;
  readonly currency: string;
  readonly version: string;
  readonly lines: readonly { meter: Meter; quantity: number; ratePico: string; amountAtto: string }[];
} {
  return {
    amountAtto: rated.amountAtto.toString(),
    currency: rated.currency,
    version: rated.version,
    lines: rated.lines.map(line => ({
      meter: line.meter,
      quantity: line.quantity,
      ratePico: line.ratePico.toString(),
      amountAtto: line.amountAtto.toString(),
    })),
  };
}

/** Of two tiers of one size, `gt` begins later. */
function largerTier(one: RateCard['tiers'][number], other: RateCard['tiers'][number]): boolean {
  return one.size > other.size || (one.size === other.size && one.op === 'gt' && other.op === 'gte');
}

const meterOf = {
  inputUncached: 'input',
  cacheRead: 'cacheRead',
  cacheWrite5m: 'cacheWrite5m',
  cacheWrite1h: 'cacheWrite1h',
  inputAudio: 'inputAudio',
  inputImage: 'inputImage',
  output: 'output',
  reasoning: 'reasoning',
  outputAudio: 'outputAudio',
} as const satisfies Record<Slice, Meter>;

function quantitiesOf(usage: UsageSlices, rates: Rates): Partial<Record<Meter, number>> {
  const quantities: Partial<Record<Meter, number>> = {};
  for (const slice of slices) {
    const quantity = usage[slice] ?? 0;
    if (quantity === 0) continue;
    let meter: Meter = meterOf[slice];
    if (meter === 'reasoning' && rates.reasoning === undefined) meter = 'output';
    if (meter === 'inputImage' && rates.inputImage === undefined) meter = 'input';
    quantities[meter] = (quantities[meter] ?? 0) + quantity;
  }
  // Charged once a rated attempt, and only where there is such a rate.
  if (rates.request !== undefined) quantities.request = 1;
  return quantities;
}
