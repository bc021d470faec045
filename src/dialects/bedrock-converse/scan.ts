import { Fault } from '../../completion/fault.ts';
import type { PathFacts, RequestScan, RequestSplice } from '../dialect.ts';
import { MediaTypes } from '../media-bytes.ts';
import { NameTable } from '../name-table.ts';
import { readRequestFields } from '../request-fields.ts';
import { applyEdits, type Edit } from '../splice.ts';
import { countContent } from './media-counts.ts';
import { type LimitPlace, limitPlaces, membersAt } from './request-places.ts';

/** Fields that the walk reads; each may occur once. */
const fields = new NameTable([
  'messages',
  'inferenceConfig',
  'toolConfig',
  'serviceTier',
  'additionalModelRequestFields',
]);
const toolFields = new NameTable(['tools']);
const tierFields = new NameTable(['type']);

/** Blocks have no type here: they are told apart by the name of their one member. */
const noTypes = new MediaTypes({});

/** As `requestedModel` of a body has them. */
const modelLettersMax = 256;
const tierLettersMax = 64;

/** The model is in the path, and so is whether the answer is a stream. */
export function scanRequest(body: Buffer, named?: PathFacts): RequestScan {
  if (named === undefined) throw new Error('the path of a Converse request says its model');
  if (named.requestedModel.length > modelLettersMax) {
    const message = `The model id in the path must have at most ${modelLettersMax} letters.`;
    throw new Fault('parameter_invalid', message, { parameter: 'modelId' });
  }
  const read = readRequestFields(body, fields, { field: 'messages', types: noTypes });
  const limits = limitPlaces(body, read.at('inferenceConfig'), read.at('additionalModelRequestFields'));
  const [tools] = membersAt(body, read.at('toolConfig'), 'toolConfig', toolFields);
  const [tier] = membersAt(body, read.at('serviceTier'), 'serviceTier', tierFields);
  const counted = countContent(body, read.at('messages'));
  return {
    named,
    requestedModel: named.requestedModel,
    modelAt: undefined,
    stream: named.stream,
    streamUsage: true,
    streamOptionsAt: undefined,
    outputTokensMax: largest(body, limits),
    outputTokensMaxAt: limits[0]?.at,
    outputTokensMaxAlsoAt: limits[1]?.at,
    answers: 1,
    media: counted.media,
    hasTools:
      tools !== undefined && body[tools.start] === listStart && body[behindSpace(body, tools.start + 1)] !== listEnd,
    toolsAt: tools,
    serviceTier: tier === undefined ? undefined : word(JSON.parse(body.toString('utf8', tier.start, tier.end))),
    thinkingBlocks: counted.reasoningBlocks,
  };
}

/** The largest limit that is named; undefined when none is. */
function largest(body: Buffer, limits: readonly LimitPlace[]): number | undefined {
  let max: number | undefined;
  for (const { path, at } of limits) {
    const value: unknown = JSON.parse(body.toString('utf8', at.start, at.end));
    if (value === null) continue;
    if (typeof value !== 'number' || value < 0 || (!Number.isInteger(value) && value <= Number.MAX_SAFE_INTEGER)) {
      throw new Fault('parameter_invalid', `${path} must be a whole number that is not negative.`, { parameter: path });
    }
    max = Math.max(max ?? 0, Math.min(value, Number.MAX_SAFE_INTEGER));
  }
  return max;
}

function word(value: unknown): string | undefined {
  return typeof value === 'string' && value.length <= tierLettersMax ? value : undefined;
}

/** Nothing in the body names the model; a lower limit is set wherever one is named, else where the dialect has it. */
export function spliceRequest(body: Buffer, _scan: RequestScan, splice: RequestSplice): Buffer {
  const { outputTokensMax, more = [] } = splice;
  if (outputTokensMax === undefined) return applyEdits(body, more);
  const read = readRequestFields(body, fields, { field: 'messages', types: noTypes });
  const config = read.at('inferenceConfig');
  const limits = limitPlaces(body, config, read.at('additionalModelRequestFields'));
  const edits: Edit[] = [...more];
  let isNamed = false;
  for (const { at } of limits) {
    const value: unknown = JSON.parse(body.toString('utf8', at.start, at.end));
    isNamed ||= typeof value === 'number';
    if (typeof value === 'number' && value > outputTokensMax) edits.push({ ...at, text: `${outputTokensMax}` });
  }
  if (isNamed) return applyEdits(body, edits);
  const [own] = limits.filter(({ path }) => path === 'inferenceConfig.maxTokens');
  if (own !== undefined) edits.push({ ...own.at, text: `${outputTokensMax}` });
  else if (config === undefined || body[config.start] !== objectStart) edits.push(configEdit(body, config, splice));
  else edits.push(firstMember(body, config.start, `"maxTokens":${outputTokensMax}`));
  return applyEdits(body, edits);
}

const objectStart = 0x7b;
const objectEnd = 0x7d;
const listStart = 0x5b;
const listEnd = 0x5d;

function behindSpace(body: Buffer, from: number): number {
  let at = from;
  while (body[at] === 0x20 || body[at] === 0x0a || body[at] === 0x0d || body[at] === 0x09) at += 1;
  return at;
}

function configEdit(body: Buffer, config: Pick<Edit, 'start' | 'end'> | undefined, splice: RequestSplice): Edit {
  const text = `{"maxTokens":${splice.outputTokensMax}}`;
  // `null` says nothing.
  if (config !== undefined) return { ...config, text };
  return firstMember(body, body.indexOf('{'), `"inferenceConfig":${text}`);
}

/** A member behind the brace that opens an object. */
function firstMember(body: Buffer, openAt: number, member: string): Edit {
  const isEmpty = body[behindSpace(body, openAt + 1)] === objectEnd;
  return { start: openAt + 1, end: openAt + 1, text: isEmpty ? member : `${member},` };
}
