import { chatEndpoint, type Provider } from './provider.ts';
import { groqRules } from './reasoning-forms.ts';

/** https://console.groq.com/docs/api-reference (2026-11). */
export const groq: Provider = {
  name: 'groq',
  dialects: ['openai-chat'],
  endpoints: { 'openai-chat': chatEndpoint },
  baseUrl: 'https://api.groq.com/openai/v1',
  environment: ['GROQ_API_KEY'],
  priceFacts: 'groq',
  firstModel: 'llama-3.1-8b-instant',
  failureDomains: ['groq'],
  // https://console.groq.com/docs/vision (2026-11): images; of files nothing.
  profiles: { 'openai-chat': [...groqRules, { change: { media: { images: 'url', documents: 'none' } } }] },
  // Names its ordinary tier `on_demand` (https://console.groq.com/docs/service-tiers, 2026-11): pricing/service-tier.ts.
  quirks: { streamOptions: true, outputLimit: 'max_completion_tokens' },
};
