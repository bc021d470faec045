import { readDirectives } from '../reply/directives.ts';
import type { Ask, ToolDefinition, ToolResult } from '../reply/reply.ts';
import { currentStep, type Turn } from '../reply/steps.ts';
import { countTokens, tokensForToolPrompt, tokensPerMedia, tokensPerMessage } from '../reply/tokens.ts';
import { thinkingTokens } from './model-rules.ts';
import { type CohereMessage, type CohereRequest, callsOf, isObject, type Json, listOf, partsOf } from './wire.ts';

/** What the request asks, but for seed, script and limits. */
export type CohereAsk = Omit<Ask, 'seed' | 'script' | 'outputTokensMax'>;

export function readCohere(request: CohereRequest): CohereAsk {
  const { messages } = request;
  const turns = messages.flatMap(({ role, content }): Turn[] =>
    role === 'user' || role === 'assistant' ? [{ role, text: textOf(content) }] : [],
  );
  const step = currentStep(turns);
  return {
    directives: readDirectives(step ?? turns.findLast(turn => turn.role === 'user')?.text ?? ''),
    stepped: step !== undefined,
    systemText: messages
      .filter(message => message.role === 'system')
      .map(message => textOf(message.content))
      .join('\n'),
    results: readResults(messages),
    tools: readTools(request['tools']),
    toolChoice: { type: readToolChoice(request['tool_choice']) },
    parallelCalls: true,
    stops: listOf(request['stop_sequences']).map(String),
    textSchema: readTextSchema(request['response_format']),
    continued: undefined,
    reasoningTokens: thinkingTokens(request),
  };
}

function textOf(content: CohereMessage['content']): string {
  return partsOf(content)
    .flatMap(part => (typeof part['text'] === 'string' ? [part['text']] : []))
    .join('\n');
}

/** Results after the last assistant message; several messages may answer one call. */
function readResults(messages: readonly CohereMessage[]): ToolResult[] {
  const last = messages.findLastIndex(message => message.role === 'assistant');
  if (last === -1) return [];
  return messages.slice(last + 1).flatMap(message => {
    if (message.role !== 'tool') return [];
    const call = callsOf(messages[last]!).find(candidate => candidate['id'] === message.tool_call_id);
    return [{ name: String(innerOf(call)['name']), text: resultText(message.content) }];
  });
}

function resultText(content: CohereMessage['content']): string {
  return partsOf(content)
    .map(part => (isObject(part['document']) ? JSON.stringify(part['document']['data']) : String(part['text'])))
    .join('\n');
}

function innerOf(tagged: Json | undefined): Json {
  const inner = tagged?.['function'];
  return isObject(inner) ? inner : {};
}

function readTools(tools: unknown): ToolDefinition[] {
  return listOf(tools).map(tool => ({ name: String(innerOf(tool)['name']), schema: innerOf(tool)['parameters'] }));
}

function readToolChoice(choice: unknown): 'auto' | 'any' | 'none' {
  if (choice === 'NONE') return 'none';
  return choice === 'REQUIRED' ? 'any' : 'auto';
}

function readTextSchema(format: unknown): unknown {
  if (!isObject(format) || format['type'] !== 'json_object') return undefined;
  return format['json_schema'] ?? { type: 'object', required: ['answer'], properties: { answer: {} } };
}

export interface InputTokens {
  readonly total: number;
  /** Without what the provider adds around messages and tools, which is not billed. */
  readonly billed: number;
}

export function countInput(request: CohereRequest): InputTokens {
  let billed = 0;
  for (const message of request.messages) {
    for (const part of partsOf(message.content)) billed += countPart(part);
    for (const call of callsOf(message)) billed += countTokens(JSON.stringify(call['function']));
    if (typeof message['tool_plan'] === 'string') billed += countTokens(message['tool_plan']);
  }
  const tools = listOf(request['tools']);
  for (const tool of tools) billed += countTokens(JSON.stringify(tool));
  for (const document of listOf(request['documents'])) billed += countTokens(JSON.stringify(document));
  const added = tokensPerMessage * request.messages.length + (tools.length > 0 ? tokensForToolPrompt : 0);
  return { total: billed + added, billed };
}

function countPart(part: Json): number {
  if (part['type'] === 'image_url') return tokensPerMedia;
  if (part['type'] === 'document') return countTokens(JSON.stringify(part['document']));
  return countTokens(String(part[String(part['type'])]));
}
