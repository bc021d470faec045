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
  // Hosts and proxies of the one maker's models; of the second version they say nothing.
  profiles: { 'anthropic-messages': [...claudeRules, { change: { versions: ['2023-06-01'] } }] },
  quirks: plainQuirks,
};
