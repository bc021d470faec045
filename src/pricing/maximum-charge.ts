import type { UsageCounts } from '../completion/usage.ts';
import type { TokenMeter } from './meters.ts';
import { isMeter } from './meters.ts';
import { type Atto, divideFloor, toAtto } from './money.ts';
import { baseKey, servedCellKey } from './price-place.ts';
import { chargedUnits, chargeFor, type Rates } from './rate.ts';
import type { RateCard, RateCell } from './rate-card.ts';
import { ratesFor } from './rating.ts';

/** Upper bounds of what one attempt can use; metering/bounds.ts makes them. */
export interface UsageBounds {
  /** Input tokens of text, tools and what the provider adds unseen. */
  readonly textTokensMax: number;
  /** Input tokens of images, documents, audio and video. */
  readonly mediaTokensMax: number;
  /** Output tokens of all answers together. */
  readonly outputTokensMax: number;
  /** By meter, such as `tool.webSearch`: what may be counted at most. What has no bound here is not held for. */
  readonly countsMax?: UsageCounts;
}

const textMeters = ['input', 'cacheRead', 'cacheWrite5m', 'cacheWrite1h'] as const satisfies readonly TokenMeter[];
const inputMeters = [...textMeters, 'inputAudio', 'inputImage', 'inputVideo'] as const satisfies readonly TokenMeter[];
const outputMeters = ['output', 'reasoning', 'outputAudio', 'outputImage'] as const satisfies readonly TokenMeter[];

/** No usage within the bounds costs more by any of these cards: every token at the dearest rate it could have, in the
 *  dearest tier that the input could reach, of whatever service tier, mode or region. The cards are those that may be in
 *  force while the exchange lives: timeline.ts cardsWithin. For holds. Throws RangeError for a card without input or
 *  output rates. */
export function maximumCharge(bounds: UsageBounds, cards: readonly RateCard[]): Atto {
  let dearest = 0n;
  for (const card of cards) {
    for (const rates of reachableRates(bounds, card)) {
      const charge = inputCharge(bounds, rates) + BigInt(bounds.outputTokensMax) * dearestOf(rates, outputMeters);
      if (charge > dearest) dearest = charge;
    }
  }
  return toAtto(dearest);
}

/** The largest output limit, at most that of the bounds, with which the maximum charge is within `available`;
 *  undefined when not even one token fits. For lowering a request's limit until its hold fits. */
export function outputTokensWithin(
  available: bigint,
  bounds: UsageBounds,
  cards: readonly RateCard[],
): number | undefined {
  let tokens = BigInt(bounds.outputTokensMax);
  for (const rates of cards.flatMap(card => reachableRates(bounds, card))) {
    const left = available - inputCharge(bounds, rates);
    if (left < 0n) return undefined;
    const rate = dearestOf(rates, outputMeters);
    if (rate === 0n) continue;
    const affordable = divideFloor(left, rate);
    if (affordable < tokens) tokens = affordable;
  }
  return tokens < 1n ? undefined : Number(tokens);
}

/** The two rates by which an exchange that never ended is charged, for its `attempt` record: of the tier asked for, where
 *  the card has it, since nobody will say what was served. */
export function orphanRates(
  card: RateCard,
  {
    inputTokensEstimate,
    requestedTier,
  }: { readonly inputTokensEstimate: number; readonly requestedTier?: string | undefined },
): { readonly version: string; readonly currency: string; readonly input: string; readonly output: string } {
  const key = requestedTier === undefined ? baseKey : servedCellKey(undefined, { requestedTier });
  const rates = ratesFor(card.cells.get(key) ?? card, inputTokensEstimate);
  const { input, output } = rates;
  if (input === undefined || output === undefined) throw new RangeError(`${card.version} lacks input or output rates`);
  return { version: card.version, currency: card.currency, input: input.toString(), output: output.toString() };
}

function inputCharge(bounds: UsageBounds, rates: Rates): bigint {
  const tokens =
    BigInt(bounds.textTokensMax) * dearestOf(rates, textMeters) +
    BigInt(bounds.mediaTokensMax) * dearestOf(rates, inputMeters) +
    (rates.request ?? 0n);
  return bounds.countsMax === undefined ? tokens : tokens + countsCharge(bounds.countsMax, rates);
}

function countsCharge(countsMax: UsageCounts, rates: Rates): bigint {
  let charge = 0n;
  for (const [meter, count] of Object.entries(countsMax)) {
    const rate = isMeter(meter) && meter !== 'request' ? rates[meter] : undefined;
    if (rate !== undefined) charge += chargeFor(BigInt(chargedUnits(count, rate)), rate);
  }
  return charge;
}

/** The base, every tier that the largest input passes, and the same of every cell: any of them may hold, depending on the
 *  real input and on what is served. */
function reachableRates(bounds: UsageBounds, card: RateCard): readonly Rates[] {
  const reachable = reachableIn(bounds, card);
  if (card.cells.size === 0) return reachable;
  return [...reachable, ...[...card.cells.values()].flatMap(cell => reachableIn(bounds, cell))];
}

function reachableIn(bounds: UsageBounds, cell: RateCell): readonly Rates[] {
  if (cell.tiers.length === 0) return [cell.rates];
  const inputMax = bounds.textTokensMax + bounds.mediaTokensMax;
  const reachable = cell.tiers.filter(tier => (tier.op === 'gt' ? inputMax > tier.size : inputMax >= tier.size));
  return [cell.rates, ...reachable.map(tier => tier.rates)];
}

function dearestOf(rates: Rates, among: readonly TokenMeter[]): bigint {
  let dearest: bigint | undefined;
  for (const meter of among) {
    const rate = rates[meter];
    if (rate !== undefined && (dearest === undefined || rate > dearest)) dearest = rate;
  }
  if (dearest === undefined) throw new RangeError(`a card without a rate for any of ${among.join(', ')}`);
  return dearest;
}
