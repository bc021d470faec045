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
  profiles: {
    // PDFs have a part of their own (https://docs.mistral.ai/capabilities/document_ai/document_qna, 2026-11).
    'openai-chat': [
      ...mistralRules,
      { change: { media: { images: 'url', documents: 'url', documentPart: 'document_url' } } },
      {
        change: {
          // "Tool call id has to be defined and of length 9, a-z A-Z 0-9" (https://github.com/langchain-ai/langchain/issues/24668).
          callIds: { pattern: /^[a-zA-Z0-9]{9}$/, prefix: '', digest: { letters: 9, alphabet: 'alphanumeric' } },
          // Unknown fields are refused with 422 (https://docs.mistral.ai/api/endpoint/chat, 2026-11, which names the rest).
          seedField: 'random_seed',
          temperatureMax: 1.5,
          unsupported: new Set(['endUser', 'logprobs', 'verbosity', 'cacheKey', 'cacheRetention']),
          serviceTiers: new Map(),
          customTools: false,
          allowedTools: false,
          // "Expected last role User or Tool (or Assistant with prefix True) for serving" (same page: `prefix`).
          roles: { assistantLast: 'continued-if-marked' },
        },
      },
    ],
  },
  quirks: {
    // 422 extra_forbidden; usage is on the finish chunk (github.com/avante-corp/avante.nvim/issues/2347, 2025-06).
    streamOptions: false,
    // 422 for max_completion_tokens (github.com/editor-code-assistant/eca/issues/231, 2025-12).
    outputLimit: 'max_tokens',
  },
};
