import type { ProfileRule } from '../completion/profile.ts';
import { messagesEndpoint, type Provider, plainQuirks } from './provider.ts';
import { claudeRules } from './reasoning-forms.ts';

/** What models before the newest take otherwise. A model that is not known yet is taken for one of the newest. */
export const olderClaudeRules: readonly ProfileRule[] = [
  {
    // Instructions in the middle came with Opus 4.8
    // (https://platform.claude.com/docs/en/build-with-claude/mid-conversation-system-messages, 2026-11).
    models: /claude-(?:2|3|instant|(?:sonnet|haiku)-4|sonnet-5|opus-4(?:[-.][0-7](?!\d)|[-@]20|$))/,
    change: { roles: { systemTurns: 'first' } },
  },
  {
    // "Prefilling assistant messages is not supported" from Opus 4.6 and Sonnet 4.6 on
    // (https://platform.claude.com/docs/en/about-claude/models/whats-new-claude-4-6, 2026-11).
    models: /claude-(?:2|3|instant|sonnet-4(?![-.][6-9])|haiku-4|opus-4(?:[-.][0-5](?!\d)|[-@]20|$))/,
    change: { roles: { assistantLast: 'continued' } },
  },
  {
    // Structured outputs and strict tools came with Sonnet 4.5 and Opus 4.5
    // (https://platform.claude.com/docs/en/build-with-claude/structured-outputs, 2026-11).
    models: /claude-(?:2|3|instant|sonnet-4(?![-.][5-9])|opus-4(?:[-.][0-4](?!\d)|[-@]20|$))/,
    change: { outputForms: new Set(), strictSchema: undefined },
  },
];

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
  profiles: { 'anthropic-messages': [...claudeRules, ...olderClaudeRules] },
  quirks: plainQuirks,
};
