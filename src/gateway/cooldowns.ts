import type { Health } from '../routing/decision.ts';

/** Until when each deployment asked to be left alone, by handle; worker-local. decide() reads it as an observation. */
export class Cooldowns {
  readonly #health = new Map<string, { readonly coolingUntilMs: number }>();

  get health(): ReadonlyMap<string, Health> {
    return this.#health;
  }

  /** A later end wins; a shorter wait never cuts a longer one. */
  set(handle: string, untilMs: number, nowMs: number): void {
    if (untilMs <= (this.#health.get(handle)?.coolingUntilMs ?? 0)) return;
    if (this.#health.size >= sweepAtSize) this.#sweep(nowMs);
    this.#health.set(handle, { coolingUntilMs: untilMs });
  }

  #sweep(nowMs: number): void {
    for (const [handle, { coolingUntilMs }] of this.#health) {
      if (coolingUntilMs <= nowMs) this.#health.delete(handle);
    }
  }
}

/** Handles of deployments that are gone would pile up otherwise; more than that never cool down at once for long. */
const sweepAtSize = 1_024;
