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
  readFilledString,
  readList,
  readRecord,
  readString,
  unsupported,
  type WireRecord,
} from '../wire-values.ts';
import { decodeImage, decodeResultDocument } from './decode-media.ts';

const messageFields = {
  said: new FieldRules({ role: read, content: read }),
  assistant: new FieldRules({
    role: read,
    content: read,
    tool_plan: read,
    tool_calls: read,
    citations: lost('citations-unsupported', isEmpty),
  }),
  tool: new FieldRules({ role: read, content: read, tool_call_id: read }),
} as const;

const textFields = new FieldRules({ type: read, text: read });
const thinkingFields = new FieldRules({ type: read, thinking: read });
const callFields = new FieldRules({ id: read, type: read, function: read });
const calledFields = new FieldRules({ name: read, arguments: read });

export function decodeMessages(messages: readonly unknown[], losses: LossLedger): Turn[] {
  return messages.map((entry, index) => {
    const path = `messages.${index}`;
    const message = readRecord(entry, path);
    switch (message['role']) {
      case 'system':
        messageFields.said.check(message, path, losses);
        return { role: 'system', blocks: decodeTexts(message['content'], `${path}.content`, losses), path };
      case 'user':
        messageFields.said.check(message, path, losses);
        return { role: 'user', blocks: decodeContent(message['content'], `${path}.content`, losses), path };
      case 'assistant':
        messageFields.assistant.check(message, path, losses);
        return { role: 'assistant', blocks: decodeAssistant(message, path, losses), path };
      case 'tool':
        messageFields.tool.check(message, path, losses);
        return { role: 'user', blocks: [decodeResult(message, path, losses)], path };
      default:
        throw new Fault('parameter_invalid', `${path}.role is not a role of this API.`, { parameter: `${path}.role` });
    }
  });
}

/** Documents of the request are told with the last thing that the user said: what is asked is asked of them. */
export function withDocuments(turns: readonly Turn[], documents: readonly MediaBlock[]): readonly Turn[] {
  if (documents.length === 0) return turns;
  const at = turns.findLastIndex(({ role, blocks }) => role === 'user' && blocks.some(({ type }) => type !== 'result'));
  if (at === -1) return [...turns, { role: 'user', blocks: documents, path: 'documents' }];
  const turn = turns[at]!;
  return turns.toSpliced(at, 1, { ...turn, blocks: [...documents, ...turn.blocks] });
}

function decodeContent(content: unknown, path: string, losses: LossLedger): (TextBlock | MediaBlock)[] {
  if (typeof content === 'string') return [{ type: 'text', text: content }];
  return readList(content, path).map((entry, index) => {
    const at = `${path}.${index}`;
    const part = readRecord(entry, at);
    if (part['type'] === 'text') return decodeText(part, at, losses);
    if (part['type'] === 'image_url') return decodeImage(part, at, losses);
    throw unknownPart(part, at);
  });
}

function decodeTexts(content: unknown, path: string, losses: LossLedger): TextBlock[] {
  if (typeof content === 'string') return [{ type: 'text', text: content }];
  return readList(content, path).map((entry, index) => {
    const at = `${path}.${index}`;
    const part = readRecord(entry, at);
    if (part['type'] !== 'text') throw unknownPart(part, at);
    return decodeText(part, at, losses);
  });
}

function decodeText(part: WireRecord, path: string, losses: LossLedger): TextBlock {
  textFields.check(part, path, losses);
  return { type: 'text', text: readString(part['text'], `${path}.text`) };
}

function unknownPart(part: WireRecord, path: string): Fault {
  const type = readString(part['type'], `${path}.type`);
  return unsupported(path, `a part of type ${type.slice(0, 40)} has no place there in another dialect.`);
}

/** What was thought, what was planned and what was said, in that order, then the calls. */
function decodeAssistant(message: WireRecord, path: string, losses: LossLedger): Block[] {
  const { content, tool_plan: plan, tool_calls: calls } = message;
  const said = content === undefined || content === null ? [] : decodeSaid(content, `${path}.content`, losses);
  const planned = optionalString(plan, `${path}.tool_plan`) ?? '';
  const called = calls === undefined || calls === null ? [] : readList(calls, `${path}.tool_calls`);
  return [
    ...said.filter(({ type }) => type === 'reasoning'),
    ...(planned === '' ? [] : [{ type: 'text' as const, text: planned }]),
    ...said.filter(({ type }) => type === 'text'),
    ...called.map((call, index) => decodeCall(call, `${path}.tool_calls.${index}`, losses)),
  ];
}

function decodeSaid(content: unknown, path: string, losses: LossLedger): (TextBlock | ReasoningBlock)[] {
  if (typeof content === 'string') return [{ type: 'text', text: content }];
  return readList(content, path).map((entry, index) => {
    const at = `${path}.${index}`;
    const part = readRecord(entry, at);
    if (part['type'] === 'text') return decodeText(part, at, losses);
    if (part['type'] !== 'thinking') throw unknownPart(part, at);
    thinkingFields.check(part, at, losses);
    const text = readString(part['thinking'], `${at}.thinking`);
    return { type: 'reasoning', text, redacted: false, state: undefined, path: at };
  });
}

function decodeCall(entry: unknown, path: string, losses: LossLedger): CallBlock {
  const call = readRecord(entry, path);
  if ((call['type'] ?? 'function') !== 'function') throw unsupported(`${path}.type`);
  callFields.check(call, path, losses);
  const called = readRecord(call['function'], `${path}.function`);
  calledFields.check(called, `${path}.function`, losses);
  return {
    type: 'call',
    id: readFilledString(call['id'], `${path}.id`),
    name: readFilledString(called['name'], `${path}.function.name`),
    argumentsText: argumentsText(optionalString(called['arguments'], `${path}.function.arguments`) ?? ''),
  };
}

/** In whole answers a call without arguments has the text `null`
 *  (recorded traffic in github.com/vercel/ai, packages/cohere, 2026-11). */
export function argumentsText(text: string): string {
  return text === 'null' ? '' : text;
}

function decodeResult(message: WireRecord, path: string, losses: LossLedger): ResultBlock {
  return {
    type: 'result',
    callId: readFilledString(message['tool_call_id'], `${path}.tool_call_id`),
    blocks: decodeOutput(message['content'], `${path}.content`, losses),
    isError: false,
  };
}

function decodeOutput(content: unknown, path: string, losses: LossLedger): TextBlock[] {
  if (typeof content === 'string') return [{ type: 'text', text: content }];
  return readList(content, path).map((entry, index) => {
    const at = `${path}.${index}`;
    const part = readRecord(entry, at);
    if (part['type'] === 'document') return decodeResultDocument(part, at, losses);
    if (part['type'] !== 'text') throw unknownPart(part, at);
    return decodeText(part, at, losses);
  });
}
