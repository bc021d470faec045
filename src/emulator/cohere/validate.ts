import { isBase64, typeOfFile } from '../media-bytes.ts';
import { invalid, unknownField } from './errors.ts';
import { checkModelTakes } from './model-rules.ts';
import { validateTools } from './validate-tools.ts';
import {
  type CohereMessage,
  type CohereRequest,
  callsOf,
  chatFields,
  choices,
  contentTypes,
  isObject,
  type Json,
  listOf,
  messageFields,
  ranges,
  wholeNumbers,
} from './wire.ts';

/** Refuses what api.cohere.com refuses, where a client can notice. Throws Refusal. */
export function validateChat(body: unknown): CohereRequest {
  if (!isObject(body)) throw invalid('the body must be a JSON object.');
  for (const name of Object.keys(body)) if (!chatFields.includes(name)) throw unknownField(name);
  if (typeof body['model'] !== 'string' || body['model'] === '') throw invalid('model is required.');
  for (const name of ['stream', 'logprobs', 'strict_tools']) {
    if (body[name] !== undefined && typeof body[name] !== 'boolean') throw invalid(`${name} must be a boolean.`);
  }
  checkNumbers(body);
  checkChoices(body);
  checkStops(body['stop_sequences']);
  checkThinking(body['thinking']);
  const messages = body['messages'];
  if (!Array.isArray(messages)) throw invalid('messages must be a list.');
  if (messages.length === 0) throw invalid('list of messages must not be empty.');
  for (const [position, message] of messages.entries()) checkMessage(`messages[${position}]`, message);
  // Every field that CohereRequest names was checked above.
  const request = body as unknown as CohereRequest;
  checkCalls(request.messages);
  checkDocuments(request['documents']);
  validateTools(request);
  checkResponseFormat(request);
  checkModelTakes(request);
  return request;
}

function checkNumbers(body: Json): void {
  for (const [name, [least, most]] of Object.entries(ranges)) {
    const value = body[name];
    if (value === undefined) continue;
    if (typeof value !== 'number') throw invalid(`${name} must be a number.`);
    if (wholeNumbers.includes(name) && !Number.isInteger(value)) throw invalid(`${name} must be a whole number.`);
    if (value < least || value > most)
      throw invalid(`${name} must be between ${least} and ${most} inclusive, not ${value}.`);
  }
}

function checkChoices(body: Json): void {
  for (const [name, known] of Object.entries(choices)) {
    const value = body[name];
    if (value === undefined || known.includes(value as string)) continue;
    throw invalid(`${name} must be one of ${known.join(', ')}.`);
  }
  const options = body['citation_options'];
  if (options === undefined) return;
  const modes = ['ENABLED', 'DISABLED', 'FAST', 'ACCURATE', 'OFF'];
  const mode = isObject(options) ? options['mode'] : null;
  if (mode === undefined || modes.includes(String(mode).toUpperCase())) return;
  throw invalid(`citation_options.mode must be one of ${modes.join(', ')}.`);
}

const stopsMax = 5;

function checkStops(stops: unknown): void {
  if (stops === undefined) return;
  if (!Array.isArray(stops) || !stops.every(stop => typeof stop === 'string')) {
    throw invalid('stop_sequences must be a list of strings.');
  }
  if (stops.length > stopsMax) throw invalid(`stop_sequences has at most ${stopsMax} entries.`);
}

function checkThinking(thinking: unknown): void {
  if (thinking === undefined) return;
  if (!isObject(thinking)) throw invalid('thinking must be an object.');
  for (const name of Object.keys(thinking)) {
    if (name !== 'type' && name !== 'token_budget') throw unknownField(`thinking.${name}`);
  }
  const types = ['enabled', 'disabled'];
  if (!types.includes(String(thinking['type']))) throw invalid('thinking.type must be one of enabled, disabled.');
  const budget = thinking['token_budget'];
  if (budget === undefined || (Number.isInteger(budget) && (budget as number) > 0)) return;
  throw invalid('thinking.token_budget must be a positive integer.');
}

function checkMessage(at: string, message: unknown): void {
  if (!isObject(message)) throw invalid(`${at} must be an object.`);
  const role = String(message['role']);
  if (!Object.hasOwn(messageFields, role)) throw invalid(`${at}.role must be one of user, assistant, system, tool.`);
  const known = messageFields[role as CohereMessage['role']];
  for (const name of Object.keys(message)) if (!known.includes(name)) throw unknownField(`${at}.${name}`);
  checkContent(at, role as CohereMessage['role'], message);
  if (role === 'tool' && (typeof message['tool_call_id'] !== 'string' || message['tool_call_id'] === '')) {
    throw invalid(`${at}.tool_call_id is required.`);
  }
  if (message['tool_plan'] !== undefined && typeof message['tool_plan'] !== 'string') {
    throw invalid(`${at}.tool_plan must be a string.`);
  }
  if (message['tool_calls'] === undefined) return;
  if (!Array.isArray(message['tool_calls'])) throw invalid(`${at}.tool_calls must be a list.`);
  for (const [position, call] of message['tool_calls'].entries()) checkCall(`${at}.tool_calls[${position}]`, call);
}

function checkContent(at: string, role: CohereMessage['role'], message: Json): void {
  const content = message['content'];
  const speaks = role !== 'assistant' || listOf(message['tool_calls']).length === 0;
  if (content === undefined || content === null) {
    if (speaks) throw invalid(`${at}.content is required.`);
    return;
  }
  if (content === '' || (Array.isArray(content) && content.length === 0)) {
    // What a tool says may be nothing; others must speak.
    if (speaks && role !== 'tool') throw invalid(`${at}.content must not be empty.`);
    return;
  }
  if (typeof content === 'string') return;
  if (!Array.isArray(content)) throw invalid(`${at}.content must be a string or a list of content.`);
  for (const [position, part] of content.entries()) checkPart(`${at}.content[${position}]`, role, part);
}

function checkPart(at: string, role: CohereMessage['role'], part: unknown): void {
  if (!isObject(part)) throw invalid(`${at} must be an object.`);
  const known = contentTypes[role];
  if (!known.includes(String(part['type']))) throw invalid(`${at}.type must be one of ${known.join(', ')}.`);
  if (part['type'] === 'image_url') checkImage(at, part['image_url']);
  else if (part['type'] === 'document') checkDocument(`${at}.document`, part['document']);
  else {
    const field = String(part['type']);
    if (typeof part[field] !== 'string') throw invalid(`${at}.${field} is required.`);
  }
}

function checkImage(at: string, image: unknown): void {
  const url = isObject(image) ? image['url'] : undefined;
  if (typeof url !== 'string') throw invalid(`${at}.image_url.url is required.`);
  if (/^https?:\/\/./.test(url)) return;
  const data = /^data:image\/(?:png|jpeg|webp|gif);base64,/.exec(url);
  if (data === null) throw invalid(`${at}.image_url.url must be a web address or a base64 data URI of an image.`);
  const base64 = url.slice(data[0].length);
  if (isBase64(base64) && typeOfFile(base64)?.startsWith('image/') === true) return;
  throw invalid(`${at}.image_url.url holds no image that can be read.`);
}

function checkDocuments(documents: unknown): void {
  if (documents === undefined) return;
  if (!Array.isArray(documents)) throw invalid('documents must be a list.');
  for (const [position, document] of documents.entries()) {
    if (typeof document !== 'string') checkDocument(`documents[${position}]`, document);
  }
}

function checkDocument(at: string, document: unknown): void {
  if (!isObject(document)) throw invalid(`${at} must be an object.`);
  if (!isObject(document['data'])) throw invalid(`${at}.data is required.`);
}

function checkCall(at: string, call: unknown): void {
  if (!isObject(call)) throw invalid(`${at} must be an object.`);
  if (typeof call['id'] !== 'string' || call['id'] === '') throw invalid(`${at}.id is required.`);
  if (call['type'] !== 'function') throw invalid(`${at}.type must be function.`);
  const inner = call['function'];
  if (!isObject(inner) || typeof inner['name'] !== 'string') throw invalid(`${at}.function.name is required.`);
  const args = inner['arguments'];
  if (args === undefined) return;
  if (typeof args !== 'string' || !isJsonObjectOrNull(args))
    throw invalid(`${at}.function.arguments must be a JSON object as a string.`);
}

/** `null` is how the API itself writes no arguments. */
function isJsonObjectOrNull(text: string): boolean {
  try {
    const read: unknown = JSON.parse(text);
    return read === null || isObject(read);
  } catch {
    return false;
  }
}

/** Results answer the calls of the assistant message before them, every one of them, before anything else. */
function checkCalls(messages: readonly CohereMessage[]): void {
  let open = new Set<string>();
  let called: ReadonlySet<string> = new Set();
  for (const [position, message] of messages.entries()) {
    if (message.role === 'tool') {
      if (!called.has(message.tool_call_id!)) {
        throw invalid(
          `messages[${position}].tool_call_id ${message.tool_call_id} was not found in the previous tool calls.`,
        );
      }
      open.delete(message.tool_call_id!);
      continue;
    }
    refuseOpen(open);
    called = new Set(callsOf(message).map(call => String(call['id'])));
    open = new Set(called);
  }
  refuseOpen(open);
}

function refuseOpen(open: ReadonlySet<string>): void {
  if (open.size === 0) return;
  throw invalid(`every tool call must be answered by a tool message; missing are ${[...open].join(', ')}.`);
}

function checkResponseFormat(request: CohereRequest): void {
  const format = request['response_format'];
  if (format === undefined) return;
  if (!isObject(format)) throw invalid('response_format must be an object.');
  const types = ['text', 'json_object'];
  if (!types.includes(String(format['type']))) throw invalid('response_format.type must be one of text, json_object.');
  for (const name of Object.keys(format)) {
    if (name !== 'type' && name !== 'json_schema') throw unknownField(`response_format.${name}`);
  }
  const schema = format['json_schema'];
  if (format['type'] === 'text') {
    if (schema !== undefined) throw invalid('response_format.json_schema must not be given when the type is text.');
    return;
  }
  if (listOf(request['tools']).length > 0 || listOf(request['documents']).length > 0) {
    throw invalid('response_format json_object is not supported in combination with tools or documents.');
  }
  if (schema === undefined) return;
  if (!isObject(schema) || schema['type'] !== 'object')
    throw invalid('response_format.json_schema must be of type object.');
  if (listOf(schema['required']).length === 0) {
    throw invalid('response_format.json_schema must have at least one required property.');
  }
}
