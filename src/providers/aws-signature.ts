import { createHash, createHmac, type Hash, type Hmac } from 'node:crypto';
import type { SignatureV4 } from '@smithy/signature-v4';
import { Fault } from '../completion/fault.ts';
import type { RequestToAuthorise } from './provider.ts';

/** Who asks, at AWS: a key of Bedrock's own, which is a bearer token, or an access key, with which requests are signed. */
export type AwsCredential =
  | { readonly type: 'bearer'; readonly token: string }
  | {
      readonly type: 'access-key';
      readonly accessKeyId: string;
      readonly secretAccessKey: string;
      readonly sessionToken: string | undefined;
      /** Where the address of the account names none. */
      readonly region: string | undefined;
    };

/** Reads a credential as an account has it: a bearer token; `id:secret` or `id:secret:session`; or JSON with `accessKeyId`,
 *  `secretAccessKey` and, where they are needed, `sessionToken` and `region`. Throws Fault `upstream_credential`. */
export function readAwsCredential(credential: string | undefined): AwsCredential {
  if (credential === undefined || credential === '') throw unusable('it is missing');
  if (credential.startsWith('{')) return readJsonCredential(credential);
  const parts = credential.split(':');
  const [accessKeyId, secretAccessKey, sessionToken, ...more] = parts;
  if (secretAccessKey === undefined) return { type: 'bearer', token: credential };
  if (more.length > 0 || parts.includes('')) throw unusable('it has another form than id:secret or id:secret:session');
  return { type: 'access-key', accessKeyId: accessKeyId!, secretAccessKey, sessionToken, region: undefined };
}

const jsonNames: ReadonlySet<string> = new Set(['accessKeyId', 'secretAccessKey', 'sessionToken', 'region']);

function readJsonCredential(text: string): AwsCredential {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    throw unusable('it begins as JSON and is none');
  }
  // The cast is true: what begins with a brace and can be parsed is an object.
  const entries = Object.entries(parsed as object);
  for (const [name, value] of entries) {
    if (!jsonNames.has(name)) throw unusable('it has a field that is not known');
    if (typeof value !== 'string' || value === '') throw unusable(`its ${name} is no text`);
  }
  const { accessKeyId, secretAccessKey, sessionToken, region } = Object.fromEntries(entries) as Record<string, string>;
  if (accessKeyId === undefined || secretAccessKey === undefined) {
    throw unusable('it lacks accessKeyId or secretAccessKey');
  }
  return { type: 'access-key', accessKeyId, secretAccessKey, sessionToken, region };
}

function unusable(why: string): Fault {
  return new Fault('upstream_credential', undefined, { cause: new Error(`the credential cannot be used: ${why}`) });
}

/** Of `bedrock-runtime.eu-central-1.amazonaws.com`, its FIPS and dual-stack forms, and private endpoints of it
 *  (https://docs.aws.amazon.com/general/latest/gr/bedrock.html, 2026-11). */
export function awsRegionOf(origin: string): string | undefined {
  const host = URL.canParse(origin) ? new URL(origin).hostname : '';
  return /(?:^|\.)bedrock-runtime(?:-fips)?\.([a-z]{2}(?:-[a-z]+)+-\d)\.(?:vpce\.)?(?:amazonaws\.com(?:\.cn)?|api\.aws)$/.exec(
    host,
  )?.[1];
}

/** Headers with which a request to Bedrock says who asks, names and values in turn. Throws Fault `upstream_credential`. */
export async function authoriseAws(request: RequestToAuthorise): Promise<readonly string[]> {
  const credential = readAwsCredential(request.credential);
  if (credential.type === 'bearer') return ['authorization', `Bearer ${credential.token}`];
  const region = credential.region ?? awsRegionOf(request.origin);
  if (region === undefined) throw unusable('the address of the account names no region, and it does not, either');
  const signer = await signerOf(credential, region);
  const [path, query = ''] = request.path.split('?', 2);
  const signed = await signer.sign(
    {
      method: 'POST',
      protocol: new URL(request.origin).protocol,
      hostname: new URL(request.origin).hostname,
      path: path!,
      query: Object.fromEntries(new URLSearchParams(query)),
      // What a proxy may change on the way is not signed.
      headers: { host: new URL(request.origin).host, 'content-type': 'application/json' },
      body: request.body,
    },
    { signingDate: new Date(request.nowMs) },
  );
  return Object.entries(signed.headers).flatMap(([name, value]) => (sentAlready.has(name) ? [] : [name, value]));
}

/** The dispatcher writes the host, and every request has its type. */
const sentAlready: ReadonlySet<string> = new Set(['host', 'content-type']);

type AccessKey = AwsCredential & { readonly type: 'access-key' };

/** The library is loaded with the first request that needs it: 50 ms that other installations do not spend at their start.
 *  Its signers remember the keys that they derive, one a day. */
async function signerOf(credential: AccessKey, region: string): Promise<SignatureV4> {
  const { accessKeyId, secretAccessKey, sessionToken } = credential;
  const name = JSON.stringify([accessKeyId, secretAccessKey, sessionToken, region]);
  const known = signers.get(name);
  if (known !== undefined) return known;
  const { SignatureV4: Signer } = await import('@smithy/signature-v4');
  const signer = new Signer({
    service: 'bedrock',
    region,
    credentials: { accessKeyId, secretAccessKey, ...(sessionToken === undefined ? undefined : { sessionToken }) },
    sha256: Sha256,
    applyChecksum: true,
    // The path is encoded as it is sent, and once more in what is signed: only S3 does without.
    uriEscapePath: true,
  });
  // Accounts are few; one whose credential is replaced for years starts over.
  if (signers.size >= signersMax) signers.clear();
  signers.set(name, signer);
  return signer;
}

const signersMax = 256;
const signers = new Map<string, SignatureV4>();

type HashInput = string | ArrayBuffer | ArrayBufferView;

/** The runtime's own hash in the form that the library asks for; with a secret it is an HMAC. */
class Sha256 {
  readonly #secret: Buffer | undefined;
  #hash: Hash | Hmac;

  constructor(secret?: HashInput) {
    this.#secret = secret === undefined ? undefined : bytesOf(secret);
    this.#hash = this.#begin();
  }

  update(chunk: HashInput): void {
    this.#hash.update(bytesOf(chunk));
  }

  digest(): Promise<Uint8Array> {
    return Promise.resolve(this.#hash.digest());
  }

  reset(): void {
    this.#hash = this.#begin();
  }

  #begin(): Hash | Hmac {
    return this.#secret === undefined ? createHash('sha256') : createHmac('sha256', this.#secret);
  }
}

function bytesOf(input: HashInput): Buffer {
  if (typeof input === 'string') return Buffer.from(input);
  if (input instanceof ArrayBuffer) return Buffer.from(input);
  return Buffer.from(input.buffer, input.byteOffset, input.byteLength);
}
