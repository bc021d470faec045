import { z } from '@hono/zod-openapi';
import { splitWithWallets } from '../billing/split-corrections.ts';
import { Fault } from '../completion/fault.ts';
import { slices } from '../completion/usage.ts';
import { ConfigurationError } from '../config/problem.ts';
import { resourceOf } from '../control/resources.ts';
import { checkUnits, fullScope, recentScope, recordCheck } from '../ledger/check.ts';
import {
  listQuarantined,
  quarantinePageMax,
  resolvedAtOnce,
  resolveQuarantined,
  voidQuarantined,
} from '../ledger/quarantine.ts';
import { HandedNumbers, pricesOfSnapshot, rerateStep, wasCharged } from '../ledger/rerate.ts';
import { rules } from '../ledger/rules.ts';
import type { StandingCursor } from '../ledger/standing.ts';
import type { AdminDependencies } from './dependencies.ts';
import { instant } from './instant.ts';
import { type Operation, operation, pageQuery } from './operation.ts';
import { toDate, withoutAbsent } from './present.ts';

const text = z.string().min(1).max(256);
const runText = z
  .string()
  .regex(/^[\x21-\x7e]{1,100}$/, { error: 'must be 1 to 100 visible characters' })
  .openapi({ description: 'Names this piece of work in every correction.' });
const reasonText = z.string().min(1).max(500).openapi({ description: 'Why, for whoever reads the correction.' });
const version = text
  .optional()
  .openapi({ description: 'Only this price version, whenever it holds; else those in force.' });
const scopeFields = {
  from: instant.openapi({ description: 'Inclusive.' }),
  to: instant.openapi({ description: 'Exclusive.' }),
  organisation: text.optional(),
  project: text.optional().openapi({ description: 'organisation/project' }),
  model: text.optional(),
  provider: text.optional(),
};

const rerateSchema = z
  .object({
    examined: z.int(),
    corrected: z.int(),
    quarantined: z.int(),
    unpriced: z.int(),
    changes: z.array(
      z.object({
        book: z.enum(['buy', 'sell']),
        model: z.string(),
        currency: z.string(),
        fromVersion: z.string(),
        toVersion: z.string(),
        charges: z.int(),
        before: z.string(),
        after: z.string(),
      }),
    ),
    samples: z.array(z.looseObject({ exchange: z.string(), before: z.string(), after: z.string() })),
    through: z.string().nullable().openapi({ description: 'Everything before this instant is done; null: all of it.' }),
    next: z.string().optional().openapi({ description: 'Send it as `after` to go on.' }),
  })
  .openapi('RerateStep');

const violationSchema = z.object({ rule: z.string(), subject: z.string(), detail: z.string(), advice: z.string() });
const settledSchema = z.object({
  results: z.array(
    z.object({
      id: z.string(),
      outcome: z.enum(['resolved', 'voided', 'not-found', 'not-quarantined', 'not-rated']),
      why: z.string().optional(),
      charged: z.object({ amount: z.string(), currency: z.string() }).optional(),
    }),
  ),
});

/** One request looks for so long, and says where to go on. */
const checkBudgetMs = 3_000;
const idsBody = { ids: z.array(text).min(1).max(resolvedAtOnce), reason: reasonText, run: runText.optional() };

/** What is done about what was booked: looking for what must never be, rating again, settling what is in quarantine. */
export function correctionOperations({ control, store, nowMs }: AdminDependencies): readonly Operation[] {
  const numbers = new HandedNumbers();
  return [
    operation({
      method: 'post',
      path: '/api/v1/ledger/check',
      access: { permission: 'ledger.write', scope: 'installation' },
      summary: 'Look for what must never be, for some seconds; go on with `next`',
      body: z.strictObject({
        scope: z.enum(['recent', 'full']).default('recent').openapi({
          description: 'recent: the last day and every day that was written to since. full: everything.',
        }),
        after: text.optional(),
      }),
      answer: z.object({
        violations: z.array(violationSchema),
        done: z.int(),
        total: z.int(),
        next: z.string().optional(),
      }),
      handle: async ({ body }) => {
        const startedAt = new Date(nowMs());
        const scope = body.scope === 'full' ? await fullScope(store) : await recentScope(store, nowMs());
        const step = await readCursor(() => checkUnits(store, scope, { after: body.after, budgetMs: checkBudgetMs }));
        // One that found something, or came to its end, is remembered.
        if (step.violations.length > 0 || step.next === undefined) {
          await recordCheck(store, { scope, startedAt, violations: step.violations });
        }
        const { violations, done, total, next } = step;
        return { violations, done, total, ...withoutAbsent({ next }) };
      },
    }),
    operation({
      method: 'get',
      path: '/api/v1/ledger/rules',
      access: { permission: 'ledger.read', scope: 'installation' },
      summary: 'What a sound ledger keeps',
      answer: z.object({ items: z.array(z.object({ rule: z.string(), keeps: z.string(), scope: z.string() })) }),
      handle: () => ({
        items: Object.entries(rules).map(([rule, { keeps, scope }]) => ({ rule, keeps, scope })),
      }),
    }),
    operation({
      method: 'post',
      path: '/api/v1/ledger/rerate',
      access: { permission: 'ledger.write', scope: 'installation' },
      summary: 'Rate exchanges again, for some seconds; what comes out otherwise is reversed and booked anew',
      body: z.strictObject({
        ...scopeFields,
        version,
        dryRun: z.boolean().default(false).openapi({ description: 'Says what would change, and changes nothing.' }),
        reason: reasonText.default('prices'),
        run: runText.optional(),
        after: text.optional().openapi({ description: '`next` of the step before.' }),
      }),
      answer: rerateSchema,
      handle: async ({ body: { version, after, dryRun, reason, run, ...scope } }) => {
        await needKnown(scope);
        const snapshot = await control.compile();
        const prices = named('version', () => pricesOfSnapshot(snapshot, version));
        const order = {
          filter: filterOf(scope),
          prices,
          run: run ?? `rerate-${new Date(nowMs()).toISOString()}`,
          reason,
          dryRun,
          split: splitWithWallets,
          after: after === undefined ? undefined : readPlace(after),
        };
        const report = await rerateStep(store, order, { numbers });
        const { next, ...rest } = report;
        return {
          ...rest,
          through: next?.at.toISOString() ?? null,
          ...withoutAbsent({ next: next === undefined ? undefined : writePlace(next) }),
        };
      },
    }),
    operation({
      method: 'get',
      path: '/api/v1/ledger/quarantine',
      access: { permission: 'ledger.read', scope: 'installation' },
      summary: 'Exchanges that could not be rated, oldest first; their holds are kept',
      query: pageQuery.extend({
        organisation: text.optional(),
        project: text.optional(),
        model: text.optional(),
        provider: text.optional(),
        from: instant.optional(),
        to: instant.optional(),
      }),
      answer: z.object({
        items: z.array(
          z.looseObject({ id: z.string(), at: z.string(), reasons: z.array(z.string()), slices: z.looseObject({}) }),
        ),
        next: z.string().optional(),
      }),
      handle: async ({ query: { limit, after, from, to, ...rest } }) => {
        const filter = {
          ...rest,
          from: toDate(from) ?? new Date(0),
          to: toDate(to) ?? new Date(nowMs() + 86_400_000),
        };
        const page = await listQuarantined(store, filter, {
          limit: Math.min(limit, quarantinePageMax),
          after: after === undefined ? undefined : readPlace(after),
        });
        const next = page.next === undefined ? undefined : writePlace(page.next);
        return { items: page.exchanges, ...withoutAbsent({ next }) };
      },
    }),
    operation({
      method: 'post',
      path: '/api/v1/ledger/quarantine/resolve',
      access: { permission: 'ledger.write', scope: 'installation' },
      summary: 'Rate quarantined exchanges by the prices in force, as they were read or as you say',
      body: z.strictObject({
        ...idsBody,
        version,
        slices: z.partialRecord(z.enum(slices), z.int().min(0)).optional().openapi({
          description: 'What was used, when the reading is not right; of every exchange named.',
        }),
      }),
      answer: settledSchema,
      handle: async ({ body: { ids, reason, run, version, slices } }) => {
        const snapshot = await control.compile();
        const prices = named('version', () => pricesOfSnapshot(snapshot, version));
        return {
          results: await resolveQuarantined(store, {
            ids,
            reason,
            run: runOf(run),
            split: splitWithWallets,
            prices,
            slices,
          }),
        };
      },
    }),
    operation({
      method: 'post',
      path: '/api/v1/ledger/quarantine/void',
      access: { permission: 'ledger.write', scope: 'installation' },
      summary: 'Charge nothing for quarantined exchanges, and give their holds back',
      body: z.strictObject(idsBody),
      answer: settledSchema,
      handle: async ({ body: { ids, reason, run } }) => ({
        results: await voidQuarantined(store, { ids, reason, run: runOf(run), split: splitWithWallets }),
      }),
    }),
  ];

  /** What is misspelt would be rated again without a word, to nothing. Who is gone from the configuration is still known by
   *  what was charged. */
  async function needKnown(scope: {
    readonly organisation?: string | undefined;
    readonly project?: string | undefined;
  }) {
    const configuration = await control.readConfiguration();
    const problems = [];
    for (const kind of ['organisation', 'project'] as const) {
      const name = scope[kind];
      if (name === undefined || resourceOf(configuration, kind, name) !== undefined) continue;
      if (await wasCharged(store, kind, name)) continue;
      const message = `there is no ${kind} ${name}, and nothing was ever charged to one`;
      problems.push({ path: `body.${kind}`, code: 'configuration_invalid' as const, message });
    }
    if (problems.length > 0) throw new ConfigurationError(problems, 'the request');
  }

  function runOf(run: string | undefined): string {
    return run ?? `quarantine-${new Date(nowMs()).toISOString()}`;
  }
}

function filterOf({ from, to, ...rest }: { readonly from: string; readonly to: string }) {
  const span = { from: new Date(from), to: new Date(to) };
  if (span.from >= span.to) throw new Fault('configuration_invalid', '`from` must lie before `to`.');
  return { ...rest, ...span };
}

function writePlace({ at, id }: StandingCursor): string {
  return Buffer.from(JSON.stringify([at.getTime(), id])).toString('base64url');
}

function readPlace(cursor: string): StandingCursor {
  try {
    const [atMs, id] = JSON.parse(Buffer.from(cursor, 'base64url').toString()) as [unknown, unknown];
    if (typeof id === 'string' && typeof atMs === 'number' && Number.isSafeInteger(atMs))
      return { at: new Date(atMs), id };
  } catch {
    // Falls through to the one answer for every cursor that is not ours.
  }
  throw new Fault('configuration_invalid', 'after: this is not a cursor that was given here');
}

function named<T>(field: string, run: () => T): T {
  try {
    return run();
  } catch (error) {
    if (error instanceof RangeError) throw new Fault('configuration_invalid', `${field}: ${error.message}`);
    throw error;
  }
}

async function readCursor<T>(run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (error) {
    if (error instanceof RangeError) throw new Fault('configuration_invalid', `after: ${error.message}`);
    throw error;
  }
}
