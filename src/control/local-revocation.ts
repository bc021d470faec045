import { mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { Fault } from '../completion/fault.ts';
import type { Control } from './control.ts';
import { writeWholeFileSync } from './whole-file.ts';

/** A key that leaked while the database is down must stop working now. The command line leaves a file in the data
 *  directory; the supervisor compiles it into the snapshot at once and tells the database when it is back. */
export function revocationDirectory(dataDirectory: string): string {
  return join(dataDirectory, 'revoked');
}

const keyIdPattern = /^[0-9A-Za-z]{8}$/;

export function revokeLocally(dataDirectory: string, keyId: string): void {
  if (!keyIdPattern.test(keyId)) {
    throw new Fault('configuration_invalid', 'A local revocation names the 8 characters of the key, cck_<these>_….');
  }
  const directory = revocationDirectory(dataDirectory);
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  writeWholeFileSync(join(directory, keyId), '');
}

export function readLocalRevocations(dataDirectory: string): ReadonlySet<string> {
  try {
    return new Set(readdirSync(revocationDirectory(dataDirectory)).filter(name => keyIdPattern.test(name)));
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return new Set();
    throw error;
  }
}

/** Writes local revocations to the database, then forgets them. A key that the database does not know is gone already. */
export async function storeLocalRevocations(dataDirectory: string, control: Control): Promise<void> {
  for (const keyId of readLocalRevocations(dataDirectory)) {
    try {
      await control.revokeKey(keyId, { actor: 'system:local-revocation' });
    } catch (error) {
      if (!(error instanceof Fault) || error.code !== 'resource_not_found') throw error;
    }
    rmSync(join(revocationDirectory(dataDirectory), keyId), { force: true });
  }
}
