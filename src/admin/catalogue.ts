import { z } from '@hono/zod-openapi';
import { missingPrices, pricesOf } from '../control/price-book.ts';
import { type Configuration, type DeploymentResource, resourcesOf } from '../control/resources.ts';
import { inflowPercentDefault } from '../routing/health/budgets.ts';
import type { AdminDependencies } from './dependencies.ts';
import { type Operation, operation, pageOf, pageQuery } from './operation.ts';
import { shownPrices, shownPricesSchema } from './shown-prices.ts';

const deploymentSchema = z
  .object({
    id: z.string(),
    provider: z.string(),
    model: z.string(),
    targetModel: z.string(),
    zones: z.object({ processing: z.string() }),
    limits: z.object({
      concurrency: z.int().nullable(),
      inflowPercent: z.int().openapi({ description: 'Of it, for requests that another deployment failed.' }),
    }),
    outputTokensMax: z.int(),
    sell: shownPricesSchema,
    buy: shownPricesSchema,
    missing: z
      .object({ sell: z.array(z.string()), buy: z.array(z.string()) })
      .openapi({ description: 'What keeps it from having a complete price: without both it is not called.' }),
    origin: z.enum(['declared', 'environment']),
  })
  .openapi('Deployment');

/** Deployments and models: what can be called and what it costs. */
export function catalogueOperations({ control, nowMs }: AdminDependencies): readonly Operation[] {
  return [
    operation({
      method: 'get',
      path: '/api/v1/models',
      summary: 'List models with the deployments that serve them',
      query: pageQuery,
      answer: z.object({
        items: z.array(z.object({ id: z.string(), deployments: z.array(z.string()), priced: z.boolean() })),
        next: z.string().optional(),
      }),
      handle: async ({ query }) => pageOf(listModels(await control.readConfiguration()), query),
    }),
    operation({
      method: 'get',
      path: '/api/v1/deployments',
      summary: 'List deployments with their prices',
      query: pageQuery,
      answer: z.object({ items: z.array(deploymentSchema), next: z.string().optional() }),
      handle: async ({ query }) => {
        const configuration = await control.readConfiguration();
        const page = pageOf(resourcesOf(configuration, 'deployment'), query);
        return { ...page, items: page.items.map(deployment => toAnswer(configuration, deployment, nowMs())) };
      },
    }),
  ];
}

function listModels(configuration: Configuration) {
  const byModel = Map.groupBy(resourcesOf(configuration, 'deployment'), deployment => deployment.model);
  return [...byModel]
    .map(([id, serving]) => ({
      id,
      deployments: serving.map(deployment => deployment.id),
      priced: serving.some(deployment => isPriced(configuration, deployment)),
    }))
    .sort((left, right) => (left.id < right.id ? -1 : 1));
}

function isPriced(configuration: Configuration, deployment: DeploymentResource): boolean {
  return pricesOf(configuration, 'sell', deployment) !== null && pricesOf(configuration, 'buy', deployment) !== null;
}

function toAnswer(configuration: Configuration, deployment: DeploymentResource, nowMs: number) {
  const { id, provider, model, targetModel, processing, concurrencyMax, outputTokensMax, origin } = deployment;
  return {
    id,
    provider,
    model,
    targetModel,
    zones: { processing },
    limits: { concurrency: concurrencyMax, inflowPercent: deployment.inflowPercent ?? inflowPercentDefault },
    outputTokensMax,
    sell: shownPrices(configuration, 'sell', { deployment, nowMs }),
    buy: shownPrices(configuration, 'buy', { deployment, nowMs }),
    missing: {
      sell: missingPrices(configuration, 'sell', deployment),
      buy: missingPrices(configuration, 'buy', deployment),
    },
    origin,
  };
}
