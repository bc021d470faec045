import { missing, refuse, wrongType, wrongValue } from '../openai/parameters.ts';
import { isObject, type Json } from '../openai/wire.ts';
import { refusedStrict } from './strict-schema.ts';
import { hostedTools } from './wire.ts';

const namePattern = /^[a-zA-Z0-9_-]+$/;
const nameCharactersMax = 128;

const toolFields: Readonly<Record<string, readonly string[]>> = {
  function: [
    'name',
    'parameters',
    'strict',
    'description',
    'allowed_callers',
    'async',
    'defer_loading',
    'output_schema',
  ],
  custom: ['name', 'description', 'format', 'allowed_callers', 'async', 'defer_loading'],
  namespace: ['name', 'description', 'tools'],
};

/** Refuses tools and choices of tools that the API refuses. Throws Refusal. */
export function validateTools(request: Json): void {
  const tools = (request['tools'] ?? []) as readonly unknown[];
  const names = new Set<string>();
  for (const [position, tool] of tools.entries()) checkTool(`tools[${position}]`, tool, names, true);
  checkChoice(request['tool_choice'], tools, names);
}

function checkTool(at: string, tool: unknown, names: Set<string>, outermost: boolean): void {
  if (!isObject(tool)) throw wrongType(at, 'an object', tool);
  if (tool['type'] === undefined) throw missing(`${at}.type`);
  const type = String(tool['type']);
  const own = outermost ? ['function', 'custom', 'namespace'] : ['function', 'custom'];
  const known = outermost ? [...own, ...hostedTools] : own;
  if (!known.includes(type)) throw wrongValue(`${at}.type`, type, known);
  if (!own.includes(type)) return;
  checkName(`${at}.name`, tool['name']);
  for (const name of Object.keys(tool)) {
    if (name === 'type' || toolFields[type]!.includes(name)) continue;
    throw refuse('unknown_parameter', `${at}.${name}`, `Unknown parameter: '${at}.${name}'.`);
  }
  if (type === 'namespace') {
    if (!Array.isArray(tool['tools'])) throw missing(`${at}.tools`);
    for (const [position, inner] of tool['tools'].entries()) {
      checkTool(`${at}.tools[${position}]`, inner, names, false);
    }
    return;
  }
  names.add(String(tool['name']));
  if (type === 'function') checkFunction(at, tool);
  else checkCustom(at, tool);
}

export function checkName(at: string, name: unknown): void {
  if (name === undefined) throw missing(at);
  if (typeof name !== 'string') throw wrongType(at, 'a string', name);
  if (!namePattern.test(name)) {
    const message = `Invalid '${at}': string does not match pattern. Expected a string that matches the pattern '^[a-zA-Z0-9_-]+$'.`;
    throw refuse('invalid_value', at, message);
  }
  if (name.length > nameCharactersMax) throw tooLong(at, nameCharactersMax, name);
}

export function tooLong(at: string, charactersMax: number, text: string) {
  const message = `Invalid '${at}': string too long. Expected a string with maximum length ${charactersMax}, but got a string with length ${text.length} instead.`;
  return refuse('string_above_max_length', at, message);
}

function checkFunction(at: string, tool: Json): void {
  const schema = tool['parameters'];
  if (schema === undefined || schema === null) return;
  if (!isObject(schema)) throw wrongType(`${at}.parameters`, 'an object', schema);
  const bad = (message: string) =>
    refuse(
      'invalid_function_parameters',
      `${at}.parameters`,
      `Invalid schema for function '${String(tool['name'])}': ${message}`,
    );
  if (schema['type'] !== 'object' && Object.keys(schema).length > 0) {
    const got = schema['type'] === undefined ? 'None' : String(schema['type']);
    throw bad(`schema must be a JSON Schema of 'type: "object"', got 'type: "${got}"'.`);
  }
  const refused = tool['strict'] === true ? refusedStrict(schema) : undefined;
  if (refused !== undefined) throw bad(refused);
}

function checkCustom(at: string, tool: Json): void {
  const format = tool['format'];
  if (format === undefined) return;
  if (!isObject(format)) throw wrongType(`${at}.format`, 'an object', format);
  const types = ['text', 'grammar'];
  if (!types.includes(String(format['type']))) throw wrongValue(`${at}.format.type`, format['type'], types);
  if (format['type'] === 'text') return;
  const syntaxes = ['lark', 'regex'];
  if (!syntaxes.includes(String(format['syntax']))) throw wrongValue(`${at}.format.syntax`, format['syntax'], syntaxes);
  if (typeof format['definition'] !== 'string') throw missing(`${at}.format.definition`);
}

const choiceTypes = ['function', 'custom', 'allowed_tools', ...hostedTools];

function checkChoice(choice: unknown, tools: readonly unknown[], names: ReadonlySet<string>): void {
  if (choice === undefined || choice === null) return;
  if (typeof choice === 'string') {
    const modes = ['none', 'auto', 'required'];
    if (!modes.includes(choice)) throw wrongValue('tool_choice', choice, modes);
    if (choice === 'required' && tools.length === 0) {
      throw refuse(undefined, 'tool_choice', "Tool choice 'required' must be specified with 'tools' parameter.");
    }
    return;
  }
  if (!isObject(choice)) throw wrongType('tool_choice', 'one of an object or string', choice);
  const type = String(choice['type']);
  if (!choiceTypes.includes(type)) throw wrongValue('tool_choice.type', type, choiceTypes);
  if (type === 'allowed_tools') checkAllowed(choice, names);
  else if (type === 'function' || type === 'custom') {
    if (typeof choice['name'] !== 'string') throw missing('tool_choice.name');
    if (!names.has(choice['name'])) throw notFound(type);
  } else if (!tools.some(tool => isObject(tool) && tool['type'] === type)) throw notFound(type);
}

function checkAllowed(choice: Json, names: ReadonlySet<string>): void {
  const modes = ['auto', 'required'];
  if (!modes.includes(String(choice['mode']))) throw wrongValue('tool_choice.mode', choice['mode'], modes);
  if (!Array.isArray(choice['tools'])) throw missing('tool_choice.tools');
  for (const tool of choice['tools']) {
    if (isObject(tool) && typeof tool['name'] === 'string' && !names.has(tool['name'])) throw notFound(tool['name']);
  }
}

function notFound(what: string) {
  return refuse(undefined, 'tool_choice', `Tool choice '${what}' not found in 'tools' parameter.`);
}
