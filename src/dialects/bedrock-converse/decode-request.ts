import { Fault } from '../../completion/fault.ts';
import type { LossLedger } from '../../completion/loss.ts';
import type { CompletionRequest, OutputFormat, Sampling, ServiceTier } from '../../completion/request.ts';
import type { PathFacts } from '../dialect.ts';
import { parseBounded } from '../exact-json.ts';
import { readStops } from '../sampling-fields.ts';
import {
  FieldRules,
  isEmpty,
  isRecord,
  lost,
  optionalCount,
  optionalNumber,
  optionalString,
  read,
  readBody,
  readFilledString,
  readRecord,
  readString,
  refused,
  unsupported,
  type WireRecord,
} from '../wire-values.ts';
import { decodeToolConfig } from './decode-tools.ts';
import { decodeMessages, decodeSystem } from './decode-turns.ts';
import { decodeModelFields } from './model-fields.ts';

/** What becomes of every documented field (@aws-sdk/client-bedrock-runtime 3.1162, ConverseRequest and
 *  ConverseStreamRequest, 2026-11). */
const topFields = new FieldRules({
  messages: read,
  system: read,
  inferenceConfig: read,
  toolConfig: read,
  outputConfig: read,
  additionalModelRequestFields: read,
  requestMetadata: read,
  serviceTier: read,

  // Somebody relies on what it keeps out, and no other provider has it.
  guardrailConfig: refused(isEmpty),
  // Of a prompt that is stored at AWS.
  promptVariables: refused(isEmpty),

  additionalModelResponseFieldPaths: lost('response-fields-unsupported', isEmpty),
  performanceConfig: lost('performance-unsupported', value => isRecord(value) && value['latency'] === 'standard'),
});

const inferenceFields = new FieldRules({ maxTokens: read, temperature: read, topP: read, stopSequences: read });
const outputFields = new FieldRules({ textFormat: read, effort: read });
const formatFields = new FieldRules({ type: read, structure: read });
const structureFields = new FieldRules({ jsonSchema: read });
const schemaFields = new FieldRules({ schema: read, name: read, description: read });
const tierFields = new FieldRules({ type: read });

export function decodeRequest(body: Buffer, losses: LossLedger, named?: PathFacts): CompletionRequest {
  if (named === undefined) throw new Error('the path of a Converse request says its model');
  const wire = readBody(body);
  topFields.check(wire, '', losses);
  const config = optionalRecord(wire['inferenceConfig'], 'inferenceConfig', inferenceFields, losses);
  const output = optionalRecord(wire['outputConfig'], 'outputConfig', outputFields, losses);
  const more = decodeModelFields(wire['additionalModelRequestFields'], output['effort'], losses);
  const turns = [...decodeSystem(wire['system'], losses), ...decodeMessages(wire['messages'], losses)];
  const { endUser, metadata } = decodeMetadata(wire['requestMetadata']);
  return {
    requestedModel: named.requestedModel,
    stream: named.stream,
    streamUsage: true,
    turns,
    outputTokensMax: optionalCount(config['maxTokens'], 'inferenceConfig.maxTokens'),
    sampling: readSampling(config, more.topK),
    stop: readStops(config['stopSequences'], 'inferenceConfig.stopSequences'),
    ...decodeToolConfig(wire['toolConfig'], losses),
    parallelToolCalls: undefined,
    endUser,
    metadata,
    output: decodeFormat(output['textFormat'], losses) ?? more.output,
    reasoning: more.reasoning,
    serviceTier: decodeServiceTier(wire['serviceTier'], losses),
    // Models that take it go on where the last message ends, when that is the assistant's.
    continuesAssistant: turns.at(-1)?.role === 'assistant' ? true : undefined,
  };
}

function optionalRecord(value: unknown, path: string, rules: FieldRules, losses: LossLedger): WireRecord {
  if (value === undefined || value === null) return {};
  const record = readRecord(value, path);
  rules.check(record, path, losses);
  return record;
}

function readSampling(config: WireRecord, topK: number | undefined): Sampling {
  const temperature = optionalNumber(config['temperature'], 'inferenceConfig.temperature');
  const topP = optionalNumber(config['topP'], 'inferenceConfig.topP');
  return {
    ...(temperature === undefined ? undefined : { temperature }),
    ...(topP === undefined ? undefined : { topP }),
    ...(topK === undefined ? undefined : { topK }),
  };
}

/** The schema is JSON inside a text. */
function decodeFormat(value: unknown, losses: LossLedger): OutputFormat | undefined {
  if (value === undefined || value === null) return undefined;
  const path = 'outputConfig.textFormat';
  const format = optionalRecord(value, path, formatFields, losses);
  if (format['type'] !== 'json_schema') throw invalid(`${path}.type`, 'is not a form of this API');
  const structure = readRecord(format['structure'], `${path}.structure`);
  structureFields.check(structure, `${path}.structure`, losses);
  const at = `${path}.structure.jsonSchema`;
  const described = readRecord(structure['jsonSchema'], at);
  schemaFields.check(described, at, losses);
  return {
    type: 'json-schema',
    name: optionalString(described['name'], `${at}.name`),
    description: optionalString(described['description'], `${at}.description`),
    schema: readSchema(readString(described['schema'], `${at}.schema`), `${at}.schema`),
    strict: true,
  };
}

function readSchema(text: string, path: string): unknown {
  let schema: unknown;
  try {
    schema = parseBounded(text);
  } catch {
    throw invalid(path, 'must be a JSON Schema written as a string, at most 128 levels deep');
  }
  return readRecord(schema, path);
}

function decodeServiceTier(value: unknown, losses: LossLedger): ServiceTier | undefined {
  const type = optionalRecord(value, 'serviceTier', tierFields, losses)['type'];
  if (value === undefined || value === null) return undefined;
  const word = readFilledString(type, 'serviceTier.type');
  if (word === 'default' || word === 'flex' || word === 'priority') return word;
  if (word === 'reserved') throw unsupported('serviceTier.type', 'reserved capacity is of one account at AWS.');
  throw invalid('serviceTier.type', 'is not a tier of this API');
}

/** Labels for the operator's log at AWS; `user_id` is where an end user is named. */
function decodeMetadata(value: unknown): Pick<CompletionRequest, 'endUser' | 'metadata'> {
  if (value === undefined || value === null) return { endUser: undefined, metadata: undefined };
  const { [userLabel]: endUser, ...labels } = readLabels(readRecord(value, 'requestMetadata'));
  return { endUser, metadata: Object.keys(labels).length === 0 ? undefined : labels };
}

export const userLabel = 'user_id';

function readLabels(record: WireRecord): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(record).map(([name, value]) => [name, readString(value, `requestMetadata.${name.slice(0, 64)}`)]),
  );
}

function invalid(path: string, rule: string): Fault {
  return new Fault('parameter_invalid', `${path} ${rule}.`, { parameter: path });
}
