import type { IncomingHttpHeaders } from 'node:http';
import { Fault } from '../completion/fault.ts';
import type { Principal, Snapshot } from '../snapshot/load.ts';

/** The secret a client presents, wherever its SDK puts it; the first of the places below that is filled counts.
 *  undefined when there is none. `query` is the text after the question mark. */
export function presentedSecret(headers: IncomingHttpHeaders, query: string): string | undefined {
  const authorization = headers.authorization;
  if (authorization !== undefined) {
    const match = bearer.exec(authorization);
    if (match !== null) return match[1];
  }
  const apiKey = headers['x-api-key'] ?? headers['x-goog-api-key'];
  if (apiKey !== undefined && apiKey !== '') return String(apiKey);
  if (query === '') return undefined;
  return new URLSearchParams(query).get('key') || undefined;
}

/** Who calls. Throws Fault `key_missing`, `key_invalid`, `key_revoked`, `key_expired` or `key_rotated`. */
export function authenticate(
  secret: string | undefined,
  snapshot: Snapshot,
  digestSecret: (secret: string) => string,
  nowMs: number,
): Principal {
  if (secret === undefined) throw new Fault('key_missing');
  if (secret.length > secretLengthMax) throw new Fault('key_invalid');
  const principal = snapshot.findKey(digestSecret(secret));
  if (principal === undefined) throw new Fault('key_invalid');
  return checkGood(principal, nowMs);
}

/** Throws Fault `key_revoked`, `key_expired` or `key_rotated`. */
export function checkGood(principal: Principal, nowMs: number): Principal {
  if (principal.revoked) throw new Fault('key_revoked');
  if (principal.expiresAtMs !== undefined && principal.expiresAtMs <= nowMs) {
    throw new Fault(principal.isReplaced ? 'key_rotated' : 'key_expired');
  }
  return principal;
}

const bearer = /^bearer +([^\s]+) *$/i;

/** Longer than any secret we mint or import; longer ones are not worth hashing. */
const secretLengthMax = 512;
