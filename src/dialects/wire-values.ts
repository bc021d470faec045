import { Fault } from '../completion/fault.ts';
import type { LossLedger } from '../completion/loss.ts';
import type { LossCode } from '../completion/loss-codes.ts';
import { isExactNumber, numberOf, parseExact } from './exact-json.ts';

/** Readers of parsed wire values. Each names the field it refuses, as the client spelled it. */

export type WireRecord = Readonly<Record<string, unknown>>;

/** The whole body, which the scan has found to be one JSON object. */
export function readBody(body: Buffer): WireRecord {
  return readRecord(parseExact(body.toString('utf8')), 'body');
}

export function isRecord(value: unknown): value is WireRecord {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !isExactNumber(value);
}

export function readRecord(value: unknown, path: string): WireRecord {
  if (isRecord(value)) return value;
  throw invalid(path, value, 'an object');
}

export function readList(value: unknown, path: string): readonly unknown[] {
  if (Array.isArray(value)) return value;
  throw invalid(path, value, 'a list');
}

export function readFilledList(value: unknown, path: string): readonly unknown[] {
  const list = readList(value, path);
  if (list.length > 0) return list;
  throw invalid(path, value, 'a list that is not empty');
}

export function readString(value: unknown, path: string): string {
  if (typeof value === 'string') return value;
  throw invalid(path, value, 'a string');
}

export function readFilledString(value: unknown, path: string): string {
  const text = readString(value, path);
  if (text !== '') return text;
  throw invalid(path, value, 'a string that is not empty');
}

export function optionalString(value: unknown, path: string): string | undefined {
  return value === undefined || value === null ? undefined : readString(value, path);
}

export function optionalFlag(value: unknown, path: string): boolean | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value === 'boolean') return value;
  throw invalid(path, value, 'true or false');
}

export function optionalNumber(value: unknown, path: string): number | undefined {
  if (value === undefined || value === null) return undefined;
  const number = numberOf(value);
  if (number !== undefined && Number.isFinite(number)) return number;
  throw invalid(path, value, 'a number');
}

export function optionalCount(value: unknown, path: string): number | undefined {
  const count = optionalNumber(value, path);
  if (count === undefined || (Number.isSafeInteger(count) && count >= 0)) return count;
  throw invalid(path, value, 'a whole number that is not negative');
}

export function optionalInteger(value: unknown, path: string): number | undefined {
  const number = optionalNumber(value, path);
  if (number === undefined || Number.isInteger(number)) return number;
  throw invalid(path, value, 'a whole number');
}

export function readStrings(value: unknown, path: string): string[] {
  return readList(value, path).map((entry, index) => readString(entry, `${path}.${index}`));
}

export function unsupported(path: string, what?: string): Fault {
  const message = what === undefined ? `${path} cannot be carried to another dialect yet.` : `${path}: ${what}`;
  return new Fault('translation_unsupported', message, { parameter: path });
}

function invalid(path: string, value: unknown, kind: string): Fault {
  const code = value === undefined ? 'parameter_missing' : 'parameter_invalid';
  const verb = value === undefined ? 'is missing and must be' : 'must be';
  return new Fault(code, `${path} ${verb} ${kind}.`, { parameter: path });
}

/** What becomes of a field when a request is read into the middle. */
export type FieldRule =
  | { readonly type: 'read' }
  /** Refused by name, unless its value says what is so anyway. */
  | { readonly type: 'refused'; readonly unless: (value: unknown) => boolean }
  /** Not carried, and declared, unless its value says nothing. */
  | { readonly type: 'lost'; readonly code: LossCode; readonly unless: (value: unknown) => boolean };

export const read: FieldRule = { type: 'read' };

export function refused(unless: (value: unknown) => boolean = never): FieldRule {
  return { type: 'refused', unless };
}

export function lost(code: LossCode, unless: (value: unknown) => boolean = never): FieldRule {
  return { type: 'lost', code, unless };
}

/** Of a field's name in a message: clients choose it. */
const nameLettersMax = 64;

export class FieldRules {
  readonly #rules: ReadonlyMap<string, FieldRule>;

  constructor(rules: Readonly<Record<string, FieldRule>>) {
    this.#rules = new Map(Object.entries(rules));
  }

  /** Goes over all fields of an object: nothing is passed over in silence. null says nothing. */
  check(record: WireRecord, path: string, losses: LossLedger): void {
    for (const name in record) {
      const rule = this.#rules.get(name);
      if (rule?.type === 'read') continue;
      const value = record[name];
      const shown = name.slice(0, nameLettersMax);
      const at = path === '' ? shown : `${path}.${shown}`;
      if (rule === undefined) throw unsupported(at, 'this field is not known and would be lost.');
      if (value === null || rule.unless(value)) continue;
      if (rule.type === 'refused') throw unsupported(at);
      losses.dropped(rule.code, at);
    }
  }
}

export function isEmpty(value: unknown): boolean {
  if (Array.isArray(value)) return value.length === 0;
  return isRecord(value) ? Object.keys(value).length === 0 : value === '';
}

export function isOneOf(...values: readonly unknown[]): (value: unknown) => boolean {
  return value => values.includes(value);
}

function never(): boolean {
  return false;
}
