import { Refusal } from '../answer.ts';
import { isBase64 } from '../media-bytes.ts';
import { isObject, type Json } from './wire.ts';

// Requests are proto3 JSON: names in camelCase or in snake_case, whole numbers also as text, unknown names refused by
// name (https://protobuf.dev/programming-guides/json, 2026-11). The errors' paths are in snake_case.

/** What a field holds. `any` is left as it is; `struct` is any object. */
export type Kind =
  | 'string'
  | 'number'
  | 'integer'
  | 'boolean'
  | 'bytes'
  | 'any'
  | 'struct'
  | { readonly list: Kind }
  | { readonly map: Kind }
  | { readonly choice: readonly string[]; readonly name: string; readonly anyCase?: boolean }
  /** A message, by its name in the table; some have their fields looked up late, because they hold themselves. */
  | { readonly message: string };

export interface MessageShape {
  readonly fields: Readonly<Record<string, Kind>>;
  /** At most one of these. */
  readonly oneof?: { readonly name: string; readonly fields: readonly string[] };
}

export type MessageTable = Readonly<Record<string, MessageShape>>;

/** More are counted, not told. */
const violationsMax = 20;
const depthMax = 64;

/** The message with every name in camelCase. Throws Refusal naming all that does not fit. */
export function readMessage(table: MessageTable, message: string, value: unknown): Json {
  const violations: Violation[] = [];
  const read = readKind({ table, violations }, { message }, value, '', 0);
  if (violations.length === 0) return read as Json;
  const shown = violations.slice(0, violationsMax);
  throw new Refusal(400, 'INVALID_ARGUMENT', shown.map(({ description }) => description).join('\n'), {
    details: [{ '@type': 'type.googleapis.com/google.rpc.BadRequest', fieldViolations: shown }],
  });
}

interface Violation {
  readonly field?: string;
  readonly description: string;
}

interface Reading {
  readonly table: MessageTable;
  readonly violations: Violation[];
}

function readKind(reading: Reading, kind: Kind, value: unknown, at: string, depth: number): unknown {
  const wrong = (type: string) => {
    reading.violations.push({ field: at, description: `Invalid value at '${at}' (${type}), ${show(value)}` });
    return undefined;
  };
  if (depth > depthMax) return wrong('nested too deeply');
  if (typeof kind === 'string') return fits(kind, value) ? plain(kind, value) : wrong(typeNames[kind]);
  if ('list' in kind) {
    // One alone is a list of one, as the API takes it.
    const items = Array.isArray(value) ? value : [value];
    return items.map((item, position) => readKind(reading, kind.list, item, `${at}[${position}]`, depth + 1));
  }
  if ('map' in kind) {
    if (!isObject(value)) return wrong('map');
    const entries = Object.entries(value).map(
      ([key, item]) => [key, readKind(reading, kind.map, item, `${at}[${key}]`, depth + 1)] as const,
    );
    return Object.fromEntries(entries);
  }
  if ('choice' in kind) {
    const said = kind.anyCase === true && typeof value === 'string' ? value.toUpperCase() : value;
    if (typeof said === 'string' && kind.choice.includes(said)) return said;
    if (Array.isArray(value)) {
      const description = `Invalid JSON payload received. Unknown name "${lastOf(at)}" at '${parentOf(at)}': Proto field is not repeating, cannot start list.`;
      reading.violations.push({ field: parentOf(at), description });
      return undefined;
    }
    return wrong(`type.googleapis.com/google.ai.generativelanguage.v1beta.${kind.name}`);
  }
  return readFields(reading, kind.message, value, at, depth);
}

function readFields(reading: Reading, message: string, value: unknown, at: string, depth: number): unknown {
  if (!isObject(value)) {
    const where =
      at === '' ? 'Root element must be a message.' : `Invalid value at '${at}' (${message}), ${show(value)}`;
    reading.violations.push({ ...(at === '' ? {} : { field: at }), description: where });
    return undefined;
  }
  const { fields, oneof } = reading.table[message]!;
  const read: Record<string, unknown> = {};
  let chosen: string | undefined;
  for (const [said, item] of Object.entries(value)) {
    const name = camelCase(said);
    if (!Object.hasOwn(fields, name)) {
      const where = at === '' ? '' : ` at '${at}'`;
      const description = `Invalid JSON payload received. Unknown name "${said}"${where}: Cannot find field.`;
      reading.violations.push({ ...(at === '' ? {} : { field: at }), description });
      continue;
    }
    // Null is not said.
    if (item === null && fields[name] !== 'any') continue;
    const path = at === '' ? snakeCase(name) : `${at}.${snakeCase(name)}`;
    if (oneof?.fields.includes(name) === true) {
      if (chosen !== undefined && chosen !== name) {
        const description = `Invalid value at '${path}' (oneof), oneof field '${oneof.name}' is already set. Cannot set '${name}'`;
        reading.violations.push({ field: path, description });
      }
      chosen = name;
    }
    read[name] = readKind(reading, fields[name]!, item, path, depth + 1);
  }
  return read;
}

type Plain = Extract<Kind, string>;

const typeNames: Readonly<Record<Plain, string>> = {
  string: 'TYPE_STRING',
  number: 'TYPE_FLOAT',
  integer: 'TYPE_INT32',
  boolean: 'TYPE_BOOL',
  bytes: 'TYPE_BYTES',
  any: 'type.googleapis.com/google.protobuf.Value',
  struct: 'type.googleapis.com/google.protobuf.Struct',
};

function fits(kind: Plain, value: unknown): boolean {
  switch (kind) {
    case 'any':
      return true;
    case 'struct':
      return isObject(value);
    case 'integer':
      return Number.isInteger(typeof value === 'string' && /^-?\d+$/.test(value) ? Number(value) : value);
    case 'number':
      return typeof value === 'number' || (typeof value === 'string' && /^-?\d+(?:\.\d+)?$/.test(value));
    case 'bytes':
      return typeof value === 'string' && (value === '' || isBase64(padded(value)));
    default:
      return typeof value === kind;
  }
}

function plain(kind: Plain, value: unknown): unknown {
  return (kind === 'integer' || kind === 'number') && typeof value === 'string' ? Number(value) : value;
}

/** Both alphabets are taken, with or without padding. */
export function padded(base64: string): string {
  const usual = base64.replaceAll('-', '+').replaceAll('_', '/');
  return usual.endsWith('=') ? usual : usual.padEnd(Math.ceil(usual.length / 4) * 4, '=');
}

const shownMax = 100;

function show(value: unknown): string {
  return (JSON.stringify(value) ?? 'nothing').slice(0, shownMax);
}

function camelCase(name: string): string {
  return name.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
}

export function snakeCase(name: string): string {
  return name.replace(/[A-Z]/g, letter => `_${letter.toLowerCase()}`);
}

function lastOf(path: string): string {
  return path.slice(path.lastIndexOf('.') + 1);
}

function parentOf(path: string): string {
  return path.slice(0, Math.max(0, path.lastIndexOf('.')));
}
