import { Fault } from '../../completion/fault.ts';
import type { LossLedger } from '../../completion/loss.ts';
import type {
  Block,
  CallBlock,
  MediaBlock,
  ReasoningBlock,
  ResultBlock,
  TextBlock,
  Turn,
} from '../../completion/request.ts';
import {
  FieldRules,
  isEmpty,
  lost,
  optionalString,
  read,
  readFilledList,
  readFilledString,
  readList,
  readRecord,
  readString,
  refused,
  unsupported,
} from '../wire-values.ts';
import { decodeCachePoint, markLast } from './cache.ts';
import { decodeMedia, decodeTexts, type MediaName, mediaBlocks } from './decode-media.ts';
import { readMember, type UnionMember } from './union.ts';

const messageFields = new FieldRules({ role: read, content: read });
const systemBlocks = new Set(['text', 'cachePoint', 'guardContent']);
const contentBlocks = new Set([
  'text',
  ...mediaBlocks,
  'toolUse',
  'toolResult',
  'reasoningContent',
  'cachePoint',
  'citationsContent',
  'guardContent',
]);
const resultBlocks = new Set(['text', 'json', ...mediaBlocks]);
const callFields = new FieldRules({ toolUseId: read, name: read, input: read, type: refused() });
const resultFields = new FieldRules({ toolUseId: read, content: read, status: read, type: refused() });
const guarded = new Set(['text', 'image']);
const guardedTextFields = new FieldRules({ text: read, qualifiers: read });
const citedFields = new FieldRules({ content: read, citations: lost('citations-unsupported', isEmpty) });
const thoughts = new Set(['reasoningText', 'redactedContent']);
const thoughtFields = new FieldRules({ text: read, signature: read });

export function decodeSystem(system: unknown, losses: LossLedger): Turn[] {
  if (system === undefined || system === null) return [];
  const blocks = decodeInstructions(system, 'system', losses);
  return blocks.length === 0 ? [] : [{ role: 'system', blocks, path: 'system' }];
}

export function decodeMessages(messages: unknown, losses: LossLedger): Turn[] {
  return readFilledList(messages, 'messages').map((entry, index) => {
    const path = `messages.${index}`;
    const message = readRecord(entry, path);
    messageFields.check(message, path, losses);
    const { role, content } = message;
    if (role === 'system') return { role, blocks: decodeInstructions(content, `${path}.content`, losses), path };
    if (role === 'user' || role === 'assistant') {
      const blocks = decodeContent(content, `${path}.content`, losses);
      const thought = role === 'user' ? blocks.find(block => block.type === 'reasoning') : undefined;
      if (thought !== undefined) throw unsupported(thought.path, 'only assistants think.');
      return { role, blocks, path };
    }
    throw new Fault('parameter_invalid', `${path}.role is not a role of this API.`, { parameter: `${path}.role` });
  });
}

function decodeInstructions(value: unknown, path: string, losses: LossLedger): TextBlock[] {
  const blocks: TextBlock[] = [];
  readList(value, path).forEach((entry, index) => {
    const member = readMember(entry, `${path}.${index}`, systemBlocks);
    if (member.name === 'cachePoint') {
      markLast(blocks, decodeCachePoint(member.value, member.path, losses), member.path, losses);
      return;
    }
    const block = member.name === 'text' ? textOf(member) : decodeGuarded(member, losses);
    if (block.type !== 'text') throw unsupported(member.path);
    blocks.push(block);
  });
  return blocks;
}

function textOf({ value, path }: UnionMember): TextBlock {
  return { type: 'text', text: readString(value, path) };
}

/** A cache point stands behind what it covers. */
function decodeContent(value: unknown, path: string, losses: LossLedger): Block[] {
  const blocks: Block[] = [];
  readList(value, path).forEach((entry, index) => {
    const member = readMember(entry, `${path}.${index}`, contentBlocks);
    if (member.name === 'cachePoint') {
      markLast(blocks, decodeCachePoint(member.value, member.path, losses), member.path, losses);
    } else blocks.push(...decodeBlock(member, losses));
  });
  return blocks;
}

function decodeBlock(member: UnionMember, losses: LossLedger): readonly Block[] {
  switch (member.name) {
    case 'text':
      return [textOf(member)];
    case 'toolUse':
      return [decodeCall(member, losses)];
    case 'toolResult':
      return [decodeResult(member, losses)];
    case 'reasoningContent':
      return [decodeReasoning(member, losses)];
    case 'citationsContent':
      return decodeCited(member, losses);
    case 'guardContent':
      return [decodeGuarded(member, losses)];
    default:
      // The cast is true: the names of `contentBlocks` that are left are those of media.
      return [decodeMedia(member.name as MediaName, member.value, member.at, losses)];
  }
}

function decodeCall({ value, path }: UnionMember, losses: LossLedger): CallBlock {
  const call = readRecord(value, path);
  callFields.check(call, path, losses);
  return {
    type: 'call',
    id: readFilledString(call['toolUseId'], `${path}.toolUseId`),
    name: readFilledString(call['name'], `${path}.name`),
    argumentsText: JSON.stringify(readRecord(call['input'] ?? {}, `${path}.input`)),
  };
}

function decodeResult({ value, path }: UnionMember, losses: LossLedger): ResultBlock {
  const result = readRecord(value, path);
  resultFields.check(result, path, losses);
  const status = optionalString(result['status'], `${path}.status`);
  if (status !== undefined && status !== 'success' && status !== 'error') {
    throw new Fault('parameter_invalid', `${path}.status is success or error.`, { parameter: `${path}.status` });
  }
  return {
    type: 'result',
    callId: readFilledString(result['toolUseId'], `${path}.toolUseId`),
    blocks: readList(result['content'], `${path}.content`).map((entry, index) =>
      decodeInside(readMember(entry, `${path}.content.${index}`, resultBlocks), losses),
    ),
    isError: status === 'error',
  };
}

/** JSON is text to every other dialect. */
function decodeInside(member: UnionMember, losses: LossLedger): TextBlock | MediaBlock {
  if (member.name === 'text') return textOf(member);
  if (member.name === 'json') return { type: 'text', text: JSON.stringify(member.value) };
  // The cast is true: the names of `resultBlocks` that are left are those of media.
  return decodeMedia(member.name as MediaName, member.value, member.at, losses);
}

function decodeReasoning({ value, path }: UnionMember, losses: LossLedger): ReasoningBlock {
  const thought = readMember(value, path, thoughts);
  if (thought.name === 'redactedContent') {
    return { type: 'reasoning', text: '', redacted: true, state: readFilledString(thought.value, thought.path), path };
  }
  const said = readRecord(thought.value, thought.path);
  thoughtFields.check(said, thought.path, losses);
  const signature = optionalString(said['signature'], `${thought.path}.signature`);
  return {
    type: 'reasoning',
    text: readString(said['text'], `${thought.path}.text`),
    redacted: false,
    state: signature === '' ? undefined : signature,
    path,
  };
}

function decodeCited({ value, path }: UnionMember, losses: LossLedger): readonly TextBlock[] {
  const cited = readRecord(value, path);
  citedFields.check(cited, path, losses);
  return cited['content'] == null ? [] : decodeTexts(cited['content'], `${path}.content`, losses);
}

/** What a guardrail is to look at. Without one, which is refused, it is content like any other. */
function decodeGuarded({ value, path }: UnionMember, losses: LossLedger): TextBlock | MediaBlock {
  const member = readMember(value, path, guarded);
  losses.approximated('guard-content-unmarked', path);
  if (member.name === 'image') return decodeMedia('image', member.value, member.at, losses);
  const said = readRecord(member.value, member.path);
  guardedTextFields.check(said, member.path, losses);
  return { type: 'text', text: readString(said['text'], `${member.path}.text`) };
}
