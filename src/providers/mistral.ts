import { chatEndpoint, type Provider } from './provider.ts';
import { mistralRules } from './reasoning-forms.ts';

/** https://docs.mistral.ai/api/endpoint/chat (2026-11). */
export const mistral: Provider = {
  name: 'mistral',
  dialects: ['openai-chat'],
  endpoints: { 'openai-chat': chatEndpoint },
  baseUrl: 'https://api.mistral.ai/v1',
  environment: ['MISTRAL_API_KEY'],
  priceFacts: 'mistral',
  firstModel: 'mistral-small-latest',
  failureDomains: ['mistral'],
  profiles: { 'openai-chat': mistralRules },
  quirks: {
    // 422 extra_forbidden; usage is on the finish chunk (github.com/avante-corp/avante.nvim/issues/2347, 2025-06).
    streamOptions: false,
    // 422 for max_completion_tokens (github.com/editor-code-assistant/eca/issues/231, 2025-12).
    outputLimit: 'max_tokens',
  },
};
