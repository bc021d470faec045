import { spawnSync } from 'node:child_process';
import {
  chownSync,
  closeSync,
  existsSync,
  fsyncSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import type { Binaries } from './binaries.ts';
import { serverEnvironment } from './binaries.ts';
import { EmbeddedPostgresError } from './failure.ts';
import type { ServerUser } from './server-user.ts';

/** The database role and the database that everything of ours lives in. */
export const roleName = 'carrier';
export const databaseName = 'carrier';

const initialisationTimeoutMs = 120_000;

/** The database files, made on first use. Work goes on beside and is renamed when it is whole, so that a first start
 *  that is killed half-way leaves nothing that a second one would trust. */
export function openCluster(
  home: string,
  binaries: Binaries,
  user: ServerUser,
  durable: boolean,
  log: (message: string) => void,
): string {
  const cluster = join(home, 'cluster');
  for (const name of readdirSync(home)) {
    if (name.startsWith('cluster.new')) rmSync(join(home, name), { recursive: true, force: true });
  }
  if (!existsSync(cluster)) {
    log(`initialising Postgres ${binaries.version.split('-')[0]} in ${cluster}`);
    initialise(cluster, binaries, user, durable);
  }
  writeAuthentication(cluster, user);
  return cluster;
}

function initialise(cluster: string, binaries: Binaries, user: ServerUser, durable: boolean): void {
  const unfinished = `${cluster}.new`;
  run(binaries, user, 'initdb', [
    `--pgdata=${unfinished}`,
    `--username=${roleName}`,
    '--encoding=UTF8',
    '--locale-provider=builtin',
    '--builtin-locale=C.UTF-8',
    '--locale=C',
    '--auth=reject',
    '--no-instructions',
    ...(durable ? [] : ['--no-sync']),
  ]);
  run(
    binaries,
    user,
    'postgres',
    ['--single', '-D', unfinished, ...(durable ? [] : ['-F']), 'postgres'],
    `create database ${databaseName};\n`,
  );
  renameSync(unfinished, cluster);
  if (durable) syncDirectory(join(cluster, '..'));
}

/** Only the account that started the server gets in, by peer authentication: the kernel says who connects, and no
 *  password exists that could leak. Written at every start, because that account may have changed. */
function writeAuthentication(cluster: string, user: ServerUser): void {
  const name = `"${user.clientName.replaceAll('"', '""')}"`;
  for (const [file, line] of [
    ['pg_hba.conf', `local all ${roleName} peer map=${roleName}`],
    ['pg_ident.conf', `${roleName} ${name} ${roleName}`],
  ] as const) {
    const path = join(cluster, file);
    writeFileSync(path, `${line}\n`, { mode: 0o600 });
    if (user.separate) chownSync(path, user.uid, user.gid);
  }
}

function run(
  binaries: Binaries,
  user: ServerUser,
  program: 'initdb' | 'postgres',
  args: readonly string[],
  input?: string,
): void {
  const result = spawnSync(binaries[program], args, {
    cwd: '/',
    encoding: 'utf8',
    input: input ?? '',
    env: serverEnvironment(binaries),
    timeout: initialisationTimeoutMs,
    ...(user.separate ? { uid: user.uid, gid: user.gid } : {}),
  });
  // Single-user Postgres exits 0 after a failed statement, but says so.
  const failed = result.status !== 0 || /\b(ERROR|FATAL|PANIC):/.test(result.stderr);
  if (!failed) return;
  throw new EmbeddedPostgresError(
    'initialisation_failed',
    `Postgres could not be initialised (${program}: ${(result.error?.message ?? result.stderr.trim()) || result.signal}).`,
    { cause: result.error },
  );
}

function syncDirectory(path: string): void {
  const descriptor = openSync(path, 'r');
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
