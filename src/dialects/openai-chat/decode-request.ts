import { Fault } from '../../completion/fault.ts';
import type { LossLedger } from '../../completion/loss.ts';
import { type CompletionRequest, type ServiceTier, serviceTiers } from '../../completion/request.ts';
import { readSampling, readStops, type SamplingFields } from '../sampling-fields.ts';
import {
  FieldRules,
  isEmpty,
  isOneOf,
  lost,
  optionalCount,
  optionalFlag,
  optionalString,
  read,
  readBody,
  readFilledList,
  readFilledString,
  readRecord,
  readString,
  refused,
  unsupported,
  type WireRecord,
} from '../wire-values.ts';
import { decodeCache } from './cache.ts';
import { decodeToolChoice, decodeTools } from './decode-tools.ts';
import { continuesLast, decodeMessages } from './decode-turns.ts';
import { decodeFunctionChoice, decodeFunctions } from './legacy-functions.ts';
import { decodeOutput } from './output-form.ts';
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

  function_call: read,
  functions: read,
  logprobs: read,
  metadata: read,
  n: read,
  prompt_cache_key: read,
  prompt_cache_options: read,
  prompt_cache_retention: read,
  reasoning_effort: read,
  response_format: read,
  service_tier: read,
  top_logprobs: read,
  verbosity: read,

  audio: refused(),
  modalities: refused(value => Array.isArray(value) && value.length === 1 && value[0] === 'text'),
  moderation: refused(),
  // It searches on the provider's account and price; other APIs have tools of their own for it.
  web_search_options: refused(),

  logit_bias: lost('logit-bias-unsupported', isEmpty),
  // It makes an answer faster, not another.
  prediction: lost('prediction-unsupported'),
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
  const calling = decodeCalling(wire, losses);
  const messages = readFilledList(wire['messages'], 'messages');
  return {
    requestedModel: readFilledString(wire['model'], 'model'),
    stream,
    streamUsage: streamUsage(wire['stream_options'], losses),
    turns: decodeMessages(messages, losses),
    continuesAssistant: continuesLast(messages) ? true : undefined,
    outputTokensMax: outputTokensMax(wire),
    sampling: readSampling(wire, samplingFields),
    // One may be said without a list.
    stop: typeof wire['stop'] === 'string' ? [wire['stop']] : readStops(wire['stop'], 'stop'),
    ...calling,
    endUser: decodeEndUser(wire, losses),
    answers: optionalCount(wire['n'], 'n'),
    logprobs: decodeLogprobs(wire),
    output: decodeOutput(wire['response_format'], losses),
    verbosity: oneOf(wire['verbosity'], 'verbosity', verbosities),
    reasoning: decodeReasoning(wire['reasoning_effort']),
    cache: decodeCache(wire, losses),
    serviceTier: decodeServiceTier(wire['service_tier']),
    metadata: decodeMetadata(wire['metadata']),
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

const samplingFields: SamplingFields = [
  ['temperature', 'temperature'],
  ['topP', 'top_p'],
  ['seed', 'seed'],
  ['frequencyPenalty', 'frequency_penalty'],
  ['presencePenalty', 'presence_penalty'],
];

const verbosities = ['low', 'medium', 'high'] as const;

/** Tools, or functions in the old way, of which an answer holds one call at most. */
function decodeCalling(
  wire: WireRecord,
  losses: LossLedger,
): Pick<CompletionRequest, 'tools' | 'toolChoice' | 'parallelToolCalls' | 'legacyFunctions'> {
  const tools = decodeTools(wire['tools'], losses);
  const functions = decodeFunctions(wire['functions'], losses);
  if (functions.length === 0) {
    if (wire['function_call'] != null) {
      const message = 'function_call is taken only with functions.';
      throw new Fault('parameter_invalid', message, { parameter: 'function_call' });
    }
    return {
      tools,
      toolChoice: decodeToolChoice(wire['tool_choice'], losses),
      parallelToolCalls: optionalFlag(wire['parallel_tool_calls'], 'parallel_tool_calls'),
    };
  }
  if (tools.length > 0) throw unsupported('functions', 'tools and functions in one request.');
  const toolChoice = decodeFunctionChoice(wire['function_call']);
  return { tools: functions, toolChoice, parallelToolCalls: false, legacyFunctions: true };
}

function decodeLogprobs(wire: WireRecord): CompletionRequest['logprobs'] {
  const alternatives = optionalCount(wire['top_logprobs'], 'top_logprobs') ?? 0;
  if (optionalFlag(wire['logprobs'], 'logprobs') === true) return { alternatives };
  if (alternatives === 0) return undefined;
  throw new Fault('parameter_invalid', 'top_logprobs is taken only with logprobs.', { parameter: 'top_logprobs' });
}

function decodeServiceTier(value: unknown): ServiceTier | undefined {
  const word = optionalString(value, 'service_tier');
  const tier = serviceTiers.find(name => name === word);
  // Other hosts have words of their own, which say nothing elsewhere.
  if (word !== undefined && tier === undefined) throw unsupported('service_tier');
  return tier;
}

function decodeMetadata(value: unknown): CompletionRequest['metadata'] {
  if (value === undefined || value === null) return undefined;
  const entries = Object.entries(readRecord(value, 'metadata'));
  return Object.fromEntries(entries.map(([name, text]) => [name, readString(text, 'metadata')]));
}

function oneOf<const Word extends string>(value: unknown, path: string, words: readonly Word[]): Word | undefined {
  const word = optionalString(value, path);
  const known = words.find(name => name === word);
  if (word === undefined || known !== undefined) return known;
  throw new Fault('parameter_invalid', `${path} is one of ${words.join(', ')}.`, { parameter: path });
}

/** `safety_identifier` is the present name of what `user` was. */
function decodeEndUser(wire: WireRecord, losses: LossLedger): string | undefined {
  const user = optionalString(wire['user'], 'user');
  const identifier = optionalString(wire['safety_identifier'], 'safety_identifier');
  if (identifier !== undefined && user !== undefined && user !== identifier) losses.dropped('user-unsupported', 'user');
  return identifier ?? user;
}
