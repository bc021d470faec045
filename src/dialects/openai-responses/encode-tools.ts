import type { CustomInput, ToolChoice, ToolDefinition } from '../../completion/request.ts';

interface WireNamespace {
  readonly type: 'namespace';
  readonly name: string;
  readonly description: string;
  readonly tools: unknown[];
}

/** Tools of one namespace stand together, where its first one stood. */
export function encodeTools(tools: readonly ToolDefinition[]): readonly unknown[] {
  const written: unknown[] = [];
  const namespaces = new Map<string, WireNamespace>();
  for (const tool of tools) {
    const { namespace } = tool;
    if (namespace === undefined) {
      written.push(encodeTool(tool));
      continue;
    }
    let group = namespaces.get(namespace.name);
    if (group === undefined) {
      group = { type: 'namespace', ...namespace, tools: [] };
      namespaces.set(namespace.name, group);
      written.push(group);
    }
    group.tools.push(encodeTool(tool));
  }
  return written;
}

/** The API holds calls to the schema unless it is told not to (openai-node 7.55, responses.ts, 2026-11), and refuses schemas
 *  that it cannot hold them to; other dialects do so only where it is asked for. */
function encodeTool({ name, description, parameters, strict, custom }: ToolDefinition): unknown {
  if (custom !== undefined) return { type: 'custom', name, description, format: encodeFormat(custom) };
  return { type: 'function', name, description, parameters: parameters ?? null, strict: strict ?? false };
}

function encodeFormat({ grammar }: CustomInput): unknown {
  return grammar === undefined ? undefined : { type: 'grammar', ...grammar };
}

export function encodeToolChoice(choice: ToolChoice | undefined, tools: readonly ToolDefinition[]): unknown {
  if (choice === undefined) return undefined;
  const named = (name: string): unknown => {
    const isCustom = tools.some(tool => tool.name === name && tool.custom !== undefined);
    return { type: isCustom ? 'custom' : 'function', name };
  };
  switch (choice.type) {
    case 'any':
      return 'required';
    case 'tool':
      return named(choice.name);
    case 'allowed':
      return {
        type: 'allowed_tools',
        mode: choice.mode === 'any' ? 'required' : 'auto',
        tools: choice.names.map(named),
      };
    default:
      return choice.type;
  }
}
