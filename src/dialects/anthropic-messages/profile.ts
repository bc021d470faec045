import type { DialectProfile } from '../../completion/profile.ts';

/** The API as Anthropic documents it: https://platform.claude.com/docs/en/api/messages (2026-11). */
export const anthropicMessagesProfile: DialectProfile = {
  // ^[a-zA-Z0-9_-]+$; the length is that of its hosts.
  callIds: { pattern: /^[\w-]{1,64}$/, prefix: 'toolu_', digest: { letters: 34, alphabet: 'hex' } },
  // https://platform.claude.com/docs/en/build-with-claude/vision and …/pdf-support (2026-11).
  media: { images: 'url', documents: 'url' },
};
