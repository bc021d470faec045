import type { DialectProfile, ReasoningForm } from '../../completion/profile.ts';

/** Where nothing is known of the model: every effort of the API
 *  (https://developers.openai.com/api/docs/guides/reasoning, 2026-11). */
const formUnlessSaid: ReasoningForm = {
  style: 'effort',
  efforts: ['minimal', 'low', 'medium', 'high', 'xhigh', 'max'],
  off: 'effort-none',
  thinksUnasked: true,
  sampling: 'always',
  forcedTools: 'always',
  needsState: 'never',
};

/** The API as OpenAI documents it: https://platform.openai.com/docs/api-reference/chat (2026-11). */
export const openaiChatProfile: DialectProfile = {
  // At most 40 letters.
  callIds: { pattern: /^[\w-]{1,40}$/, prefix: 'call_', digest: { letters: 34, alphabet: 'hex' } },
  reasoning: formUnlessSaid,
  versions: [],
};
