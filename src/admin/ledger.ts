import { z } from '@hono/zod-openapi';
import { isCurrency } from '../billing/currency-exponent.ts';
import { Fault } from '../completion/fault.ts';
import { ConfigurationError } from '../config/problem.ts';
import { type AccountName, parseAccountName } from '../ledger/accounts.ts';
import { type AccountBalance, availableAtto, balanceAtto, readBalances, summariseLedgers } from '../ledger/balances.ts';
import { book, type PendingOrder, type TransferOrder, TransferRefused } from '../ledger/book.ts';
import { openPending, postPending, type ResolveOutcome, voidPending } from '../ledger/pending.ts';
import { listConflicts, listPending, listTransfers, transferPageMax } from '../ledger/transfers.ts';
import { formatAtto, parseAtto } from '../pricing/money.ts';
import { inTransaction } from '../store/in-transaction.ts';
import type { AdminDependencies } from './dependencies.ts';
import { day, instant } from './instant.ts';
import { type Operation, operation, pageQuery } from './operation.ts';
import { refuseStrangers } from './order-accounts.ts';
import { toDate, withoutAbsent } from './present.ts';

const currency = z.string().regex(/^[A-Z]{3}$/, { error: 'must be an ISO 4217 code such as USD' });
const name = z.string().min(1).max(300);

const balanceSchema = z
  .object({
    account: z.string(),
    currency: z.string(),
    kind: z.enum(['asset', 'liability', 'income', 'expense', 'memo']),
    balance: z.string().openapi({ description: 'Positive on the normal side of the account’s kind.' }),
    available: z.string().openapi({ description: 'The balance without what pending transfers would take from it.' }),
    debit: z.string(),
    credit: z.string(),
    debitPending: z.string(),
    creditPending: z.string(),
    transfers: z.int(),
  })
  .openapi('AccountBalance');

const trialBalanceSchema = z
  .object({
    ledger: z.string().openapi({ description: 'The currency; `USD/memo` is off the balance.' }),
    debit: z.string(),
    credit: z.string(),
    classes: z.array(
      z.object({
        class: z.string().openapi({ description: 'The first part of the account’s name.' }),
        kind: z.string(),
        accounts: z.int(),
        debit: z.string(),
        credit: z.string(),
        balance: z.string(),
      }),
    ),
  })
  .openapi('TrialBalance');

const transferSchema = z
  .object({
    id: z.string(),
    at: z.string(),
    kind: z.string(),
    debit: z.string(),
    credit: z.string(),
    amount: z.string(),
    currency: z.string(),
    reference: z.string().nullable().openapi({ description: 'What it is about: an exchange, a grant, an invoice.' }),
    batch: z.string().nullable(),
  })
  .openapi('Transfer');

const orderSchema = z.strictObject({
  id: z.string().openapi({
    description: 'Chosen by you, for ever: the same id and content again books nothing.',
    example: 'payment-2026-11-20-1',
  }),
  kind: z.string().openapi({ description: 'One word, such as `payment` or `adjustment`.', example: 'payment' }),
  debit: name.openapi({
    description: 'Account that is debited, of the chart of docs/guides/ledger.md.',
    example: 'cash',
  }),
  credit: name.openapi({ description: 'Account that is credited.', example: 'receivable:acme' }),
  amount: z.string().openapi({ description: 'Decimal, above zero, at most 18 decimals.', example: '12.50' }),
  currency: z
    .string()
    .refine(isCurrency, { error: 'must be an ISO 4217 code in use, such as USD' })
    .openapi({ example: 'USD' }),
  at: instant.optional().openapi({ description: 'When it happened; when it is booked unless said.' }),
  batch: z.string().optional().openapi({ description: 'Transfers of one batch are booked together or not at all.' }),
  reference: z.string().optional(),
  pending: z.boolean().optional().openapi({ description: 'Only sets the amount aside, until it is posted or voided.' }),
  expiresAt: instant.optional().openapi({ description: 'Of a pending one: when it lapses, by the database’s clock.' }),
});

/** One request orders so many at most; its body is bounded, too. */
const ordersMax = 1_000;

/** Accounts, balances and transfers: reading the ledger, and booking what no exchange caused. */
export function ledgerOperations({ control, store, nowMs }: AdminDependencies): readonly Operation[] {
  return [
    operation({
      method: 'get',
      path: '/api/v1/ledger/accounts',
      access: { permission: 'ledger.read', scope: 'installation' },
      summary: 'Balances of accounts, by name; with days, what these days added',
      query: pageQuery.extend({
        account: name.optional().openapi({ description: 'One account, by its whole name.' }),
        prefix: name.optional().openapi({ description: 'Accounts whose names begin so, such as `wallet:acme:`.' }),
        currency: currency.optional(),
        from: day.optional().openapi({ description: 'First day, UTC, inclusive; since ever unless said.' }),
        to: day.optional().openapi({ description: 'Last day, UTC, inclusive; until now unless said.' }),
      }),
      answer: z.object({ items: z.array(balanceSchema), next: z.string().optional() }),
      handle: async ({ query: { limit, after, account, prefix, currency, from, to } }) => {
        const balances = await readBalances(store.pool, {
          accounts: account === undefined ? undefined : [account],
          prefix,
          currency,
          fromDay: from,
          toDay: to,
          after: after === undefined ? undefined : readAccountCursor(after),
          limit: limit + 1,
        });
        const items = balances.slice(0, limit);
        const last = items.at(-1);
        const next = balances.length > limit && last !== undefined ? `${last.account} ${last.currency}` : undefined;
        return { items: items.map(balanceAnswer), ...withoutAbsent({ next }) };
      },
    }),
    operation({
      method: 'get',
      path: '/api/v1/ledger/trial-balance',
      access: { permission: 'ledger.read', scope: 'installation' },
      summary: 'Every ledger by classes of accounts: both sides are equal',
      query: z.strictObject({
        to: day.optional().openapi({ description: 'Last day, UTC, inclusive; until now unless said.' }),
      }),
      answer: z.object({ ledgers: z.array(trialBalanceSchema) }),
      handle: async ({ query: { to } }) => ({ ledgers: await summariseLedgers(store.pool, { toDay: to }) }),
    }),
    operation({
      method: 'get',
      path: '/api/v1/ledger/transfers',
      access: { permission: 'ledger.read', scope: 'installation' },
      summary: 'Transfers, newest first',
      query: pageQuery.extend({
        account: name.optional(),
        currency: currency.optional(),
        kind: z.string().max(64).optional(),
        reference: z.string().max(256).optional().openapi({ description: 'An exchange, a grant, an invoice.' }),
        from: instant.optional().openapi({ description: 'Inclusive; 31 days before `to` unless said.' }),
        to: instant.optional().openapi({ description: 'Exclusive; now unless said.' }),
      }),
      answer: z.object({ items: z.array(transferSchema), next: z.string().optional() }),
      handle: async ({ query: { limit, after, from, to, ...filter } }) => {
        const until = toDate(to) ?? new Date(nowMs() + 1);
        const since = toDate(from) ?? new Date(until.getTime() - 31 * 86_400_000);
        if (since >= until) throw new Fault('configuration_invalid', '`from` must lie before `to`.');
        const page = await named('after', () =>
          listTransfers(
            store,
            { ...filter, from: since, to: until },
            { limit: Math.min(limit, transferPageMax), after },
          ),
        );
        return { items: page.transfers, ...withoutAbsent({ next: page.next }) };
      },
    }),
    operation({
      method: 'post',
      path: '/api/v1/ledger/transfers',
      access: { permission: 'ledger.write', scope: 'installation' },
      summary: 'Book transfers that no exchange caused: payments, adjustments; the same order again books nothing',
      body: z.strictObject({ transfers: z.array(orderSchema).min(1).max(ordersMax) }),
      answer: z.object({
        results: z.array(
          z.object({
            id: z.string(),
            outcome: z.enum(['booked', 'exists', 'conflict', 'batch-refused']).openapi({
              description:
                'exists: it was booked before, just so. conflict: its id was, with other content; both are kept and ' +
                'nothing is booked. batch-refused: another transfer of its batch is a conflict.',
            }),
          }),
        ),
      }),
      handle: async ({ body }) => {
        const orders = readOrders(body.transfers);
        await refuseStrangers({ control, store }, body.transfers);
        const results = await refusedNamed(() =>
          inTransaction(store, async client => {
            const pending = orders.filter(order => order.pending);
            const booked = await book(
              client,
              orders.filter(order => !order.pending).map(({ order }) => order),
            );
            const opened = await openPending(
              client,
              pending.map(({ order }) => order),
            );
            const byKind = { booked: [...booked], opened: [...opened] };
            return orders.map(({ pending }) => (pending ? byKind.opened.shift()! : byKind.booked.shift()!));
          }),
        );
        return { results };
      },
    }),
    operation({
      method: 'get',
      path: '/api/v1/ledger/pending',
      access: { permission: 'ledger.read', scope: 'installation' },
      summary: 'Pending transfers that are neither posted nor voided nor expired',
      query: pageQuery,
      answer: z.object({
        items: z.array(z.looseObject({ id: z.string(), amount: z.string(), expiresAt: z.string().nullable() })),
        next: z.string().optional(),
      }),
      handle: async ({ query }) => {
        const page = await listPending(store, query);
        return { items: page.pending, ...withoutAbsent({ next: page.next }) };
      },
    }),
    operation({
      method: 'post',
      path: '/api/v1/ledger/pending/{id}/post',
      access: { permission: 'ledger.write', scope: 'installation' },
      summary: 'Book a pending transfer, whole or in part; the rest is free again',
      body: z.strictObject({ amount: z.string().optional() }),
      answer: z.object({ id: z.string(), outcome: z.enum(['posted', 'exists']) }),
      handle: async ({ id, body }) => {
        const amountAtto = body.amount === undefined ? undefined : readAmount(body.amount, 'body.amount');
        const post = { id, atMs: nowMs(), ...withoutAbsent({ amountAtto }) };
        const [result] = await inTransaction(store, client => postPending(client, [post]));
        return resolved(result!.id, result!.outcome);
      },
    }),
    operation({
      method: 'post',
      path: '/api/v1/ledger/pending/{id}/void',
      access: { permission: 'ledger.write', scope: 'installation' },
      summary: 'Give back what a pending transfer set aside',
      body: z.strictObject({}),
      answer: z.object({ id: z.string(), outcome: z.enum(['voided', 'exists']) }),
      handle: async ({ id }) => {
        const [result] = await inTransaction(store, client => voidPending(client, [id]));
        return resolved(result!.id, result!.outcome);
      },
    }),
    operation({
      method: 'get',
      path: '/api/v1/ledger/conflicts',
      access: { permission: 'ledger.read', scope: 'installation' },
      summary: 'Transfers that were ordered twice with different contents, newest first',
      query: z.strictObject({ limit: z.coerce.number().int().min(1).max(transferPageMax).default(100) }),
      answer: z.object({
        items: z.array(z.looseObject({ id: z.string(), first: z.unknown(), second: z.unknown() })),
      }),
      handle: async ({ query }) => ({ items: await listConflicts(store, query.limit) }),
    }),
  ];
}

function balanceAnswer(balance: AccountBalance) {
  return {
    account: balance.account,
    currency: balance.currency,
    kind: balance.kind,
    balance: formatAtto(balanceAtto(balance)),
    available: formatAtto(availableAtto(balance)),
    debit: formatAtto(balance.debitAtto),
    credit: formatAtto(balance.creditAtto),
    debitPending: formatAtto(balance.debitPendingAtto),
    creditPending: formatAtto(balance.creditPendingAtto),
    transfers: balance.transfers,
  };
}

function readAccountCursor(cursor: string): { account: string; currency: string } {
  const [account, currency, ...rest] = cursor.split(' ');
  if (account === undefined || currency === undefined || rest.length > 0) {
    throw new Fault('configuration_invalid', 'after: this is not a cursor that a page of accounts gave');
  }
  return { account, currency };
}

type WireOrder = z.output<typeof orderSchema>;

interface ReadOrder {
  readonly order: PendingOrder;
  readonly pending: boolean;
}

/** Everything that is wrong is said at once; what only the ledger knows follows in book(). */
function readOrders(wire: readonly WireOrder[]): ReadOrder[] {
  const problems: { path: string; code: 'configuration_invalid'; message: string }[] = [];
  const orders = wire.map(
    ({ id, kind, amount, currency, at, batch, reference, pending, expiresAt, ...sides }, index) => {
      const wrong = (field: string, message: string) =>
        problems.push({ path: `body.transfers[${index}].${field}`, code: 'configuration_invalid', message });
      const account = (field: 'debit' | 'credit'): AccountName => {
        const found = parseAccountName(sides[field]);
        if (found === undefined) wrong(field, 'is not an account of the chart; see docs/guides/ledger.md');
        return found ?? { name: '', kind: 'asset' };
      };
      let amountAtto = 0n;
      try {
        amountAtto = parseAtto(amount);
        if (amountAtto === 0n) wrong('amount', 'must be above zero');
      } catch (error) {
        wrong('amount', (error as RangeError).message);
      }
      if (expiresAt !== undefined && pending !== true) wrong('expiresAt', 'only a pending transfer expires');
      const order = {
        id,
        kind,
        debit: account('debit'),
        credit: account('credit'),
        amountAtto,
        currency,
        atMs: toDate(at)?.getTime(),
        batch,
        reference,
        expiresAtMs: toDate(expiresAt)?.getTime(),
      };
      // True: checkOrders refuses what is not an order.
      return { order: order as TransferOrder as PendingOrder, pending: pending === true };
    },
  );
  if (problems.length > 0) throw new ConfigurationError(problems, 'the request');
  return orders;
}

function readAmount(text: string, path: string): bigint {
  try {
    const amount = parseAtto(text);
    if (amount > 0n) return amount;
  } catch {
    // One answer for everything that is no amount above zero.
  }
  const problem = { path, code: 'configuration_invalid' as const, message: 'must be a decimal amount above zero' };
  throw new ConfigurationError([problem], 'the request');
}

function resolved(id: string, outcome: ResolveOutcome): { readonly id: string; readonly outcome: ResolveOutcome } {
  if (outcome === 'not-found') throw new Fault('resource_not_found', `There is no pending transfer ${id}.`);
  if (outcome === 'exceeds_pending') throw new Fault('exceeds_pending');
  if (outcome.startsWith('already-')) {
    throw new Fault('pending_resolved', `Pending transfer ${id} is ${outcome.slice('already-'.length)}.`);
  }
  return { id, outcome };
}

async function refusedNamed<T>(run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (error) {
    if (!(error instanceof TransferRefused)) throw error;
    const problems = error.problems.map(({ path, message }) => ({
      path: `body.transfers${path}`.replace(/\.(at|expiresAt)Ms$/, '.$1'),
      code: 'configuration_invalid' as const,
      message,
    }));
    throw new ConfigurationError(problems, 'the request');
  }
}

async function named<T>(field: string, run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (error) {
    if (error instanceof RangeError) throw new Fault('configuration_invalid', `${field}: ${error.message}`);
    throw error;
  }
}
