/** Metered quantities, in disjoint slices: no token is in two of them. `undefined` means "not said"; 0 means zero.
 *  All are whole, non-negative, at most 2⁵³−1. Facts per provider: docs/decisions/0005-slices.md */
export interface UsageSlices {
  /** Input tokens that were neither read from nor written to a cache, without audio and image tokens told apart. */
  readonly inputUncached?: number;
  readonly cacheRead?: number;
  readonly cacheWrite5m?: number;
  readonly cacheWrite1h?: number;
  readonly inputAudio?: number;
  readonly inputImage?: number;
  /** Output tokens without reasoning and audio tokens told apart. */
  readonly output?: number;
  readonly reasoning?: number;
  readonly outputAudio?: number;
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
  'output',
  'reasoning',
  'outputAudio',
] as const satisfies readonly Slice[];

export const inputSlices = [
  'inputUncached',
  'cacheRead',
  'cacheWrite5m',
  'cacheWrite1h',
  'inputAudio',
  'inputImage',
] as const satisfies readonly Slice[];
export const outputSlices = ['output', 'reasoning', 'outputAudio'] as const satisfies readonly Slice[];

/** What one attempt used, and who says so. */
export interface Reading {
  readonly slices: UsageSlices;
  /** provider: as the provider reported it. estimated: by the rule named. none: the attempt used nothing. */
  readonly source: 'provider' | 'estimated' | 'none';
  /** Id of the estimation rule; present exactly when source is `estimated`. */
  readonly rule?: string;
  /** The provider's usage object as it was sent, for audit. */
  readonly raw?: unknown;
  /** What is counted rather than reported in tokens, by the name of its meter: `tool.webSearch`, `image`, `page`. Only
   *  what is to be paid for: a count without a rate is quarantined. */
  readonly counts?: Readonly<Record<string, number>>;
  /** The tier the provider says it served; prices depend on it, never on the tier asked for. */
  readonly serviceTier?: string;
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
