import { existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { databaseName, roleName } from './cluster.ts';
import { readStartTime } from './processes.ts';

/** What a start leaves in the home for the next start, and for `carrier doctor`. */
export interface ServerRecord {
  readonly socketDirectory: string;
  /** The process that started the server and is responsible for it. */
  readonly owner: { readonly processId: number; readonly startTime: string };
}

const recordFile = 'server.json';

export function readRecord(home: string): ServerRecord | undefined {
  const path = join(home, recordFile);
  if (!existsSync(path)) return undefined;
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as ServerRecord;
  } catch {
    // Only a crash of the machine while it was written leaves it unreadable; then the server is gone too.
    return undefined;
  }
}

export function writeRecord(home: string, record: ServerRecord): void {
  const path = join(home, recordFile);
  writeFileSync(`${path}.new`, JSON.stringify(record), { mode: 0o600 });
  renameSync(`${path}.new`, path);
}

export function removeRecord(home: string): void {
  rmSync(join(home, recordFile), { force: true });
}

/** Is the process that started the server still there? */
export function ownerLives(record: ServerRecord): boolean {
  return readStartTime(record.owner.processId) === record.owner.startTime;
}

/** How `pg` and libpq reach the server. The path is spelled as a host, as both expect; no password is in it. */
export function connectionUrl(socketDirectory: string, database = databaseName): string {
  return `postgresql://${roleName}@${encodeURIComponent(socketDirectory)}/${database}?sslmode=disable`;
}
