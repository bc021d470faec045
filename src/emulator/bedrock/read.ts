import { readDirectives } from '../reply/directives.ts';
import type { ToolResult as AnsweredCall, Ask, ToolChoice, ToolDefinition } from '../reply/reply.ts';
import { currentStep, type Turn } from '../reply/steps.ts';
import { countTokens, tokensForToolPrompt, tokensPerMedia, tokensPerMessage } from '../reply/tokens.ts';
import { parseSchema } from './validate-tools.ts';
import { type ContentBlock, type ConverseRequest, isObject, type Json, listOf, type Message } from './wire.ts';

/** What the request asks, but for seed, script and limits. */
export type ConverseAsk = Omit<Ask, 'seed' | 'script' | 'outputTokensMax'>;

export function readConverse(request: ConverseRequest): ConverseAsk {
  const { messages } = request;
  const toolConfig = isObject(request['toolConfig']) ? request['toolConfig'] : {};
  const inference = isObject(request['inferenceConfig']) ? request['inferenceConfig'] : {};
  const turns = messages.flatMap(({ role, content }): Turn[] =>
    role === 'system' ? [] : [{ role, text: textOf(content) }],
  );
  const step = currentStep(turns);
  const last = messages.at(-1);
  return {
    directives: readDirectives(step ?? turns.findLast(turn => turn.role === 'user' && turn.text !== '')?.text ?? ''),
    stepped: step !== undefined,
    systemText: systemOf(request),
    results: readResults(messages),
    tools: readTools(toolConfig['tools']),
    toolChoice: readToolChoice(toolConfig['toolChoice']),
    parallelCalls: true,
    stops: listOf(inference['stopSequences']).map(String),
    textSchema: readTextSchema(request),
    continued: last?.role === 'assistant' ? textOf(last.content) : undefined,
    reasoningTokens: readReasoning(request),
  };
}

function textOf(content: readonly Json[]): string {
  return content.flatMap(block => (typeof block['text'] === 'string' ? [block['text']] : [])).join('\n');
}

function systemOf(request: ConverseRequest): string {
  const inside = request.messages.filter(message => message.role === 'system').map(message => textOf(message.content));
  return [textOf(listOf(request['system'])), ...inside].filter(text => text !== '').join('\n');
}

function readResults(messages: readonly Message[]): AnsweredCall[] {
  const last = messages.findLastIndex(message => message.role === 'assistant');
  if (last === -1) return [];
  const calls = messages[last]!.content.flatMap(block => (block.toolUse === undefined ? [] : [block.toolUse]));
  return messages.slice(last + 1).flatMap(({ content }) =>
    content.flatMap(({ toolResult }) => {
      if (toolResult === undefined) return [];
      const call = calls.find(candidate => candidate.toolUseId === toolResult.toolUseId);
      return [{ name: String(call?.name), text: resultText(toolResult.content) }];
    }),
  );
}

function resultText(content: readonly Json[]): string {
  return content
    .flatMap(({ text, json }) => (typeof text === 'string' ? [text] : json === undefined ? [] : [JSON.stringify(json)]))
    .join('\n');
}

/** Tools that run at the provider are accepted and never called. */
function readTools(tools: unknown): ToolDefinition[] {
  return listOf(tools).flatMap(({ toolSpec: spec }) => {
    if (!isObject(spec)) return [];
    return [{ name: String(spec['name']), schema: isObject(spec['inputSchema']) ? spec['inputSchema']['json'] : {} }];
  });
}

function readToolChoice(choice: unknown): ToolChoice {
  if (!isObject(choice)) return { type: 'auto' };
  if (isObject(choice['tool'])) return { type: 'named', names: [String(choice['tool']['name'])] };
  return { type: choice['any'] === undefined ? 'auto' : 'any' };
}

function readTextSchema(request: ConverseRequest): unknown {
  const config = isObject(request['outputConfig']) ? request['outputConfig']['textFormat'] : undefined;
  const structure = isObject(config) && isObject(config['structure']) ? config['structure']['jsonSchema'] : undefined;
  if (isObject(structure)) return parseSchema(structure['schema']);
  // Claude's own word for it (https://platform.claude.com/docs/en/build-with-claude/structured-outputs, 2026-11).
  const extra = isObject(request['additionalModelRequestFields']) ? request['additionalModelRequestFields'] : {};
  const own = isObject(extra['output_config']) ? extra['output_config']['format'] : undefined;
  return isObject(own) ? own['schema'] : undefined;
}

const thinkingTokensDefault = 32;
const tokensByEffort: Readonly<Record<string, number>> = { low: 16, medium: 32, high: 64 };

/** Each family says it in fields of its own: `thinking` (Claude), `reasoning_config` (Claude and Nova), `reasoning_effort`
 *  (gpt-oss). */
function readReasoning(request: ConverseRequest): number | undefined {
  const extra = isObject(request['additionalModelRequestFields']) ? request['additionalModelRequestFields'] : {};
  const thinking = extra['thinking'] ?? extra['reasoning_config'] ?? extra['reasoningConfig'];
  if (isObject(thinking)) {
    if (thinking['type'] !== 'enabled' && thinking['type'] !== 'adaptive') return undefined;
    const budget = thinking['budget_tokens'];
    return typeof budget === 'number' ? Math.min(budget, thinkingTokensDefault) : thinkingTokensDefault;
  }
  const effort = extra['reasoning_effort'];
  return typeof effort === 'string' ? tokensByEffort[effort] : undefined;
}

/** Input tokens, split by the cache points: what stands before the last point of a lifetime is written to that cache.
 *  The emulator has no smallest cacheable prompt, and forgets, so a point always writes and never reads. */
export interface InputTokens {
  readonly total: number;
  readonly cacheWrite5m: number;
  readonly cacheWrite1h: number;
}

export function countInput(request: ConverseRequest): InputTokens {
  let total = 0;
  let until5m = 0;
  let until1h = 0;
  const add = (tokens: number, point: unknown): void => {
    total += tokens;
    if (!isObject(point)) return;
    if (point['ttl'] === '1h') until1h = total;
    else until5m = total;
  };
  const tools = listOf(isObject(request['toolConfig']) ? request['toolConfig']['tools'] : undefined);
  if (tools.length > 0) total += tokensForToolPrompt;
  for (const tool of tools) {
    add(tool['cachePoint'] === undefined ? countTokens(JSON.stringify(tool)) : 0, tool['cachePoint']);
  }
  for (const block of listOf(request['system'])) add(countBlock(block), block['cachePoint']);
  for (const { content } of request.messages) {
    total += tokensPerMessage;
    for (const block of content) add(countBlock(block), block['cachePoint']);
  }
  return { total, cacheWrite1h: until1h, cacheWrite5m: Math.max(0, until5m - until1h) };
}

function countBlock(block: ContentBlock): number {
  if (block['cachePoint'] !== undefined) return 0;
  if (block.text !== undefined) return countTokens(block.text);
  if (block['image'] !== undefined || block['document'] !== undefined || block['video'] !== undefined) {
    return tokensPerMedia;
  }
  if (block.toolUse !== undefined) {
    return countTokens(block.toolUse.name) + countTokens(JSON.stringify(block.toolUse.input));
  }
  if (block.toolResult !== undefined) {
    return block.toolResult.content.reduce((sum, part) => sum + countBlock(part as ContentBlock), 0);
  }
  const thought = isObject(block.reasoningContent) ? block.reasoningContent['reasoningText'] : undefined;
  return isObject(thought) ? countTokens(String(thought['text'])) : countTokens(JSON.stringify(block));
}
