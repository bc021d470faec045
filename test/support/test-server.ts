import { chmodSync, mkdtempSync, readdirSync, rmSync, statfsSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import { type EmbeddedPostgres, startEmbeddedPostgres } from '../../src/store/embedded/start.ts';
import { migrate } from '../../src/store/migrate.ts';

export const templateName = 'carrier_template';

const directoryPrefix = 'carrier-test-';

export interface TestServer {
  readonly url: string;
  readonly postgres: EmbeddedPostgres;
  stop(): Promise<void>;
}

/** A throw-away Postgres with a migrated template database. Not durable: it never outlives the run. */
export async function startTestServer(log: (message: string) => void = () => undefined): Promise<TestServer> {
  removeAbandoned();
  const directory = mkdtempSync(join(placeForData(), `${directoryPrefix}${process.pid}-`));
  chmodSync(directory, 0o711);
  const postgres = await startEmbeddedPostgres({ directory, log, durable: false });
  const template = new URL(postgres.url);
  template.pathname = `/${templateName}`;
  await query(postgres.url, `create database ${templateName}`);
  await migrate(template.href);
  // Nobody can be in it when a test copies it.
  await query(postgres.url, `alter database ${templateName} allow_connections false`);
  return {
    url: postgres.url,
    postgres,
    stop: async () => {
      await postgres.stop();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

export async function query(url: string, statement: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}

/** Files in memory, where there is room for them: each test has a database of its own, and making and dropping its files
 *  is a third of the time of a test of the ledger on disk. */
function placeForData(): string {
  try {
    const { type, bavail, bsize } = statfsSync(memoryPlace);
    if (type === tmpfsMagic && bavail * bsize >= memoryBytesMin) return memoryPlace;
  } catch {
    // Not every machine has it.
  }
  return '/tmp';
}

const memoryPlace = '/dev/shm';
const tmpfsMagic = 0x01021994;
/** More than the long suite ever has at once. */
const memoryBytesMin = 8 * 1024 ** 3;

/** Directories of runs that were killed. */
function removeAbandoned(): void {
  for (const place of ['/tmp', memoryPlace]) {
    for (const name of namesIn(place)) {
      const processId = Number(
        name.startsWith(directoryPrefix) ? name.slice(directoryPrefix.length).split('-')[0] : NaN,
      );
      if (!Number.isInteger(processId) || isAlive(processId)) continue;
      try {
        rmSync(join(place, name), { recursive: true, force: true });
      } catch {
        // Somebody else's; their own next run removes it.
      }
    }
  }
}

function namesIn(place: string): readonly string[] {
  try {
    return readdirSync(place);
  } catch {
    return [];
  }
}

function isAlive(processId: number): boolean {
  try {
    process.kill(processId, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
