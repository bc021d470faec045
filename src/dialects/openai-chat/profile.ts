import type { DialectProfile } from '../../completion/profile.ts';

/** The API as OpenAI documents it: https://platform.openai.com/docs/api-reference/chat (2026-11). */
export const openaiChatProfile: DialectProfile = {
  // At most 40 letters.
  callIds: { pattern: /^[\w-]{1,40}$/, prefix: 'call_', digest: { letters: 34, alphabet: 'hex' } },
  // Images by address or inline; of documents PDFs alone, and those not by address; no text file
  // (https://developers.openai.com/api/docs/guides/file-inputs, 2026-11).
  media: { images: 'url', documents: 'bytes' },
};
