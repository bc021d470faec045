import { z } from '@hono/zod-openapi';
import { Fault } from '../completion/fault.ts';
import { declarationBytesMax } from '../control/read-declaration.ts';
import {
  type DecisionFilter,
  decisionPageMax,
  findDecision,
  listAnchors,
  listDecisions,
  namesAt,
  type StoredDecision,
} from '../ledger/decisions.ts';
import { policyNames } from '../routing/decision.ts';
import type { AdminDependencies } from './dependencies.ts';
import { explainDecision } from './explain-decision.ts';
import { instant } from './instant.ts';
import { type Operation, operation } from './operation.ts';
import { simulateStep } from './simulate-route.ts';
import { readSimulatedFile } from './simulated-file.ts';

const cursor = z.string().max(200).optional().openapi({ description: '`next` of the page before.' });
const place = z.int().min(0).nullable();
const attemptSchema = z.object({
  attempt: z.int(),
  deployment: z.string(),
  outcome: z.string(),
  status: z.int().nullable(),
  durationMs: z.number(),
  firstByteMs: z.number().nullable(),
});

const explanationSchema = z
  .object({
    id: z.string(),
    at: z.string(),
    requestedModel: z.string(),
    dialect: z.string(),
    status: z.string(),
    outcome: z.string().openapi({ description: '`ok`, or the fault that the client got.' }),
    durationMs: z.number(),
    policy: z.string(),
    asked: z
      .looseObject({ inputTokens: z.int(), outputTokens: z.int() })
      .openapi({ description: 'What the decision was told of the request.' }),
    panic: z.boolean().openapi({
      description: 'More than half of what policy allowed was unhealthy, so nobody was left out for that.',
    }),
    epoch: z.int(),
    seed: z.string(),
    candidates: z.array(
      z.object({
        deployment: z.string().openapi({ description: 'Its name at that time.' }),
        handle: z.string(),
        fate: z.enum(['answered', 'tried', 'reserve', 'left-out']),
        place: place.openapi({ description: 'In the order to try, from 1; null when it was left out.' }),
        reasons: z.array(z.string()),
        weight: z.int(),
        priority: z.int(),
        zone: z.string(),
        chancePpm: z
          .int()
          .openapi({ description: 'Its chance of the first place before the draw, parts per million.' }),
        score: z.int().nullable(),
        costNano: z.int().nullable(),
        savedNano: z.int().nullable(),
        health: z.looseObject({}),
      }),
    ),
    attempts: z.array(attemptSchema),
    relaxations: z.array(z.object({ lift: z.array(z.string()), deployments: z.array(z.string()) })).openapi({
      description: 'Where nobody was compliant: the fewest rules to lift, and whom that would let in.',
    }),
    replay: z.enum(['same', 'different', 'unreadable']),
    record: z.string(),
  })
  .openapi('Explanation');

const changeSchema = z.strictObject({
  policy: z.enum(policyNames).optional(),
  costMax: z
    .string()
    .regex(/^\d{1,6}(\.\d{1,9})?$/, { error: 'must be a decimal such as "0.05"' })
    .nullable()
    .optional()
    .openapi({ description: 'null lifts the cap.' }),
  candidates: z
    .record(
      z.string().max(64),
      z
        .strictObject({
          weight: z.int().min(0).max(1_000_000).optional(),
          priority: z.int().min(0).max(1_000).optional(),
        })
        .nullable(),
    )
    .default({})
    .openapi({ description: 'By deployment. null removes it; one that the route did not have is added.' }),
});

const share = z.object({
  deployment: z.string(),
  before: z.int(),
  after: z.int(),
});
const sums = z.object({
  costNano: z.string().openapi({ description: 'Expected cost at the first choices, 10⁻⁹ of the currency, added up.' }),
  costKnown: z.int().openapi({ description: 'Exchanges that are in it.' }),
  durationMs: z.number().openapi({ description: 'Mean time of the first choices’ answers in the period, added up.' }),
  durationKnown: z.int(),
});

export function decisionOperations({ control, store, nowMs }: AdminDependencies): readonly Operation[] {
  return [
    operation({
      method: 'get',
      path: '/api/v1/decisions',
      access: { permission: 'decisions.read', scope: 'installation' },
      summary: 'Decision records of a period, oldest first, as they were written',
      query: z.strictObject({
        from: instant,
        to: instant.optional(),
        requestedModel: z.string().max(256).optional(),
        limit: z.coerce.number().int().min(1).max(decisionPageMax).default(500),
        after: cursor,
      }),
      answer: z.object({
        items: z.array(z.object({ id: z.string(), at: z.string(), requestedModel: z.string(), record: z.string() })),
        next: z.string().optional(),
      }),
      handle: async ({ query: { limit, after, ...rest } }) => {
        const rows = await listDecisions(store, filterOf(rest, nowMs()), { limit, after: readCursor(after) });
        return {
          items: rows.map(({ id, at, requestedModel, record }) => ({
            id,
            at: at.toISOString(),
            requestedModel,
            record,
          })),
          ...nextOf(rows, limit),
        };
      },
    }),
    operation({
      method: 'get',
      path: '/api/v1/decisions/{id}',
      access: { permission: 'decisions.read', scope: 'installation' },
      summary: 'Why an exchange went where it went',
      answer: explanationSchema,
      handle: async ({ id }) => {
        const stored = await findDecision(store, id);
        if (stored === undefined) {
          const message = 'No exchange of this id is kept; it appears here within seconds of its end.';
          throw new Fault('resource_not_found', message);
        }
        if (stored.record === null) {
          const message =
            'The exchange is kept, its decision is not: retention dropped it, or a process died before it was written.';
          throw new Fault('resource_not_found', message);
        }
        return explainDecision(stored, stored.record, await namesAt(store, stored.at));
      },
    }),
    operation({
      method: 'get',
      path: '/api/v1/epoch-anchors',
      access: { permission: 'decisions.read', scope: 'installation' },
      summary: 'Anchors of the chains of seeds, as they were committed',
      query: z.strictObject({ from: instant, to: instant.optional() }),
      answer: z.object({
        items: z.array(
          z.object({ anchor: z.string(), replica: z.string(), startsAt: z.string(), committedAt: z.string() }),
        ),
      }),
      handle: async ({ query }) => {
        const anchors = await listAnchors(store, filterOf(query, nowMs()));
        return {
          items: anchors.map(({ anchor, replica, startsAt, committedAt }) => ({
            anchor,
            replica,
            startsAt: startsAt.toISOString(),
            committedAt: committedAt.toISOString(),
          })),
        };
      },
    }),
    operation({
      method: 'post',
      path: '/api/v1/route-simulations',
      access: { permission: 'routes.read', scope: 'installation' },
      summary: 'Decide recorded requests again under a changed route, a page at a time; changes nothing',
      body: z.strictObject({
        route: z.string().min(1).max(256),
        from: instant,
        to: instant.optional(),
        change: changeSchema.optional(),
        file: z.string().max(declarationBytesMax).optional().openapi({
          description:
            'Instead of `change`: a declarative file that says of the route what it would be. What else it would change is refused.',
        }),
        after: cursor,
      }),
      answer: z.object({
        total: z.int().openapi({ description: 'Exchanges of the whole period.' }),
        examined: z.int(),
        moved: z.int().openapi({ description: 'Another deployment would have been asked first.' }),
        unserved: z.int().openapi({ description: 'Nobody could have served these.' }),
        unreadable: z.int().openapi({ description: 'Records of another engine.' }),
        deployments: z.array(share),
        before: sums,
        after: sums,
        currency: z.string(),
        assumptions: z.array(z.string()),
        next: z.string().optional(),
      }),
      handle: async ({ body: { route, from, to, change: said, file, after } }) => {
        const change = file === undefined ? said : await readSimulatedFile(control, { route, file });
        if (change === undefined || (said !== undefined && file !== undefined)) {
          throw new Fault('configuration_invalid', 'Say what to simulate: either `change` or `file`.');
        }
        const filter = filterOf({ from, to, requestedModel: route }, nowMs());
        const { rows, ...result } = await simulateStep(
          { store, control },
          { route, filter, change, after: readCursor(after) },
        );
        return { ...result, ...nextOf(rows, decisionPageMax) };
      },
    }),
  ];
}

function filterOf(
  {
    from,
    to,
    requestedModel,
  }: { readonly from: string; readonly to?: string | undefined; readonly requestedModel?: string | undefined },
  nowMs: number,
): DecisionFilter {
  return { from: new Date(from), to: to === undefined ? new Date(nowMs + 1) : new Date(to), requestedModel };
}

function nextOf(rows: readonly StoredDecision[], limit: number): { readonly next?: string } {
  const last = rows.at(-1);
  return last === undefined || rows.length < limit ? {} : { next: `${last.at.getTime()}_${last.id}` };
}

function readCursor(text: string | undefined): { readonly at: Date; readonly id: string } | undefined {
  if (text === undefined) return undefined;
  const [, atMs, id] = /^(\d{1,15})_(.{1,128})$/.exec(text) ?? [];
  if (atMs === undefined || id === undefined) throw new Fault('configuration_invalid', 'after: no page ended there');
  return { at: new Date(Number(atMs)), id };
}
