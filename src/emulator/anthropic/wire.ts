// The messages wire, from the types of the @anthropic-ai/sdk package 1.11 (2026-11).

export type Json = Readonly<Record<string, unknown>>;

export interface MessagesRequest extends Json {
  readonly model: string;
  readonly messages: readonly InputMessage[];
}

export interface InputMessage extends Json {
  readonly role: 'user' | 'assistant' | 'system';
  readonly content: string | readonly Block[];
}

export interface Block extends Json {
  readonly type: string;
}

export const messagesFields: ReadonlySet<string> = new Set([
  'cache_control',
  'container',
  'context_management',
  'diagnostics',
  'inference_geo',
  'max_tokens',
  'messages',
  'metadata',
  'model',
  'output_config',
  'service_tier',
  'speed',
  'stop_sequences',
  'stream',
  'system',
  'thinking',
  'tool_choice',
  'tools',
  'user_profile_id',
  'workspace_id',
]);

/** Only in version 2023-06-01. */
export const samplingFields: ReadonlySet<string> = new Set(['temperature', 'top_p', 'top_k']);

/** Only with an `anthropic-beta` header. */
export const betaFields: ReadonlySet<string> = new Set([
  'betas',
  'billing_policy',
  'compaction',
  'fallback_credit_token',
  'fallbacks',
  'mcp_servers',
  'output_format',
  'thread',
]);

export const countFields: ReadonlySet<string> = new Set([
  'cache_control',
  'context_management',
  'messages',
  'model',
  'output_config',
  'speed',
  'system',
  'thinking',
  'tool_choice',
  'tools',
  'user_profile_id',
  'workspace_id',
]);

export function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function blocksOf(content: InputMessage['content']): readonly Block[] {
  return typeof content === 'string' ? [{ type: 'text', text: content }] : content;
}
