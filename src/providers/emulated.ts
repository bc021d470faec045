import { conversePath, converseRules } from './bedrock.ts';
import { messagesEndpoint, type Provider } from './provider.ts';
import { claudeRules } from './reasoning-forms.ts';

/** The sandbox: the emulator behind a unix socket or on loopback, which is both providers at their own paths. */
export const emulated: Provider = {
  name: 'emulated',
  dialects: ['openai-chat', 'anthropic-messages', 'bedrock-converse'],
  endpoints: {
    'openai-chat': { path: '/v1/chat/completions', credential: 'bearer' },
    'anthropic-messages': messagesEndpoint,
    'bedrock-converse': { path: conversePath, credential: 'bearer' },
  },
  baseUrl: undefined,
  environment: [],
  priceFacts: undefined,
  failureDomains: ['sandbox'],
  profiles: { 'anthropic-messages': claudeRules, 'bedrock-converse': converseRules },
  quirks: { streamOptions: true, outputLimit: 'max_completion_tokens' },
};
