import type { BudgetWindow } from './allowance-book.ts';
import type { LeasedBlock, LeaseRequest } from './leases.ts';

/** What the broker needs of the ledger; LedgerLeases has it. */
export interface BrokerLeases {
  acquire(request: LeaseRequest): Promise<LeasedBlock | 'exhausted'>;
  release(lease: string, amountAtto: bigint): Promise<boolean>;
  renew(holder: string): Promise<void>;
  close(lease: string): Promise<void>;
  /** False when no other replica holds anything of it. */
  askOthers(budget: string, window: string, holder: string): Promise<boolean>;
  /** Where the budget stands in this window; undefined where nobody is to be told. */
  standing?(budget: string, window: string): Promise<Standing | undefined>;
}

export interface Standing {
  /** Booked. */
  readonly spentAtto: bigint;
  /** Leased and not booked. */
  readonly reservedAtto: bigint;
}

/** To a worker; the messages of the same names in process/messages.ts. */
export type BrokerMessage =
  | {
      readonly type: 'grant';
      readonly request: number;
      readonly grant: { readonly lease: string; readonly amountAtto: string } | undefined;
      readonly refusal: 'exhausted' | 'unverifiable' | undefined;
      readonly standing?: { readonly limitAtto: string; readonly spentAtto: string; readonly reservedAtto: string };
    }
  | { readonly type: 'recall'; readonly budget: string; readonly window: string };

/** From a worker; the body of `lease-request`. */
export interface AllowanceRequest extends BudgetWindow {
  readonly request: number;
  readonly needAtto: string;
  readonly dueAtto: string;
  readonly wantAtto: string;
}

export interface BrokerOptions {
  readonly leases: BrokerLeases;
  /** `<journal>:<generation>` of this supervisor. */
  readonly holder: string;
  /** The hard budget's limit now, from the current snapshot; undefined when there is no such budget. */
  readonly limitAtto: (budget: string) => bigint | undefined;
  /** Budgets of one family share money, as the pools and the windows of one wallet do: before one of them is refused, what
   *  is unused of the others is asked for. Default: every budget is alone, and so is every window. */
  readonly family?: (budget: string) => string | undefined;
  /** Is the window the one that this instant lies in? Others are wound up. */
  readonly isCurrent: (budget: string, window: string) => boolean;
  /** Living workers. */
  readonly workers: () => readonly number[];
  readonly send: (worker: number, message: BrokerMessage) => void;
  /** Do leases of this data directory's earlier generations still wait for their journals to be shipped? What they did
   *  not spend is free in a moment, so that nothing can be called exhausted before. */
  readonly settlingEarlier: () => boolean;
  /** Calls back once; returns how to cancel it. */
  readonly after: (ms: number, run: () => void) => () => void;
  readonly nowMs: () => number;
  /** Is the ledger known to answer? Then it is waited for longer. Unless said, it is not. */
  readonly ledgerAnswers?: () => boolean;
  /** Somebody was told `exhausted`. */
  readonly refused?: (at: BudgetWindow, standing: Standing | undefined) => void;
  readonly log?: (message: string, details: Readonly<Record<string, unknown>>) => void;
}
