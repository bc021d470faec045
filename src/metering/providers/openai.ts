import { chatWords, readOpenAiShaped, responsesWords } from './openai-shaped.ts';
import type { UsageSemantics } from './semantics.ts';

const identities = ['input + output = total_tokens', 'cached + written ≤ input', 'reasoning + audio + image ≤ output'];

export const openAiUsage: UsageSemantics = {
  provider: 'openai',
  input: '`prompt_tokens` includes cached, written, audio and image tokens',
  output: '`completion_tokens` includes reasoning, audio, image and rejected prediction tokens',
  identities,
  beside: '–',
  source: 'https://platform.openai.com/docs/api-reference/chat/object, 2026-11',
  read: raw => readOpenAiShaped(raw, chatWords, 'inside'),
};

/** Azure serves OpenAI's models under OpenAI's words. */
export const azureUsage: UsageSemantics = {
  ...openAiUsage,
  provider: 'azure',
  source: 'https://learn.microsoft.com/azure/ai-foundry/openai/reference, 2026-11',
};

export const responsesUsage: UsageSemantics = {
  provider: 'openai-responses',
  input: '`input_tokens` includes cached and written tokens',
  output: '`output_tokens` includes reasoning tokens',
  identities,
  beside: 'xAI on this API: tool calls, `cost_in_usd_ticks`',
  source: 'https://platform.openai.com/docs/api-reference/responses/object, 2026-11',
  read: raw => readOpenAiShaped(raw, responsesWords, 'by-total'),
};
