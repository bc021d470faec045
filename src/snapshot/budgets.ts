import { matchesPattern } from './allow.ts';
import { narrowingOf } from './limits.ts';
import type { BudgetEntry } from './snapshot.ts';
import type { ScopedDeployment } from './wallets.ts';

/** Names what is counted: unchanged when only the limit changes. Period and currency are in it, since spending of one must
 *  not count against a limit in the other. */
export function budgetId(
  of: Pick<BudgetEntry, 'scope' | 'subject' | 'period' | 'currency' | 'model' | 'provider' | 'route' | 'shadow'>,
): string {
  const narrowed = narrowingOf(of).map(([name, pattern]) => ` ${name}=${pattern}`);
  const shadow = of.shadow === true ? ' shadow' : '';
  return `${of.scope}:${of.subject}:${of.period}:${of.currency}${narrowed.join('')}${shadow}`;
}

/** `the month budget of project acme/web for openai/*`. */
export function describeBudget(
  budget: Pick<BudgetEntry, 'scope' | 'subject' | 'period' | 'model' | 'provider' | 'route'>,
) {
  const narrowed = narrowingOf(budget);
  const of = narrowed.length === 0 ? '' : ` for ${narrowed.map(([, pattern]) => pattern).join(', ')}`;
  const whose = budget.scope === 'installation' ? 'the installation' : `${budget.scope} ${budget.subject}`;
  return `the ${budget.period} budget of ${whose}${of}`;
}

/** Does it refuse what does not fit? */
export function refuses({ hard, shadow }: Pick<BudgetEntry, 'hard' | 'shadow'>): boolean {
  return hard && shadow !== true;
}

export function isNarrowed({ model, provider, route }: Pick<BudgetEntry, 'model' | 'provider' | 'route'>): boolean {
  return model !== undefined || provider !== undefined || route !== undefined;
}

/** Does what this deployment answers on this route count? */
export function counts(
  { model, provider, route }: Pick<BudgetEntry, 'model' | 'provider' | 'route'>,
  routeName: string,
  deployment: ScopedDeployment,
): boolean {
  if (route !== undefined && !matchesPattern(route, routeName)) return false;
  if (model !== undefined && !matchesPattern(model, deployment.model)) return false;
  return provider === undefined || matchesPattern(provider, deployment.provider.name);
}
