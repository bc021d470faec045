import type { DialectProfile, ReasoningForm } from '../../completion/profile.ts';

/** Where nothing is known of the model: the newest documented way to ask, and the rules that all models have had
 *  (https://platform.claude.com/docs/en/build-with-claude/thinking, 2026-11). */
const formUnlessSaid: ReasoningForm = {
  style: 'adaptive',
  efforts: ['low', 'medium', 'high', 'xhigh', 'max'],
  off: 'thinking-disabled',
  thinksUnasked: false,
  sampling: 'not-thinking',
  forcedTools: 'not-thinking',
  needsState: 'never',
};

/** The API as Anthropic documents it: https://platform.claude.com/docs/en/api/messages (2026-11). */
export const anthropicMessagesProfile: DialectProfile = {
  // ^[a-zA-Z0-9_-]+$; the length is that of its hosts.
  callIds: { pattern: /^[\w-]{1,64}$/, prefix: 'toolu_', digest: { letters: 34, alphabet: 'hex' } },
  reasoning: formUnlessSaid,
  versions: ['2023-06-01', '2026-10-21'],
};
