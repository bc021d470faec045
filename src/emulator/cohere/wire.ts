// The chat wire of Cohere's API v2, from the types of the cohere-ai package 8.1 and
// https://docs.cohere.com/reference/chat (2026-11).

export type Json = Readonly<Record<string, unknown>>;

export interface CohereRequest extends Json {
  readonly model: string;
  readonly messages: readonly CohereMessage[];
}

export interface CohereMessage extends Json {
  readonly role: 'user' | 'assistant' | 'system' | 'tool';
  readonly content?: string | readonly Json[];
  readonly tool_calls?: readonly Json[];
  readonly tool_call_id?: string;
}

export const chatFields: readonly string[] = [
  'citation_options',
  'documents',
  'frequency_penalty',
  'k',
  'logprobs',
  'max_tokens',
  'messages',
  'model',
  'p',
  'presence_penalty',
  'priority',
  'response_format',
  'safety_mode',
  'seed',
  'stop_sequences',
  'stream',
  'strict_tools',
  'temperature',
  'thinking',
  'tool_choice',
  'tools',
];

export const messageFields: Readonly<Record<CohereMessage['role'], readonly string[]>> = {
  user: ['role', 'content'],
  system: ['role', 'content'],
  assistant: ['role', 'content', 'tool_calls', 'tool_plan', 'citations'],
  tool: ['role', 'content', 'tool_call_id'],
};

export const contentTypes: Readonly<Record<CohereMessage['role'], readonly string[]>> = {
  user: ['text', 'image_url'],
  system: ['text'],
  assistant: ['text', 'thinking'],
  tool: ['text', 'document'],
};

/** Least and most of what each number may be; whole numbers where both are. */
export const ranges: Readonly<Record<string, readonly [number, number]>> = {
  frequency_penalty: [0, 1],
  k: [0, 500],
  max_tokens: [0, 1_000_000_000],
  p: [0.01, 0.99],
  presence_penalty: [0, 1],
  priority: [0, 999],
  seed: [0, Number.MAX_SAFE_INTEGER],
  temperature: [0, Number.MAX_SAFE_INTEGER],
};

export const wholeNumbers: readonly string[] = ['k', 'max_tokens', 'priority', 'seed'];

export const choices: Readonly<Record<string, readonly string[]>> = {
  safety_mode: ['CONTEXTUAL', 'STRICT', 'OFF'],
  tool_choice: ['REQUIRED', 'NONE'],
};

export function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function listOf(value: unknown): readonly Json[] {
  return Array.isArray(value) ? value : [];
}

export function partsOf(content: CohereMessage['content']): readonly Json[] {
  return typeof content === 'string' ? [{ type: 'text', text: content }] : (content ?? []);
}

export function callsOf(message: CohereMessage): readonly Json[] {
  return message.tool_calls ?? [];
}
