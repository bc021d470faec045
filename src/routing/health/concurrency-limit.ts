export interface ConcurrencySettings {
  /** Configured by the operator; undefined: found out from `limitStart` on, at most `limitMax`. */
  readonly configured: number | undefined;
  readonly limitStart: number;
  readonly limitMax: number;
}

export const concurrencyDefaults: ConcurrencySettings = { configured: undefined, limitStart: 200, limitMax: 10_000 };

/** Share of the limit that is taken away when the deployment says that it is too much. */
const backOff = 0.9;
/** Between two reductions: answers to what was sent before the first one say nothing new. */
const backOffPauseMs = 1_000;
const smoothing = 0.2;
/** Samples that the long-term latency follows. */
const longWindow = 600;
/** Slower than this times the long-term latency is a queue. */
const tolerance = 1.5;
/** So much may the limit grow each time, beyond what the gradient says. */
const headroom = 4;

/** How many attempts at once a deployment takes (Gradient2 on normalised time to first token; what it refuses as too much
 *  takes a tenth away at once). Not below one, so that it is always measured; not above what the operator configured. */
export class ConcurrencyLimit {
  readonly #settings: ConcurrencySettings;
  #limit: number;
  #longMs: number | undefined = undefined;
  #samples = 0;
  #reducedAtMs = Number.NEGATIVE_INFINITY;

  constructor(settings: ConcurrencySettings = concurrencyDefaults) {
    this.#settings = settings;
    this.#limit = settings.configured ?? settings.limitStart;
  }

  get limit(): number {
    return Math.max(1, Math.floor(this.#limit));
  }

  /** `normalisedMs`: time to first token, as of a request of ordinary size. `inFlight`: attempts at once when it began. */
  answered(normalisedMs: number, inFlight: number): void {
    this.#samples = Math.min(this.#samples + 1, longWindow);
    this.#longMs =
      this.#longMs === undefined ? normalisedMs : this.#longMs + (normalisedMs - this.#longMs) / this.#samples;
    // Recovers from a time when everything was slow.
    if (this.#longMs / Math.max(1, normalisedMs) > 2) this.#longMs *= 0.95;
    // A limit that is not used says nothing about whether more would do.
    if (inFlight < this.#limit / 2) return;
    const gradient = Math.max(0.5, Math.min(1, (tolerance * this.#longMs) / Math.max(1, normalisedMs)));
    const target = this.#limit * gradient + headroom;
    this.#set(this.#limit * (1 - smoothing) + target * smoothing);
  }

  /** 429, 529 or a timeout. */
  refused(atMs: number): void {
    if (atMs - this.#reducedAtMs < backOffPauseMs) return;
    this.#reducedAtMs = atMs;
    this.#set(this.#limit * backOff);
  }

  #set(limit: number): void {
    this.#limit = Math.max(1, Math.min(limit, this.#settings.configured ?? this.#settings.limitMax));
  }
}
