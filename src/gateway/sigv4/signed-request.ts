import { Fault } from '../../completion/fault.ts';

/** What the `Authorization` header of a signed request claims
 *  (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html, 2026-11). */
export interface SignatureClaim {
  /** The access key id: the id that a key of ours shows. */
  readonly keyId: string;
  /** `YYYYMMDD` */
  readonly day: string;
  readonly region: string;
  /** In lower case, as listed. */
  readonly signedHeaders: readonly string[];
  readonly signature: Buffer;
  /** `x-amz-date`: `YYYYMMDDTHHMMSSZ`. */
  readonly date: string;
  readonly signedAtMs: number;
  /** SHA-256 of the body, hex, where `x-amz-content-sha256` says it; undefined: it is to be computed. */
  readonly payloadHash: string | undefined;
}

/** Headers as node:http gives them, names in lower case. */
type Headers = Readonly<Record<string, string | readonly string[] | undefined>>;

export const service = 'bedrock';
export const algorithm = 'AWS4-HMAC-SHA256';

/** Is it of the family of signatures, whether we know the kind or not? */
export function isSignature(authorization: string): boolean {
  return authorization.startsWith('AWS4-');
}

/** Is the signature in the query, as in links that are signed beforehand? */
export function isPresigned(query: string): boolean {
  return /(?:^|&)x-amz-(?:algorithm|credential|signature)=/i.test(query);
}

/** Reads the claim. Throws Fault `signature_malformed`, or `signature_unsupported` for kinds that are not taken. */
export function readClaim(headers: Headers): SignatureClaim {
  const authorization = String(headers['authorization'] ?? '');
  const [kind, ...rest] = authorization.split(' ');
  if (kind !== algorithm) throw new Fault('signature_unsupported', `Only ${algorithm} is taken.`);
  if (headers['x-amz-security-token'] !== undefined) {
    throw new Fault('signature_unsupported', 'A session token is of AWS; sign with the key alone.');
  }
  const parts = readParts(rest.join(' '));
  const scope = (parts.get('Credential') ?? '').split('/');
  const [keyId = '', day = '', region = '', named, end] = scope;
  if (scope.length !== 5 || end !== 'aws4_request' || !/^\d{8}$/.test(day) || !regionPattern.test(region)) {
    throw malformed(`Credential is id/day/region/${service}/aws4_request`);
  }
  if (named !== service) {
    throw new Fault('signature_unsupported', `Only requests that are signed for the service ${service} are taken.`);
  }
  const signature = parts.get('Signature') ?? '';
  if (!/^[0-9a-f]{64}$/.test(signature)) throw malformed('Signature has 64 hexadecimal digits');
  const date = headers['x-amz-date'];
  const signedAtMs = typeof date === 'string' ? readDate(date) : Number.NaN;
  if (typeof date !== 'string' || Number.isNaN(signedAtMs)) throw malformed('x-amz-date is YYYYMMDDTHHMMSSZ');
  if (!date.startsWith(day)) throw malformed('x-amz-date is of another day than Credential');
  return {
    keyId,
    day,
    region,
    signedHeaders: readSignedHeaders(parts.get('SignedHeaders') ?? '', headers),
    signature: Buffer.from(signature, 'hex'),
    date,
    signedAtMs,
    payloadHash: readPayloadHash(headers['x-amz-content-sha256']),
  };
}

/** AWS has no longer one. */
const regionPattern = /^[a-z0-9-]{1,32}$/;
/** A signed request of an SDK has a dozen. */
const signedHeadersMax = 64;

function readParts(text: string): ReadonlyMap<string, string> {
  const parts = new Map<string, string>();
  for (const part of text.split(',')) {
    const [, name, value] = /^ *(Credential|SignedHeaders|Signature)=([^ ,]+) *$/.exec(part) ?? [];
    if (name === undefined || value === undefined || parts.has(name)) {
      throw malformed('it has Credential, SignedHeaders and Signature, once each');
    }
    parts.set(name, value);
  }
  return parts;
}

/** What decides where a request goes, when it was signed and how its body is read must not be changed on its way.
 *  HTTP/2 has `:authority` where HTTP/1.1 has `host`. */
function readSignedHeaders(list: string, headers: Headers): readonly string[] {
  const names = list.split(';');
  const isWhole = names.length <= signedHeadersMax && names.every(name => /^:?[a-z0-9_-]+$/.test(name));
  if (!isWhole || new Set(names).size !== names.length)
    throw malformed('SignedHeaders are names in lower case, once each');
  const missing = ['x-amz-date', 'content-type', 'x-amz-content-sha256'].find(
    name => headers[name] !== undefined && !names.includes(name),
  );
  if (missing !== undefined) throw malformed(`${missing} is sent and not signed`);
  if (!names.includes('host') && !names.includes(':authority')) throw malformed('host is not signed');
  return names;
}

function readPayloadHash(value: string | readonly string[] | undefined): string | undefined {
  if (value === undefined) return undefined;
  if (typeof value === 'string' && /^[0-9a-f]{64}$/.test(value)) return value;
  throw new Fault('signature_unsupported', 'x-amz-content-sha256 must be the SHA-256 of the body, or not be sent.');
}

function readDate(text: string): number {
  const [, ...parts] = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(text) ?? [];
  if (parts.length === 0) return Number.NaN;
  const [year, month, day, hour, minute, second] = parts;
  return Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`);
}

/** Never repeats what was sent: a signature is as good as a password for five minutes. */
function malformed(why: string): Fault {
  return new Fault('signature_malformed', `The signature cannot be read: ${why}.`);
}
