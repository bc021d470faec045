import { z } from '@hono/zod-openapi';
import { type Caller, isReached } from '../access/caller.ts';
import { WalletUsagePayer } from '../billing/pay-usage.ts';
import { Fault } from '../completion/fault.ts';
import { ConfigurationError } from '../config/problem.ts';
import { usageDirectory } from '../control/usage-directory.ts';
import { formatAtto } from '../pricing/money.ts';
import { type PlacedEvent, placeEvent } from '../usage-events/place-event.ts';
import { findUsageEvent, listUsageEvents, type UsageEventView } from '../usage-events/query-events.ts';
import { listUsageMonths } from '../usage-events/query-months.ts';
import { rateQuarantined } from '../usage-events/rate-quarantined.ts';
import { eventsMax, readEvents, trueUpType, usageType } from '../usage-events/read-events.ts';
import { recordEvents } from '../usage-events/record-events.ts';
import { bookResponseCosts } from '../usage-events/response-costs.ts';
import { bookTrueUps, TrueUpRefused } from '../usage-events/true-up.ts';
import type { EventProblem, TypedEvent } from '../usage-events/usage-event.ts';
import { withinOf } from './authorise.ts';
import type { AdminDependencies } from './dependencies.ts';
import { day, instant } from './instant.ts';
import { type Operation, operation, pageQuery } from './operation.ts';

const text = z.string().max(256).optional();
const money = z.object({ amount: z.string(), currency: z.string(), version: z.string() });

const eventSchema = z
  .looseObject({
    specversion: z.literal('1.0'),
    id: z.string().openapi({ description: 'Derived from what was used, so that telling it again is the same event.' }),
    source: z.string().openapi({ description: 'Who tells it; stable. With the id it names the event for ever.' }),
    type: z.enum([usageType, trueUpType]),
    time: z.string().openapi({ description: 'When it was used; it chooses the price. At most 35 days back.' }),
    data: z.looseObject({}).openapi({
      description:
        'Usage: organisation, meter and quantity (whole, in the meter’s base unit), product (vendor/name of the price ' +
        'book) or deployment; also project, key, holders, provider, region, mode. True-up: exchange, attempt, ' +
        'cost { amount, currency }, origin.',
    }),
  })
  .openapi('UsageEvent', {
    example: {
      specversion: '1.0',
      type: usageType,
      source: '/storage/eu-1',
      id: 'disk-7:2026-11-20T10',
      time: '2026-11-20T10:00:00Z',
      data: { organisation: 'acme', meter: 'storage', product: 'carrier/storage', quantity: 512_000_000_000 },
    },
  });

const resultSchema = z
  .object({
    source: z.string(),
    id: z.string(),
    ref: z.string(),
    outcome: z.enum(['accepted', 'quarantined', 'booked', 'duplicate', 'conflict']).openapi({
      description:
        'accepted: rated and booked. quarantined: kept, and booked once there is a price. booked: a figure for a cost. ' +
        'duplicate: it was here before. conflict: its name was here before with other facts; the first counts.',
    }),
    reason: z.string().optional(),
    sell: money.optional(),
    buy: money.optional(),
    cost: z
      .object({ before: z.string(), now: z.string(), difference: z.string(), currency: z.string() })
      .optional()
      .openapi({ description: 'What an attempt was known to cost, and what it costs by the figure.' }),
  })
  .openapi('UsageEventResult');
type EventResult = z.output<typeof resultSchema>;

const viewSchema = z
  .looseObject({ ref: z.string(), state: z.enum(['rated', 'quarantined']) })
  .openapi('RatedUsageEvent');

const monthSchema = z
  .object({
    id: z.string(),
    book: z.enum(['sell', 'buy']),
    subject: z.string(),
    product: z.string(),
    meter: z.string(),
    month: z.string().openapi({ description: 'Its first day, UTC.' }),
    version: z.string().openapi({ description: 'Whose price holds throughout the month.' }),
    quantity: z.string(),
    free: z.string(),
    freeLeft: z.string().openapi({ description: 'Of what is free, not used yet.' }),
    amount: z.string(),
    currency: z.string(),
    replaced: z.boolean().openapi({
      description: 'Rated again: another sum of the month holds, and what was in this one is there, or is being moved.',
    }),
  })
  .openapi('UsageMonth');

/** Usage that is no exchange, and later figures for costs. */
export function usageEventOperations({ control, store, nowMs }: AdminDependencies): readonly Operation[] {
  const payer = new WalletUsagePayer();
  return [
    operation({
      method: 'post',
      path: '/api/v1/usage-events',
      access: { permission: 'usage.write', scope: 'installation' },
      summary: 'Tell usage that is no exchange, as CloudEvents 1.0: one, or a list that is taken whole or not at all',
      bodyTypes: ['application/cloudevents+json', 'application/cloudevents-batch+json', 'application/json'],
      // Checked by the reader, which says everything that is wrong with every event.
      body: z.union([eventSchema, z.array(eventSchema).max(eventsMax)]).or(z.unknown()),
      answer: z.object({ items: z.array(resultSchema) }),
      handle: async ({ body }) => {
        const read = readEvents(body, nowMs());
        if ('problems' in read) throw refusal(read.problems);
        const { events } = read;
        const items = new Map<TypedEvent, EventResult>();
        const isList = Array.isArray(body);
        await tellUsage(events, isList, items);
        await tellTrueUps(events, isList, items);
        const told = events.map(event => items.get(event)!); // each event is of one of the two types
        const [only] = told;
        if (!isList && only?.outcome === 'conflict') throw new Fault('usage_event_conflict', `${only.reason}.`);
        return { items: told };
      },
    }),
    operation({
      method: 'post',
      path: '/api/v1/usage-events/rate',
      access: { permission: 'usage.write', scope: 'installation' },
      summary: 'Rate again what had no price; one step, to be repeated with `next` until there is none',
      body: z.strictObject({
        after: z.string().max(64).optional(),
        pricesOf: instant.optional().openapi({
          description:
            'By the prices of this instant, for what was used before there was a price; the instant of use unless said.',
        }),
      }),
      answer: z.object({ rated: z.int(), left: z.int(), next: z.string().optional() }),
      handle: async ({ body: { after, pricesOf } }) => {
        const directory = await directoryNow();
        const { rated, left, next } = await rateQuarantined(store, directory, {
          after,
          pricesOfMs: dateOf(pricesOf)?.getTime(),
          payer,
        });
        return { rated, left, ...(next === undefined ? {} : { next }) };
      },
    }),
    operation({
      method: 'post',
      path: '/api/v1/true-ups/responses',
      access: { permission: 'usage.write', scope: 'installation' },
      summary: 'Book what providers’ own answers said attempts cost; one step, to be repeated with `next`',
      body: z.strictObject({
        from: instant,
        to: instant,
        after: z
          .strictObject({ at: instant, exchange: z.string().max(64), attempt: z.int().min(1).max(32_767) })
          .optional(),
      }),
      answer: z.object({
        booked: z.int(),
        left: z.int().openapi({ description: 'Quarantined, or in another currency than what is owed.' }),
        next: z.object({ at: z.string(), exchange: z.string(), attempt: z.int() }).optional(),
      }),
      handle: async ({ body: { from, to, after } }) => {
        const span = { from: new Date(from), to: new Date(to) };
        if (span.from >= span.to) throw new Fault('configuration_invalid', '`from` must lie before `to`.');
        const { booked, left, next } = await bookResponseCosts(
          store,
          span,
          after === undefined ? undefined : { ...after, at: new Date(after.at) },
        );
        return { booked, left, ...(next === undefined ? {} : { next: { ...next, at: next.at.toISOString() } }) };
      },
    }),
    operation({
      method: 'get',
      path: '/api/v1/usage-events',
      access: { permission: 'usage.read', scope: 'organisation', of: 'answer' },
      summary: 'List usage events with what they are worth, newest first',
      query: pageQuery.extend({
        organisation: text,
        project: text.openapi({ description: 'organisation/project' }),
        meter: text,
        state: z.enum(['rated', 'quarantined']).optional(),
        from: instant.optional(),
        to: instant.optional(),
      }),
      answer: z.object({ items: z.array(viewSchema), next: z.string().optional() }),
      handle: async ({ query: { limit, after, from, to, ...filter }, caller }) => {
        try {
          const page = await listUsageEvents(
            store,
            { ...filter, from: dateOf(from), to: dateOf(to), within: withinOf(caller, 'usage.read') },
            { limit, after },
          );
          return {
            items: page.items.map(item => shownTo(caller, item)),
            ...(page.next === undefined ? {} : { next: page.next }),
          };
        } catch (error) {
          if (error instanceof RangeError) throw new Fault('configuration_invalid', `after: ${error.message}`);
          throw error;
        }
      },
    }),
    operation({
      method: 'get',
      path: '/api/v1/usage-months',
      access: {
        permission: 'usage.read',
        scope: 'organisation',
        // What is owed to others is the operator's to see.
        of: ({ query: { book, subject } }) => ({ organisation: book === 'sell' ? (subject ?? null) : null }),
      },
      summary: 'Sums of months by which usage is priced: what was counted, what is left free, what it comes to',
      query: pageQuery.extend({
        book: z.enum(['sell', 'buy']).optional(),
        subject: text.openapi({ description: 'Of the sell book an organisation, of the buy book who is owed.' }),
        month: day.optional().openapi({ description: 'Any day of the month, UTC.' }),
      }),
      answer: z.object({ items: z.array(monthSchema), next: z.string().optional() }),
      handle: async ({ query: { limit, after, ...filter } }) => {
        try {
          const page = await listUsageMonths(store, filter, { limit, after });
          return { items: page.items, ...(page.next === undefined ? {} : { next: page.next }) };
        } catch (error) {
          if (error instanceof RangeError) throw new Fault('configuration_invalid', `after: ${error.message}`);
          throw error;
        }
      },
    }),
    operation({
      method: 'get',
      path: '/api/v1/usage-events/{id}',
      access: { permission: 'usage.read', scope: 'organisation', of: 'answer' },
      summary: 'One usage event by its ref, with its lines',
      answer: viewSchema,
      handle: async ({ id, caller }) => {
        const event = await findUsageEvent(store, id);
        if (event === undefined || !isTheirs(caller, event)) throw new Fault('resource_not_found');
        return shownTo(caller, event);
      },
    }),
  ];

  async function directoryNow() {
    return usageDirectory(await control.readConfiguration(), await control.prices.history());
  }

  async function tellUsage(
    events: readonly TypedEvent[],
    isList: boolean,
    items: Map<TypedEvent, EventResult>,
  ): Promise<void> {
    if (events.every(({ type }) => type !== 'usage')) return;
    const directory = await directoryNow();
    const problems: EventProblem[] = [];
    const placed: { source: TypedEvent; event: PlacedEvent; json: unknown }[] = [];
    for (const [index, event] of events.entries()) {
      if (event.type !== 'usage') continue;
      const found = placeEvent(event.usage, directory, isList ? `${index}.` : '');
      if ('problems' in found) problems.push(...found.problems);
      else placed.push({ source: event, event: found.placed, json: event.json });
    }
    if (problems.length > 0) throw refusal(problems);
    const recorded = await recordEvents(store, directory, placed, payer);
    for (const [index, { ref, outcome, reason, rated }] of recorded.entries()) {
      const { source, event } = placed[index]!;
      items.set(source, {
        source: event.source,
        id: event.id,
        ref,
        outcome,
        ...(reason === undefined ? {} : { reason }),
        ...(rated === undefined ? {} : { sell: amountOf(rated.sell), buy: amountOf(rated.buy) }),
      });
    }
  }

  async function tellTrueUps(
    events: readonly TypedEvent[],
    isList: boolean,
    items: Map<TypedEvent, EventResult>,
  ): Promise<void> {
    const told = events.flatMap((event, index) => (event.type === 'true-up' ? [{ event, index }] : []));
    if (told.length === 0) return;
    const booked = await bookTrueUps(
      store,
      told.map(({ event: { trueUp, json } }) => ({ trueUp, json })),
    ).catch((error: unknown) => {
      if (!(error instanceof TrueUpRefused)) throw error;
      throw refusal(
        error.problems.map(({ index, problem: { path, message } }) => ({
          path: isList ? `${told[index]!.index}.${path}` : path,
          message,
        })),
      );
    });
    for (const [index, { ref, outcome, reason, cost }] of booked.entries()) {
      const { event } = told[index]!;
      items.set(event, {
        source: event.trueUp.source,
        id: event.trueUp.id,
        ref,
        outcome,
        ...(reason === undefined ? {} : { reason }),
        ...(cost === undefined
          ? {}
          : {
              cost: {
                before: formatAtto(cost.beforeAtto),
                now: formatAtto(cost.figureAtto),
                difference: formatAtto(cost.figureAtto - cost.beforeAtto),
                currency: cost.currency,
              },
            }),
      });
    }
  }
}

function isTheirs(caller: Caller, { organisation, project }: UsageEventView): boolean {
  return isReached(caller.reach('usage.read'), { organisation, project: project ?? undefined });
}

/** What it costs is between the operator and the providers. */
function shownTo(caller: Caller, event: UsageEventView): UsageEventView {
  return caller.may('margins.read') ? event : { ...event, buy: null };
}

function dateOf(text: string | undefined): Date | undefined {
  return text === undefined ? undefined : new Date(text);
}

function amountOf({ amountAtto, currency, version }: { amountAtto: bigint; currency: string; version: string }) {
  return { amount: formatAtto(amountAtto), currency, version };
}

function refusal(problems: readonly EventProblem[]): ConfigurationError {
  return new ConfigurationError(
    problems.map(({ path, message }) => ({
      path: path === '' ? 'body' : `body.${path}`,
      code: 'configuration_invalid' as const,
      message,
    })),
    'the request',
  );
}
