import type { ToolChoice, ToolDefinition } from '../../completion/request.ts';
import { encodeCachePoint } from './cache.ts';

/** `toolConfig`; lowering has seen to it that it is there when the conversation has calls. */
export function encodeToolConfig(tools: readonly ToolDefinition[], choice: ToolChoice | undefined): unknown {
  if (tools.length === 0) return undefined;
  return {
    tools: tools.flatMap(tool =>
      tool.cache === undefined ? [encodeSpec(tool)] : [encodeSpec(tool), encodeCachePoint(tool.cache)],
    ),
    toolChoice: encodeChoice(choice),
  };
}

function encodeSpec({ name, description, parameters, strict }: ToolDefinition): unknown {
  return {
    toolSpec: {
      name,
      // At least one letter (API_runtime_ToolSpecification, 2026-11).
      description: description === '' ? undefined : description,
      inputSchema: { json: parameters ?? { type: 'object', properties: {} } },
      strict,
    },
  };
}

function encodeChoice(choice: ToolChoice | undefined): unknown {
  switch (choice?.type) {
    case 'any':
      return { any: {} };
    case 'tool':
      return { tool: { name: choice.name } };
    case 'auto':
      return { auto: {} };
    case undefined:
      return undefined;
    default:
      // Others were lowered to what this API has.
      throw new Error(`this API has no choice of tools that is ${choice?.type}`);
  }
}
