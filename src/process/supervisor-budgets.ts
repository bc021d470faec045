import { WalletLeases } from '../billing/wallet-leases.ts';
import type { BudgetWindow } from '../ledger/allowance-book.ts';
import { AllowanceBroker, type BrokerLeases } from '../ledger/broker.ts';
import type { Standing } from '../ledger/broker-port.ts';
import { noteBudgetRefusal, raiseBudgetWarnings } from '../ledger/budget-warnings.ts';
import { LedgerLeases } from '../ledger/leases.ts';
import { LedgerPulse } from '../ledger/ledger-pulse.ts';
import type { BudgetEntry, SnapshotJson, WalletEntry } from '../snapshot/snapshot.ts';
import { budgetFamily, loadWallet, parsePoolId, type Wallet, type WalletPool } from '../snapshot/wallets.ts';
import type { Store } from '../store/connect.ts';
import type { Log } from '../telemetry/log.ts';
import { budgetWindow } from './budget-window.ts';
import { takeCarriedLeases, writeCarriedLeases } from './carried-leases.ts';
import type { ToSupervisor, ToWorker } from './messages.ts';

/** Leases are renewed, idle ones given back and past windows wound up so often. */
const sweepIntervalMs = 10_000;
/** Leases of holders that nobody heard of for a day are looked for so often. */
const expiryIntervalMs = 600_000;
/** Budgets that pass a part of their limit at which to warn are looked for so often. */
const warningIntervalMs = 60_000;
/** So many refusals are remembered as told; beyond it they are told again, which changes nothing. */
const refusalsToldMax = 10_000;

export interface SupervisorBudgetsOptions {
  readonly dataPath: string;
  /** Names this data directory among the replicas of one database. */
  readonly replica: string;
  readonly generation: number;
  /** The run of this data directory before; undefined for the first. */
  readonly previousGeneration: number | undefined;
  readonly snapshot: () => SnapshotJson | undefined;
  readonly workers: () => readonly number[];
  readonly send: (worker: number, message: ToWorker) => void;
  readonly after: (ms: number, run: () => void) => () => void;
  readonly log: Log;
}

interface IndexedBudgets {
  readonly snapshot: SnapshotJson | undefined;
  readonly budgets: ReadonlyMap<string, BudgetEntry>;
  /** By organisation. */
  readonly wallets: ReadonlyMap<string, { readonly entry: WalletEntry; readonly wallet: Wallet }>;
}

/** Hard budgets on the supervisor's side: the broker, joined to a ledger that may not be there yet. Until it is, who needs
 *  allowance hears that the budget cannot be verified. */
export class SupervisorBudgets {
  readonly #options: SupervisorBudgetsOptions;
  readonly #broker: AllowanceBroker;
  readonly #pulse: LedgerPulse;
  /** Workers that know what is known of the ledger. */
  readonly #told = new Set<number>();
  /** Rejects what waits for the ledger when it is known not to come. */
  #opening = Promise.withResolvers<void>();
  readonly #holder: string;
  #leases: LedgerLeases | undefined;
  #walletLeases: WalletLeases | undefined;
  #stopListening: (() => Promise<void>) | undefined;
  #store: Store | undefined;
  /** Budgets and windows of which it was told that somebody was refused. */
  readonly #refusalsTold = new Set<string>();
  /** Leases of the generation before that the ledger does not know to be ours yet. */
  #carried: readonly string[];
  #adopted = false;
  /** Were the leases of earlier generations ended? */
  #earlierEnded = false;
  #indexed: IndexedBudgets = { snapshot: undefined, budgets: new Map(), wallets: new Map() };
  readonly #timers: NodeJS.Timeout[] = [];

  constructor(options: SupervisorBudgetsOptions) {
    this.#options = options;
    this.#holder = `${options.replica}:${options.generation}`;
    this.#opening.promise.catch(() => {});
    this.#pulse = new LedgerPulse({ after: options.after, changed: answers => this.#ledgerChanged(answers) });
    this.#broker = new AllowanceBroker({
      leases: this.#pulse.watch(this.#deferredLeases()),
      holder: this.#holder,
      limitAtto: id => this.#limitAtto(id),
      family: id => (parsePoolId(id) === undefined ? undefined : budgetFamily(id)),
      isCurrent: (id, window) => this.#currentWindow(id) === window,
      workers: options.workers,
      send: options.send,
      settlingEarlier: () => !this.#earlierEnded,
      after: options.after,
      nowMs: Date.now,
      ledgerAnswers: () => this.#pulse.answers,
      refused: (at, standing) => this.#refused(at, standing),
      log: (message, details) => options.log.warn(message, { details: JSON.stringify(details) }),
    });
    const carried = takeCarriedLeases(options.dataPath, options.previousGeneration);
    this.#carried = [...new Set(carried.map(({ lease }) => lease))];
    this.#broker.carryIn(carried);
    this.#pulse.expect();
  }

  /** A start without the database: nobody waits for it, until it is there. */
  databaseAway(): void {
    if (this.#walletLeases !== undefined) return;
    this.#opening.reject(new Error('the database does not answer'));
    this.#pulse.failed();
  }

  /** The ledger is there. */
  open(store: Store): void {
    if (this.#leases !== undefined) return;
    const leases = new LedgerLeases(store);
    this.#leases = leases;
    this.#store = store;
    this.#stopListening = leases.listen(this.#holder, (budget, window) => this.#broker.asked(budget, window));
    this.#attempt('first questions', () => leases.warm());
    this.#timers.push(setInterval(() => this.#attempt('sweep', () => this.#sweep()), sweepIntervalMs));
    this.#timers.push(setInterval(() => this.#attempt('expiry', () => leases.expire()), expiryIntervalMs));
    const warn = () => this.#attempt('budget warnings', () => this.#warn(store));
    this.#timers.push(setInterval(warn, warningIntervalMs));
    // What was spent while nobody looked is told at once.
    warn();
    this.#takeOver(leases, store);
  }

  /** A new snapshot is current. */
  limitsChanged(): void {
    this.#broker.limitsChanged();
  }

  received(worker: number, message: Extract<ToSupervisor, { type: 'lease-request' | 'return' }>): void {
    if (!this.#told.has(worker)) {
      this.#told.add(worker);
      this.#options.send(worker, { type: 'ledger', answers: this.#pulse.answers });
    }
    if (message.type === 'lease-request') this.#broker.request(worker, message);
    else this.#broker.returned(worker, message);
  }

  /** Before the shipper hears of it. */
  workerDied(worker: number): void {
    this.#told.delete(worker);
    this.#broker.workerDied(worker);
  }

  /** What earlier generations spent of a lease that was carried on was taken out before it was. */
  shipped(worker: number, dead: boolean, charged: ReadonlyMap<string, bigint>, generation: number): void {
    if (generation !== this.#options.generation) return;
    this.#broker.shipped(worker, dead, charged);
  }

  workerSettled(worker: number): void {
    this.#broker.workerSettled(worker);
  }

  /** What earlier generations left in the journal is shipped: what they had leased and not spent is free again. */
  adopted(): void {
    this.#adopted = true;
    this.#endEarlier();
  }

  /** The ledger is asked for nothing before it knows whose the carried leases are; again at every sweep until it does. */
  #takeOver(leases: LedgerLeases, store: Store): void {
    this.#attempt('taking over leases', async () => {
      if (this.#carried.length > 0) await leases.takeOver(this.#carried, this.#holder);
      this.#carried = [];
      this.#walletLeases ??= new WalletLeases({ store, leases, lineAtto: pool => this.#lineAtto(pool) });
      this.#opening.resolve();
      this.#endEarlier();
    });
  }

  /** Once both are there, the ledger and everything that was left in the journal; again at every sweep until it is done. */
  #endEarlier(): void {
    const leases = this.#leases;
    if (leases === undefined || this.#walletLeases === undefined || !this.#adopted || this.#earlierEnded) return;
    this.#attempt('ending earlier leases', async () => {
      await leases.closeEarlier(this.#options.replica, this.#holder);
      this.#earlierEnded = true;
      this.#broker.settled();
    });
  }

  async #sweep(): Promise<void> {
    if (this.#walletLeases === undefined) this.#takeOver(this.#leases!, this.#store!); // A sweep has both.
    this.#endEarlier();
    await this.#broker.sweep();
  }

  /** `shippedWhole`: nothing of this generation is left in the journal, so its leases can end now. Otherwise the next
   *  start ends them. */
  async close(shippedWhole: boolean): Promise<void> {
    for (const timer of this.#timers) clearInterval(timer);
    // Before anything of it is sent to a ledger that may not answer.
    if (!shippedWhole) writeCarriedLeases(this.#options.dataPath, this.#options.generation, this.#broker.carryOut());
    await this.#stopListening?.();
    await this.#broker.close();
    if (!shippedWhole || this.#leases === undefined) return;
    await this.#leases.closeGeneration(this.#holder).catch(error => {
      this.#options.log.warn('the leases stay open until the next start', { error: (error as Error).message });
    });
  }

  #attempt(what: string, run: () => Promise<unknown>): void {
    run().catch(error => {
      this.#options.log.debug('the ledger does not answer', { what, error: (error as Error).message });
    });
  }

  /** Alerts are stored once for all replicas; the one that stored them logs them. */
  async #warn(store: Store): Promise<void> {
    const { snapshot, log } = this.#options;
    const budgets = (snapshot()?.budgets ?? []).map(budget => ({
      budget,
      window: budgetWindow(budget.period, Date.now()),
      organisation: this.#organisationOf(budget),
    }));
    for (const { message, budget, window } of await raiseBudgetWarnings(store, budgets)) {
      log.warn(message, { code: 'budget_warning', budget: budget.id, window });
    }
  }

  /** Told once a window; the ledger writes it once for all replicas. */
  #refused({ budget: id, window }: BudgetWindow, standing: Standing | undefined): void {
    const key = `${id} ${window}`;
    const budget = this.#index.budgets.get(id);
    const store = this.#store;
    if (budget === undefined || store === undefined || this.#refusalsTold.has(key)) return;
    if (this.#refusalsTold.size >= refusalsToldMax) this.#refusalsTold.clear();
    this.#refusalsTold.add(key);
    const refused = { budget, window, organisation: this.#organisationOf(budget) };
    noteBudgetRefusal(store, refused, standing).catch(() => this.#refusalsTold.delete(key));
  }

  #organisationOf({ scope, subject }: BudgetEntry): string | undefined {
    const snapshot = this.#options.snapshot();
    if (scope === 'organisation') return subject;
    const project = scope === 'key' ? snapshot?.keys.find(({ id }) => id === subject)?.project : subject;
    return snapshot?.projects.find(({ id }) => id === project)?.organisation;
  }

  #limitAtto(id: string): bigint | undefined {
    const budget = this.#index.budgets.get(id);
    return budget === undefined ? this.#wallet(id)?.limitAtto : BigInt(budget.limitAtto);
  }

  #lineAtto({ organisation, currency }: WalletPool): bigint {
    const entry = this.#index.wallets.get(organisation)?.entry;
    return entry === undefined || entry.currency !== currency ? 0n : BigInt(entry.lineAtto);
  }

  #currentWindow(id: string): string | undefined {
    const period = this.#index.budgets.get(id)?.period ?? this.#wallet(id)?.windows;
    return period === undefined ? undefined : budgetWindow(period, Date.now());
  }

  #wallet(id: string): Wallet | undefined {
    const pool = parsePoolId(id);
    const wallet = pool === undefined ? undefined : this.#index.wallets.get(pool.organisation)?.wallet;
    return wallet?.currency === pool?.currency ? wallet : undefined;
  }

  get #index(): IndexedBudgets {
    const snapshot = this.#options.snapshot();
    if (snapshot !== this.#indexed.snapshot) {
      const wallets = (snapshot?.wallets ?? []).map(
        entry => [entry.organisation, { entry, wallet: loadWallet(entry) }] as const,
      );
      const budgets = new Map(snapshot?.budgets.map(budget => [budget.id, budget]));
      this.#indexed = { snapshot, budgets, wallets: new Map(wallets) };
    }
    return this.#indexed;
  }

  #ledgerChanged(answers: boolean): void {
    this.#broker.ledgerChanged();
    for (const worker of this.#told) this.#options.send(worker, { type: 'ledger', answers });
  }

  /** Until it is there, what is asked waits for it: at a start it comes in a moment, or is known to be away. */
  #deferredLeases(): BrokerLeases {
    const ready = async () => {
      if (this.#walletLeases === undefined) await this.#opening.promise;
      if (this.#walletLeases === undefined) throw new Error('the database has not answered yet');
      return this.#walletLeases;
    };
    return {
      acquire: async request => (await ready()).acquire(request),
      release: async (lease, amountAtto) => (await ready()).release(lease, amountAtto),
      renew: async holder => (await ready()).renew(holder),
      close: async lease => (await ready()).close(lease),
      askOthers: async (budget, window, holder) => (await ready()).askOthers(budget, window, holder),
      standing: async (budget, window) => (await ready()).standing(budget, window),
    };
  }
}
