// The chat completions wire, from the types of the openai package 7.55 (2026-11).

export type Json = Readonly<Record<string, unknown>>;

export interface ChatRequest extends Json {
  readonly model: string;
  readonly messages: readonly ChatMessage[];
}

export interface ChatMessage extends Json {
  readonly role: string;
  readonly content?: unknown;
  readonly tool_calls?: readonly ChatToolCall[];
  readonly tool_call_id?: string;
}

export interface ChatToolCall extends Json {
  readonly id: string;
  readonly type: 'function' | 'custom';
}

/** Kinds of top-level fields, for the provider's own messages about wrong types. */
export type FieldKind = 'string' | 'array' | 'object' | 'boolean' | 'integer' | 'decimal' | 'string or array' | 'any';

export const chatFields: Readonly<Record<string, FieldKind>> = {
  messages: 'array',
  model: 'string',
  audio: 'object',
  frequency_penalty: 'decimal',
  function_call: 'any',
  functions: 'array',
  logit_bias: 'object',
  logprobs: 'boolean',
  max_completion_tokens: 'integer',
  max_tokens: 'integer',
  metadata: 'object',
  modalities: 'array',
  moderation: 'object',
  n: 'integer',
  parallel_tool_calls: 'boolean',
  prediction: 'object',
  presence_penalty: 'decimal',
  prompt_cache_key: 'string',
  prompt_cache_options: 'object',
  prompt_cache_retention: 'string',
  reasoning_effort: 'string',
  response_format: 'object',
  safety_identifier: 'string',
  seed: 'integer',
  service_tier: 'string',
  stop: 'string or array',
  store: 'boolean',
  stream: 'boolean',
  stream_options: 'object',
  temperature: 'decimal',
  tool_choice: 'any',
  tools: 'array',
  top_logprobs: 'integer',
  top_p: 'decimal',
  user: 'string',
  verbosity: 'string',
  web_search_options: 'object',
};

export const chatRanges: Readonly<Record<string, readonly [number, number]>> = {
  temperature: [0, 2],
  top_p: [0, 1],
  frequency_penalty: [-2, 2],
  presence_penalty: [-2, 2],
  n: [1, 128],
  top_logprobs: [0, 20],
  max_tokens: [1, 1_000_000_000],
  max_completion_tokens: [1, 1_000_000_000],
};

export const chatChoices: Readonly<Record<string, readonly string[]>> = {
  reasoning_effort: ['none', 'minimal', 'low', 'medium', 'high', 'xhigh', 'max'],
  service_tier: ['auto', 'default', 'flex', 'scale', 'priority', 'fast'],
  verbosity: ['low', 'medium', 'high'],
  prompt_cache_retention: ['in_memory', '24h'],
};

export const chatRoles = ['system', 'assistant', 'user', 'function', 'tool', 'developer'] as const;

export function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
