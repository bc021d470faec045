import { Fault } from '../../completion/fault.ts';
import type { LossLedger } from '../../completion/loss.ts';
import type { CompletionRequest, OutputFormat } from '../../completion/request.ts';
import { readSampling, readStops, type SamplingFields } from '../sampling-fields.ts';
import {
  FieldRules,
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
  refused,
} from '../wire-values.ts';
import { decodeDocuments } from './decode-media.ts';
import { decodeToolChoice, decodeTools } from './decode-tools.ts';
import { decodeMessages, withDocuments } from './decode-turns.ts';
import { decodeReasoning } from './reasoning.ts';

/** What becomes of every documented field (cohere-ai 8.1.0, V2ChatRequest.d.ts, 2026-11). */
const topFields = new FieldRules({
  model: read,
  messages: read,
  stream: read,
  max_tokens: read,
  temperature: read,
  p: read,
  k: read,
  seed: read,
  frequency_penalty: read,
  presence_penalty: read,
  stop_sequences: read,
  tools: read,
  tool_choice: read,
  strict_tools: read,
  response_format: read,
  thinking: read,
  documents: read,
  citation_options: read,

  // The middle has no probabilities in answers.
  logprobs: refused(isOneOf(false)),
  // What it adds to a prompt of its own, which no other dialect has.
  safety_mode: lost('safety-mode-unsupported', isOneOf('CONTEXTUAL')),
  // 0 is what is so anyway.
  priority: lost('priority-unsupported', isOneOf(0)),
});

const samplingFields: SamplingFields = [
  ['temperature', 'temperature'],
  ['topP', 'p'],
  ['topK', 'k'],
  ['seed', 'seed'],
  ['frequencyPenalty', 'frequency_penalty'],
  ['presencePenalty', 'presence_penalty'],
];

export function decodeRequest(body: Buffer, losses: LossLedger): CompletionRequest {
  const wire = readBody(body);
  topFields.check(wire, '', losses);
  const documents = decodeDocuments(wire['documents'], losses);
  checkCitations(wire['citation_options'], documents.length > 0, losses);
  const turns = decodeMessages(readFilledList(wire['messages'], 'messages'), losses);
  return {
    requestedModel: readFilledString(wire['model'], 'model'),
    stream: optionalFlag(wire['stream'], 'stream') ?? false,
    streamUsage: true,
    turns: withDocuments(turns, documents),
    outputTokensMax: optionalCount(wire['max_tokens'], 'max_tokens'),
    sampling: readSampling(wire, samplingFields),
    stop: readStops(wire['stop_sequences'], 'stop_sequences'),
    tools: decodeTools(wire['tools'], optionalFlag(wire['strict_tools'], 'strict_tools'), losses),
    toolChoice: decodeToolChoice(wire['tool_choice']),
    parallelToolCalls: undefined,
    endUser: undefined,
    output: decodeOutput(wire['response_format'], losses),
    reasoning: decodeReasoning(wire['thinking'], losses),
  };
}

const citationFields = new FieldRules({ mode: read });
const citationModes = ['ENABLED', 'DISABLED', 'FAST', 'ACCURATE', 'OFF'] as const;

/** Documents are cited unless the client says otherwise. No other dialect tells citations that could be carried back. */
function checkCitations(value: unknown, hasDocuments: boolean, losses: LossLedger): void {
  const mode = decodeCitationMode(value, losses);
  if (mode === 'OFF' || mode === 'DISABLED') return;
  if (mode !== undefined) losses.dropped('citations-unsupported', 'citation_options');
  else if (hasDocuments) losses.dropped('citations-unsupported', 'documents');
}

function decodeCitationMode(value: unknown, losses: LossLedger): string | undefined {
  if (value === undefined || value === null) return undefined;
  const options = readRecord(value, 'citation_options');
  citationFields.check(options, 'citation_options', losses);
  const mode = optionalString(options['mode'], 'citation_options.mode');
  // Its own documentation writes them in either case.
  const known = citationModes.find(name => name === mode?.toUpperCase());
  if (mode === undefined || known !== undefined) return known;
  throw invalid('citation_options.mode', `is one of ${citationModes.join(', ')}`);
}

/** `schema` is what `json_schema` was called before (https://docs.cohere.com/docs/structured-outputs, 2024-10). */
const formatFields = new FieldRules({ type: read, json_schema: read, schema: read });

/** Answers are held to the schema always. */
function decodeOutput(value: unknown, losses: LossLedger): OutputFormat | undefined {
  if (value === undefined || value === null) return undefined;
  const path = 'response_format';
  const format = readRecord(value, path);
  formatFields.check(format, path, losses);
  const name = format['json_schema'] == null ? 'schema' : 'json_schema';
  const schema = format[name] ?? undefined;
  switch (format['type']) {
    case 'text':
      if (schema === undefined) return undefined;
      throw invalid(`${path}.${name}`, 'is taken only with the type json_object');
    case 'json_object':
      if (schema === undefined) return { type: 'json-object' };
      return {
        type: 'json-schema',
        name: undefined,
        description: undefined,
        schema: readRecord(schema, `${path}.${name}`),
        strict: true,
      };
  }
  throw invalid(`${path}.type`, 'is not a form of this API');
}

function invalid(path: string, rule: string): Fault {
  return new Fault('parameter_invalid', `${path} ${rule}.`, { parameter: path });
}
