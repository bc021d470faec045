import { chatEndpoint, type Provider, responsesEndpoint } from './provider.ts';
import { xaiRules } from './reasoning-forms.ts';

/** https://docs.x.ai/developers/rest-api-reference/inference/chat and
 *  https://docs.x.ai/developers/model-capabilities/text/generate-text, of its Responses API (2026-11). Its messages endpoint is deprecated and left
 *  out (https://docs.x.ai/developers/rest-api-reference/inference/legacy, 2026-11). */
export const xai: Provider = {
  name: 'xai',
  dialects: ['openai-chat', 'openai-responses'],
  endpoints: { 'openai-chat': chatEndpoint, 'openai-responses': responsesEndpoint },
  baseUrl: 'https://api.x.ai/v1',
  environment: ['XAI_API_KEY'],
  priceFacts: 'x-ai',
  firstModel: 'grok-4-fast-non-reasoning',
  failureDomains: ['xai'],
  // completion_tokens excludes reasoning_tokens: the usage reader sees it by the total (dialects/openai-chat/usage.ts).
  profiles: {
    'openai-chat': [
      ...xaiRules,
      {
        change: {
          // https://docs.x.ai/docs/guides/image-understanding (2026-11); files belong to its Responses API.
          media: { images: 'url', documents: 'none' },
          // What its reference does not name (https://docs.x.ai/docs/api-reference#chat-completions, 2026-11).
          unsupported: new Set(['metadata', 'verbosity', 'cacheKey', 'cacheRetention']),
          serviceTiers: new Map(),
          customTools: false,
          allowedTools: false,
        },
      },
      {
        // "presencePenalty, frequencyPenalty and stop are not supported by reasoning models"
        // (https://docs.x.ai/docs/guides/reasoning, 2026-11).
        models: /^grok-(?:3-mini|4(?!.*non-reasoning)|code)/,
        change: { unsupported: new Set(['stop', 'frequencyPenalty', 'presencePenalty']) },
      },
    ],
    'openai-responses': [
      ...xaiRules,
      {
        change: {
          // What its reference does not name (https://docs.x.ai/developers/model-capabilities/text/comparison, 2026-11).
          unsupported: new Set(['metadata', 'verbosity', 'cacheRetention']),
          serviceTiers: new Map(),
          customTools: false,
          allowedTools: false,
          namespaces: false,
        },
      },
    ],
  },
  quirks: { streamOptions: true, outputLimit: 'max_completion_tokens' },
};
