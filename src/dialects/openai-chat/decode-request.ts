import type { LossLedger } from '../../completion/loss.ts';
import type { CompletionRequest } from '../../completion/request.ts';
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
  readStrings,
  refused,
  type WireRecord,
} from '../wire-values.ts';
import { decodeToolChoice, decodeTools } from './decode-tools.ts';
import { decodeMessages } from './decode-turns.ts';
import { decodeReasoning } from './reasoning.ts';

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
  reasoning_effort: read,
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
    reasoning: decodeReasoning(wire['reasoning_effort']),
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

/** Absent stays absent rather than becoming a key with undefined. */
function withoutAbsent(sampling: Readonly<Record<string, number | undefined>>): CompletionRequest['sampling'] {
  const said: Record<string, number> = {};
  for (const key in sampling) {
    const value = sampling[key];
    if (value !== undefined) said[key] = value;
  }
  return said;
}
