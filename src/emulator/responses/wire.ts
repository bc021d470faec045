import type { FieldKind, Json } from '../openai/wire.ts';

// The responses wire, from the types of the openai package 7.55 (2026-11).

export interface ResponsesRequest extends Json {
  readonly model: string;
  readonly input: string | readonly InputItem[];
}

export interface InputItem extends Json {
  readonly type: string;
}

export const responsesFields: Readonly<Record<string, FieldKind>> = {
  access_programs: 'object',
  background: 'boolean',
  // Codex sends it (openai/codex 0.150, 2026-11).
  client_metadata: 'object',
  context_management: 'array',
  conversation: 'any',
  image: 'object',
  include: 'array',
  input: 'any',
  instructions: 'string',
  max_output_tokens: 'integer',
  max_tool_calls: 'integer',
  metadata: 'object',
  model: 'string',
  moderation: 'object',
  parallel_tool_calls: 'boolean',
  previous_response_id: 'string',
  prompt: 'object',
  prompt_cache_key: 'string',
  prompt_cache_options: 'object',
  prompt_cache_retention: 'string',
  reasoning: 'object',
  safety_identifier: 'string',
  service_tier: 'string',
  store: 'boolean',
  stream: 'boolean',
  stream_options: 'object',
  temperature: 'decimal',
  text: 'object',
  tool_choice: 'any',
  tools: 'array',
  top_logprobs: 'integer',
  top_p: 'decimal',
  truncation: 'string',
  user: 'string',
};

/** Of `/v1/responses/input_tokens`. */
export const countFields: Readonly<Record<string, FieldKind>> = {
  conversation: 'any',
  input: 'any',
  instructions: 'string',
  model: 'string',
  parallel_tool_calls: 'boolean',
  personality: 'string',
  previous_response_id: 'string',
  reasoning: 'object',
  text: 'object',
  tool_choice: 'any',
  tools: 'array',
  truncation: 'string',
};

export const responsesRanges: Readonly<Record<string, readonly [number, number]>> = {
  temperature: [0, 2],
  top_p: [0, 1],
  top_logprobs: [0, 20],
  max_output_tokens: [16, 1_000_000_000],
  max_tool_calls: [1, 1_000_000_000],
};

export const responsesChoices: Readonly<Record<string, readonly string[]>> = {
  service_tier: ['auto', 'default', 'flex', 'scale', 'priority', 'fast'],
  prompt_cache_retention: ['in_memory', '24h'],
  truncation: ['auto', 'disabled'],
};

export const efforts = ['none', 'minimal', 'low', 'medium', 'high', 'xhigh', 'max'] as const;

export const includables: readonly string[] = [
  'file_search_call.results',
  'web_search_call.results',
  'web_search_call.action.sources',
  'message.input_image.image_url',
  'computer_call_output.output.image_url',
  'code_interpreter_call.outputs',
  'reasoning.encrypted_content',
  'message.output_text.logprobs',
];

const outputFields = ['call_id', 'id', 'output', 'caller', 'status'];
const callFields = ['call_id', 'id', 'name', 'namespace', 'caller', 'async', 'status'];

/** Fields of the items that are looked into, but for `type`. */
export const itemFields: Readonly<Record<string, readonly string[]>> = {
  message: ['role', 'content', 'id', 'status', 'phase'],
  function_call: [...callFields, 'arguments', 'created_by'],
  function_call_output: [...outputFields, 'name', 'namespace'],
  custom_tool_call: [...callFields, 'input'],
  custom_tool_call_output: outputFields,
  reasoning: ['id', 'summary', 'content', 'encrypted_content', 'status'],
  item_reference: ['id'],
};

/** Items that are taken as they are: made by tools that run at the provider, or by its state. */
export const otherItems: readonly string[] = [
  'additional_tools',
  'apply_patch_call',
  'apply_patch_call_output',
  'code_interpreter_call',
  'compaction',
  'compaction_trigger',
  'computer_call',
  'computer_call_output',
  'configuration_update',
  'file_search_call',
  'image_generation_call',
  'local_shell_call',
  'local_shell_call_output',
  'mcp_approval_request',
  'mcp_approval_response',
  'mcp_call',
  'mcp_list_tools',
  'program',
  'program_output',
  'shell_call',
  'shell_call_output',
  'tool_search_call',
  'tool_search_output',
  'web_search_call',
];

/** What the ids of items begin with. */
export const idPrefixes: Readonly<Record<string, string>> = {
  message: 'msg',
  function_call: 'fc',
  custom_tool_call: 'ctc',
  reasoning: 'rs',
};

export const partFields: Readonly<Record<string, readonly string[]>> = {
  input_text: ['text', 'prompt_cache_breakpoint'],
  input_image: ['image_url', 'file_id', 'detail', 'prompt_cache_breakpoint'],
  input_file: ['file_data', 'file_id', 'file_url', 'filename', 'detail', 'prompt_cache_breakpoint'],
  output_text: ['text', 'annotations', 'logprobs'],
  refusal: ['refusal'],
};

export const hostedTools: readonly string[] = [
  'apply_patch',
  'code_interpreter',
  'computer',
  'computer_use_preview',
  'file_search',
  'image_generation',
  'local_shell',
  'mcp',
  'programmatic_tool_calling',
  'shell',
  'tool_search',
  'web_search',
  'web_search_2025_08_26',
  'web_search_preview',
  'web_search_preview_2025_03_11',
];

export function itemsOf(request: ResponsesRequest): readonly InputItem[] {
  const { input } = request;
  return typeof input === 'string' ? [{ type: 'message', role: 'user', content: input }] : input;
}
