import { rmSync } from 'node:fs';
import { createConnection, createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { StartFailure } from './start-failure.ts';

/** How long a listening supervisor may take to say who it is. */
const introductionTimeoutMs = 1_000;
/** An introduction is one short JSON line. */
const introductionBytesMax = 1_024;

export interface DataLock {
  release(): Promise<void>;
}

export interface SupervisorIntroduction {
  readonly pid: number;
  readonly startedAt: string;
}

/** Makes this process the only supervisor of the data directory, by a listening socket that dies with it. The abstract
 *  socket decides between two that start at once; the one in the file system is seen across network namespaces, and says
 *  who holds the lock. Throws StartFailure('already_running'). */
export async function lockDataDirectory(
  runtimeDirectory: string,
  dataPath: string,
  introduction: SupervisorIntroduction,
): Promise<DataLock> {
  const path = join(runtimeDirectory, 'supervisor.sock');
  const abstract = await listen(`\0${path}`, introduction);
  if (abstract === undefined) throw alreadyRunning(dataPath, await askSupervisor(path));
  const holder = await askSupervisor(path);
  if (holder !== undefined) {
    await close(abstract);
    throw alreadyRunning(dataPath, holder);
  }
  rmSync(path, { force: true });
  const named = await listen(path, introduction);
  if (named === undefined) {
    await close(abstract);
    throw alreadyRunning(dataPath, await askSupervisor(path));
  }
  return {
    release: async () => {
      await close(named);
      await close(abstract);
    },
  };
}

/** Who listens at the socket; undefined when nobody does. */
export function askSupervisor(path: string): Promise<SupervisorIntroduction | undefined> {
  return new Promise(resolve => {
    let text = '';
    const socket = createConnection(path);
    const finish = (introduction: SupervisorIntroduction | undefined) => {
      clearTimeout(timer);
      socket.destroy();
      resolve(introduction);
    };
    // Something listens but does not answer: it may be a supervisor that is stopped or busy, so it counts as one.
    const timer = setTimeout(() => finish({ pid: 0, startedAt: '' }), introductionTimeoutMs);
    socket.on('data', chunk => {
      text += chunk.toString('utf8');
      if (text.length > introductionBytesMax) finish({ pid: 0, startedAt: '' });
      if (text.endsWith('\n')) finish(readIntroduction(text));
    });
    socket.on('end', () => finish(readIntroduction(text)));
    socket.on('error', () => finish(undefined));
  });
}

function readIntroduction(text: string): SupervisorIntroduction {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null && 'pid' in value && 'startedAt' in value) {
      return { pid: Number(value.pid), startedAt: String(value.startedAt) };
    }
  } catch {
    // Somebody else's words: whoever it is, the socket is taken.
  }
  return { pid: 0, startedAt: '' };
}

function listen(path: string, introduction: SupervisorIntroduction): Promise<Server | undefined> {
  return new Promise((resolve, reject) => {
    const server = createServer(socket => {
      socket.on('error', () => socket.destroy());
      socket.end(`${JSON.stringify(introduction)}\n`);
    });
    server.on('error', error => {
      if ((error as NodeJS.ErrnoException).code === 'EADDRINUSE') resolve(undefined);
      else reject(error);
    });
    server.listen(path, () => {
      server.unref();
      resolve(server);
    });
  });
}

function close(server: Server): Promise<void> {
  return new Promise(resolve => server.close(() => resolve()));
}

function alreadyRunning(dataPath: string, holder: SupervisorIntroduction | undefined): StartFailure {
  const who = holder === undefined || holder.pid === 0 ? 'another process' : `process ${holder.pid}`;
  return new StartFailure(
    'already_running',
    `${dataPath} is in use by ${who}; stop it first, or set CARRIER_DATA to another directory.`,
  );
}
