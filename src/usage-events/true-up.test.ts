import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, test } from 'node:test';
import { createTestDatabase, type TestDatabase } from '../../test/support/database.ts';
import { exchangeId, recordsOf } from '../../test/support/exchanges.ts';
import { emptyLedger } from '../../test/support/ledger.ts';
import type { ProviderCost } from '../completion/usage.ts';
import { ExchangeAssembler } from '../journal/assemble.ts';
import type { JournalRecord } from '../journal/record.ts';
import { balanceAtto, readBalances } from '../ledger/balances.ts';
import { checkLedger } from '../ledger/check.ts';
import { findExchange } from '../ledger/queries.ts';
import { LedgerShipping } from '../ledger/shipping.ts';
import { parseAtto } from '../pricing/money.ts';
import { connect, type Store } from '../store/connect.ts';
import { bookResponseCosts } from './response-costs.ts';
import { bookTrueUps, TrueUpRefused } from './true-up.ts';
import type { TrueUp } from './usage-event.ts';

const atMs = Date.UTC(2026, 10, 20, 9, 30);

/** The attempt of recordsOf costs 100 × 1.00 + 50 × 4.00 per 10⁶: 0.0003. */
function figure(change: Partial<TrueUp> = {}): TrueUp {
  return {
    source: '/exports/openai/2026-11-20',
    id: 'a',
    atMs,
    exchange: exchangeId(1),
    attempt: 1,
    figureAtto: parseAtto('0.00035'),
    currency: 'USD',
    origin: 'export',
    ...change,
  };
}

function withCost(record: JournalRecord, providerCost: ProviderCost): JournalRecord {
  if (record.type !== 'end') return record;
  const attempts = record.attempts.map(attempt => ({ ...attempt, reading: { ...attempt.reading, providerCost } }));
  return { ...record, attempts };
}

describe('later figures for costs', () => {
  let database: TestDatabase;
  let store: Store;
  before(async () => {
    database = await createTestDatabase();
    store = connect(database.url);
  });
  after(async () => {
    await store.close();
    await database.drop();
  });
  beforeEach(async () => {
    await emptyLedger(store);
    await ship(1);
    await ship(2, 1);
  });

  async function ship(number: number, failedAttempts = 0, providerCost?: ProviderCost): Promise<void> {
    const assembler = new ExchangeAssembler();
    for (const plain of recordsOf({ id: exchangeId(number), atMs, failedAttempts })) {
      const record = providerCost === undefined ? plain : withCost(plain, providerCost);
      const done = assembler.accept(record, { sequence: 1, offset: 0 });
      if (done === undefined || done === 'conflict') continue;
      await new LedgerShipping(store, 'j1').ship({ exchanges: [done], positions: [], alerts: [] });
    }
  }

  const book = (...figures: readonly TrueUp[]) =>
    bookTrueUps(
      store,
      figures.map(trueUp => ({ trueUp, json: { id: trueUp.id } })),
    );
  const balance = async (name: string) => {
    const [found] = await readBalances(store.pool, { accounts: [name], currency: 'USD' });
    return found === undefined ? 0n : balanceAtto(found);
  };
  const transfers = async () => Number((await store.pool.query('select count(*) as n from transfer')).rows[0].n);

  test('the difference stands on the variance, the rating stays, and the provider is owed the figure', async () => {
    const accrued = await balance('provider_accrued:openai');
    const cost = await balance('cogs:openai');

    const [booked] = await book(figure());

    assert.equal(booked?.outcome, 'booked');
    assert.deepEqual(booked.cost, {
      beforeAtto: parseAtto('0.0003'),
      figureAtto: parseAtto('0.00035'),
      currency: 'USD',
    });
    assert.equal(await balance('cogs:price_variance'), parseAtto('0.00005'));
    assert.equal(await balance('cogs:openai'), cost);
    assert.equal((await balance('provider_accrued:openai')) - accrued, parseAtto('0.00005'));
    assert.deepEqual(await checkLedger(store), []);
  });

  test('a lower figure is a negative difference', async () => {
    await book(figure({ figureAtto: parseAtto('0.0001') }));

    assert.equal(await balance('cogs:price_variance'), -parseAtto('0.0002'));
    assert.deepEqual(await checkLedger(store), []);
  });

  test('a second figure replaces the difference of the first', async () => {
    await book(figure());
    const [second] = await book(figure({ id: 'b', figureAtto: parseAtto('0.00031'), origin: 'invoice' }));

    assert.equal(second?.cost?.beforeAtto, parseAtto('0.00035'));
    assert.equal(await balance('cogs:price_variance'), parseAtto('0.00001'));
    assert.deepEqual(await checkLedger(store), []);
  });

  test('several figures of one exchange in one call follow each other', async () => {
    const two = { exchange: exchangeId(2) };
    const booked = await book(
      figure({ ...two, id: 'a', attempt: 2 }),
      figure({ ...two, id: 'b', attempt: 2, figureAtto: parseAtto('0.0004') }),
      figure({ ...two, id: 'c', attempt: 1, figureAtto: parseAtto('0.00002') }),
      figure({ id: 'd' }),
    );

    assert.deepEqual(
      booked.map(({ outcome, cost }) => [outcome, cost?.beforeAtto]),
      [
        ['booked', parseAtto('0.0003')],
        ['booked', parseAtto('0.00035')],
        ['booked', parseAtto('0.00001')],
        ['booked', parseAtto('0.0003')],
      ],
    );
    // 0.0001 of the second attempt, 0.00001 of the first, 0.00005 of the other exchange.
    assert.equal(await balance('cogs:price_variance'), parseAtto('0.00016'));
    assert.deepEqual(await checkLedger(store), []);
  });

  test('the same figure again books nothing, and another one under its name is a conflict', async () => {
    await book(figure());
    const before = await transfers();

    const again = await book(figure(), figure({ figureAtto: 1n }));

    assert.deepEqual(
      again.map(({ outcome }) => outcome),
      ['duplicate', 'conflict'],
    );
    assert.equal(await transfers(), before);
  });

  test('a figure that says what is known is kept and books nothing', async () => {
    const before = await transfers();

    const [booked] = await book(figure({ figureAtto: parseAtto('0.0003') }));

    assert.equal(booked?.outcome, 'booked');
    assert.equal(await transfers(), before);
    assert.equal(Number((await store.pool.query('select count(*) as n from true_up')).rows[0].n), 1);
  });

  const wrong: readonly (readonly [string, Partial<TrueUp>, string])[] = [
    ['an exchange that is not kept', { exchange: 'ex_0' }, 'data.exchange: no exchange of this id is kept'],
    ['an attempt that was not made', { attempt: 2 }, 'data.attempt: the exchange has no such attempt'],
    ['another currency', { currency: 'EUR' }, 'data.cost.currency: the attempt is owed in USD'],
  ];
  for (const [what, change, problem] of wrong) {
    test(`${what} refuses the whole call`, async () => {
      const before = await transfers();

      await assert.rejects(book(figure(), figure({ id: 'x', ...change })), (error: TrueUpRefused) => {
        assert.ok(error instanceof TrueUpRefused);
        assert.equal(error.message, problem);
        assert.equal(error.problems[0]?.index, 1);
        return true;
      });
      assert.equal(await transfers(), before);
      assert.equal(Number((await store.pool.query('select count(*) as n from usage_event_key')).rows[0].n), 0);
    });
  }

  test('what a provider’s own answer said is shown with the difference, and booked once when it is asked for', async () => {
    await ship(3, 0, { amount: '0.000310000000000000001', currency: 'USD' });
    await ship(4, 0, { amount: '1', currency: 'EUR' });
    const [attempt] = (await findExchange(store, exchangeId(3)))!.attempts;
    assert.deepEqual(attempt?.providerCost, {
      amount: '0.000310000000000000001',
      currency: 'USD',
      difference: '0.00001',
    });
    assert.equal(attempt.buy?.amount, '0.0003');
    assert.equal((await findExchange(store, exchangeId(4)))!.attempts[0]?.providerCost?.difference, null);
    assert.equal((await findExchange(store, exchangeId(1)))!.attempts[0]?.providerCost, null);
    const span = { from: new Date(atMs), to: new Date(atMs + 1) };

    const first = await bookResponseCosts(store, span, undefined, 1);
    const second = await bookResponseCosts(store, span, first.next, 1);
    const third = await bookResponseCosts(store, span, second.next, 1);
    assert.deepEqual([first.booked, first.left, second.booked, second.left, third.next], [1, 0, 0, 1, undefined]);
    assert.equal((await bookResponseCosts(store, span, undefined)).booked, 0);
    const before = { from: new Date(atMs - 1), to: new Date(atMs) };
    assert.deepEqual(await bookResponseCosts(store, before, undefined), { booked: 0, left: 0, next: undefined });

    assert.equal(await balance('cogs:price_variance'), parseAtto('0.00001'));
    assert.deepEqual(await checkLedger(store), []);
  });

  test('two who tell figures of one exchange at once leave the later one, and the ledger sound', async () => {
    await Promise.all(
      Array.from({ length: 6 }, (_, index) =>
        book(figure({ id: `f${index}`, figureAtto: parseAtto(`0.0004${index}`) })),
      ),
    );

    const { rows } = await store.pool.query('select figure_atto from true_up order by booked_at desc limit 1');
    assert.equal(await balance('cogs:price_variance'), rows[0].figure_atto - parseAtto('0.0003'));
    assert.deepEqual(await checkLedger(store), []);
  });
});
