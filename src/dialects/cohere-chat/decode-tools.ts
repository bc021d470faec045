import { Fault } from '../../completion/fault.ts';
import type { LossLedger } from '../../completion/loss.ts';
import type { ToolChoice, ToolDefinition } from '../../completion/request.ts';
import {
  FieldRules,
  optionalString,
  read,
  readFilledString,
  readList,
  readRecord,
  unsupported,
} from '../wire-values.ts';

const toolFields = new FieldRules({ type: read, function: read });
const functionFields = new FieldRules({ name: read, description: read, parameters: read });

/** All tools are strict, or none. */
export function decodeTools(
  value: unknown,
  strict: boolean | undefined,
  losses: LossLedger,
): readonly ToolDefinition[] {
  if (value === undefined || value === null) return [];
  return readList(value, 'tools').map((entry, index): ToolDefinition => {
    const path = `tools.${index}`;
    const tool = readRecord(entry, path);
    if ((tool['type'] ?? 'function') !== 'function') throw unsupported(`${path}.type`);
    toolFields.check(tool, path, losses);
    const definition = readRecord(tool['function'], `${path}.function`);
    functionFields.check(definition, `${path}.function`, losses);
    const { parameters } = definition;
    return {
      name: readFilledString(definition['name'], `${path}.function.name`),
      description: optionalString(definition['description'], `${path}.function.description`),
      parameters: parameters == null ? undefined : readRecord(parameters, `${path}.function.parameters`),
      strict,
    };
  });
}

/** Said or not, the model chooses. */
export function decodeToolChoice(value: unknown): ToolChoice | undefined {
  switch (value) {
    case undefined:
    case null:
      return undefined;
    case 'REQUIRED':
      return { type: 'any' };
    case 'NONE':
      return { type: 'none' };
  }
  throw new Fault('parameter_invalid', 'tool_choice is REQUIRED or NONE.', { parameter: 'tool_choice' });
}
