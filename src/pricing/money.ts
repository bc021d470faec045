/** Money is whole 10⁻¹⁸ of a currency ("atto"); rates are whole 10⁻¹² ("pico") per 10⁶ units,
 *  so that charge = quantity × rate needs no division. Why: docs/decisions/0004-money.md */

declare const atto: unique symbol;
declare const pico: unique symbol;

/** 10⁻¹⁸ of a currency. */
export type Atto = bigint & { readonly [atto]: true };
/** 10⁻¹² of a currency per 10⁶ units. */
export type PicoPerMillion = bigint & { readonly [pico]: true };

/** A cast at the one door: the caller has a whole number of 10⁻¹⁸. */
export function toAtto(amount: bigint): Atto {
  return amount as Atto;
}

/** Parses a decimal string such as "1.25" exactly. Throws RangeError on anything else, on a sign, an exponent,
 *  or more than 18 decimals. */
export function parseAtto(text: string): Atto {
  return parseScaled(text, 18) as Atto;
}

/** Parses a price "currency per 10⁶ units", such as "0.125". Throws RangeError as parseAtto, with 12 decimals at most. */
export function parseRate(text: string): PicoPerMillion {
  return parseScaled(text, 12) as PicoPerMillion;
}

/** "-0.0027": all digits that matter, no exponent, no trailing zeros, "0" for zero. */
export function formatAtto(amount: bigint): string {
  return formatScaled(amount, 18);
}

export function formatRate(rate: bigint): string {
  return formatScaled(rate, 12);
}

/** numerator ÷ denominator to the nearest whole number, ties to the even one; for signed numerators too.
 *  Throws RangeError when the denominator is not positive. */
export function divideRoundHalfEven(numerator: bigint, denominator: bigint): bigint {
  if (denominator <= 0n) throw new RangeError(`not a positive denominator: ${denominator}`);
  const quotient = numerator / denominator;
  const rest = numerator - quotient * denominator;
  const twice = (rest < 0n ? -rest : rest) * 2n;
  const isOdd = quotient % 2n !== 0n;
  if (twice < denominator || (twice === denominator && !isOdd)) return quotient;
  return numerator < 0n ? quotient - 1n : quotient + 1n;
}

/** numerator ÷ denominator, rounded towards minus infinity. Throws RangeError as divideRoundHalfEven. */
export function divideFloor(numerator: bigint, denominator: bigint): bigint {
  if (denominator <= 0n) throw new RangeError(`not a positive denominator: ${denominator}`);
  const quotient = numerator / denominator;
  return numerator < 0n && quotient * denominator !== numerator ? quotient - 1n : quotient;
}

function parseScaled(text: string, decimals: number): bigint {
  const match = /^(\d{1,20})(?:\.(\d+))?$/.exec(text);
  if (match === null) throw new RangeError(`not a decimal amount: ${JSON.stringify(text.slice(0, 40))}`);
  const fraction = match[2] ?? '';
  if (fraction.length > decimals) throw new RangeError(`more than ${decimals} decimals: ${text.slice(0, 60)}`);
  return BigInt(match[1] + fraction.padEnd(decimals, '0'));
}

function formatScaled(amount: bigint, decimals: number): string {
  const sign = amount < 0n ? '-' : '';
  const digits = (amount < 0n ? -amount : amount).toString().padStart(decimals + 1, '0');
  const whole = digits.slice(0, -decimals);
  const fraction = digits.slice(-decimals).replace(/0+$/, '');
  return fraction === '' ? `${sign}${whole}` : `${sign}${whole}.${fraction}`;
}
