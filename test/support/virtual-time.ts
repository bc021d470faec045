/** A clock and timers that move only when a test says so. */
export class VirtualTime {
  #nowMs = 0;
  #sequence = 0;
  readonly #timers = new Map<number, { readonly atMs: number; readonly run: () => void }>();

  readonly monotonicMs = (): number => this.#nowMs;

  readonly after = (ms: number, run: () => void): (() => void) => {
    const id = this.#sequence++;
    this.#timers.set(id, { atMs: this.#nowMs + ms, run });
    return () => {
      this.#timers.delete(id);
    };
  };

  /** Runs what is due within the next `ms`, in order of time, then of creation. */
  advance(ms: number): void {
    const untilMs = this.#nowMs + ms;
    for (;;) {
      const due = this.#nextDue(untilMs);
      if (due === undefined) break;
      const timer = this.#timers.get(due)!;
      this.#timers.delete(due);
      this.#nowMs = timer.atMs;
      timer.run();
    }
    this.#nowMs = untilMs;
  }

  #nextDue(untilMs: number): number | undefined {
    let next: number | undefined;
    let nextAtMs = Number.POSITIVE_INFINITY;
    for (const [id, timer] of this.#timers) {
      if (timer.atMs > untilMs || timer.atMs >= nextAtMs) continue;
      next = id;
      nextAtMs = timer.atMs;
    }
    return next;
  }
}
