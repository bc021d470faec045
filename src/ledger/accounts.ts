/** The chart of accounts. Every currency has a ledger of its own with these accounts in it: an account is its name in one
 *  currency, and a transfer names its currency once, so it cannot leave its ledger. Memo accounts are a ledger of their
 *  own beside each, off the balance: what is held or committed is not owed. docs/decisions/0035-ledger.md */

export type AccountKind = 'asset' | 'liability' | 'income' | 'expense' | 'memo';

export interface AccountName<Kind extends AccountKind = AccountKind> {
  readonly name: string;
  readonly kind: Kind;
}

/** Of the balance sheet and its results. */
export type BookAccount = AccountName<'asset' | 'liability' | 'income' | 'expense'>;
export type MemoAccount = AccountName<'memo'>;

/** On this side a balance is positive. */
export const normalSide = {
  asset: 'debit',
  expense: 'debit',
  memo: 'debit',
  liability: 'credit',
  income: 'credit',
} as const satisfies Record<AccountKind, 'debit' | 'credit'>;

/** Settled payments. */
export const cash = account('cash', 'asset');

/** Invoiced, unpaid. */
export const receivable = (organisation: string) => account(`receivable:${organisation}`, 'asset');

/** What an organisation was charged and not invoiced; keeps what is smaller than the smallest coin. */
export const unbilled = (organisation: string) => account(`unbilled:${organisation}`, 'asset');

/** Credits bought at a provider. */
export const providerPrepaid = (provider: string) => account(`provider_prepaid:${provider}`, 'asset');

/** Prepaid value of one grant. */
export const wallet = (organisation: string, grant: string) => account(`wallet:${organisation}:${grant}`, 'liability');

/** Paid for though not used, and still usable. */
export const commitCredit = (contract: string) => account(`commit_credit:${contract}`, 'liability');

/** Metered, not invoiced to us yet. */
export const providerAccrued = (provider: string) => account(`provider_accrued:${provider}`, 'liability');

/** Invoiced to us. */
export const providerPayable = (provider: string) => account(`provider_payable:${provider}`, 'liability');

export const taxPayable = (jurisdiction: string) => account(`tax_payable:${jurisdiction}`, 'liability');

export const revenueClasses = ['inference', 'storage', 'egress', 'accelerator', 'seats'] as const;
export type RevenueClass = (typeof revenueClasses)[number];

export const revenue = (revenueClass: RevenueClass) => account(`revenue:${revenueClass}`, 'income');
export const revenueInference = revenue('inference');
/** Committed, not used, and not usable any more. */
export const revenueShortfall = account('revenue:shortfall', 'income');
/** Granted, not used, and expired. */
export const revenueBreakage = account('revenue:breakage', 'income');

/** Credit given away. */
export const promoExpense = account('promo_expense', 'expense');

/** Rated above the hold: nobody is charged for it, the operator bears it and is told. */
export const overHold = account('operator:over_hold', 'expense');

/** What answers that customers got cost at the provider. */
export const cogs = (provider: string) => account(`cogs:${provider}`, 'expense');
/** What attempts cost whose answer nobody got. */
export const cogsFailedAttempt = account('cogs:failed_attempt', 'expense');
/** What attempts cost of which nobody knows how they ended. */
export const cogsOrphan = account('cogs:orphan', 'expense');
/** What a provider billed beside what was rated. */
export const cogsPriceVariance = account('cogs:price_variance', 'expense');

/** What is left of an account when its customer leaves, and the fractions of a cent of providers' invoices. */
export const rounding = account('rounding', 'expense');

/** Set aside for exchanges under way. */
export const held = (walletName: string) => account(`hold:${walletName}`, 'memo');
/** Drawn against a commitment. */
export const drawn = (contract: string, year: string) => account(`commit:${contract}:${year}`, 'memo');
/** The other side of everything on the memo ledger. */
export const memoContra = account('memo:contra', 'memo');

function account<Kind extends AccountKind>(name: string, kind: Kind): AccountName<Kind> {
  return { name, kind };
}

/** Prefix or whole name, what kind it is, and how many parts must follow. The longest prefix that fits counts. */
const chart = [
  ['cash', 'asset', 0],
  ['receivable', 'asset', 1],
  ['unbilled', 'asset', 1],
  ['provider_prepaid', 'asset', 1],
  ['wallet', 'liability', 2],
  ['commit_credit', 'liability', 1],
  ['provider_accrued', 'liability', 1],
  ['provider_payable', 'liability', 1],
  ['tax_payable', 'liability', 1],
  ['revenue', 'income', 1],
  ['promo_expense', 'expense', 0],
  ['operator:over_hold', 'expense', 0],
  ['cogs', 'expense', 1],
  ['rounding', 'expense', 0],
  ['hold', 'memo', 1],
  ['commit', 'memo', 2],
  ['memo:contra', 'memo', 0],
] as const satisfies readonly (readonly [string, AccountKind, number])[];

const revenueNames: ReadonlySet<string> = new Set([...revenueClasses, 'shortfall', 'breakage']);
export const accountNameLengthMax = 300;

/** The account of the chart that a text names; undefined when there is none of that name. The last part may have colons. */
export function parseAccountName(text: string): AccountName | undefined {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: a name is shown on terminals and in files
  if (text.length > accountNameLengthMax || /[\x00-\x20\x7f]/.test(text)) return undefined;
  for (const [prefix, kind, parts] of chart) {
    if (parts === 0) {
      if (text === prefix) return { name: text, kind };
      continue;
    }
    if (!text.startsWith(`${prefix}:`)) continue;
    const rest = text.slice(prefix.length + 1).split(':');
    if (rest.length < parts || rest.some(part => part === '')) return undefined;
    if (prefix === 'revenue' && !revenueNames.has(rest.join(':'))) return undefined;
    return { name: text, kind };
  }
  return undefined;
}
