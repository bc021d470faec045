import { isUtf8 } from 'node:buffer';
import { Fault } from '../../completion/fault.ts';
import type { ByteRange, PathFacts, RequestScan, RequestSplice } from '../dialect.ts';
import { JsonProblem, JsonScan } from '../json-scan.ts';
import { type MediaCounts, noMedia } from '../media-bytes.ts';
import { NameTable } from '../name-table.ts';
import { applyEdits, type Edit } from '../splice.ts';
import { MediaWalk } from './scan-media.ts';

/** Fields that the walk reads, by both of their names; each may occur once. The first half are the names in camel case. */
const topFields = new NameTable([
  'contents',
  'generationConfig',
  'tools',
  'serviceTier',
  'model',
  'generation_config',
  'service_tier',
]);
const top = { contents: 0, config: 1, tools: 2, tier: 3, model: 4 } as const;
const topTwins: readonly number[] = [0, 1, 2, 3, 4, 1, 3];

const configFields = new NameTable(['maxOutputTokens', 'candidateCount', 'max_output_tokens', 'candidate_count']);
const configTwins: readonly number[] = [0, 1, 0, 1];

const scanner = new JsonScan();

/** What one pass over a body finds. */
interface Found {
  readonly fields: readonly (ByteRange | undefined)[];
  readonly limit: ByteRange | undefined;
  readonly answers: ByteRange | undefined;
  readonly media: MediaCounts;
  readonly signatures: number;
}

export function scanRequest(body: Buffer, named?: PathFacts): RequestScan {
  const found = read(body);
  const tools = found.fields[top.tools];
  return {
    named,
    requestedModel: named?.requestedModel ?? modelInBody(body, found.fields[top.model]),
    modelAt: undefined,
    stream: named?.stream ?? false,
    streamUsage: true,
    streamOptionsAt: undefined,
    outputTokensMax: count(body, found.limit, 'generationConfig.maxOutputTokens'),
    outputTokensMaxAt: found.limit,
    outputTokensMaxAlsoAt: undefined,
    answers: answersAsked(body, found.answers),
    media: found.media,
    hasTools: tools !== undefined && isFilled(body, tools),
    toolsAt: tools,
    serviceTier: word(body, found.fields[top.tier]),
    thinkingBlocks: found.signatures,
  };
}

/** The model is in the path: of the body nothing changes but the limit. */
export function spliceRequest(body: Buffer, scan: RequestScan, splice: RequestSplice): Buffer {
  const edits: Edit[] = [...(splice.more ?? [])];
  const tokensMax = splice.outputTokensMax;
  if (tokensMax !== undefined && !((scan.outputTokensMax ?? Infinity) <= tokensMax)) {
    edits.push(limitEdit(body, scan.outputTokensMaxAt, tokensMax));
  }
  return applyEdits(body, edits);
}

/** A limit that is named nowhere is set where its place is. */
function limitEdit(body: Buffer, limit: ByteRange | undefined, tokensMax: number): Edit {
  if (limit !== undefined) return { ...limit, text: `${tokensMax}` };
  const config = read(body).fields[top.config];
  const field = `"maxOutputTokens":${tokensMax}`;
  if (config !== undefined && body[config.start] !== 0x7b) return { ...config, text: `{${field}}` };
  const at = config === undefined ? body.indexOf(0x7b) + 1 : config.start + 1;
  const isEmpty = nextByte(body, at) === 0x7d;
  const text = config === undefined ? `"generationConfig":{${field}}` : field;
  return { start: at, end: at, text: isEmpty ? text : `${text},` };
}

function read(body: Buffer): Found {
  if (!isUtf8(body)) throw new Fault('utf8_invalid');
  if (body.includes(0)) throw new Fault('json_nul');
  try {
    return readFields(body);
  } catch (problem) {
    if (!(problem instanceof JsonProblem)) throw problem;
    if (problem.kind === 'too-deep') throw new Fault('json_too_deep');
    throw new Fault('json_malformed', `The body is not valid JSON: unexpected input at byte ${problem.offset}.`);
  } finally {
    scanner.release();
  }
}

function readFields(body: Buffer): Found {
  const fields: (ByteRange | undefined)[] = [undefined, undefined, undefined, undefined, undefined];
  const inConfig: (ByteRange | undefined)[] = [undefined, undefined];
  const media = new MediaWalk(scanner, body);
  scanner.start(body, 0, body.length);
  if (!scanner.isObject) {
    scanner.skip();
    scanner.finish();
    throw new Fault('json_malformed', 'The body is JSON, but not an object.');
  }
  scanner.enter();
  while (scanner.nextMember()) {
    const field = topTwins[scanner.key(topFields)];
    if (field === undefined) {
      scanner.skip();
      continue;
    }
    if (fields[field] !== undefined) throw twice(topFields.names[field]!);
    const start = scanner.at;
    if (field === top.contents) media.contents();
    else if (field === top.config && scanner.isObject) readConfig(inConfig);
    else scanner.skip();
    fields[field] = { start, end: scanner.at };
  }
  scanner.finish();
  const [limit, answers] = inConfig;
  return { fields, limit, answers, media: media.isEmpty ? noMedia : media.counts, signatures: media.signatures };
}

function readConfig(into: (ByteRange | undefined)[]): void {
  scanner.enter();
  while (scanner.nextMember()) {
    const field = configTwins[scanner.key(configFields)];
    const start = scanner.at;
    scanner.skip();
    if (field === undefined) continue;
    if (into[field] !== undefined) throw twice(`generationConfig.${configFields.names[field]!}`);
    into[field] = { start, end: scanner.at };
  }
}

function twice(name: string): Fault {
  return new Fault('json_duplicate_key', `The field ${name} occurs twice.`, { parameter: name });
}

/** Some write it there, too; without a path it is all there is. */
function modelInBody(body: Buffer, at: ByteRange | undefined): string {
  const model = at === undefined ? undefined : parsed(body, at);
  if (typeof model === 'string' && model !== '') return model.replace(/^models\//, '');
  throw new Fault('parameter_missing', 'model is missing.', { parameter: 'model' });
}

function answersAsked(body: Buffer, at: ByteRange | undefined): number {
  const path = 'generationConfig.candidateCount';
  const answers = count(body, at, path) ?? 1;
  if (answers >= 1) return answers;
  throw new Fault('parameter_invalid', `${path} must be at least 1.`, { parameter: path });
}

/** A whole number ≥ 0, also written as a text; a larger one than 2⁵³−1 bounds nothing more. */
function count(body: Buffer, at: ByteRange | undefined, path: string): number | undefined {
  const said = at === undefined ? undefined : (parsed(body, at) ?? undefined);
  if (said === undefined) return undefined;
  const value = typeof said === 'string' && /^\d{1,15}$/.test(said) ? Number(said) : said;
  if (typeof value === 'number' && value > Number.MAX_SAFE_INTEGER) return Number.MAX_SAFE_INTEGER;
  if (typeof value === 'number' && Number.isInteger(value) && value >= 0) return value;
  throw new Fault('parameter_invalid', `${path} must be a whole number that is not negative.`, { parameter: path });
}

const wordLettersMax = 64;

/** Anything but a short text is the provider's to refuse. */
function word(body: Buffer, at: ByteRange | undefined): string | undefined {
  const value = at === undefined ? undefined : parsed(body, at);
  return typeof value === 'string' && value.length <= wordLettersMax ? value : undefined;
}

function parsed(body: Buffer, { start, end }: ByteRange): unknown {
  return JSON.parse(body.toString('utf8', start, end));
}

/** A list with something in it, or an object in the place of one. */
function isFilled(body: Buffer, { start }: ByteRange): boolean {
  if (body[start] === 0x7b) return true;
  return body[start] === 0x5b && nextByte(body, start + 1) !== 0x5d;
}

/** The first byte from here that is no white space. */
function nextByte(body: Buffer, from: number): number | undefined {
  let at = from;
  while (at < body.length && (body[at] === 0x20 || body[at] === 0x0a || body[at] === 0x0d || body[at] === 0x09))
    at += 1;
  return body[at];
}
