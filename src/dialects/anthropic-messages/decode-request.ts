import { Fault } from '../../completion/fault.ts';
import type { LossLedger } from '../../completion/loss.ts';
import type { CompletionRequest } from '../../completion/request.ts';
import {
  FieldRules,
  isEmpty,
  isOneOf,
  lost,
  optionalCount,
  optionalFlag,
  optionalNumber,
  optionalString,
  read,
  readBody,
  readFilledString,
  readRecord,
  readStrings,
  refused,
  type WireRecord,
} from '../wire-values.ts';
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

  cache_control: refused(),
  container: refused(),
  context_management: refused(),
  fallbacks: refused(),
  // It says where the answer may be computed, which no other dialect can be told.
  inference_geo: refused(),
  mcp_servers: refused(isEmpty),
  output_config: read,
  output_format: refused(),
  service_tier: refused(isOneOf('auto', 'standard_only')),
  speed: refused(isOneOf('standard')),
  thinking: read,
  thread: refused(),
  workspace_id: refused(),

  diagnostics: lost('diagnostics-unsupported', isEmpty),
  user_profile_id: lost('user-profile-unsupported'),
});

const outputFields = new FieldRules({ effort: read, format: refused() });
const metadataFields = new FieldRules({ user_id: read });
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
    reasoning: decodeReasoning(wire['thinking'], decodeEffort(wire['output_config'], losses), losses),
  };
}

function decodeEffort(config: unknown, losses: LossLedger): unknown {
  if (config === undefined || config === null) return undefined;
  const record = readRecord(config, 'output_config');
  outputFields.check(record, 'output_config', losses);
  return record['effort'];
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
