import type { RequestScan, RequestSplice } from '../dialect.ts';
import { MediaTypes } from '../media-bytes.ts';
import { NameTable } from '../name-table.ts';
import { readRequestFields } from '../request-fields.ts';
import { applyEdits, type Edit } from '../splice.ts';

/** Fields that the walk reads; each may occur once. */
const fields = new NameTable(['model', 'messages', 'stream', 'max_tokens', 'tools']);

/** Content parts whose tokens are not bounded by their bytes; documents are text here. */
const mediaTypes = new MediaTypes({ image_url: 'image', image: 'image' });

export function scanRequest(body: Buffer): RequestScan {
  const read = readRequestFields(body, fields, { field: 'messages', types: mediaTypes });
  return {
    requestedModel: read.requestedModel('model'),
    modelAt: read.at('model'),
    stream: read.flag('stream'),
    streamUsage: true,
    streamOptionsAt: undefined,
    outputTokensMax: read.count('max_tokens'),
    outputTokensMaxAt: read.at('max_tokens'),
    outputTokensMaxAlsoAt: undefined,
    answers: 1,
    media: read.media,
    hasTools: read.isFilledList('tools'),
    toolsAt: undefined,
    // It has a priority and no tiers.
    serviceTier: undefined,
    thinkingBlocks: 0,
  };
}

export function spliceRequest(body: Buffer, scan: RequestScan, splice: RequestSplice): Buffer {
  const model = scan.modelAt!; // scanRequest refuses a body without it.
  const edits: Edit[] = [{ start: model.start, end: model.end, text: JSON.stringify(splice.targetModel) }];
  const tokensMax = splice.outputTokensMax;
  if (tokensMax !== undefined && !((scan.outputTokensMax ?? Infinity) <= tokensMax)) {
    const limit = scan.outputTokensMaxAt;
    if (limit === undefined) edits.push({ start: model.end, end: model.end, text: `,"max_tokens":${tokensMax}` });
    else edits.push({ ...limit, text: `${tokensMax}` });
  }
  return applyEdits(body, edits);
}
