/** Types of the decision: everything decide() may see, and the record of what it did. Integers and handles only:
 *  no name, owner, margin, buy price or place in a list can be said here (I5). */

export const policyNames = ['priority', 'weighted', 'cheapest', 'fastest', 'balanced', 'sticky'] as const;

/** priority: lower `priority` first, inside one by weight. weighted: by weight alone. cheapest, fastest, balanced: by
 *  score, ties by weight. sticky: one session, one place, shared out by weight. */
export type PolicyName = (typeof policyNames)[number];

/** What a request may need of a deployment beyond text. */
export const capabilities = [
  'tools',
  'images',
  'documents',
  'audio',
  'json-object',
  'json-schema',
  'reasoning',
  'logprobs',
  'several-answers',
] as const;
export type Capability = (typeof capabilities)[number];

/** What the request asks of a deployment; nothing about who asks or who answers. */
export interface RequestFacts {
  /** Random id of the exchange; the draw is keyed by it. */
  readonly exchangeId: string;
  readonly dialect: string;
  readonly policy: PolicyName;
  /** Zones the request allows; undefined is anywhere. */
  readonly zones?: readonly string[] | undefined;
  /** Estimated input tokens: they must fit a context window, and the latency of a long prompt is longer. */
  readonly inputTokens: number;
  /** Estimated output tokens, for scores. */
  readonly outputTokens: number;
  /** True when the request uses something that only its own dialect can carry. */
  readonly sameDialectOnly?: boolean | undefined;
  /** In the order of `capabilities`. */
  readonly needs?: readonly Capability[] | undefined;
  /** Service tiers that will do; undefined is any. */
  readonly tiers?: readonly string[] | undefined;
  /** The most that the request may be expected to cost this customer, 10⁻⁹ of the currency. */
  readonly costNanoMax?: number | undefined;
  /** Digest of what keeps requests together: the session header, the cache key or the head of the prompt. */
  readonly session?: string | undefined;
  /** The request may wait for candidates that are full, so these stay in reserve behind the others. */
  readonly mayWait?: boolean | undefined;
}

/** One candidate as routing sees it: a handle and numbers. The same for every request of a route. */
export interface CandidateView {
  readonly handle: string;
  /** Whole, 0 to 10⁶. */
  readonly weight: number;
  readonly priority: number;
  /** GLOBAL when nobody says where it processes. */
  readonly zone: string;
  readonly dialects: readonly string[];
  readonly priced: boolean;
  /** May this caller use it? */
  readonly allowed: boolean;
  /** What it can do; undefined when nobody says, and then it is tried. */
  readonly capabilities?: readonly Capability[] | undefined;
  /** Context window, input and output together; undefined when nobody says. */
  readonly contextTokensMax?: number | undefined;
  /** Service tier that is asked for at it; undefined is the usual one. */
  readonly tier?: string | undefined;
}

/** What this request would cost this customer at one candidate, by the sell book; 10⁻⁹ of the currency, whole. */
export interface Cost {
  readonly nano: number;
  /** How much of it a warm prompt cache would save; part of `nano`. */
  readonly savedNano?: number | undefined;
}

/** What was observed at one candidate up to now; whole numbers. What is not observed is undefined, never zero. */
export interface Health {
  /** Time to first token of a request of this input size, µs. */
  readonly firstTokenUs?: number | undefined;
  /** Time per output token, µs. */
  readonly perTokenUs?: number | undefined;
  /** How far the latency may be off: two standard errors, in 1/1024 of a doubling. undefined: nobody knows. */
  readonly spread?: number | undefined;
  /** Failures of its own making, parts per million, time-decayed. */
  readonly errorPpm?: number | undefined;
  readonly inFlight?: number | undefined;
  /** Attempts at once that it takes at present, configured or found out; undefined is unbounded. */
  readonly concurrencyMax?: number | undefined;
  readonly breaker?: 'half-open' | 'open' | 'misconfigured' | undefined;
  /** It asked to be left alone until then, ms since 1970. */
  readonly coolingUntilMs?: number | undefined;
  /** Share of its weight that a newcomer or a recovering one gets, per mille, 1 to 999; undefined is all of it. */
  readonly rampPermille?: number | undefined;
  /** It made the opaque reasoning state that the request gives back; nobody else can read it. */
  readonly madeState?: boolean | undefined;
}

export interface Observations {
  readonly atMs: number;
  /** By handle; handles without anything observed may be missing. */
  readonly health: ReadonlyMap<string, Health>;
  /** By handle; only where the policy or a cap asks for cost. */
  readonly costs?: ReadonlyMap<string, Cost> | undefined;
}

/** Seed of the epoch, hex; lots and the draw come from it. */
export interface Draw {
  readonly epoch: number;
  readonly seed: string;
}

/** Policy reasons fail closed. */
export const policyReasons = [
  'NOT_ALLOWED',
  'ZONE_NOT_ALLOWED',
  'ZONE_UNKNOWN',
  'PRICE_UNKNOWN',
  'DIALECT_UNSUPPORTED',
  'CAPABILITY_MISSING',
  'CONTEXT_TOO_SMALL',
  'TIER_NOT_WANTED',
  'COST_OVER_CAP',
] as const;
export type PolicyReason = (typeof policyReasons)[number];

/** Health reasons put a candidate behind the healthy ones, in this order: what passes by itself soonest comes first. */
export const healthReasons = ['SATURATED', 'COOLING_DOWN', 'BREAKER_OPEN', 'MISCONFIGURED'] as const;
export type HealthReason = (typeof healthReasons)[number];

export type ExclusionReason = PolicyReason | HealthReason;

/** Everything that went in and everything that came out, written in one fixed key order: `replay` makes the same bytes of
 *  it anywhere. Keys that say nothing are left out. */
export interface DecisionRecord {
  readonly v: 2;
  readonly epoch: number;
  readonly seed: string;
  readonly atMs: number;
  readonly facts: RequestFacts;
  /** In lot order. */
  readonly candidates: readonly RecordedCandidate[];
  /** More than half of what policy allows was unhealthy: the unhealthy are kept, behind the healthy. */
  readonly panic: boolean;
  /** Handles in the order to try. */
  readonly order: readonly string[];
}

export interface RecordedCandidate {
  readonly h: string;
  readonly lot: string;
  /** The view without its handle. */
  readonly view: Omit<CandidateView, 'handle'>;
  readonly health?: Health;
  readonly cost?: Cost;
  readonly out?: readonly ExclusionReason[];
  /** Lower is better, 1/1024 of a doubling; only where the policy scores. */
  readonly score?: number;
  /** Probability of the first place before the draw, parts per million. */
  readonly p?: number;
}
