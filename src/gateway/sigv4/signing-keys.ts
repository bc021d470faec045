import { createHmac, createSecretKey, type KeyObject } from 'node:crypto';

/** What a signing key is derived of, beside the secret. */
export interface SigningScope {
  /** `YYYYMMDD` */
  readonly day: string;
  readonly region: string;
  readonly service: string;
}

/** Derives a signing key
 *  (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html, 2026-11). */
export function deriveSigningKey(secret: string, { day, region, service }: SigningScope): KeyObject {
  const ofDay = hmac(`AWS4${secret}`, day);
  const ofRegion = hmac(ofDay, region);
  return createSecretKey(hmac(hmac(ofRegion, service), 'aws4_request'));
}

/** Derived keys of a thousand clients, each a few hundred bytes. */
export const signingKeysMax = 4_096;

/** Signing keys that requests were signed with, by digest of the secret, day and region: a client signs a day's requests
 *  with one. The oldest goes for the newest. */
export class SigningKeys {
  readonly #keys = new Map<string, KeyObject>();

  /** `secretOf` opens the secret, where its key is not known yet. */
  find(digest: string, scope: SigningScope, secretOf: () => string): KeyObject {
    return this.#keys.get(nameOf(digest, scope)) ?? deriveSigningKey(secretOf(), scope);
  }

  /** Somebody has signed with it: whoever only guesses regions keeps nothing here. */
  keep(digest: string, scope: SigningScope, key: KeyObject): void {
    const name = nameOf(digest, scope);
    if (this.#keys.has(name)) return;
    if (this.#keys.size >= signingKeysMax) this.#keys.delete(this.#keys.keys().next().value!);
    this.#keys.set(name, key);
  }

  get size(): number {
    return this.#keys.size;
  }
}

function nameOf(digest: string, { day, region }: SigningScope): string {
  return `${digest} ${day} ${region}`;
}

function hmac(key: string | Buffer, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest();
}
