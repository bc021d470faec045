import { z } from '@hono/zod-openapi';
import { type AdminDependencies, deploymentStates } from './dependencies.ts';
import { type Operation, operation, pageOf, pageQuery } from './operation.ts';

const deploymentHealthSchema = z
  .object({
    id: z.string(),
    provider: z.string(),
    model: z.string(),
    state: z.enum(deploymentStates).openapi({
      description:
        'idle: nothing is known of it. well: it answers. recovering: its share of traffic rises, since it is new or back. ' +
        'saturated: as many attempts at once as it takes. probing: single requests find out whether it is back. cooling: it ' +
        'asked to be left alone (429, 529) until coolingUntil. open: it fails, and is asked last. misconfigured: it refuses ' +
        'our credential or its model; only an answer or another configuration mends that.',
    }),
    breaker: z.object({
      state: z.enum(['closed', 'half-open', 'open', 'misconfigured']),
      scope: z.enum(['deployment', 'account', 'model', 'provider', 'domain']).nullable().openapi({
        description:
          'The smallest thing that explains the failures: of anything wider, all that were tried lately fail.',
      }),
      name: z.string().nullable().openapi({ description: 'Of that account, model, provider or domain.' }),
      until: z.string().nullable().openapi({ description: 'When it is probed next.' }),
    }),
    coolingUntil: z.string().nullable(),
    errorRate: z.number().nullable().openapi({
      description: 'Part of its attempts that failed by its own doing, 0 to 1; the last minute counts most.',
    }),
    latency: z
      .object({
        firstTokenMs: z.number().openapi({ description: 'Of a request without input.' }),
        perInputTokenMs: z.number(),
        perOutputTokenMs: z.number(),
        uncertainty: z
          .number()
          .openapi({ description: 'Two standard errors, as a part of the time; 0.1 is a tenth more or less.' }),
      })
      .nullable()
      .openapi({ description: 'null: nothing was answered in the last minutes.' }),
    concurrency: z.object({
      inFlight: z.int().openapi({ description: 'Attempts at once, when each worker last told the end of one.' }),
      max: z.int(),
      configured: z.boolean().openapi({ description: 'False: max was found out from how it answers.' }),
    }),
    share: z.number().openapi({ description: 'Part of its weight that it gets now, 0 to 1.' }),
    triedAt: z.string().nullable().openapi({ description: 'End of its last attempt that said something of it.' }),
  })
  .openapi('DeploymentHealth');

export function healthOperations({ health, replica, nowMs }: AdminDependencies): readonly Operation[] {
  return [
    operation({
      method: 'get',
      path: '/api/v1/health/deployments',
      access: { permission: 'performance.read', scope: 'provider' },
      summary: 'How the deployments are, as this replica knows it; answers without the database',
      query: pageQuery.extend({
        state: z.enum(deploymentStates).optional(),
        provider: z.string().max(64).optional().openapi({ description: 'Only those of this provider account.' }),
      }),
      answer: z.object({
        replica: z.string(),
        at: z.string(),
        items: z.array(deploymentHealthSchema),
        next: z.string().optional(),
      }),
      handle: async ({ query: { state, provider, ...page }, caller }) => {
        const own = caller.providers('performance.read');
        const asked = health().filter(
          view =>
            (own === 'all' || own.has(view.provider)) &&
            (provider === undefined || view.provider === provider) &&
            (state === undefined || view.state === state),
        );
        return { replica, at: new Date(nowMs()).toISOString(), ...pageOf(asked, page) };
      },
    }),
  ];
}
