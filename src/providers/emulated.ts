import { messagesEndpoint, type Provider } from './provider.ts';
import { claudeRules } from './reasoning-forms.ts';

/** The sandbox: the emulator behind a unix socket or on loopback, which is both providers at their own paths. */
export const emulated: Provider = {
  name: 'emulated',
  dialects: ['openai-chat', 'anthropic-messages', 'openai-responses'],
  endpoints: {
    'openai-chat': { path: '/v1/chat/completions', credential: 'bearer' },
    'anthropic-messages': messagesEndpoint,
    'openai-responses': { path: '/v1/responses', credential: 'bearer' },
  },
  baseUrl: undefined,
  environment: [],
  priceFacts: undefined,
  failureDomains: ['sandbox'],
  profiles: { 'anthropic-messages': claudeRules },
  quirks: { streamOptions: true, outputLimit: 'max_completion_tokens' },
};
