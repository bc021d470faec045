import { parseAtto } from '../pricing/money.ts';
import { budgetId, describeBudget } from '../snapshot/budgets.ts';
import type { BudgetEntry } from '../snapshot/snapshot.ts';
import type { DeclaredBudget } from './declaration-budgets.ts';
import { namesOf } from './limits.ts';
import { currencyOf } from './price-book.ts';
import { type Budget, type Configuration, resourceOf, resourcesOf } from './resources.ts';

/** One spelling for one budget: no superfluous zeros, warnings in order, what is not said absent. */
export function toBudget(declared: DeclaredBudget | undefined): Budget | null {
  if (declared === undefined) return null;
  const {
    model,
    provider,
    route,
  }: { model?: string | undefined; provider?: string | undefined; route?: string | undefined } =
    'model' in declared || 'provider' in declared || 'route' in declared ? declared : {};
  return {
    limit: plainDecimal(declared.limit),
    period: declared.period,
    hard: declared.hard,
    warnAt: [...new Set(declared.warnAt.map(plainDecimal))].sort((left, right) => Number(left) - Number(right)),
    ...(model === undefined ? {} : { model }),
    ...(provider === undefined ? {} : { provider }),
    ...(route === undefined ? {} : { route }),
    ...(declared.shadow ? { shadow: true } : {}),
    ...(declared.onExhausted === undefined ? {} : { onExhausted: { route: declared.onExhausted.route } }),
  };
}

/** In one order, so that how they were written does not count as a change. */
export function toBudgets(declared: readonly DeclaredBudget[] | undefined): readonly Budget[] | undefined {
  if (declared === undefined || declared.length === 0) return undefined;
  const spelt = declared.map(each => toBudget(each)!);
  const idOf = (budget: Budget) => budgetId({ ...budget, scope: 'key', subject: '', currency: '' });
  return spelt.sort((left, right) => (idOf(left) < idOf(right) ? -1 : 1));
}

/** All budgets, whoever they bind, in the currency of the sell book. */
export function compileBudgets(configuration: Configuration): BudgetEntry[] {
  const currency = currencyOf(configuration, 'sell');
  const own = (['key', 'organisation', 'project'] as const).flatMap(scope =>
    resourcesOf(configuration, scope).flatMap(({ id, budget, budgets }) =>
      [...(budget === null ? [] : [budget]), ...(budgets ?? [])].map(each =>
        budgetEntry({ scope, subject: id, budget: each, currency }),
      ),
    ),
  );
  const ofAll = resourceOf(configuration, 'policies', 'policies')?.budgets ?? [];
  return [...own, ...ofAll.map(budget => budgetEntry({ scope: 'installation', subject: '*', budget, currency }))];
}

export interface BudgetProblem {
  readonly scope: BudgetEntry['scope'];
  readonly subject: string;
  readonly message: string;
}

/** Budgets that are said twice, or name a route that is not there. */
export function checkBudgets(configuration: Configuration): readonly BudgetProblem[] {
  const names = namesOf(configuration);
  const seen = new Set<string>();
  return compileBudgets(configuration).flatMap(budget => {
    const { id, scope, subject, onExhausted } = budget;
    const problems: string[] = [];
    if (seen.has(id)) problems.push(`${describeBudget(budget)} is said twice for the same period`);
    seen.add(id);
    if (onExhausted !== undefined && !names.has(onExhausted)) {
      problems.push(`onExhausted names ${onExhausted}, and no route, deployment or model has this name`);
    }
    return problems.map(message => ({ scope, subject, message }));
  });
}

function budgetEntry(of: {
  readonly scope: BudgetEntry['scope'];
  readonly subject: string;
  readonly budget: Budget;
  readonly currency: string;
}): BudgetEntry {
  const { scope, subject, budget, currency } = of;
  const { period, hard, model, provider, route, shadow, onExhausted } = budget;
  const named = {
    scope,
    subject,
    period,
    currency,
    ...(model === undefined ? {} : { model }),
    ...(provider === undefined ? {} : { provider }),
    ...(route === undefined ? {} : { route }),
    ...(shadow === true ? { shadow } : {}),
  };
  return {
    id: budgetId(named),
    ...named,
    limitAtto: parseAtto(budget.limit).toString(),
    hard,
    warnAtPpm: budget.warnAt.map(part => Number(parseAtto(part) / 1_000_000_000_000n)),
    ...(onExhausted === undefined ? {} : { onExhausted: onExhausted.route }),
  };
}

export function plainDecimal(decimal: string): string {
  return decimal
    .replace(/^0+(?=\d)/, '')
    .replace(/(\.\d*?)0+$/, '$1')
    .replace(/\.$/, '');
}
