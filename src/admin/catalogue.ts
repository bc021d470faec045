import { z } from '@hono/zod-openapi';
import { cardOf, sandboxVersion } from '../control/price-book.ts';
import { type Configuration, type DeploymentResource, resourceOf, resourcesOf } from '../control/resources.ts';
import { formatRate } from '../pricing/money.ts';
import type { RateCardJson } from '../pricing/rate-card.ts';
import type { AdminDependencies } from './dependencies.ts';
import { type Operation, operation, pageOf, pageQuery } from './operation.ts';

const ratesSchema = z.record(z.string(), z.string());
const cardSchema = z
  .object({ version: z.string(), currency: z.string(), rates: ratesSchema, tiers: z.array(z.looseObject({})) })
  .nullable()
  .openapi('RateCard');
const deploymentSchema = z
  .object({
    id: z.string(),
    provider: z.string(),
    model: z.string(),
    targetModel: z.string(),
    zones: z.object({ processing: z.string() }),
    limits: z.object({ concurrency: z.int().nullable() }),
    outputTokensMax: z.int(),
    sell: cardSchema,
    buy: cardSchema,
    origin: z.enum(['declared', 'environment']),
  })
  .openapi('Deployment');

/** Providers, deployments, models and prices: what can be called and what it costs. */
export function catalogueOperations({ control }: AdminDependencies): readonly Operation[] {
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
        return { ...page, items: page.items.map(deployment => toAnswer(configuration, deployment)) };
      },
    }),
    operation({
      method: 'get',
      path: '/api/v1/prices',
      summary: 'The price versions in force, by book, and the rule that publishes facts',
      answer: z.object({
        books: z.array(
          z.object({
            book: z.enum(['sell', 'buy']),
            version: z.string(),
            currency: z.string(),
            origin: z.string(),
            rates: z.record(z.string(), z.object({ rates: ratesSchema, tiers: z.array(z.looseObject({})) })),
          }),
        ),
        rules: z.array(
          z.object({ id: z.string(), state: z.enum(['active', 'ended']), version: z.string().nullable() }),
        ),
      }),
      handle: async () => listPrices(await control.readConfiguration()),
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
  return cardOf(configuration, 'sell', deployment) !== null && cardOf(configuration, 'buy', deployment) !== null;
}

function toAnswer(configuration: Configuration, deployment: DeploymentResource) {
  const { id, provider, model, targetModel, processing, concurrencyMax, outputTokensMax, origin } = deployment;
  return {
    id,
    provider,
    model,
    targetModel,
    zones: { processing },
    limits: { concurrency: concurrencyMax },
    outputTokensMax,
    sell: toDecimal(cardOf(configuration, 'sell', deployment)),
    buy: toDecimal(cardOf(configuration, 'buy', deployment)),
    origin,
  };
}

function toDecimal(card: RateCardJson | null) {
  if (card === null) return null;
  const decimal = (rates: RateCardJson['rates']) =>
    Object.fromEntries(
      Object.entries(rates).map(([meter, rate]) => [meter, typeof rate === 'string' ? formatRate(BigInt(rate)) : '']),
    );
  return {
    ...card,
    rates: decimal(card.rates),
    tiers: card.tiers.map(tier => ({ ...tier, rates: decimal(tier.rates) })),
  };
}

function listPrices(configuration: Configuration) {
  const rules = resourcesOf(configuration, 'rule').map(({ id, state, version }) => ({ id, state, version }));
  const facts = resourceOf(configuration, 'rule', 'publish-facts-when-unconfigured');
  const factsVersion = facts?.state === 'active' ? facts.version : null;
  const isSandboxed = resourcesOf(configuration, 'provider').some(provider => provider.providerKind === 'emulated');
  const books = (['sell', 'buy'] as const).flatMap(book => {
    const id = resourceOf(configuration, 'book', book)?.version ?? factsVersion;
    const version = id === null ? undefined : configuration.versions.get(id);
    return [version, isSandboxed ? sandboxVersion : undefined].flatMap(shown =>
      shown === undefined
        ? []
        : [{ book, version: shown.id, currency: shown.currency, origin: shown.origin, rates: byName(shown.rates) }],
    );
  });
  return { books, rules };
}

/** The database keeps names in an order of its own: by length first. */
function byName<Value>(values: Readonly<Record<string, Value>>): Record<string, Value> {
  return Object.fromEntries(Object.entries(values).sort(([left], [right]) => (left < right ? -1 : 1)));
}
