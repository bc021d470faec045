import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';

export interface CarrierProcess {
  readonly processId: number;
  /** SIGTERM; its exit code. */
  stop(): Promise<number | null>;
  /** SIGKILL; resolves when it is gone. */
  kill(): Promise<void>;
}

export interface SpawnOptions {
  readonly entryPath: string;
  readonly words: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  readonly url: string;
  /** Receives what it writes. */
  readonly lines: string[];
}

const readyTimeoutMs = 30_000;
const readyPollMs = 20;
/** A drain is bounded by the carrier itself; this bounds the test when the drain is what is broken. */
const stopTimeoutMs = 60_000;
const linesMax = 5_000;
const linesShown = 40;

/** Everything started here and not yet gone: a test that dies must leave nothing running. */
const alive = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of alive) child.kill('SIGKILL');
});

/** Resolves when /readyz says so. Throws with what it wrote when it ends before, or does not become ready. */
export async function spawnCarrier(options: SpawnOptions): Promise<CarrierProcess> {
  const child = spawn(process.execPath, [options.entryPath, ...options.words], {
    env: { ...inherited(), ...options.environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  alive.add(child);
  const exited = new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', code => {
      alive.delete(child);
      resolve(code);
    });
  });
  collect(child.stdout!, options.lines);
  collect(child.stderr!, options.lines);

  const carrier: CarrierProcess = {
    get processId() {
      return child.pid!;
    },
    async stop() {
      child.kill('SIGTERM');
      const late = new AbortController();
      const code = await Promise.race([exited, sleep(stopTimeoutMs, 'late' as const, { signal: late.signal })]);
      if (code !== 'late') {
        late.abort();
        return code;
      }
      child.kill('SIGKILL');
      throw new Error(`the carrier did not stop within ${stopTimeoutMs} ms:\n${tail(options.lines)}`);
    },
    async kill() {
      child.kill('SIGKILL');
      await exited;
    },
  };
  try {
    await untilReady(options, exited);
  } catch (error) {
    await carrier.kill();
    throw error;
  }
  return carrier;
}

/** Paths and locale only: a provider key of whoever runs the tests must not configure the carrier. */
function inherited(): Record<string, string> {
  const names = ['PATH', 'HOME', 'TMPDIR', 'LANG', 'NODE_COMPILE_CACHE', 'NODE_V8_COVERAGE'];
  return Object.fromEntries(
    names.flatMap(name => (process.env[name] === undefined ? [] : [[name, process.env[name]]])),
  );
}

function collect(stream: Readable, lines: string[]): void {
  const echo = process.env['CARRIER_TEST_LOG'] === '1';
  createInterface({ input: stream }).on('line', line => {
    lines.push(line);
    if (lines.length > linesMax) lines.splice(0, lines.length - linesMax);
    if (echo) process.stderr.write(`${line}\n`);
  });
}

function tail(lines: readonly string[]): string {
  return lines.slice(-linesShown).join('\n');
}

async function untilReady(options: SpawnOptions, exited: Promise<number | null>): Promise<void> {
  let ended: number | null | undefined;
  exited.then(
    code => {
      ended = code;
    },
    () => {
      ended = null;
    },
  );
  const deadlineMs = performance.now() + readyTimeoutMs;
  while (performance.now() < deadlineMs) {
    if (ended !== undefined) {
      // The last lines may still be on their way through the pipe.
      await sleep(readyPollMs);
      throw new Error(`the carrier ended with ${ended} before it was ready:\n${tail(options.lines)}`);
    }
    if (await answers(`${options.url}/readyz`)) return;
    await sleep(readyPollMs);
  }
  throw new Error(`the carrier was not ready within ${readyTimeoutMs} ms:\n${tail(options.lines)}`);
}

async function answers(url: string): Promise<boolean> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(1_000) });
    await response.arrayBuffer();
    return response.status === 200;
  } catch {
    return false;
  }
}

export interface CommandResult {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

const commandTimeoutMs = 30_000;
const outputBytesMax = 16 * 1024 * 1024;

/** Runs the command line to its end. */
export async function runCommand(
  entryPath: string,
  words: readonly string[],
  environment: Readonly<Record<string, string>>,
): Promise<CommandResult> {
  const child = spawn(process.execPath, [entryPath, ...words], {
    env: { ...inherited(), ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: commandTimeoutMs,
    killSignal: 'SIGKILL',
  });
  alive.add(child);
  const output = Promise.all([readAll(child.stdout!), readAll(child.stderr!)]);
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', resolve);
  });
  alive.delete(child);
  const [stdout, stderr] = await output;
  return { code, stdout, stderr };
}

async function readAll(stream: Readable): Promise<string> {
  let text = '';
  for await (const chunk of stream.setEncoding('utf8')) {
    text += chunk;
    if (text.length > outputBytesMax) throw new Error(`a command wrote more than ${outputBytesMax} bytes`);
  }
  return text;
}
