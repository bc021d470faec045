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
 *  except `reasoning`, which is part of `output`, and `inputImage`, which is part of `input`, unless they have a rate of
 *  their own: models without an image rate bill image tokens as text. */
export interface RateCard {
  /** Id of the immutable price version the rates come from. */
  readonly version: string;
  /** ISO 4217 code, upper case. */
  readonly currency: string;
  readonly rates: Rates;
  /** A tier replaces all rates for all units of a request whose measure passes its size; the largest passed wins.
   *  What the tier does not say is absent there; `incompleteness` refuses a tier that says less than the base. */
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

/** Reads the wire form. Throws RangeError naming what is wrong: an unknown meter, a rate that is not a whole number of
 *  at most 26 digits, a currency that is no ISO code, a tier size that is not a whole number. */
export function parseRateCard(json: RateCardJson): RateCard {
  if (!/^[A-Z]{3}$/.test(json.currency)) throw new RangeError(`not a currency code: ${shown(json.currency)}`);
  if (json.version === '') throw new RangeError('a rate card has no version');
  return {
    version: json.version,
    currency: json.currency,
    rates: parseRates(json.rates),
    tiers: json.tiers.map(({ measure, op, size, rates }) => {
      if (measure !== 'inputTotal') throw new RangeError(`not a measure of tiers: ${shown(measure)}`);
      if (op !== 'gt' && op !== 'gte') throw new RangeError(`not an op of tiers: ${shown(op)}`);
      if (!Number.isSafeInteger(size) || size < 0) throw new RangeError(`not a tier size: ${shown(size)}`);
      return { measure, op, size, rates: parseRates(rates) };
    }),
  };
}

export function formatRateCard(card: RateCard): RateCardJson {
  return {
    version: card.version,
    currency: card.currency,
    rates: formatRates(card.rates),
    tiers: card.tiers.map(({ measure, op, size, rates }) => ({ measure, op, size, rates: formatRates(rates) })),
  };
}

/** What keeps a card from pricing a deployment; empty when nothing does. Input and output must both be there, and a
 *  tier must say every rate that the base says, since it replaces them all. */
export function incompleteness(card: RateCard): string[] {
  const reasons: string[] = [];
  for (const meter of ['input', 'output'] as const) {
    if (card.rates[meter] === undefined) reasons.push(`${meter} has no rate`);
  }
  for (const tier of card.tiers) {
    for (const meter of meters) {
      if (card.rates[meter] === undefined || tier.rates[meter] !== undefined) continue;
      reasons.push(`${meter} has no rate in the tier ${tier.op} ${tier.size}`);
    }
  }
  return reasons;
}

function parseRates(json: RateCardJson['rates']): Rates {
  const rates: Partial<Record<Meter, PicoPerMillion>> = {};
  for (const [meter, text] of Object.entries(json)) {
    if (!isMeter(meter)) throw new RangeError(`not a meter: ${shown(meter)}`);
    if (!/^\d{1,26}$/.test(text)) throw new RangeError(`not a rate for ${meter}: ${shown(text)}`);
    // A whole number of pico-currency, by the line above.
    rates[meter] = BigInt(text) as PicoPerMillion;
  }
  return rates;
}

function formatRates(rates: Rates): RateCardJson['rates'] {
  const json: Partial<Record<Meter, string>> = {};
  // In the one order of meters, so that equal cards have equal bytes.
  for (const meter of meters) {
    const rate = rates[meter];
    if (rate !== undefined) json[meter] = rate.toString();
  }
  return json;
}

function isMeter(text: string): text is Meter {
  return (meters as readonly string[]).includes(text);
}

function shown(value: unknown): string {
  return JSON.stringify(value)?.slice(0, 40) ?? 'undefined';
}
