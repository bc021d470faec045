import type { Fault } from '../completion/fault.ts';
import type { StateSeal } from '../dialects/opaque-state.ts';
import type { HeldLease } from '../journal/record.ts';
import type { ExchangeJournal } from '../journal/writer.ts';
import type { Draw } from '../routing/decision.ts';
import type { HealthEntry } from '../routing/health/health-book.ts';
import type { QueueClass } from '../routing/queue/waiting-line.ts';
import type { Limit } from '../snapshot/limits.ts';
import type { SigningSecret, Snapshot } from '../snapshot/load.ts';
import type { AttemptOutcome } from './attempt-outcome.ts';

/** What the data plane needs from outside. process/worker.ts fills these; gateway/ imports no store, ledger, billing or admin,
 *  so the import table answers whether a request can wait for the database. */
export interface GatewayPorts {
  /** The current snapshot; an exchange reads it once and keeps it. */
  snapshot(): Snapshot;
  readonly journal: ExchangeJournal;
  readonly budgets: BudgetHolds;
  readonly permits: DeploymentPermits;
  readonly limits: RateLimits;
  readonly health: DeploymentHealth;
  /** The epoch that an instant lies in, milliseconds since 1970. */
  draw(atMs: number): Draw;
  /** The provider account's credential in the clear; undefined for none. Never logged. */
  credential(provider: string): string | undefined;
  /** HMAC-SHA-256, hex, of a presented secret; the snapshot's keys are looked up by it. */
  digestSecret(secret: string): string;
  /** The secret of a key that signs, in the clear. Throws when it does not open. Never logged. */
  openKeySecret(secret: SigningSecret): string;
  readonly reasoning: ReasoningStates;
  readonly observe: GatewayObserver;
  readonly clock: Clock;
  /** Refuses new exchanges when true. */
  draining(): boolean;
}

export interface Clock {
  /** Milliseconds since 1970. */
  nowMs(): number;
  /** Milliseconds of a clock that never goes back. */
  monotonicMs(): number;
}

/** Hard budgets, worker side. Amounts are atto-currency. */
export interface BudgetHolds {
  /** Sets `amount` aside in every budget named, or in none. Answers at once when the local allowances suffice, else
   *  within 50 ms where the ledger may be away, and within a second while it is known to answer; never later than
   *  `waitMsMax`, which is what the request's own deadline leaves. A Fault is `budget_exhausted` or `budget_unverifiable`. */
  take(
    budgets: readonly string[],
    amount: bigint,
    nowMs: number,
    waitMsMax?: number,
  ): BudgetHold | Fault | Promise<BudgetHold | Fault>;
  /** The largest amount that `take` would surely give now in all budgets named; for lowering output limits. */
  available(budgets: readonly string[], nowMs: number): Promise<bigint>;
}

export interface BudgetHold {
  readonly amount: bigint;
  readonly leases: readonly HeldLease[];
  /** The exchange ended and was charged this much, at most `amount`, to `charged` leases, all unless said; the rest is
   *  free again. Once. */
  settle(chargedAtto: bigint, charged?: readonly HeldLease[]): void;
}

/** Concurrency limits of deployments, per replica, worker side. */
export interface DeploymentPermits {
  /** True at once when a local permit is free or the deployment is unbounded; else within 50 ms. */
  acquire(handle: string): boolean | Promise<boolean>;
  release(handle: string): void;
}

/** Limits of requests, tokens and requests at once, over all workers and replicas; worker side. */
export interface RateLimits {
  /** Counts against every limit, or against none; shadows never stand in the way. At once where this worker holds enough,
   *  else within 50 ms. */
  take(demand: LimitDemand): LimitPass | LimitShortage | Promise<LimitPass | LimitShortage>;
  /** The first of them that is known to be used up, without asking. */
  knownShort(demand: LimitDemand): LimitShortage | undefined;
  /** As far as it is known here. */
  state(limit: Limit, nowMs: number): LimitState;
}

export interface LimitDemand {
  readonly limits: readonly Limit[];
  /** What the request is expected to use, input and output; corrected by `settle`. */
  readonly tokens: number;
  readonly nowMs: number;
}

/** Counted: to be settled once, however it ends. */
export interface LimitPass {
  readonly limits: readonly Limit[];
  /** undefined: it never was sent, so it does not count at all. `applies` says of each limit whether what was sent is
   *  within it; of the others nothing stays counted. */
  settle(tokens: number | undefined, nowMs: number, applies?: (limit: Limit) => boolean): void;
}

export interface LimitShortage {
  readonly short: Limit;
  /** Counted in the window, as far as it is known here. */
  readonly used: number;
  readonly retryAfterMs: number;
}

export interface LimitState {
  readonly limit: Limit;
  readonly remaining: number;
  /** Until the whole of it is there again. */
  readonly resetMs: number;
}

/** What is known of deployments from attempts, per replica, worker side. */
export interface DeploymentHealth {
  /** undefined when nothing is known. */
  of(handle: string): HealthEntry | undefined;
  /** Attempts at once, in the whole replica as far as it is known here. */
  inFlight(handle: string): number;
  /** An attempt is about to be made. False: the deployment is being probed, and this is not the probe. */
  begin(handle: string): boolean;
  /** After each `begin` that was true, once. */
  end(handle: string, outcome: AttemptOutcome): void;
}

/** Opaque reasoning state on its way through clients that speak another dialect than the model's. */
export interface ReasoningStates {
  readonly seal: StateSeal;
  /** Keeps the envelopes of an answer for a client that may send back no more than the ids of its calls. Takes no time. */
  remember(organisation: string, callIds: readonly string[], envelopes: readonly string[]): void;
  /** The envelopes of each call that is still known, within 50 ms; later is not known. */
  recall(organisation: string, callIds: readonly string[]): Promise<ReadonlyMap<string, readonly string[]>>;
}

/** Everything a person or a metrics system sees of an exchange. Called once, after the end is journaled. */
export interface GatewayObserver {
  exchangeEnded(exchange: EndedExchange): void;
  /** A request refused before it became an exchange (bad key, bad body, unknown model). */
  refused(refusal: {
    readonly fault: Fault;
    readonly exchangeId: string;
    readonly path: string;
    readonly durationMs: number;
  }): void;
  /** What the walk did before content beside asking one deployment once; for metrics. */
  walked(step: WalkStep): void;
  /** Something that an operator must look at: quarantine, charge over hold, credential refused. */
  alert(alert: { readonly code: string; readonly message: string; readonly exchangeId: string }): void;
}

/** How waiting for room ended. late: as long as it may. full: too many wait. gone: the client left. */
export type QueueOutcome = 'granted' | 'late' | 'full' | 'gone';

export type WalkStep =
  | {
      readonly type: 'waited';
      readonly class: QueueClass;
      readonly outcome: QueueOutcome;
      readonly durationMs: number;
    }
  /** One more attempt after the first was made, or the retry budget refused it. */
  | { readonly type: 'further'; readonly kind: 'retry' | 'failover' | 'hedge'; readonly outcome: 'made' | 'refused' }
  /** A request that was sent twice: which one answered; neither where both failed. */
  | { readonly type: 'hedged'; readonly outcome: 'backup' | 'first' | 'neither' }
  /** A place beyond the share for inflow, because nothing else was left. */
  | { readonly type: 'inflow-beyond-share' };

export interface EndedExchange {
  readonly admit: import('../journal/record.ts').AdmitRecord;
  readonly end: import('../journal/record.ts').EndRecord;
}
