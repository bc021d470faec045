/** How many attempts beyond the first a pool of requests may cause. Deposits decay: what was not used is not saved up. */
export interface RetryBudgetSettings {
  readonly windowMs: number;
  /** Further attempts for each hundred requests. */
  readonly percent: number;
  /** Further attempts a second that are always allowed, so that a quiet route can fail over at all. */
  readonly perSecondMin: number;
}

export const retryBudgetDefaults: RetryBudgetSettings = { windowMs: 10_000, percent: 20, perSecondMin: 10 };

/** A leaky count of requests and of further attempts over a window, in tenths of it. */
export class RetryBudget {
  readonly #settings: RetryBudgetSettings;
  readonly #requests: SlidingCount;
  readonly #further: SlidingCount;

  constructor(settings: RetryBudgetSettings = retryBudgetDefaults) {
    this.#settings = settings;
    this.#requests = new SlidingCount(settings.windowMs);
    this.#further = new SlidingCount(settings.windowMs);
  }

  requested(atMs: number): void {
    this.#requests.add(atMs, 1);
  }

  /** May one more attempt be made now? Counts it when it may. */
  take(atMs: number): boolean {
    const { windowMs, percent, perSecondMin } = this.#settings;
    const allowed = (perSecondMin * windowMs) / 1_000 + (this.#requests.total(atMs) * percent) / 100;
    if (this.#further.total(atMs) + 1 > allowed) return false;
    this.#further.add(atMs, 1);
    return true;
  }
}

/** How much of a deployment's room the failure of others may take, so that one outage does not become two. */
export class InflowBudget {
  readonly #windowMs: number;
  readonly #percent: number;
  readonly #inflow: SlidingCount;
  readonly #own: SlidingCount;

  constructor(windowMs = 10_000, percent = 30) {
    this.#windowMs = windowMs;
    this.#percent = percent;
    this.#inflow = new SlidingCount(windowMs);
    this.#own = new SlidingCount(windowMs);
  }

  /** An attempt that came here first, by its own draw. */
  ownAttempt(atMs: number): void {
    this.#own.add(atMs, 1);
  }

  /** May an attempt come here after another deployment failed? `concurrencyMax`: attempts at once that it takes;
   *  undefined is unbounded, and then nothing is refused. */
  take(atMs: number, concurrencyMax: number | undefined): boolean {
    if (concurrencyMax !== undefined) {
      // Room over the window is what it has served of its own, and never less than its width.
      const room = Math.max(concurrencyMax, this.#own.total(atMs));
      const allowed = Math.max(1, Math.floor((room * this.#percent) / 100));
      if (this.#inflow.total(atMs) + 1 > allowed) return false;
    }
    this.#inflow.add(atMs, 1);
    return true;
  }

  get windowMs(): number {
    return this.#windowMs;
  }
}

const parts = 10;

/** A sum over the last `windowMs`, to a tenth of it. */
export class SlidingCount {
  readonly #partMs: number;
  readonly #sums = new Float64Array(parts);
  #part = Number.NEGATIVE_INFINITY;

  constructor(windowMs: number) {
    this.#partMs = windowMs / parts;
  }

  add(atMs: number, count: number): void {
    this.#move(atMs);
    this.#sums[index(this.#part)]! += count;
  }

  total(atMs: number): number {
    this.#move(atMs);
    let total = 0;
    for (const sum of this.#sums) total += sum;
    return total;
  }

  #move(atMs: number): void {
    const part = Math.floor(atMs / this.#partMs);
    const passed = Math.min(parts, part - this.#part);
    for (let step = 0; step < passed; step += 1) this.#sums[index(part - step)] = 0;
    this.#part = Math.max(part, this.#part);
  }
}

function index(part: number): number {
  return ((part % parts) + parts) % parts;
}
