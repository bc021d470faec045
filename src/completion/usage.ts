/** Metered quantities, in disjoint slices: no token is in two of them. `undefined` means "not said"; 0 means zero.
 *  All are whole, non-negative, at most 2⁵³−1. Facts per provider: docs/decisions/0005-slices.md */
export interface UsageSlices {
  /** Input tokens that were neither read from nor written to a cache, without audio, image and video tokens told apart. */
  readonly inputUncached?: number;
  readonly cacheRead?: number;
  readonly cacheWrite5m?: number;
  readonly cacheWrite1h?: number;
  readonly inputAudio?: number;
  readonly inputImage?: number;
  readonly inputVideo?: number;
  /** Output tokens without reasoning, audio and image tokens told apart. */
  readonly output?: number;
  readonly reasoning?: number;
  readonly outputAudio?: number;
  readonly outputImage?: number;
}

export type Slice = keyof UsageSlices;

/** In the one order used wherever slices are listed. */
export const slices = [
  'inputUncached',
  'cacheRead',
  'cacheWrite5m',
  'cacheWrite1h',
  'inputAudio',
  'inputImage',
  'inputVideo',
  'output',
  'reasoning',
  'outputAudio',
  'outputImage',
] as const satisfies readonly Slice[];

export const inputSlices = [
  'inputUncached',
  'cacheRead',
  'cacheWrite5m',
  'cacheWrite1h',
  'inputAudio',
  'inputImage',
  'inputVideo',
] as const satisfies readonly Slice[];
export const outputSlices = ['output', 'reasoning', 'outputAudio', 'outputImage'] as const satisfies readonly Slice[];

/** What was used beside tokens, by the name of its meter: `tool.webSearch`, `image`, `page`, `audioSecond`. Whole,
 *  non-negative, at most 2⁵³−1. Only what is to be paid for: a count without a rate is quarantined. The number of requests
 *  is no count: it is one for each rated attempt. */
export type UsageCounts = Readonly<Record<string, number>>;

/** What the provider itself says an attempt cost. Kept beside our own rating, never in its place. */
export interface ProviderCost {
  /** Decimal text, all digits. */
  readonly amount: string;
  /** ISO 4217 code. */
  readonly currency: string;
}

/** What one attempt used, and who says so. */
export interface Reading {
  readonly slices: UsageSlices;
  /** Absent when nothing beside tokens was said. */
  readonly counts?: UsageCounts;
  /** provider: as the provider reported it. estimated: by the rule named. none: the attempt used nothing. */
  readonly source: 'provider' | 'estimated' | 'none';
  /** Id of the estimation rule; present exactly when source is `estimated`. */
  readonly rule?: string;
  /** The provider's usage object as it was sent, for audit. */
  readonly raw?: unknown;
  /** The tier the provider says it served; prices depend on it, never on the tier asked for. */
  readonly serviceTier?: string;
  /** The tier asked for, where the provider does not say which it served: it counts then, whenever this is rated. Absent in
   *  records of releases that did not keep it. */
  readonly requestedTier?: string;
  /** Where the provider says it was served, when that decides the price; absent where it has one price for all. */
  readonly region?: string;
  readonly providerCost?: ProviderCost;
  /** Why the reading cannot be rated; such a reading is quarantined. */
  readonly quarantine?: string;
}

export function inputTotal(usage: UsageSlices): number {
  let total = 0;
  for (const slice of inputSlices) total += usage[slice] ?? 0;
  return total;
}

export function outputTotal(usage: UsageSlices): number {
  let total = 0;
  for (const slice of outputSlices) total += usage[slice] ?? 0;
  return total;
}
