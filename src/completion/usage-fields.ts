import type { ProviderCost, UsageCounts, UsageSlices } from './usage.ts';

/** What a provider's usage object says, once its identities were checked. */
export interface UsageReport {
  /** Empty when the identities are broken: the raw object is kept, and nothing is guessed from it. */
  readonly slices: UsageSlices;
  /** What was used beside tokens, where the usage object says so. */
  readonly counts?: UsageCounts;
  /** Why it does not add up; such a reading is quarantined. */
  readonly identityBroken?: string;
  /** The tier that was served, where the usage object names one. */
  readonly serviceTier?: string;
  /** Where it was served, when that decides the price. */
  readonly region?: string;
  readonly providerCost?: ProviderCost;
}

/** Reads counts out of a provider's usage object and remembers the first thing that is wrong with it.
 *  null and absent are "not said", 0 is zero; anything but a whole number from 0 to 2⁵³−1 breaks the report. */
export class UsageFields {
  #problem: string | undefined;

  get problem(): string | undefined {
    return this.#problem;
  }

  /** Only the first reason is kept: the others are often its consequences. */
  refuse(reason: string): void {
    this.#problem ??= reason;
  }

  count(owner: Readonly<Record<string, unknown>>, name: string): number | undefined {
    const value = owner[name];
    if (value === undefined || value === null) return undefined;
    if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return value;
    this.refuse(`${name} is not a count: ${describe(value)}`);
    return undefined;
  }

  /** The identity `sum = total`, in the provider's own words. */
  requireEqual(sum: string, sumValue: number, total: string, totalValue: number): void {
    if (sumValue !== totalValue) this.refuse(`${sum} = ${sumValue} does not add up to ${total} = ${totalValue}`);
  }

  /** The identity `parts ≤ whole`. */
  requireWithin(parts: string, partsValue: number, whole: string, wholeValue: number): void {
    if (partsValue > wholeValue) this.refuse(`${parts} = ${partsValue} is more than ${whole} = ${wholeValue}`);
  }

  requiredCount(owner: Readonly<Record<string, unknown>>, name: string): number {
    const value = this.count(owner, name);
    if (value === undefined) this.refuse(`${name} is missing`);
    return value ?? 0;
  }

  /** An object within the usage object; empty when not said. */
  nested(owner: Readonly<Record<string, unknown>>, name: string): Readonly<Record<string, unknown>> {
    const value = owner[name];
    if (value === undefined || value === null) return {};
    if (isRecord(value)) return value;
    this.refuse(`${name} is not an object: ${describe(value)}`);
    return {};
  }
}

export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Numbers are shown, texts are not: a provider may echo anything. */
function describe(value: unknown): string {
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  return Array.isArray(value) ? 'array' : typeof value;
}
