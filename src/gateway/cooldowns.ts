/** Until when each deployment asked to be left alone, by handle; worker-local. decide() reads it as an observation. */
export class Cooldowns {
  readonly #untilMs = new Map<string, number>();

  get untilMs(): ReadonlyMap<string, number> {
    return this.#untilMs;
  }

  /** A later end wins; a shorter wait never cuts a longer one. */
  set(handle: string, untilMs: number): void {
    if (untilMs > (this.#untilMs.get(handle) ?? 0)) this.#untilMs.set(handle, untilMs);
  }

  /** Forgets what has passed; the map is as large as the number of deployments that cool down. */
  sweep(nowMs: number): void {
    for (const [handle, untilMs] of this.#untilMs) if (untilMs <= nowMs) this.#untilMs.delete(handle);
  }
}
