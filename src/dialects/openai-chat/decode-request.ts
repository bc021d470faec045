import { Fault } from '../../completion/fault.ts';
import type { LossLedger } from '../../completion/loss.ts';
import type {
  Block,
  CallBlock,
  CompletionRequest,
  TextBlock,
  ToolChoice,
  ToolDefinition,
  Turn,
} from '../../completion/request.ts';
import {
  FieldRules,
  isEmpty,
  isOneOf,
  isRecord,
  lost,
  optionalCount,
  optionalFlag,
  optionalNumber,
  optionalString,
  read,
  readBody,
  readFilledString,
  readList,
  readRecord,
  readString,
  readStrings,
  refused,
  unsupported,
  type WireRecord,
} from '../wire-values.ts';

/** What becomes of every documented field (openai-node 7.55, chat/completions.ts, 2026-11). */
const topFields = new FieldRules({
  model: read,
  messages: read,
  stream: read,
  stream_options: read,
  max_tokens: read,
  max_completion_tokens: read,
  temperature: read,
  top_p: read,
  seed: read,
  frequency_penalty: read,
  presence_penalty: read,
  stop: read,
  tools: read,
  tool_choice: read,
  parallel_tool_calls: read,
  user: read,
  safety_identifier: read,

  audio: refused(),
  function_call: refused(),
  functions: refused(isEmpty),
  logprobs: refused(isOneOf(false)),
  modalities: refused(value => Array.isArray(value) && value.length === 1 && value[0] === 'text'),
  moderation: refused(),
  n: refused(isOneOf(1)),
  prediction: refused(),
  reasoning_effort: refused(),
  response_format: refused(value => isRecord(value) && value['type'] === 'text'),
  service_tier: refused(isOneOf('auto', 'default')),
  top_logprobs: refused(isOneOf(0)),
  verbosity: refused(isOneOf('medium')),
  web_search_options: refused(),

  logit_bias: lost('logit-bias-unsupported', isEmpty),
  metadata: lost('metadata-unsupported', isEmpty),
  prompt_cache_key: lost('prompt-cache-key-unsupported'),
  prompt_cache_options: lost('prompt-cache-options-unsupported', isEmpty),
  prompt_cache_retention: lost('prompt-cache-retention-unsupported'),
  store: lost('store-unsupported', isOneOf(false)),
});

const streamOptionFields = new FieldRules({
  include_usage: read,
  include_obfuscation: lost('obfuscation-unsupported', isOneOf(false)),
});

const textPartFields = new FieldRules({ type: read, text: read, prompt_cache_breakpoint: refused() });
const refusalPartFields = new FieldRules({ type: read, refusal: read });

const name = lost('participant-name-unsupported', isEmpty);

const messageFields = {
  instruction: new FieldRules({ role: read, content: read, name }),
  user: new FieldRules({ role: read, content: read, name }),
  assistant: new FieldRules({
    role: read,
    content: read,
    refusal: read,
    tool_calls: read,
    name,
    audio: refused(),
    function_call: refused(),
    annotations: lost('annotations-unsupported', isEmpty),
    // Clients that saw reasoning send it back; it has no signature, so no other provider takes it.
    reasoning_content: lost('reasoning-history-unsupported', isEmpty),
    reasoning: lost('reasoning-history-unsupported', isEmpty),
    // The stream helper of openai-node 7.55 adds what it parsed out of `content`, and sends it back.
    parsed: read,
  }),
  tool: new FieldRules({ role: read, content: read, tool_call_id: read, name }),
} as const;

const callFields = new FieldRules({ id: read, type: read, function: read, index: read });
/** `parsed_arguments` is the stream helper's too, parsed out of `arguments`. */
const calledFields = new FieldRules({ name: read, arguments: read, parsed_arguments: read });
const toolFields = new FieldRules({ type: read, function: read });
const functionFields = new FieldRules({ name: read, description: read, parameters: read, strict: read });

export function decodeRequest(body: Buffer, losses: LossLedger): CompletionRequest {
  const wire = readBody(body);
  topFields.check(wire, '', losses);
  const stream = optionalFlag(wire['stream'], 'stream') ?? false;
  const sampling = {
    temperature: optionalNumber(wire['temperature'], 'temperature'),
    topP: optionalNumber(wire['top_p'], 'top_p'),
    seed: optionalNumber(wire['seed'], 'seed'),
    frequencyPenalty: optionalNumber(wire['frequency_penalty'], 'frequency_penalty'),
    presencePenalty: optionalNumber(wire['presence_penalty'], 'presence_penalty'),
  };
  return {
    requestedModel: readFilledString(wire['model'], 'model'),
    stream,
    streamUsage: streamUsage(wire['stream_options'], losses),
    turns: decodeMessages(readList(wire['messages'], 'messages'), losses),
    outputTokensMax: outputTokensMax(wire),
    sampling: withoutAbsent(sampling),
    stop: decodeStop(wire['stop']),
    tools: decodeTools(wire['tools'], losses),
    toolChoice: decodeToolChoice(wire['tool_choice']),
    parallelToolCalls: optionalFlag(wire['parallel_tool_calls'], 'parallel_tool_calls'),
    endUser: decodeEndUser(wire, losses),
  };
}

function streamUsage(options: unknown, losses: LossLedger): boolean {
  if (options === undefined || options === null) return false;
  const record = readRecord(options, 'stream_options');
  streamOptionFields.check(record, 'stream_options', losses);
  return optionalFlag(record['include_usage'], 'stream_options.include_usage') ?? false;
}

/** Both words may be named; the tighter one is meant. */
function outputTokensMax(wire: WireRecord): number | undefined {
  const old = optionalCount(wire['max_tokens'], 'max_tokens');
  const current = optionalCount(wire['max_completion_tokens'], 'max_completion_tokens');
  if (old === undefined || current === undefined) return old ?? current;
  return Math.min(old, current);
}

function decodeStop(value: unknown): readonly string[] {
  if (value === undefined || value === null) return [];
  return typeof value === 'string' ? [value] : readStrings(value, 'stop');
}

/** `safety_identifier` is the present name of what `user` was. */
function decodeEndUser(wire: WireRecord, losses: LossLedger): string | undefined {
  const user = optionalString(wire['user'], 'user');
  const identifier = optionalString(wire['safety_identifier'], 'safety_identifier');
  if (identifier !== undefined && user !== undefined && user !== identifier) losses.dropped('user-unsupported', 'user');
  return identifier ?? user;
}

function decodeMessages(messages: readonly unknown[], losses: LossLedger): Turn[] {
  return messages.map((entry, index) => {
    const path = `messages.${index}`;
    const message = readRecord(entry, path);
    switch (message['role']) {
      case 'system':
      case 'developer':
        messageFields.instruction.check(message, path, losses);
        return { role: 'system', blocks: decodeContent(message['content'], path, losses), path };
      case 'user':
        messageFields.user.check(message, path, losses);
        return { role: 'user', blocks: decodeContent(message['content'], path, losses), path };
      case 'assistant':
        messageFields.assistant.check(message, path, losses);
        return { role: 'assistant', blocks: decodeAssistant(message, path, losses), path };
      case 'tool':
        messageFields.tool.check(message, path, losses);
        return { role: 'user', blocks: [decodeResult(message, path, losses)], path };
      case 'function':
        throw unsupported(`${path}.role`);
      default:
        throw new Fault('parameter_invalid', `${path}.role is not a role of this API.`, { parameter: `${path}.role` });
    }
  });
}

function decodeContent(content: unknown, path: string, losses: LossLedger): TextBlock[] {
  if (typeof content === 'string') return [{ type: 'text', text: content }];
  const at = `${path}.content`;
  return readList(content, at).map((entry, index) => decodePart(entry, `${at}.${index}`, losses));
}

function decodePart(entry: unknown, path: string, losses: LossLedger): TextBlock {
  const part = readRecord(entry, path);
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
  throw unsupported(path, `parts of type ${type.slice(0, 40)} cannot be carried to another dialect yet.`);
}

function decodeAssistant(message: WireRecord, path: string, losses: LossLedger): Block[] {
  const blocks: Block[] = [];
  const { content, refusal, tool_calls: calls } = message;
  if (content !== undefined && content !== null) blocks.push(...decodeContent(content, path, losses));
  if (refusal !== undefined && refusal !== null) {
    losses.approximated('refusal-as-text', `${path}.refusal`);
    blocks.push({ type: 'text', text: readString(refusal, `${path}.refusal`) });
  }
  if (calls !== undefined && calls !== null) {
    readList(calls, `${path}.tool_calls`).forEach((call, index) => {
      blocks.push(decodeCall(call, `${path}.tool_calls.${index}`, losses));
    });
  }
  return blocks;
}

function decodeCall(entry: unknown, path: string, losses: LossLedger): CallBlock {
  const call = readRecord(entry, path);
  const type = call['type'] ?? 'function';
  if (type !== 'function') throw unsupported(`${path}.type`);
  callFields.check(call, path, losses);
  const called = readRecord(call['function'], `${path}.function`);
  calledFields.check(called, `${path}.function`, losses);
  return {
    type: 'call',
    id: readFilledString(call['id'], `${path}.id`),
    name: readFilledString(called['name'], `${path}.function.name`),
    argumentsText: optionalString(called['arguments'], `${path}.function.arguments`) ?? '',
  };
}

function decodeResult(message: WireRecord, path: string, losses: LossLedger): Block {
  return {
    type: 'result',
    callId: readFilledString(message['tool_call_id'], `${path}.tool_call_id`),
    blocks: decodeContent(message['content'], path, losses),
    isError: false,
  };
}

function decodeTools(value: unknown, losses: LossLedger): readonly ToolDefinition[] {
  if (value === undefined || value === null) return [];
  return readList(value, 'tools').map((entry, index) => {
    const path = `tools.${index}`;
    const tool = readRecord(entry, path);
    if (tool['type'] !== 'function') throw unsupported(`${path}.type`);
    toolFields.check(tool, path, losses);
    const definition = readRecord(tool['function'], `${path}.function`);
    functionFields.check(definition, `${path}.function`, losses);
    return {
      name: readFilledString(definition['name'], `${path}.function.name`),
      description: optionalString(definition['description'], `${path}.function.description`),
      parameters: definition['parameters'] ?? undefined,
      strict: optionalFlag(definition['strict'], `${path}.function.strict`),
    };
  });
}

function decodeToolChoice(value: unknown): ToolChoice | undefined {
  switch (value) {
    case undefined:
    case null:
      return undefined;
    case 'auto':
    case 'none':
      return { type: value };
    case 'required':
      return { type: 'any' };
  }
  if (typeof value === 'string') {
    throw new Fault('parameter_invalid', 'tool_choice is not a choice of this API.', { parameter: 'tool_choice' });
  }
  const choice = readRecord(value, 'tool_choice');
  if (choice['type'] !== 'function') throw unsupported('tool_choice.type');
  const named = readRecord(choice['function'], 'tool_choice.function');
  return { type: 'tool', name: readFilledString(named['name'], 'tool_choice.function.name') };
}

/** Absent stays absent rather than becoming a key with undefined. */
function withoutAbsent(sampling: Readonly<Record<string, number | undefined>>): CompletionRequest['sampling'] {
  const said: Record<string, number> = {};
  for (const key in sampling) {
    const value = sampling[key];
    if (value !== undefined) said[key] = value;
  }
  return said;
}
