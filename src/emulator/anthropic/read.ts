import { readDirectives } from '../reply/directives.ts';
import type { Ask, ToolChoice, ToolDefinition, ToolResult } from '../reply/reply.ts';
import { currentStep, type Turn } from '../reply/steps.ts';
import { countTokens, tokensForToolPrompt, tokensPerMedia, tokensPerMessage } from '../reply/tokens.ts';
import { type Block, blocksOf, type InputMessage, isObject, type Json, type MessagesRequest } from './wire.ts';

/** What the request asks, but for seed, script and limits. */
export type MessagesAsk = Pick<
  Ask,
  | 'directives'
  | 'stepped'
  | 'systemText'
  | 'results'
  | 'tools'
  | 'toolChoice'
  | 'parallelCalls'
  | 'stops'
  | 'textSchema'
  | 'continued'
  | 'reasoningTokens'
>;

export function readMessages(request: MessagesRequest): MessagesAsk {
  const results = readResults(request.messages);
  const step = currentStep(turnsOf(request.messages));
  return {
    directives: readDirectives(step ?? lastPrompt(request.messages)),
    stepped: step !== undefined,
    systemText: readSystem(request),
    results,
    tools: readTools(request['tools']),
    toolChoice: readToolChoice(request['tool_choice']),
    parallelCalls: !(isObject(request['tool_choice']) && request['tool_choice']['disable_parallel_tool_use'] === true),
    stops: Array.isArray(request['stop_sequences']) ? request['stop_sequences'].map(String) : [],
    textSchema: readTextSchema(request),
    continued: readContinued(request.messages.at(-1)),
    reasoningTokens: readThinking(request['thinking'], results.length > 0),
  };
}

function readContinued(last: InputMessage | undefined): string | undefined {
  return last?.role === 'assistant' ? textOf(last.content) : undefined;
}

/** The last user message that says something itself: results of tools carry no directives. */
function lastPrompt(messages: readonly InputMessage[]): string {
  const spoken = messages.findLast(message => message.role === 'user' && textOf(message.content) !== '');
  return spoken === undefined ? '' : textOf(spoken.content);
}

function turnsOf(messages: readonly InputMessage[]): Turn[] {
  return messages.flatMap(({ role, content }) =>
    role === 'user' || role === 'assistant' ? [{ role, text: textOf(content) }] : [],
  );
}

function readSystem(request: MessagesRequest): string {
  const system = request['system'];
  const top = typeof system === 'string' ? system : textOf((system ?? []) as readonly Block[]);
  const inside = request.messages.filter(message => message.role === 'system').map(message => textOf(message.content));
  return [top, ...inside].filter(text => text !== '').join('\n');
}

function textOf(content: InputMessage['content']): string {
  return blocksOf(content)
    .flatMap(block => (block.type === 'text' ? [String(block['text'])] : []))
    .join('\n');
}

function readResults(messages: readonly InputMessage[]): ToolResult[] {
  const last = messages.findLastIndex(message => message.role === 'assistant');
  if (last === -1) return [];
  const calls = blocksOf(messages[last]!.content).filter(block => block.type === 'tool_use');
  return messages.slice(last + 1).flatMap(message =>
    blocksOf(message.content).flatMap(block => {
      if (block.type !== 'tool_result') return [];
      const call = calls.find(candidate => candidate['id'] === block['tool_use_id']);
      return [{ name: String(call?.['name']), text: resultText(block['content']) }];
    }),
  );
}

function resultText(content: unknown): string {
  if (typeof content === 'string') return content;
  return Array.isArray(content) ? textOf(content as readonly Block[]) : '';
}

/** Tools that run at the provider (search, code) are accepted and never called. */
function readTools(tools: unknown): ToolDefinition[] {
  if (!Array.isArray(tools)) return [];
  return (tools as readonly Json[]).flatMap(tool =>
    isObject(tool['input_schema']) ? [{ name: String(tool['name']), schema: tool['input_schema'] }] : [],
  );
}

function readToolChoice(choice: unknown): ToolChoice {
  if (!isObject(choice)) return { type: 'auto' };
  if (choice['type'] === 'tool') return { type: 'named', names: [String(choice['name'])] };
  return { type: choice['type'] === 'any' ? 'any' : choice['type'] === 'none' ? 'none' : 'auto' };
}

function readTextSchema(request: MessagesRequest): unknown {
  const config = request['output_config'];
  const format = isObject(config) && isObject(config['format']) ? config['format'] : request['output_format'];
  return isObject(format) && format['type'] === 'json_schema' ? (format['schema'] ?? {}) : undefined;
}

const thinkingTokensDefault = 32;

function readThinking(thinking: unknown, afterTools: boolean): number | undefined {
  if (!isObject(thinking)) return undefined;
  if (thinking['type'] === 'enabled') return Math.min(Number(thinking['budget_tokens']), thinkingTokensDefault);
  if (thinking['type'] === 'adaptive') return thinkingTokensDefault;
  return thinking['type'] === 'between_tools' && afterTools ? thinkingTokensDefault : undefined;
}

/** Input tokens, split by the cache marks of the request: what stands before the last mark of a lifetime is written to
 *  that cache. The emulator has no smallest cacheable prompt, and forgets, so a mark always writes and never reads. */
export interface InputTokens {
  readonly total: number;
  readonly cacheWrite5m: number;
  readonly cacheWrite1h: number;
}

export function countInput(request: MessagesRequest): InputTokens {
  let total = 0;
  let until5m = 0;
  let until1h = 0;
  const add = (tokens: number, marked: unknown): void => {
    total += tokens;
    if (!isObject(marked)) return;
    if (marked['ttl'] === '1h') until1h = total;
    else until5m = total;
  };

  const tools = Array.isArray(request['tools']) ? (request['tools'] as readonly Json[]) : [];
  if (tools.length > 0) total += tokensForToolPrompt;
  for (const tool of tools) {
    const { cache_control: marked, ...definition } = tool;
    add(countTokens(JSON.stringify(definition)), marked);
  }
  const system = request['system'];
  const systemBlocks =
    typeof system === 'string' ? [{ type: 'text', text: system }] : ((system ?? []) as readonly Block[]);
  for (const block of systemBlocks) add(countBlock(block), block['cache_control']);
  for (const message of request.messages) {
    total += tokensPerMessage;
    for (const block of blocksOf(message.content)) add(countBlock(block), block['cache_control']);
  }
  add(0, request['cache_control']);
  return { total, cacheWrite1h: until1h, cacheWrite5m: Math.max(0, until5m - until1h) };
}

function countBlock(block: Block): number {
  switch (block.type) {
    case 'text':
      return countTokens(String(block['text']));
    case 'thinking':
      return countTokens(String(block['thinking']));
    case 'tool_use':
      return countTokens(String(block['name'])) + countTokens(JSON.stringify(block['input']));
    case 'tool_result': {
      const content = block['content'];
      if (typeof content === 'string') return countTokens(content);
      return Array.isArray(content)
        ? (content as readonly Block[]).reduce((sum, part) => sum + countBlock(part), 0)
        : 0;
    }
    case 'image':
    case 'document':
      return tokensPerMedia;
    default:
      return countTokens(JSON.stringify(block));
  }
}
