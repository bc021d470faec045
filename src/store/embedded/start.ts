import { createHash } from 'node:crypto';
import { chmodSync, chownSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openBinaries } from './binaries.ts';
import { databaseName, openCluster, roleName } from './cluster.ts';
import { openHome } from './home.ts';
import { clearLeftovers } from './leftovers.ts';
import { readStartTime } from './processes.ts';
import { connectionUrl, removeRecord, writeRecord } from './record.ts';
import { launchServer, type ServerExit } from './server.ts';
import { chooseServerUser, type ServerUser } from './server-user.ts';

export interface EmbeddedPostgresOptions {
  /** $CARRIER_DATA. The server's files go to `postgres/` in it, or to where its file `location` says. */
  readonly directory: string;
  readonly log: (message: string) => void;
  /** False trades safety against power failure for speed; for tests only. Default true. */
  readonly durable?: boolean;
}

export interface EmbeddedPostgres {
  readonly url: string;
  readonly connection: { readonly host: string; readonly user: string; readonly database: string };
  readonly processId: number;
  /** Ends the server: fast, then immediately, then by force, each bounded. May be called twice. */
  stop(): Promise<void>;
  /** Lets this process end while the server runs; the server then ends itself. */
  unref(): void;
  /** Resolves when the server ends without being asked to; never rejects. */
  readonly crashed: Promise<ServerExit>;
}

/** A unix socket's path has at most 107 bytes; `/.s.PGSQL.5432.lock` takes 19 and the random part 20. */
const socketParentBytesMax = 64;

/** Starts our own Postgres on the files of this data directory, making them on first use. Returns when it accepts
 *  connections. Throws EmbeddedPostgresError. */
export async function startEmbeddedPostgres(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  const { directory, log, durable = true } = options;
  const user = chooseServerUser();
  const home = openHome(directory, user, log);
  const serverName = nameServer(home);
  const binaries = openBinaries(home, user, log);
  await clearLeftovers(home, join(home, 'cluster'), serverName, log);
  const cluster = openCluster(home, binaries, user, durable, log);
  const socketDirectory = makeSocketDirectory(user);
  writeRecord(home, {
    socketDirectory,
    owner: { processId: process.pid, startTime: readStartTime(process.pid) ?? '' },
  });

  const forget = () => {
    rmSync(socketDirectory, { recursive: true, force: true });
    removeRecord(home);
  };
  const server = await launchServer({ binaries, user, cluster, socketDirectory, serverName, durable, log }).catch(
    error => {
      forget();
      throw error;
    },
  );
  let stopping: Promise<void> | undefined;
  return {
    url: connectionUrl(socketDirectory),
    connection: { host: socketDirectory, user: roleName, database: databaseName },
    processId: server.processId,
    crashed: server.crashed,
    unref: server.unref,
    stop: () => (stopping ??= server.stop().then(forget)),
  };
}

/** Short enough for a process title, and different for every data directory of the machine. */
function nameServer(home: string): string {
  return `carrier-${createHash('sha256').update(home).digest('hex').slice(0, 12)}`;
}

/** A new private directory each time: nobody can have prepared it, and it is short wherever the data lies. */
function makeSocketDirectory(user: ServerUser): string {
  const parent = Buffer.byteLength(tmpdir()) <= socketParentBytesMax && !user.separate ? tmpdir() : '/tmp';
  const directory = mkdtempSync(join(parent, 'carrier-pg-'));
  chmodSync(directory, 0o700);
  if (user.separate) chownSync(directory, user.uid, user.gid);
  return directory;
}
