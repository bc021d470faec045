import { chatWords, readOpenAiShaped } from './openai-shaped.ts';
import type { UsageSemantics } from './semantics.ts';

/** Hosts that speak chat completions and count in their own way. */

export const xaiUsage: UsageSemantics = {
  provider: 'xai',
  input: '`prompt_tokens`; cached tokens may be counted again as image or audio tokens, so the cache comes off first',
  output: '`completion_tokens` excludes reasoning',
  identities: ['prompt + completion + reasoning = total_tokens', 'priced input slices = prompt_tokens'],
  beside: 'tool calls, search sources, `cost_in_usd_ticks` (1 USD = 10¹⁰)',
  source: 'https://docs.x.ai/developers/cost-tracking, 2026-11',
  read: raw => readOpenAiShaped(raw, chatWords, 'apart'),
};

export const deepseekUsage: UsageSemantics = {
  provider: 'deepseek',
  input: '`prompt_tokens` is cache hits and misses',
  output: '`completion_tokens` includes reasoning',
  identities: ['hit + miss = prompt_tokens', 'prompt + completion = total_tokens'],
  beside: '–',
  source: 'https://api-docs.deepseek.com/guides/kv_cache, 2026-11',
  read: raw => readOpenAiShaped(raw, chatWords, 'inside'),
};

/** Streams of older versions carry it under `x_groq.usage`; timings beside the counts say nothing about money. */
export const groqUsage: UsageSemantics = {
  provider: 'groq',
  input: '`prompt_tokens` includes cached tokens',
  output: '`completion_tokens` includes reasoning',
  identities: ['prompt + completion = total_tokens'],
  beside: '–',
  source: 'https://console.groq.com/docs/api-reference, 2026-11',
  read: raw => readOpenAiShaped(raw, chatWords, 'inside'),
};

export const mistralUsage: UsageSemantics = {
  provider: 'mistral',
  input: '`prompt_tokens` includes cached tokens',
  output: '`completion_tokens` includes reasoning',
  identities: ['prompt + completion = total_tokens', 'num_cached_tokens = cached_tokens'],
  beside: 'seconds of audio',
  source: 'https://docs.mistral.ai/api, 2026-11',
  read: raw => readOpenAiShaped(raw, chatWords, 'inside'),
};

export const openRouterUsage: UsageSemantics = {
  provider: 'openrouter',
  input: '`prompt_tokens` includes cached, written, audio and video tokens',
  output: '`completion_tokens` includes reasoning, audio and image tokens',
  identities: ['prompt + completion = total_tokens'],
  beside: '`cost` in USD, unless the key at the host is one’s own',
  source: 'https://openrouter.ai/docs/use-cases/usage-accounting, 2026-11',
  read: raw => readOpenAiShaped(raw, chatWords, 'inside'),
};

export const perplexityUsage: UsageSemantics = {
  provider: 'perplexity',
  input: '`prompt_tokens`; citation tokens have no meter and quarantine',
  output: '`completion_tokens`',
  identities: ['prompt + completion = total_tokens'],
  beside: 'search queries, `cost.total_cost`',
  source: 'https://docs.perplexity.ai/getting-started/pricing, 2026-11',
  read: raw => readOpenAiShaped(raw, chatWords, 'inside'),
};
