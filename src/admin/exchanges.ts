import { z } from '@hono/zod-openapi';
import { type Caller, isReached } from '../access/caller.ts';
import { Fault } from '../completion/fault.ts';
import { keyName, projectName, resourcesOf } from '../control/resources.ts';
import { type UsageDimension, usageDimensions } from '../ledger/queries.ts';
import { isTagDimension } from '../ledger/usage-tags.ts';
import { coverage, readPeriod } from '../reports/period.ts';
import { withinOf } from './authorise.ts';
import type { AdminDependencies, ExchangeAnswer, ExchangeListFilter } from './dependencies.ts';
import { instant } from './instant.ts';
import { type Operation, operation, pageQuery } from './operation.ts';

const text = z.string().max(256).optional();
const caller = { organisation: text, project: text.openapi({ description: 'organisation/project' }), key: text };

const money = z.object({ amount: z.string(), currency: z.string() }).nullable();
const ratedMoney = z.looseObject({ amount: z.string(), currency: z.string(), version: z.string() });
const readingSchema = z.looseObject({ source: z.enum(['provider', 'estimated', 'none']) }).openapi({
  description: 'Disjoint slices by name; a slice that was not said is absent.',
});
const exchangeFields = {
  id: z.string(),
  at: z.string(),
  principal: z.object({ organisation: z.string(), project: z.string(), key: z.string() }),
  dialect: z.string(),
  requestedModel: z.string(),
  status: z.enum(['settled', 'estimated', 'void', 'quarantined']).openapi({
    description:
      'settled: charged by what the provider reported. estimated: charged by a named rule, or cut without anything ' +
      'delivered. void: nothing was delivered and nothing is charged. quarantined: it cannot be rated yet.',
  }),
  sell: ratedMoney.nullable().openapi({
    description: 'What the customer is charged; null when nothing is: always for `void` and `quarantined`.',
  }),
  sandbox: z.boolean(),
};
const summarySchema = z.looseObject(exchangeFields).openapi('ExchangeSummary');
const exchangeSchema = z
  .looseObject({
    ...exchangeFields,
    reading: readingSchema.nullable().openapi({
      description: 'What the customer pays for: the delivered attempt’s; null when none was delivered, as for `void`.',
    }),
    attempts: z.array(
      z.looseObject({
        deployment: z.string(),
        targetModel: z.string(),
        servedModel: z.string().nullable(),
        outcome: z.string(),
        reading: readingSchema,
        buy: ratedMoney.nullable().openapi({
          description: 'What the provider is owed; null when nothing is, or when it is not known (quarantined).',
        }),
      }),
    ),
    queuedMs: z.int().nullable().openapi({
      description: 'Milliseconds in the waiting line for a place, all attempts together; null: it did not wait.',
    }),
    trimmed: z.array(z.string()).openapi({
      description: 'What was left out because the record was over its bound; empty nearly always.',
    }),
  })
  .openapi('Exchange');

export function exchangeOperations({ control, queries, nowMs }: AdminDependencies): readonly Operation[] {
  return [
    operation({
      method: 'get',
      path: '/api/v1/exchanges',
      access: { permission: 'exchanges.read', scope: 'organisation', of: 'answer' },
      summary: 'List exchanges, newest first',
      query: pageQuery.extend({
        ...caller,
        status: z.enum(['settled', 'estimated', 'void', 'quarantined']).optional(),
        outcome: text,
        requestedModel: text,
        from: instant.optional(),
        to: instant.optional(),
      }),
      answer: z.object({ items: z.array(summarySchema), next: z.string().optional() }),
      handle: async ({ query: { limit, after, from, to, ...rest }, caller }) => {
        const filter = withoutAbsent({
          ...rest,
          from: toDate(from),
          to: toDate(to),
          within: withinOf(caller, 'exchanges.read'),
        }) as ExchangeListFilter;
        try {
          const page = await queries.listExchanges(filter, after === undefined ? { limit } : { limit, after });
          return { items: page.exchanges.map(toAnswer), ...withoutAbsent({ next: page.next }) };
        } catch (error) {
          if (error instanceof RangeError) throw new Fault('configuration_invalid', `after: ${error.message}`);
          throw error;
        }
      },
    }),
    operation({
      method: 'get',
      path: '/api/v1/exchanges/{id}',
      access: { permission: 'exchanges.read', scope: 'organisation', of: 'answer' },
      summary: 'One exchange: attempts, reading, charges, transfers, decision',
      answer: exchangeSchema,
      handle: async ({ id, caller }) => {
        const exchange = await queries.findExchange(id);
        if (exchange === undefined || !isTheirs(caller, exchange)) {
          throw new Fault(
            'resource_not_found',
            'No exchange of this id is kept; it appears here within seconds of its end.',
          );
        }
        return caller.may('margins.read') ? toAnswer(exchange) : withoutCosts(toAnswer(exchange));
      },
    }),
    operation({
      method: 'get',
      path: '/api/v1/usage',
      access: { permission: 'usage.read', scope: 'organisation', of: 'answer' },
      summary: 'Requests, tokens and amounts of whole hours, added up',
      query: z.strictObject({
        by: z
          .custom<UsageDimension>(
            name => typeof name === 'string' && (usageDimensions.some(known => known === name) || isTagDimension(name)),
            { error: `must be one of ${usageDimensions.join(', ')}, or a tag such as tag:team` },
          )
          .openapi({
            type: 'string',
            description: `${usageDimensions.join(', ')}, or \`tag:<name>\`.`,
            example: 'tag:team',
          }),
        from: instant.optional(),
        to: instant.optional(),
        ...caller,
      }),
      answer: z.object({
        by: z.string(),
        from: z.string().openapi({ description: 'Start of the first hour that is covered.' }),
        to: z.string().openapi({ description: 'End of the last hour that is covered.' }),
        asked: z.object({ from: z.string(), to: z.string() }).optional().openapi({
          description: 'What was asked for, where the whole hours it touches are more.',
        }),
        rows: z.array(
          z.looseObject({ by: z.string(), name: z.string().optional(), requests: z.int(), sell: money, buy: money }),
        ),
      }),
      handle: async ({ query: { by, from, to, ...rest }, caller }) => {
        const period = readPeriod({ from: toDate(from), to: toDate(to), grain: 'total', nowMs: nowMs() });
        const covered = { from: new Date(period.fromMs), to: new Date(period.toMs) };
        const rows = await queries.readUsage({
          by,
          ...covered,
          ...withoutAbsent({ ...rest, within: withinOf(caller, 'usage.read') }),
        });
        const names = by === 'key' ? await keyNames() : new Map<string, string>();
        return {
          by,
          ...coverage(period),
          rows: rows.map(row => ({
            ...row,
            ...withoutAbsent({ name: names.get(row.by) }),
            ...(caller.may('margins.read') ? {} : { buy: null }),
          })),
        };
      },
    }),
  ];

  async function keyNames(): Promise<ReadonlyMap<string, string>> {
    return new Map(resourcesOf(await control.readConfiguration(), 'key').map(key => [key.id, keyName(key)]));
  }
}

function isTheirs(caller: Caller, { principal }: ExchangeAnswer): boolean {
  return isReached(caller.reach('exchanges.read'), principal);
}

/** What attempts cost is between the operator and the providers. */
function withoutCosts(exchange: ExchangeAnswer): ExchangeAnswer {
  const {
    attempts,
    lines,
    transfers,
    corrections: _corrections,
    decision: _decision,
    hold,
    ...rest
  } = exchange as ExchangeAnswer &
    Record<'attempts' | 'lines' | 'transfers' | 'corrections' | 'decision' | 'hold', unknown>;
  const listed = (value: unknown) => (Array.isArray(value) ? (value as Readonly<Record<string, unknown>>[]) : []);
  const { amount, currency } = (hold ?? {}) as { amount?: string; currency?: string };
  return {
    ...rest,
    attempts: listed(attempts).map(({ rawUsage: _raw, providerCost: _cost, providerRequestId: _id, ...attempt }) => ({
      ...attempt,
      buy: null,
    })),
    lines: listed(lines).filter(({ book }) => book === 'sell'),
    hold: { amount, currency },
  } as ExchangeAnswer;
}

/** The ledger knows a project as organisation/project; beside its organisation the name alone is enough. */
function toAnswer(exchange: ExchangeAnswer): ExchangeAnswer {
  const { principal } = exchange;
  return { ...exchange, principal: { ...principal, project: projectName(principal.project) } };
}

function toDate(text: string | undefined): Date | undefined {
  return text === undefined ? undefined : new Date(text);
}

type Present<Fields> = { [Name in keyof Fields]?: Exclude<Fields[Name], undefined> };

function withoutAbsent<Fields extends object>(fields: Fields): Present<Fields> {
  // True: what is undefined is taken out, and every field of Present may be absent.
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as Present<Fields>;
}
