import { Fault } from '../../completion/fault.ts';
import type { LossLedger } from '../../completion/loss.ts';
import type { CacheControl, CompletionRequest, OutputFormat, ServiceTier } from '../../completion/request.ts';
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
  readFilledString,
  readRecord,
  refused,
  type WireRecord,
} from '../wire-values.ts';
import { decodeCacheMark } from './cache.ts';
import { checkContextManagement } from './context-management.ts';
import { decodeToolChoice, decodeTools } from './decode-tools.ts';
import { decodeMessages, decodeSystem } from './decode-turns.ts';
import { decodeReasoning } from './reasoning.ts';

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

  cache_control: read,
  output_config: read,
  output_format: read,
  service_tier: read,
  thinking: read,
  context_management: read,

  container: refused(),
  fallbacks: refused(),
  // It says where the answer may be computed, which no other dialect can be told.
  inference_geo: refused(),
  mcp_servers: refused(isEmpty),
  // Another price, by another beta.
  speed: refused(isOneOf('standard')),
  thread: refused(),
  workspace_id: refused(),

  diagnostics: lost('diagnostics-unsupported', isEmpty),
  user_profile_id: lost('user-profile-unsupported'),
});

const outputFields = new FieldRules({ effort: read, format: read });
const formatFields = new FieldRules({ type: read, schema: read });
const metadataFields = new FieldRules({ user_id: read });

const samplingFields: SamplingFields = [
  ['temperature', 'temperature'],
  ['topP', 'top_p'],
  ['topK', 'top_k'],
];

export function decodeRequest(body: Buffer, losses: LossLedger): CompletionRequest {
  const wire = readBody(body);
  topFields.check(wire, '', losses);
  const tokensMax = optionalCount(wire['max_tokens'], 'max_tokens');
  if (tokensMax === undefined) {
    throw new Fault('parameter_missing', 'max_tokens is missing.', { parameter: 'max_tokens' });
  }
  checkContextManagement(wire['context_management'], losses);
  const choice = decodeToolChoice(wire['tool_choice'], losses);
  const turns = [...decodeSystem(wire['system'], losses), ...decodeMessages(wire['messages'], losses)];
  const config = decodeConfig(wire, losses);
  return {
    requestedModel: readFilledString(wire['model'], 'model'),
    stream: optionalFlag(wire['stream'], 'stream') ?? false,
    streamUsage: true,
    turns,
    outputTokensMax: tokensMax,
    sampling: readSampling(wire, samplingFields),
    stop: readStops(wire['stop_sequences'], 'stop_sequences'),
    tools: decodeTools(wire['tools'], losses),
    toolChoice: choice.choice,
    parallelToolCalls: choice.parallel,
    endUser: decodeEndUser(wire['metadata'], losses),
    output: config.output,
    reasoning: decodeReasoning(wire['thinking'], config.effort, losses),
    cache: decodeCache(wire['cache_control'], losses),
    serviceTier: decodeServiceTier(wire['service_tier']),
    // The API goes on where the last message ends, when that is the assistant's.
    continuesAssistant: turns.at(-1)?.role === 'assistant' ? true : undefined,
  };
}

/** `output_format` is the beta's name of what `output_config.format` is. */
function decodeConfig(
  wire: WireRecord,
  losses: LossLedger,
): { readonly effort: unknown; readonly output: OutputFormat | undefined } {
  const beta = decodeFormat(wire['output_format'], 'output_format', losses);
  const config = wire['output_config'];
  if (config === undefined || config === null) return { effort: undefined, output: beta };
  const record = readRecord(config, 'output_config');
  outputFields.check(record, 'output_config', losses);
  return { effort: record['effort'], output: decodeFormat(record['format'], 'output_config.format', losses) ?? beta };
}

/** Answers are held to the schema always. */
export function decodeFormat(value: unknown, path: string, losses: LossLedger): OutputFormat | undefined {
  if (value === undefined || value === null) return undefined;
  const format = readRecord(value, path);
  formatFields.check(format, path, losses);
  if (format['type'] !== 'json_schema') throw invalid(`${path}.type`, 'is not a form of this API');
  const schema = readRecord(format['schema'], `${path}.schema`);
  return { type: 'json-schema', name: undefined, description: undefined, schema, strict: true };
}

function decodeCache(value: unknown, losses: LossLedger): CacheControl | undefined {
  const automatic = decodeCacheMark(value, '', losses);
  return automatic === undefined ? undefined : { automatic };
}

function decodeServiceTier(value: unknown): ServiceTier | undefined {
  const word = optionalString(value, 'service_tier');
  if (word === undefined || word === 'auto') return word;
  if (word === 'standard_only') return 'default';
  throw invalid('service_tier', 'is not a tier of this API');
}

function invalid(path: string, rule: string): Fault {
  return new Fault('parameter_invalid', `${path} ${rule}.`, { parameter: path });
}

function decodeEndUser(metadata: unknown, losses: LossLedger): string | undefined {
  if (metadata === undefined || metadata === null) return undefined;
  const record = readRecord(metadata, 'metadata');
  metadataFields.check(record, 'metadata', losses);
  return optionalString(record['user_id'], 'metadata.user_id');
}
