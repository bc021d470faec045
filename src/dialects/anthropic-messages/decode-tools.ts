import { Fault } from '../../completion/fault.ts';
import type { LossLedger } from '../../completion/loss.ts';
import type { ToolChoice, ToolDefinition } from '../../completion/request.ts';
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
  refused,
  unsupported,
} from '../wire-values.ts';
import { decodeCacheMark } from './cache.ts';

const toolFields = new FieldRules({
  type: read,
  name: read,
  description: read,
  input_schema: read,
  strict: read,
  allowed_callers: refused(value => Array.isArray(value) && value.length === 1 && value[0] === 'direct'),
  cache_control: read,
  // Without a search at the provider, what is not given at once is never found.
  defer_loading: lost('tool-deferral-unsupported', isOneOf(false)),
  input_examples: refused(isEmpty),
  eager_input_streaming: lost('eager-input-streaming-unsupported', isOneOf(false)),
});
const choiceFields = new FieldRules({ type: read, name: read, disable_parallel_tool_use: read });

export function decodeTools(value: unknown, losses: LossLedger): readonly ToolDefinition[] {
  if (value === undefined || value === null) return [];
  return readList(value, 'tools').map((entry, index): ToolDefinition => {
    const path = `tools.${index}`;
    const tool = readRecord(entry, path);
    if ((tool['type'] ?? 'custom') !== 'custom') throw unsupported(`${path}.type`);
    toolFields.check(tool, path, losses);
    return {
      name: readFilledString(tool['name'], `${path}.name`),
      description: optionalString(tool['description'], `${path}.description`),
      parameters: readRecord(tool['input_schema'], `${path}.input_schema`),
      strict: optionalFlag(tool['strict'], `${path}.strict`),
      cache: decodeCacheMark(tool['cache_control'], path, losses),
    };
  });
}

interface DecodedChoice {
  readonly choice: ToolChoice | undefined;
  readonly parallel: boolean | undefined;
}

export function decodeToolChoice(value: unknown, losses: LossLedger): DecodedChoice {
  if (value === undefined || value === null) return { choice: undefined, parallel: undefined };
  const wire = readRecord(value, 'tool_choice');
  choiceFields.check(wire, 'tool_choice', losses);
  const isSerial = optionalFlag(wire['disable_parallel_tool_use'], 'tool_choice.disable_parallel_tool_use');
  const parallel = isSerial === undefined ? undefined : !isSerial;
  const type = wire['type'];
  if (type === 'auto' || type === 'any' || type === 'none') return { choice: { type }, parallel };
  if (type === 'tool') {
    return { choice: { type, name: readFilledString(wire['name'], 'tool_choice.name') }, parallel };
  }
  throw new Fault('parameter_invalid', 'tool_choice.type is not a choice of this API.', {
    parameter: 'tool_choice.type',
  });
}
