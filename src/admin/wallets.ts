import { z } from '@hono/zod-openapi';
import { isCurrency } from '../billing/currency-exponent.ts';
import { type GrantOrder, grantKinds } from '../billing/grant.ts';
import { readStatement, refuseStatementTime, statementDaysMax } from '../billing/statement.ts';
import { grantsAtOnceMax } from '../billing/wallet-desk.ts';
import { movementKinds } from '../billing/wallet-hour.ts';
import { type LineOf, listGrants, listWallets, readWallet } from '../billing/wallet-views.ts';
import { Fault } from '../completion/fault.ts';
import { ConfigurationError } from '../config/problem.ts';
import { currencyOf } from '../control/price-book.ts';
import { type Configuration, resourceOf } from '../control/resources.ts';
import { isMeter } from '../pricing/meters.ts';
import { formatAtto, parseAtto } from '../pricing/money.ts';
import { withinOf } from './authorise.ts';
import type { AdminDependencies } from './dependencies.ts';
import { instant, lastingInstant } from './instant.ts';
import { type Operation, operation, pageQuery } from './operation.ts';

const priorityMax = 1_000_000;
const patternsMax = 64;

const patterns = z
  .array(
    z
      .string()
      .min(1)
      .max(200)
      .regex(/^[^\s]+$/, { error: 'must not contain spaces' }),
  )
  .min(1)
  .max(patternsMax);
const meterPatterns = patterns.refine(list => list.every(text => text.includes('*') || isMeter(text)), {
  error: 'names a meter that there is not; docs/reference/configuration.md lists them',
});
const amount = z
  .string()
  .regex(/^\d{1,18}(?:\.\d{1,18})?$/, { error: 'must be a decimal string such as "25.00", with at most 18 decimals' })
  .refine(text => /[1-9]/.test(text), { error: 'must be above zero' });
const currency = z.string().refine(isCurrency, { error: 'must be an ISO 4217 code such as USD' });
const grantId = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/, {
  error: 'must be 1 to 64 letters, digits, `.`, `_` or `-`, and begin with a letter or digit',
});

const grantBody = z.strictObject({
  id: grantId.openapi({
    description: 'Yours, unique in the organisation: ordering it again grants nothing more.',
    example: 'order-17',
  }),
  kind: z.enum(grantKinds).default('paid').openapi({
    description: 'paid: debits cash. promotional: debits promo_expense. included: debits revenue:seats.',
  }),
  amount: amount.openapi({ description: 'Decimal string.', example: '25.00' }),
  currency: currency.optional().openapi({ description: 'ISO 4217; that of the sell book unless said.' }),
  priority: z.int().min(-priorityMax).max(priorityMax).default(0).openapi({ description: 'Lower is used first.' }),
  effectiveAt: lastingInstant.optional().openapi({ description: 'First instant at which it pays; now unless said.' }),
  expiresAt: lastingInstant
    .optional()
    .openapi({ description: 'First instant at which it pays no more; never unless said.' }),
  scope: z
    .strictObject({
      models: patterns.optional().openapi({ description: 'Patterns over vendor/name.' }),
      providers: patterns.optional().openapi({ description: 'Patterns over names of provider accounts.' }),
      meters: meterPatterns.optional().openapi({
        description: 'Patterns over meters. Requests are never admitted on such a grant; it pays when they are booked.',
      }),
    })
    .optional()
    .openapi({ description: 'What it pays for; everything unless said.' }),
  source: z.string().min(1).max(200).optional().openapi({ description: 'Where it came from: an order, a contract.' }),
});
type GrantBody = z.output<typeof grantBody>;

const grantSchema = z
  .object({
    organisation: z.string(),
    id: z.string(),
    kind: z.enum(grantKinds),
    currency: z.string(),
    amount: z.string(),
    remaining: z.string(),
    held: z.string().openapi({ description: 'Of what remains, held by requests under way or to come.' }),
    priority: z.int(),
    effectiveAt: z.string(),
    expiresAt: z.string().nullable(),
    scope: z
      .object({
        models: z.array(z.string()).optional(),
        providers: z.array(z.string()).optional(),
        meters: z.array(z.string()).optional(),
      })
      .nullable(),
    source: z.string().nullable(),
    createdAt: z.string(),
    state: z.enum(['future', 'open', 'expired', 'used', 'voided', 'refunded']),
  })
  .openapi('Grant');
const outcomeSchema = z.enum(['granted', 'exists']);
const endedSchema = z
  .object({
    organisation: z.string(),
    id: z.string(),
    outcome: z.enum(['ended', 'exists']).openapi({ description: 'exists: it had ended so before.' }),
    amount: z.string().openapi({ description: 'What was taken back or given back.' }),
  })
  .openapi('EndedGrant');

const walletSchema = z
  .object({
    organisation: z.string(),
    currency: z.string(),
    balance: z.string().openapi({ description: 'Left of grants in force.' }),
    held: z.string().openapi({ description: 'Of that and of the line, held for requests.' }),
    line: z.string().openapi({ description: 'Overdraft or credit limit.' }),
    owed: z.string().openapi({ description: 'Charged to the line and not paid back.' }),
    available: z.string().openapi({ description: 'What a request for any model may still be given.' }),
    expiringNext: z.object({ id: z.string(), expiresAt: z.string(), remaining: z.string() }).nullable(),
  })
  .openapi('Wallet');

/** Wallets: what there is, what is granted, what moved. */
export function walletOperations({ control, store, wallets, nowMs }: AdminDependencies): readonly Operation[] {
  const view = async () => {
    const configuration = await control.readConfiguration();
    return { nowMs: nowMs(), lineOf: lineOf(configuration) };
  };
  return [
    operation({
      method: 'get',
      path: '/api/v1/wallets',
      access: { permission: 'wallets.read', scope: 'organisation', of: 'answer' },
      summary: 'Wallets of all organisations, by organisation and currency',
      query: pageQuery,
      answer: z.object({ items: z.array(walletSchema.extend({ id: z.string() })), next: z.string().optional() }),
      handle: async ({ query, caller }) => {
        const organisations = withinOf(caller, 'wallets.read')?.organisations;
        return listWallets(store, query, { ...(await view()), organisations });
      },
    }),
    operation({
      method: 'get',
      path: '/api/v1/wallets/{id}/grants',
      access: { permission: 'wallets.read', scope: 'organisation', of: ({ id }) => ({ organisation: id }) },
      idHasSlashes: false,
      summary: 'Grants of an organisation, oldest first',
      query: pageQuery.extend({
        all: z.enum(['true', 'false']).default('false').openapi({ description: 'Also those that are over.' }),
      }),
      answer: z.object({ items: z.array(grantSchema), next: z.string().optional() }),
      handle: async ({ id: organisation, query }) => {
        await needOrganisation(organisation);
        return cursors(() => listGrants(store, { organisation, open: query.all === 'false' }, query, nowMs()));
      },
    }),
    operation({
      method: 'post',
      path: '/api/v1/wallets/{id}/grants',
      access: { permission: 'wallets.write', scope: 'installation' },
      idHasSlashes: false,
      summary: 'Grant; the same id with the same content grants once',
      body: grantBody,
      answer: z.object({ outcome: outcomeSchema, grant: grantSchema }),
      status: 201,
      handle: async ({ id: organisation, body }) => {
        const order = toOrder(organisation, body, await needOrganisation(organisation));
        const [outcome] = await wallets.grant([order]);
        return { outcome, grant: await readGrant(organisation, order.id) };
      },
    }),
    operation({
      method: 'post',
      path: '/api/v1/grants',
      access: { permission: 'wallets.write', scope: 'installation' },
      summary: 'Grant to several organisations, all or nothing',
      body: z.strictObject({
        grants: z
          .array(grantBody.extend({ organisation: z.string().max(64) }))
          .min(1)
          .max(grantsAtOnceMax),
      }),
      answer: z.object({
        items: z.array(z.object({ organisation: z.string(), id: z.string(), outcome: outcomeSchema })),
      }),
      status: 201,
      handle: async ({ body }) => {
        const configuration = await control.readConfiguration();
        const orders = body.grants.map(({ organisation, ...grant }, index) => {
          if (resourceOf(configuration, 'organisation', organisation) === undefined) {
            throw wrong(`body.grants.${index}.organisation`, `there is no organisation ${organisation}`);
          }
          return toOrder(organisation, grant, configuration);
        });
        const outcomes = await wallets.grant(orders);
        return { items: orders.map(({ organisation, id }, index) => ({ organisation, id, outcome: outcomes[index] })) };
      },
    }),
    operation({
      method: 'post',
      path: '/api/v1/grants/{id}/void',
      access: { permission: 'wallets.write', scope: 'installation' },
      summary: 'Take back an unused grant, named organisation/id; twice is once',
      body: z.strictObject({}),
      answer: endedSchema,
      handle: ({ id }) => ended(id, 'void'),
    }),
    operation({
      method: 'post',
      path: '/api/v1/grants/{id}/refund',
      access: { permission: 'wallets.write', scope: 'installation' },
      summary: 'Give back what is left of a paid grant, named organisation/id, and end it; twice is once',
      body: z.strictObject({}),
      answer: endedSchema,
      handle: ({ id }) => ended(id, 'refund'),
    }),
    operation({
      method: 'get',
      path: '/api/v1/wallets/{id}/statement',
      access: { permission: 'wallets.read', scope: 'organisation', of: ({ id }) => ({ organisation: id }) },
      idHasSlashes: false,
      summary: 'What moved the wallet of an organisation in a time, by when it was booked; whole hours, UTC',
      query: pageQuery.extend({
        from: instant.openapi({ description: `First instant; at most ${statementDaysMax} days before \`to\`.` }),
        to: instant.openapi({ description: 'First instant after.' }),
        currency: currency.optional().openapi({ description: 'That of the sell book unless said.' }),
      }),
      answer: z.object({
        organisation: z.string(),
        currency: z.string(),
        from: z.string(),
        to: z.string(),
        opening: z.string(),
        closing: z.string(),
        totals: z.record(z.enum(movementKinds), z.string()),
        rounded: z.record(z.string(), z.string()).openapi({
          description: 'Opening, totals and closing in whole minor units, fitted so that they add up.',
        }),
        owed: z.object({ opening: z.string(), closing: z.string() }),
        movements: z.array(
          z.object({
            day: z.string(),
            grant: z.string().nullable().openapi({ description: 'null: the line.' }),
            kind: z.enum(movementKinds),
            amount: z.string(),
            count: z.int(),
          }),
        ),
        next: z.string().optional(),
      }),
      handle: async ({ id: organisation, query: { from, to, currency: asked, ...page } }) => {
        const configuration = await needOrganisation(organisation);
        const time = { from: new Date(from), to: new Date(to) };
        const refusal = refuseStatementTime(time.from.getTime(), time.to.getTime());
        if (refusal !== undefined) throw wrong('query.from', refusal);
        const wallet = { organisation, currency: asked ?? currencyOf(configuration, 'sell') };
        const statement = await cursors(() => readStatement(store, wallet, time, page));
        if (statement === undefined) {
          throw new Fault('resource_not_found', `${organisation} has no wallet in ${wallet.currency}.`);
        }
        return statement;
      },
    }),
    operation({
      method: 'get',
      path: '/api/v1/wallets/{id}',
      access: { permission: 'wallets.read', scope: 'organisation', of: ({ id }) => ({ organisation: id }) },
      idHasSlashes: false,
      summary: 'Wallets of one organisation: balance, held, available, what expires next, use by day',
      answer: z.object({
        organisation: z.string(),
        terms: z.enum(['prepaid', 'postpaid']),
        wallets: z.array(
          walletSchema.extend({
            used: z.array(
              z.object({
                day: z.string(),
                amount: z.string(),
                payments: z.int().openapi({ description: 'What two grants paid for together counts twice.' }),
              }),
            ),
          }),
        ),
      }),
      handle: async ({ id: organisation }) => {
        const configuration = await needOrganisation(organisation);
        const terms = resourceOf(configuration, 'organisation', organisation)?.terms?.type ?? ('postpaid' as const);
        return { organisation, terms, wallets: await readWallet(store, organisation, await view()) };
      },
    }),
  ];

  async function needOrganisation(organisation: string): Promise<Configuration> {
    const configuration = await control.readConfiguration();
    if (resourceOf(configuration, 'organisation', organisation) !== undefined) return configuration;
    throw new Fault('resource_not_found', `There is no organisation ${organisation}.`);
  }

  async function readGrant(organisation: string, id: string): Promise<unknown> {
    const { items } = await listGrants(store, { organisation, open: false, id }, { limit: 1 }, nowMs());
    return items[0];
  }

  async function ended(name: string, end: 'void' | 'refund'): Promise<unknown> {
    const [organisation = '', id = ''] = name.split('/');
    const { outcome, amountAtto } = await wallets[end]({ organisation, id });
    return { organisation, id, outcome, amount: formatAtto(amountAtto) };
  }
}

function toOrder(organisation: string, body: GrantBody, configuration: Configuration): GrantOrder {
  const { id, kind, priority, scope, source } = body;
  return {
    organisation,
    id,
    kind,
    amountAtto: parseAtto(body.amount),
    currency: body.currency ?? currencyOf(configuration, 'sell'),
    priority,
    effectiveAtMs: body.effectiveAt === undefined ? undefined : Date.parse(body.effectiveAt),
    expiresAtMs: body.expiresAt === undefined ? undefined : Date.parse(body.expiresAt),
    scope,
    source,
  };
}

function lineOf(configuration: Configuration): LineOf {
  const ofBook = currencyOf(configuration, 'sell');
  return (organisation, currencyAsked) => {
    const line = resourceOf(configuration, 'organisation', organisation)?.terms?.line;
    return line === undefined || currencyAsked !== ofBook ? 0n : parseAtto(line);
  };
}

async function cursors<Answer>(read: () => Promise<Answer>): Promise<Answer> {
  try {
    return await read();
  } catch (error) {
    if (error instanceof RangeError) throw wrong('query.after', error.message);
    throw error;
  }
}

function wrong(path: string, message: string): ConfigurationError {
  return new ConfigurationError([{ path, code: 'configuration_invalid', message }], 'the request');
}
