import { type DeskMessage, LimitDesk } from '../limits/limit-desk.ts';
import type { LimitLeases } from '../limits/limit-leases.ts';
import { limitNotice } from '../limits/limit-notices.ts';
import { type CountedWindow, LimitStore } from '../limits/limit-store.ts';
import { alwaysWindow, type Limit, loadLimit } from '../snapshot/limits.ts';
import type { SnapshotJson } from '../snapshot/snapshot.ts';
import type { Store } from '../store/connect.ts';
import type { Log } from '../telemetry/log.ts';
import { gauge, type MetricJson } from '../telemetry/tally.ts';
import type { LimitCount, ToSupervisor } from './messages.ts';

const sweepIntervalMs = 1_000;
/** Leases expire 30 s after they were last renewed. */
const renewIntervalMs = 5_000;
const forgetIntervalMs = 60_000;
/** Counts that wait for the database: more are dropped, oldest first, since limits hold without them. */
const countsMax = 50_000;
/** Ids of notices that are known to be told; past it they are forgotten together, and asked about again. */
const toldMax = 10_000;
const dayMs = 86_400_000;

export interface SupervisorLimitsOptions {
  /** Names this data directory among the replicas of one database. */
  readonly replica: string;
  readonly generation: number;
  readonly snapshot: () => SnapshotJson | undefined;
  readonly workers: () => readonly number[];
  readonly send: (worker: number, message: DeskMessage) => void;
  readonly after: (ms: number, run: () => void) => () => void;
  readonly log: Log;
}

/** Limits on the supervisor's side: the desk, joined to a database that may not be there yet, and what was counted. */
export class SupervisorLimits {
  readonly #options: SupervisorLimitsOptions;
  readonly #desk: LimitDesk;
  readonly #counts = new Map<string, CountedWindow>();
  readonly #told = new Set<string>();
  #store: LimitStore | undefined;
  #stopListening: (() => Promise<void>) | undefined;
  #replicas = 1;
  #indexed: { readonly snapshot: SnapshotJson | undefined; readonly limits: ReadonlyMap<string, Limit> } = {
    snapshot: undefined,
    limits: new Map(),
  };
  readonly #timers: NodeJS.Timeout[] = [];

  constructor(options: SupervisorLimitsOptions) {
    this.#options = options;
    this.#desk = new LimitDesk({
      leases: this.#deferredLeases(),
      limit: id => this.#limits.get(id),
      replicas: () => this.#replicas,
      workers: options.workers,
      send: options.send,
      after: options.after,
      nowMs: Date.now,
      log: (message, details) => options.log.warn(message, { details: JSON.stringify(details) }),
    });
    this.#timers.push(setInterval(() => this.#desk.sweep(), sweepIntervalMs));
  }

  /** The database is there. */
  open(store: Store): void {
    if (this.#store !== undefined) return;
    const { replica, generation } = this.#options;
    const limits = new LimitStore(store, `${replica}:${generation}`);
    this.#store = limits;
    this.#stopListening = limits.listen((limit, window) => this.#desk.asked(limit, window));
    const renew = () => this.#attempt('renewing', () => this.#renew(limits));
    this.#timers.push(setInterval(renew, renewIntervalMs));
    this.#timers.push(setInterval(() => this.#attempt('forgetting', () => limits.forget()), forgetIntervalMs));
    renew();
  }

  /** A new snapshot is current. */
  limitsChanged(): void {
    this.#desk.limitsChanged();
  }

  received(
    worker: number,
    message: Extract<ToSupervisor, { type: 'limit-request' | 'limit-return' | 'limit-counts' }>,
  ): void {
    switch (message.type) {
      case 'limit-request':
        this.#desk.request(worker, message);
        break;
      case 'limit-return':
        this.#desk.returned(worker, message);
        break;
      case 'limit-counts':
        for (const count of message.counts) this.#count(count);
        break;
    }
  }

  workerDied(worker: number): void {
    this.#desk.workerDied(worker);
  }

  metrics(): readonly MetricJson[] {
    return [
      gauge(
        'carrier_limits_lent',
        'Counted against limits without the database, and not told to it yet.',
        this.#desk.lent,
      ),
      gauge('carrier_limit_replicas', 'Replicas that share the limits, as far as is known.', this.#replicas),
    ];
  }

  async close(): Promise<void> {
    for (const timer of this.#timers) clearInterval(timer);
    await this.#stopListening?.();
    await this.#desk.close();
    const store = this.#store;
    if (store === undefined) return;
    await this.#writeCounts(store)
      .then(() => store.leave())
      .catch(error => this.#options.log.debug('limits are not left', { error: (error as Error).message }));
  }

  async #renew(store: LimitStore): Promise<void> {
    this.#replicas = await store.renew(this.#desk.held());
    await this.#writeCounts(store);
  }

  async #writeCounts(store: LimitStore): Promise<void> {
    const counts = [...this.#counts.values()];
    this.#counts.clear();
    await store.addCounts(counts).catch(error => {
      // They are told later, together with what is counted meanwhile.
      for (const count of counts) this.#add(count);
      throw error;
    });
    for (const count of counts) await this.#tell(store, count);
  }

  async #tell(store: LimitStore, count: CountedWindow): Promise<void> {
    const limit = this.#limits.get(count.limit);
    const notice = limit === undefined ? undefined : limitNotice(limit, this.#organisationOf(limit), count, Date.now());
    if (notice === undefined || this.#told.has(notice.id)) return;
    await store.tell(notice);
    if (this.#told.size >= toldMax) this.#told.clear();
    this.#told.add(notice.id);
  }

  /** Whose limit it is; null: one that all callers share. */
  #organisationOf({ scope, subject }: Limit): string | null {
    if (scope === 'organisation') return subject;
    const snapshot = this.#options.snapshot();
    const project = scope === 'key' ? snapshot?.keys.find(({ id }) => id === subject)?.project : subject;
    if (scope !== 'project' && scope !== 'key') return null;
    return snapshot?.projects.find(({ id }) => id === project)?.organisation ?? null;
  }

  #attempt(what: string, run: () => Promise<unknown>): void {
    run().catch(error => {
      this.#options.log.debug('the database does not answer', { what, error: (error as Error).message });
    });
  }

  /** What is held and comes back is counted by the day. */
  #count({ limit, window, used, refused, wouldRefuse }: LimitCount): void {
    const windowMs = this.#limits.get(limit)?.windowMs ?? dayMs;
    const nowMs = Date.now();
    const startsAtMs = window === alwaysWindow ? nowMs - (nowMs % dayMs) : window;
    this.#add({ limit, startsAtMs, endsAtMs: startsAtMs + windowMs, used, refused, wouldRefuse });
  }

  #add(count: CountedWindow): void {
    const key = `${count.startsAtMs} ${count.limit}`;
    const known = this.#counts.get(key);
    const sum =
      known === undefined
        ? count
        : {
            ...count,
            used: known.used + count.used,
            refused: known.refused + count.refused,
            wouldRefuse: known.wouldRefuse + count.wouldRefuse,
          };
    this.#counts.set(key, sum);
    if (this.#counts.size > countsMax) this.#counts.delete(this.#counts.keys().next().value!); // It has more than that.
  }

  get #limits(): ReadonlyMap<string, Limit> {
    const snapshot = this.#options.snapshot();
    if (snapshot !== this.#indexed.snapshot) {
      const limits = new Map((snapshot?.limits ?? []).map(entry => [entry.id, loadLimit(entry)]));
      this.#indexed = { snapshot, limits };
    }
    return this.#indexed.limits;
  }

  #deferredLeases(): LimitLeases {
    const ready = () => {
      if (this.#store === undefined) throw new Error('the database has not answered yet');
      return this.#store;
    };
    return {
      acquire: async request => ready().acquire(request),
      release: async (limit, window, amount) => ready().release(limit, window, amount),
      askOthers: async (limit, window) => ready().askOthers(limit, window),
    };
  }
}
