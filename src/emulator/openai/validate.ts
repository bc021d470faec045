import { checkRange, fits, kinds, missing, refuse, wrongType, wrongValue } from './parameters.ts';
import { validateMedia } from './validate-media.ts';
import {
  type ChatMessage,
  type ChatRequest,
  chatChoices,
  chatFields,
  chatRanges,
  chatRoles,
  isObject,
  type Json,
} from './wire.ts';

/** Refuses what api.openai.com refuses, where a client can notice; `reasons`: a host whose models think takes a switch for
 *  that, too. Throws Refusal. */
export function validateChat(body: unknown, reasons = false): ChatRequest {
  if (!isObject(body)) throw refuse('invalid_json', null, 'The JSON body of the request must be an object.');
  if (body['model'] === undefined) throw refuse(undefined, null, 'you must provide a model parameter');
  if (body['messages'] === undefined) throw missing('messages');
  for (const [name, value] of Object.entries(body)) {
    if (!(reasons && name === 'thinking')) checkField(name, value);
  }
  checkTogether(body);
  checkMessages(body['messages'] as readonly unknown[]);
  checkTools(body);
  // Every field that ChatRequest names was checked above.
  return body as unknown as ChatRequest;
}

const nullRefused = new Set(['messages', 'model', 'tools', 'tool_choice', 'parallel_tool_calls', 'response_format']);

function checkField(name: string, value: unknown): void {
  const kind = chatFields[name];
  if (kind === undefined || !Object.hasOwn(chatFields, name)) {
    throw refuse('unknown_parameter', name, `Unknown parameter: '${name}'.`);
  }
  if (value === null && !nullRefused.has(name)) return;
  if (!fits(kind, value)) throw wrongType(name, kinds[kind], value);
  const range = chatRanges[name];
  if (range !== undefined) checkRange(name, value as number, range, kind === 'integer' ? 'integer' : 'decimal');
  const choices = chatChoices[name];
  if (choices !== undefined && !choices.includes(value as string)) throw wrongValue(name, value, choices);
}

const stopsMax = 4;

function checkTogether(body: Json): void {
  if (typeof body['max_tokens'] === 'number' && typeof body['max_completion_tokens'] === 'number') {
    const message = "Setting 'max_tokens' and 'max_completion_tokens' at the same time is not supported.";
    throw refuse('invalid_parameter_combination', null, message);
  }
  if (isObject(body['stream_options']) && body['stream'] !== true) {
    const message = "The 'stream_options' parameter is only allowed when 'stream' is enabled.";
    throw refuse(undefined, 'stream_options', message);
  }
  if (Array.isArray(body['stop']) && body['stop'].length > stopsMax) {
    const message = `Invalid 'stop': array too long. Expected an array with maximum length ${stopsMax}, but got an array with length ${body['stop'].length} instead.`;
    throw refuse('array_above_max_length', 'stop', message);
  }
  if (typeof body['top_logprobs'] === 'number' && body['logprobs'] !== true) {
    throw refuse(undefined, 'top_logprobs', "The 'top_logprobs' parameter is only allowed when 'logprobs' is enabled.");
  }
  for (const name of Object.keys(isObject(body['stream_options']) ? body['stream_options'] : {})) {
    if (name === 'include_usage' || name === 'include_obfuscation') continue;
    throw refuse('unknown_parameter', `stream_options.${name}`, `Unknown parameter: 'stream_options.${name}'.`);
  }
  if (Array.isArray(body['modalities']) && body['modalities'].includes('audio')) {
    throw refuse('invalid_value', 'modalities', 'This model does not support the requested output modalities: audio.');
  }
  checkResponseFormat(body);
}

function checkResponseFormat(body: Json): void {
  const format = body['response_format'];
  if (!isObject(format)) return;
  const types = ['json_object', 'json_schema', 'text'];
  if (!types.includes(String(format['type']))) throw wrongValue('response_format.type', format['type'], types);
  if (format['type'] === 'json_schema') {
    const schema = format['json_schema'];
    if (!isObject(schema)) throw missing('response_format.json_schema');
    if (typeof schema['name'] !== 'string') throw missing('response_format.json_schema.name');
  }
  if (format['type'] === 'json_object' && !/json/i.test(JSON.stringify(body['messages']))) {
    const message =
      "'messages' must contain the word 'json' in some form, to use 'response_format' of type 'json_object'.";
    throw refuse(undefined, 'messages', message);
  }
}

function checkMessages(messages: readonly unknown[]): void {
  if (messages.length === 0) {
    const message =
      "Invalid 'messages': empty array. Expected an array with minimum length 1, but got an empty array instead.";
    throw refuse('empty_array', 'messages', message);
  }
  for (const [position, message] of messages.entries()) checkMessage(`messages[${position}]`, message);
  // Every entry passed checkMessage.
  checkToolOrder(messages as readonly ChatMessage[]);
}

function checkMessage(path: string, message: unknown): void {
  if (!isObject(message)) throw wrongType(path, 'an object', message);
  if (message['role'] === undefined) throw missing(`${path}.role`);
  if (!chatRoles.some(role => role === message['role'])) throw wrongValue(`${path}.role`, message['role'], chatRoles);
  checkContent(path, message);
  if (message['tool_calls'] !== undefined) checkToolCalls(path, message['tool_calls']);
  if (message['role'] === 'tool' && typeof message['tool_call_id'] !== 'string') throw missing(`${path}.tool_call_id`);
}

const partTypes: Readonly<Record<string, readonly string[]>> = {
  user: ['text', 'image_url', 'input_audio', 'file'],
  assistant: ['text', 'refusal'],
  tool: ['text'],
  system: ['text'],
  developer: ['text'],
  function: [],
};

function checkContent(path: string, message: Json): void {
  const content = message['content'];
  if (content === undefined || content === null) {
    const optional = message['role'] === 'assistant' || message['role'] === 'function';
    if (optional) return;
    if (content === undefined) throw missing(`${path}.content`);
    throw wrongType(`${path}.content`, 'one of a string or array of objects', null);
  }
  if (typeof content === 'string') return;
  if (!Array.isArray(content)) throw wrongType(`${path}.content`, 'one of a string or array of objects', content);
  const known = partTypes[String(message['role'])] ?? [];
  for (const [position, part] of content.entries()) {
    const at = `${path}.content[${position}]`;
    if (!isObject(part)) throw wrongType(at, 'an object', part);
    if (part['type'] === undefined) throw missing(`${at}.type`);
    if (!known.includes(String(part['type']))) throw wrongValue(`${at}.type`, part['type'], known);
    if (part['type'] === 'text' && typeof part['text'] !== 'string') throw missing(`${at}.text`);
    validateMedia(at, part);
  }
}

const callIdCharactersMax = 40;

function checkToolCalls(path: string, calls: unknown): void {
  if (!Array.isArray(calls)) throw wrongType(`${path}.tool_calls`, 'an array', calls);
  if (calls.length === 0) {
    const message = `Invalid '${path}.tool_calls': empty array. Expected an array with minimum length 1, but got an empty array instead.`;
    throw refuse('empty_array', `${path}.tool_calls`, message);
  }
  for (const [position, call] of calls.entries()) {
    const at = `${path}.tool_calls[${position}]`;
    if (!isObject(call)) throw wrongType(at, 'an object', call);
    if (typeof call['id'] !== 'string') throw missing(`${at}.id`);
    if (call['id'].length > callIdCharactersMax) {
      const message = `Invalid '${at}.id': string too long. Expected a string with maximum length ${callIdCharactersMax}, but got a string with length ${call['id'].length} instead.`;
      throw refuse('string_above_max_length', `${at}.id`, message);
    }
    if (call['type'] !== 'function' && call['type'] !== 'custom') {
      if (call['type'] === undefined) throw missing(`${at}.type`);
      throw wrongValue(`${at}.type`, call['type'], ['function', 'custom']);
    }
    const inner = call[call['type']];
    if (!isObject(inner)) throw missing(`${at}.${call['type']}`);
    if (typeof inner['name'] !== 'string') throw missing(`${at}.${call['type']}.name`);
    const field = call['type'] === 'function' ? 'arguments' : 'input';
    if (inner[field] === undefined) throw missing(`${at}.${call['type']}.${field}`);
    if (typeof inner[field] !== 'string') throw wrongType(`${at}.${call['type']}.${field}`, 'a string', inner[field]);
  }
}

/** Tool messages answer the calls of the assistant message before them, every one of them, before anything else. */
function checkToolOrder(messages: readonly ChatMessage[]): void {
  let open = new Set<string>();
  let called = false;
  for (const [position, message] of messages.entries()) {
    if (message.role === 'tool') {
      if (!called) {
        const text =
          "Invalid parameter: messages with role 'tool' must be a response to a preceeding message with 'tool_calls'.";
        throw refuse(undefined, `messages.[${position}].role`, text);
      }
      open.delete(message.tool_call_id!);
      continue;
    }
    refuseOpen(open);
    called = message.role === 'assistant' && message.tool_calls !== undefined;
    open = new Set(called ? message.tool_calls!.map(call => call.id) : []);
  }
  refuseOpen(open);
}

function refuseOpen(open: ReadonlySet<string>): void {
  if (open.size === 0) return;
  const message = `An assistant message with 'tool_calls' must be followed by tool messages responding to each 'tool_call_id'. The following tool_call_ids did not have response messages: ${[...open].join(', ')}`;
  throw refuse(undefined, 'messages', message);
}

const toolNamePattern = /^[a-zA-Z0-9_-]{1,64}$/;

function checkTools(body: Json): void {
  const names = new Set<string>();
  const tools = (body['tools'] ?? []) as readonly unknown[];
  for (const [position, tool] of tools.entries()) {
    const at = `tools[${position}]`;
    if (!isObject(tool)) throw wrongType(at, 'an object', tool);
    if (tool['type'] === undefined) throw missing(`${at}.type`);
    if (tool['type'] !== 'function' && tool['type'] !== 'custom') {
      throw wrongValue(`${at}.type`, tool['type'], ['function', 'custom']);
    }
    const inner = tool[tool['type']];
    if (!isObject(inner)) throw missing(`${at}.${tool['type']}`);
    names.add(checkToolName(`${at}.${tool['type']}.name`, inner['name']));
  }
  for (const [position, tool] of ((body['functions'] ?? []) as readonly unknown[]).entries()) {
    if (!isObject(tool)) throw wrongType(`functions[${position}]`, 'an object', tool);
    names.add(checkToolName(`functions[${position}].name`, tool['name']));
  }
  checkToolChoice(body, names);
}

function checkToolName(path: string, name: unknown): string {
  if (name === undefined) throw missing(path);
  if (typeof name !== 'string') throw wrongType(path, 'a string', name);
  if (!toolNamePattern.test(name)) {
    const message = `Invalid '${path}': string does not match pattern. Expected a string that matches the pattern '^[a-zA-Z0-9_-]+$'.`;
    throw refuse('invalid_value', path, message);
  }
  return name;
}

function checkToolChoice(body: Json, names: ReadonlySet<string>): void {
  const choice = body['tool_choice'];
  if (choice === undefined) return;
  if (names.size === 0) {
    throw refuse(
      undefined,
      'tool_choice',
      "Invalid value for 'tool_choice': 'tool_choice' is only allowed when 'tools' are specified.",
    );
  }
  if (typeof choice === 'string') {
    const modes = ['none', 'auto', 'required'];
    if (!modes.includes(choice)) throw wrongValue('tool_choice', choice, modes);
    return;
  }
  if (!isObject(choice)) throw wrongType('tool_choice', 'one of an object or string', choice);
  if (choice['type'] === 'allowed_tools') return;
  if (choice['type'] !== 'function' && choice['type'] !== 'custom') {
    throw wrongValue('tool_choice.type', choice['type'], ['function', 'custom', 'allowed_tools']);
  }
  const inner = choice[choice['type']];
  if (!isObject(inner)) throw missing(`tool_choice.${choice['type']}`);
  if (!names.has(String(inner['name']))) {
    const message = `Tool choice '${choice['type']}' not found in 'tools' parameter.`;
    throw refuse(undefined, 'tool_choice', message);
  }
}
