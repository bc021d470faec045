import { Fault } from '../completion/fault.ts';
import type { RequestScan } from '../dialects/dialect.ts';
import { chargeBounds } from '../metering/bounds.ts';
import { maximumCharge } from '../pricing/rate.ts';
import type { Deployment, Principal } from '../snapshot/load.ts';
import type { BudgetHold, BudgetHolds } from './ports.ts';

/** What may be tried, and what is set aside for it. */
export interface Admission {
  /** The order of the decision, without deployments whose cost the hold would not cover. */
  readonly order: readonly Deployment[];
  /** undefined when no hard budget applies. */
  readonly hold: BudgetHold | undefined;
  /** The output limit to send instead of the client's, where the key allows lowering it. */
  readonly loweredOutputTokensMax: number | undefined;
}

export interface AdmissionQuestion {
  readonly order: readonly Deployment[];
  readonly principal: Principal;
  readonly scan: RequestScan;
  readonly bodyBytes: number;
  readonly strict: boolean;
  readonly nowMs: number;
}

/** Sets aside the most that the exchange can cost: the maximum over the order, since any of them may answer. When that
 *  does not fit, the order is shortened to what does; when nothing does, the output limit is lowered, if the key allows
 *  it. Throws Fault `budget_exhausted` or `budget_unverifiable`. */
export async function takeHold(question: AdmissionQuestion, budgets: BudgetHolds): Promise<Admission> {
  const { order, principal, nowMs } = question;
  if (principal.hardBudgets.length === 0) return { order, hold: undefined, loweredOutputTokensMax: undefined };

  const costs = order.map(deployment => worstCost(question, deployment, undefined));
  const whole = await take(budgets, principal, maximum(costs), nowMs);
  if (!(whole instanceof Fault)) return { order, hold: whole, loweredOutputTokensMax: undefined };
  if (whole.code !== 'budget_exhausted') throw whole;

  const available = await budgets.available(principal.hardBudgets, nowMs);
  const affordable = order.filter((_, index) => costs[index]! <= available);
  if (affordable.length > 0) {
    const amount = maximum(costs.filter(cost => cost <= available));
    const hold = await take(budgets, principal, amount, nowMs);
    if (hold instanceof Fault) throw hold;
    return { order: affordable, hold, loweredOutputTokensMax: undefined };
  }
  return lowerOutput(question, available, budgets, whole);
}

async function lowerOutput(
  question: AdmissionQuestion,
  available: bigint,
  budgets: BudgetHolds,
  refusal: Fault,
): Promise<Admission> {
  const { order, principal, strict, nowMs } = question;
  if (!principal.lowerOutputToFit || strict) throw refusal;
  for (const deployment of order) {
    const lowered = largestOutput(question, deployment, available);
    if (lowered < loweredOutputTokensMin) continue;
    const hold = await take(budgets, principal, worstCost(question, deployment, lowered), nowMs);
    if (hold instanceof Fault) throw hold;
    return { order: [deployment], hold, loweredOutputTokensMax: lowered };
  }
  throw refusal;
}

/** An answer shorter than that is of no use to anyone, and some providers refuse such limits. */
const loweredOutputTokensMin = 16;

/** The largest output limit whose worst cost still fits; 0 when even the input alone does not. Cost grows with output,
 *  so bisection finds it in at most 53 steps. */
function largestOutput(question: AdmissionQuestion, deployment: Deployment, available: bigint): number {
  let fits = 0;
  let fails = Math.min(question.scan.outputTokensMax ?? deployment.outputTokensMax, deployment.outputTokensMax) + 1;
  while (fails - fits > 1) {
    const middle = Math.floor((fits + fails) / 2);
    if (worstCost(question, deployment, middle) <= available) fits = middle;
    else fails = middle;
  }
  return fits;
}

function worstCost(question: AdmissionQuestion, deployment: Deployment, outputTokensMax: number | undefined): bigint {
  const { scan, bodyBytes } = question;
  const bounds = chargeBounds(
    { ...scan, bodyBytes, outputTokensMax: outputTokensMax ?? scan.outputTokensMax },
    deployment,
  );
  if (deployment.sell === undefined) throw new Error(`deployment ${deployment.id} was chosen without a sell price`);
  return maximumCharge(bounds, deployment.sell);
}

function take(budgets: BudgetHolds, principal: Principal, amount: bigint, nowMs: number) {
  return budgets.take(principal.hardBudgets, amount, nowMs);
}

function maximum(amounts: readonly bigint[]): bigint {
  return amounts.reduce((most, amount) => (amount > most ? amount : most), 0n);
}
