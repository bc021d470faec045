import type { LossLedger } from '../../completion/loss.ts';
import type { DialectProfile } from '../../completion/profile.ts';
import type { CompletionRequest, ToolDefinition } from '../../completion/request.ts';

type ToolFields = Pick<CompletionRequest, 'tools' | 'toolChoice' | 'turns'>;

/** For targets that must have the tools of earlier calls defined, and cannot be told to call none: without earlier calls the
 *  tools are left out then, which says the same. */
export function followCalls<Request extends ToolFields>(
  request: Request,
  profile: DialectProfile,
  losses: LossLedger,
): Request {
  if (profile.toolsFollowCalls !== true) return request;
  const { tools, toolChoice } = request;
  const isNone = toolChoice?.type === 'none';
  if (tools.length > 0 && !isNone) return request;
  const called = calledTools(request);
  if (called.size === 0) return { ...request, tools: [], toolChoice: undefined };
  if (tools.length > 0) {
    losses.approximated('tool-choice-none-unsupported', 'tool_choice');
    return { ...request, toolChoice: undefined };
  }
  losses.approximated('tool-definitions-added', 'tools');
  return { ...request, tools: [...called].map(anyArguments), toolChoice: undefined };
}

function calledTools({ turns }: ToolFields): ReadonlySet<string> {
  const names = turns.flatMap(({ blocks }) => blocks.flatMap(block => (block.type === 'call' ? [block.name] : [])));
  return new Set(names);
}

function anyArguments(name: string): ToolDefinition {
  return { name, description: undefined, parameters: undefined, strict: undefined };
}
