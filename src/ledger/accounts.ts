/** The chart of accounts, as far as there is something to book. An account is named by its kind and whom it is about. */

export interface AccountName {
  readonly name: string;
  readonly kind: 'asset' | 'liability' | 'income' | 'expense';
}

/** What an organisation was charged and not invoiced. */
export function unbilled(organisation: string): AccountName {
  return { name: `unbilled:${organisation}`, kind: 'asset' };
}

export const revenueInference: AccountName = { name: 'revenue:inference', kind: 'income' };

/** Rated above the hold: nobody is charged for it, the operator bears it and is told. */
export const overHold: AccountName = { name: 'operator:over_hold', kind: 'expense' };

/** What answers that customers got cost at the provider. */
export function cogs(provider: string): AccountName {
  return { name: `cogs:${provider}`, kind: 'expense' };
}

/** What attempts cost whose answer nobody got. */
export const cogsFailedAttempt: AccountName = { name: 'cogs:failed_attempt', kind: 'expense' };

/** Metered, not invoiced to us yet. */
export function providerAccrued(provider: string): AccountName {
  return { name: `provider_accrued:${provider}`, kind: 'liability' };
}
