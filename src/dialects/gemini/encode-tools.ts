import type { ToolChoice, ToolDefinition } from '../../completion/request.ts';

/** Schemas go as JSON Schema: the API's own `Schema` has no references, no unions of types and no closed objects
 *  (https://ai.google.dev/api/caching#FunctionDeclaration, 2026-11). */
export function encodeTools(tools: readonly ToolDefinition[]): unknown {
  if (tools.length === 0) return undefined;
  return [
    {
      functionDeclarations: tools.map(({ name, description, parameters }) => ({
        name,
        description,
        parametersJsonSchema: parameters,
      })),
    },
  ];
}

export function encodeToolChoice(choice: ToolChoice | undefined): unknown {
  if (choice === undefined) return undefined;
  return { functionCallingConfig: callingOf(choice) };
}

function callingOf(choice: ToolChoice): unknown {
  switch (choice.type) {
    case 'auto':
      return { mode: 'AUTO' };
    case 'none':
      return { mode: 'NONE' };
    case 'any':
      return { mode: 'ANY' };
    case 'tool':
      return { mode: 'ANY', allowedFunctionNames: [choice.name] };
    case 'allowed':
      // A choice that leaves it to the model was lowered to the tools that it names.
      return { mode: 'ANY', allowedFunctionNames: choice.names };
  }
}
