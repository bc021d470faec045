import { argon2, randomBytes, timingSafeEqual } from 'node:crypto';
import { promisify } from 'node:util';
import { Fault } from '../completion/fault.ts';
import { BoundedWork } from './bounded-work.ts';
import { isCommonPassword } from './common-passwords.ts';

/** argon2id with 46 MiB, two passes, one lane: twice the work of the strongest of the equivalent settings that OWASP names
 *  (46 MiB, one pass; https://cheatsheetseries.owasp.org/cheatsheets/Password_Storage_Cheat_Sheet.html, 2026-11).
 *  About 0.13 s of one core. */
const memoryKiB = 47_104;
const passes = 2;
const lanes = 1;
const tagBytes = 32;
const saltBytes = 16;
/** Two threads of the pool of four, and 92 MiB; the others are for files. */
const hashing = new BoundedWork({ atOnceMax: 2, waitingMax: 32 });
const argon2Async = promisify(argon2);

export const passwordLengthMin = 12;
/** Longer texts would be hashed as well; this bounds the work of reading them. */
export const passwordLengthMax = 256;

/** Stored as `argon2id$<KiB>$<passes>$<lanes>$<salt>$<hash>`: a later release may ask for more and still verify it.
 *  Throws Fault('password_refused'). */
export async function hashPassword(password: string, about: readonly string[] = []): Promise<string> {
  const refusal = refusePassword(password, about);
  if (refusal !== undefined) throw new Fault('password_refused', refusal);
  const salt = randomBytes(saltBytes);
  const hash = await derive(password, { salt, memoryKiB, passes, lanes });
  return ['argon2id', memoryKiB, passes, lanes, salt.toString('base64'), hash.toString('base64')].join('$');
}

/** Takes as long where there is no hash: whether somebody has an account does not show in the time. */
export async function verifyPassword(password: string, stored: string | null): Promise<boolean> {
  const text = password.length > passwordLengthMax ? '' : password;
  const read = stored === null ? undefined : readHash(stored);
  const { salt, hash, ...cost } = read ?? nobody;
  const derived = await derive(text, { salt, ...cost });
  return timingSafeEqual(derived, hash) && read !== undefined && text !== '';
}

/** Why this cannot be a password; undefined when it can. Length, and not among the commonest: rules about kinds of
 *  characters make worse ones. */
export function refusePassword(password: string, about: readonly string[] = []): string | undefined {
  const plain = password.normalize('NFKC');
  const letters = [...plain];
  if (letters.length < passwordLengthMin) return `A password has ${passwordLengthMin} characters or more.`;
  if (plain.length > passwordLengthMax) return `A password has at most ${passwordLengthMax} characters.`;
  if (isCommonPassword(plain)) return 'This password is among the commonest; choose another.';
  if (new Set(letters).size < 5) return 'A password has five different characters or more.';
  const own = about.filter(text => text.length >= 4).map(text => text.toLowerCase());
  if (own.some(text => plain.toLowerCase() === text)) return 'A password is not the name or the address of its owner.';
  return undefined;
}

interface Hash {
  readonly salt: Buffer;
  readonly hash: Buffer;
  readonly memoryKiB: number;
  readonly passes: number;
  readonly lanes: number;
}

/** Of nobody: nothing hashes to zeros. */
const nobody: Hash = { salt: Buffer.alloc(saltBytes), hash: Buffer.alloc(tagBytes), memoryKiB, passes, lanes };

function readHash(stored: string): Hash {
  const [kind, memory, rounds, parallel, salt = '', hash = ''] = stored.split('$');
  if (kind !== 'argon2id') throw new Error('a stored password hash is of a kind that this release does not know');
  return {
    memoryKiB: Number(memory),
    passes: Number(rounds),
    lanes: Number(parallel),
    salt: Buffer.from(salt, 'base64'),
    hash: Buffer.from(hash, 'base64'),
  };
}

function derive(password: string, cost: Omit<Hash, 'hash'>): Promise<Buffer> {
  return hashing.run(async () => {
    const tag = await argon2Async('argon2id', {
      message: password.normalize('NFKC'),
      nonce: cost.salt,
      parallelism: cost.lanes,
      tagLength: tagBytes,
      memory: cost.memoryKiB,
      passes: cost.passes,
    });
    return Buffer.from(tag);
  });
}
