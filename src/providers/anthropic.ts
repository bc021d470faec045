import { messagesEndpoint, type Provider, plainQuirks } from './provider.ts';
import { claudeRules } from './reasoning-forms.ts';

/** https://platform.claude.com/docs/en/api/messages (2026-11). */
export const anthropic: Provider = {
  name: 'anthropic',
  dialects: ['anthropic-messages'],
  endpoints: { 'anthropic-messages': messagesEndpoint },
  baseUrl: 'https://api.anthropic.com',
  environment: ['ANTHROPIC_API_KEY'],
  priceFacts: 'anthropic',
  firstModel: 'claude-haiku-4-5',
  failureDomains: ['anthropic'],
  profiles: { 'anthropic-messages': claudeRules },
  quirks: plainQuirks,
};
