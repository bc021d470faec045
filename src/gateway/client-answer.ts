import type { Dispatcher } from 'undici';
import type { ClientResponse } from './client-message.ts';
import { type Deadlines, notWatched, type Watched } from './deadlines.ts';
import type { DataPlaneLimits } from './settings.ts';

/** Whoever works for a client and need not any more when it leaves. */
export interface ClientWatcher {
  clientGone(): void;
}

/** The client's side of an exchange: writes, backpressure, and noticing that nobody is there any more. */
export class ClientAnswer implements Watched {
  /** The client closed the connection, or did not read for too long, before the answer ended. */
  gone = false;
  /** Who closed the connection: the client, unless the process is leaving and could wait no longer. */
  goneBecause: 'client_aborted' | 'draining' = 'client_aborted';
  /** Called once, when `gone` becomes true. */
  onGone: (() => void) | undefined;
  /** Told once, when `gone` becomes true. The attempt itself and not a closure over it: with a closure made for each request
   *  an eighth of all that was allocated, whole exchanges, outlived the young generation (0.5 % without it,
   *  `node --trace-gc-nvp bench/walk.ts`, Node 24.21), and pauses were twenty times as long. */
  watcher: ClientWatcher | undefined;
  /** Bytes of body written so far. */
  bytes = 0;
  /** Monotonic milliseconds of the first byte of body; undefined before. */
  firstByteAtMs: number | undefined;

  watchedAt = notWatched;
  readonly response: ClientResponse;
  readonly #limits: DataPlaneLimits;
  readonly #deadlines: Deadlines;
  readonly #isCutting: () => boolean;
  /** What to pause while the client does not read. */
  #source: Dispatcher.DispatchController | undefined;
  #waitingSinceMs: number | undefined;
  #over = false;

  constructor(response: ClientResponse, limits: DataPlaneLimits, deadlines: Deadlines, isCutting: () => boolean) {
    this.response = response;
    this.#limits = limits;
    this.#deadlines = deadlines;
    this.#isCutting = isCutting;
    if (response.destroyed) this.gone = true;
    else response.on('close', () => this.#closed());
  }

  /** Does it wait for the client to read? Then silence of the provider is our doing. */
  get isWaiting(): boolean {
    return this.#waitingSinceMs !== undefined;
  }

  get headersSent(): boolean {
    return this.response.headersSent;
  }

  /** From now on backpressure stops this upstream response. */
  readFrom(source: Dispatcher.DispatchController | undefined): void {
    this.#source = source;
    if (this.#waitingSinceMs !== undefined) source?.pause();
  }

  begin(status: number, rawHeaders: string[]): void {
    if (!this.gone) this.response.writeHead(status, rawHeaders);
  }

  write(bytes: Buffer): void {
    if (this.gone || this.response.destroyed || bytes.length === 0) return;
    this.firstByteAtMs ??= this.#deadlines.now();
    this.bytes += bytes.length;
    if (this.response.write(bytes) || this.#waitingSinceMs !== undefined) return;
    if (this.response.writableLength <= this.#limits.clientBufferBytesMax) return;
    this.#source?.pause();
    this.response.once('drain', () => this.#drained());
    this.#watchReading();
  }

  /** Ends the answer. What is still buffered is given the client's stall timeout to be read. */
  end(bytes?: Buffer): void {
    this.#source = undefined;
    if (this.gone) return;
    if (bytes === undefined || bytes.length === 0) {
      this.response.end();
    } else {
      this.firstByteAtMs ??= this.#deadlines.now();
      this.bytes += bytes.length;
      this.response.end(bytes);
    }
    this.#over = true;
    if (!this.response.writableFinished && this.response.writableLength > 0) this.#watchReading();
  }

  /** Breaks the connection: the only way left to say that a whole answer is not whole. */
  cut(): void {
    this.#over = true;
    this.#source = undefined;
    this.response.destroy();
  }

  checkDeadlines(nowMs: number): void {
    if (this.#waitingSinceMs === undefined) return;
    if (nowMs - this.#waitingSinceMs >= this.#limits.clientStallTimeoutMs) this.response.destroy();
  }

  #watchReading(): void {
    this.#waitingSinceMs = this.#deadlines.now();
    this.#deadlines.watch(this);
  }

  #drained(): void {
    this.#waitingSinceMs = undefined;
    this.#deadlines.unwatch(this);
    this.#source?.resume();
  }

  #closed(): void {
    this.#waitingSinceMs = undefined;
    this.#deadlines.unwatch(this);
    if (this.#over || this.response.writableFinished) return;
    this.gone = true;
    if (this.#isCutting()) this.goneBecause = 'draining';
    this.#source = undefined;
    this.onGone?.();
    this.watcher?.clientGone();
  }
}
