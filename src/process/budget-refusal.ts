import { Fault } from '../completion/fault.ts';
import { formatAtto } from '../pricing/money.ts';
import { describeBudget } from '../snapshot/budgets.ts';
import type { BudgetEntry } from '../snapshot/snapshot.ts';
import { windowEndsAtMs } from './budget-window.ts';

/** Where a budget stood in its window when the ledger last said that it has not enough. Atto-currency. */
export interface BudgetStanding {
  readonly limitAtto: bigint;
  /** Booked. */
  readonly spentAtto: bigint;
  /** Set aside by requests under way, and spent but not booked yet. */
  readonly reservedAtto: bigint;
}

export interface BudgetRefusal {
  readonly budget: string;
  readonly entry: BudgetEntry | undefined;
  /** The organisation whose wallet it is, where it is one. */
  readonly walletOf: string | undefined;
  readonly window: string;
  readonly amountAtto: bigint;
  readonly standing: BudgetStanding | undefined;
  readonly nowMs: number;
}

/** What is held comes free within seconds. */
const reservedRetryAfterMs = 1_000;
/** Clients that obey Retry-After sleep through it: beyond a day they are better told than made to wait. */
const retryAfterMsMax = 86_400_000;

/** Names the budget, where it stands and when it renews. What all customers together spend is the operator's to know. */
export function budgetExhausted(refusal: BudgetRefusal): Fault {
  const { budget, entry, walletOf, window, standing, amountAtto, nowMs } = refusal;
  if (entry === undefined) {
    const whose =
      walletOf === undefined ? undefined : `The wallet of ${walletOf} cannot hold the cost of this request.`;
    return new Fault('budget_exhausted', whose, { budget });
  }
  const endsAtMs = windowEndsAtMs(entry.period, window);
  const renews = endsAtMs === undefined ? 'it does not renew' : `it renews at ${new Date(endsAtMs).toISOString()}`;
  const isOwn = entry.scope !== 'installation';
  const name = describeBudget(entry);
  const figures = standing === undefined || !isOwn ? '' : `${figuresOf(standing, entry.currency)}; `;
  const message = `${name[0]!.toUpperCase()}${name.slice(1)} cannot hold the cost of this request: ${figures}${renews}.`;
  // Where it is not known what is spent, it may be no more than reserved.
  const isReserved = standing === undefined || standing.limitAtto - standing.spentAtto >= amountAtto;
  const untilRenewalMs = endsAtMs === undefined ? undefined : Math.max(0, endsAtMs - nowMs);
  const retryAfterMs = isReserved ? reservedRetryAfterMs : untilRenewalMs;
  const says = retryAfterMs !== undefined && retryAfterMs <= retryAfterMsMax;
  return new Fault('budget_exhausted', message, { budget, ...(says ? { retryAfterMs } : {}) });
}

function figuresOf({ limitAtto, spentAtto, reservedAtto }: BudgetStanding, currency: string): string {
  return `limit ${formatAtto(limitAtto)} ${currency}, spent ${formatAtto(spentAtto)}, reserved ${formatAtto(reservedAtto)}`;
}
