import type { ToolChoice, ToolDefinition } from '../../completion/request.ts';
import { encodeCacheMark } from './cache.ts';

export function encodeTool(tool: ToolDefinition): unknown {
  return {
    name: tool.name,
    description: tool.description,
    input_schema: tool.parameters ?? { type: 'object', properties: {} },
    strict: tool.strict,
    cache_control: encodeCacheMark(tool.cache),
  };
}

export function encodeToolChoice(choice: ToolChoice | undefined, parallel: boolean | undefined): unknown {
  const isSerial = parallel === false;
  if (choice === undefined) return isSerial ? { type: 'auto', disable_parallel_tool_use: true } : undefined;
  if (choice.type === 'none') return { type: 'none' };
  // A choice among some tools was lowered to one that this API has.
  if (choice.type === 'allowed') throw new Error('this API cannot be told which tools are allowed');
  return { ...choice, disable_parallel_tool_use: isSerial ? true : undefined };
}
