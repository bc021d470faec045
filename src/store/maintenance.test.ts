import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { createTestDatabase, type TestDatabase } from '../../test/support/database.ts';
import { connect, type Store } from './connect.ts';
import { maintain } from './maintenance.ts';
import { ensurePartitions, partitionOf } from './partitions.ts';

const dayMs = 86_400_000;
const nowMs = Date.UTC(2026, 10, 20, 12);

describe('maintenance', () => {
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

  const partitions = async (table: string) => {
    const { rows } = await store.pool.query(
      `select child.relname as name from pg_inherits join pg_class child on child.oid = inhrelid
        where inhparent = $1::regclass order by 1`,
      [table],
    );
    return rows.map(row => row.name);
  };
  const addDecision = (atMs: number) =>
    store.pool.query('insert into decision (at, exchange_id, record) values ($1, $2, $3)', [
      new Date(atMs),
      `ex_${atMs}`,
      '{}',
    ]);

  test('makes partitions a week ahead, by day and by month, as often as it is asked', async () => {
    const retention = { exchangesDays: 30, decisionsDays: 30 };
    await maintain(store, retention, nowMs);
    assert.deepEqual((await maintain(store, retention, nowMs)).dropped, []);

    assert.deepEqual(await partitions('exchange'), [
      'exchange_20261120',
      'exchange_20261121',
      'exchange_20261122',
      'exchange_20261123',
      'exchange_20261124',
      'exchange_20261125',
      'exchange_20261126',
      'exchange_20261127',
    ]);
    assert.deepEqual(await partitions('transfer'), ['transfer_202611']);
    await maintain(store, retention, Date.UTC(2026, 10, 28));
    assert.deepEqual(await partitions('transfer'), ['transfer_202611', 'transfer_202612']);
  });

  test('drops whole days past their own retention, and never what is younger or money', async () => {
    const client = await store.pool.connect();
    await ensurePartitions(client, [nowMs - 40 * dayMs, nowMs - 10 * dayMs, nowMs - 9 * dayMs]);
    client.release();
    await addDecision(nowMs - 10 * dayMs);
    await addDecision(nowMs - 9 * dayMs);

    const { dropped } = await maintain(store, { exchangesDays: 30, decisionsDays: 9 }, nowMs);

    assert.deepEqual(dropped, ['exchange_20261011', 'attempt_20261011', 'decision_20261011', 'decision_20261110']);
    const { rows } = await store.pool.query('select exchange_id from decision');
    assert.deepEqual(rows, [{ exchange_id: `ex_${nowMs - 9 * dayMs}` }]);
    assert.ok((await partitions('transfer')).includes('transfer_202610'));
  });

  test('forgets keys and alerts that are older than any repeat or reader', async () => {
    const add = (id: string, days: number) =>
      store.pool.query(
        `with k as (insert into exchange_key values ($1, $2, '\\x00'))
         insert into alert (id, at, code, message) values ($1, $2, 'c', 'm')`,
        [id, new Date(nowMs - days * dayMs)],
      );
    await add('ex_ancient', 401);
    await add('ex_old', 399);
    await add('ex_new', 1);

    await maintain(store, { exchangesDays: 30, decisionsDays: 30 }, nowMs);

    const keys = await store.pool.query('select id from exchange_key order by at');
    assert.deepEqual(keys.rows, [{ id: 'ex_old' }, { id: 'ex_new' }]);
    const alerts = await store.pool.query('select id from alert');
    assert.deepEqual(alerts.rows, [{ id: 'ex_new' }]);
  });

  test('is done by one replica at a time', async () => {
    const client = await store.pool.connect();
    await client.query('select pg_advisory_lock($1)', [0x6d_61_69_6e]);
    try {
      assert.equal((await maintain(store, { exchangesDays: 1, decisionsDays: 1 }, nowMs)).ran, false);
    } finally {
      await client.query('select pg_advisory_unlock($1)', [0x6d_61_69_6e]);
      client.release();
    }
  });
});

describe('a partition', () => {
  test('is a UTC day or month, half open', () => {
    assert.deepEqual(partitionOf('exchange', 'day', Date.UTC(2028, 1, 28, 23, 59, 59, 999)), {
      name: 'exchange_20280228',
      from: '2028-02-28T00:00:00.000Z',
      to: '2028-02-29T00:00:00.000Z',
    });
    assert.deepEqual(partitionOf('transfer', 'month', Date.UTC(2026, 11, 31)), {
      name: 'transfer_202612',
      from: '2026-12-01T00:00:00.000Z',
      to: '2027-01-01T00:00:00.000Z',
    });
  });
});
