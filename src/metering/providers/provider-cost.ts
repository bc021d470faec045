import type { ProviderCost } from '../../completion/usage.ts';
import type { UsageFields } from '../../completion/usage-fields.ts';

/** Above it a cost is a mistake: no request costs as much as a house. */
const costMax = 1_000_000;
/** xAI counts in ticks: 1 USD = 10¹⁰ of them (https://docs.x.ai/developers/cost-tracking, 2026-11). */
const tickDecimals = 10;

/** Whole ticks as USD. */
export function costFromTicks(ticks: number | undefined, fields: UsageFields): ProviderCost | undefined {
  if (ticks === undefined) return undefined;
  if (ticks > costMax * 10 ** tickDecimals) {
    fields.refuse(`cost_in_usd_ticks = ${ticks} is more than ${costMax} USD`);
    return undefined;
  }
  const digits = ticks.toString().padStart(tickDecimals + 1, '0');
  return usd(digits.slice(0, -tickDecimals), digits.slice(-tickDecimals));
}

/** A cost that came as a JSON number or as decimal text. The digits are those that were sent: a number's shortest decimal
 *  form is the text it was read from, up to 15 digits. */
export function costFromDecimal(value: unknown, name: string, fields: UsageFields): ProviderCost | undefined {
  if (value === undefined || value === null) return undefined;
  const text = typeof value === 'number' || typeof value === 'string' ? plainDecimal(String(value)) : undefined;
  if (text === undefined) {
    fields.refuse(`${name} is not an amount`);
    return undefined;
  }
  const [whole = '0', fraction = ''] = text.split('.');
  if (whole.length > costMax.toString().length || Number(whole) > costMax) {
    fields.refuse(`${name} is more than ${costMax} USD`);
    return undefined;
  }
  return usd(whole, fraction);
}

function usd(whole: string, fraction: string): ProviderCost {
  const digits = fraction.replace(/0+$/, '');
  const units = whole.replace(/^0+(?=\d)/, '');
  return { amount: digits === '' ? units : `${units}.${digits}`, currency: 'USD' };
}

/** `1.96e-7` without its exponent; undefined for a sign, for text that is no number and for exponents nobody sends. */
function plainDecimal(text: string): string | undefined {
  const match = /^(\d{1,24})(?:\.(\d{1,40}))?(?:[eE]([+-]?\d{1,2}))?$/.exec(text);
  if (match === null) return undefined;
  const [, whole = '0', fraction = '', exponentText = '0'] = match;
  const exponent = Number(exponentText);
  if (exponent === 0) return `${whole}.${fraction}`;
  const digits = `${whole}${fraction}`;
  const point = whole.length + exponent;
  if (point <= 0) return `0.${'0'.repeat(-point)}${digits}`;
  if (point >= digits.length) return `${digits}${'0'.repeat(point - digits.length)}`;
  return `${digits.slice(0, point)}.${digits.slice(point)}`;
}
