import type { Fault } from '../completion/fault.ts';
import type { BudgetHold } from '../gateway/ports.ts';
import type { BudgetStanding } from './budget-refusal.ts';

/** The allowance of one budget in one window that this worker holds, by lease. */
export interface Account {
  readonly key: string;
  readonly budget: string;
  readonly window: string;
  /** Unused amount by lease. A hold is taken from one lease, so that its charge names one. */
  readonly free: Map<string, bigint>;
  readonly waiters: Set<Taker>;
  /** The question on behalf of those who wait. */
  outstanding: Outstanding | undefined;
  /** The question ahead of need; those who begin to wait meanwhile do not wait for its answer. */
  refill: Outstanding | undefined;
  /** The limit was lowered since the last grant. */
  lowered: boolean;
  /** Another window of the budget was asked for since. */
  over: boolean;
  blockAtto: bigint;
  grantedAtMs: number;
  refillAfterMs: number;
  /** Nobody could add so much to what is free here; undefined when that is not known. */
  exhausted: { readonly needAtto: bigint; readonly atMs: number } | undefined;
  /** Where the budget stood when it was last refused. */
  standing: BudgetStanding | undefined;
  usedAtMs: number;
  openHolds: number;
}

export interface Outstanding {
  readonly request: number;
  readonly account: Account;
  readonly needAtto: bigint;
  /** The limits under which it was asked. */
  readonly limits: number;
}

/** As in the lease-request message. */
export interface RequestedAmounts {
  readonly needAtto: bigint;
  readonly dueAtto: bigint;
  readonly wantAtto: bigint;
}

export interface Taker {
  readonly accounts: readonly Account[];
  readonly amount: bigint;
  readonly startedAtMs: number;
  /** Wall clock at the request. */
  readonly nowMs: number;
  /** What its own deadline leaves. */
  readonly waitMsMax: number;
  readonly resolve: (answer: BudgetHold | Fault) => void;
  cancelTimer: () => void;
}

export function accountKey(budget: string, window: string): string {
  return `${budget} ${window}`;
}

/** The lease with the least left that suffices, so that large remainders stay for large holds. */
export function leaseFor(account: Account, amount: bigint): string | undefined {
  let best: string | undefined;
  let bestFree = 0n;
  for (const [lease, free] of account.free) {
    if (free < amount || (best !== undefined && free >= bestFree)) continue;
    best = lease;
    bestFree = free;
  }
  return best;
}

export function largestFree(account: Account): bigint {
  let largest = 0n;
  for (const free of account.free.values()) if (free > largest) largest = free;
  return largest;
}

export function isAsking(account: Account): boolean {
  return account.outstanding !== undefined || account.refill !== undefined;
}

export function largest(one: bigint, other: bigint): bigint {
  return one > other ? one : other;
}
