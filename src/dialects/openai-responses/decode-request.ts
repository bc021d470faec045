import { Fault } from '../../completion/fault.ts';
import type { LossLedger } from '../../completion/loss.ts';
import {
  type CompletionRequest,
  type ReasoningControl,
  reasoningEfforts,
  type ServiceTier,
  serviceTiers,
  type Turn,
} from '../../completion/request.ts';
import { readSampling, type SamplingFields } from '../sampling-fields.ts';
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
  readFilledString,
  readList,
  readRecord,
  readString,
  refused,
  unsupported,
  type WireRecord,
} from '../wire-values.ts';
import { decodeCache } from './cache.ts';
import { decodeToolChoice, decodeTools } from './decode-tools.ts';
import { decodeInput } from './decode-turns.ts';
import { decodeText } from './output-form.ts';

/** What becomes of every documented field (openai-node 7.55, responses.ts, 2026-11), and of Codex's own. What names stored state
 *  was refused by the scan. */
const topFields = new FieldRules({
  model: read,
  input: read,
  instructions: read,
  stream: read,
  stream_options: read,
  max_output_tokens: read,
  temperature: read,
  top_p: read,
  tools: read,
  tool_choice: read,
  parallel_tool_calls: read,
  text: read,
  reasoning: read,
  include: read,
  metadata: read,
  safety_identifier: read,
  user: read,
  service_tier: read,
  prompt_cache_key: read,
  prompt_cache_options: read,
  prompt_cache_retention: read,
  // It bounds tools that the provider runs, of which none is offered.
  max_tool_calls: read,

  access_programs: refused(isEmpty),
  background: refused(isOneOf(false)),
  conversation: refused(),
  image: refused(isEmpty),
  moderation: refused(),
  previous_response_id: refused(),
  prompt: refused(),
  top_logprobs: refused(isOneOf(0)),

  client_metadata: lost('client-metadata-unsupported', isEmpty),
  context_management: lost('context-management-unsupported', isEmpty),
  store: lost('store-unsupported', isOneOf(false)),
  truncation: lost('truncation-unsupported', isOneOf('disabled')),
});

const streamOptionFields = new FieldRules({
  include_obfuscation: lost('obfuscation-unsupported', isOneOf(false)),
});

const samplingFields: SamplingFields = [
  ['temperature', 'temperature'],
  ['topP', 'top_p'],
];

export function decodeRequest(body: Buffer, losses: LossLedger): CompletionRequest {
  const wire = readBody(body);
  topFields.check(wire, '', losses);
  const { stream_options: options } = wire;
  if (options != null) streamOptionFields.check(readRecord(options, 'stream_options'), 'stream_options', losses);
  checkInclude(wire['include']);
  const tools = decodeTools(wire['tools'], losses);
  const text = decodeText(wire['text'], losses);
  return {
    requestedModel: readFilledString(wire['model'], 'model'),
    stream: optionalFlag(wire['stream'], 'stream') ?? false,
    streamUsage: true,
    turns: [...decodeInstructions(wire['instructions']), ...decodeInput(wire['input'], losses)],
    outputTokensMax: optionalCount(wire['max_output_tokens'], 'max_output_tokens'),
    sampling: readSampling(wire, samplingFields),
    stop: [],
    tools,
    toolChoice: decodeToolChoice(wire['tool_choice'], tools, losses),
    parallelToolCalls: optionalFlag(wire['parallel_tool_calls'], 'parallel_tool_calls'),
    endUser: decodeEndUser(wire, losses),
    output: text.output,
    verbosity: text.verbosity,
    reasoning: decodeReasoning(wire['reasoning'], losses),
    cache: decodeCache(wire, losses),
    serviceTier: decodeServiceTier(wire['service_tier']),
    metadata: decodeMetadata(wire['metadata']),
  };
}

/** Said before the conversation. */
function decodeInstructions(value: unknown): Turn[] {
  const text = optionalString(value, 'instructions');
  if (text === undefined || text === '') return [];
  return [{ role: 'system', blocks: [{ type: 'text', text }], path: 'instructions' }];
}

/** What is asked to be shown of tools that the provider runs is shown of none, since none is offered. Reasoning state always
 *  is; log probabilities never are. */
const includable: ReadonlySet<unknown> = new Set([
  'reasoning.encrypted_content',
  'file_search_call.results',
  'web_search_call.results',
  'web_search_call.action.sources',
  'code_interpreter_call.outputs',
  'computer_call_output.output.image_url',
  'message.input_image.image_url',
]);

function checkInclude(value: unknown): void {
  if (value === undefined || value === null) return;
  readList(value, 'include').forEach((entry, index) => {
    if (!includable.has(readString(entry, `include.${index}`))) throw unsupported(`include.${index}`);
  });
}

const reasoningFields = new FieldRules({
  effort: read,
  summary: read,
  // Its former name.
  generate_summary: read,
  // Which turns it thinks over again is the provider's choice elsewhere.
  context: refused(isOneOf('auto')),
  mode: refused(isOneOf('standard')),
});

const summaries = ['auto', 'concise', 'detailed'] as const;

function decodeReasoning(value: unknown, losses: LossLedger): ReasoningControl | undefined {
  if (value === undefined || value === null) return undefined;
  const wire = readRecord(value, 'reasoning');
  reasoningFields.check(wire, 'reasoning', losses);
  const summary = oneOf(wire['summary'] ?? wire['generate_summary'], 'reasoning.summary', summaries);
  const display = summary === undefined ? undefined : 'summarized';
  const effort = oneOf(wire['effort'], 'reasoning.effort', ['none', ...reasoningEfforts]);
  if (effort === 'none') return { mode: 'off', effort: undefined, budgetTokens: undefined, display };
  if (effort !== undefined) return { mode: 'on', effort, budgetTokens: undefined, display };
  // Who only says how thoughts are shown leaves it to the model whether it has any.
  return display === undefined ? undefined : { mode: 'unset', effort, budgetTokens: undefined, display };
}

export function oneOf<const Word extends string>(
  value: unknown,
  path: string,
  words: readonly Word[],
): Word | undefined {
  const word = optionalString(value, path);
  const known = words.find(name => name === word);
  if (word === undefined || known !== undefined) return known;
  throw new Fault('parameter_invalid', `${path} is one of ${words.join(', ')}.`, { parameter: path });
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

/** `safety_identifier` is the present name of what `user` was. */
function decodeEndUser(wire: WireRecord, losses: LossLedger): string | undefined {
  const user = optionalString(wire['user'], 'user');
  const identifier = optionalString(wire['safety_identifier'], 'safety_identifier');
  if (identifier !== undefined && user !== undefined && user !== identifier) losses.dropped('user-unsupported', 'user');
  return identifier ?? user;
}
