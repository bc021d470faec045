import { hash } from 'node:crypto';
import type { LossLedger } from '../../completion/loss.ts';
import type { DialectProfile } from '../../completion/profile.ts';
import type { Block, CompletionRequest, CustomInput, ToolDefinition, Turn } from '../../completion/request.ts';
import { unsupported } from '../wire-values.ts';
import { customInput, plainForm } from './answer-form.ts';

type ToolFields = Pick<CompletionRequest, 'tools' | 'toolChoice' | 'turns'>;

/** Tools that take free text become tools with one argument, where the target knows no others. */
export function lowerCustomTools<Request extends ToolFields>(
  request: Request,
  profile: DialectProfile,
  losses: LossLedger,
): { readonly request: Request; readonly customTools: ReadonlySet<string> } {
  const { tools, turns } = request;
  const inTurns = (turn: Turn): boolean => turn.blocks.some(isCustomCall);
  if (profile.customTools || !(tools.some(tool => tool.custom !== undefined) || turns.some(inTurns))) {
    return { request, customTools: plainForm.customTools };
  }
  const customTools = new Set<string>();
  const lowered = tools.map((tool, index) => {
    if (tool.custom === undefined) return tool;
    customTools.add(tool.name);
    losses.approximated('custom-tool-as-function', `tools.${index}`);
    return functionOf(tool, tool.custom);
  });
  const told = turns.map(turn => (inTurns(turn) ? { ...turn, blocks: turn.blocks.map(asFunctionCall) } : turn));
  return { request: { ...request, tools: lowered, turns: told }, customTools };
}

function functionOf(tool: ToolDefinition, { grammar }: CustomInput): ToolDefinition {
  const description =
    grammar === undefined
      ? 'The whole input, as plain text.'
      : `The whole input, as plain text that matches this ${grammar.syntax} grammar:\n${grammar.definition}`;
  const { custom: _, ...rest } = tool;
  const properties = { [customInput]: { type: 'string', description } };
  return { ...rest, parameters: { type: 'object', properties, required: [customInput], additionalProperties: false } };
}

function isCustomCall(block: Block): boolean {
  return block.type === 'call' && block.custom === true;
}

function asFunctionCall(block: Block): Block {
  if (block.type !== 'call' || block.custom !== true) return block;
  const { custom: _, ...call } = block;
  return { ...call, argumentsText: JSON.stringify({ [customInput]: call.argumentsText }) };
}

/** A choice among some of the tools, where the target cannot be told: one of them for sure is a choice of that tool,
 *  several are sent alone. Their order stays. */
export function lowerAllowedTools<Request extends ToolFields>(
  request: Request,
  profile: DialectProfile,
  losses: LossLedger,
): Request {
  const choice = request.toolChoice;
  if (choice?.type !== 'allowed' || profile.allowedTools === true) return request;
  if (profile.allowedTools === 'any' && choice.mode === 'any') return request;
  const allowed = new Set(choice.names);
  const tools = request.tools.filter(({ name }) => allowed.has(name));
  const [only] = tools;
  if (tools.length === 1 && choice.mode === 'any') {
    return { ...request, toolChoice: { type: 'tool', name: only!.name } };
  }
  if (tools.length === request.tools.length) return { ...request, toolChoice: { type: choice.mode } };
  losses.approximated('allowed-tools-filtered', 'tool_choice.allowed_tools');
  return { ...request, tools, toolChoice: tools.length === 0 ? undefined : { type: choice.mode } };
}

/** A choice of one tool, where the target can only be told to call some tool: that one is sent alone. */
export function lowerNamedTool<Request extends ToolFields>(
  request: Request,
  profile: DialectProfile,
  losses: LossLedger,
): Request {
  const choice = request.toolChoice;
  if (choice?.type !== 'tool' || profile.namedTool !== false || request.tools.length === 0) return request;
  const tools = request.tools.filter(({ name }) => name === choice.name);
  if (tools.length < request.tools.length) losses.approximated('allowed-tools-filtered', 'tool_choice');
  // A tool that is not defined cannot be called, and other APIs refuse such a choice.
  if (tools.length === 0) throw unsupported('tool_choice', 'the tool that it names is not among the tools.');
  return { ...request, tools, toolChoice: { type: 'any' } };
}

/** Names that the target does not take are changed, in definitions, history and choice alike. */
export function lowerToolNames<Request extends ToolFields>(
  request: Request,
  profile: DialectProfile,
  losses: LossLedger,
): { readonly request: Request; readonly toolNames: ReadonlyMap<string, string> } {
  const { pattern } = profile.toolNames;
  if (!namesOf(request).some(name => !pattern.test(name))) return { request, toolNames: plainForm.toolNames };
  const names = new Map<string, string>();
  const kept = new Set<string>();
  const see = (name: string): void => {
    if (pattern.test(name)) kept.add(name);
    else names.set(name, '');
  };
  for (const name of namesOf(request)) see(name);
  const choice = request.toolChoice;
  for (const name of names.keys()) names.set(name, fittingName(name, profile.toolNames, kept));
  const nameOf = (name: string): string => names.get(name) ?? name;
  request.tools.forEach((tool, index) => {
    if (names.has(tool.name)) losses.approximated('tool-name-changed', `tools.${index}`);
  });
  return {
    toolNames: new Map([...names].map(([name, sent]) => [sent, name])),
    request: {
      ...request,
      tools: request.tools.map(tool => ({ ...tool, name: nameOf(tool.name) })),
      turns: request.turns.map(turn => ({
        ...turn,
        blocks: turn.blocks.map(block => (block.type === 'call' ? { ...block, name: nameOf(block.name) } : block)),
      })),
      toolChoice: renamedChoice(choice, nameOf),
    },
  };
}

/** Wherever one stands: in definitions, history and choice. */
function namesOf({ tools, turns, toolChoice }: ToolFields): readonly string[] {
  const names = tools.map(({ name }) => name);
  for (const turn of turns) for (const block of turn.blocks) if (block.type === 'call') names.push(block.name);
  if (toolChoice?.type === 'tool') names.push(toolChoice.name);
  if (toolChoice?.type === 'allowed') names.push(...toolChoice.names);
  return names;
}

function renamedChoice(
  choice: CompletionRequest['toolChoice'],
  nameOf: (name: string) => string,
): CompletionRequest['toolChoice'] {
  if (choice?.type === 'tool') return { ...choice, name: nameOf(choice.name) };
  if (choice?.type === 'allowed') return { ...choice, names: choice.names.map(nameOf) };
  return choice;
}

/** As much of the name as can be read, and a digest that keeps names apart; always the same for the same name, unless
 *  another tool has it already. */
export function fittingName(
  name: string,
  { pattern, lettersMax }: DialectProfile['toolNames'],
  used: Set<string>,
): string {
  const letters = name.replace(/[^\w-]/g, '_');
  // Some APIs want a letter first.
  const readable = pattern.test(letters[0] ?? '') ? letters : `_${letters}`;
  for (let again = 0; ; again += 1) {
    const digest = hash('sha256', again === 0 ? name : `${name}\n${again}`, 'hex').slice(0, digestLetters);
    const fitting = `${readable.slice(0, lettersMax - digestLetters - 1)}_${digest}`;
    if (used.has(fitting)) continue;
    used.add(fitting);
    return fitting;
  }
}

const digestLetters = 8;
