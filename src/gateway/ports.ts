import type { Fault } from '../completion/fault.ts';
import type { HeldLease } from '../journal/record.ts';
import type { ExchangeJournal } from '../journal/writer.ts';
import type { Snapshot } from '../snapshot/load.ts';

/** What the data plane needs from outside. process/worker.ts fills these; gateway/ imports no store, ledger, billing or admin,
 *  so the import table answers whether a request can wait for the database. */
export interface GatewayPorts {
  /** The current snapshot; an exchange reads it once and keeps it. */
  snapshot(): Snapshot;
  readonly journal: ExchangeJournal;
  readonly budgets: BudgetHolds;
  readonly permits: DeploymentPermits;
  /** The provider account's credential in the clear; undefined for none. Never logged. */
  credential(provider: string): string | undefined;
  /** HMAC-SHA-256, hex, of a presented secret; the snapshot's keys are looked up by it. */
  digestSecret(secret: string): string;
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
   *  within 50 ms. A Fault is `budget_exhausted` or `budget_unverifiable`. */
  take(budgets: readonly string[], amount: bigint, nowMs: number): BudgetHold | Fault | Promise<BudgetHold | Fault>;
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
  /** Something that an operator must look at: quarantine, charge over hold, credential refused. */
  alert(alert: { readonly code: string; readonly message: string; readonly exchangeId: string }): void;
}

export interface EndedExchange {
  readonly admit: import('../journal/record.ts').AdmitRecord;
  readonly end: import('../journal/record.ts').EndRecord;
}
