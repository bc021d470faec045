import { chatEndpoint, type Provider } from './provider.ts';
import { openaiRules } from './reasoning-forms.ts';

/** https://platform.openai.com/docs/api-reference/chat (2026-11). */
export const openai: Provider = {
  name: 'openai',
  dialects: ['openai-chat'],
  endpoints: { 'openai-chat': chatEndpoint },
  baseUrl: 'https://api.openai.com/v1',
  environment: ['OPENAI_API_KEY'],
  priceFacts: 'openai',
  firstModel: 'gpt-5-mini',
  failureDomains: ['openai'],
  // max_tokens is deprecated, and its reasoning models refuse it (same page).
  profiles: { 'openai-chat': openaiRules },
  quirks: { streamOptions: true, outputLimit: 'max_completion_tokens' },
};
