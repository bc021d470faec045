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
  profiles: {
    'openai-chat': [
      ...groqRules,
      {
        change: {
          // https://console.groq.com/docs/vision (2026-11): images; of files nothing.
          media: { images: 'url', documents: 'none' },
          // "will result in a 400 error" (https://console.groq.com/docs/openai, 2026-11), and what its reference lacks.
          unsupported: new Set(['logprobs', 'answers', 'metadata', 'verbosity', 'cacheKey', 'cacheRetention']),
          // https://console.groq.com/docs/service-tiers (2026-11).
          serviceTiers: new Map([
            ['auto', { word: 'auto', exact: true }],
            ['default', { word: 'on_demand', exact: true }],
            ['flex', { word: 'flex', exact: true }],
          ]),
          customTools: false,
          allowedTools: false,
          // Most models have the JSON mode only (https://console.groq.com/docs/structured-outputs, 2026-11).
          outputForms: new Set(['json-object']),
        },
      },
      // Same page.
      { models: /gpt-oss|llama-4|kimi/, change: { outputForms: new Set(['json-object', 'json-schema']) } },
      { models: /^(?!.*gpt-oss)/, change: { strictSchema: undefined } },
    ],
  },
  // Names its ordinary tier `on_demand` (https://console.groq.com/docs/service-tiers, 2026-11): pricing/service-tier.ts.
  quirks: { streamOptions: true, outputLimit: 'max_completion_tokens' },
};
