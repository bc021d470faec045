import { hash } from 'node:crypto';
import { Fault } from '../../completion/fault.ts';

/** A request as its signer saw it. */
export interface SignedParts {
  readonly method: string;
  /** As it came: every part of it is encoded once. */
  readonly path: string;
  /** After the question mark. */
  readonly query: string;
  /** Names and values in turn. */
  readonly rawHeaders: readonly string[];
  /** In lower case, as the signer lists them. */
  readonly signedHeaders: readonly string[];
  /** SHA-256 of the body, hex. */
  readonly payloadHash: string;
}

/** SHA-256, hex, of the canonical request
 *  (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html, 2026-11). Throws Fault
 *  `signature_malformed` when a header that is listed did not come, or the query is no text. */
export function canonicalHash(parts: SignedParts): string {
  const text = [
    parts.method,
    canonicalPath(parts.path),
    canonicalQuery(parts.query),
    canonicalHeaders(parts),
    parts.signedHeaders.join(';'),
    parts.payloadHash,
  ].join('\n');
  // Headers come as one letter a byte; so they are hashed as the bytes they were.
  return hash('sha256', Buffer.from(text, 'latin1'), 'hex');
}

/** Encoded a second time, as for all services but S3, without empty and dotted segments. */
function canonicalPath(path: string): string {
  const segments: string[] = [];
  for (const segment of path.split('/')) {
    if (segment === '..') segments.pop();
    else if (segment !== '' && segment !== '.') segments.push(encode(segment));
  }
  const end = segments.length > 0 && path.endsWith('/') ? '/' : '';
  return `/${segments.join('/')}${end}`;
}

function canonicalQuery(query: string): string {
  if (query === '') return '';
  const pairs = query.split('&').flatMap(pair => {
    if (pair === '') return [];
    const mark = pair.indexOf('=');
    const name = mark === -1 ? pair : pair.slice(0, mark);
    const value = mark === -1 ? '' : pair.slice(mark + 1);
    return [`${encode(decode(name))}=${encode(decode(value))}`];
  });
  // Encoded text is ASCII, and `=` comes before whatever a longer name goes on with but for `-`, `.` and digits.
  return pairs.sort(byNameThenValue).join('&');
}

function byNameThenValue(left: string, right: string): number {
  const [leftName = '', leftValue = ''] = left.split('=');
  const [rightName = '', rightValue = ''] = right.split('=');
  if (leftName !== rightName) return leftName < rightName ? -1 : 1;
  return leftValue < rightValue ? -1 : 1;
}

/** One line each, values of one name joined, spaces around and between them made one. */
function canonicalHeaders({ rawHeaders, signedHeaders }: SignedParts): string {
  const values = new Map<string, string>();
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index]!.toLowerCase();
    const value = rawHeaders[index + 1]!.trim().replaceAll(/ {2,}/g, ' ');
    const before = values.get(name);
    values.set(name, before === undefined ? value : `${before},${value}`);
  }
  const lines = signedHeaders.map(name => {
    const value = values.get(name === ':authority' ? 'host' : name);
    if (value === undefined) throw new Fault('signature_malformed', 'A header that SignedHeaders lists did not come.');
    return `${name}:${value}\n`;
  });
  return lines.join('');
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new Fault('signature_malformed', 'The query of the signed request is not encoded text.');
  }
}

function encode(text: string): string {
  return encodeURIComponent(text).replaceAll(
    /[!'()*]/g,
    letter => `%${letter.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}
