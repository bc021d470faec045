import { Fault } from '../../completion/fault.ts';
import type { LossLedger } from '../../completion/loss.ts';
import type { CustomInput, ToolChoice, ToolDefinition, ToolNamespace } from '../../completion/request.ts';
import {
  FieldRules,
  isEmpty,
  isOneOf,
  lost,
  optionalFlag,
  optionalString,
  read,
  readFilledString,
  readList,
  readRecord,
  readString,
  refused,
  unsupported,
  type WireRecord,
} from '../wire-values.ts';
import { builtInType } from './hosted-tools.ts';

/** Calls that a program makes, and calls that are answered later, are of this API alone. */
const callRules = {
  allowed_callers: refused(value => Array.isArray(value) && value.length === 1 && value[0] === 'direct'),
  async: refused(isOneOf(false)),
  // Without a search at the provider, what is not given at once is never found.
  defer_loading: lost('tool-deferral-unsupported', isOneOf(false)),
};
const functionFields = new FieldRules({
  type: read,
  name: read,
  description: read,
  parameters: read,
  strict: read,
  output_schema: lost('tool-output-schema-unsupported', isEmpty),
  ...callRules,
});
const customFields = new FieldRules({ type: read, name: read, description: read, format: read, ...callRules });
const namespaceFields = new FieldRules({ type: read, name: read, description: read, tools: read });
const formatFields = new FieldRules({ type: read, syntax: read, definition: read });

export function decodeTools(value: unknown, losses: LossLedger): readonly ToolDefinition[] {
  if (value === undefined || value === null) return [];
  return readList(value, 'tools').flatMap((entry, index): readonly ToolDefinition[] => {
    const path = `tools.${index}`;
    const tool = readRecord(entry, path);
    const type = readString(tool['type'], `${path}.type`);
    if (type === 'namespace') return decodeNamespace(tool, path, losses);
    const own = decodeTool(tool, type, path, losses);
    if (own !== undefined) return [own];
    if (builtInType(type) === undefined) throw unsupported(`${path}.type`);
    // The model answers without it; a choice that insists on it is refused below.
    losses.dropped('hosted-tool-unsupported', path);
    return [];
  });
}

function decodeNamespace(tool: WireRecord, path: string, losses: LossLedger): readonly ToolDefinition[] {
  namespaceFields.check(tool, path, losses);
  const namespace: ToolNamespace = {
    name: readFilledString(tool['name'], `${path}.name`),
    description: optionalString(tool['description'], `${path}.description`) ?? '',
  };
  return readList(tool['tools'], `${path}.tools`).map((entry, index) => {
    const at = `${path}.tools.${index}`;
    const inner = readRecord(entry, at);
    const own = decodeTool(inner, readString(inner['type'], `${at}.type`), at, losses);
    if (own === undefined) throw unsupported(`${at}.type`);
    return { ...own, namespace };
  });
}

/** A tool of the client's own; undefined for any other. */
function decodeTool(tool: WireRecord, type: string, path: string, losses: LossLedger): ToolDefinition | undefined {
  if (type === 'function') {
    functionFields.check(tool, path, losses);
    const { parameters } = tool;
    return {
      name: readFilledString(tool['name'], `${path}.name`),
      description: optionalString(tool['description'], `${path}.description`),
      parameters: parameters == null ? undefined : readRecord(parameters, `${path}.parameters`),
      // Not to be held to the schema is what is so elsewhere unless it is asked for.
      strict: optionalFlag(tool['strict'], `${path}.strict`) === true ? true : undefined,
    };
  }
  if (type !== 'custom') return undefined;
  customFields.check(tool, path, losses);
  return {
    name: readFilledString(tool['name'], `${path}.name`),
    description: optionalString(tool['description'], `${path}.description`),
    parameters: undefined,
    strict: undefined,
    custom: { grammar: decodeGrammar(tool['format'], `${path}.format`, losses) },
  };
}

function decodeGrammar(value: unknown, path: string, losses: LossLedger): CustomInput['grammar'] {
  if (value === undefined || value === null) return undefined;
  const format = readRecord(value, path);
  formatFields.check(format, path, losses);
  if (format['type'] === 'text') return undefined;
  if (format['type'] !== 'grammar') throw unsupported(`${path}.type`);
  const { syntax } = format;
  if (syntax !== 'lark' && syntax !== 'regex') throw unsupported(`${path}.syntax`);
  return { syntax, definition: readFilledString(format['definition'], `${path}.definition`) };
}

/** `tools`: those that are left. */
export function decodeToolChoice(
  value: unknown,
  tools: readonly ToolDefinition[],
  losses: LossLedger,
): ToolChoice | undefined {
  switch (value) {
    case undefined:
    case null:
      return undefined;
    case 'auto':
    case 'none':
      return { type: value };
    case 'required':
      if (tools.length === 0) throw unsupported('tool_choice', 'no tool is left that could be called.');
      return { type: 'any' };
  }
  if (typeof value === 'string') throw invalid('tool_choice');
  const choice = readRecord(value, 'tool_choice');
  if (choice['type'] === 'allowed_tools') return decodeAllowed(choice, losses);
  return { type: 'tool', name: nameIn(choice, 'tool_choice', losses) };
}

const allowedFields = new FieldRules({ type: read, mode: read, tools: read });
const choiceFields = new FieldRules({ type: read, name: read });

function decodeAllowed(allowed: WireRecord, losses: LossLedger): ToolChoice {
  const path = 'tool_choice';
  allowedFields.check(allowed, path, losses);
  const { mode } = allowed;
  if (mode !== 'auto' && mode !== 'required') throw invalid(`${path}.mode`);
  const names = readList(allowed['tools'], `${path}.tools`).flatMap((entry, index) => {
    const at = `${path}.tools.${index}`;
    const tool = readRecord(entry, at);
    const isBuiltIn = typeof tool['type'] === 'string' && builtInType(tool['type']) !== undefined;
    // That it is not offered was declared where it is defined.
    return isBuiltIn ? [] : [nameIn(tool, at, losses)];
  });
  if (names.length === 0) throw unsupported(`${path}.tools`, 'no tool is left that could be called.');
  return { type: 'allowed', mode: mode === 'auto' ? 'auto' : 'any', names };
}

function nameIn(choice: WireRecord, path: string, losses: LossLedger): string {
  const { type } = choice;
  if (type !== 'function' && type !== 'custom') throw unsupported(`${path}.type`);
  choiceFields.check(choice, path, losses);
  return readFilledString(choice['name'], `${path}.name`);
}

function invalid(path: string): Fault {
  return new Fault('parameter_invalid', `${path} is not a choice of this API.`, { parameter: path });
}
