import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { createTestDatabase, type TestDatabase } from '../../test/support/database.ts';
import { emptyLedger } from '../../test/support/ledger.ts';
import { Bank, completed, sketchOf, startMs, unit } from '../../test/support/wallets.ts';
import { connect, type Store } from '../store/connect.ts';
import { type LowBalance, warnOfLowBalances } from './low-balance.ts';

const hour = 3_600_000;

suite('wallets that are low', () => {
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

  const asked = (change: Partial<LowBalance> = {}): LowBalance => ({
    organisation: 'org_acme',
    currency: 'USD',
    belowAtto: 5n * unit,
    lineAtto: 0n,
    ...change,
  });
  async function look(list: readonly LowBalance[] = [asked()], nowMs = startMs): Promise<number> {
    const client = await store.pool.connect();
    try {
      return await warnOfLowBalances(client, list, nowMs);
    } finally {
      client.release();
    }
  }
  const messages = async () =>
    (await store.pool.query(`select message from alert where code = 'wallet_low' order by id`)).rows.map(
      ({ message }) => message,
    );

  test('are told of once each time they fall below what was asked, and not at it', async () => {
    await emptyLedger(store);
    const bank = new Bank(store);
    await bank.grant('g', 10);
    assert.equal(await look(), 0);
    await bank.ship(completed(sketchOf(1, 5)));
    assert.equal(await look(), 0);
    await bank.ship(completed(sketchOf(2, 1)));

    assert.deepEqual(await Promise.all([look(), look()]).then(told => told.sort()), [0, 1]);
    assert.equal(await look(), 0);
    await bank.grant('h', 1);
    assert.equal(await look(), 0);
    await bank.ship(completed(sketchOf(3, 2)));
    assert.equal(await look(), 1);

    assert.deepEqual(await messages(), [
      'The wallet of org_acme has 0.004 USD left, below 0.005.',
      'The wallet of org_acme has 0.003 USD left, below 0.005.',
    ]);
    const { rows } = await store.pool.query('select kind, organisation, body from notice order by at');
    assert.deepEqual(rows[0], {
      kind: 'wallet.low',
      organisation: 'org_acme',
      body: { currency: 'USD', left: '0.004', below: '0.005' },
    });
    assert.equal(rows.length, 2);
  });

  test('count their line as far as it is not owed, and grants only while they are in force', async () => {
    await emptyLedger(store);
    const bank = new Bank(store);
    await bank.grant('g', 3, { expiresAtMs: startMs + hour });
    await bank.grant('later', 9, { effectiveAtMs: startMs + 2 * hour });
    await store.pool.query(`update wallet set owed_atto = ${4n * unit}`);

    assert.equal(await look([asked({ lineAtto: 6n * unit })]), 0);
    assert.equal(await look([asked({ lineAtto: 5n * unit })]), 1);
    assert.equal(await look([asked({ lineAtto: 5n * unit })], startMs + hour), 0);
    assert.equal(await look([asked({ lineAtto: 5n * unit })], startMs + 2 * hour), 0);
    assert.equal(await look([asked({ lineAtto: 3n * unit })], startMs + 2 * hour), 0);
    assert.deepEqual(await messages(), ['The wallet of org_acme has 0.004 USD left, below 0.005.']);
  });

  test('that nobody asks about, or that are of another currency, are not told of, and begin anew when asked again', async () => {
    await emptyLedger(store);
    const bank = new Bank(store);
    await bank.grant('g', 1);
    await bank.grant('e', 1, { currency: 'EUR' });

    assert.equal(await look([]), 0);
    assert.equal(await look([asked({ organisation: 'org_none' })]), 0);
    assert.equal(await look([asked({ currency: 'EUR' })]), 1);
    assert.equal(await look(), 1);
    assert.equal(await look([]), 0);
    assert.equal(await look(), 1);
    assert.equal((await messages()).length, 3);
  });
});
