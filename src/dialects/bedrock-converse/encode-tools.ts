import type { LossLedger } from '../../completion/loss.ts';
import type { CompletionRequest, ToolChoice, ToolDefinition } from '../../completion/request.ts';
import { encodeCachePoint } from './cache.ts';

type ToolFields = Pick<CompletionRequest, 'tools' | 'turns'>;

/** `toolConfig`, which must be there whenever the conversation has calls, and has no word for calling none. */
export function encodeToolConfig(
  { tools, turns }: ToolFields,
  choice: ToolChoice | undefined,
  losses: LossLedger,
): unknown {
  const called = calledTools(turns);
  const isNone = choice?.type === 'none';
  if (tools.length === 0) {
    if (called.size === 0) return undefined;
    losses.approximated('tool-definitions-added', 'tools');
    return { tools: [...called].map(name => encodeSpec({ name, ...anyArguments })) };
  }
  if (isNone && called.size === 0) return undefined;
  if (isNone) losses.approximated('tool-choice-none-unsupported', 'tool_choice');
  return {
    tools: tools.flatMap(tool =>
      tool.cache === undefined ? [encodeSpec(tool)] : [encodeSpec(tool), encodeCachePoint(tool.cache)],
    ),
    toolChoice: isNone ? undefined : encodeChoice(choice),
  };
}

const anyArguments = { description: undefined, parameters: undefined, strict: undefined };

function calledTools(turns: CompletionRequest['turns']): ReadonlySet<string> {
  const names = turns.flatMap(({ blocks }) => blocks.flatMap(block => (block.type === 'call' ? [block.name] : [])));
  return new Set(names);
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
    case 'allowed':
      // A choice among some tools was lowered to one that this API has.
      throw new Error('this API cannot be told which tools are allowed');
    default:
      return undefined;
  }
}
