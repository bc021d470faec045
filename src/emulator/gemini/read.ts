import { readDirectives } from '../reply/directives.ts';
import type { Ask, ToolChoice, ToolDefinition, ToolResult } from '../reply/reply.ts';
import { currentStep, type Turn } from '../reply/steps.ts';
import { countTokens, tokensForToolPrompt, tokensPerMedia, tokensPerMessage } from '../reply/tokens.ts';
import { thinkingTokens } from './model-rules.ts';
import { type Content, type GenerateRequest, isObject, type Json, type Part } from './wire.ts';

/** What the request asks, but for seed, script and limits. */
export type GenerateAsk = Omit<Ask, 'seed' | 'script' | 'outputTokensMax'>;

export function readGenerate(request: GenerateRequest, model: string): GenerateAsk {
  const config = isObject(request['generationConfig']) ? request['generationConfig'] : {};
  const turns = turnsOf(request.contents);
  const step = currentStep(turns);
  return {
    directives: readDirectives(step ?? turns.findLast(turn => turn.role === 'user' && turn.text !== '')?.text ?? ''),
    stepped: step !== undefined,
    systemText: isObject(request['systemInstruction']) ? textOf(request['systemInstruction'] as Content) : '',
    results: readResults(request.contents),
    tools: readTools(request['tools']),
    toolChoice: readToolChoice(request['toolConfig']),
    parallelCalls: true,
    stops: (config['stopSequences'] ?? []) as readonly string[],
    textSchema: readTextSchema(config),
    continued: undefined,
    reasoningTokens: thinkingTokens(model, config),
  };
}

function speaks(content: Content): Turn['role'] {
  return content.role === 'model' ? 'assistant' : 'user';
}

function textOf(content: Content): string {
  return content.parts.flatMap(part => (part.text === undefined || part.thought ? [] : [part.text])).join('\n');
}

/** Consecutive contents of the model are one turn; what a user says beside results counts. */
function turnsOf(contents: readonly Content[]): Turn[] {
  const turns: Turn[] = [];
  for (const [position, content] of contents.entries()) {
    const role = speaks(content);
    if (role === 'assistant' && position > 0 && speaks(contents[position - 1]!) === 'assistant') continue;
    turns.push({ role, text: textOf(content) });
  }
  return turns;
}

/** Responses answer calls by id where both have one, else in their order. */
function readResults(contents: readonly Content[]): ToolResult[] {
  const last = contents.findLastIndex(content => speaks(content) === 'assistant');
  if (last === -1) return [];
  return contents
    .slice(last + 1)
    .flatMap(({ parts }) =>
      parts.flatMap(({ functionResponse: response }) =>
        response === undefined ? [] : [{ name: String(response.name), text: resultText(response.response) }],
      ),
    );
}

/** `output` and `result` are the documented keys for what a function gives, `error` for what went wrong. */
function resultText(response: Json | undefined): string {
  const said = response?.['output'] ?? response?.['result'] ?? response?.['error'] ?? response;
  return typeof said === 'string' ? said : JSON.stringify(said ?? {});
}

const noArguments = { type: 'object', properties: {} };

/** Tools that run at the provider (search, code) are accepted and never called. */
function readTools(tools: unknown): ToolDefinition[] {
  return ((tools ?? []) as readonly Json[]).flatMap(tool =>
    ((tool['functionDeclarations'] ?? []) as readonly Json[]).map(declaration => ({
      name: String(declaration['name']),
      schema: declaration['parametersJsonSchema'] ?? jsonSchema(declaration['parameters'] ?? noArguments),
    })),
  );
}

/** `Schema` says types in capitals, counts as text, and null as a flag. */
function jsonSchema(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(jsonSchema);
  if (!isObject(schema)) return schema;
  const read: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(schema)) {
    if (name === 'type') read['type'] = String(value).toLowerCase();
    else if (name === 'properties' && isObject(value)) {
      read[name] = Object.fromEntries(Object.entries(value).map(([key, child]) => [key, jsonSchema(child)]));
    } else if (name === 'items' || name === 'anyOf') read[name] = jsonSchema(value);
    else read[name] = value;
  }
  return read;
}

function readToolChoice(toolConfig: unknown): ToolChoice {
  const config = isObject(toolConfig) ? toolConfig['functionCallingConfig'] : undefined;
  if (!isObject(config)) return { type: 'auto' };
  if (config['mode'] === 'NONE') return { type: 'none' };
  if (config['mode'] !== 'ANY') return { type: 'auto' };
  const names = (config['allowedFunctionNames'] ?? []) as readonly string[];
  return names.length === 0 ? { type: 'any' } : { type: 'named', names };
}

function readTextSchema(config: Json): unknown {
  const schema = config['responseJsonSchema'] ?? jsonSchema(config['responseSchema']);
  if (schema !== undefined) return schema;
  return config['responseMimeType'] === 'application/json'
    ? { type: 'object', required: ['answer'], properties: { answer: {} } }
    : undefined;
}

export interface InputTokens {
  readonly total: number;
  readonly byModality: readonly (readonly ['TEXT' | 'IMAGE' | 'AUDIO' | 'VIDEO' | 'DOCUMENT', number])[];
}

export function countInput(request: GenerateRequest): InputTokens {
  const counts = new Map<string, number>();
  const add = (modality: string, tokens: number) => counts.set(modality, (counts.get(modality) ?? 0) + tokens);
  const declared = ((request['tools'] ?? []) as readonly Json[]).flatMap(
    tool => (tool['functionDeclarations'] ?? []) as readonly Json[],
  );
  if (declared.length > 0) add('TEXT', tokensForToolPrompt);
  for (const declaration of declared) add('TEXT', countTokens(JSON.stringify(declaration)));
  const system = request['systemInstruction'];
  const contents = isObject(system) ? [system as Content, ...request.contents] : request.contents;
  for (const content of contents) {
    if (content !== system) add('TEXT', tokensPerMessage);
    for (const part of content.parts) add(...countPart(part));
  }
  const order = ['TEXT', 'IMAGE', 'AUDIO', 'VIDEO', 'DOCUMENT'] as const;
  const byModality = order.flatMap(name => (counts.has(name) ? [[name, counts.get(name)!] as const] : []));
  return { total: byModality.reduce((sum, [, tokens]) => sum + tokens, 0), byModality };
}

function countPart(part: Part): [string, number] {
  const media = part.inlineData ?? part.fileData;
  if (media !== undefined) return [modalityOf(String(media['mimeType'])), tokensPerMedia];
  if (part.text !== undefined) return ['TEXT', countTokens(part.text)];
  if (part.functionCall !== undefined) {
    const { name, args } = part.functionCall;
    return ['TEXT', countTokens(String(name)) + countTokens(JSON.stringify(args ?? {}))];
  }
  if (part.functionResponse !== undefined) {
    const { name, response } = part.functionResponse;
    return ['TEXT', countTokens(String(name)) + countTokens(JSON.stringify(response ?? {}))];
  }
  return ['TEXT', countTokens(JSON.stringify(part))];
}

function modalityOf(mimeType: string): string {
  const kind = mimeType.split('/')[0]!;
  if (kind === 'image' || kind === 'audio' || kind === 'video') return kind.toUpperCase();
  return kind === 'text' ? 'TEXT' : 'DOCUMENT';
}
