import type { ToolChoice, ToolDefinition } from '../../completion/request.ts';

export function encodeTool(tool: ToolDefinition): unknown {
  return {
    name: tool.name,
    description: tool.description,
    input_schema: tool.parameters ?? { type: 'object', properties: {} },
    strict: tool.strict,
  };
}

export function encodeToolChoice(choice: ToolChoice | undefined, parallel: boolean | undefined): unknown {
  const isSerial = parallel === false;
  if (choice === undefined) return isSerial ? { type: 'auto', disable_parallel_tool_use: true } : undefined;
  if (choice.type === 'none') return { type: 'none' };
  return { ...choice, disable_parallel_tool_use: isSerial ? true : undefined };
}
