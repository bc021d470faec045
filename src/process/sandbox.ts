import { type ChildProcess, fork } from 'node:child_process';
import { rmSync } from 'node:fs';
import type { SnapshotJson } from '../snapshot/snapshot.ts';
import type { Log } from '../telemetry/log.ts';

const restartDelayMs = 200;
const readyTimeoutMs = 10_000;
const stopTimeoutMs = 1_000;

export interface SandboxOptions {
  readonly entryPath: string;
  readonly socketPath: string;
  readonly log: Log;
  readonly processes: { add(pid: number): void; remove(pid: number): void };
}

/** The emulated providers of a sandbox, in a process of their own: they are no part of the gateway, and what they cost
 *  must not be counted as its. */
export class Sandbox {
  readonly #options: SandboxOptions;
  #child: ChildProcess | undefined;
  #ready: Promise<void> | undefined;
  #stopping = false;

  constructor(options: SandboxOptions) {
    this.#options = options;
  }

  /** What `sandbox:` stands for in this replica's snapshot. */
  get baseUrl(): string {
    return `unix:${this.#options.socketPath}`;
  }

  /** Starts it when the snapshot has emulated providers that live here. Resolves when it answers. */
  async ensureFor(snapshot: SnapshotJson): Promise<void> {
    if (!snapshot.providers.some(provider => provider.sandbox && provider.baseUrl === this.baseUrl)) return;
    this.#ready ??= this.#start();
    await this.#ready;
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    const child = this.#child;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const exited = new Promise<void>(resolve => child.once('exit', () => resolve()));
    const force = setTimeout(() => child.kill('SIGKILL'), stopTimeoutMs);
    child.disconnect();
    await exited;
    clearTimeout(force);
  }

  #start(): Promise<void> {
    const { entryPath, socketPath, log, processes } = this.#options;
    rmSync(socketPath, { force: true });
    const child = fork(entryPath, ['sandbox', socketPath], {
      detached: true,
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      env: { PATH: process.env['PATH'], NODE_COMPILE_CACHE: process.env['NODE_COMPILE_CACHE'] },
    });
    this.#child = child;
    if (child.pid !== undefined) processes.add(child.pid);
    return new Promise(resolve => {
      const ready = setTimeout(() => child.kill('SIGKILL'), readyTimeoutMs);
      child.once('message', () => {
        clearTimeout(ready);
        resolve();
      });
      child.once('exit', (code, signal) => {
        clearTimeout(ready);
        if (child.pid !== undefined) processes.remove(child.pid);
        // Whoever waits goes on: requests to it fail by name until it is back.
        resolve();
        if (this.#stopping) return;
        log.warn('the sandbox ended; it is started again', { how: signal ?? String(code) });
        setTimeout(() => {
          if (!this.#stopping) this.#ready = this.#start();
        }, restartDelayMs);
      });
      child.once('error', () => resolve());
    });
  }
}
