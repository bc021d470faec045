import { z } from 'zod';

/** Blocks `budget` and `budgets` of the declarative file. */

const budgetsMax = 32;
const installationBudgetsMax = 256;

export const decimal = (integerDigits: number, decimals: number, what: string) =>
  z
    .string({ error: `must be a decimal string in quotes, such as "1.25": ${what}` })
    .regex(new RegExp(`^\\d{1,${integerDigits}}(?:\\.\\d{1,${decimals}})?$`), {
      error: `must be a decimal such as "1.25", with at most ${decimals} decimals and no sign`,
    });

export const amount = decimal(18, 18, 'an amount of money');
const share = z
  .string({ error: 'must be a decimal string in quotes, such as "0.8"' })
  .regex(/^(?:0\.\d{1,6}|1(?:\.0{1,6})?)$/, {
    error: 'must be a part of the limit, above 0 and at most 1, such as "0.8"',
  })
  .refine(text => Number(text) > 0, { error: 'must be above 0' });
const pattern = z
  .string()
  .min(1)
  .max(200)
  .regex(/^[^\s]+$/, { error: 'must not contain spaces' });

const shape = {
  limit: amount.describe('In the currency of the sell book.'),
  period: z.enum(['day', 'week', 'month', 'total']).default('month').describe('UTC calendar; weeks begin on Monday.'),
  hard: z.boolean().default(true).describe('Requests that do not fit are refused; otherwise warned about only.'),
  warnAt: z.array(share).max(16).default([]).describe('Parts of the limit at which to warn.'),
  shadow: z
    .boolean()
    .default(false)
    .describe('Of a hard one: refuse nothing, and tell once a period when it would have refused.'),
  onExhausted: z
    .strictObject({
      route: z
        .string()
        .max(256)
        .regex(/^[^\s]+$/, { error: 'must not contain spaces' })
        .describe('Route, deployment or model that serves instead.'),
    })
    .optional()
    .describe(
      'Instead of a refusal; declared as a loss and in x-carrier-downgraded, refused under x-carrier-strict. What serves instead must fit this budget, too, unless it is outside of what the budget is narrowed to, or free.',
    ),
};

const refusesSomething = (block: { hard: boolean; shadow: boolean; onExhausted?: unknown }) =>
  block.onExhausted === undefined || (block.hard && !block.shadow);
const refusesNothing = { error: 'a budget that refuses nothing has no `onExhausted`' };
const isHardShadow = (block: { hard: boolean; shadow: boolean }) => block.hard || !block.shadow;
const softShadow = { error: 'a budget that is not hard refuses nothing already; leave `shadow` out' };

/** The one that stands alone. */
export const budget = z.strictObject(shape).refine(isHardShadow, softShadow).refine(refusesSomething, refusesNothing);

const narrowed = z
  .strictObject({
    ...shape,
    model: pattern.optional().describe('Pattern over `vendor/name`: only what such a model answers.'),
    provider: pattern.optional().describe('Pattern over names of provider accounts: only what such a one answers.'),
    route: pattern.optional().describe('Pattern over the names that requests ask for.'),
  })
  .refine(isHardShadow, softShadow)
  .refine(refusesSomething, refusesNothing);

export const budgets = z
  .array(narrowed)
  .min(1)
  .max(budgetsMax)
  .optional()
  .describe('Further budgets; each may be narrowed to some models, providers or routes. All that apply must hold.');

/** Of everybody together. */
export const installationBudgets = z
  .array(narrowed)
  .min(1)
  .max(installationBudgetsMax)
  .optional()
  .describe('What all customers together may be charged, as `budgets` of an organisation. None unless said.');

export type DeclaredBudget = z.output<typeof narrowed> | z.output<typeof budget>;
