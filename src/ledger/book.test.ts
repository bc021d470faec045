import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, test } from 'node:test';
import fc from 'fast-check';
import type pg from 'pg';
import { createTestDatabase, type TestDatabase } from '../../test/support/database.ts';
import { emptyLedger } from '../../test/support/ledger.ts';
import { connect, type Store } from '../store/connect.ts';
import { inTransaction } from '../store/in-transaction.ts';
import {
  cash,
  cogs,
  held,
  memoContra,
  promoExpense,
  receivable,
  revenueBreakage,
  unbilled,
  wallet,
} from './accounts.ts';
import { availableAtto, balanceAtto, foldBalances, readBalances, trialBalance } from './balances.ts';
import { book, ordersMax, type TransferOrder, type TransferRefused } from './book.ts';

const atMs = Date.UTC(2026, 10, 20, 9, 30);

describe('booking transfers', () => {
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
  beforeEach(() => emptyLedger(store));

  const bookAll = (orders: readonly TransferOrder[]) => inTransaction(store, client => book(client, orders));
  const outcomes = async (orders: readonly TransferOrder[]) => (await bookAll(orders)).map(({ outcome }) => outcome);

  test('a purchase is in both accounts, once', async () => {
    assert.deepEqual(await bookAll([purchase()]), [{ id: 'grant:gr_1:purchase', outcome: 'booked' }]);

    assert.deepEqual(await balances(store), { cash: '25', 'wallet:org_acme:gr_1': '25' });
  });

  test('the same order again exists, and books nothing', async () => {
    await bookAll([purchase()]);

    assert.deepEqual(await outcomes([purchase(), purchase()]), ['exists', 'exists']);

    assert.deepEqual(await balances(store), { cash: '25', 'wallet:org_acme:gr_1': '25' });
  });

  const changes: readonly (readonly [string, Partial<TransferOrder>])[] = [
    ['amount', { amountAtto: 1n }],
    ['kind', { kind: 'payment' }],
    ['account', { credit: wallet('org_acme', 'gr_2') } as Partial<TransferOrder>],
    ['currency', { currency: 'EUR' }],
    ['instant', { atMs: atMs + 1 }],
    ['reference', { reference: 'gr_2' }],
    ['batch', { batch: 'b2' }],
  ];
  for (const [what, change] of changes) {
    test(`the same id with another ${what} is a conflict: both are kept, the first is booked`, async () => {
      await bookAll([purchase()]);

      assert.deepEqual(await outcomes([{ ...purchase(), ...change } as TransferOrder]), ['conflict']);

      assert.deepEqual(await balances(store), { cash: '25', 'wallet:org_acme:gr_1': '25' });
      const { rows } = await store.pool.query(
        'select id, first <> second as differ from (select id, first::text, second::text from transfer_conflict) as c',
      );
      assert.deepEqual(rows, [{ id: 'grant:gr_1:purchase', differ: true }]);
      const alerts = await store.pool.query('select code from alert');
      assert.deepEqual(alerts.rows, [{ code: 'transfer_conflict' }]);
    });
  }

  test('of several orders with one id in one call, the first counts', async () => {
    const other = { ...purchase(), amountAtto: 7n } as TransferOrder;

    assert.deepEqual(await outcomes([purchase(), other, purchase()]), ['booked', 'conflict', 'exists']);
    assert.deepEqual(await outcomes([other]), ['conflict']);
    assert.equal((await store.pool.query('select from transfer_conflict')).rowCount, 1);
  });

  test('a batch with a conflict in it is not booked at all; what is beside it is', async () => {
    await bookAll([purchase('gr_1')]);
    const batch = [
      { ...purchase('gr_2'), batch: 'b1' },
      { ...purchase('gr_1'), batch: 'b1' },
      { ...purchase('gr_3'), batch: 'b1' },
      purchase('gr_4'),
    ];

    assert.deepEqual(await outcomes(batch), ['batch-refused', 'conflict', 'batch-refused', 'booked']);

    assert.deepEqual(Object.keys(await balances(store)), ['cash', 'wallet:org_acme:gr_1', 'wallet:org_acme:gr_4']);
    const again = [
      { ...purchase('gr_2'), batch: 'b2' },
      { ...purchase('gr_3'), batch: 'b2' },
    ];
    assert.deepEqual(await outcomes(again), ['booked', 'booked']);
    assert.deepEqual(await outcomes(again), ['exists', 'exists']);
  });

  const wrong: readonly (readonly [string, object, RegExp])[] = [
    ['an amount of zero', { amountAtto: 0n }, /amountAtto: must be above zero/],
    ['a negative amount', { amountAtto: -1n }, /amountAtto: must be above zero/],
    ['an amount of 10³⁸', { amountAtto: 10n ** 38n }, /amountAtto: has more than 38 digits/],
    ['an amount that is a number', { amountAtto: 1 }, /amountAtto: must be above zero/],
    ['a currency that is none', { currency: 'usd' }, /currency: is not an ISO 4217 code/],
    ['no currency', { currency: '' }, /currency: is not an ISO 4217 code/],
    ['an empty id', { id: '' }, /id: must be 1 to 200 visible characters/],
    ['an id with a line break', { id: 'a\nb' }, /id: must be 1 to 200 visible characters/],
    ['an id of 201 characters', { id: 'a'.repeat(201) }, /id: must be 1 to 200/],
    ['the id of an exchange', { id: 'ex_1' }, /id: ex_ begins the ids of exchanges/],
    ['an instant that is none', { atMs: Number.NaN }, /atMs: is not an instant/],
    ['half a millisecond', { atMs: 0.5 + atMs }, /atMs: is not an instant/],
    ['the year 9999', { atMs: Date.UTC(9999, 0, 1) }, /atMs: is not an instant/],
    ['one account on both sides', { debit: cash, credit: cash }, /credit: is the account it comes from/],
    ['an account off the chart', { debit: { name: 'petty', kind: 'asset' } }, /"petty" is not an account of the chart/],
    ['an account of another kind', { debit: { name: 'cash', kind: 'liability' } }, /"cash" is not an account/],
    ['a side on the memo ledger', { debit: held('wallet:a:b') }, /credit: is on another ledger/],
    ['a kind with capitals', { kind: 'Purchase' }, /kind: must be a word/],
  ];
  for (const [what, change, expected] of wrong) {
    test(`${what} refuses the whole call, and nothing is written`, async () => {
      const call = bookAll([purchase(), { ...purchase('gr_2'), ...change } as TransferOrder]);

      await assert.rejects(call, (error: TransferRefused) => {
        assert.equal(error.name, 'TransferRefused');
        assert.match(error.message, expected);
        assert.match(error.problems[0]!.path, /^\[1\]\./);
        return true;
      });
      assert.deepEqual(await balances(store), {});
      assert.equal((await store.pool.query('select from transfer_key')).rowCount, 0);
    });
  }

  test('everything that is wrong is said at once', async () => {
    await assert.rejects(
      bookAll([
        { ...purchase(), amountAtto: 0n } as TransferOrder,
        { ...purchase('b'), currency: 'x', id: '' } as TransferOrder,
      ]),
      (error: TransferRefused) => {
        assert.deepEqual(
          error.problems.map(({ path }) => path),
          ['[0].amountAtto', '[1].id', '[1].currency'],
        );
        return true;
      },
    );
  });

  test('the largest amount is booked, and many of them add up', async () => {
    const largest = 10n ** 38n - 1n;
    const orders = ['1', '2', '3'].map(id => ({ ...purchase(id), amountAtto: largest }) as TransferOrder);

    await bookAll(orders);
    await foldBalances(store.pool);

    const [inCash] = await readBalances(store.pool, { accounts: ['cash'] });
    assert.equal(inCash?.debitAtto, 299999999999999999999999999999999999997n);
  });

  test('one name in two currencies is two accounts, each in its own ledger', async () => {
    await bookAll([
      purchase('gr_1'),
      { ...purchase('gr_2'), currency: 'EUR', amountAtto: 3n * 10n ** 18n } as TransferOrder,
    ]);

    const ledgers = await trialBalance(store);

    assert.deepEqual(
      ledgers.map(({ ledger, debit, credit }) => [ledger, debit, credit]),
      [
        ['EUR', '3', '3'],
        ['USD', '25', '25'],
      ],
    );
    const { rows } = await store.pool.query(`select currency from account where name = 'cash' order by 1`);
    assert.deepEqual(rows, [{ currency: 'EUR' }, { currency: 'USD' }]);
  });

  test('Postgres refuses a transfer between ledgers, whoever writes it', async () => {
    await bookAll([
      purchase('gr_1'),
      { ...purchase('gr_2'), currency: 'EUR' } as TransferOrder,
      { ...purchase('h'), debit: held('wallet:a:b'), credit: memoContra } as TransferOrder,
    ]);
    const numberOf = async (name: string, currency: string) =>
      (await store.pool.query('select id from account where name = $1 and currency = $2', [name, currency])).rows[0].id;
    const dollars = await numberOf('cash', 'USD');
    const euros = await numberOf('wallet:org_acme:gr_2', 'EUR');
    const memo = await numberOf('memo:contra', 'USD');
    const write = (debit: number, credit: number, currency: string) =>
      store.pool.query(
        `insert into transfer (at, exchange_id, attempt, kind, debit, credit, amount_atto, currency)
         values ($1, 'x', 0, 'x', $2, $3, 1, $4)`,
        [new Date(atMs), debit, credit, currency],
      );

    await assert.rejects(
      write(dollars, euros, 'USD'),
      /a transfer in USD from wallet:org_acme:gr_2 to cash leaves its ledger/,
    );
    await assert.rejects(write(dollars, euros, 'EUR'), /leaves its ledger/);
    await assert.rejects(write(dollars, memo, 'USD'), /leaves its ledger/);
    await assert.rejects(write(dollars, 999_999, 'USD'), /from no account to cash/);
    await assert.rejects(write(dollars, dollars, 'USD'), /transfer_check|check constraint/);
  });

  test('off the balance is a ledger of its own', async () => {
    await bookAll([
      purchase(),
      { ...purchase('h'), debit: held('wallet:org_acme:gr_1'), credit: memoContra } as TransferOrder,
    ]);

    const ledgers = await trialBalance(store);

    assert.deepEqual(
      ledgers.map(({ ledger, accounts }) => [ledger, accounts.map(({ account, balance }) => `${account} ${balance}`)]),
      [
        ['USD', ['cash 25', 'wallet:org_acme:gr_1 25']],
        ['USD/memo', ['hold:wallet:org_acme:gr_1 25', 'memo:contra -25']],
      ],
    );
  });

  test('a transfer from before any partition was made finds its month', async () => {
    const old = Date.UTC(2021, 2, 31, 23, 59, 59, 999);

    assert.deepEqual(await outcomes([{ ...purchase(), atMs: old } as TransferOrder]), ['booked']);

    assert.equal((await readBalances(store.pool, { accounts: ['cash'], toDay: '2021-03-30' })).length, 0);
    assert.equal((await readBalances(store.pool, { accounts: ['cash'], toDay: '2021-03-31' })).length, 1);
  });

  test('two who order the same at once book it once', async () => {
    const orders = Array.from({ length: 400 }, (_, index) => purchase(`gr_${index}`));
    const [left, right] = await Promise.all([bookAll(orders), bookAll([...orders].reverse())]);

    const booked = [...left, ...right].filter(({ outcome }) => outcome === 'booked');
    assert.equal(booked.length, 400);
    assert.equal([...left, ...right].filter(({ outcome }) => outcome === 'exists').length, 400);
    assert.equal((await balances(store))['cash'], '10000');
  });

  test('a hundred thousand in one call are booked, and one more is refused', async () => {
    const orders = Array.from({ length: ordersMax }, (_, index) => purchase(`gr_${index % 50}`, `p${index}`));

    const results = await bookAll(orders);

    assert.ok(results.every(({ outcome }) => outcome === 'booked'));
    assert.equal((await balances(store))['cash'], '2500000');
    await assert.rejects(bookAll([...orders, purchase('x')]), /at most 100000 transfers/);
  });

  test('any permutation with repeats gives the same ledger, and every ledger is zero after every call', async () => {
    const orders = [
      purchase('gr_1'),
      purchase('gr_2'),
      { ...purchase('gr_3'), debit: promoExpense, kind: 'promotion' } as TransferOrder,
      {
        ...purchase('b'),
        debit: wallet('org_acme', 'gr_1'),
        credit: revenueBreakage,
        kind: 'breakage',
      } as TransferOrder,
      {
        ...purchase('e'),
        currency: 'EUR',
        debit: receivable('org_acme'),
        credit: unbilled('org_acme'),
      } as TransferOrder,
      { ...purchase('m'), debit: held('wallet:org_acme:gr_1'), credit: memoContra } as TransferOrder,
    ];
    await bookAll(orders);
    const expected = await trialBalance(store);

    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(fc.nat(orders.length - 1), { maxLength: 6 }), { maxLength: 5 }),
        fc.boolean(),
        async (calls, fold) => {
          await emptyLedger(store);
          for (const call of [...calls, orders.keys()]) {
            await bookAll([...call].map(index => orders[index]!));
            if (fold) await foldBalances(store.pool);
            for (const { debit, credit } of await trialBalance(store)) assert.equal(debit, credit);
          }
          assert.deepEqual(await trialBalance(store), expected);
        },
      ),
      { numRuns: 15 },
    );
  });

  test('folding changes no balance, and folding again folds nothing', async () => {
    await bookAll([purchase('gr_1'), purchase('gr_2')]);
    const unfolded = await readBalances(store.pool);

    assert.equal(await foldBalances(store.pool), 3);

    assert.equal(await foldBalances(store.pool), 0);
    assert.deepEqual(await readBalances(store.pool), unfolded);
  });

  test('a balance is positive on its normal side', async () => {
    await bookAll([{ ...purchase(), debit: cogs('openai'), credit: cash } as TransferOrder]);
    const [inCash, cost] = await readBalances(store.pool);

    assert.equal(balanceAtto(inCash!), -25n * 10n ** 18n);
    assert.equal(balanceAtto(cost!), 25n * 10n ** 18n);
    assert.equal(availableAtto(inCash!), -25n * 10n ** 18n);
  });
});

function purchase(grant = 'gr_1', id = `grant:${grant}:purchase`): TransferOrder {
  return {
    id,
    kind: 'purchase',
    debit: cash,
    credit: wallet('org_acme', grant),
    amountAtto: 25n * 10n ** 18n,
    currency: 'USD',
    atMs,
    reference: grant,
  };
}

async function balances(store: Store | pg.PoolClient): Promise<Record<string, string>> {
  const ledgers = await trialBalance(store as Store, { currency: 'USD' });
  return Object.fromEntries(
    ledgers.flatMap(({ accounts }) => accounts.map(({ account, balance }) => [account, balance])),
  );
}
