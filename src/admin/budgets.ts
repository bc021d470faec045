import { z } from '@hono/zod-openapi';
import { isReached } from '../access/caller.ts';
import { compileBudgets } from '../control/budgets.ts';
import { type Configuration, organisationOf, resourceOf } from '../control/resources.ts';
import { listAlerts, readBudgetWindows } from '../ledger/queries.ts';
import { readShadowStandings, type ShadowStanding } from '../ledger/shadow-budgets.ts';
import { formatAtto } from '../pricing/money.ts';
import type { AdminDependencies } from './dependencies.ts';
import { type Operation, operation, pageLimitMax, pageOf, pageQuery } from './operation.ts';

const budgetSchema = z
  .object({
    id: z.string(),
    scope: z.enum(['key', 'project', 'organisation', 'installation']),
    subject: z.string(),
    limit: z.string(),
    currency: z.string(),
    period: z.enum(['day', 'week', 'month', 'total']),
    hard: z.boolean(),
    model: z.string().optional(),
    provider: z.string().optional(),
    route: z.string().optional(),
    shadow: z.boolean(),
    onExhausted: z.string().optional().openapi({ description: 'The route that serves instead of a refusal.' }),
    windows: z.array(
      z.object({
        window: z.string(),
        spent: z.string(),
        leased: z.string(),
        wouldHaveRefused: z
          .number()
          .int()
          .optional()
          .openapi({
            description:
              'Of a shadow: requests that cost something and came when the limit was spent; for the hour (of a day) or the day ' +
              '(of longer periods) in which that happened, its share of them.',
          }),
      }),
    ),
  })
  .openapi('Budget');

const alertSchema = z
  .object({
    id: z.string(),
    at: z.string(),
    code: z.string(),
    message: z.string(),
    exchangeId: z.string().nullable(),
  })
  .openapi('Alert');

/** Where budgets stand, and what an operator should look at. */
export function budgetOperations({ control, store, nowMs }: AdminDependencies): readonly Operation[] {
  return [
    operation({
      method: 'get',
      path: '/api/v1/budgets',
      access: { permission: 'budgets.read', scope: 'organisation', of: 'answer' },
      summary:
        'Budgets; of hard ones also what is spent and set aside by window, of shadows what they would have refused in this one',
      query: pageQuery,
      answer: z.object({ items: z.array(budgetSchema), next: z.string().optional() }),
      handle: async ({ query, caller }) => {
        const configuration = await control.readConfiguration();
        const reach = caller.reach('budgets.read');
        const budgets = compileBudgets(configuration).filter(budget =>
          budget.scope === 'installation' ? reach === 'all' : isReached(reach, placeOf(budget, configuration)),
        );
        budgets.sort((left, right) => (left.id < right.id ? -1 : 1));
        const page = pageOf(budgets, query);
        const windows = await readBudgetWindows(
          store,
          page.items.map(({ id }) => id),
        );
        const shadows = await readShadowStandings(store, page.items, nowMs());
        const byBudget = Map.groupBy(windows, window => window.budget);
        return {
          ...page,
          items: page.items.map(({ limitAtto, warnAtPpm: _warnAt, shadow, ...budget }) => ({
            ...budget,
            limit: formatAtto(BigInt(limitAtto)),
            shadow: shadow ?? false,
            windows: [
              ...(byBudget.get(budget.id) ?? []).map(({ window, spent, leased }) => ({ window, spent, leased })),
              ...shadowWindows(shadows.get(budget.id)),
            ],
          })),
        };
      },
    }),
    operation({
      method: 'get',
      path: '/api/v1/alerts',
      access: { permission: 'alerts.read', scope: 'installation' },
      summary: 'The newest alerts: quarantined readings, charges over their hold, budgets near their limit',
      query: z.strictObject({ limit: z.coerce.number().int().min(1).max(pageLimitMax).default(100) }),
      answer: z.object({ items: z.array(alertSchema) }),
      handle: async ({ query }) => ({ items: await listAlerts(store, query.limit) }),
    }),
  ];
}

/** Nothing is leased of a shadow. */
function shadowWindows(standing: ShadowStanding | undefined) {
  if (standing === undefined) return [];
  const { window, spentAtto, wouldHaveRefused } = standing;
  return [{ window, spent: formatAtto(spentAtto), leased: '0', wouldHaveRefused }];
}

/** Where a budget counts: its organisation, and its project as `organisation/name`. */
function placeOf(
  { scope, subject }: { readonly scope: string; readonly subject: string },
  configuration: Configuration,
): { readonly organisation: string; readonly project?: string } {
  if (scope === 'organisation') return { organisation: subject };
  const project = scope === 'project' ? subject : (resourceOf(configuration, 'key', subject)?.project ?? '/');
  return { organisation: organisationOf(project), project };
}
