import { accessSync, constants, existsSync, readdirSync, readFileSync, statfsSync, statSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { secretLengthMin } from '../../config/settings.ts';
import { findHome } from '../../store/embedded/home.ts';
import { type Finding, fail, ok, warn } from './finding.ts';

const megabyte = 1_000_000;
/** Under this Postgres itself soon stops; under the other the next days are at risk. */
const spaceFailBytes = 256 * megabyte;
const spaceWarnBytes = 2000 * megabyte;
const journalWarnShare = 0.8;

export function checkDataDirectory(path: string): readonly Finding[] {
  const directory = resolve(path);
  if (!existsSync(directory)) {
    const parent = nearestExisting(directory);
    const found = `${directory} is not there yet`;
    return isWritable(parent)
      ? [ok('data directory', `${found}; the first start makes it`), checkSpace(parent)]
      : [
          fail(
            'data directory',
            `${found}, and ${parent} is not writable`,
            'Set CARRIER_DATA to a directory of yours.',
          ),
        ];
  }
  const home = findHome(directory);
  const where =
    home === undefined || home.startsWith(`${directory}/`) ? directory : `${directory}, database in ${home}`;
  const writable = isWritable(directory)
    ? ok('data directory', where)
    : fail(
        'data directory',
        `${where} is not writable`,
        'Run as its owner, or set CARRIER_DATA to a directory of yours.',
      );
  const openToOthers = (statSync(directory).mode & 0o022) !== 0;
  const guarded = openToOthers
    ? warn('data directory', `${where} is writable for others`, `Run: chmod go-w '${directory}'`)
    : writable;
  return [writable.outcome === 'ok' ? guarded : writable, checkSpace(home ?? directory)];
}

export function checkSpace(path: string): Finding {
  const { bavail, bsize } = statfsSync(path);
  const freeBytes = bavail * bsize;
  const found = `${Math.floor(freeBytes / megabyte)} MB free at ${path}`;
  if (freeBytes < spaceFailBytes)
    return fail('disk', found, 'Free disk space; requests are refused when the journal cannot grow.');
  if (freeBytes < spaceWarnBytes) return warn('disk', found, 'Free disk space soon.');
  return ok('disk', found);
}

export function checkMasterKey(fromEnvironment: string | undefined, directory: string, ownDatabase: boolean): Finding {
  const advice = 'Put back the key that the database was set up with; without it stored secrets cannot be read.';
  if (fromEnvironment !== undefined) {
    return fromEnvironment.length >= secretLengthMin
      ? ok('master key', 'from CARRIER_MASTER_KEY')
      : fail('master key', `CARRIER_MASTER_KEY has under ${secretLengthMin} characters`, advice);
  }
  if (ownDatabase) return fail('master key', 'none', 'With DATABASE_URL, set CARRIER_MASTER_KEY.');
  const path = join(resolve(directory), 'master.key');
  if (!existsSync(path)) {
    return findHome(resolve(directory)) === undefined
      ? ok('master key', 'the first start makes one')
      : fail('master key', `${path} is missing, but there is a database`, advice);
  }
  if ((statSync(path).mode & 0o077) !== 0) {
    return fail('master key', `${path} can be read by others`, `Run: chmod 600 '${path}', and consider it known.`);
  }
  try {
    const usable = readFileSync(path, 'utf8').trim().length >= secretLengthMin;
    return usable ? ok('master key', path) : fail('master key', `${path} is too short`, advice);
  } catch {
    return fail('master key', `${path} is not readable`, 'Run as its owner.');
  }
}

export function checkJournal(directory: string, bytesMax: number): Finding {
  const path = join(resolve(directory), 'journal');
  if (!existsSync(path)) return ok('journal', 'empty');
  const bytes = readdirSync(path, { recursive: true, withFileTypes: true })
    .filter(entry => entry.isFile())
    .reduce((sum, entry) => sum + sizeOf(join(entry.parentPath, entry.name)), 0);
  const found = `${Math.ceil(bytes / megabyte)} of ${Math.floor(bytesMax / megabyte)} MB`;
  const advice = 'The shipper is behind: see whether the database answers; usage waits here until it does.';
  if (bytes >= bytesMax) return fail('journal', `${found}, full`, advice);
  return bytes >= bytesMax * journalWarnShare ? warn('journal', found, advice) : ok('journal', found);
}

function sizeOf(path: string): number {
  try {
    return statSync(path).size;
  } catch {
    // Shipped and deleted since it was listed.
    return 0;
  }
}

function nearestExisting(path: string): string {
  return existsSync(path) ? path : nearestExisting(dirname(path));
}

function isWritable(path: string): boolean {
  try {
    accessSync(path, constants.W_OK | constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
