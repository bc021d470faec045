import { z } from '@hono/zod-openapi';
import { Fault } from '../completion/fault.ts';
import { sandboxVersion } from '../control/price-book.ts';
import { type Quote, quoteUsage } from '../control/quote.ts';
import { declarationBytesMax } from '../control/read-declaration.ts';
import {
  type BookId,
  type Configuration,
  type DeploymentResource,
  entriesOf,
  type PriceVersion,
  resourceOf,
  resourcesOf,
} from '../control/resources.ts';
import { isMeter } from '../pricing/meters.ts';
import type { AdminDependencies } from './dependencies.ts';
import { type Operation, operation } from './operation.ts';
import { factOperations } from './price-facts.ts';
import { ratesSchema } from './shown-prices.ts';

/** Rates that one answer lists; the number of all is said beside them. */
const changesMax = 5_000;
/** Deployments of one model that a quote answers for. */
const quotesMax = 64;

const rowSchema = z.looseObject({ rates: ratesSchema, tiers: z.array(z.looseObject({})) });
const bookSchema = z.object({
  book: z.string().openapi({ description: '`sell`, `buy` or `contract:<organisation>`.' }),
  version: z.string(),
  currency: z.string(),
  origin: z.string(),
  from: z.string().nullable().openapi({ description: 'Since when it is in force, or when it will be; null is ever.' }),
  follows: z.object({ book: z.string(), multiplier: z.string() }).optional(),
  rates: z.record(z.string(), rowSchema),
  derived: z.array(z.record(z.string(), rowSchema)).optional(),
  later: z
    .array(z.object({ from: z.string(), version: z.string(), rates: z.record(z.string(), rowSchema) }))
    .openapi({ description: 'What is scheduled: the rows that change then.' }),
});

const publishBody = z.strictObject({
  file: z.string().max(declarationBytesMax).openapi({
    description: 'A file with a `prices:` part only, YAML or JSON.',
    example: 'prices: { sell: { currency: USD, rates: { acme/chat: { input: "1.25", output: "10.00" } } } }',
  }),
  prune: z
    .boolean()
    .default(false)
    .openapi({ description: 'Remove rates, books and contracts that the file does not name.' }),
});
const publicationSchema = z
  .object({
    revision: z.string(),
    changes: z.array(
      z.object({
        book: z.string(),
        from: z.string().nullable(),
        target: z.string(),
        where: z.string(),
        meter: z.string(),
        before: z.string().nullable(),
        after: z.string().nullable(),
        changePercent: z.string().nullable(),
        factor: z.string().nullable(),
      }),
    ),
    changesInAll: z.int(),
    versions: z.array(z.string()),
    notices: z.array(z.string()),
  })
  .openapi('Publication');

const quoteBody = z.strictObject({
  deployment: z.string().max(200).optional().openapi({ description: 'A deployment; or name a model.' }),
  model: z.string().max(200).optional().openapi({ description: '`vendor/name`: every deployment of it.' }),
  organisation: z
    .string()
    .max(64)
    .optional()
    .openapi({ description: 'Whose contract counts; list prices unless said.' }),
  at: z.iso.datetime({ offset: true }).optional().openapi({ description: 'Instant of dispatch; now unless said.' }),
  usage: z
    .record(z.string().refine(isMeter, { error: 'is no meter' }), z.int().min(0).max(Number.MAX_SAFE_INTEGER))
    .openapi({
      description: 'Whole units by meter: input, cacheRead, output, tool.webSearch, accelerator …',
      example: { input: 100_000, cacheRead: 900_000, output: 2_000 },
    }),
  serviceTier: z.string().max(64).optional().openapi({ description: 'As the provider would say it served.' }),
  mode: z.enum(['sync', 'batch']).default('sync'),
  region: z.string().max(64).optional(),
  holders: z
    .int()
    .min(1)
    .max(1_000_000)
    .optional()
    .openapi({ description: 'Chips at once, for a rate with a minimum.' }),
});
const quoteSchema = z.union([
  z.object({
    amount: z.string(),
    currency: z.string(),
    version: z.string(),
    lines: z.array(
      z.object({ meter: z.string(), quantity: z.int(), rate: z.string(), per: z.string(), amount: z.string() }),
    ),
  }),
  z.object({ unpriced: z.string() }),
]);

export function priceOperations(dependencies: AdminDependencies): readonly Operation[] {
  const { control, nowMs } = dependencies;
  return [
    operation({
      method: 'get',
      path: '/api/v1/prices',
      access: { permission: 'prices.read', scope: 'installation' },
      summary: 'The price versions in force, by book, what is scheduled, and the rule that publishes facts',
      answer: z.object({
        books: z.array(bookSchema),
        rules: z.array(
          z.object({ id: z.string(), state: z.enum(['active', 'ended']), version: z.string().nullable() }),
        ),
      }),
      handle: async () => listPrices(await control.readConfiguration(), nowMs()),
    }),
    operation({
      method: 'post',
      path: '/api/v1/prices/diff',
      access: { permission: 'prices.read', scope: 'installation' },
      summary: 'What publishing a file of prices would change, rate by rate',
      body: publishBody,
      answer: publicationSchema,
      handle: async ({ body }) => toAnswer(await control.prices.diff(body)),
    }),
    operation({
      method: 'post',
      path: '/api/v1/prices/publish',
      access: { permission: 'prices.write', scope: 'installation' },
      summary: 'Publish a file of prices; what is published already publishes nothing',
      body: publishBody,
      recordsItself: true,
      answer: publicationSchema,
      handle: async ({ body, author }) => toAnswer(await control.prices.publish({ ...body, ...author })),
    }),
    operation({
      method: 'post',
      path: '/api/v1/prices/quote',
      access: { permission: 'prices.read', scope: 'installation' },
      summary: 'What usage costs at an instant, line by line, with the versions that say so',
      body: quoteBody,
      answer: z.object({
        at: z.string(),
        quotes: z.array(z.object({ deployment: z.string(), sell: quoteSchema, buy: quoteSchema })),
      }),
      handle: ({ body }) => quote(dependencies, body),
    }),
    ...factOperations(dependencies),
  ];
}

function toAnswer(publication: Awaited<ReturnType<AdminDependencies['control']['prices']['diff']>>) {
  return {
    ...publication,
    revision: publication.revision.toString(),
    changes: publication.changes.slice(0, changesMax),
    changesInAll: publication.changes.length,
  };
}

async function quote({ control, nowMs }: AdminDependencies, body: z.output<typeof quoteBody>) {
  const configuration = await control.readConfiguration();
  const { organisation, usage, serviceTier, mode, region, holders } = body;
  if (organisation !== undefined && resourceOf(configuration, 'organisation', organisation) === undefined) {
    throw new Fault('resource_not_found', `There is no organisation ${organisation}.`);
  }
  const atMs = body.at === undefined ? nowMs() : Date.parse(body.at);
  const history = await control.prices.history();
  const context = { atMs, requestedTier: serviceTier, mode, region, holders };
  const quotes = deploymentsOf(configuration, body).map(deployment => {
    const { id, model } = deployment;
    const sandbox = resourceOf(configuration, 'provider', deployment.provider)?.providerKind === 'emulated';
    const of = { deployment: { id, model, sandbox } };
    const by = (book: 'sell' | 'buy'): Quote | { readonly unpriced: string } =>
      quoteUsage(usage, history.timelineOf({ ...of, book, organisation }), context);
    return { deployment: id, sell: by('sell'), buy: by('buy') };
  });
  return { at: new Date(atMs).toISOString(), quotes };
}

function deploymentsOf(
  configuration: Configuration,
  { deployment, model }: Pick<z.output<typeof quoteBody>, 'deployment' | 'model'>,
): readonly DeploymentResource[] {
  if ((deployment === undefined) === (model === undefined)) {
    throw new Fault('parameter_invalid', 'Name either a deployment or a model.');
  }
  const found = resourcesOf(configuration, 'deployment').filter(one => one.id === deployment || one.model === model);
  if (found.length === 0) throw new Fault('resource_not_found', `No deployment is or serves ${deployment ?? model}.`);
  return found.slice(0, quotesMax);
}

function listPrices(configuration: Configuration, nowMs: number) {
  const rules = resourcesOf(configuration, 'rule').map(({ id, state, version }) => ({ id, state, version }));
  const facts = resourceOf(configuration, 'rule', 'publish-facts-when-unconfigured');
  const factsVersion = configuration.versions.get((facts?.state === 'active' ? facts.version : null) ?? '');
  const isSandboxed = resourcesOf(configuration, 'provider').some(provider => provider.providerKind === 'emulated');
  const contracts = resourcesOf(configuration, 'book')
    .map(({ id }) => id)
    .filter(id => id !== 'sell' && id !== 'buy');
  const books = (['sell', 'buy', ...contracts] as const).flatMap(book => {
    const declared = declaredBook(configuration, book, nowMs);
    const isList = book === 'sell' || book === 'buy';
    const otherwise = [declared === undefined ? factsVersion : undefined, isSandboxed ? sandboxVersion : undefined];
    const constant = isList
      ? otherwise.flatMap(version => (version === undefined ? [] : [constantBook(book, version)]))
      : [];
    return [...(declared === undefined ? [] : [declared]), ...constant];
  });
  return { books, rules };
}

function constantBook(book: BookId, { id, currency, origin, rates }: PriceVersion) {
  return { book, version: id, currency, origin, from: null, rates: byName(rates), later: [] };
}

function declaredBook(configuration: Configuration, book: BookId, nowMs: number) {
  const resource = resourceOf(configuration, 'book', book);
  if (resource === undefined) return undefined;
  const now = new Date(nowMs).toISOString();
  const entries = entriesOf(resource);
  const at = Math.max(
    0,
    entries.findLastIndex(({ from }) => (from ?? '') <= now),
  );
  const version = configuration.versions.get(entries[at]!.version);
  if (version === undefined)
    throw new Error(`stored configuration: price version ${entries[at]!.version} is not there`);
  const later = entries.slice(at + 1).flatMap(({ from, version: id, set }) => {
    const rates = configuration.versions.get(id)?.rates ?? {};
    const changed = set.flatMap(target => (rates[target] === undefined ? [] : [[target, rates[target]] as const]));
    return from === null ? [] : [{ from, version: id, rates: Object.fromEntries(changed) }];
  });
  return {
    book,
    version: version.id,
    currency: version.currency,
    origin: version.origin,
    from: entries[at]!.from,
    ...(resource.base === undefined ? {} : { follows: resource.base }),
    rates: byName(version.rates),
    ...(version.derived === undefined ? {} : { derived: version.derived.map(byName) }),
    later,
  };
}

/** The database keeps names in an order of its own: by length first. */
function byName<Value>(values: Readonly<Record<string, Value>>): Record<string, Value> {
  return Object.fromEntries(Object.entries(values).sort(([left], [right]) => (left < right ? -1 : 1)));
}
