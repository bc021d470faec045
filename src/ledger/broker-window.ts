import type { AllowanceAmounts, BudgetWindow } from './allowance-book.ts';
import type { Standing } from './broker-port.ts';

export interface Waiting extends AllowanceAmounts {
  readonly worker: number;
  readonly request: number;
  readonly cancelTimer: () => void;
}

export interface WindowState extends BudgetWindow {
  readonly waiting: Set<Waiting>;
  replenishing: boolean;
  acquiring: Promise<LedgerAnswer> | undefined;
  /** Nobody waits for that answer any more. */
  isLate: boolean;
  /** A request came while the last steps of replenishing were under way. */
  again: boolean;
  askedAtMs: number;
  /** As of the last snapshot that was looked at. */
  limitAtto: bigint;
  /** The limit was lowered since the ledger last granted: what is here or comes back goes to the ledger, which knows what
   *  the lower limit leaves, and is dealt to nobody. */
  lowered: boolean;
  /** Workers that were asked to give back and have not answered, with how often. */
  readonly recalled: Map<number, number>;
  onRecalled: (() => void) | undefined;
  /** The ledger could not add so much to what is free in the book. */
  ledgerLacks: Shortage | undefined;
  /** When the ledger was last short, for those who are refused. */
  standing: Standing | undefined;
  /** Nor could other workers and other replicas. */
  exhausted: Shortage | undefined;
}

export function newWindow({ budget, window }: BudgetWindow, limitAtto: bigint): WindowState {
  return {
    budget,
    window,
    waiting: new Set(),
    replenishing: false,
    acquiring: undefined,
    isLate: false,
    again: false,
    askedAtMs: 0,
    limitAtto,
    lowered: false,
    recalled: new Map(),
    onRecalled: undefined,
    ledgerLacks: undefined,
    exhausted: undefined,
    standing: undefined,
  };
}

/** What is left of a lease when its generation ends without the ledger. */
export interface CarriedLease extends BudgetWindow {
  readonly lease: string;
  readonly amountAtto: bigint;
  /** The budget's limit when it was granted. */
  readonly limitAtto: bigint;
}

/** A shortage: the ledger has not so much. */
export type LedgerAnswer = 'granted' | 'no-answer' | Shortage;

/** Found under this limit, at this instant. */
export interface Shortage {
  readonly atto: bigint;
  readonly limitAtto: bigint | undefined;
  readonly atMs: number;
}

/** Does anybody of them need it? A worker that only refills ahead is no reason to disturb others. */
export function hasNeed(waiting: ReadonlySet<Waiting>): boolean {
  for (const { needAtto } of waiting) if (needAtto > 0n) return true;
  return false;
}

export function largestNeed({ waiting }: WindowState): bigint {
  let largest = 0n;
  for (const { needAtto } of waiting) if (needAtto > largest) largest = needAtto;
  return largest;
}

/** Something came free: what was short may not be any more. */
export function forgetShortage(state: WindowState): void {
  state.ledgerLacks = undefined;
  state.exhausted = undefined;
}

/** Whoever asks knows best what he has; only when several ask is everybody asked. */
export function onlyAsker(state: WindowState): number | undefined {
  const askers = new Set([...state.waiting].map(({ worker }) => worker));
  return askers.size === 1 ? [...askers][0] : undefined;
}

export function windowKey({ budget, window }: BudgetWindow): string {
  return JSON.stringify([budget, window]);
}

/** The answers that came in time; none when not all did. */
export async function within<Answer>(
  late: Promise<unknown>,
  answers: Promise<readonly Answer[]>,
): Promise<readonly Answer[]> {
  return Promise.race([answers, late.then(() => [])]);
}

export function writtenStanding({ spentAtto, reservedAtto }: Standing, limitAtto: bigint) {
  return {
    limitAtto: limitAtto.toString(),
    spentAtto: spentAtto.toString(),
    reservedAtto: reservedAtto.toString(),
  };
}
