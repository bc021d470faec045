import type { CustomInput, ToolChoice, ToolDefinition } from '../../completion/request.ts';

export function encodeTool({ name, description, parameters, strict, custom }: ToolDefinition): unknown {
  if (custom !== undefined) return { type: 'custom', custom: { name, description, format: encodeFormat(custom) } };
  return { type: 'function', function: { name, description, parameters, strict } };
}

function encodeFormat({ grammar }: CustomInput): unknown {
  return grammar === undefined ? undefined : { type: 'grammar', grammar };
}

export function encodeToolChoice(choice: ToolChoice | undefined, tools: readonly ToolDefinition[]): unknown {
  if (choice === undefined) return undefined;
  const named = (name: string): unknown => {
    const isCustom = tools.some(tool => tool.name === name && tool.custom !== undefined);
    return isCustom ? { type: 'custom', custom: { name } } : { type: 'function', function: { name } };
  };
  switch (choice.type) {
    case 'any':
      return 'required';
    case 'tool':
      return named(choice.name);
    case 'allowed': {
      const mode = choice.mode === 'any' ? 'required' : 'auto';
      return { type: 'allowed_tools', allowed_tools: { mode, tools: choice.names.map(named) } };
    }
    default:
      return choice.type;
  }
}
