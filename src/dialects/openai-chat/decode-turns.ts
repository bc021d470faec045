import { Fault } from '../../completion/fault.ts';
import type { LossLedger } from '../../completion/loss.ts';
import type {
  Block,
  CacheMark,
  CallBlock,
  MediaBlock,
  ResultBlock,
  TextBlock,
  Turn,
} from '../../completion/request.ts';
import {
  FieldRules,
  isEmpty,
  isOneOf,
  isRecord,
  lost,
  optionalFlag,
  optionalString,
  read,
  readFilledString,
  readList,
  readRecord,
  readString,
  refused,
  unsupported,
  type WireRecord,
} from '../wire-values.ts';
import { decodeMark } from './cache.ts';
import { decodeMedia, mediaPartTypes } from './decode-media.ts';
import { FunctionCalls } from './legacy-functions.ts';
import { decodeReasoningBlocks } from './reasoning.ts';

const textPartFields = new FieldRules({
  type: read,
  text: read,
  prompt_cache_breakpoint: read,
  cache_control: read,
  // @openai/agents 0.20 puts the fields of an answer's message into each of its parts when it gives it back; calls stand in
  // the message as well, and are read there.
  tool_calls: read,
  role: refused(isOneOf('assistant')),
  refusal: refused(isEmpty),
  annotations: lost('annotations-unsupported', isEmpty),
});
const refusalPartFields = new FieldRules({ type: read, refusal: read, cache_control: read });

const name = lost('participant-name-unsupported', isEmpty);

const messageFields = {
  instruction: new FieldRules({ role: read, content: read, name, cache_control: read }),
  user: new FieldRules({ role: read, content: read, name, cache_control: read }),
  assistant: new FieldRules({
    role: read,
    content: read,
    refusal: read,
    tool_calls: read,
    name,
    audio: refused(),
    function_call: read,
    annotations: lost('annotations-unsupported', isEmpty),
    // Clients that saw reasoning send it back.
    reasoning_content: read,
    reasoning: read,
    reasoning_details: read,
    // The stream helper of openai-node 7.55 adds what it parsed out of `content`, and sends it back.
    parsed: read,
    // Mistral's word for a turn that is to be gone on with; its SDK (2.7) says false in every other.
    prefix: read,
    cache_control: read,
  }),
  tool: new FieldRules({ role: read, content: read, tool_call_id: read, name, cache_control: read }),
  function: new FieldRules({ role: read, content: read, name: read }),
} as const;

const callFields = new FieldRules({ id: read, type: read, function: read, index: read, cache_control: read });
/** `parsed_arguments` is the stream helper's too, parsed out of `arguments`. */
const calledFields = new FieldRules({ name: read, arguments: read, parsed_arguments: read });
const customCallFields = new FieldRules({ id: read, type: read, custom: read, index: read });
const customCalledFields = new FieldRules({ name: read, input: read });

export function decodeMessages(messages: readonly unknown[], losses: LossLedger): Turn[] {
  const functions = new FunctionCalls();
  return messages.map((entry, index) => {
    const path = `messages.${index}`;
    const message = readRecord(entry, path);
    if (isPrefix(message, path) && index < messages.length - 1) {
      throw new Fault('parameter_invalid', `${path}.prefix may be true in the last message only.`, {
        parameter: `${path}.prefix`,
      });
    }
    const turn = decodeMessage(message, path, functions, losses);
    const cache = decodeMark(message, path, losses);
    return cache === undefined ? turn : { ...turn, blocks: markLast(turn.blocks, cache) };
  });
}

/** Is the answer to go on where the last message ends? */
export function continuesLast(messages: readonly unknown[]): boolean {
  const last = messages.at(-1);
  return isRecord(last) && last['role'] === 'assistant' && last['prefix'] === true;
}

function isPrefix(message: WireRecord, path: string): boolean {
  return message['role'] === 'assistant' && optionalFlag(message['prefix'], `${path}.prefix`) === true;
}

/** A message that is marked as a whole is cached to its end. */
function markLast(blocks: readonly Block[], cache: CacheMark): readonly Block[] {
  const last = blocks.at(-1);
  if (last === undefined || last.type === 'reasoning' || last.cache !== undefined) return blocks;
  return [...blocks.slice(0, -1), { ...last, cache }];
}

function decodeMessage(message: WireRecord, path: string, functions: FunctionCalls, losses: LossLedger): Turn {
  switch (message['role']) {
    case 'system':
    case 'developer':
      messageFields.instruction.check(message, path, losses);
      return { role: 'system', blocks: decodeTexts(message['content'], path, losses), path };
    case 'user':
      messageFields.user.check(message, path, losses);
      return { role: 'user', blocks: decodeContent(message['content'], path, losses), path };
    case 'assistant':
      messageFields.assistant.check(message, path, losses);
      return { role: 'assistant', blocks: decodeAssistant(message, path, functions, losses), path };
    case 'tool':
      messageFields.tool.check(message, path, losses);
      return { role: 'user', blocks: [decodeResult(message, path, losses)], path };
    case 'function':
      messageFields.function.check(message, path, losses);
      return { role: 'user', blocks: [decodeFunctionResult(message, path, functions, losses)], path };
    default:
      throw new Fault('parameter_invalid', `${path}.role is not a role of this API.`, { parameter: `${path}.role` });
  }
}

function decodeContent(content: unknown, path: string, losses: LossLedger): (TextBlock | MediaBlock)[] {
  if (typeof content === 'string') return [{ type: 'text', text: content }];
  const at = `${path}.content`;
  return readList(content, at).map((entry, index) => decodePart(entry, `${at}.${index}`, losses));
}

/** Of messages that take text only: instructions, and results of tools. */
function decodeTexts(content: unknown, path: string, losses: LossLedger): TextBlock[] {
  return decodeContent(content, path, losses).map(block => {
    if (block.type === 'text') return block;
    throw new Fault('parameter_invalid', `${block.path} must be a text: the role of its message takes no other part.`, {
      parameter: block.path,
    });
  });
}

function decodePart(entry: unknown, path: string, losses: LossLedger): TextBlock | MediaBlock {
  const part = readRecord(entry, path);
  const block = decodeUnmarked(part, path, losses);
  const cache = decodeMark(part, path, losses);
  return cache === undefined ? block : { ...block, cache };
}

function decodeUnmarked(part: WireRecord, path: string, losses: LossLedger): TextBlock | MediaBlock {
  const type = readString(part['type'], `${path}.type`);
  if (type === 'text') {
    textPartFields.check(part, path, losses);
    return { type: 'text', text: readString(part['text'], `${path}.text`) };
  }
  if (type === 'refusal') {
    refusalPartFields.check(part, path, losses);
    losses.approximated('refusal-as-text', path);
    return { type: 'text', text: readString(part['refusal'], `${path}.refusal`) };
  }
  if (mediaPartTypes.has(type)) return decodeMedia(part, type, path, losses);
  throw unsupported(path, `parts of type ${type.slice(0, 40)} cannot be carried to another dialect yet.`);
}

function decodeAssistant(message: WireRecord, path: string, functions: FunctionCalls, losses: LossLedger): Block[] {
  const blocks: Block[] = [...decodeReasoningBlocks(message, path)];
  const { content, refusal, tool_calls: calls } = message;
  if (content !== undefined && content !== null) blocks.push(...decodeTexts(content, path, losses));
  if (refusal !== undefined && refusal !== null) {
    losses.approximated('refusal-as-text', `${path}.refusal`);
    blocks.push({ type: 'text', text: readString(refusal, `${path}.refusal`) });
  }
  if (calls !== undefined && calls !== null) {
    readList(calls, `${path}.tool_calls`).forEach((call, index) => {
      blocks.push(decodeCall(call, `${path}.tool_calls.${index}`, losses));
    });
  }
  if (message['function_call'] != null) blocks.push(functions.call(message['function_call'], path));
  return blocks;
}

function decodeCall(entry: unknown, path: string, losses: LossLedger): CallBlock {
  const call = readRecord(entry, path);
  const type = call['type'] ?? 'function';
  if (type === 'custom') return decodeCustomCall(call, path, losses);
  if (type !== 'function') throw unsupported(`${path}.type`);
  callFields.check(call, path, losses);
  const called = readRecord(call['function'], `${path}.function`);
  calledFields.check(called, `${path}.function`, losses);
  return {
    type: 'call',
    id: readFilledString(call['id'], `${path}.id`),
    name: readFilledString(called['name'], `${path}.function.name`),
    argumentsText: optionalString(called['arguments'], `${path}.function.arguments`) ?? '',
    cache: decodeMark(call, path, losses),
  };
}

function decodeCustomCall(call: WireRecord, path: string, losses: LossLedger): CallBlock {
  customCallFields.check(call, path, losses);
  const called = readRecord(call['custom'], `${path}.custom`);
  customCalledFields.check(called, `${path}.custom`, losses);
  return {
    type: 'call',
    id: readFilledString(call['id'], `${path}.id`),
    name: readFilledString(called['name'], `${path}.custom.name`),
    argumentsText: readString(called['input'], `${path}.custom.input`),
    custom: true,
  };
}

/** A function that returned nothing has null for a content. */
function decodeFunctionResult(
  message: WireRecord,
  path: string,
  functions: FunctionCalls,
  losses: LossLedger,
): ResultBlock {
  return functions.result(message, path, decodeTexts(message['content'] ?? '', path, losses));
}

function decodeResult(message: WireRecord, path: string, losses: LossLedger): Block {
  return {
    type: 'result',
    callId: readFilledString(message['tool_call_id'], `${path}.tool_call_id`),
    blocks: decodeTexts(message['content'], path, losses),
    isError: false,
  };
}
