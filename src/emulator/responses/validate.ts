import { Refusal } from '../answer.ts';
import { checkRange, fits, kinds, missing, refuse, wrongType, wrongValue } from '../openai/parameters.ts';
import { type FieldKind, isObject, type Json } from '../openai/wire.ts';
import { checkModelTakes } from './model-rules.ts';
import { refusedStrict } from './strict-schema.ts';
import { validateItems } from './validate-items.ts';
import { tooLong, validateTools } from './validate-tools.ts';
import {
  countFields,
  efforts,
  includables,
  type ResponsesRequest,
  responsesChoices,
  responsesFields,
  responsesRanges,
} from './wire.ts';

/** Refuses what api.openai.com refuses, where a client can notice. Throws Refusal. */
export function validateResponses(body: unknown): ResponsesRequest {
  return validate(body, responsesFields);
}

export function validateCount(body: unknown): ResponsesRequest {
  return validate(body, countFields);
}

function validate(body: unknown, fields: Readonly<Record<string, FieldKind>>): ResponsesRequest {
  if (!isObject(body)) throw refuse('invalid_json', null, 'The JSON body of the request must be an object.');
  if (body['model'] === undefined) throw missing('model');
  for (const [name, value] of Object.entries(body)) checkField(name, value, fields);
  checkStored(body);
  checkTogether(body);
  checkReasoningOptions(body['reasoning']);
  checkText(body);
  checkMetadata(body['metadata']);
  validateTools(body);
  const input = checkInput(body['input']);
  checkModelTakes(body);
  // Every field that ResponsesRequest names was checked above.
  return { ...body, input } as unknown as ResponsesRequest;
}

const nullRefused = new Set(['input', 'model', 'tools', 'text']);

function checkField(name: string, value: unknown, fields: Readonly<Record<string, FieldKind>>): void {
  const kind = fields[name];
  if (kind === undefined || !Object.hasOwn(fields, name)) {
    throw refuse('unknown_parameter', name, `Unknown parameter: '${name}'.`);
  }
  if (value === null && !nullRefused.has(name)) return;
  if (!fits(kind, value)) throw wrongType(name, kinds[kind], value);
  const range = responsesRanges[name];
  if (range !== undefined) checkRange(name, value as number, range, kind === 'integer' ? 'integer' : 'decimal');
  const choices = responsesChoices[name];
  if (choices !== undefined && !choices.includes(value as string)) throw wrongValue(name, value, choices);
}

/** The emulator keeps no responses and no conversations: what is named of them is not there. */
function checkStored(body: Json): void {
  if (typeof body['previous_response_id'] === 'string') {
    throw refuse(
      'previous_response_not_found',
      'previous_response_id',
      `Previous response with id '${body['previous_response_id'].slice(0, 80)}' not found.`,
    );
  }
  const { conversation } = body;
  if (conversation !== undefined && conversation !== null) {
    const id = isObject(conversation) ? conversation['id'] : conversation;
    const message = `Conversation with id '${String(id).slice(0, 80)}' not found.`;
    throw new Refusal(404, 'invalid_request_error', message, { parameter: 'conversation' });
  }
  if (isObject(body['prompt'])) {
    const message = `Prompt with id '${String(body['prompt']['id']).slice(0, 80)}' not found.`;
    throw new Refusal(404, 'invalid_request_error', message, { parameter: 'prompt' });
  }
  if (body['background'] === true) {
    if (body['store'] === false) throw refuse(undefined, 'background', "Background mode requires 'store' to be true.");
    throw refuse('unsupported_value', 'background', 'Background mode is not available for this organization.');
  }
}

function checkTogether(body: Json): void {
  if (isObject(body['stream_options'])) {
    if (body['stream'] !== true) {
      const message = "The 'stream_options' parameter is only allowed when 'stream' is enabled.";
      throw refuse(undefined, 'stream_options', message);
    }
    for (const name of Object.keys(body['stream_options'])) {
      if (name === 'include_obfuscation') continue;
      throw refuse('unknown_parameter', `stream_options.${name}`, `Unknown parameter: 'stream_options.${name}'.`);
    }
  }
  for (const [position, name] of (Array.isArray(body['include']) ? body['include'] : []).entries()) {
    if (!includables.includes(String(name))) throw wrongValue(`include[${position}]`, name, includables);
  }
}

const reasoningFields = ['context', 'effort', 'generate_summary', 'mode', 'summary'];

function checkReasoningOptions(reasoning: unknown): void {
  if (!isObject(reasoning)) return;
  for (const name of Object.keys(reasoning)) {
    if (reasoningFields.includes(name)) continue;
    throw refuse('unknown_parameter', `reasoning.${name}`, `Unknown parameter: 'reasoning.${name}'.`);
  }
  checkChoice('reasoning.effort', reasoning['effort'], efforts);
  checkChoice('reasoning.summary', reasoning['summary'], ['auto', 'concise', 'detailed']);
  checkChoice('reasoning.context', reasoning['context'], ['auto', 'current_turn', 'all_turns']);
}

function checkChoice(name: string, value: unknown, known: readonly string[]): void {
  if (value === undefined || value === null || known.includes(String(value))) return;
  throw wrongValue(name, value, known);
}

function checkText({ text, input, instructions }: Json): void {
  if (!isObject(text)) return;
  for (const name of Object.keys(text)) {
    if (name === 'format' || name === 'verbosity') continue;
    throw refuse('unknown_parameter', `text.${name}`, `Unknown parameter: 'text.${name}'.`);
  }
  checkChoice('text.verbosity', text['verbosity'], ['low', 'medium', 'high']);
  const { format } = text;
  if (format === undefined) return;
  if (!isObject(format)) throw wrongType('text.format', 'an object', format);
  const types = ['json_object', 'json_schema', 'text'];
  if (!types.includes(String(format['type']))) throw wrongValue('text.format.type', format['type'], types);
  if (format['type'] === 'json_schema') checkFormatSchema(format);
  if (format['type'] === 'json_object' && !/json/i.test(JSON.stringify([input, instructions]))) {
    const message =
      "Response input messages must contain the word 'json' in some form to use 'text.format' of type 'json_object'.";
    throw refuse(undefined, 'input', message);
  }
}

const formatNameMax = 64;

function checkFormatSchema(format: Json): void {
  const { name, schema } = format;
  if (typeof name !== 'string') throw missing('text.format.name');
  if (!/^[a-zA-Z0-9_-]+$/.test(name)) {
    const message =
      "Invalid 'text.format.name': string does not match pattern. Expected a string that matches the pattern '^[a-zA-Z0-9_-]+$'.";
    throw refuse('invalid_value', 'text.format.name', message);
  }
  if (name.length > formatNameMax) throw tooLong('text.format.name', formatNameMax, name);
  if (schema === undefined) throw missing('text.format.schema');
  if (!isObject(schema)) throw wrongType('text.format.schema', 'an object', schema);
  const refused = format['strict'] === true ? refusedStrict(schema) : undefined;
  if (refused !== undefined) {
    const message = `Invalid schema for response_format '${name}': ${refused}`;
    throw refuse('invalid_json_schema', 'text.format.schema', message);
  }
}

const metadataEntriesMax = 16;
const metadataKeyMax = 64;
const metadataValueMax = 512;

function checkMetadata(metadata: unknown): void {
  if (!isObject(metadata)) return;
  const entries = Object.entries(metadata);
  if (entries.length > metadataEntriesMax) {
    const message = `Invalid 'metadata': too many properties. Expected an object with at most ${metadataEntriesMax} properties, but got an object with ${entries.length} properties instead.`;
    throw refuse('object_above_max_properties', 'metadata', message);
  }
  for (const [key, value] of entries) {
    if (typeof value !== 'string') throw wrongType(`metadata.${key.slice(0, 80)}`, 'a string', value);
    if (key.length > metadataKeyMax) throw tooLong('metadata', metadataKeyMax, key);
    if (value.length > metadataValueMax) throw tooLong(`metadata.${key}`, metadataValueMax, value);
  }
}

function checkInput(input: unknown): ResponsesRequest['input'] {
  if (input === undefined) {
    throw refuse('missing_required_parameter', 'input', "Missing required parameter: 'input'.");
  }
  if (typeof input === 'string') return input;
  if (!Array.isArray(input)) throw wrongType('input', 'one of a string or array of input items', input);
  return validateItems(input);
}
