import {
  createCipheriv,
  createDecipheriv,
  createHmac,
  createSecretKey,
  hkdfSync,
  type KeyObject,
  randomBytes,
} from 'node:crypto';

/** What the master key protects. Each use has a key of its own, so that none says anything of another. Imports nothing
 *  but node:crypto: workers use it too. */
export interface Sealer {
  /** Encrypts. `context` names the place, such as `provider:openai`: moved elsewhere, the sealed text does not open. */
  seal(plaintext: string, context: string): string;
  /** Throws when the text was sealed under another master key, for another context, or was changed. */
  open(sealed: string, context: string): string;
  /** HMAC-SHA-256, hex, of a client's secret: what keys are stored and found by. */
  digestSecret(secret: string): string;
  /** Short, comparable, says nothing of the value: tells whether a stored secret is still the one referred to. */
  fingerprintOf(secret: string): string;
  /** An AES-256 key for a use of its own, such as `reasoning-state/1`: the same for all processes of a master key. */
  keyFor(use: string): KeyObject;
  /** Of the master key itself, kept by the database. */
  readonly fingerprint: string;
}

const nonceBytes = 12;
const tagBytes = 16;
const keyBytes = 32;
const salt = 'common-carrier';

export function createSealer(masterKey: string): Sealer {
  const derive = (use: string) => Buffer.from(hkdfSync('sha256', masterKey, salt, use, keyBytes));
  const sealing = derive('seal/1');
  // As key objects: made of bytes anew for each digest, they would cost a request more than its parsing does.
  const digesting = createSecretKey(derive('key-digest/1'));
  const fingerprinting = createSecretKey(derive('fingerprint/1'));

  function seal(plaintext: string, context: string): string {
    const nonce = randomBytes(nonceBytes);
    const cipher = createCipheriv('aes-256-gcm', sealing, nonce).setAAD(Buffer.from(context));
    const sealed = Buffer.concat([nonce, cipher.update(plaintext, 'utf8'), cipher.final(), cipher.getAuthTag()]);
    return `v1.${sealed.toString('base64url')}`;
  }

  function open(sealed: string, context: string): string {
    const bytes = Buffer.from(sealed.replace(/^v1\./, ''), 'base64url');
    if (!sealed.startsWith('v1.') || bytes.length < nonceBytes + tagBytes) {
      throw new Error(`the secret of ${context} is not sealed text`);
    }
    const decipher = createDecipheriv('aes-256-gcm', sealing, bytes.subarray(0, nonceBytes), {
      authTagLength: tagBytes,
    });
    decipher.setAAD(Buffer.from(context)).setAuthTag(bytes.subarray(-tagBytes));
    try {
      return decipher.update(bytes.subarray(nonceBytes, -tagBytes), undefined, 'utf8') + decipher.final('utf8');
    } catch (cause) {
      throw new Error(`the secret of ${context} does not open: another master key, or it was changed`, { cause });
    }
  }

  const hmac = (key: KeyObject, text: string) => createHmac('sha256', key).update(text).digest('hex');
  return {
    seal,
    open,
    digestSecret: secret => hmac(digesting, secret),
    keyFor: use => createSecretKey(derive(use)),
    fingerprintOf: secret => hmac(fingerprinting, `secret:${secret}`).slice(0, 16),
    fingerprint: hmac(fingerprinting, 'master-key').slice(0, 32),
  };
}

/** The context under which a provider account's credential is sealed. */
export function credentialContext(provider: string): string {
  return `provider:${provider}`;
}
