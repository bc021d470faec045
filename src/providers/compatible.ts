import { chatEndpoint, messagesEndpoint, type Provider, plainQuirks } from './provider.ts';
import { claudeRules } from './reasoning-forms.ts';

/** Any host that speaks chat completions behind its base URL, such as `http://127.0.0.1:8000/v1` of a vLLM server. */
export const openaiCompatible: Provider = {
  name: 'openai-compatible',
  dialects: ['openai-chat'],
  endpoints: { 'openai-chat': chatEndpoint },
  baseUrl: undefined,
  environment: [],
  priceFacts: undefined,
  failureDomains: [],
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
      // Of the second version such hosts and proxies say nothing.
      { change: { versions: ['2023-06-01'] } },
      // They often take media in the request itself only: https://docs.ollama.com/api/anthropic-compatibility (2026-11).
      { change: { media: { images: 'bytes', documents: 'bytes' } } },
    ],
  },
  quirks: plainQuirks,
};
