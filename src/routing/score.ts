import type { Cost, Health, PolicyName, RequestFacts } from './decision.ts';
import { doubling, log2Fixed } from './fixed-log.ts';

/** How much of each term a policy counts. */
interface Terms {
  readonly cost: number;
  readonly latency: number;
  readonly errors: number;
}

/** Policies that do not score share by weight alone. A failure costs a second attempt and what the user waits for it, so
 *  a halved chance of success counts as much as a fourfold price. */
const termsOf: Readonly<Record<PolicyName, Terms | undefined>> = {
  priority: undefined,
  weighted: undefined,
  sticky: undefined,
  cheapest: { cost: 1, latency: 0, errors: 2 },
  fastest: { cost: 0, latency: 1, errors: 2 },
  balanced: { cost: 1, latency: 1, errors: 2 },
};

export function isScored(policy: PolicyName): boolean {
  return termsOf[policy] !== undefined;
}

export function needsCost(policy: PolicyName): boolean {
  return (termsOf[policy]?.cost ?? 0) > 0;
}

export interface Scored {
  /** Lower is better; 1/1024 of a doubling. */
  readonly score: number;
  /** How far above the best it may lie and still not be shown to be worse; always at least `tieMin`. */
  readonly tie: number;
  /** Its latency was never measured, so it does not set the bar for others. */
  readonly unmeasured?: boolean;
}

/** Differences up to 2 % are none. */
export const tieMin = 29;
/** What nobody has measured may be anything. */
const unknownTie = 64 * doubling;

export interface ScoredCandidate {
  readonly health: Health | undefined;
  readonly cost: Cost | undefined;
}

/** The scores of candidates that are compared with one another. Each depends on its own candidate alone, except that an
 *  unmeasured latency or error rate counts as the median of the measured ones: neither zero, which would flood a newcomer,
 *  nor a constant. A newcomer is never shown to be worse, so it ties with the best; nor does it push others out. */
export function scoresOf(candidates: readonly ScoredCandidate[], facts: RequestFacts): readonly Scored[] {
  const terms = termsOf[facts.policy];
  if (terms === undefined) return candidates.map(() => unscored);
  const latencies = candidates.map(({ health }) => latencyUs(health, facts));
  const usualLatency = medianOf(latencies) ?? 1;
  const usualErrors = medianOf(candidates.map(({ health }) => health?.errorPpm)) ?? 0;
  return candidates.map(({ health, cost }, index) => {
    const latency = latencies[index];
    const score =
      terms.cost * log2Fixed(1 + Math.max(0, (cost?.nano ?? 0) - (cost?.savedNano ?? 0))) +
      terms.latency * log2Fixed(latency ?? usualLatency) +
      terms.errors * errorScore(health?.errorPpm ?? usualErrors);
    if (terms.latency === 0) return { score, tie: tieMin };
    if (latency === undefined) return { score, tie: unknownTie, unmeasured: true };
    return { score, tie: Math.max(tieMin, health?.spread ?? unknownTie) };
  });
}

const unscored: Scored = { score: 0, tie: tieMin };

/** Expected time of the whole answer. A deployment that is half full answers its first token half as fast again. */
function latencyUs(health: Health | undefined, facts: RequestFacts): number | undefined {
  if (health?.firstTokenUs === undefined || health.perTokenUs === undefined) return undefined;
  const { inFlight = 0, concurrencyMax } = health;
  const queued =
    concurrencyMax === undefined || concurrencyMax < 1
      ? health.firstTokenUs
      : Math.floor((health.firstTokenUs * (concurrencyMax + inFlight)) / concurrencyMax);
  return Math.min(queued + health.perTokenUs * facts.outputTokens, Number.MAX_SAFE_INTEGER);
}

/** log2 of how many attempts it takes on average until one succeeds. */
function errorScore(errorPpm: number): number {
  return log2Fixed(million) - log2Fixed(Math.max(1, million - errorPpm));
}

const million = 1_000_000;

function medianOf(values: readonly (number | undefined)[]): number | undefined {
  const known = values.filter(value => value !== undefined).sort((left, right) => left - right);
  return known[Math.floor((known.length - 1) / 2)];
}
