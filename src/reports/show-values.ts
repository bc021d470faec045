import { formatAtto } from '../pricing/money.ts';
import type { ReportColumn, Sums } from './kinds.ts';

/** Counts are numbers while JSON's readers can hold them, else decimal text; money, quantities and percents are text. */
export type ReportValue = string | number | boolean | null;

export function showColumns(
  columns: readonly ReportColumn[],
  sums: Sums,
  isMixed: boolean,
): Record<string, ReportValue> {
  return Object.fromEntries(columns.map(column => [column.name, showValue(column, column.of(sums, { isMixed }))]));
}

function showValue({ unit }: ReportColumn, value: bigint | undefined): ReportValue {
  if (value === undefined) return null;
  switch (unit) {
    case 'money':
      return formatAtto(value);
    case 'percent':
      return percentText(value);
    case 'quantity':
      return value.toString();
    default:
      return value <= BigInt(Number.MAX_SAFE_INTEGER) && value >= -BigInt(Number.MAX_SAFE_INTEGER)
        ? Number(value)
        : value.toString();
  }
}

/** Hundredths of a percent as text: 1234n is `12.34`. */
export function percentText(hundredths: bigint): string {
  const digits = (hundredths < 0n ? -hundredths : hundredths).toString().padStart(3, '0');
  return `${hundredths < 0n ? '-' : ''}${digits.slice(0, -2)}.${digits.slice(-2)}`;
}
