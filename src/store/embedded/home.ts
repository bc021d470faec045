import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { EmbeddedPostgresError } from './failure.ts';
import { findPostmaster } from './processes.ts';
import type { ServerUser } from './server-user.ts';

/** Where the server of a data directory keeps its files when its user cannot enter the data directory itself. */
export const sharedRoot = '/var/lib/common-carrier';

/** The file in the data directory that says so. */
export const locationFile = 'location';

/** The server's own directory: `postgres/` in the data directory, or, when root's clone lies where `nobody` cannot go,
 *  a directory under /var/lib/common-carrier that the file `location` names. Created if it is not there. */
export function openHome(directory: string, user: ServerUser, log: (message: string) => void): string {
  // Others may pass through root's data directory to the server's, but not look around in it.
  mkdirSync(directory, { recursive: true, mode: user.separate ? 0o711 : 0o700 });
  const real = realpathSync(directory);
  const recorded = readLocation(real);
  if (recorded !== undefined) return openRecorded(real, recorded, user);
  const inside = join(real, 'postgres');
  if (isUsable(inside, user)) return inside;
  if (!user.separate) {
    throw new EmbeddedPostgresError('directory_unusable', `${inside} cannot be written: check its owner and mode.`);
  }
  return openOutside(real, user, log);
}

/** The home as it was last used, without creating anything; undefined before the first start. */
export function findHome(directory: string): string | undefined {
  if (!existsSync(directory)) return undefined;
  const home = readLocation(directory) ?? join(directory, 'postgres');
  return existsSync(home) ? home : undefined;
}

function readLocation(directory: string): string | undefined {
  const path = join(directory, locationFile);
  return existsSync(path) ? readFileSync(path, 'utf8').trim() : undefined;
}

function openRecorded(directory: string, home: string, user: ServerUser): string {
  const ownerPath = join(dirname(home), `${home.slice(dirname(home).length + 1)}.owner`);
  const owner = existsSync(ownerPath) ? readFileSync(ownerPath, 'utf8').trim() : directory;
  if (owner !== directory && readLocation(owner) === home) {
    throw new EmbeddedPostgresError(
      'directory_copied',
      `${directory} is a copy of ${owner} and would share its database. ` +
        `Remove ${join(directory, locationFile)} to start with an empty database, or restore a backup into it.`,
    );
  }
  if (!isUsable(home, user)) {
    throw new EmbeddedPostgresError('directory_unusable', `${home} cannot be written: check its owner and mode.`);
  }
  if (user.separate) writeFileSync(ownerPath, `${directory}\n`, { mode: 0o600 });
  return home;
}

function openOutside(directory: string, user: ServerUser, log: (message: string) => void): string {
  mkdirSync(sharedRoot, { recursive: true, mode: 0o755 });
  removeTemporary();
  const hash = createHash('sha256').update(directory).digest('hex').slice(0, 16);
  // A directory of this name without our `location` belongs to a data directory that was removed. It may hold
  // somebody's ledger, so it is left alone and named.
  let home = join(sharedRoot, hash);
  for (let count = 2; existsSync(home); count += 1) {
    log(`${home} is left over from an earlier ${directory}; remove it if it is not needed`);
    home = join(sharedRoot, `${hash}-${count}`);
  }
  if (!isUsable(home, user)) {
    throw new EmbeddedPostgresError(
      'directory_unusable',
      `Neither ${directory} nor ${home} can be used by the account that runs Postgres: set CARRIER_DATA to a directory that others may enter, or set DATABASE_URL.`,
    );
  }
  writeFileSync(`${home}.owner`, `${directory}\n`, { mode: 0o600 });
  const location = join(directory, locationFile);
  writeFileSync(`${location}.new`, `${home}\n`, { mode: 0o600 });
  renameSync(`${location}.new`, location);
  return home;
}

/** A data directory below /tmp is meant to be thrown away, so what was kept here for one that is gone is thrown away too.
 *  Any other may be on a disk that is not mounted at the moment. */
function removeTemporary(): void {
  for (const name of readdirSync(sharedRoot)) {
    if (!name.endsWith('.owner')) continue;
    const ownerPath = join(sharedRoot, name);
    const owner = readFileSync(ownerPath, 'utf8').trim();
    const home = ownerPath.slice(0, -'.owner'.length);
    if (!owner.startsWith('/tmp/') || existsSync(owner) || findPostmaster(join(home, 'cluster')) !== undefined)
      continue;
    rmSync(home, { recursive: true, force: true });
    rmSync(ownerPath, { force: true });
  }
}

/** Makes the directory if need be and asks the server's user itself whether it can write there: modes, access lists,
 *  mounts and squashed roots all have their say, which no reading of mode bits would give. */
function isUsable(home: string, user: ServerUser): boolean {
  const existed = existsSync(home);
  try {
    mkdirSync(home, { recursive: true, mode: 0o700 });
    chmodSync(home, 0o700);
    if (user.separate) chownSync(home, user.uid, user.gid);
  } catch {
    return false;
  }
  const probe = spawnSync('/bin/sh', ['-c', 'cd "$1" && : > .probe && rm .probe', 'sh', home], {
    cwd: '/',
    stdio: 'ignore',
    ...(user.separate ? { uid: user.uid, gid: user.gid } : {}),
  });
  if (probe.error !== undefined) {
    throw new EmbeddedPostgresError(
      'server_user_refused',
      'This system does not let root start a process as `nobody`: run as another user, or set DATABASE_URL.',
      { cause: probe.error },
    );
  }
  if (probe.status === 0) return true;
  if (!existed) rmdirSync(home);
  return false;
}
