import { currencyExponent } from './currency-exponent.ts';

/** How an amount becomes whole minor units (cents) of its currency. Ties go away from zero unless a contract says to the
 *  even one. */
export type RoundingMode = 'half-away-from-zero' | 'half-even';

/** An exact line of what will be billed; its id breaks ties. */
export interface ExactLine {
  readonly id: string;
  readonly amountAtto: bigint;
}

export interface FittedLines {
  /** In the order they came. */
  readonly lines: readonly { readonly id: string; readonly minor: bigint }[];
  /** Always the sum of the lines. */
  readonly totalMinor: bigint;
  /** What was exact and is not in the total: stays unbilled and goes into the next total. At most half a minor unit either
   *  way. */
  readonly residueAtto: bigint;
}

const attoDecimals = 18;

/** 10⁻¹⁸ of a currency that make one of its minor units. Throws RangeError for a currency that ISO 4217 does not list. */
export function attoPerMinor(currency: string): bigint {
  return 10n ** BigInt(attoDecimals - currencyExponent(currency));
}

/** The nearest whole number of minor units. Throws RangeError as attoPerMinor. */
export function roundToMinor(amountAtto: bigint, currency: string, mode: RoundingMode = 'half-away-from-zero'): bigint {
  const unit = attoPerMinor(currency);
  const magnitude = amountAtto < 0n ? -amountAtto : amountAtto;
  const whole = magnitude / unit;
  const twice = (magnitude - whole * unit) * 2n;
  const isTieUp = mode === 'half-away-from-zero' || whole % 2n === 1n;
  const rounded = twice > unit || (twice === unit && isTieUp) ? whole + 1n : whole;
  return amountAtto < 0n ? -rounded : rounded;
}

/** Rounds once: the total is the exact sum with what earlier totals left over, and the lines are fitted to it. Each line
 *  begins at its floor; the missing units go to the largest remainders, ties to the lower id. Without lines nothing is
 *  billed, and the residue waits. Ids must be unique. */
export function fitToMinor(
  lines: readonly ExactLine[],
  currency: string,
  {
    residueAtto = 0n,
    mode = 'half-away-from-zero',
  }: { readonly residueAtto?: bigint; readonly mode?: RoundingMode } = {},
): FittedLines {
  const unit = attoPerMinor(currency);
  if (new Set(lines.map(({ id }) => id)).size !== lines.length) throw new RangeError('two lines have one id');
  const exact = lines.reduce((sum, { amountAtto }) => sum + amountAtto, residueAtto);
  if (lines.length === 0) return { lines: [], totalMinor: 0n, residueAtto: exact };

  const totalMinor = roundToMinor(exact, currency, mode);
  const floors = lines.map(({ id, amountAtto }) => {
    const minor = floorDivide(amountAtto, unit);
    return { id, minor, remainderAtto: amountAtto - minor * unit };
  });
  let missing = totalMinor - floors.reduce((sum, { minor }) => sum + minor, 0n);
  const byRemainder = floors.toSorted(byLargestRemainder);
  // A residue below zero may ask for less than the floors; then the smallest remainders give. More than one round is
  // needed only where a residue is larger than half a unit.
  for (let index = 0; missing > 0n; index = (index + 1) % byRemainder.length, missing -= 1n) {
    byRemainder[index]!.minor += 1n;
  }
  for (let index = byRemainder.length - 1; missing < 0n; missing += 1n) {
    byRemainder[index]!.minor -= 1n;
    index = index === 0 ? byRemainder.length - 1 : index - 1;
  }
  return {
    lines: floors.map(({ id, minor }) => ({ id, minor })),
    totalMinor,
    residueAtto: exact - totalMinor * unit,
  };
}

/** "60.02": with all the decimals that the currency has, none for yen. */
export function formatMinor(minor: bigint, currency: string): string {
  const exponent = currencyExponent(currency);
  const sign = minor < 0n ? '-' : '';
  const digits = (minor < 0n ? -minor : minor).toString().padStart(exponent + 1, '0');
  return exponent === 0 ? `${sign}${digits}` : `${sign}${digits.slice(0, -exponent)}.${digits.slice(-exponent)}`;
}

interface Remainder {
  readonly id: string;
  readonly remainderAtto: bigint;
}

function byLargestRemainder(one: Remainder, other: Remainder): number {
  if (one.remainderAtto !== other.remainderAtto) return one.remainderAtto > other.remainderAtto ? -1 : 1;
  return one.id < other.id ? -1 : 1;
}

function floorDivide(amount: bigint, unit: bigint): bigint {
  const quotient = amount / unit;
  return amount < 0n && quotient * unit !== amount ? quotient - 1n : quotient;
}
