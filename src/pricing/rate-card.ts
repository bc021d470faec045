import type { PicoPerMillion } from './money.ts';

/** What a rate may be asked for. `input` is uncached input; `request` is per 10⁶ requests. */
export const meters = [
  'input',
  'cacheRead',
  'cacheWrite5m',
  'cacheWrite1h',
  'inputAudio',
  'inputImage',
  'output',
  'reasoning',
  'outputAudio',
  'request',
] as const;

export type Meter = (typeof meters)[number];

/** Rates of one deployment in one book, at one version. Absent is absent: a used meter without a rate quarantines,
 *  except `reasoning`, which is part of `output` unless it has a rate of its own. */
export interface RateCard {
  /** Id of the immutable price version the rates come from. */
  readonly version: string;
  /** ISO 4217 code, upper case. */
  readonly currency: string;
  readonly rates: Rates;
  /** A tier replaces rates for all units of a request whose measure passes its size; the largest passed wins. */
  readonly tiers: readonly Tier[];
}

export type Rates = Readonly<Partial<Record<Meter, PicoPerMillion>>>;

export interface Tier {
  /** Whole input tokens of the request, cached and written ones included. */
  readonly measure: 'inputTotal';
  readonly op: 'gt' | 'gte';
  readonly size: number;
  readonly rates: Rates;
}

/** The wire form in snapshots: rates as decimal integer strings of pico-currency per 10⁶ units. */
export interface RateCardJson {
  readonly version: string;
  readonly currency: string;
  readonly rates: Readonly<Partial<Record<Meter, string>>>;
  readonly tiers: readonly {
    measure: 'inputTotal';
    op: 'gt' | 'gte';
    size: number;
    rates: Readonly<Partial<Record<Meter, string>>>;
  }[];
}
