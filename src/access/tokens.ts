import { base62, type RandomBytes } from '../completion/base62.ts';

/** What is presented instead of a password: `<kind>_<8 characters id>_<43 base62>`. The id may be shown, the whole is shown
 *  once; what is stored is its HMAC. 43 base62 digits carry 256 bits. */
/** cca: of a service account. ccs: of a session. cco: of a session that the admin key began. cci: of an invitation or a reset. */
export type TokenKind = 'cca' | 'ccs' | 'cco' | 'cci';

const pattern = /^(cca|ccs|cco|cci)_([0-9A-Za-z]{8})_([0-9A-Za-z]{43})$/;

export interface Token {
  readonly kind: TokenKind;
  readonly id: string;
  readonly text: string;
}

export function mintToken(kind: TokenKind, random?: RandomBytes): Token {
  const id = base62(8, random);
  return { kind, id, text: `${kind}_${id}_${base62(43, random)}` };
}

/** undefined for what cannot be one of ours. */
export function readToken(text: string): Token | undefined {
  const [, kind, id] = pattern.exec(text) ?? [];
  if (kind === undefined || id === undefined) return undefined;
  return { kind: kind as TokenKind, id, text }; // the pattern has these kinds
}

/** Of users, service accounts and memberships: opaque, and told apart by its first letter. */
export function mintId(letter: 'u' | 's' | 'm', random?: RandomBytes): string {
  return `${letter}_${base62(16, random)}`;
}
