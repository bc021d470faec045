import { Fault } from '../../completion/fault.ts';
import type { ByteRange, RequestScan, RequestSplice } from '../dialect.ts';
import { JsonScan } from '../json-scan.ts';
import { MediaTypes } from '../media-bytes.ts';
import { NameTable } from '../name-table.ts';
import { type RequestFields, readRequestFields } from '../request-fields.ts';
import { applyEdits, type Edit } from '../splice.ts';

/** Fields that the walk reads; each may occur once. */
const fields = new NameTable([
  'model',
  'messages',
  'stream',
  'stream_options',
  'max_tokens',
  'max_completion_tokens',
  'n',
  'tools',
  'functions',
  'service_tier',
  'prompt_cache_key',
]);

/** Content parts whose tokens are not bounded by their bytes: those of the API, then those that other hosts add. */
const mediaTypes = new MediaTypes({
  image_url: 'image',
  input_audio: 'audio',
  file: 'document',
  image: 'image',
  input_image: 'image',
  audio_url: 'audio',
  video_url: 'document',
  input_video: 'document',
  document_url: 'document',
  input_file: 'document',
});

/** Longer ones are the provider's to refuse; to us they are none. */
const cacheKeyLettersMax = 1_024;

type Field = (typeof fields)['names'][number];

export function scanRequest(body: Buffer): RequestScan {
  const read = readRequestFields(body, fields, { field: 'messages', types: mediaTypes });
  const limits = outputLimits(read);
  const stream = read.flag('stream');
  return {
    requestedModel: read.requestedModel('model'),
    modelAt: read.at('model'),
    stream,
    streamUsage: asksUsage(read),
    streamOptionsAt: read.at('stream_options'),
    outputTokensMax: limits.tokensMax,
    outputTokensMaxAt: limits.first,
    outputTokensMaxAlsoAt: limits.second,
    answers: answersAsked(read),
    media: read.media,
    hasTools: read.isFilledList('tools') || read.isFilledList('functions'),
    toolsAt: undefined,
    serviceTier: read.word('service_tier'),
    cacheKey: read.word('prompt_cache_key', cacheKeyLettersMax),
    thinkingBlocks: 0,
  };
}

export function spliceRequest(body: Buffer, scan: RequestScan, splice: RequestSplice): Buffer {
  const edits: Edit[] = [];
  const model = scan.modelAt!; // scanRequest refuses a body without it.
  edits.push({ start: model.start, end: model.end, text: JSON.stringify(splice.targetModel) });
  if (splice.askUsage && scan.stream && !scan.streamUsage) edits.push(usageEdit(body, model, scan.streamOptionsAt));
  if (splice.outputTokensMax !== undefined) {
    const { outputTokensMax, outputLimitField = 'max_completion_tokens' } = splice;
    const places = [scan.outputTokensMaxAt, scan.outputTokensMaxAlsoAt].filter(place => place !== undefined);
    if (places.length > 0) edits.push(...limitEdits(body, places, outputTokensMax));
    else edits.push({ start: model.end, end: model.end, text: `,"${outputLimitField}":${outputTokensMax}` });
  }
  return applyEdits(body, edits);
}

/** A client may name its limit by the old word, the new one, or both. Hosts differ in which of two they obey, so the
 *  larger one is the bound. */
function outputLimits(read: RequestFields<Field>): {
  readonly tokensMax: number | undefined;
  readonly first: ByteRange | undefined;
  readonly second: ByteRange | undefined;
} {
  const old = read.count('max_tokens');
  const current = read.count('max_completion_tokens');
  if (old === undefined && current === undefined) {
    return {
      tokensMax: undefined,
      first: read.at('max_completion_tokens') ?? read.at('max_tokens'),
      second: undefined,
    };
  }
  if (old === undefined) {
    return { tokensMax: current, first: read.at('max_completion_tokens'), second: undefined };
  }
  if (current === undefined) return { tokensMax: old, first: read.at('max_tokens'), second: undefined };
  return {
    tokensMax: Math.max(old, current),
    first: read.at('max_completion_tokens'),
    second: read.at('max_tokens'),
  };
}

function answersAsked(read: RequestFields<Field>): number {
  const answers = read.count('n') ?? 1;
  if (answers >= 1) return answers;
  throw new Fault('parameter_invalid', 'n must be at least 1.', { parameter: 'n' });
}

const optionFields = new NameTable(['include_usage']);
const optionScan = new JsonScan();

function asksUsage(read: RequestFields<Field>): boolean {
  const options = read.at('stream_options');
  if (options === undefined || read.body[options.start] === 0x6e) return false;
  if (read.body[options.start] !== 0x7b) {
    throw new Fault('parameter_invalid', 'stream_options must be an object.', { parameter: 'stream_options' });
  }
  const flag = includeUsageAt(read.body, options);
  const text = flag === undefined ? 'null' : read.body.toString('latin1', flag.start, flag.end);
  if (text === 'true') return true;
  if (text === 'false' || text === 'null') return false;
  throw new Fault('parameter_invalid', 'stream_options.include_usage must be true or false.', {
    parameter: 'stream_options.include_usage',
  });
}

function includeUsageAt(body: Buffer, options: ByteRange): ByteRange | undefined {
  let found: ByteRange | undefined;
  optionScan.start(body, options.start, options.end);
  optionScan.enter();
  while (optionScan.nextMember()) {
    const isFlag = optionScan.key(optionFields) === 0;
    if (isFlag && found !== undefined) {
      throw new Fault('json_duplicate_key', 'The field stream_options.include_usage occurs twice.', {
        parameter: 'stream_options.include_usage',
      });
    }
    const start = optionScan.at;
    optionScan.skip();
    if (isFlag) found = { start, end: optionScan.at };
  }
  return found;
}

function usageEdit(body: Buffer, model: ByteRange, options: ByteRange | undefined): Edit {
  if (options === undefined) {
    return { start: model.end, end: model.end, text: ',"stream_options":{"include_usage":true}' };
  }
  if (body[options.start] === 0x6e) return { ...options, text: '{"include_usage":true}' };
  const flag = includeUsageAt(body, options);
  if (flag !== undefined) return { ...flag, text: 'true' };
  const inside = options.start + 1;
  const isEmpty = body.toString('latin1', inside, options.end - 1).trim() === '';
  return { start: inside, end: inside, text: isEmpty ? '"include_usage":true' : '"include_usage":true,' };
}

/** Where the client named a limit it is lowered, never raised, by the word the client chose. */
function limitEdits(body: Buffer, places: readonly ByteRange[], tokensMax: number): Edit[] {
  return places
    .filter(place => !(Number(body.toString('latin1', place.start, place.end)) <= tokensMax))
    .map(place => ({ ...place, text: `${tokensMax}` }));
}
