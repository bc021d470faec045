import type { AttemptOutcome } from '../gateway/attempt-outcome.ts';
import type { DeploymentHealth } from '../gateway/ports.ts';
import { type AnswerSums, coolingOf, type HealthEntry } from '../routing/health/health-book.ts';
import { addLatency, emptyLatencySums, type LatencySample } from '../routing/health/latency.ts';
import type { ToSupervisor } from './messages.ts';

/** Answers are told together after so long; failures at once. */
export const healthTellMs = 50;
/** Attempts at once of one worker at a deployment that is being probed. */
const probesMax = 1;
/** Deployments that are gone leave their counts behind; more than so many are swept. */
const sweepAtSize = 4_096;

export interface WorkerHealthOptions {
  readonly send: (message: ToSupervisor) => void;
  readonly nowMs: () => number;
  readonly after: (ms: number, run: () => void) => () => void;
}

/** The worker's copy of what the replica knows of its deployments (health-desk.ts), at most 100 ms old, and what this
 *  worker has seen itself since. */
export class WorkerHealth implements DeploymentHealth {
  readonly #options: WorkerHealthOptions;
  #entries: ReadonlyMap<string, HealthEntry> = new Map();
  /** Attempts at once at each deployment: here, and at the other workers when last heard. */
  readonly #here = new Map<string, number>();
  #elsewhere: Readonly<Record<string, number>> = {};
  /** Cooldowns that this worker was told itself: not even the next request waits for the supervisor to know. */
  readonly #cooling = new Map<string, number>();
  #answers = new Map<string, AnswerSums & { answers: number; inFlight: number }>();
  #isTelling = false;

  constructor(options: WorkerHealthOptions) {
    this.#options = options;
  }

  of(handle: string): HealthEntry | undefined {
    const entry = this.#entries.get(handle);
    const own = this.#cooling.get(handle);
    if (own === undefined) return entry;
    if (own <= this.#options.nowMs()) {
      this.#cooling.delete(handle);
      return entry;
    }
    return { ...entry, handle, coolingUntilMs: Math.max(own, entry?.coolingUntilMs ?? 0) };
  }

  inFlight(handle: string): number {
    return (this.#here.get(handle) ?? 0) + (this.#elsewhere[handle] ?? 0);
  }

  begin(handle: string): boolean {
    const here = this.#here.get(handle) ?? 0;
    if (here >= probesMax && this.#entries.get(handle)?.breaker === 'half-open') return false;
    this.#here.set(handle, here + 1);
    return true;
  }

  end(handle: string, outcome: AttemptOutcome): void {
    const here = this.#here.get(handle) ?? 0;
    if (here <= 1) this.#here.delete(handle);
    else this.#here.set(handle, here - 1);
    const atMs = this.#options.nowMs();
    switch (outcome.kind) {
      case 'none':
        return;
      case 'answered':
        this.#answered(handle, 1, outcome.latency, here, atMs);
        return;
      case 'outpaced':
        // No answer, and no failure: only that it takes its time is known.
        this.#answered(handle, 0, outcome.latency, here, atMs);
        return;
      default: {
        const { kind, coolMs } = outcome;
        const cooling = coolingOf(coolMs);
        if (cooling !== undefined) this.#cool(handle, atMs + cooling);
        // In the order in which they happened: what was answered before comes first.
        this.#tell([{ handle, atMs, kind, coolMs }]);
      }
    }
  }

  /** News from the supervisor. */
  received(entries: readonly HealthEntry[], elsewhere: Readonly<Record<string, number>>): void {
    this.#entries = new Map(entries.map(entry => [entry.handle, entry]));
    this.#elsewhere = elsewhere;
  }

  #answered(handle: string, answers: 0 | 1, latency: LatencySample | undefined, inFlight: number, atMs: number): void {
    let sums = this.#answers.get(handle);
    if (sums === undefined) {
      sums = { handle, atMs, answers: 0, latency: emptyLatencySums(), inFlight: 0 };
      this.#answers.set(handle, sums);
    }
    sums.answers += answers;
    sums.inFlight = Math.max(sums.inFlight, inFlight);
    if (latency !== undefined) addLatency(sums.latency, latency);
    if (this.#isTelling) return;
    this.#isTelling = true;
    this.#options.after(healthTellMs, () => {
      this.#isTelling = false;
      this.#tell([]);
    });
  }

  #tell(failures: (ToSupervisor & { type: 'outcomes' })['failures']): void {
    if (this.#answers.size === 0 && failures.length === 0) return;
    const answers = [...this.#answers.values()];
    this.#answers = new Map();
    this.#options.send({ type: 'outcomes', answers, failures, inFlight: Object.fromEntries(this.#here) });
  }

  #cool(handle: string, untilMs: number): void {
    if (this.#cooling.size >= sweepAtSize) this.#cooling.clear();
    this.#cooling.set(handle, Math.max(untilMs, this.#cooling.get(handle) ?? 0));
  }
}
