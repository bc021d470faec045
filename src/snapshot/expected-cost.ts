import type { Reading, UsageSlices } from '../completion/usage.ts';
import { divideRoundHalfEven, parseAtto } from '../pricing/money.ts';
import { rateReading } from '../pricing/rating.ts';
import type { RateTimeline } from '../pricing/timeline.ts';
import type { Cost } from '../routing/decision.ts';
import { type Contract, type Deployment, type ResolvedRoute, sellPrices } from './load.ts';

/** What is expected of a request before it is sent. */
export interface ExpectedUse {
  readonly inputTokens: number;
  readonly outputTokens: number;
  /** Asked for by the client: prices depend on it where the provider does not say what it served. */
  readonly requestedTier: string | undefined;
  readonly atMs: number;
}

/** What the request is expected to cost this customer at each candidate, by the same rating that charges it. All sell
 *  prices of a snapshot are in the currency of the sell book (others count as no price), so they compare. A candidate
 *  without an entry cannot be rated for this use: decide() puts it behind those that can, and a cap keeps it out. */
export function expectedCosts(
  route: { readonly candidates: readonly { readonly deployment: Deployment }[] },
  contract: Contract | undefined,
  use: ExpectedUse,
  warmTokensOf: (handle: string) => number,
): ReadonlyMap<string, Cost> {
  const costs = new Map<string, Cost>();
  for (const { deployment } of route.candidates) {
    const cost = costAt(deployment, contract, use, warmTokensOf(deployment.handle));
    if (cost !== undefined) costs.set(deployment.handle, cost);
  }
  return costs;
}

/** The cap of a route in 10⁻⁹ of the currency; the declaration bounds it to what a number holds exactly. */
export function costNanoMaxOf({ policy }: Pick<ResolvedRoute, 'policy'>): number | undefined {
  return policy.costMax === undefined ? undefined : Number(parseAtto(policy.costMax) / attoPerNano);
}

function costAt(
  deployment: Deployment,
  contract: Contract | undefined,
  use: ExpectedUse,
  warmTokens: number,
): Cost | undefined {
  const prices = sellPrices(deployment, { contract });
  if (prices === undefined) return undefined;
  const { inputTokens, outputTokens } = use;
  const nano = nanoOf({ inputUncached: inputTokens, output: outputTokens }, prices, use);
  if (nano === undefined) return undefined;
  const warm = Math.min(warmTokens, inputTokens);
  if (warm === 0) return { nano };
  const warmNano = nanoOf({ inputUncached: inputTokens - warm, cacheRead: warm, output: outputTokens }, prices, use);
  return warmNano === undefined || warmNano >= nano ? { nano } : { nano, savedNano: nano - warmNano };
}

function nanoOf(slices: UsageSlices, prices: RateTimeline, { atMs, requestedTier }: ExpectedUse): number | undefined {
  const reading: Reading = { slices, source: 'estimated', rule: 'expected' };
  const rated = rateReading(reading, prices, { atMs, requestedTier });
  if ('quarantine' in rated) return undefined;
  const nano = divideRoundHalfEven(rated.amountAtto, attoPerNano);
  return nano > nanoMax ? Number(nanoMax) : Number(nano);
}

const attoPerNano = 1_000_000_000n;
const nanoMax = BigInt(Number.MAX_SAFE_INTEGER);
