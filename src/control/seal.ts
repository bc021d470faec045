import {
  createCipheriv,
  createDecipheriv,
  createHmac,
  createSecretKey,
  type KeyObject,
  randomBytes,
} from 'node:crypto';

/** What is protected by the keys of an installation. Each use has a key of its own, so that none says anything of another.
 *  Imports nothing but node:crypto: workers use it too. */
export interface Sealer {
  /** Encrypts. `context` names the place, such as `provider:openai`: moved elsewhere, the sealed text does not open. */
  seal(plaintext: string, context: string): string;
  /** Throws when the text was sealed under a key that is not here, for another context, or was changed. */
  open(sealed: string, context: string): string;
  /** Is it sealed under the key that seals now? */
  isCurrent(sealed: string): boolean;
  /** HMAC-SHA-256, hex, of a client's secret: what keys are stored and found by. */
  digestSecret(secret: string): string;
  /** Short, comparable, says nothing of the value: tells whether a stored secret is still the one referred to. */
  fingerprintOf(secret: string): string;
  /** An AES-256 key for a use of its own, such as `reasoning-state/1`: the same for all processes of an installation. */
  keyFor(use: string): KeyObject;
  /** From now on these; what was sealed under a key that is not among them does not open any more. */
  useKeys(keys: OpenKeys): void;
}

/** Keys in the clear, 32 bytes each as base64url. Plain JSON, for workers; never stored. */
export interface OpenKeys {
  /** Of which digests, and keys for uses, are derived; stays when the master key changes. */
  readonly root: string;
  /** Of `data`; null: texts are sealed under a key derived of the root. */
  readonly active: string | null;
  readonly data: Readonly<Record<string, string>>;
}

const nonceBytes = 12;
const tagBytes = 16;
const salt = 'common-carrier';

/** Of a master key alone, of an installation that has no keys of its own yet; or of those it has. */
export function createSealer(from: string | OpenKeys): Sealer {
  let used = deriveAll(typeof from === 'string' ? { root: rootOf(from), active: null, data: {} } : from);

  function open(sealed: string, context: string): string {
    const parts = sealed.split('.');
    const [id, body] = parts[0] === 'v1' && parts.length === 2 ? [null, parts[1]!] : [parts[1] ?? '', parts[2]];
    if (body === undefined || (id !== null && parts[0] !== 'v2') || parts.length > 3) {
      throw new Error(`the secret of ${context} is not sealed text`);
    }
    const key = id === null ? used.derived : used.data.get(id);
    if (key === undefined) throw new Error(`the secret of ${context} does not open: its key ${id} is not here`);
    return decrypt(key, Buffer.from(body, 'base64url'), context);
  }

  return {
    seal(plaintext, context) {
      const { active } = used;
      const key = active === null ? used.derived : used.data.get(active)!; // true: deriveAll has looked
      return `${prefixOf(active)}${encrypt(key, plaintext, context).toString('base64url')}`;
    },
    open,
    isCurrent: sealed => sealed.startsWith(prefixOf(used.active)),
    digestSecret: secret => hmac(used.digesting, secret),
    keyFor: use => createSecretKey(expand(used.root, use)),
    fingerprintOf: secret => hmac(used.fingerprinting, `secret:${secret}`).slice(0, 16),
    useKeys: keys => {
      used = deriveAll(keys);
    },
  };
}

function prefixOf(active: string | null): string {
  return active === null ? 'v1.' : `v2.${active}.`;
}

function deriveAll({ root: text, active, data: texts }: OpenKeys) {
  const root = keyOf(text);
  const data = new Map(Object.entries(texts).map(([id, key]) => [id, keyOf(key)]));
  if (active !== null && !data.has(active)) throw new Error(`the key ${active} is to seal and is not here`);
  // As key objects: made of bytes anew for each digest, they would cost a request more than its parsing does.
  return {
    root,
    active,
    data,
    derived: expand(root, 'seal/1'),
    digesting: createSecretKey(expand(root, 'key-digest/1')),
    fingerprinting: createSecretKey(expand(root, 'fingerprint/1')),
  };
}

/** What a master key is known by: kept by the database, and shown. */
export function masterKeyFingerprint(masterKey: string): string {
  return createHmac('sha256', expand(keyOf(rootOf(masterKey)), 'fingerprint/1'))
    .update('master-key')
    .digest('hex')
    .slice(0, 32);
}

/** The root of an installation that began with this master key. With `expand` it is HKDF-SHA-256 (RFC 5869, 2010-05). */
export function rootOf(masterKey: string): string {
  return createHmac('sha256', salt).update(masterKey).digest('base64url');
}

/** Encrypts a key, 32 bytes as base64url, under a master key. */
export function wrapKey(masterKey: string, key: string, id: string): string {
  return `w1.${encrypt(wrappingKey(masterKey), key, `key:${id}`).toString('base64url')}`;
}

/** Throws when it was wrapped under another master key, is another key's, or was changed. */
export function unwrapKey(masterKey: string, wrapped: string, id: string): string {
  if (!wrapped.startsWith('w1.')) throw new Error(`the key ${id} is not wrapped`);
  return decrypt(wrappingKey(masterKey), Buffer.from(wrapped.slice('w1.'.length), 'base64url'), `key:${id}`);
}

function wrappingKey(masterKey: string): Buffer {
  return expand(keyOf(rootOf(masterKey)), 'wrap/1');
}

/** One block of it: 32 bytes. */
function expand(root: Buffer, use: string): Buffer {
  return createHmac('sha256', root).update(use).update(Buffer.of(1)).digest();
}

function keyOf(text: string): Buffer {
  const bytes = Buffer.from(text, 'base64url');
  if (bytes.length !== 32) throw new Error('a key has 32 bytes');
  return bytes;
}

function hmac(key: KeyObject, text: string): string {
  return createHmac('sha256', key).update(text).digest('hex');
}

function encrypt(key: Buffer, plaintext: string, context: string): Buffer {
  const nonce = randomBytes(nonceBytes);
  const cipher = createCipheriv('aes-256-gcm', key, nonce).setAAD(Buffer.from(context));
  return Buffer.concat([nonce, cipher.update(plaintext, 'utf8'), cipher.final(), cipher.getAuthTag()]);
}

function decrypt(key: Buffer, bytes: Buffer, context: string): string {
  if (bytes.length < nonceBytes + tagBytes) throw new Error(`the secret of ${context} is not sealed text`);
  const decipher = createDecipheriv('aes-256-gcm', key, bytes.subarray(0, nonceBytes), { authTagLength: tagBytes });
  decipher.setAAD(Buffer.from(context)).setAuthTag(bytes.subarray(-tagBytes));
  try {
    return decipher.update(bytes.subarray(nonceBytes, -tagBytes), undefined, 'utf8') + decipher.final('utf8');
  } catch (cause) {
    throw new Error(`the secret of ${context} does not open: another master key, or it was changed`, { cause });
  }
}

/** The context under which the secret of a key that signs is sealed: its digest says which secret it is. */
export function keySecretContext(digest: string): string {
  return `key-secret:${digest}`;
}

/** The context under which a provider account's credential is sealed. */
export function credentialContext(provider: string): string {
  return `provider:${provider}`;
}
