import { conversePath, converseRules } from './bedrock.ts';
import { cohereEndpoint, olderCommandRules } from './cohere.ts';
import { geminiEndpoint } from './gemini.ts';
import { messagesEndpoint, type Provider } from './provider.ts';
import { claudeRules, geminiRules } from './reasoning-forms.ts';

/** The sandbox: the emulator behind a unix socket or on loopback, which is each provider at its own paths. */
export const emulated: Provider = {
  name: 'emulated',
  dialects: ['openai-chat', 'anthropic-messages', 'openai-responses', 'gemini', 'cohere-chat', 'bedrock-converse'],
  endpoints: {
    'openai-chat': { path: '/v1/chat/completions', credential: 'bearer' },
    'anthropic-messages': messagesEndpoint,
    'openai-responses': { path: '/v1/responses', credential: 'bearer' },
    gemini: geminiEndpoint,
    'cohere-chat': cohereEndpoint,
    'bedrock-converse': { path: conversePath, credential: 'bearer' },
  },
  baseUrl: undefined,
  environment: [],
  priceFacts: undefined,
  failureDomains: ['sandbox'],
  profiles: {
    'anthropic-messages': claudeRules,
    gemini: geminiRules,
    'cohere-chat': olderCommandRules,
    'bedrock-converse': converseRules,
  },
  quirks: { streamOptions: true, outputLimit: 'max_completion_tokens' },
};
