import { Refusal } from '../answer.ts';
import { missing, refuse, wrongType, wrongValue } from '../openai/parameters.ts';
import { checkFileData, checkImageUrl } from '../openai/validate-media.ts';
import { isObject, type Json } from '../openai/wire.ts';
import { openSeal } from './seal.ts';
import { checkName, tooLong } from './validate-tools.ts';
import { type InputItem, idPrefixes, itemFields, otherItems, partFields } from './wire.ts';

/** The items, each with its type. Throws Refusal for items that the API refuses. */
export function validateItems(input: readonly unknown[]): readonly InputItem[] {
  const items = input.map((item, position) => checkItem(`input[${position}]`, item));
  checkIds(items);
  checkPairs(items);
  checkReasoningFollowed(items);
  return items;
}

function checkItem(at: string, item: unknown): InputItem {
  if (!isObject(item)) throw wrongType(at, 'an object', item);
  const type = typeOf(item);
  if (type === undefined) throw missing(`${at}.type`);
  if (otherItems.includes(type)) return { ...item, type };
  const fields = Object.hasOwn(itemFields, type) ? itemFields[type] : undefined;
  if (fields === undefined) throw wrongValue(`${at}.type`, type, [...Object.keys(itemFields), ...otherItems]);
  for (const name of Object.keys(item)) {
    if (name === 'type' || fields.includes(name)) continue;
    throw refuse('unknown_parameter', `${at}.${name}`, `Unknown parameter: '${at}.${name}'.`);
  }
  checkId(at, type, item['id']);
  checkKind(at, type, item);
  return { ...item, type };
}

/** Messages and references may leave it out. */
function typeOf(item: Json): string | undefined {
  if (typeof item['type'] === 'string') return item['type'];
  if (item['role'] !== undefined) return 'message';
  return item['type'] === null || typeof item['id'] === 'string' ? 'item_reference' : undefined;
}

function checkKind(at: string, type: string, item: Json): void {
  switch (type) {
    case 'message':
      checkMessage(at, item);
      return;
    case 'function_call':
    case 'custom_tool_call':
      checkCall(at, item, type === 'function_call' ? 'arguments' : 'input');
      return;
    case 'function_call_output':
    case 'custom_tool_call_output':
      checkCallId(at, item);
      checkOutput(`${at}.output`, item['output']);
      return;
    case 'reasoning':
      checkReasoning(at, item);
      return;
    default:
      throw notStored(String(item['id']));
  }
}

const idCharactersMax = 64;

function checkId(at: string, type: string, id: unknown): void {
  const prefix = idPrefixes[type];
  if (id === undefined || id === null || prefix === undefined) return;
  if (typeof id !== 'string') throw wrongType(`${at}.id`, 'a string', id);
  if (id.length > idCharactersMax) throw tooLong(`${at}.id`, idCharactersMax, id);
  if (!id.startsWith(prefix)) {
    const message = `Invalid '${at}.id': '${id}'. Expected an ID that begins with '${prefix}'.`;
    throw refuse('invalid_value', `${at}.id`, message);
  }
}

function checkCallId(at: string, item: Json): void {
  const id = item['call_id'];
  if (id === undefined || id === null) throw missing(`${at}.call_id`);
  if (typeof id !== 'string') throw wrongType(`${at}.call_id`, 'a string', id);
  if (id === '') {
    const message = `Invalid '${at}.call_id': empty string. Expected a string with minimum length 1, but got an empty string instead.`;
    throw refuse('empty_string', `${at}.call_id`, message);
  }
  if (id.length > idCharactersMax) throw tooLong(`${at}.call_id`, idCharactersMax, id);
}

function checkCall(at: string, item: Json, input: 'arguments' | 'input'): void {
  checkCallId(at, item);
  checkName(`${at}.name`, item['name']);
  if (item[input] === undefined) throw missing(`${at}.${input}`);
  if (typeof item[input] !== 'string') throw wrongType(`${at}.${input}`, 'a string', item[input]);
}

const partTypes: Readonly<Record<string, readonly string[]>> = {
  user: ['input_text', 'input_image', 'input_file'],
  system: ['input_text', 'input_image', 'input_file'],
  developer: ['input_text', 'input_image', 'input_file'],
  assistant: ['output_text', 'refusal'],
};
const outputTypes = ['input_text', 'input_image', 'input_file'];

function checkMessage(at: string, item: Json): void {
  if (item['role'] === undefined) throw missing(`${at}.role`);
  const known = Object.hasOwn(partTypes, String(item['role'])) ? partTypes[String(item['role'])] : undefined;
  if (known === undefined) throw wrongValue(`${at}.role`, item['role'], ['assistant', 'system', 'developer', 'user']);
  if (item['content'] === undefined) throw missing(`${at}.content`);
  checkParts(`${at}.content`, item['content'], known);
}

function checkOutput(at: string, output: unknown): void {
  if (output === undefined) throw missing(at);
  checkParts(at, output, outputTypes);
}

function checkParts(at: string, content: unknown, known: readonly string[]): void {
  if (typeof content === 'string') return;
  if (!Array.isArray(content)) throw wrongType(at, 'one of an array of objects or string', content);
  for (const [position, part] of content.entries()) checkPart(`${at}[${position}]`, part, known);
}

function checkPart(at: string, part: unknown, known: readonly string[]): void {
  if (!isObject(part)) throw wrongType(at, 'an object', part);
  if (part['type'] === undefined) throw missing(`${at}.type`);
  const type = String(part['type']);
  if (!known.includes(type)) throw wrongValue(at, type, known);
  for (const name of Object.keys(part)) {
    if (name === 'type' || partFields[type]!.includes(name)) continue;
    throw refuse('unknown_parameter', `${at}.${name}`, `Unknown parameter: '${at}.${name}'.`);
  }
  if (type === 'input_image') checkImage(at, part);
  else if (type === 'input_file') checkFile(at, part);
  else {
    const field = type === 'refusal' ? 'refusal' : 'text';
    if (part[field] === undefined) throw missing(`${at}.${field}`);
    if (typeof part[field] !== 'string') throw wrongType(`${at}.${field}`, 'a string', part[field]);
  }
}

const details = ['low', 'high', 'auto', 'original'];

function checkImage(at: string, part: Json): void {
  if (part['detail'] !== undefined && !details.includes(String(part['detail']))) {
    throw wrongValue(`${at}.detail`, part['detail'], details);
  }
  if (typeof part['file_id'] === 'string') return;
  if (typeof part['image_url'] !== 'string') throw missing(`${at}.image_url`);
  checkImageUrl(`${at}.image_url`, part['image_url']);
}

function checkFile(at: string, part: Json): void {
  if (typeof part['file_id'] === 'string') return;
  if (typeof part['file_url'] === 'string') {
    if (/^https?:\/\/./.test(part['file_url'])) return;
    const message = `Invalid '${at}.file_url'. Expected a valid URL, but got a value with an invalid format.`;
    throw refuse('invalid_value', `${at}.file_url`, message);
  }
  if (typeof part['file_data'] !== 'string') throw missing(`${at}.file_data`);
  if (typeof part['filename'] !== 'string') throw missing(`${at}.filename`);
  checkFileData(`${at}.file_data`, part['file_data']);
}

function checkReasoning(at: string, item: Json): void {
  if (!Array.isArray(item['summary'])) throw missing(`${at}.summary`);
  for (const [position, part] of item['summary'].entries()) {
    const path = `${at}.summary[${position}]`;
    if (!isObject(part) || part['type'] !== 'summary_text') {
      throw wrongValue(`${path}.type`, isObject(part) ? part['type'] : part, ['summary_text']);
    }
    if (typeof part['text'] !== 'string') throw missing(`${path}.text`);
  }
  const sealed = item['encrypted_content'];
  if (sealed === undefined || sealed === null) throw notStored(String(item['id']));
  if (typeof sealed !== 'string') throw wrongType(`${at}.encrypted_content`, 'a string', sealed);
  const made = openSeal(sealed);
  const shown = `${sealed.slice(0, 4)}...${sealed.slice(-4)}`;
  if (made === undefined) {
    const message = `The encrypted content ${shown} could not be verified. Reason: Encrypted content could not be decrypted or parsed.`;
    throw refuse('invalid_encrypted_content', null, message);
  }
  if (typeof item['id'] === 'string' && item['id'] !== made) {
    const message = `The encrypted content ${shown} could not be verified. Reason: Encrypted content item_id did not match the target item id.`;
    throw refuse('invalid_encrypted_content', null, message);
  }
}

/** The emulator stores nothing: what is only named cannot be found. */
function notStored(id: string): Refusal {
  const message = `Item with id '${id.slice(0, 80)}' not found. Items are not persisted when \`store\` is set to false. Try again with \`store\` set to true, or remove this item from your input.`;
  return new Refusal(404, 'invalid_request_error', message, { parameter: 'input' });
}

function checkIds(items: readonly InputItem[]): void {
  const seen = new Set<string>();
  for (const { id } of items) {
    if (typeof id !== 'string') continue;
    if (seen.has(id)) {
      const message = `Duplicate item found with id ${id}. Remove duplicate items from your input and try again.`;
      throw refuse(undefined, 'input', message);
    }
    seen.add(id);
  }
}

/** Every call is answered, and every answer has its call before it. */
function checkPairs(items: readonly InputItem[]): void {
  for (const [call, output, noun] of [
    ['function_call', 'function_call_output', 'function call'],
    ['custom_tool_call', 'custom_tool_call_output', 'custom tool call'],
  ] as const) {
    const open = new Set<string>();
    const answered = new Set<string>();
    for (const item of items) {
      const id = String(item['call_id']);
      if (item.type === call) open.add(id);
      if (item.type !== output) continue;
      if (!open.has(id)) {
        throw refuse(undefined, 'input', `No tool call found for ${noun} output with call_id ${id}.`);
      }
      answered.add(id);
    }
    const left = [...open].find(id => !answered.has(id));
    if (left !== undefined) throw refuse(undefined, 'input', `No tool output found for ${noun} ${left}.`);
  }
}

/** What was thought stays before what it led to. */
function checkReasoningFollowed(items: readonly InputItem[]): void {
  for (const [position, item] of items.entries()) {
    if (item.type !== 'reasoning') continue;
    const next = items[position + 1];
    const follows = next !== undefined && !next.type.endsWith('_output') && next['role'] !== 'user';
    if (follows && next['role'] !== 'system' && next['role'] !== 'developer') continue;
    const message = `Item '${String(item['id'])}' of type 'reasoning' was provided without its required following item.`;
    throw refuse(undefined, 'input', message);
  }
}
