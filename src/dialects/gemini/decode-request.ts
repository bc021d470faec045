import { Fault } from '../../completion/fault.ts';
import type { LossLedger } from '../../completion/loss.ts';
import type { CompletionRequest, OutputFormat, ServiceTier } from '../../completion/request.ts';
import type { PathFacts } from '../dialect.ts';
import { readSampling, type SamplingFields } from '../sampling-fields.ts';
import {
  FieldRules,
  isEmpty,
  isOneOf,
  lost,
  optionalCount,
  optionalString,
  read,
  readBody,
  readFilledString,
  readRecord,
  readString,
  readStrings,
  refused,
  unsupported,
  type WireRecord,
} from '../wire-values.ts';
import { decodeToolChoice, decodeTools } from './decode-tools.ts';
import { decodeContents, decodeSystem } from './decode-turns.ts';
import { plainNumber, readMessage, readRepeated } from './proto-json.ts';
import { decodeReasoning } from './reasoning.ts';
import { jsonSchemaOf } from './schema.ts';

/** What becomes of every documented field (@google/genai 3.1 types.ts and its converters, 2026-11). */
const topFields = new FieldRules({
  // The path says it; some clients say it twice.
  model: read,
  contents: read,
  systemInstruction: read,
  tools: read,
  toolConfig: read,
  generationConfig: read,
  labels: read,
  serviceTier: read,

  // A resource that is stored at Google.
  cachedContent: refused(value => value === ''),
  continuationToken: refused(),
  modelArmorConfig: refused(isEmpty),

  safetySettings: lost('safety-settings-unsupported', isEmpty),
  store: lost('store-unsupported', isOneOf(false)),
});

const isTextOnly = (value: unknown): boolean => isEmpty(value) || (Array.isArray(value) && value.every(isText));
const isText = (value: unknown): boolean => value === 'TEXT' || value === 'MODALITY_UNSPECIFIED';

const configFields = new FieldRules({
  frequencyPenalty: read,
  maxOutputTokens: read,
  presencePenalty: read,
  responseJsonSchema: read,
  responseMimeType: read,
  responseSchema: read,
  seed: read,
  stopSequences: read,
  temperature: read,
  thinkingConfig: read,
  topK: read,
  topP: read,

  // An answer is one across dialects, and has no probabilities of tokens.
  candidateCount: refused(value => plainNumber(value) === 1),
  responseLogprobs: refused(isOneOf(false)),
  // Without the field before it, it says nothing.
  logprobs: read,

  audioTimestamp: refused(isOneOf(false)),
  audioTranscriptionConfig: refused(isEmpty),
  enableAffectiveDialog: refused(isOneOf(false)),
  enableEnhancedCivicAnswers: refused(isOneOf(false)),
  imageConfig: refused(isEmpty),
  modelSelectionConfig: refused(isEmpty),
  responseFormat: refused(isEmpty),
  responseModalities: refused(isTextOnly),
  routingConfig: refused(isEmpty),
  speechConfig: refused(isEmpty),
  translationConfig: refused(isEmpty),

  mediaResolution: lost('image-detail-unsupported', isOneOf('MEDIA_RESOLUTION_UNSPECIFIED')),
});

const samplingFields: SamplingFields = [
  ['temperature', 'temperature'],
  ['topP', 'topP'],
  ['topK', 'topK'],
  ['seed', 'seed'],
  ['frequencyPenalty', 'frequencyPenalty'],
  ['presencePenalty', 'presencePenalty'],
];
const numbers = ['maxOutputTokens', ...samplingFields.map(([, field]) => field)];

export function decodeRequest(body: Buffer, losses: LossLedger, named?: PathFacts): CompletionRequest {
  const wire = readMessage(readBody(body), '');
  topFields.check(wire, '', losses);
  const config = decodeConfig(wire['generationConfig'], losses);
  const { choice, isValidated } = decodeToolChoice(wire['toolConfig'], losses);
  return {
    requestedModel: named?.requestedModel ?? readFilledString(wire['model'], 'model').replace(/^models\//, ''),
    stream: named?.stream ?? false,
    streamUsage: true,
    turns: [...decodeSystem(wire['systemInstruction'], losses), ...decodeContents(wire['contents'], losses)],
    outputTokensMax: optionalCount(config['maxOutputTokens'], `${at}.maxOutputTokens`),
    sampling: readSampling(config, samplingFields),
    stop: readStrings(readRepeated(config['stopSequences']), `${at}.stopSequences`),
    tools: decodeTools(wire['tools'], isValidated, losses),
    toolChoice: choice,
    parallelToolCalls: undefined,
    endUser: undefined,
    output: decodeOutput(config),
    reasoning: decodeReasoning(config['thinkingConfig'], losses),
    serviceTier: decodeServiceTier(wire['serviceTier']),
    metadata: decodeLabels(wire['labels']),
  };
}

const at = 'generationConfig';

function decodeConfig(value: unknown, losses: LossLedger): WireRecord {
  if (value === undefined || value === null) return {};
  const config = readMessage(value, at);
  configFields.check(config, at, losses);
  const written = numbers.filter(name => typeof config[name] === 'string');
  if (written.length === 0) return config;
  return { ...config, ...Object.fromEntries(written.map(name => [name, plainNumber(config[name])])) };
}

/** A schema is held to always; JSON without one may be any. */
function decodeOutput(config: WireRecord): OutputFormat | undefined {
  const type = optionalString(config['responseMimeType'], `${at}.responseMimeType`) ?? '';
  const schema = decodeSchema(config);
  if (schema !== undefined) {
    // One of some words, without quotes: no other API has such a form.
    if (type === 'text/x.enum') throw unsupported(`${at}.responseMimeType`);
    return { type: 'json-schema', name: undefined, description: undefined, schema, strict: true };
  }
  if (type === '' || type === 'text/plain') return undefined;
  if (type === 'application/json') return { type: 'json-object' };
  throw unsupported(`${at}.responseMimeType`);
}

function decodeSchema(config: WireRecord): unknown {
  const { responseSchema, responseJsonSchema } = config;
  if (responseJsonSchema !== undefined && responseJsonSchema !== null) {
    return readRecord(responseJsonSchema, `${at}.responseJsonSchema`);
  }
  if (responseSchema === undefined || responseSchema === null) return undefined;
  return jsonSchemaOf(readRecord(responseSchema, `${at}.responseSchema`), `${at}.responseSchema`);
}

function decodeServiceTier(value: unknown): ServiceTier | undefined {
  const word = optionalString(value, 'serviceTier')?.toLowerCase();
  if (word === undefined || word === 'unspecified' || word === 'service_tier_unspecified') return undefined;
  if (word === 'standard') return 'default';
  if (word === 'flex' || word === 'priority') return word;
  throw new Fault('parameter_invalid', 'serviceTier is not a tier of this API.', { parameter: 'serviceTier' });
}

function decodeLabels(value: unknown): CompletionRequest['metadata'] {
  if (value === undefined || value === null) return undefined;
  const entries = Object.entries(readRecord(value, 'labels'));
  return Object.fromEntries(entries.map(([name, text]) => [name, readString(text, 'labels')]));
}
