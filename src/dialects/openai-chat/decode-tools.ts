import { Fault } from '../../completion/fault.ts';
import type { LossLedger } from '../../completion/loss.ts';
import type { CustomInput, ToolChoice, ToolDefinition } from '../../completion/request.ts';
import {
  FieldRules,
  optionalFlag,
  optionalString,
  read,
  readFilledString,
  readList,
  readRecord,
  unsupported,
  type WireRecord,
} from '../wire-values.ts';
import { decodeMark } from './cache.ts';

const toolFields = new FieldRules({ type: read, function: read, cache_control: read });
const functionFields = new FieldRules({
  name: read,
  description: read,
  parameters: read,
  strict: read,
  cache_control: read,
});
const customToolFields = new FieldRules({ type: read, custom: read });
const customFields = new FieldRules({ name: read, description: read, format: read });
const grammarFields = new FieldRules({ syntax: read, definition: read });

export function decodeTools(value: unknown, losses: LossLedger): readonly ToolDefinition[] {
  if (value === undefined || value === null) return [];
  return readList(value, 'tools').map((entry, index) => {
    const path = `tools.${index}`;
    const tool = readRecord(entry, path);
    if (tool['type'] === 'custom') return decodeCustom(tool, path, losses);
    if (tool['type'] !== 'function') throw unsupported(`${path}.type`);
    toolFields.check(tool, path, losses);
    const definition = readRecord(tool['function'], `${path}.function`);
    functionFields.check(definition, `${path}.function`, losses);
    const { parameters } = definition;
    return {
      name: readFilledString(definition['name'], `${path}.function.name`),
      description: optionalString(definition['description'], `${path}.function.description`),
      parameters: parameters == null ? undefined : readRecord(parameters, `${path}.function.parameters`),
      strict: optionalFlag(definition['strict'], `${path}.function.strict`),
      cache: decodeMark(tool, path, losses) ?? decodeMark(definition, `${path}.function`, losses),
    };
  });
}

function decodeCustom(tool: WireRecord, path: string, losses: LossLedger): ToolDefinition {
  customToolFields.check(tool, path, losses);
  const definition = readRecord(tool['custom'], `${path}.custom`);
  customFields.check(definition, `${path}.custom`, losses);
  return {
    name: readFilledString(definition['name'], `${path}.custom.name`),
    description: optionalString(definition['description'], `${path}.custom.description`),
    parameters: undefined,
    strict: undefined,
    custom: { grammar: decodeGrammar(definition['format'], `${path}.custom.format`, losses) },
  };
}

function decodeGrammar(value: unknown, path: string, losses: LossLedger): CustomInput['grammar'] {
  if (value === undefined || value === null) return undefined;
  const format = readRecord(value, path);
  if (format['type'] === 'text') return undefined;
  if (format['type'] !== 'grammar') throw unsupported(`${path}.type`);
  const grammar = readRecord(format['grammar'], `${path}.grammar`);
  grammarFields.check(grammar, `${path}.grammar`, losses);
  const { syntax } = grammar;
  if (syntax !== 'lark' && syntax !== 'regex') throw unsupported(`${path}.grammar.syntax`);
  return { syntax, definition: readFilledString(grammar['definition'], `${path}.grammar.definition`) };
}

export function decodeToolChoice(value: unknown, losses: LossLedger): ToolChoice | undefined {
  switch (value) {
    case undefined:
    case null:
      return undefined;
    case 'auto':
    case 'none':
      return { type: value };
    case 'required':
      return { type: 'any' };
  }
  if (typeof value === 'string') throw invalid('tool_choice');
  const choice = readRecord(value, 'tool_choice');
  if (choice['type'] === 'allowed_tools') return decodeAllowed(choice['allowed_tools'], losses);
  return { type: 'tool', name: namedIn(choice, 'tool_choice') };
}

const allowedFields = new FieldRules({ mode: read, tools: read });

function decodeAllowed(value: unknown, losses: LossLedger): ToolChoice {
  const path = 'tool_choice.allowed_tools';
  const allowed = readRecord(value, path);
  allowedFields.check(allowed, path, losses);
  const { mode } = allowed;
  if (mode !== 'auto' && mode !== 'required') throw invalid(`${path}.mode`);
  const names = readList(allowed['tools'], `${path}.tools`).map((entry, index) => {
    const at = `${path}.tools.${index}`;
    return namedIn(readRecord(entry, at), at);
  });
  if (names.length === 0) throw unsupported(`${path}.tools`, 'no tool is left that could be called.');
  return { type: 'allowed', mode: mode === 'auto' ? 'auto' : 'any', names };
}

/** The name that stands under its type: `{ type: "function", function: { name } }`. */
function namedIn(choice: WireRecord, path: string): string {
  const { type } = choice;
  if (type !== 'function' && type !== 'custom') throw unsupported(`${path}.type`);
  return readFilledString(readRecord(choice[type], `${path}.${type}`)['name'], `${path}.${type}.name`);
}

function invalid(path: string): Fault {
  return new Fault('parameter_invalid', `${path} is not a choice of this API.`, { parameter: path });
}
