import { cohereEndpoint, olderCommandRules } from './cohere.ts';
import { messagesEndpoint, type Provider } from './provider.ts';
import { claudeRules } from './reasoning-forms.ts';

/** The sandbox: the emulator behind a unix socket or on loopback, which is each provider at its own paths. */
export const emulated: Provider = {
  name: 'emulated',
  dialects: ['openai-chat', 'anthropic-messages', 'cohere-chat'],
  endpoints: {
    'openai-chat': { path: '/v1/chat/completions', credential: 'bearer' },
    'anthropic-messages': messagesEndpoint,
    'cohere-chat': cohereEndpoint,
  },
  baseUrl: undefined,
  environment: [],
  priceFacts: undefined,
  failureDomains: ['sandbox'],
  profiles: { 'anthropic-messages': claudeRules, 'cohere-chat': olderCommandRules },
  quirks: { streamOptions: true, outputLimit: 'max_completion_tokens' },
};
