import { inMeterOrder, isTokenMeter } from './meters.ts';
import { divideRoundHalfEven, formatRate, parseRate } from './money.ts';
import type { PricePlace } from './price-place.ts';
import type { RateJson, RatesJson } from './rate.ts';
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
  if (typeof rate !== 'string') return { ...rate, amount: foldAmount(rate.amount, factors) };
  return foldAmount(rate, factors);
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
  const perMillion = isTokenMeter(meter) || meter === 'request';
  if (perMillion && minimum !== undefined) throw new RangeError(`${meter} has no minimum`);
  if (perMillion || (BigInt(per) === million && minimum === undefined)) {
    const numerator = parseRate(amount) * million;
    if (numerator % BigInt(per) !== 0n) {
      throw new RangeError(
        `${meter} is priced per million; ${amount} per ${per} is no such price of at most 12 decimals`,
      );
    }
    return formatRate(numerator / BigInt(per));
  }
  return { amount: formatRate(parseRate(amount)), per, ...(minimum === undefined ? {} : { minimum }) };
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
  const unit = { pico: parseRate(amount).toString(), per: per.toString() };
  return minimum === undefined ? unit : { ...unit, minimum };
}

/** A rate for people: "1.25", or "2.49 / 3600". */
export function describeRate(rate: DecimalRate): string {
  if (typeof rate === 'string') return rate;
  return `${rate.amount} / ${rate.per}${rate.minimum === undefined ? '' : ` (at least ${rate.minimum})`}`;
}
