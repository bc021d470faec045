import { chatEndpoint, type Provider, plainQuirks } from './provider.ts';
import { deepseekMessagesRules, deepseekRules } from './reasoning-forms.ts';

/** Two dialects on one host (https://api-docs.deepseek.com/guides/anthropic_api, 2026-11). */
export const deepseek: Provider = {
  name: 'deepseek',
  dialects: ['openai-chat', 'anthropic-messages'],
  endpoints: {
    'openai-chat': chatEndpoint,
    'anthropic-messages': { path: '/anthropic/v1/messages', credential: 'x-api-key' },
  },
  baseUrl: 'https://api.deepseek.com',
  environment: ['DEEPSEEK_API_KEY'],
  priceFacts: 'deepseek',
  firstModel: 'deepseek-v3.2',
  failureDomains: ['deepseek'],
  // Its reference has max_tokens only (https://api-docs.deepseek.com/api/create-chat-completion, 2026-11).
  profiles: {
    'openai-chat': deepseekRules,
    // Images by address or inline in all its dialects (https://api-docs.deepseek.com/guides/vision, 2026-11).
    'anthropic-messages': [...deepseekMessagesRules, { change: { media: { images: 'url', documents: 'bytes' } } }],
  },
  quirks: plainQuirks,
};
