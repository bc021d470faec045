import { chatEndpoint, type Provider, plainQuirks, responsesEndpoint } from './provider.ts';
import { deepseekMessagesRules, deepseekResponsesRules, deepseekRules } from './reasoning-forms.ts';

/** Three dialects on one host (https://api-docs.deepseek.com/guides/anthropic_api and …/guides/responses_api, 2026-11). */
export const deepseek: Provider = {
  name: 'deepseek',
  dialects: ['openai-chat', 'anthropic-messages', 'openai-responses'],
  endpoints: {
    'openai-chat': chatEndpoint,
    'anthropic-messages': { path: '/anthropic/v1/messages', credential: 'x-api-key' },
    'openai-responses': responsesEndpoint,
  },
  baseUrl: 'https://api.deepseek.com',
  environment: ['DEEPSEEK_API_KEY'],
  priceFacts: 'deepseek',
  firstModel: 'deepseek-v3.2',
  failureDomains: ['deepseek'],
  profiles: {
    'openai-chat': [
      ...deepseekRules,
      {
        // What its reference does not name (https://api-docs.deepseek.com/api/create-chat-completion, 2026-11).
        change: {
          unsupported: new Set([
            'seed',
            'parallelToolCalls',
            'endUser',
            'metadata',
            'answers',
            'verbosity',
            'cacheKey',
            'cacheRetention',
          ]),
          stops: { max: 16, blank: true },
          serviceTiers: new Map(),
          customTools: false,
          allowedTools: false,
          outputForms: new Set(['json-object']),
          strictSchema: undefined,
        },
      },
    ],
    'anthropic-messages': [
      ...deepseekMessagesRules,
      {
        // Images by address or inline in all its dialects (https://api-docs.deepseek.com/guides/vision, 2026-11); marks are
        // ignored, of output_config only the effort is read (https://api-docs.deepseek.com/guides/anthropic_api, 2026-11).
        change: {
          media: { images: 'url', documents: 'bytes' },
          cacheMarks: undefined,
          outputForms: new Set(),
          strictSchema: undefined,
          roles: { systemTurns: 'first', assistantLast: 'continued' },
        },
      },
    ],
    'openai-responses': [
      ...deepseekResponsesRules,
      {
        change: {
          unsupported: new Set(['parallelToolCalls', 'endUser', 'metadata', 'verbosity', 'cacheKey', 'cacheRetention']),
          serviceTiers: new Map(),
          allowedTools: false,
          outputForms: new Set(['json-object']),
          strictSchema: undefined,
        },
      },
    ],
  },
  // Its reference has max_tokens only (https://api-docs.deepseek.com/api/create-chat-completion, 2026-11).
  quirks: plainQuirks,
};
