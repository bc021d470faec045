import { type Atto, divideFloor, toAtto } from './money.ts';
import type { Meter, RateCard, Rates } from './rate-card.ts';
import { ratesFor } from './rating.ts';

/** Upper bounds of what one attempt can use; metering/bounds.ts makes them. */
export interface UsageBounds {
  /** Input tokens of text, tools and what the provider adds unseen. */
  readonly textTokensMax: number;
  /** Input tokens of images, documents and audio. */
  readonly mediaTokensMax: number;
  /** Output tokens of all answers together. */
  readonly outputTokensMax: number;
}

const textMeters = ['input', 'cacheRead', 'cacheWrite5m', 'cacheWrite1h'] as const satisfies readonly Meter[];
const inputMeters = [...textMeters, 'inputAudio', 'inputImage'] as const satisfies readonly Meter[];
const outputMeters = ['output', 'reasoning', 'outputAudio'] as const satisfies readonly Meter[];

/** No usage within the bounds costs more by this card: every token at the dearest rate it could have, in the dearest
 *  tier that the input could reach. For holds. Throws RangeError for a card without input or output rates. */
export function maximumCharge(bounds: UsageBounds, card: RateCard): Atto {
  let dearest = 0n;
  for (const rates of reachableRates(bounds, card)) {
    const charge = inputCharge(bounds, rates) + BigInt(bounds.outputTokensMax) * dearestOf(rates, outputMeters);
    if (charge > dearest) dearest = charge;
  }
  return toAtto(dearest);
}

/** The largest output limit, at most that of the bounds, with which the maximum charge is within `available`;
 *  undefined when not even one token fits. For lowering a request's limit until its hold fits. */
export function outputTokensWithin(available: bigint, bounds: UsageBounds, card: RateCard): number | undefined {
  let tokens = BigInt(bounds.outputTokensMax);
  for (const rates of reachableRates(bounds, card)) {
    const left = available - inputCharge(bounds, rates);
    if (left < 0n) return undefined;
    const rate = dearestOf(rates, outputMeters);
    if (rate === 0n) continue;
    const affordable = divideFloor(left, rate);
    if (affordable < tokens) tokens = affordable;
  }
  return tokens < 1n ? undefined : Number(tokens);
}

/** The two rates by which an exchange that never ended is charged, for its `attempt` record. */
export function orphanRates(
  card: RateCard,
  inputTokensEstimate: number,
): { readonly version: string; readonly currency: string; readonly input: string; readonly output: string } {
  const rates = ratesFor(card, inputTokensEstimate);
  const { input, output } = rates;
  if (input === undefined || output === undefined) throw new RangeError(`${card.version} lacks input or output rates`);
  return { version: card.version, currency: card.currency, input: input.toString(), output: output.toString() };
}

function inputCharge(bounds: UsageBounds, rates: Rates): bigint {
  return (
    BigInt(bounds.textTokensMax) * dearestOf(rates, textMeters) +
    BigInt(bounds.mediaTokensMax) * dearestOf(rates, inputMeters) +
    (rates.request ?? 0n)
  );
}

/** The base, and every tier that the largest input passes: any of them may hold, depending on the real input. */
function reachableRates(bounds: UsageBounds, card: RateCard): readonly Rates[] {
  const inputMax = bounds.textTokensMax + bounds.mediaTokensMax;
  const reachable = card.tiers.filter(tier => (tier.op === 'gt' ? inputMax > tier.size : inputMax >= tier.size));
  return [card.rates, ...reachable.map(tier => tier.rates)];
}

function dearestOf(rates: Rates, among: readonly Meter[]): bigint {
  let dearest: bigint | undefined;
  for (const meter of among) {
    const rate = rates[meter];
    if (rate !== undefined && (dearest === undefined || rate > dearest)) dearest = rate;
  }
  if (dearest === undefined) throw new RangeError(`a card without a rate for any of ${among.join(', ')}`);
  return dearest;
}
