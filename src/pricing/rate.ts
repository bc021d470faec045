import {
  inMeterOrder,
  isEventMeter,
  isMeter,
  isTokenMeter,
  type TokenMeter,
  type ToolMeter,
  type UnitMeter,
} from './meters.ts';
import { type Atto, divideRoundHalfEven, type PicoPerMillion, toAtto } from './money.ts';

/** Per 10⁶ units, where a charge needs no division; or per another number of units, such as the seconds of an hour. */
export type Rate = PicoPerMillion | UnitRate;

export interface UnitRate {
  /** 10⁻¹² of the currency per `per` units. */
  readonly pico: bigint;
  readonly per: bigint;
  /** Fewest units that one use is charged for, such as 60 seconds of a chip; a use of several chips is several. */
  readonly minimum: number | undefined;
  /** Where the price depends on the sum of a month; absent where it does not. */
  readonly month?: MonthRate;
}

/** How the sum of a calendar month, UTC, is priced: what is free of it, and what holds beyond the first step, which is the
 *  rate's own. */
export interface MonthRate {
  /** graduated: each unit at the rate of the step it falls in. volume: every unit at the rate of the last step passed. */
  readonly scope: 'graduated' | 'volume';
  /** Units that cost nothing, before the first step counts. */
  readonly free: bigint;
  /** Ascending; the first is above 0. Charged units after which the step begins: the free ones do not count. */
  readonly steps: readonly { readonly above: bigint; readonly pico: bigint }[];
}

/** Tokens and requests are always per 10⁶. */
export type Rates = Readonly<Partial<Record<TokenMeter | 'request', PicoPerMillion>>> &
  Readonly<Partial<Record<Exclude<UnitMeter, 'request'>, Rate>>> & { readonly [tool: ToolMeter]: Rate | undefined };

/** Decimal integer strings: of pico-currency per 10⁶ units, or with the number of units said. */
export type RateJson =
  | string
  | { readonly pico: string; readonly per: string; readonly minimum?: number; readonly month?: MonthRateJson };
export interface MonthRateJson {
  readonly scope: 'graduated' | 'volume';
  readonly free: string;
  readonly steps: readonly { readonly above: string; readonly pico: string }[];
}
export type RatesJson = Readonly<Record<string, RateJson>>;

const million = 1_000_000n;

/** quantity × rate, in 10⁻¹⁸ of the currency. Exact per 10⁶ units; else one division, half to even. */
export function chargeFor(quantity: bigint, rate: Rate): Atto {
  if (typeof rate === 'bigint') return toAtto(quantity * rate);
  return toAtto(divideRoundHalfEven(quantity * rate.pico * million, rate.per));
}

/** The units that are charged for a use of `quantity`, by `holders` at once (such as chips): a rate's minimum is of each.
 *  Nothing used is nothing charged. */
export function chargedUnits(quantity: number, rate: Rate, holders = 1): number {
  if (typeof rate === 'bigint' || rate.minimum === undefined || quantity === 0) return quantity;
  return Math.max(quantity, rate.minimum * holders);
}

/** Reads the wire form. Throws RangeError naming an unknown meter, a rate that is not a whole number of at most 26 digits,
 *  or a number of units that is not. */
export function parseRates(json: RatesJson): Rates {
  const rates: Record<string, Rate> = {};
  for (const [meter, value] of Object.entries(json)) {
    if (!isMeter(meter)) throw new RangeError(`not a meter: ${shown(meter)}`);
    if (typeof value === 'string') rates[meter] = whole(value, meter) as PicoPerMillion;
    else if (isTokenMeter(meter) || meter === 'request') throw new RangeError(`${meter} is not priced per 10⁶ units`);
    else rates[meter] = parseUnitRate(value, meter);
  }
  return rates as Rates; // true: each name was checked, and what is only per 10⁶ is a bigint
}

/** In the one order of meters, so that equal rates have equal bytes. */
export function formatRates(rates: Rates): RatesJson {
  const json: Record<string, RateJson> = {};
  for (const meter of inMeterOrder(Object.keys(rates))) {
    const rate = (rates as Readonly<Record<string, Rate | undefined>>)[meter];
    if (rate !== undefined) json[meter] = formatRate(rate);
  }
  return json;
}

function formatRate(rate: Rate): RateJson {
  if (typeof rate === 'bigint') return rate.toString();
  const { pico, per, minimum, month } = rate;
  return {
    pico: pico.toString(),
    per: per.toString(),
    ...(minimum === undefined ? {} : { minimum }),
    ...(month === undefined ? {} : { month: formatMonth(month) }),
  };
}

function formatMonth({ scope, free, steps }: MonthRate): MonthRateJson {
  return {
    scope,
    free: free.toString(),
    steps: steps.map(({ above, pico }) => ({ above: above.toString(), pico: pico.toString() })),
  };
}

function parseUnitRate(value: unknown, meter: string): UnitRate {
  if (typeof value !== 'object' || value === null) throw new RangeError(`not a rate for ${meter}: ${shown(value)}`);
  // An object; each member is checked.
  const { pico, per, minimum, month } = value as { pico?: unknown; per?: unknown; minimum?: unknown; month?: unknown };
  const units = whole(per, `${meter} units`);
  if (units === 0n) throw new RangeError(`${meter} is priced per no units`);
  if (minimum !== undefined && (!Number.isSafeInteger(minimum) || Number(minimum) < 0)) {
    throw new RangeError(`not a minimum for ${meter}: ${shown(minimum)}`);
  }
  return {
    pico: whole(pico, meter),
    per: units,
    minimum: minimum === undefined ? undefined : Number(minimum),
    ...(month === undefined ? {} : { month: parseMonth(month, meter) }),
  };
}

function parseMonth(value: unknown, meter: string): MonthRate {
  if (!isEventMeter(meter)) throw new RangeError(`${meter} is not priced by the sum of a month`);
  const { scope, free, steps } = (value ?? {}) as { scope?: unknown; free?: unknown; steps?: unknown }; // each is checked
  if (scope !== 'graduated' && scope !== 'volume') throw new RangeError(`not a scope for ${meter}: ${shown(scope)}`);
  if (!Array.isArray(steps)) throw new RangeError(`not steps for ${meter}: ${shown(steps)}`);
  const read = steps.map((step: { above?: unknown; pico?: unknown } | null) => ({
    above: whole(step?.above, `${meter} step`),
    pico: whole(step?.pico, meter),
  }));
  if (read.some(({ above }, index) => above <= (read[index - 1]?.above ?? 0n))) {
    throw new RangeError(`steps for ${meter} do not ascend`);
  }
  return { scope, free: whole(free, `${meter} free`), steps: read };
}

function whole(text: unknown, meter: string): bigint {
  if (typeof text === 'string' && /^\d{1,26}$/.test(text)) return BigInt(text);
  throw new RangeError(`not a rate for ${meter}: ${shown(text)}`);
}

function shown(value: unknown): string {
  return JSON.stringify(value)?.slice(0, 40) ?? 'undefined';
}
