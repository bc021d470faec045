/** One deployment's circuit breaker. Opens when failures are the rule, is probed after a while, and
 *  closes when they succeed. Cooldowns (429, 529) are not failures here: who asks for patience is not broken. */
export type BreakerState = 'closed' | 'open' | 'half-open' | 'misconfigured';

export interface BreakerSettings {
  /** Failures are counted over so long. */
  readonly windowMs: number;
  /** With fewer outcomes in the window, only a row of failures opens. */
  readonly outcomesMin: number;
  /** Opens at this share of failures in the window, parts per million. */
  readonly failuresPpm: number;
  /** So many failures in a row open at once. */
  readonly consecutive: number;
  /** First time it stays open; doubled each time that probing fails. */
  readonly openMs: number;
  readonly openMsMax: number;
  /** Half open: so many answers close it, so many failures open it again. How many probes run at once is up to those
   *  who send them. */
  readonly probesWell: number;
  readonly probesIll: number;
  /** After closing, the share of traffic rises from nothing to all in so long. */
  readonly rampMs: number;
}

export const breakerDefaults: BreakerSettings = {
  windowMs: 30_000,
  outcomesMin: 20,
  failuresPpm: 500_000,
  consecutive: 5,
  openMs: 15_000,
  openMsMax: 300_000,
  probesWell: 2,
  probesIll: 2,
  rampMs: 30_000,
};

const buckets = 10;

export class Breaker {
  readonly #settings: BreakerSettings;
  /** 0 to 999 per mille added to each opening, so that breakers that opened together do not probe together. Given, not
   *  drawn: the same history gives the same openings. */
  readonly #jitterPermille: number;
  readonly #answers = new Float64Array(buckets);
  readonly #failures = new Float64Array(buckets);
  #bucket = Number.NEGATIVE_INFINITY;
  #consecutive = 0;
  #openings = 0;
  #openUntilMs: number | undefined = undefined;
  #misconfigured = false;
  #probesWell = 0;
  #probesIll = 0;
  #rampFromMs: number | undefined = undefined;

  constructor(settings: BreakerSettings = breakerDefaults, jitterPermille = 0) {
    this.#settings = settings;
    this.#jitterPermille = jitterPermille;
  }

  state(atMs: number): BreakerState {
    if (this.#misconfigured) return 'misconfigured';
    if (this.#openUntilMs === undefined) return 'closed';
    return atMs < this.#openUntilMs ? 'open' : 'half-open';
  }

  /** undefined while it is not open, or no time will mend it. */
  openUntilMs(atMs: number): number | undefined {
    return this.state(atMs) === 'open' ? this.#openUntilMs : undefined;
  }

  /** Share of its weight that it gets now, per mille; undefined is all of it. */
  rampPermille(atMs: number): number | undefined {
    if (this.#rampFromMs === undefined) return undefined;
    const passed = Math.floor(((atMs - this.#rampFromMs) * 1_000) / this.#settings.rampMs);
    if (passed >= 1_000) {
      this.#rampFromMs = undefined;
      return undefined;
    }
    return Math.max(rampPermilleMin, passed);
  }

  succeeded(atMs: number): void {
    this.#count(atMs, false);
    this.#consecutive = 0;
    // Somebody mended it at the provider.
    this.#misconfigured = false;
    if (this.state(atMs) !== 'half-open') return;
    this.#probesWell += 1;
    if (this.#probesWell >= this.#settings.probesWell) this.#close(atMs);
  }

  failed(atMs: number): void {
    this.#count(atMs, true);
    this.#consecutive += 1;
    const state = this.state(atMs);
    if (state === 'half-open') {
      this.#probesIll += 1;
      if (this.#probesIll >= this.#settings.probesIll) this.#open(atMs);
      return;
    }
    if (state === 'closed' && (this.#consecutive >= this.#settings.consecutive || this.#isRule())) this.#open(atMs);
  }

  /** The provider refuses our credential, or the account may not use the model: no time heals that, only
   *  an answer or another configuration. */
  refusedCredential(): void {
    this.#misconfigured = true;
  }

  /** The credential or the deployment was changed: everything that was learnt may be wrong now. */
  reconfigured(): void {
    this.#misconfigured = false;
    this.#openUntilMs = undefined;
    this.#openings = 0;
    this.#consecutive = 0;
    this.#answers.fill(0);
    this.#failures.fill(0);
  }

  #open(atMs: number): void {
    const { openMs, openMsMax } = this.#settings;
    const base = Math.min(openMs * 2 ** Math.min(this.#openings, 16), openMsMax);
    // At most a quarter more.
    this.#openUntilMs = atMs + base + Math.floor((base * this.#jitterPermille) / 4_000);
    this.#openings += 1;
    this.#probesWell = 0;
    this.#probesIll = 0;
    this.#rampFromMs = undefined;
  }

  #close(atMs: number): void {
    this.#openUntilMs = undefined;
    this.#openings = 0;
    this.#consecutive = 0;
    this.#answers.fill(0);
    this.#failures.fill(0);
    this.#rampFromMs = atMs;
  }

  #count(atMs: number, failed: boolean): void {
    const bucket = Math.floor(atMs / (this.#settings.windowMs / buckets));
    // What lies behind the window is forgotten; a clock set back counts into the present bucket.
    const passed = Math.min(buckets, bucket - this.#bucket);
    for (let step = 1; step <= passed; step += 1) {
      const index = modulo(bucket - passed + step, buckets);
      this.#answers[index] = 0;
      this.#failures[index] = 0;
    }
    this.#bucket = Math.max(bucket, this.#bucket);
    const index = modulo(this.#bucket, buckets);
    this.#answers[index]! += 1;
    if (failed) this.#failures[index]! += 1;
  }

  #isRule(): boolean {
    const answers = this.#answers.reduce((sum, count) => sum + count, 0);
    const failures = this.#failures.reduce((sum, count) => sum + count, 0);
    return answers >= this.#settings.outcomesMin && failures * 1_000_000 >= answers * this.#settings.failuresPpm;
  }
}

/** A newcomer's or a recovering deployment's share never is nothing, or it would never be measured. */
export const rampPermilleMin = 50;

function modulo(value: number, by: number): number {
  return ((value % by) + by) % by;
}
