import { Fault } from '../../completion/fault.ts';
import type { LossLedger } from '../../completion/loss.ts';
import type {
  Block,
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

/** What becomes of every documented field (@anthropic-ai/sdk 1.11, messages.ts, 2026-11). */
const topFields = new FieldRules({
  model: read,
  messages: read,
  max_tokens: read,
  system: read,
  stop_sequences: read,
  stream: read,
  temperature: read,
  top_p: read,
  top_k: read,
  tools: read,
  tool_choice: read,
  metadata: read,

  cache_control: refused(),
  container: refused(),
  context_management: refused(),
  fallbacks: refused(),
  // It says where the answer may be computed, which no other dialect can be told.
  inference_geo: refused(),
  mcp_servers: refused(isEmpty),
  output_config: refused(isEmpty),
  output_format: refused(),
  service_tier: refused(isOneOf('auto', 'standard_only')),
  speed: refused(isOneOf('standard')),
  thinking: refused(value => isRecord(value) && value['type'] === 'disabled'),
  thread: refused(),
  workspace_id: refused(),

  diagnostics: lost('diagnostics-unsupported', isEmpty),
  user_profile_id: lost('user-profile-unsupported'),
});

const metadataFields = new FieldRules({ user_id: read });
const messageFields = new FieldRules({ role: read, content: read });
const textFields = new FieldRules({
  type: read,
  text: read,
  cache_control: refused(),
  citations: refused(isEmpty),
});
const callFields = new FieldRules({
  type: read,
  id: read,
  name: read,
  input: read,
  cache_control: refused(),
  caller: refused(value => isRecord(value) && value['type'] === 'direct'),
  toolset_name: refused(),
});
const resultFields = new FieldRules({
  type: read,
  tool_use_id: read,
  content: read,
  is_error: read,
  cache_control: refused(),
  toolset_name: refused(),
});
const toolFields = new FieldRules({
  type: read,
  name: read,
  description: read,
  input_schema: read,
  strict: read,
  allowed_callers: refused(value => Array.isArray(value) && value.length === 1 && value[0] === 'direct'),
  cache_control: refused(),
  defer_loading: refused(isOneOf(false)),
  input_examples: refused(isEmpty),
  eager_input_streaming: lost('eager-input-streaming-unsupported', isOneOf(false)),
});
const choiceFields = new FieldRules({ type: read, name: read, disable_parallel_tool_use: read });

export function decodeRequest(body: Buffer, losses: LossLedger): CompletionRequest {
  const wire = readBody(body);
  topFields.check(wire, '', losses);
  const tokensMax = optionalCount(wire['max_tokens'], 'max_tokens');
  if (tokensMax === undefined) {
    throw new Fault('parameter_missing', 'max_tokens is missing.', { parameter: 'max_tokens' });
  }
  const choice = decodeToolChoice(wire['tool_choice'], losses);
  return {
    requestedModel: readFilledString(wire['model'], 'model'),
    stream: optionalFlag(wire['stream'], 'stream') ?? false,
    streamUsage: true,
    turns: [...decodeSystem(wire['system'], losses), ...decodeMessages(wire['messages'], losses)],
    outputTokensMax: tokensMax,
    sampling: decodeSampling(wire),
    stop: wire['stop_sequences'] == null ? [] : readStrings(wire['stop_sequences'], 'stop_sequences'),
    tools: decodeTools(wire['tools'], losses),
    toolChoice: choice.choice,
    parallelToolCalls: choice.parallel,
    endUser: decodeEndUser(wire['metadata'], losses),
  };
}

function decodeSampling(wire: WireRecord): CompletionRequest['sampling'] {
  const temperature = optionalNumber(wire['temperature'], 'temperature');
  const topP = optionalNumber(wire['top_p'], 'top_p');
  const topK = optionalCount(wire['top_k'], 'top_k');
  return {
    ...(temperature === undefined ? undefined : { temperature }),
    ...(topP === undefined ? undefined : { topP }),
    ...(topK === undefined ? undefined : { topK }),
  };
}

function decodeEndUser(metadata: unknown, losses: LossLedger): string | undefined {
  if (metadata === undefined || metadata === null) return undefined;
  const record = readRecord(metadata, 'metadata');
  metadataFields.check(record, 'metadata', losses);
  return optionalString(record['user_id'], 'metadata.user_id');
}

function decodeSystem(system: unknown, losses: LossLedger): Turn[] {
  if (system === undefined || system === null) return [];
  const blocks = decodeTexts(system, 'system', losses);
  return blocks.length === 0 ? [] : [{ role: 'system', blocks, path: 'system' }];
}

function decodeMessages(messages: unknown, losses: LossLedger): Turn[] {
  return readList(messages, 'messages').map((entry, index) => {
    const path = `messages.${index}`;
    const message = readRecord(entry, path);
    messageFields.check(message, path, losses);
    const { role, content } = message;
    if (role === 'system') return { role, blocks: decodeTexts(content, `${path}.content`, losses), path };
    if (role === 'user' || role === 'assistant') {
      return { role, blocks: decodeContent(content, `${path}.content`, losses), path };
    }
    throw new Fault('parameter_invalid', `${path}.role is not a role of this API.`, { parameter: `${path}.role` });
  });
}

function decodeContent(content: unknown, path: string, losses: LossLedger): Block[] {
  if (typeof content === 'string') return [{ type: 'text', text: content }];
  return readList(content, path).map((entry, index) => decodeBlock(entry, `${path}.${index}`, losses));
}

function decodeTexts(content: unknown, path: string, losses: LossLedger): TextBlock[] {
  if (typeof content === 'string') return [{ type: 'text', text: content }];
  return readList(content, path).map((entry, index) => {
    const at = `${path}.${index}`;
    const block = decodeBlock(entry, at, losses);
    if (block.type === 'text') return block;
    throw unsupported(at);
  });
}

function decodeBlock(entry: unknown, path: string, losses: LossLedger): Block {
  const block = readRecord(entry, path);
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
        blocks: block['content'] == null ? [] : decodeTexts(block['content'], `${path}.content`, losses),
        isError: optionalFlag(block['is_error'], `${path}.is_error`) ?? false,
      };
    default:
      throw unsupported(path, `blocks of type ${type.slice(0, 40)} cannot be carried to another dialect yet.`);
  }
}

function decodeTools(value: unknown, losses: LossLedger): readonly ToolDefinition[] {
  if (value === undefined || value === null) return [];
  return readList(value, 'tools').map((entry, index) => {
    const path = `tools.${index}`;
    const tool = readRecord(entry, path);
    if ((tool['type'] ?? 'custom') !== 'custom') throw unsupported(`${path}.type`);
    toolFields.check(tool, path, losses);
    return {
      name: readFilledString(tool['name'], `${path}.name`),
      description: optionalString(tool['description'], `${path}.description`),
      parameters: readRecord(tool['input_schema'], `${path}.input_schema`),
      strict: optionalFlag(tool['strict'], `${path}.strict`),
    };
  });
}

interface DecodedChoice {
  readonly choice: ToolChoice | undefined;
  readonly parallel: boolean | undefined;
}

function decodeToolChoice(value: unknown, losses: LossLedger): DecodedChoice {
  if (value === undefined || value === null) return { choice: undefined, parallel: undefined };
  const wire = readRecord(value, 'tool_choice');
  choiceFields.check(wire, 'tool_choice', losses);
  const isSerial = optionalFlag(wire['disable_parallel_tool_use'], 'tool_choice.disable_parallel_tool_use');
  const parallel = isSerial === undefined ? undefined : !isSerial;
  const type = wire['type'];
  if (type === 'auto' || type === 'any' || type === 'none') return { choice: { type }, parallel };
  if (type === 'tool') {
    return { choice: { type, name: readFilledString(wire['name'], 'tool_choice.name') }, parallel };
  }
  throw new Fault('parameter_invalid', 'tool_choice.type is not a choice of this API.', {
    parameter: 'tool_choice.type',
  });
}
