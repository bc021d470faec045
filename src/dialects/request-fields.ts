import { isUtf8 } from 'node:buffer';
import { Fault } from '../completion/fault.ts';
import type { ByteRange } from './dialect.ts';
import { JsonProblem, JsonScan } from './json-scan.ts';
import { countMedia, type MediaCounts, type MediaTypes, noMedia } from './media-bytes.ts';
import type { NameTable } from './name-table.ts';

/** Names of models reach logs, headers and records, so they have a bound; the longest in use have about 100 letters. */
const modelLettersMax = 256;
const wordLettersMax = 64;

/** Where the values of some top-level fields lie in a request body. */
export class RequestFields<const Name extends string> {
  readonly body: Buffer;
  readonly #table: NameTable<Name>;
  readonly #ranges: readonly (ByteRange | undefined)[];
  readonly media: MediaCounts;
  readonly noted: number;

  constructor(
    body: Buffer,
    table: NameTable<Name>,
    ranges: readonly (ByteRange | undefined)[],
    media: MediaCounts,
    noted: number,
  ) {
    this.noted = noted;
    this.body = body;
    this.#table = table;
    this.#ranges = ranges;
    this.media = media;
  }

  at(name: Name): ByteRange | undefined {
    return this.#ranges[this.#table.names.indexOf(name)];
  }

  /** The value; undefined when it is absent or null. */
  value(name: Name): unknown {
    const range = this.at(name);
    if (range === undefined) return undefined;
    return JSON.parse(this.body.toString('utf8', range.start, range.end)) ?? undefined;
  }

  /** The text; undefined when absent or null. A value of another type is refused. */
  string(name: Name): string | undefined {
    const value = this.value(name);
    if (value === undefined || typeof value === 'string') return value;
    throw invalid(name, 'must be a string');
  }

  /** The model's name, which every request must give. */
  requestedModel(name: Name): string {
    const model = this.string(name);
    if (model === undefined || model === '') {
      throw new Fault('parameter_missing', `${name} is missing.`, { parameter: name });
    }
    if (model.length <= modelLettersMax) return model;
    throw invalid(name, `must have at most ${modelLettersMax} letters`);
  }

  /** A short text; undefined for anything else, which is the provider's to refuse. */
  word(name: Name, lettersMax = wordLettersMax): string | undefined {
    const value = this.value(name);
    return typeof value === 'string' && value.length <= lettersMax ? value : undefined;
  }

  /** False when absent or null. */
  flag(name: Name): boolean {
    const value = this.value(name) ?? false;
    if (typeof value === 'boolean') return value;
    throw invalid(name, 'must be true or false');
  }

  /** A whole number ≥ 0, at most 2⁵³−1 (a larger one bounds nothing more); undefined when absent or null. */
  count(name: Name): number | undefined {
    const value = this.value(name);
    if (value === undefined) return undefined;
    if (typeof value !== 'number' || value < 0) throw invalid(name, 'must be a whole number that is not negative');
    if (value > Number.MAX_SAFE_INTEGER) return Number.MAX_SAFE_INTEGER;
    if (!Number.isInteger(value)) throw invalid(name, 'must be a whole number that is not negative');
    return value;
  }

  /** Is the value a list with something in it? */
  isFilledList(name: Name): boolean {
    const range = this.at(name);
    if (range === undefined || this.body[range.start] !== 0x5b) return false;
    let at = range.start + 1;
    while (at < range.end && isSpace(this.body[at]!)) at += 1;
    return this.body[at] !== 0x5d;
  }
}

/** Media are counted inside the value of `field`: objects at any depth whose `type` is one of `types`. */
export interface MediaRule<Name extends string> {
  readonly field: Name;
  readonly types: MediaTypes;
  /** Objects with a `type` of these are counted there too, and no more is asked of them. */
  readonly noted?: NameTable<string>;
}

/** Checks a whole body and finds fields in it, in one pass. Throws Fault. */
export function readRequestFields<const Name extends string>(
  body: Buffer,
  table: NameTable<Name>,
  media: MediaRule<Name>,
): RequestFields<Name> {
  if (!isUtf8(body)) throw new Fault('utf8_invalid');
  if (body.includes(0)) throw new Fault('json_nul');
  try {
    return readFields(body, table, media);
  } catch (problem) {
    if (!(problem instanceof JsonProblem)) throw problem;
    if (problem.kind === 'too-deep') throw new Fault('json_too_deep');
    throw new Fault('json_malformed', `The body is not valid JSON: unexpected input at byte ${problem.offset}.`);
  } finally {
    sharedScan.release();
  }
}

function readFields<const Name extends string>(
  body: Buffer,
  table: NameTable<Name>,
  media: MediaRule<Name>,
): RequestFields<Name> {
  const ranges: (ByteRange | undefined)[] = [];
  for (let index = 0; index < table.names.length; index += 1) ranges.push(undefined);
  const mediaField = table.names.indexOf(media.field);
  // One reader for all: it is never left half-way, and reading is synchronous.
  const scan = sharedScan;
  scan.start(body, 0, body.length);
  if (!scan.isObject) {
    scan.skip();
    scan.finish();
    throw new Fault('json_malformed', 'The body is JSON, but not an object.');
  }
  scan.enter();
  while (scan.nextMember()) {
    const field = scan.key(table);
    if (field === -1) {
      scan.skip();
      continue;
    }
    if (ranges[field] !== undefined) {
      const name = table.names[field]!;
      throw new Fault('json_duplicate_key', `The field ${name} occurs twice.`, { parameter: name });
    }
    const start = scan.at;
    if (field === mediaField) {
      scan.countTypes = media.types.table;
      scan.noteTypes = media.noted;
    }
    scan.skip();
    scan.countTypes = undefined;
    ranges[field] = { start, end: scan.at };
  }
  scan.finish();
  const mediaRange = ranges[mediaField];
  const { noted } = scan;
  const none = scan.counted === 0 || mediaRange === undefined;
  return new RequestFields(body, table, ranges, none ? noMedia : countMedia(body, mediaRange, media.types), noted);
}

function invalid(name: string, must: string): Fault {
  return new Fault('parameter_invalid', `${name} ${must}.`, { parameter: name });
}

function isSpace(byte: number): boolean {
  return byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;
}

const sharedScan = new JsonScan();
