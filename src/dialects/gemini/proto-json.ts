import { Fault } from '../../completion/fault.ts';
import { numberOf } from '../exact-json.ts';
import { isRecord, readRecord, type WireRecord } from '../wire-values.ts';

/** The API is JSON of protocol buffers: a field may be written `generationConfig` or `generation_config`, a list of one
 *  without its brackets, and a whole number as a text (https://protobuf.dev/programming-guides/json, and the examples of
 *  https://ai.google.dev/api/generate-content, 2026-11). */

/** The fields of a message by their names in camel case. One that is said by both names is refused. */
export function readMessage(value: unknown, path: string): WireRecord {
  const record = readRecord(value, path);
  if (!Object.keys(record).some(isSnake)) return record;
  const fields = new Map<string, unknown>();
  for (const name of Object.keys(record)) {
    const camel = camelName(name);
    if (fields.has(camel)) {
      const at = path === '' ? camel : `${path}.${camel}`;
      throw new Fault('json_duplicate_key', `The field ${at} occurs twice.`, { parameter: at });
    }
    fields.set(camel, record[name]);
  }
  return Object.fromEntries(fields);
}

/** The same where nothing may be thrown: of an answer. The first of two names counts. */
export function fieldsOf(value: unknown): WireRecord {
  if (!isRecord(value)) return {};
  if (!Object.keys(value).some(isSnake)) return value;
  return Object.fromEntries(
    Object.keys(value)
      .reverse()
      .map(name => [camelName(name), value[name]]),
  );
}

function isSnake(name: string): boolean {
  return name.includes('_');
}

/** Names of more letters are no fields of the API. */
const nameLettersMax = 64;

function camelName(name: string): string {
  if (name.length > nameLettersMax || !/^[a-z][a-z0-9]*(?:_[a-z0-9]+)+$/.test(name)) return name;
  return name.replace(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
}

/** A repeated field; one entry may stand there without a list. */
export function readRepeated(value: unknown): readonly unknown[] {
  if (value === undefined || value === null) return [];
  return Array.isArray(value) ? value : [value];
}

/** A number that may be written as a text. */
export function plainNumber(value: unknown): unknown {
  if (typeof value === 'string' && /^-?\d{1,15}(?:\.\d{1,15})?$/.test(value)) return Number(value);
  return numberOf(value) ?? value;
}
