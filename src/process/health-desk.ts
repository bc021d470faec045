import type { DeploymentHealthView } from '../admin/dependencies.ts';
import { HealthBook, type HealthEntry } from '../routing/health/health-book.ts';
import type { DeploymentEntry, SnapshotJson } from '../snapshot/snapshot.ts';
import { knownDeployments } from './deployment-scopes.ts';
import { viewHealth } from './health-view.ts';
import type { ToSupervisor, ToWorker } from './messages.ts';

/** Workers' copies are at most so old while anything happens. */
export const healthIntervalMs = 100;
/** Estimates fade and breakers half-open by time alone; while nothing happens they are looked at so often. */
const idleIntervalMs = 1_000;

export interface HealthDeskOptions {
  readonly workers: () => readonly number[];
  readonly send: (worker: number, message: ToWorker) => void;
  readonly nowMs: () => number;
  /** A deployment refuses our credential or does not know its model, and did not before. */
  readonly onMisconfigured: (deployment: string) => void;
}

/** The replica's health of deployments: takes outcomes from all workers and tells them what follows. */
export class HealthDesk {
  readonly #options: HealthDeskOptions;
  readonly #book = new HealthBook();
  readonly #inFlight = new Map<number, Readonly<Record<string, number>>>();
  /** What each worker was told last, as JSON. */
  readonly #told = new Map<number, string>();
  /** By handle. */
  #deployments: ReadonlyMap<string, DeploymentEntry> = new Map();
  #entries: readonly HealthEntry[] = [];
  #isDue = true;
  #lookedAtMs = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: HealthDeskOptions) {
    this.#options = options;
  }

  start(): void {
    this.#timer ??= setInterval(() => this.tick(), healthIntervalMs).unref();
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  /** Every deployment of the snapshot by name, as it is now: for people. */
  examine(): readonly DeploymentHealthView[] {
    const nowMs = this.#options.nowMs();
    return this.#book
      .diagnose(nowMs)
      .flatMap(diagnosis => {
        const deployment = this.#deployments.get(diagnosis.handle);
        if (deployment === undefined) return [];
        return [viewHealth(diagnosis, { deployment, inFlight: this.#inFlightAt(diagnosis.handle), nowMs })];
      })
      .sort((left, right) => (left.id < right.id ? -1 : 1));
  }

  snapshotChanged(snapshot: SnapshotJson): void {
    this.#deployments = new Map(snapshot.deployments.map(deployment => [deployment.handle, deployment]));
    this.#book.know(knownDeployments(snapshot), this.#options.nowMs());
    this.#isDue = true;
  }

  received(worker: number, { answers, failures, inFlight }: ToSupervisor & { type: 'outcomes' }): void {
    this.#inFlight.set(worker, inFlight);
    for (const sums of answers) this.#book.answered(sums);
    for (const failure of failures) {
      if (this.#book.failed(failure)) {
        this.#options.onMisconfigured(this.#deployments.get(failure.handle)?.id ?? failure.handle);
      }
    }
    this.#isDue = true;
  }

  forget(worker: number): void {
    this.#inFlight.delete(worker);
    this.#told.delete(worker);
    this.#isDue = true;
  }

  /** Looks at the book when something happened, else once a second, and tells each worker what is new to it. */
  tick(): void {
    const nowMs = this.#options.nowMs();
    const workers = this.#options.workers();
    const hasNewWorker = workers.some(worker => !this.#told.has(worker));
    if (!this.#isDue && !hasNewWorker && Math.abs(nowMs - this.#lookedAtMs) < idleIntervalMs) return;
    this.#isDue = false;
    this.#lookedAtMs = nowMs;
    this.#entries = this.#book.entries(nowMs);
    for (const worker of workers) this.#tell(worker);
  }

  #tell(worker: number): void {
    const message: ToWorker = { type: 'health', entries: this.#entries, elsewhere: this.#elsewhere(worker) };
    const json = JSON.stringify(message);
    if (this.#told.get(worker) === json) return;
    this.#told.set(worker, json);
    this.#options.send(worker, message);
  }

  #inFlightAt(handle: string): number {
    let sum = 0;
    for (const counts of this.#inFlight.values()) sum += counts[handle] ?? 0;
    return sum;
  }

  /** Attempts at once at the other workers. */
  #elsewhere(worker: number): Readonly<Record<string, number>> {
    const sums: Record<string, number> = {};
    for (const [other, counts] of this.#inFlight) {
      if (other === worker) continue;
      for (const [handle, count] of Object.entries(counts)) sums[handle] = (sums[handle] ?? 0) + count;
    }
    return sums;
  }
}
