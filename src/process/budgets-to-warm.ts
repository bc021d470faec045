import { refuses } from '../snapshot/budgets.ts';
import type { Snapshot } from '../snapshot/load.ts';

/** More would be a rush, at a start or at a large change, for what may never be used. */
const warmedBudgetsMax = 32;

type Budgets = Pick<Snapshot, 'budgets' | 'wallets' | 'findBudget'>;

/** Hard budgets and wallets to ask allowance for before a request needs it: the first of them, and of a later snapshot
 *  the first that are new in it, or that refuse only now. */
export function budgetsToWarm(
  snapshot: Budgets,
  before?: Budgets,
): { readonly id: string; readonly limitAtto: bigint }[] {
  const known = new Set(before === undefined ? [] : refusingIds(before));
  return refusingIds(snapshot)
    .filter(id => !known.has(id))
    .slice(0, warmedBudgetsMax)
    .map(id => ({ id, limitAtto: snapshot.findBudget(id)!.limitAtto }));
}

function refusingIds({ budgets, wallets }: Budgets): string[] {
  const hard = [...budgets.values()].filter(refuses);
  return [...hard.map(({ id }) => id), ...wallets.flatMap(({ onlyPool }) => onlyPool ?? [])];
}
