import { isObject, type Json } from '../openai/wire.ts';
import { readDirectives } from '../reply/directives.ts';
import type { Ask, ToolChoice, ToolDefinition, ToolResult } from '../reply/reply.ts';
import { currentStep, type Turn } from '../reply/steps.ts';
import { countTokens, tokensForToolPrompt, tokensPerMedia, tokensPerMessage } from '../reply/tokens.ts';
import { effortOf } from './model-rules.ts';
import { type InputItem, itemsOf, type ResponsesRequest } from './wire.ts';

/** What the request asks, but for seed, script and limits. */
export type ResponsesAsk = Omit<Ask, 'seed' | 'script' | 'outputTokensMax'>;

const reasoningTokensByEffort: Readonly<Record<string, number>> = {
  none: 0,
  minimal: 8,
  low: 16,
  medium: 32,
  high: 64,
  xhigh: 96,
  max: 128,
};

export function readResponses(request: ResponsesRequest): ResponsesAsk {
  const items = itemsOf(request);
  const turns = turnsOf(items);
  const step = currentStep(turns);
  return {
    directives: readDirectives(step ?? turns.findLast(turn => turn.role === 'user' && turn.text !== '')?.text ?? ''),
    stepped: step !== undefined,
    systemText: readSystem(request, items),
    results: readResults(items),
    tools: readTools(request['tools']).map(({ name, schema }) => ({ name, schema })),
    toolChoice: readToolChoice(request['tool_choice']),
    parallelCalls: request['parallel_tool_calls'] !== false,
    stops: [],
    textSchema: readTextSchema(request['text']),
    continued: undefined,
    reasoningTokens: readReasoning(request),
  };
}

function readReasoning(request: ResponsesRequest): number | undefined {
  const effort = effortOf(request);
  return effort === undefined || effort === 'none' ? undefined : reasoningTokensByEffort[effort];
}

/** A turn of the model is all that it said before somebody else spoke: text and calls are items of their own. */
function turnsOf(items: readonly InputItem[]): Turn[] {
  const turns: { role: Turn['role']; text: string }[] = [];
  let speaking = false;
  for (const item of items) {
    const spoken = isOfModel(item);
    if (item.type === 'message' && item['role'] === 'user') turns.push({ role: 'user', text: textOf(item['content']) });
    else if (spoken && !speaking) turns.push({ role: 'assistant', text: '' });
    speaking = spoken;
  }
  return turns;
}

function isOfModel(item: InputItem): boolean {
  if (item.type === 'message') return item['role'] === 'assistant';
  return item.type === 'reasoning' || item.type.endsWith('_call');
}

function readSystem(request: ResponsesRequest, items: readonly InputItem[]): string {
  const inside = items.filter(item => item['role'] === 'system' || item['role'] === 'developer');
  const top = typeof request['instructions'] === 'string' ? [request['instructions']] : [];
  return [...top, ...inside.map(item => textOf(item['content']))].filter(text => text !== '').join('\n');
}

function textOf(content: unknown): string {
  if (typeof content === 'string') return content;
  return listOf(content)
    .flatMap(part => (isObject(part) && typeof part['text'] === 'string' ? [part['text']] : []))
    .join('\n');
}

/** Results after the last thing the model said. */
function readResults(items: readonly InputItem[]): ToolResult[] {
  const last = items.findLastIndex(isOfModel);
  return items.slice(last + 1).flatMap(item => {
    if (!item.type.endsWith('_call_output')) return [];
    const call = items.find(other => other.type.endsWith('_call') && other['call_id'] === item['call_id']);
    return [{ name: String(call?.['name']), text: textOf(item['output']) }];
  });
}

export interface ResponsesTool extends ToolDefinition {
  readonly namespace: string | undefined;
}

const noArguments = { type: 'object', properties: {} };

/** Tools that run at the provider (search, code) are accepted and never called. */
export function readTools(tools: unknown, namespace?: string): ResponsesTool[] {
  return listOf(tools).flatMap(tool => {
    if (!isObject(tool)) return [];
    const name = String(tool['name']);
    if (tool['type'] === 'namespace') return readTools(tool['tools'], name);
    if (tool['type'] === 'function') return [{ name, namespace, schema: tool['parameters'] ?? noArguments }];
    return tool['type'] === 'custom' ? [{ name, namespace, schema: undefined }] : [];
  });
}

function readToolChoice(choice: unknown): ToolChoice {
  if (choice === 'none') return { type: 'none' };
  if (choice === 'required') return { type: 'any' };
  if (!isObject(choice)) return { type: 'auto' };
  if (choice['type'] === 'allowed_tools') {
    if (choice['mode'] !== 'required') return { type: 'auto' };
    return { type: 'named', names: listOf(choice['tools']).map(tool => String((tool as Json)['name'])) };
  }
  return typeof choice['name'] === 'string' ? { type: 'named', names: [choice['name']] } : { type: 'auto' };
}

function readTextSchema(text: unknown): unknown {
  const format = isObject(text) ? text['format'] : undefined;
  if (!isObject(format)) return undefined;
  if (format['type'] === 'json_object') return { type: 'object', required: ['answer'], properties: { answer: {} } };
  return format['type'] === 'json_schema' ? (format['schema'] ?? {}) : undefined;
}

export function countInput(request: ResponsesRequest): number {
  let tokens = typeof request['instructions'] === 'string' ? countTokens(request['instructions']) : 0;
  for (const item of itemsOf(request)) tokens += countItem(item);
  const tools = listOf(request['tools']);
  if (tools.length > 0) tokens += tokensForToolPrompt;
  for (const tool of tools) tokens += countTokens(JSON.stringify(tool));
  return tokens;
}

function countItem(item: InputItem): number {
  switch (item.type) {
    case 'message':
      return tokensPerMessage + countContent(item['content']);
    case 'function_call':
      return countTokens(String(item['name'])) + countTokens(String(item['arguments']));
    case 'custom_tool_call':
      return countTokens(String(item['name'])) + countTokens(String(item['input']));
    case 'function_call_output':
    case 'custom_tool_call_output':
      return tokensPerMessage + countContent(item['output']);
    case 'reasoning':
      return listOf(item['summary']).reduce<number>((sum, part) => sum + countTokens(textOf([part])), 0);
    default:
      return countTokens(JSON.stringify(item));
  }
}

function countContent(content: unknown): number {
  if (typeof content === 'string') return countTokens(content);
  return listOf(content).reduce<number>((sum, part) => {
    const said = isObject(part) ? (part['text'] ?? part['refusal']) : undefined;
    return sum + (typeof said === 'string' ? countTokens(said) : tokensPerMedia);
  }, 0);
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}
