import { randomBytes } from 'node:crypto';
import { chmodSync, linkSync, mkdirSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { secretLengthMin } from '../config/settings.ts';
import { writeWholeFileSync } from './whole-file.ts';

/** Largest secret read from a file. */
const secretBytesMax = 64 * 1024;

/** The secrets of an installation. Given ones are used as they are; otherwise they are made once, in files of the data
 *  directory that only its owner may read. */
export function ensureMasterKey(dataDirectory: string, given: string | undefined): string {
  return given ?? ensureSecretFile(masterKeyPath(dataDirectory), () => randomBytes(32).toString('base64url'));
}

/** Where the master key of a running server comes from, and what becomes of it when it is replaced. */
export interface MasterKeyPlace {
  /** One or more; two where a replacement broke off: the database says which one is good. */
  readonly candidates: readonly string[];
  /** Is it kept in the data directory, so that the server can put another in its place? */
  readonly isOurs: boolean;
  /** Before anything needs the next one: it must not be lost. */
  prepare(next: string): void;
  /** This one is good. */
  settle(good: string): void;
}

/** A given one is its owner's to replace, where it was given. */
export function masterKeyPlace(dataDirectory: string, given: string | undefined): MasterKeyPlace {
  const current = ensureMasterKey(dataDirectory, given);
  if (given !== undefined) return { candidates: [current], isOurs: false, prepare: () => {}, settle: () => {} };
  const path = masterKeyPath(dataDirectory);
  const nextPath = `${path}.next`;
  const next = readSecretFile(nextPath);
  return {
    candidates: next === undefined ? [current] : [current, next],
    isOurs: true,
    prepare: key => writeWholeFileSync(nextPath, `${key}\n`),
    settle: good => {
      if (readSecretFile(nextPath) === good) renameSync(nextPath, path);
      else rmSync(nextPath, { force: true });
    },
  };
}

/** The wrapped keys that the database has, for a start without it. */
export function keyringPath(dataDirectory: string): string {
  return join(dataDirectory, 'keyring.json');
}

export function ensureAdminKey(dataDirectory: string, given: string | undefined): string {
  return given ?? ensureSecretFile(adminKeyPath(dataDirectory), () => `cca_${randomBytes(32).toString('base64url')}`);
}

export function masterKeyPath(dataDirectory: string): string {
  return join(dataDirectory, 'master.key');
}

export function adminKeyPath(dataDirectory: string): string {
  return join(dataDirectory, 'admin.key');
}

/** Where the first key of a fresh installation is written, for the printed example. */
export function sandboxKeyPath(dataDirectory: string): string {
  return join(dataDirectory, 'sandbox.key');
}

/** Writes a secret where nothing is yet. Returns what the file holds: another process may have been first. */
export function ensureSecretFile(path: string, make: () => string): string {
  const present = readSecretFile(path);
  if (present !== undefined) return present;
  mkdirSync(join(path, '..'), { recursive: true, mode: 0o700 });
  const draft = `${path}.${process.pid}.new`;
  writeWholeFileSync(draft, `${make()}\n`);
  try {
    // A link fails where a file is: two first starts cannot both believe in their own key.
    linkSync(draft, path);
  } catch (error) {
    if (!hasCode(error, 'EEXIST')) throw error;
  } finally {
    rmSync(draft, { force: true });
  }
  const written = readSecretFile(path);
  if (written === undefined) throw new Error(`${path} was removed while it was made`);
  return written;
}

/** undefined when there is no file. Throws when what is there cannot be the secret. */
export function readSecretFile(path: string): string | undefined {
  try {
    const stat = statSync(path);
    if (stat.size > secretBytesMax) throw new Error(`${path} is too large to be a secret`);
    if ((stat.mode & 0o077) !== 0) chmodSync(path, 0o600);
    const secret = readFileSync(path, 'utf8').trim();
    if (secret.length < secretLengthMin) throw new Error(`${path} holds fewer than ${secretLengthMin} characters`);
    return secret;
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return undefined;
    throw error;
  }
}

function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}
