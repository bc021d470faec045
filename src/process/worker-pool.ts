import { type ChildProcess, fork } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Log } from '../telemetry/log.ts';
import type { ReplicaMetrics } from '../telemetry/replica-metrics.ts';
import type { MetricJson } from '../telemetry/tally.ts';
import type { ToSupervisor, ToWorker, WorkerSettings } from './messages.ts';
import { StartFailure } from './start-failure.ts';

/** A worker that dies again and again is restarted more and more slowly. */
const restartDelayMinMs = 50;
const restartDelayMaxMs = 10_000;
/** A worker that lived so long died of something new. */
const settledAfterMs = 10_000;
/** So many workers in a row that end before they serve, without saying why, are no accident. */
const startFailuresMax = 5;
/** A worker that does not say that it is ready by then is ended and started again. */
const readyTimeoutMs = 20_000;
/** A scrape does not wait longer for a worker that is busy; its last counts are shown instead. */
const metricsTimeoutMs = 500;

/** After its drain time a worker still has to journal the ends of what it cut. */
const drainGraceMs = 3_000;
/** Bodies lie outside the heap. Without this V8 collects the whole heap for every few tens of megabytes of them, however
 *  small the heap is. An unknown flag would keep workers from starting, so it goes only to the major it was tried with. */
const workerFlags = process.versions.node.startsWith('24.') ? ['--external-memory-accounted-in-global-limit'] : [];

/** What a worker inherits from the environment: what Node and TLS need, and no secret. */
const inheritedVariables = [
  'PATH',
  'HOME',
  'TZ',
  'LANG',
  'LC_ALL',
  'TMPDIR',
  'NODE_COMPILE_CACHE',
  'NODE_EXTRA_CA_CERTS',
  'NODE_OPTIONS',
  'SSL_CERT_FILE',
  'SSL_CERT_DIR',
];

export interface WorkerPoolOptions {
  readonly count: number;
  /** The program; it is started with `worker <number>`. */
  readonly entryPath: string;
  readonly settings: (worker: number) => WorkerSettings;
  readonly log: Log;
  readonly metrics: ReplicaMetrics;
  /** Recorded before the worker gets any work, forgotten when it is reaped. */
  readonly processes: { add(pid: number): void; remove(pid: number): void };
  readonly onMessage: (worker: number, message: ToSupervisor) => void;
  /** The worker is dead and reaped; nothing of it follows. Its number is never used again. */
  readonly onReaped: (worker: number) => void;
}

interface Worker {
  readonly number: number;
  readonly child: ChildProcess;
  readonly startedAtMs: number;
  readonly exited: Promise<void>;
  ready: boolean;
  appliedSnapshot: string | undefined;
  lastMetrics: readonly MetricJson[];
  readonly metricsWaiters: Map<number, (metrics: readonly MetricJson[]) => void>;
}

/** Keeps N workers running: starts them, restarts the dead, drains them at the end. */
export class WorkerPool {
  readonly #options: WorkerPoolOptions;
  readonly #workers = new Map<number, Worker>();
  readonly #changed = new Set<() => void>();
  #lastNumber = 0;
  #requests = 0;
  #failuresInRow = 0;
  #unservedInRow = 0;
  #restarts = 0;
  #stopping = false;
  #fatal: string | undefined;

  constructor(options: WorkerPoolOptions) {
    this.#options = options;
  }

  start(): void {
    for (let slot = 0; slot < this.#options.count; slot += 1) this.#fork();
  }

  /** Resolves when every slot has a worker that serves. Throws StartFailure when workers cannot start at all: one says
   *  why, or several in a row end by themselves without a word. Those that were killed are replaced, as later. */
  async ready(): Promise<void> {
    for (;;) {
      if (this.readyCount >= this.#options.count || this.#stopping) return;
      if (this.#fatal !== undefined && this.readyCount === 0) throw new StartFailure('worker_failed', this.#fatal);
      await this.#change();
    }
  }

  /** Resolves when every live worker serves with this snapshot, or when the wait is over. */
  async applied(hash: string, waitMs: number): Promise<boolean> {
    const deadlineMs = performance.now() + waitMs;
    for (;;) {
      const behind = [...this.#workers.values()].some(worker => worker.ready && worker.appliedSnapshot !== hash);
      if (!behind) return true;
      const remainingMs = deadlineMs - performance.now();
      if (remainingMs <= 0) return false;
      await Promise.race([this.#change(), sleep(remainingMs, undefined, { ref: false })]);
    }
  }

  get readyCount(): number {
    let count = 0;
    for (const worker of this.#workers.values()) if (worker.ready) count += 1;
    return count;
  }

  get restarts(): number {
    return this.#restarts;
  }

  /** Numbers of the live workers. */
  get numbers(): readonly number[] {
    return [...this.#workers.keys()];
  }

  send(worker: number, message: ToWorker): void {
    const known = this.#workers.get(worker);
    if (known?.child.connected) known.child.send(message, () => {});
  }

  broadcast(message: ToWorker): void {
    for (const worker of this.#workers.keys()) this.send(worker, message);
  }

  /** The counts of every live worker; the last ones known of a worker that does not answer in time. */
  collectMetrics(): Promise<(readonly MetricJson[])[]> {
    return Promise.all([...this.#workers.values()].map(worker => this.#metricsOf(worker)));
  }

  /** Lets every worker finish what it has begun and cut what takes longer; ends those that do not obey. Called again,
   *  it shortens the time. */
  async drain(withinMs: number): Promise<void> {
    this.#stopping = true;
    this.#notify();
    this.broadcast({ type: 'drain', withinMs });
    const workers = [...this.#workers.values()];
    const ending = setTimeout(() => {
      for (const worker of workers) {
        if (!this.#workers.has(worker.number)) continue;
        this.#options.log.warn('worker ended by force: it did not drain in time', { worker: worker.number });
        worker.child.kill('SIGKILL');
      }
    }, withinMs + drainGraceMs);
    await Promise.all(workers.map(worker => worker.exited));
    clearTimeout(ending);
  }

  #fork(): void {
    const { entryPath, settings, processes } = this.#options;
    this.#lastNumber += 1;
    const number = this.#lastNumber;
    // A process group of its own: Ctrl-C in the terminal is the supervisor's to handle.
    const child = fork(entryPath, ['worker', String(number)], {
      detached: true,
      execArgv: [...process.execArgv, ...workerFlags],
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      env: inheritedEnvironment(),
    });
    const exited = new Promise<void>(resolve => {
      child.once('exit', (code, signal) => {
        this.#reaped(number, signal ?? String(code));
        resolve();
      });
      child.on('error', error => {
        if (child.pid !== undefined) return;
        this.#fatal = `worker ${number} cannot be started: ${error.message}`;
        this.#reaped(number, 'not started');
        resolve();
      });
    });
    const worker: Worker = {
      number,
      child,
      startedAtMs: performance.now(),
      exited,
      ready: false,
      appliedSnapshot: undefined,
      lastMetrics: [],
      metricsWaiters: new Map(),
    };
    this.#workers.set(number, worker);
    if (child.pid === undefined) return;
    processes.add(child.pid);
    child.on('message', message => {
      // The cast is true: both sides are of the same release and the channel is theirs alone.
      if (this.#workers.get(number) === worker) this.#received(worker, message as ToSupervisor);
    });
    setTimeout(() => {
      if (!worker.ready && this.#workers.has(number)) child.kill('SIGKILL');
    }, readyTimeoutMs).unref();
    child.send({ type: 'start', settings: settings(number) } satisfies ToWorker, () => {});
  }

  #received(worker: Worker, message: ToSupervisor): void {
    switch (message.type) {
      case 'ready':
        worker.ready = true;
        this.#failuresInRow = 0;
        this.#unservedInRow = 0;
        this.#fatal = undefined;
        this.#notify();
        break;
      case 'snapshot-applied':
        worker.appliedSnapshot = message.hash;
        this.#notify();
        break;
      case 'metrics':
        // The cast is true: the worker sends what its metrics' json() made.
        worker.lastMetrics = message.metrics as readonly MetricJson[];
        worker.metricsWaiters.get(message.request)?.(worker.lastMetrics);
        break;
      case 'fatal':
        this.#fatal = message.message;
        this.#options.log.error('worker cannot serve', { worker: worker.number, reason: message.message });
        break;
      default:
    }
    this.#options.onMessage(worker.number, message);
  }

  #reaped(number: number, how: string): void {
    const worker = this.#workers.get(number);
    if (worker === undefined) return;
    this.#workers.delete(number);
    if (worker.child.pid !== undefined) this.#options.processes.remove(worker.child.pid);
    for (const answer of worker.metricsWaiters.values()) answer([]);
    this.#options.metrics.retire(worker.lastMetrics);
    this.#options.onReaped(number);
    this.#notify();
    if (this.#stopping) return;
    this.#restarts += 1;
    if (performance.now() - worker.startedAtMs > settledAfterMs) this.#failuresInRow = 0;
    const delayMs = Math.min(restartDelayMaxMs, restartDelayMinMs * 2 ** this.#failuresInRow);
    this.#failuresInRow = Math.min(this.#failuresInRow + 1, 16);
    // One that was killed from outside (by a person, or for want of memory) could have started.
    if (!worker.ready && how !== 'SIGKILL') this.#unservedInRow += 1;
    if (this.#unservedInRow >= startFailuresMax) this.#fatal ??= `worker ${number} ended before it served (${how})`;
    this.#options.log.warn('worker ended; another is started', { worker: number, how, delayMs });
    setTimeout(() => {
      if (!this.#stopping) this.#fork();
    }, delayMs).unref();
  }

  #metricsOf(worker: Worker): Promise<readonly MetricJson[]> {
    this.#requests += 1;
    const request = this.#requests;
    return new Promise(resolve => {
      const timer = setTimeout(() => answer(worker.lastMetrics), metricsTimeoutMs);
      const answer = (metrics: readonly MetricJson[]) => {
        clearTimeout(timer);
        worker.metricsWaiters.delete(request);
        resolve(metrics);
      };
      worker.metricsWaiters.set(request, answer);
      this.send(worker.number, { type: 'metrics-request', request });
    });
  }

  #change(): Promise<void> {
    return new Promise(resolve => this.#changed.add(resolve));
  }

  #notify(): void {
    for (const resolve of this.#changed) resolve();
    this.#changed.clear();
  }
}

function inheritedEnvironment(): NodeJS.ProcessEnv {
  const inherited: NodeJS.ProcessEnv = {};
  for (const name of inheritedVariables) if (process.env[name] !== undefined) inherited[name] = process.env[name];
  return inherited;
}
