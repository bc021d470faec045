import { z } from '@hono/zod-openapi';
import { factsFile } from '../control/facts-file.ts';
import type { AdminDependencies } from './dependencies.ts';
import { type Operation, operation, pageOf, pageQuery } from './operation.ts';

/** Facts that one import may approve by name. */
const approvalsMax = 2_000;

const datedSchema = z.array(z.looseObject({}));
const factSchema = z
  .object({
    id: z.string(),
    approved: datedSchema.nullable(),
    held: datedSchema.nullable(),
    reasons: z.array(z.string()).nullable(),
  })
  .openapi('PriceFact');
const reviewSchema = z
  .object({
    version: z.string(),
    unchanged: z.int(),
    changes: z.array(
      z.object({
        provider: z.string(),
        model: z.string(),
        change: z.enum(['new', 'changed', 'gone']),
        lines: z.array(
          z.object({
            from: z.string().nullable(),
            where: z.string(),
            meter: z.string(),
            before: z.string().nullable(),
            after: z.string().nullable(),
          }),
        ),
        reasons: z.array(z.string()),
        snapped: z.array(z.string()),
      }),
    ),
    excluded: z.array(z.object({ provider: z.string(), model: z.string(), reason: z.string() })),
  })
  .openapi('FactReview');

/** Public prices as facts: read, reviewed, let through. None of this bills anyone: publishing does. */
export function factOperations({ control, nowMs }: AdminDependencies): readonly Operation[] {
  return [
    operation({
      method: 'get',
      path: '/api/v1/prices/facts',
      access: { permission: 'prices.read', scope: 'installation' },
      summary: 'Facts that were let through, and those that wait for a person',
      query: pageQuery.extend({ held: z.enum(['true', 'false']).default('false') }),
      answer: z.object({ items: z.array(factSchema), next: z.string().optional() }),
      handle: async ({ query }) => {
        const facts = (await control.prices.storedFacts())
          .filter(({ held }) => query.held === 'false' || held !== null)
          .map(({ provider, model, ...fact }) => ({ id: `${provider}/${model}`, ...fact }))
          .sort((one, other) => (one.id < other.id ? -1 : 1));
        return pageOf(facts, query);
      },
    }),
    operation({
      method: 'get',
      path: '/api/v1/prices/facts/diff',
      access: { permission: 'prices.read', scope: 'installation' },
      summary: 'What the source of facts says that was not let through, with what is odd about it',
      answer: reviewSchema,
      handle: () => control.prices.reviewFacts(),
    }),
    operation({
      method: 'post',
      path: '/api/v1/prices/facts/import',
      access: { permission: 'prices.write', scope: 'installation' },
      summary: 'Let facts through that are not odd, and those approved by name',
      body: z.strictObject({
        approve: z
          .array(z.string().max(300))
          .max(approvalsMax)
          .default([])
          .openapi({ description: 'Odd facts to let through all the same, as provider/model.' }),
      }),
      answer: z.object({
        version: z.string(),
        approved: z.int(),
        held: z.int(),
        gone: z.int(),
        unchanged: z.int(),
        heldFacts: z.array(z.object({ fact: z.string(), reasons: z.array(z.string()) })),
      }),
      handle: async ({ body }) => {
        const approve = new Set(body.approve);
        const { review, imported } = await control.prices.importFacts(approve);
        const heldFacts = review.changes
          .map(({ provider, model, reasons }) => ({ fact: `${provider}/${model}`, reasons }))
          .filter(({ fact, reasons }) => reasons.length > 0 && !approve.has(fact));
        return { version: review.version, unchanged: review.unchanged, ...imported, heldFacts };
      },
    }),
    operation({
      method: 'get',
      path: '/api/v1/prices/facts/file',
      access: { permission: 'prices.read', scope: 'installation' },
      summary: 'Facts that were let through as a file of prices, to be read and published',
      query: z.strictObject({
        book: z.enum(['buy', 'sell']).default('buy'),
        all: z.enum(['true', 'false']).default('false').openapi({ description: 'Also of models that nothing serves.' }),
      }),
      answer: z.string(),
      contentType: 'application/yaml',
      handle: async ({ query }) => {
        const [facts, configuration, review] = await Promise.all([
          control.prices.storedFacts(),
          control.readConfiguration(),
          control.prices.reviewFacts(),
        ]);
        const options = { book: query.book, all: query.all === 'true', nowMs: nowMs(), version: review.version };
        return factsFile(facts, configuration, options);
      },
    }),
  ];
}
