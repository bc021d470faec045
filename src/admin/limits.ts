import { z } from '@hono/zod-openapi';
import { type Caller, isReached } from '../access/caller.ts';
import { compileLimits } from '../control/limits.ts';
import { type Configuration, organisationOf, resourceOf } from '../control/resources.ts';
import { readLimitWindows } from '../limits/limit-views.ts';
import { type LimitEntry, limitMeasures, limitScopes, loadLimit } from '../snapshot/limits.ts';
import type { AdminDependencies } from './dependencies.ts';
import { type Operation, operation, pageOf, pageQuery } from './operation.ts';

const limitSchema = z
  .object({
    id: z.string(),
    scope: z.enum(limitScopes),
    subject: z.string(),
    measure: z.enum(limitMeasures),
    limit: z.int(),
    model: z.string().optional().openapi({ description: 'Pattern: only requests that may go to such a model.' }),
    provider: z.string().optional().openapi({ description: 'Pattern over names of provider accounts.' }),
    route: z.string().optional().openapi({ description: 'Pattern over names that requests ask for.' }),
    shadow: z.boolean().openapi({ description: 'Counts what it would have refused, and refuses nothing.' }),
    onExhausted: z.string().optional().openapi({ description: 'The route that requests take instead.' }),
    windows: z
      .array(
        z.object({
          from: z.string(),
          to: z.string(),
          used: z.int(),
          setAside: z
            .int()
            .openapi({ description: 'Given out to replicas; of concurrency, what they may have at this moment.' }),
          refused: z.int(),
          wouldHaveRefused: z.int(),
        }),
      )
      .openapi({ description: 'Newest first; minutes are kept for 20 minutes. Counts are a few seconds old.' }),
  })
  .openapi('Limit');

/** Where limits stand. */
export function limitOperations({ control, store }: AdminDependencies): readonly Operation[] {
  return [
    operation({
      method: 'get',
      path: '/api/v1/limits',
      access: { permission: 'limits.read', scope: 'organisation', of: 'answer' },
      summary: 'Limits of requests, tokens and requests at once: what was used and refused, by window',
      query: pageQuery,
      answer: z.object({ items: z.array(limitSchema), next: z.string().optional() }),
      handle: async ({ query, caller }) => {
        const configuration = await control.readConfiguration();
        const limits = compileLimits(configuration).filter(limit => concerns(limit, caller, configuration));
        limits.sort((left, right) => (left.id < right.id ? -1 : 1));
        const page = pageOf(limits, query);
        const windows = await readLimitWindows(store, page.items.map(loadLimit));
        const byLimit = Map.groupBy(windows, window => window.limit);
        return {
          ...page,
          items: page.items.map(limit => ({
            ...limit,
            shadow: limit.shadow ?? false,
            windows: (byLimit.get(limit.id) ?? []).map(({ limit: _, ...window }) => window),
          })),
        };
      },
    }),
  ];
}

/** What all callers share is the installation's: it would tell one customer of the others. */
function concerns({ scope, subject }: LimitEntry, caller: Caller, configuration: Configuration): boolean {
  const reach = caller.reach('limits.read');
  if (reach === 'all') return true;
  if (scope === 'organisation') return isReached(reach, { organisation: subject });
  if (scope !== 'project' && scope !== 'key') return false;
  const project = scope === 'project' ? subject : resourceOf(configuration, 'key', subject)?.project;
  return project !== undefined && isReached(reach, { organisation: organisationOf(project), project });
}
