import { chatEndpoint, type Provider } from './provider.ts';
import { xaiRules } from './reasoning-forms.ts';

/** https://docs.x.ai/developers/rest-api-reference/inference/chat (2026-11). Its messages endpoint is deprecated and left
 *  out (https://docs.x.ai/developers/rest-api-reference/inference/legacy, 2026-11). */
export const xai: Provider = {
  name: 'xai',
  dialects: ['openai-chat'],
  endpoints: { 'openai-chat': chatEndpoint },
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
  },
  quirks: { streamOptions: true, outputLimit: 'max_completion_tokens' },
};
