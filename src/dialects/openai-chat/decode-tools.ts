import { Fault } from '../../completion/fault.ts';
import type { LossLedger } from '../../completion/loss.ts';
import type { ToolChoice, ToolDefinition } from '../../completion/request.ts';
import {
  FieldRules,
  optionalFlag,
  optionalString,
  read,
  readFilledString,
  readList,
  readRecord,
  unsupported,
} from '../wire-values.ts';

const toolFields = new FieldRules({ type: read, function: read });
const functionFields = new FieldRules({ name: read, description: read, parameters: read, strict: read });

export function decodeTools(value: unknown, losses: LossLedger): readonly ToolDefinition[] {
  if (value === undefined || value === null) return [];
  return readList(value, 'tools').map((entry, index) => {
    const path = `tools.${index}`;
    const tool = readRecord(entry, path);
    if (tool['type'] !== 'function') throw unsupported(`${path}.type`);
    toolFields.check(tool, path, losses);
    const definition = readRecord(tool['function'], `${path}.function`);
    functionFields.check(definition, `${path}.function`, losses);
    return {
      name: readFilledString(definition['name'], `${path}.function.name`),
      description: optionalString(definition['description'], `${path}.function.description`),
      parameters: definition['parameters'] ?? undefined,
      strict: optionalFlag(definition['strict'], `${path}.function.strict`),
    };
  });
}

export function decodeToolChoice(value: unknown): ToolChoice | undefined {
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
  if (typeof value === 'string') {
    throw new Fault('parameter_invalid', 'tool_choice is not a choice of this API.', { parameter: 'tool_choice' });
  }
  const choice = readRecord(value, 'tool_choice');
  if (choice['type'] !== 'function') throw unsupported('tool_choice.type');
  const named = readRecord(choice['function'], 'tool_choice.function');
  return { type: 'tool', name: readFilledString(named['name'], 'tool_choice.function.name') };
}
