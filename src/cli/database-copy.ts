import { existsSync } from 'node:fs';
import pg from 'pg';
import { masterKeyFingerprint } from '../control/seal.ts';
import { masterKeyPath, readSecretFile } from '../control/secret-files.ts';
import { type BackupProgress, BackupRefusal, type BackupResult, backup, restore } from '../store/backup.ts';
import { connectionString } from '../store/connect.ts';
import { EmbeddedPostgresError } from '../store/embedded/failure.ts';
import { findHome } from '../store/embedded/home.ts';
import { connectionUrl, ownerLives, readRecord } from '../store/embedded/record.ts';
import { startEmbeddedPostgres } from '../store/embedded/start.ts';
import { migrate, SchemaRefusal } from '../store/migrate.ts';
import { CommandFailure, exitCodes } from './outcome.ts';
import { dataDirectory } from './server.ts';
import type { Surroundings } from './surroundings.ts';

/** `backup` and `restore` go to the database itself: they must work when no server does. */
export function backUp(surroundings: Surroundings, path: string): Promise<BackupResult> {
  return withDatabase(surroundings, 'shared', url =>
    backup({ url, path, ...fingerprint(surroundings), onProgress: showProgress(surroundings) }),
  );
}

export function restoreFrom(
  surroundings: Surroundings,
  path: string,
  force: boolean,
): Promise<{ readonly rows: number }> {
  return withDatabase(surroundings, 'alone', async url => {
    await migrate(url);
    return restore({ url, path, force, ...fingerprint(surroundings), onProgress: showProgress(surroundings) });
  });
}

/** DATABASE_URL, or the embedded database: the one that runs, else one started for this command. `alone` refuses while a
 *  server uses it. */
async function withDatabase<Result>(
  surroundings: Surroundings,
  access: 'shared' | 'alone',
  use: (url: string) => Promise<Result>,
): Promise<Result> {
  const given = surroundings.environment['DATABASE_URL'];
  try {
    if (!given) return await withEmbedded(surroundings, access, use);
    if (access === 'alone') await refuseServersOf(given);
    return await use(given);
  } catch (error) {
    throw toFailure(error);
  }
}

async function withEmbedded<Result>(
  surroundings: Surroundings,
  access: 'shared' | 'alone',
  use: (url: string) => Promise<Result>,
): Promise<Result> {
  const directory = dataDirectory(surroundings.environment);
  if (access === 'shared' && !existsSync(directory)) {
    throw refused(
      'data_directory_missing',
      `There is no data directory ${directory}; set CARRIER_DATA or DATABASE_URL.`,
    );
  }
  const home = existsSync(directory) ? findHome(directory) : undefined;
  const record = home === undefined ? undefined : readRecord(home);
  if (record !== undefined && ownerLives(record)) {
    if (access === 'alone') throw serverRuns();
    return use(connectionUrl(record.socketDirectory));
  }
  const postgres = await startEmbeddedPostgres({ directory, log: () => {} });
  try {
    return await use(postgres.url);
  } finally {
    await postgres.stop();
  }
}

/** Servers name their connections; other people's connections to the database are their own affair. */
async function refuseServersOf(url: string): Promise<void> {
  const client = new pg.Client({
    connectionString: connectionString(url, process.env['PGSSLROOTCERT']),
    application_name: 'restore',
  });
  await client.connect();
  try {
    const { rows } = await client.query(
      `select 1 from pg_stat_activity
       where datname = current_database() and pid <> pg_backend_pid()
         and (application_name like 'carrier%' or application_name like 'common-carrier%')
       limit 1`,
    );
    if (rows.length > 0) throw serverRuns();
  } finally {
    await client.end();
  }
}

function serverRuns(): CommandFailure {
  return refused('server_running', 'A server uses this database. Stop every server, then restore.');
}

function fingerprint({ environment }: Surroundings): { readonly masterKeyFingerprint?: string } {
  const masterKey = environment['CARRIER_MASTER_KEY'] || readSecretFile(masterKeyPath(dataDirectory(environment)));
  return masterKey ? { masterKeyFingerprint: masterKeyFingerprint(masterKey) } : {};
}

function showProgress({ err }: Surroundings): (progress: BackupProgress) => void {
  let last = '';
  return ({ table, position, tables, rows }) => {
    // A terminal shows each step in place; a log file gets a line for each table.
    if (err.isTerminal)
      err.write(`\r\x1b[2K${position}/${tables} ${table}: ${rows} rows${position === tables ? '\n' : ''}`);
    else if (table !== last) err.write(`${position}/${tables} ${table}\n`);
    last = table;
  };
}

const unreachableCodes = new Set(['ECONNREFUSED', 'ENOENT', 'ENOTFOUND', 'EHOSTUNREACH', 'ETIMEDOUT']);

function toFailure(error: unknown): unknown {
  if (error instanceof BackupRefusal || error instanceof SchemaRefusal || error instanceof EmbeddedPostgresError) {
    return refused(String(error.code), error.message, error);
  }
  if (!(error instanceof Error)) return error;
  if (error.name === 'ArchiveDamaged') return refused('backup_unreadable', error.message, error);
  const code = 'code' in error ? String(error.code) : '';
  if ('syscall' in error && error.syscall === 'connect' && unreachableCodes.has(code)) {
    return new CommandFailure(
      exitCodes.unreachable,
      'database_unreachable',
      `The database does not answer (${code}).`,
      { cause: error },
    );
  }
  return error;
}

function refused(code: string, message: string, cause?: unknown): CommandFailure {
  return new CommandFailure(exitCodes.refused, code, message, cause === undefined ? {} : { cause });
}
