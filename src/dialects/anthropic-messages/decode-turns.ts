import { Fault } from '../../completion/fault.ts';
import type { LossLedger } from '../../completion/loss.ts';
import type { Block, MediaBlock, TextBlock, Turn } from '../../completion/request.ts';
import {
  FieldRules,
  isEmpty,
  isRecord,
  lost,
  optionalFlag,
  read,
  readFilledList,
  readFilledString,
  readList,
  readRecord,
  readString,
  refused,
  unsupported,
  type WireRecord,
} from '../wire-values.ts';
import { decodeCacheMark } from './cache.ts';
import { decodeMedia, mediaBlockTypes } from './decode-media.ts';
import { decodeRedactedBlock, decodeThinkingBlock } from './reasoning.ts';

const messageFields = new FieldRules({ role: read, content: read });
const textFields = new FieldRules({
  type: read,
  text: read,
  cache_control: read,
  citations: lost('citations-unsupported', isEmpty),
});
const callFields = new FieldRules({
  type: read,
  id: read,
  name: read,
  input: read,
  cache_control: read,
  caller: refused(value => isRecord(value) && value['type'] === 'direct'),
  toolset_name: refused(),
});
const resultFields = new FieldRules({
  type: read,
  tool_use_id: read,
  content: read,
  is_error: read,
  cache_control: read,
  toolset_name: refused(),
});
export function decodeSystem(system: unknown, losses: LossLedger): Turn[] {
  if (system === undefined || system === null) return [];
  const blocks = decodeTexts(system, 'system', losses);
  return blocks.length === 0 ? [] : [{ role: 'system', blocks, path: 'system' }];
}

export function decodeMessages(messages: unknown, losses: LossLedger): Turn[] {
  return readFilledList(messages, 'messages').map((entry, index) => {
    const path = `messages.${index}`;
    const message = readRecord(entry, path);
    messageFields.check(message, path, losses);
    const { role, content } = message;
    if (role === 'system') return { role, blocks: decodeTexts(content, `${path}.content`, losses), path };
    if (role === 'user' || role === 'assistant') {
      const blocks = decodeContent(content, `${path}.content`, losses);
      const thought = role === 'user' ? blocks.find(block => block.type === 'reasoning') : undefined;
      if (thought !== undefined) throw unsupported(thought.path, 'only assistants think.');
      return { role, blocks, path };
    }
    throw new Fault('parameter_invalid', `${path}.role is not a role of this API.`, { parameter: `${path}.role` });
  });
}

function decodeContent(content: unknown, path: string, losses: LossLedger): Block[] {
  if (typeof content === 'string') return [{ type: 'text', text: content }];
  return readList(content, path).map((entry, index) => decodeBlock(entry, `${path}.${index}`, losses));
}

function decodeTexts(content: unknown, path: string, losses: LossLedger): TextBlock[] {
  return decodeInside(content, path, losses).map((block, index) => {
    if (block.type === 'text') return block;
    throw unsupported(`${path}.${index}`);
  });
}

const referenceFields = new FieldRules({ type: read, tool_name: read, cache_control: read });

/** A result may also say which deferred tools a search has found. Every tool was given at once, so a text says it. */
function decodeResult(content: unknown, path: string, losses: LossLedger): (TextBlock | MediaBlock)[] {
  if (typeof content === 'string') return decodeInside(content, path, losses);
  return readList(content, path).map((entry, index) => {
    const at = `${path}.${index}`;
    if (!isRecord(entry) || entry['type'] !== 'tool_reference') return decodeInner(entry, at, losses);
    referenceFields.check(entry, at, losses);
    losses.approximated('tool-reference-as-text', at);
    const text = `Found the tool ${readFilledString(entry['tool_name'], `${at}.tool_name`)}.`;
    return { type: 'text', text, cache: decodeCacheMark(entry['cache_control'], at, losses) };
  });
}

/** Of a tool's result, and of a document made of blocks. */
function decodeInside(content: unknown, path: string, losses: LossLedger): (TextBlock | MediaBlock)[] {
  if (typeof content === 'string') return [{ type: 'text', text: content }];
  return readList(content, path).map((entry, index) => decodeInner(entry, `${path}.${index}`, losses));
}

function decodeInner(entry: unknown, path: string, losses: LossLedger): TextBlock | MediaBlock {
  const block = decodeBlock(entry, path, losses);
  if (block.type === 'text' || block.type === 'media') return block;
  throw unsupported(path);
}

function decodeBlock(entry: unknown, path: string, losses: LossLedger): Block {
  const block = readRecord(entry, path);
  const decoded = decodeUnmarked(block, path, losses);
  const cache = decodeCacheMark(block['cache_control'], path, losses);
  return cache === undefined || decoded.type === 'reasoning' ? decoded : { ...decoded, cache };
}

function decodeUnmarked(block: WireRecord, path: string, losses: LossLedger): Block {
  const type = readString(block['type'], `${path}.type`);
  switch (type) {
    case 'text':
      textFields.check(block, path, losses);
      return { type: 'text', text: readString(block['text'], `${path}.text`) };
    case 'tool_use':
      callFields.check(block, path, losses);
      return {
        type: 'call',
        id: readFilledString(block['id'], `${path}.id`),
        name: readFilledString(block['name'], `${path}.name`),
        argumentsText: JSON.stringify(readRecord(block['input'] ?? {}, `${path}.input`)),
      };
    case 'tool_result':
      resultFields.check(block, path, losses);
      return {
        type: 'result',
        callId: readFilledString(block['tool_use_id'], `${path}.tool_use_id`),
        blocks: block['content'] == null ? [] : decodeResult(block['content'], `${path}.content`, losses),
        isError: optionalFlag(block['is_error'], `${path}.is_error`) ?? false,
      };
    case 'thinking':
      return decodeThinkingBlock(block, path, losses);
    case 'redacted_thinking':
      return decodeRedactedBlock(block, path, losses);
    default:
      if (mediaBlockTypes.has(type)) {
        return decodeMedia(block, type, path, losses, (content, at) => decodeInside(content, at, losses));
      }
      throw unsupported(path, `blocks of type ${type.slice(0, 40)} cannot be carried to another dialect yet.`);
  }
}
