import { readDirectives } from '../reply/directives.ts';
import type { Ask, ToolChoice, ToolDefinition, ToolResult } from '../reply/reply.ts';
import { currentStep, type Turn } from '../reply/steps.ts';
import { countTokens, tokensForToolPrompt, tokensPerMedia, tokensPerMessage } from '../reply/tokens.ts';
import type { ChatMessage, ChatRequest, Json } from './wire.ts';
import { isObject } from './wire.ts';

/** What the request asks, but for seed, script and limits. */
export type ChatAsk = Pick<
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
> & { readonly reasoningTokens: number | undefined; readonly outputTokensAsked: number | undefined };

const reasoningTokensByEffort: Readonly<Record<string, number>> = {
  none: 0,
  minimal: 8,
  low: 16,
  medium: 32,
  high: 64,
  xhigh: 96,
  max: 128,
};

export function readChat(request: ChatRequest): ChatAsk {
  const effort = request['reasoning_effort'];
  const step = currentStep(turnsOf(request.messages));
  const prompt = step ?? textOf(request.messages.findLast(message => message.role === 'user')?.content);
  return {
    directives: readDirectives(prompt),
    stepped: step !== undefined,
    systemText: request.messages
      .filter(isSystem)
      .map(message => textOf(message.content))
      .join('\n'),
    results: readResults(request.messages),
    tools: readTools(request),
    toolChoice: readToolChoice(request['tool_choice'] ?? request['function_call']),
    parallelCalls: request['parallel_tool_calls'] !== false,
    stops: readStops(request['stop']),
    textSchema: readTextSchema(request['response_format']),
    continued: readContinued(request.messages.at(-1)),
    reasoningTokens: typeof effort === 'string' ? reasoningTokensByEffort[effort] : undefined,
    outputTokensAsked: numberOf(request['max_completion_tokens']) ?? numberOf(request['max_tokens']),
  };
}

/** Mistral's `prefix` (https://docs.mistral.ai/api/endpoint/chat, 2026-11). */
function readContinued(last: ChatMessage | undefined): string | undefined {
  return last?.role === 'assistant' && last['prefix'] === true ? textOf(last.content) : undefined;
}

export function countChatTokens(request: ChatRequest): number {
  let tokens = 0;
  for (const message of request.messages) {
    tokens += tokensPerMessage + countContent(message.content);
    for (const call of message.tool_calls ?? []) tokens += countTokens(JSON.stringify(call[call.type]));
  }
  const tools = [...listOf(request['tools']), ...listOf(request['functions'])];
  if (tools.length > 0) tokens += tokensForToolPrompt;
  for (const tool of tools) tokens += countTokens(JSON.stringify(tool));
  return tokens;
}

function countContent(content: unknown): number {
  if (typeof content === 'string') return countTokens(content);
  let tokens = 0;
  for (const part of listOf(content)) {
    tokens += isObject(part) && part['type'] === 'text' ? countTokens(String(part['text'])) : tokensPerMedia;
  }
  return tokens;
}

function turnsOf(messages: readonly ChatMessage[]): Turn[] {
  return messages.flatMap(({ role, content }) =>
    role === 'user' || role === 'assistant' ? [{ role, text: textOf(content) }] : [],
  );
}

function isSystem(message: ChatMessage): boolean {
  return message.role === 'system' || message.role === 'developer';
}

function textOf(content: unknown): string {
  if (typeof content === 'string') return content;
  return listOf(content)
    .flatMap(part => (isObject(part) && typeof part['text'] === 'string' ? [part['text']] : []))
    .join('\n');
}

/** Results after the last assistant message, with the names of the calls they answer. */
function readResults(messages: readonly ChatMessage[]): ToolResult[] {
  const last = messages.findLastIndex(message => message.role === 'assistant');
  if (last === -1) return [];
  const calls = messages[last]!.tool_calls ?? [];
  return messages.slice(last + 1).flatMap(message => {
    if (message.role !== 'tool' && message.role !== 'function') return [];
    const call = calls.find(candidate => candidate.id === message.tool_call_id);
    const name = call === undefined ? message['name'] : innerOf(call)['name'];
    return [{ name: String(name), text: textOf(message.content) }];
  });
}

function readTools(request: ChatRequest): ToolDefinition[] {
  const tools = listOf(request['tools']).map(tool => {
    // validateChat has checked that a tool is an object with its own kind inside.
    const inner = innerOf(tool as Json);
    const isFunction = (tool as Json)['type'] === 'function';
    return { name: String(inner['name']), schema: isFunction ? (inner['parameters'] ?? noArguments) : undefined };
  });
  const functions = listOf(request['functions']).map(tool => {
    const definition = tool as Json;
    return { name: String(definition['name']), schema: definition['parameters'] ?? noArguments };
  });
  return [...tools, ...functions];
}

const noArguments = { type: 'object', properties: {} };

function innerOf(tagged: Json): Json {
  const inner = tagged[String(tagged['type'])];
  return isObject(inner) ? inner : {};
}

function readToolChoice(choice: unknown): ToolChoice {
  if (choice === 'none') return { type: 'none' };
  if (choice === 'required') return { type: 'any' };
  if (!isObject(choice)) return { type: 'auto' };
  if (choice['type'] === 'allowed_tools') return readAllowedTools(choice);
  const named = choice['type'] === undefined ? choice : innerOf(choice);
  return { type: 'named', names: [String(named['name'])] };
}

function readAllowedTools(choice: Json): ToolChoice {
  const allowed = innerOf(choice);
  if (allowed['mode'] !== 'required') return { type: 'auto' };
  return { type: 'named', names: listOf(allowed['tools']).map(tool => String(innerOf(tool as Json)['name'])) };
}

function readStops(stop: unknown): string[] {
  if (typeof stop === 'string') return [stop];
  return listOf(stop).map(String);
}

function readTextSchema(format: unknown): unknown {
  if (!isObject(format)) return undefined;
  if (format['type'] === 'json_object') return { type: 'object', required: ['answer'], properties: { answer: {} } };
  if (format['type'] !== 'json_schema') return undefined;
  return (format['json_schema'] as Json)['schema'] ?? {};
}

function numberOf(value: unknown): number | undefined {
  return typeof value === 'number' ? value : undefined;
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}
