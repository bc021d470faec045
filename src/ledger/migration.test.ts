import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { createTestDatabase, type TestDatabase } from '../../test/support/database.ts';
import { exchangeId, recordsOf } from '../../test/support/exchanges.ts';
import { completeExchange } from '../../test/support/ledger.ts';
import { connect, type Store } from '../store/connect.ts';
import { maintain } from '../store/maintenance.ts';
import { migrate } from '../store/migrate.ts';
import { migrations } from '../store/migrations/index.ts';
import { trialBalance } from './balances.ts';
import { voidQuarantined } from './quarantine.ts';
import { LedgerShipping } from './shipping.ts';

const dayMs = 86_400_000;

describe('a data directory from before accounts had currencies', () => {
  let database: TestDatabase;
  let store: Store;
  before(async () => {
    database = await createTestDatabase();
    store = connect(database.url);
    // As it was: only what the first migrations made.
    await store.pool.query('drop schema public cascade; create schema public');
    await migrate(
      database.url,
      migrations.filter(({ number }) => number < 5),
    );
    await store.pool.query(`
      create table transfer_202610 partition of transfer for values from ('2026-10-01') to ('2026-11-01');
      insert into account (name, kind) values ('unbilled:a', 'asset'), ('revenue:inference', 'income'), ('unbilled:b', 'asset');
      insert into transfer (at, exchange_id, attempt, kind, debit, credit, amount_atto, currency) values
        ('2026-10-02', 'ex_1', 1, 'sell', 1, 2, 5, 'USD'), ('2026-10-03', 'ex_2', 1, 'sell', 1, 2, 7, 'USD'),
        ('2026-10-03', 'ex_3', 1, 'sell', 3, 2, 11, 'EUR')`);
    await migrate(database.url);
  });
  after(async () => {
    await store.close();
    await database.drop();
  });

  test('gives each account the currency of its transfers, and its balances by day', async () => {
    const { rows } = await store.pool.query('select name, currency from account order by id');
    assert.deepEqual(rows, [
      { name: 'unbilled:a', currency: 'USD' },
      { name: 'revenue:inference', currency: null },
      { name: 'unbilled:b', currency: 'EUR' },
    ]);
    const ledgers = await trialBalance(store);
    assert.deepEqual(
      ledgers.map(({ ledger, accounts }) => [
        ledger,
        accounts.map(({ account, debit, credit }) => [account, debit, credit]),
      ]),
      [
        [
          'EUR',
          [
            ['revenue:inference', '0', '0.000000000000000011'],
            ['unbilled:b', '0.000000000000000011', '0'],
          ],
        ],
        [
          'USD',
          [
            ['revenue:inference', '0', '0.000000000000000012'],
            ['unbilled:a', '0.000000000000000012', '0'],
          ],
        ],
      ],
    );
  });

  test('takes what an older release still ships into accounts without a currency', async () => {
    await store.pool.query(`
      insert into account (name, kind) values ('unbilled:c', 'asset') on conflict do nothing;
      insert into transfer (at, exchange_id, attempt, kind, debit, credit, amount_atto, currency)
      select '2026-10-04', 'ex_4', 1, 'sell', (select id from account where name = 'unbilled:c'), 2, 3, 'USD'`);

    const dollars = (await trialBalance(store)).find(({ ledger }) => ledger === 'USD');
    assert.equal(dollars?.debit, '0.000000000000000015');
    assert.equal(dollars?.credit, '0.000000000000000015');
  });

  test('goes on with accounts of one currency, beside those that have none', async () => {
    const atMs = Date.UTC(2026, 9, 5);
    await new LedgerShipping(store, 'j1').ship({
      exchanges: [completeExchange(recordsOf({ id: exchangeId(1), atMs, organisation: 'a' }))],
      positions: [],
      alerts: [],
    });

    const { rows } = await store.pool.query(`select currency from account where name = 'revenue:inference' order by 1`);
    assert.deepEqual(rows, [{ currency: 'USD' }, { currency: null }]);
    const dollars = (await trialBalance(store)).find(({ ledger }) => ledger === 'USD');
    const unbilled = dollars?.accounts.find(({ account }) => account === 'unbilled:a');
    assert.equal(unbilled?.balance, '0.000700000000000012');
  });

  test('keeps a day past its retention while an exchange of it waits in quarantine', async () => {
    const atMs = Date.UTC(2026, 9, 6, 12);
    const records = recordsOf({ id: exchangeId(2), atMs }).map(record => {
      if (record.type !== 'end') return record;
      const { sell: _sell, ...end } = record;
      return { ...end, state: 'quarantined' as const };
    });
    await new LedgerShipping(store, 'j1').ship({ exchanges: [completeExchange(records)], positions: [], alerts: [] });
    const retention = { exchangesDays: 30, decisionsDays: 30 };
    const laterMs = atMs + 60 * dayMs;

    const first = (await maintain(store, retention, laterMs)).dropped;
    assert.deepEqual(
      first.filter(name => name.endsWith('20261006')),
      ['decision_20261006'],
    );
    await voidQuarantined(store, { ids: [exchangeId(2)], run: 'r', reason: 'gone' });
    const second = (await maintain(store, retention, laterMs)).dropped;
    assert.deepEqual(second, ['exchange_20261006', 'attempt_20261006']);
  });
});
