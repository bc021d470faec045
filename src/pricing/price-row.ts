import { inMeterOrder, isEventMeter, isTokenMeter } from './meters.ts';
import { divideRoundHalfEven, formatRate, parseRate } from './money.ts';
import type { PricePlace } from './price-place.ts';
import type { MonthRateJson, RateJson, RatesJson } from './rate.ts';
import type { RateCardJson, RateCellJson } from './rate-card.ts';

/** Prices as people write and read them, in decimals; what a published version is made of. */
export interface PriceRow extends PriceCell {
  /** Absent when the price depends on nothing else. */
  readonly cells?: readonly (PricePlace & PriceCell)[];
}

export interface PriceCell {
  readonly rates: DecimalRates;
  readonly tiers: readonly DecimalTier[];
}

export interface DecimalTier {
  readonly measure: 'inputTotal';
  readonly op: 'gt' | 'gte';
  readonly size: number;
  readonly rates: DecimalRates;
}

/** By meter: currency per 10⁶ units, or per the units that are said. */
export type DecimalRates = Readonly<Record<string, DecimalRate>>;
export type DecimalRate = string | DecimalUnitRate;

export interface DecimalUnitRate {
  readonly amount: string;
  readonly per: number;
  readonly minimum?: number;
  /** Units of each calendar month, UTC, that cost nothing; whole. */
  readonly free?: string;
  /** What units of a month beyond so many cost, each at the rate of the step it falls in; of one of the two forms. */
  readonly graduated?: readonly MonthStep[];
  /** What all units of a month cost once there are more than so many. */
  readonly volume?: readonly MonthStep[];
}

export interface MonthStep {
  /** Charged units, whole: the free ones do not count. */
  readonly above: string;
  readonly amount: string;
}

/** By deployment id, `vendor/name` or `vendor/*`. */
export type PriceRows = Readonly<Record<string, PriceRow>>;

/** The immutable content of a price version. `rates` are what was said; `derived` what was folded from another book, asked
 *  in turn where `rates` names nothing. */
export interface VersionContent {
  readonly currency: string;
  readonly rates: PriceRows;
  /** Absent when there is none. */
  readonly derived?: readonly PriceRows[];
}

/** What a version asks for a deployment: by its id, then `vendor/name`, then `vendor/*`. An incomplete row is found, too:
 *  it is no price, and does not fall through to a wider one. */
export function findRow(
  version: VersionContent,
  deployment: { readonly id: string; readonly model: string },
): PriceRow | undefined {
  const vendor = deployment.model.slice(0, deployment.model.indexOf('/'));
  for (const rows of [version.rates, ...(version.derived ?? [])]) {
    for (const target of [deployment.id, deployment.model, `${vendor}/*`]) {
      if (Object.hasOwn(rows, target)) return rows[target];
    }
  }
  return undefined;
}

export function cardOfRow(row: PriceRow, version: { readonly id: string; readonly currency: string }): RateCardJson {
  const { id, currency } = version;
  const cells = (row.cells ?? []).map(({ rates, tiers, ...place }) => ({ ...place, ...picoCell({ rates, tiers }) }));
  return { version: id, currency, ...picoCell(row), ...(cells.length === 0 ? {} : { cells }) };
}

/** One spelling of one price: no superfluous zeros, per 10⁶ units where that is the same, meters and tiers in order.
 *  Throws RangeError for a rate that cannot be said per 10⁶ units of a meter that must be. */
export function normalizeRates(rates: Readonly<Record<string, DecimalRate | undefined>>): DecimalRates {
  const normal: Record<string, DecimalRate> = {};
  for (const meter of inMeterOrder(Object.keys(rates))) {
    const rate = rates[meter];
    if (rate !== undefined) normal[meter] = normalizeRate(rate, meter);
  }
  return normal;
}

export function normalizeTiers(
  tiers: readonly (Omit<DecimalTier, 'rates'> & {
    readonly rates: Readonly<Record<string, DecimalRate | undefined>>;
  })[],
): readonly DecimalTier[] {
  return tiers
    .map(({ measure, op, size, rates }) => ({ measure, op, size, rates: normalizeRates(rates) }))
    .sort((left, right) => left.size - right.size || (left.op < right.op ? -1 : 1));
}

/** A factor on published rates, such as "0.5"; exact. */
export interface Multiplier {
  readonly text: string;
  /** Does it change tokens only, as those of tiers, modes and regions do, or every meter, as discounts do? */
  readonly of: 'tokens' | 'all';
}

/** Folds factors into a rate: exact until the end, then rounded once, half to even, to twelve decimals. Throws RangeError
 *  when the result has more than fourteen digits before the point. */
export function foldRate(rate: DecimalRate, meter: string, multipliers: readonly Multiplier[]): DecimalRate {
  const factors = multipliers.filter(({ of }) => of === 'all' || isTokenMeter(meter));
  if (factors.length === 0) return rate;
  if (typeof rate === 'string') return foldAmount(rate, factors);
  const { graduated, volume } = rate;
  const fold = (steps: readonly MonthStep[]) =>
    steps.map(({ above, amount }) => ({ above, amount: foldAmount(amount, factors) }));
  return {
    ...rate,
    amount: foldAmount(rate.amount, factors),
    ...(graduated === undefined ? {} : { graduated: fold(graduated) }),
    ...(volume === undefined ? {} : { volume: fold(volume) }),
  };
}

export function foldCell(cell: PriceCell, multipliers: readonly Multiplier[]): PriceCell {
  if (multipliers.length === 0) return cell;
  const fold = (rates: DecimalRates) =>
    Object.fromEntries(Object.entries(rates).map(([meter, rate]) => [meter, foldRate(rate, meter, multipliers)]));
  return { rates: fold(cell.rates), tiers: cell.tiers.map(tier => ({ ...tier, rates: fold(tier.rates) })) };
}

export function foldRow(row: PriceRow, multipliers: readonly Multiplier[]): PriceRow {
  const base = foldCell(row, multipliers);
  if (row.cells === undefined) return base;
  return {
    ...base,
    cells: row.cells.map(({ rates, tiers, ...place }) => ({ ...place, ...foldCell({ rates, tiers }, multipliers) })),
  };
}

/** "1 − 0.1" of a discount, as text. */
export function lessDiscount(discount: string): string {
  return formatRate(parseRate('1') - parseRate(discount));
}

/** A decimal of the parser has twelve decimals at most. */
const scale = 10n ** 12n;
const picoMax = 10n ** 26n;

function foldAmount(amount: string, multipliers: readonly Multiplier[]): string {
  let numerator: bigint = parseRate(amount);
  let denominator = 1n;
  for (const { text } of multipliers) {
    numerator *= parseRate(text);
    denominator *= scale;
  }
  const folded = divideRoundHalfEven(numerator, denominator);
  if (folded >= picoMax) throw new RangeError('comes to more than fourteen digits');
  return formatRate(folded);
}

const million = 1_000_000n;

function normalizeRate(rate: DecimalRate, meter: string): DecimalRate {
  if (typeof rate === 'string') return formatRate(parseRate(rate));
  const { amount, per, minimum } = rate;
  const month = normalizeMonth(rate, meter);
  const perMillion = isTokenMeter(meter) || meter === 'request';
  if (perMillion && minimum !== undefined) throw new RangeError(`${meter} has no minimum`);
  const isPlain = minimum === undefined && Object.keys(month).length === 0;
  if (perMillion || (BigInt(per) === million && isPlain)) {
    const numerator = parseRate(amount) * million;
    if (numerator % BigInt(per) !== 0n) {
      throw new RangeError(
        `${meter} is priced per million; ${amount} per ${per} is no such price of at most 12 decimals`,
      );
    }
    return formatRate(numerator / BigInt(per));
  }
  return { amount: formatRate(parseRate(amount)), per, ...(minimum === undefined ? {} : { minimum }), ...month };
}

function normalizeMonth(
  { free = '0', graduated, volume }: DecimalUnitRate,
  meter: string,
): Pick<DecimalUnitRate, 'free' | 'graduated' | 'volume'> {
  if (graduated !== undefined && volume !== undefined)
    throw new RangeError(`${meter} is either graduated or by volume`);
  const steps = normalizeSteps(graduated ?? volume ?? [], meter);
  const freeUnits = BigInt(free);
  if ((freeUnits > 0n || steps.length > 0) && !isEventMeter(meter)) {
    throw new RangeError(`${meter} is not priced by the sum of a month`);
  }
  return {
    ...(freeUnits === 0n ? {} : { free: freeUnits.toString() }),
    ...(steps.length === 0 ? {} : graduated === undefined ? { volume: steps } : { graduated: steps }),
  };
}

function normalizeSteps(steps: readonly MonthStep[], meter: string): readonly MonthStep[] {
  const sorted = steps
    .map(({ above, amount }) => ({ above: BigInt(above), amount: formatRate(parseRate(amount)) }))
    .sort((one, other) => (one.above < other.above ? -1 : 1));
  const twice = sorted.find(({ above }, index) => above === sorted[index - 1]?.above);
  if (twice !== undefined) throw new RangeError(`${meter} has two steps above ${twice.above}`);
  return sorted.map(({ above, amount }) => ({ above: above.toString(), amount }));
}

function picoCell({ rates, tiers }: PriceCell): RateCellJson {
  return { rates: picoRates(rates), tiers: tiers.map(tier => ({ ...tier, rates: picoRates(tier.rates) })) };
}

function picoRates(rates: DecimalRates): RatesJson {
  const pico: Record<string, RateJson> = {};
  for (const meter of inMeterOrder(Object.keys(rates))) pico[meter] = picoRate(rates[meter]!);
  return pico;
}

function picoRate(rate: DecimalRate): RateJson {
  if (typeof rate === 'string') return parseRate(rate).toString();
  const { amount, per, minimum } = rate;
  const month = picoMonth(rate);
  return {
    pico: parseRate(amount).toString(),
    per: per.toString(),
    ...(minimum === undefined ? {} : { minimum }),
    ...(month === undefined ? {} : { month }),
  };
}

function picoMonth({ free, graduated, volume }: DecimalUnitRate): MonthRateJson | undefined {
  const steps = graduated ?? volume;
  if (free === undefined && steps === undefined) return undefined;
  return {
    scope: volume === undefined ? 'graduated' : 'volume',
    free: free ?? '0',
    steps: (steps ?? []).map(({ above, amount }) => ({ above, pico: parseRate(amount).toString() })),
  };
}

/** A rate for people: "1.25", or "2.49 / 3600", with what of a month is free and what it costs beyond steps. */
export function describeRate(rate: DecimalRate): string {
  if (typeof rate === 'string') return rate;
  const { amount, per, minimum, free, graduated, volume } = rate;
  const steps = (graduated ?? volume ?? []).map(step => `${step.amount} above ${step.above}`);
  const notes = [
    ...(minimum === undefined ? [] : [`at least ${minimum}`]),
    ...(free === undefined ? [] : [`${free} a month free`]),
    ...(steps.length === 0 ? [] : [`${graduated === undefined ? 'by volume' : 'graduated'}: ${steps.join(', ')}`]),
  ];
  return `${amount} / ${per}${notes.length === 0 ? '' : ` (${notes.join('; ')})`}`;
}
