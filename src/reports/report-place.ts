import { Fault } from '../completion/fault.ts';

/** A row's place in the order of a report: what a page ends with and the next begins behind. */
type Place = readonly [period: string, place: number, d1: string, d2: string, currency: string];

export function writePlace(row: {
  readonly period: Date | null;
  readonly place: number;
  readonly d1: string | null;
  readonly d2: string;
  readonly currency: string;
}): string {
  const place: Place = [row.period?.toISOString() ?? '-infinity', row.place, row.d1 ?? '', row.d2, row.currency];
  return Buffer.from(JSON.stringify(place)).toString('base64url');
}

/** Throws Fault('report_invalid') for what this module did not write. */
export function readPlace(cursor: string): Place {
  try {
    const place: unknown = JSON.parse(Buffer.from(cursor, 'base64url').toString());
    if (isPlace(place)) return place;
  } catch {
    // Falls through to the one answer for every cursor that is not ours.
  }
  throw new Fault('report_invalid', '`after` is not a `next` that a report gave.', { parameter: 'after' });
}

function isPlace(value: unknown): value is Place {
  if (!Array.isArray(value) || value.length !== 5) return false;
  const [period, place, ...texts] = value as unknown[];
  const isInstant =
    period === '-infinity' || (typeof period === 'string' && /^\d{4}-\d\d-\d\dT\d\d:00:00\.000Z$/.test(period));
  return (
    isInstant &&
    (period === '-infinity' || !Number.isNaN(Date.parse(period as string))) &&
    Number.isInteger(place) &&
    (place as number) >= 0 &&
    (place as number) < 2 ** 31 &&
    texts.every(text => typeof text === 'string' && text.isWellFormed() && !text.includes('\0'))
  );
}
