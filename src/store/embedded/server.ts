import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import { join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { setTimeout as wait } from 'node:timers/promises';
import { type Binaries, serverEnvironment } from './binaries.ts';
import { EmbeddedPostgresError } from './failure.ts';
import type { ServerUser } from './server-user.ts';

export interface ServerExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface Server {
  readonly processId: number;
  readonly crashed: Promise<ServerExit>;
  stop(): Promise<void>;
  unref(): void;
}

export interface ServerOptions {
  readonly binaries: Binaries;
  readonly user: ServerUser;
  readonly cluster: string;
  readonly socketDirectory: string;
  readonly serverName: string;
  readonly durable: boolean;
  readonly log: (message: string) => void;
}

/** Recovery of a gigabyte of write-ahead log on a slow disk still ends well within it. */
const startTimeoutMs = 120_000;
const readyPollMs = 5;
const progressEveryMs = 5000;

/** Fast shutdown writes a checkpoint; immediate shutdown and a kill leave it to the next start's recovery. */
const stopEscalation = [
  { signal: 'SIGINT', waitMs: 10_000 },
  { signal: 'SIGQUIT', waitMs: 3000 },
  { signal: 'SIGKILL', waitMs: 2000 },
] as const;

/** Lines of the server's own log kept for the message of a failed start. */
const logLinesKept = 20;
const logLineBytesMax = 4096;

/** Sizes for a small node that shares its machine with the gateway; who needs more brings a DATABASE_URL. */
const settings: Readonly<Record<string, string>> = {
  listen_addresses: '',
  unix_socket_permissions: '0700',
  max_connections: '60',
  shared_buffers: '128MB',
  max_wal_size: '1GB',
  // Parallel queries need room in /dev/shm, of which containers have 64 MB.
  max_parallel_workers_per_gather: '0',
  max_parallel_maintenance_workers: '0',
  jit: 'off',
  timezone: 'UTC',
  log_timezone: 'UTC',
  log_line_prefix: '',
  log_checkpoints: 'off',
  // A statement in the log would carry its values.
  log_min_error_statement: 'panic',
  log_parameter_max_length: '0',
};

/** Ends the server when the process that started it is gone: its end of descriptor 3 closes, whatever killed it. An
 *  orderly stop writes a line first. Forked twice, so that the server gets no child that it does not know. */
const watchScript = '( ( exec >/dev/null 2>&1; read -r _ <&3 || kill -INT $$ ) & ) ; exec 3<&- ; exec "$@"';

export async function launchServer(options: ServerOptions): Promise<Server> {
  const { binaries, user, cluster, socketDirectory, serverName, durable, log } = options;
  const all = {
    ...settings,
    unix_socket_directories: `"${socketDirectory}"`,
    cluster_name: serverName,
    // One server that is thrown away serves the tests of many carriers at once.
    ...(durable ? {} : { fsync: 'off', full_page_writes: 'off', max_connections: '300' }),
  };
  const flags = Object.entries(all).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  const child = spawn('/bin/sh', ['-c', watchScript, 'sh', binaries.postgres, '-D', cluster, '-p', '5432', ...flags], {
    cwd: '/',
    // Its own session: Ctrl-C in the terminal is for the supervisor, which ends the server last.
    detached: true,
    stdio: ['ignore', 'ignore', 'pipe', 'pipe'],
    env: serverEnvironment(binaries),
    ...(user.separate ? { uid: user.uid, gid: user.gid } : {}),
  });
  const lastLines = followLog(child.stderr as Readable, log);
  const leash = child.stdio[3] as Writable;
  leash.on('error', () => undefined);

  let asked = false;
  const ended = new Promise<ServerExit>(resolve => {
    child.once('exit', (code, signal) => resolve({ code, signal }));
    child.once('error', () => resolve({ code: null, signal: null }));
  });
  void ended.then(() => leash.end('\n'));
  const crashed = new Promise<ServerExit>(resolve => {
    void ended.then(exit => {
      if (!asked) resolve(exit);
    });
  });
  const stop = async () => {
    asked = true;
    await stopServer(child, ended, log);
  };
  try {
    await becomeReady(child, ended, cluster, lastLines, log);
  } catch (error) {
    await stop();
    throw error;
  }
  const unref = () => {
    child.unref();
    // Both are sockets, whatever their declared type, since they are pipes to a child.
    for (const stream of [child.stderr, leash] as unknown as Socket[]) stream.unref();
  };
  return { processId: child.pid!, crashed, stop, unref };
}

/** The lock file's eighth line says `ready` once connections are accepted, and its first whose file it is. */
async function becomeReady(
  child: ChildProcess,
  ended: Promise<ServerExit>,
  cluster: string,
  lastLines: readonly string[],
  log: (message: string) => void,
): Promise<void> {
  let exit: ServerExit | undefined;
  void ended.then(value => {
    exit = value;
  });
  const path = join(cluster, 'postmaster.pid');
  const startedAtMs = performance.now();
  let progressAtMs = startedAtMs + progressEveryMs;
  for (;;) {
    await wait(readyPollMs);
    if (exit !== undefined) {
      throw new EmbeddedPostgresError('start_failed', `Postgres ended while starting: ${lastLines.join(' | ')}`);
    }
    const lines = existsSync(path) ? readFileSync(path, 'utf8').split('\n') : [];
    if (lines[0] === String(child.pid) && lines[7]?.trim() === 'ready') return;
    const nowMs = performance.now();
    if (nowMs - startedAtMs > startTimeoutMs) {
      throw new EmbeddedPostgresError(
        'start_timeout',
        `Postgres was not ready within ${startTimeoutMs / 1000} s: ${lastLines.join(' | ')}`,
      );
    }
    if (nowMs < progressAtMs) continue;
    log(`waiting for Postgres: ${lastLines.at(-1) ?? 'starting'}`);
    progressAtMs += progressEveryMs;
  }
}

async function stopServer(
  child: ChildProcess,
  ended: Promise<ServerExit>,
  log: (message: string) => void,
): Promise<void> {
  for (const { signal, waitMs } of stopEscalation) {
    if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return;
    if (signal !== 'SIGINT') log(`Postgres is slow to stop; sending ${signal}`);
    child.kill(signal);
    const timer = new AbortController();
    const late = wait(waitMs, 'late' as const, { signal: timer.signal }).catch(() => 'late' as const);
    const first = await Promise.race([ended, late]);
    timer.abort();
    if (first !== 'late') return;
  }
  throw new EmbeddedPostgresError('leftover_unstoppable', `Postgres process ${child.pid} does not end.`);
}

function followLog(stream: Readable, log: (message: string) => void): readonly string[] {
  const kept: string[] = [];
  let rest = '';
  stream.setEncoding('utf8');
  stream.on('data', (chunk: string) => {
    const lines = (rest + chunk).split('\n');
    rest = (lines.pop() ?? '').slice(0, logLineBytesMax);
    for (const line of lines) {
      if (line.trim() === '') continue;
      kept.push(line);
      if (kept.length > logLinesKept) kept.shift();
      if (/^(WARNING|ERROR|FATAL|PANIC):/.test(line)) log(`postgres: ${line.slice(0, logLineBytesMax)}`);
    }
  });
  return kept;
}
