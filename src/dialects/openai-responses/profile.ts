import type { DialectProfile } from '../../completion/profile.ts';
import { openaiChatProfile } from '../openai-chat/profile.ts';

/** The API as OpenAI documents it: https://platform.openai.com/docs/api-reference/responses/create and openai-node 7.55
 *  (2026-11). What is not said here is as in chat completions, of the same maker and models. */
export const openaiResponsesProfile: DialectProfile = {
  ...openaiChatProfile,
  // Log probabilities exist there, and the middle has no place for them in answers.
  unsupported: new Set(['topK', 'seed', 'frequencyPenalty', 'presencePenalty', 'stop', 'logprobs', 'answers']),
  endUser: { field: 'safety_identifier', lettersMax: 128 },
  // At most 64 letters.
  callIds: { pattern: /^[\w-]{1,64}$/, prefix: 'call_', digest: { letters: 34, alphabet: 'hex' } },
  namespaces: true,
  // Files by address or inline (https://developers.openai.com/api/docs/guides/file-inputs, 2026-11).
  media: { images: 'url', documents: 'url' },
};
