import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { writeWholeFileSync } from './whole-file.ts';

/** Where the server of a data directory is reached from this machine. */
export interface ServerAddress {
  /** Of the data plane. */
  readonly url: string;
  /** Of the management API. */
  readonly adminUrl: string;
  /** Of the supervisor: an address is worth nothing once it is gone. */
  readonly processId: number;
}

const addressBytesMax = 4_096;

/** Written when requests are served, so that commands find a server whose port a flag or chance chose. */
export function writeServerAddress(dataDirectory: string, address: ServerAddress): void {
  writeWholeFileSync(addressPath(dataDirectory), `${JSON.stringify(address)}\n`);
}

export function removeServerAddress(dataDirectory: string): void {
  rmSync(addressPath(dataDirectory), { force: true });
}

/** undefined when no server of this directory runs, or none that this user may know of. */
export function readServerAddress(dataDirectory: string): ServerAddress | undefined {
  let read: unknown;
  try {
    const text = readFileSync(addressPath(dataDirectory), 'utf8');
    if (text.length > addressBytesMax) return undefined;
    read = JSON.parse(text);
  } catch {
    return undefined;
  }
  return isAddress(read) && isAlive(read.processId) ? read : undefined;
}

function addressPath(dataDirectory: string): string {
  return join(dataDirectory, 'server.json');
}

function isAddress(value: unknown): value is ServerAddress {
  if (typeof value !== 'object' || value === null) return false;
  const { url, adminUrl, processId } = value as Partial<Record<keyof ServerAddress, unknown>>;
  return isHttp(url) && isHttp(adminUrl) && Number.isSafeInteger(processId) && Number(processId) > 0;
}

function isHttp(value: unknown): value is string {
  return typeof value === 'string' && /^https?:\/\//.test(value) && URL.canParse(value);
}

function isAlive(processId: number): boolean {
  try {
    process.kill(processId, 0);
    return true;
  } catch (error) {
    // Another user's process may not be signalled, but it is there.
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
