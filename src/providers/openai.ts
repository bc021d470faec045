import type { CacheMarkRules, ProfileRule } from '../completion/profile.ts';
import { chatEndpoint, type Provider, responsesEndpoint } from './provider.ts';
import { openaiRules } from './reasoning-forms.ts';

/** "Supported for gpt-5.6 and later models", four of a request (openai-node 7.55, completions.ts, 2026-11). */
export const openaiCacheMarks: CacheMarkRules = {
  marksMax: 4,
  lifetimes: ['30m', '12h'],
  places: new Set(['result']),
  automatic: 'mode',
};

const markedModels: ProfileRule = {
  models: /^gpt-(?:5\.(?:[6-9]|\d\d)|[6-9]|\d\d)/,
  change: { cacheMarks: openaiCacheMarks },
};

/** https://platform.openai.com/docs/api-reference/chat and …/responses (2026-11). */
export const openai: Provider = {
  name: 'openai',
  dialects: ['openai-chat', 'openai-responses'],
  endpoints: { 'openai-chat': chatEndpoint, 'openai-responses': responsesEndpoint },
  baseUrl: 'https://api.openai.com/v1',
  environment: ['OPENAI_API_KEY'],
  priceFacts: 'openai',
  firstModel: 'gpt-5-mini',
  failureDomains: ['openai'],
  profiles: {
    'openai-chat': [
      ...openaiRules,
      // `user` is deprecated; either has at most 128 letters (openai-node 7.55, completions.ts, 2026-11).
      { change: { endUser: { field: 'safety_identifier', lettersMax: 128 } } },
      {
        // https://community.openai.com/t/developer-role-not-accepted-for-o1-o1-mini-o3-mini/1110750 (2025-02) and
        // https://github.com/EleutherAI/lm-evaluation-harness/pull/3247 (2025-08).
        models: /^(?:o\d|gpt-5(?!\.\d))/,
        change: { unsupported: new Set(['stop', 'frequencyPenalty', 'presencePenalty', 'logprobs']) },
      },
      markedModels,
    ],
    'openai-responses': [...openaiRules, markedModels],
  },
  // max_tokens is deprecated, and its reasoning models refuse it (same page).
  quirks: { streamOptions: true, outputLimit: 'max_completion_tokens' },
};
