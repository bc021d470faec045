import { createSign } from 'node:crypto';
import { request } from 'undici';
import { Fault } from '../completion/fault.ts';
import type { RequestToAuthorise } from './provider.ts';

/** Who asks, at Google Cloud: an access token as it is, or a service account's key file, for which tokens are asked for as they
 *  run out (https://developers.google.com/identity/protocols/oauth2/service-account#httprest, 2026-11; RFC 7523). */
export async function authoriseGoogle({ credential, nowMs }: RequestToAuthorise): Promise<readonly string[]> {
  if (credential === undefined || credential === '') throw unusable('it is missing');
  const token = credential.startsWith('{') ? await tokenOf(credential, nowMs) : credential;
  return ['authorization', `Bearer ${token}`];
}

interface ServiceAccount {
  readonly email: string;
  readonly key: string;
  readonly keyId: string | undefined;
  readonly tokenUri: string;
}

interface Token {
  readonly text: string;
  readonly endsAtMs: number;
}

/** By the credential; those that ask at once wait for one answer. Accounts are few. */
const tokens = new Map<string, Promise<Token>>();
const accountsMax = 256;
/** Google's own libraries ask anew this long before the end. */
const renewBeforeMs = 5 * 60_000;
const timeoutMs = 10_000;

async function tokenOf(credential: string, nowMs: number): Promise<string> {
  const known = tokens.get(credential);
  if (known !== undefined) {
    const { text, endsAtMs } = await known;
    if (nowMs < endsAtMs - renewBeforeMs) return text;
    // Of those that waited, the first asks for all.
    if (tokens.get(credential) !== known) return tokenOf(credential, nowMs);
  }
  if (tokens.size >= accountsMax) tokens.clear();
  const asked = askToken(readAccount(credential), nowMs);
  tokens.set(credential, asked);
  asked.catch(() => {
    if (tokens.get(credential) === asked) tokens.delete(credential);
  });
  return (await asked).text;
}

function readAccount(text: string): ServiceAccount {
  let file: Readonly<Record<string, unknown>>;
  try {
    // The cast is true: what begins with a brace and can be parsed is an object.
    file = JSON.parse(text) as Record<string, unknown>;
  } catch {
    throw unusable('it begins as JSON and is none');
  }
  if (file['type'] !== 'service_account') throw unusable('it is not the key of a service account');
  const { client_email: email, private_key: key, private_key_id: keyId, token_uri: uri } = file;
  if (typeof email !== 'string' || typeof key !== 'string') throw unusable('it lacks client_email or private_key');
  const tokenUri = typeof uri === 'string' ? uri : 'https://oauth2.googleapis.com/token';
  if (!/^(?:https:\/\/|http:\/\/(?:127\.0\.0\.1|\[::1\])[:/])/.test(tokenUri))
    throw unusable('its token_uri is no https');
  return { email, key, keyId: typeof keyId === 'string' ? keyId : undefined, tokenUri };
}

async function askToken(account: ServiceAccount, nowMs: number): Promise<Token> {
  const assertion = sign(account, Math.floor(nowMs / 1000));
  let status: number;
  let text: string;
  try {
    const response = await request(account.tokenUri, {
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: new URLSearchParams({ grant_type: 'urn:ietf:params:oauth:grant-type:jwt-bearer', assertion }).toString(),
      signal: AbortSignal.timeout(timeoutMs),
    });
    status = response.statusCode;
    text = await readText(response.body);
  } catch (cause) {
    throw new Fault('upstream_refused', 'The token server of the provider cannot be reached.', { cause });
  }
  if (status >= 500) throw new Fault('upstream_error', 'The token server of the provider failed.');
  if (status !== 200) throw unusable(`the token server answered ${status}`);
  const { token, seconds } = readToken(text);
  return { text: token, endsAtMs: nowMs + seconds * 1000 };
}

/** Tokens are a few KB. */
async function readText(body: AsyncIterable<Buffer>): Promise<string> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of body) {
    length += chunk.length;
    if (length > 65_536) throw new Error('the token server answers without end');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}

function readToken(text: string): { token: string; seconds: number } {
  let answer: Readonly<Record<string, unknown>> | null;
  try {
    answer = JSON.parse(text);
  } catch {
    throw unusable('the token server did not answer in JSON');
  }
  const token = answer?.['access_token'];
  const seconds = answer?.['expires_in'];
  // What cannot stand in a header is no token.
  if (typeof token !== 'string' || !/^[\x21-\x7e]+$/.test(token)) throw unusable('the token server gave no token');
  return { token, seconds: typeof seconds === 'number' && seconds > 0 ? seconds : 3600 };
}

function sign({ email, key, keyId, tokenUri }: ServiceAccount, now: number): string {
  const head = { alg: 'RS256', typ: 'JWT', kid: keyId };
  const scope = 'https://www.googleapis.com/auth/cloud-platform';
  const claims = { iss: email, scope, aud: tokenUri, iat: now, exp: now + 3600 };
  const signed = [head, claims].map(part => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.');
  try {
    return `${signed}.${createSign('RSA-SHA256').update(signed).sign(key, 'base64url')}`;
  } catch {
    throw unusable('its private_key cannot sign');
  }
}

function unusable(why: string): Fault {
  return new Fault('upstream_credential', undefined, { cause: new Error(`the credential cannot be used: ${why}`) });
}
