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
  'input',
  'stream',
  'max_output_tokens',
  'tools',
  'service_tier',
  'prompt_cache_key',
  'previous_response_id',
  'conversation',
  'prompt',
  'background',
]);

/** Parts whose tokens are not bounded by their bytes; the last two are of outputs of computers and of other hosts. */
const mediaTypes = new MediaTypes({
  input_image: 'image',
  input_file: 'document',
  input_audio: 'audio',
  computer_screenshot: 'image',
  input_video: 'document',
});

const notedTypes = new NameTable(['reasoning', 'item_reference']);

/** Longer ones are the provider's to refuse; to us they are none. */
const cacheKeyLettersMax = 1_024;

type Field = (typeof fields)['names'][number];

export function scanRequest(body: Buffer): RequestScan {
  const read = readRequestFields(body, fields, { field: 'input', types: mediaTypes, noted: notedTypes });
  const requestedModel = read.requestedModel('model');
  refuseStored(read);
  return {
    requestedModel,
    modelAt: read.at('model'),
    stream: read.flag('stream'),
    streamUsage: true,
    streamOptionsAt: undefined,
    outputTokensMax: read.count('max_output_tokens'),
    outputTokensMaxAt: read.at('max_output_tokens'),
    outputTokensMaxAlsoAt: undefined,
    answers: 1,
    media: read.media,
    hasTools: read.isFilledList('tools'),
    toolsAt: read.at('tools'),
    serviceTier: read.word('service_tier'),
    cacheKey: read.word('prompt_cache_key', cacheKeyLettersMax),
    thinkingBlocks: read.noted,
  };
}

/** What is stored at one provider is not at the next one that may be asked, and the same request must mean the same
 *  wherever it goes: docs/decisions/0051-responses.md */
function refuseStored(read: RequestFields<Field>): void {
  for (const name of ['previous_response_id', 'conversation', 'prompt'] as const) {
    const at = read.at(name);
    if (at !== undefined && read.body[at.start] !== letterN) throw stored(name);
  }
  if (read.flag('background')) throw stored('background');
  const input = read.at('input');
  if (read.noted === 0 || input === undefined || !read.body.includes(reference)) return;
  const index = referenceIn(read.body, input);
  if (index !== undefined) throw stored(`input.${index}`);
}

/** Of `null`. */
const letterN = 0x6e;
const reference = Buffer.from('item_reference');

function stored(parameter: string): Fault {
  const what =
    parameter === 'background' ? 'asks a provider to store its answer for later' : 'names what one provider stores';
  return new Fault('stored_state_unsupported', `${parameter} ${what}; it is not taken here.`, { parameter });
}

const itemFields = new NameTable(['type']);
const referenceType = new NameTable(['item_reference']);

/** The index of the first item that stands for a stored one. */
function referenceIn(body: Buffer, input: ByteRange): number | undefined {
  const scan = new JsonScan();
  scan.start(body, input.start, input.end);
  if (!scan.isArray) return undefined;
  scan.enter();
  for (let index = 0; scan.nextElement(); index += 1) {
    if (!scan.isObject) {
      scan.skip();
      continue;
    }
    scan.enter();
    while (scan.nextMember()) {
      if (scan.key(itemFields) === -1) scan.skip();
      else if (scan.name(referenceType) === 0) return index;
    }
  }
  return undefined;
}

export function spliceRequest(body: Buffer, scan: RequestScan, splice: RequestSplice): Buffer {
  const model = scan.modelAt!; // scanRequest refuses a body without it.
  const edits: Edit[] = [
    { start: model.start, end: model.end, text: JSON.stringify(splice.targetModel) },
    ...(splice.more ?? []),
  ];
  const tokensMax = splice.outputTokensMax;
  if (tokensMax !== undefined && !((scan.outputTokensMax ?? Infinity) <= tokensMax)) {
    const limit = scan.outputTokensMaxAt;
    if (limit === undefined)
      edits.push({ start: model.end, end: model.end, text: `,"max_output_tokens":${tokensMax}` });
    else edits.push({ ...limit, text: `${tokensMax}` });
  }
  return applyEdits(body, edits);
}
