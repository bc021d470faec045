import { olderClaudeRules } from './anthropic.ts';
import { chatEndpoint, messagesEndpoint, type Provider, plainQuirks, responsesEndpoint } from './provider.ts';
import { claudeRules } from './reasoning-forms.ts';

/** Any host that speaks chat completions behind its base URL, such as `http://127.0.0.1:8000/v1` of a vLLM server. */
export const openaiCompatible: Provider = {
  name: 'openai-compatible',
  // vLLM and Ollama serve Responses as well (https://docs.vllm.ai/en/latest/serving/openai_compatible_server,
  // https://docs.ollama.com/api/openai-compatibility, 2026-11); others do not, so an account must say so.
  dialects: ['openai-chat'],
  endpoints: { 'openai-chat': chatEndpoint, 'openai-responses': responsesEndpoint },
  baseUrl: undefined,
  environment: [],
  priceFacts: undefined,
  failureDomains: [],
  // What vLLM, llama.cpp and Ollama document alike (https://docs.vllm.ai/en/latest/serving/openai_compatible_server,
  // 2026-11); what one of them lacks beyond that, it ignores.
  profiles: {
    'openai-chat': [
      {
        change: {
          unsupported: new Set(['metadata', 'verbosity', 'cacheKey', 'cacheRetention']),
          serviceTiers: new Map(),
          customTools: false,
          allowedTools: false,
        },
      },
    ],
    'openai-responses': [
      {
        change: {
          unsupported: new Set(['metadata', 'verbosity', 'cacheKey', 'cacheRetention']),
          serviceTiers: new Map(),
          customTools: false,
          allowedTools: false,
          namespaces: false,
        },
      },
    ],
  },
  quirks: plainQuirks,
};

/** Any host that speaks messages behind its base URL. */
export const anthropicCompatible: Provider = {
  name: 'anthropic-compatible',
  dialects: ['anthropic-messages'],
  endpoints: { 'anthropic-messages': messagesEndpoint },
  baseUrl: undefined,
  environment: [],
  priceFacts: undefined,
  failureDomains: [],
  profiles: {
    'anthropic-messages': [
      ...claudeRules,
      // Such hosts often take media in the request itself only: https://docs.ollama.com/api/anthropic-compatibility
      // (2026-11). Of the second version of the API they say nothing.
      { change: { media: { images: 'bytes', documents: 'bytes' }, versions: ['2023-06-01'] } },
      ...olderClaudeRules,
      {
        // Models of other makers behind this API: what only the maker's own service is known to have.
        models: /^(?!.*claude)/,
        change: {
          outputForms: new Set(),
          strictSchema: undefined,
          cacheMarks: undefined,
          roles: { systemTurns: 'first' },
        },
      },
    ],
  },
  quirks: plainQuirks,
};
