import type { Clock } from './ports.ts';

/** Something with deadlines; asked about them at every tick while it is watched. */
export interface Watched {
  checkDeadlines(nowMs: number): void;
  /** Written by Deadlines alone: its place among the watched, `notWatched` at first. */
  watchedAt: number;
}

export const notWatched = -1;

/** One coarse clock for every deadline of the data plane. Phases move quickly and rarely time out, so a timer for each
 *  would cost more than looking at all open exchanges ten times a second: 10,000 of them take about a millisecond.
 *  Deadlines therefore fire up to one tick late. */
export class Deadlines {
  /** Monotonic milliseconds as of the last tick or `now()`; cheap enough to read for every chunk. */
  nowMs: number;
  readonly #clock: Clock;
  /** A Set would do, but one that comes and goes with every request leaves its outgrown tables in the old generation,
   *  where they keep whole exchanges from the young collector: a quarter of all that was allocated, and with it most of
   *  the collector's work. */
  readonly #watched: Watched[] = [];
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
    if (watched.watchedAt !== notWatched) return;
    watched.watchedAt = this.#watched.push(watched) - 1;
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
    const at = watched.watchedAt;
    if (at === notWatched) return;
    watched.watchedAt = notWatched;
    const last = this.#watched.pop()!;
    if (last === watched) return;
    this.#watched[at] = last;
    last.watchedAt = at;
  }

  get size(): number {
    return this.#watched.length;
  }

  tick(): void {
    const nowMs = this.now();
    // From the end, since whoever is over leaves, and the last one takes its place.
    for (let at = this.#watched.length - 1; at >= 0; at--) this.#watched[at]?.checkDeadlines(nowMs);
    if (this.#watched.length === 0) this.close();
  }

  close(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }
}

export const tickMs = 100;
