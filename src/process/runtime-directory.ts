import { createHash } from 'node:crypto';
import { chmodSync, lstatSync, mkdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { StartFailure } from './start-failure.ts';

/** A unix socket's path has at most 107 bytes, and a data directory may lie deeper than that. */
const socketPathBytesMax = 107;
/** The longest name that is put into the directory. */
const longestSocketName = '/supervisor.sock';

/** The private directory for the sockets of this data directory: short, the same at every start, ours alone. */
export function openRuntimeDirectory(realDataPath: string): string {
  const uid = process.getuid?.() ?? 0;
  const name = createHash('sha256').update(realDataPath).digest('hex').slice(0, 16);
  const relative = join(`carrier-${uid}`, name);
  const fits = Buffer.byteLength(join(tmpdir(), relative, longestSocketName)) <= socketPathBytesMax;
  const parent = fits ? tmpdir() : '/tmp';
  openPrivateDirectory(join(parent, `carrier-${uid}`), uid);
  const directory = join(parent, relative);
  openPrivateDirectory(directory, uid);
  return directory;
}

/** The parent may be writable for everyone: whatever is there already must be a real directory of ours, closed to others. */
function openPrivateDirectory(path: string, uid: number): void {
  mkdirSync(path, { recursive: true, mode: 0o700 });
  const found = lstatSync(path);
  if (!found.isDirectory() || found.uid !== uid) {
    throw new StartFailure(
      'runtime_directory_unsafe',
      `${path} is not a directory of this user; remove it, or set TMPDIR to a directory of your own.`,
    );
  }
  if ((found.mode & 0o077) !== 0) chmodSync(path, 0o700);
}
