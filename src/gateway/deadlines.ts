import type { Clock } from './ports.ts';

/** Something with deadlines; asked about them at every tick while it is watched. */
export interface Watched {
  checkDeadlines(nowMs: number): void;
}

/** One coarse clock for every deadline of the data plane. Phases move quickly and rarely time out, so a timer for each
 *  would cost more than looking at all open exchanges ten times a second: 10,000 of them take about a millisecond.
 *  Deadlines therefore fire up to one tick late. */
export class Deadlines {
  /** Monotonic milliseconds as of the last tick or `now()`; cheap enough to read for every chunk. */
  nowMs: number;
  readonly #clock: Clock;
  readonly #watched = new Set<Watched>();
  #timer: NodeJS.Timeout | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.nowMs = clock.monotonicMs();
  }

  /** The exact time, which also refreshes `nowMs`. */
  now(): number {
    this.nowMs = this.#clock.monotonicMs();
    return this.nowMs;
  }

  watch(watched: Watched): void {
    this.#watched.add(watched);
    if (this.#timer === undefined) {
      // After a stall of this process the timer is due before what has come meanwhile is read. Looking only once it is
      // keeps our own silence from being taken for the provider's or the client's.
      this.#timer = setInterval(() => {
        this.now();
        setImmediate(() => this.tick());
      }, tickMs);
      this.#timer.unref();
    }
  }

  unwatch(watched: Watched): void {
    this.#watched.delete(watched);
  }

  get size(): number {
    return this.#watched.size;
  }

  tick(): void {
    const nowMs = this.now();
    for (const watched of this.#watched) watched.checkDeadlines(nowMs);
    if (this.#watched.size === 0) this.close();
  }

  close(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }
}

export const tickMs = 100;
