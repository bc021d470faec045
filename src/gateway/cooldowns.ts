/** Until when each deployment asked to be left alone, by handle; worker-local. decide() reads it as an observation. */
export class Cooldowns {
  readonly #untilMs = new Map<string, number>();

  get untilMs(): ReadonlyMap<string, number> {
    return this.#untilMs;
  }

  /** A later end wins; a shorter wait never cuts a longer one. */
  set(handle: string, untilMs: number, nowMs: number): void {
    if (untilMs <= (this.#untilMs.get(handle) ?? 0)) return;
    if (this.#untilMs.size >= sweepAtSize) this.#sweep(nowMs);
    this.#untilMs.set(handle, untilMs);
  }

  #sweep(nowMs: number): void {
    for (const [handle, untilMs] of this.#untilMs) if (untilMs <= nowMs) this.#untilMs.delete(handle);
  }
}

/** Handles of deployments that are gone would pile up otherwise; more than that never cool down at once for long. */
const sweepAtSize = 1_024;
