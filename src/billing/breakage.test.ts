import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, suite, test } from 'node:test';
import { breakingClient, breakingStore } from '../../test/support/breaking-store.ts';
import { createTestDatabase, type TestDatabase } from '../../test/support/database.ts';
import { emptyLedger } from '../../test/support/ledger.ts';
import { Bank, completed, sketchOf, startMs, unit } from '../../test/support/wallets.ts';
import { checkLedger } from '../ledger/check.ts';
import { LedgerShipping } from '../ledger/shipping.ts';
import { connect, type Store } from '../store/connect.ts';
import { breakageDefault, endExpiredGrants } from './breakage.ts';
import { publishWatermark } from './journal-watermark.ts';
import { WalletPayer } from './pay-exchanges.ts';

suite('breakage', () => {
  let database: TestDatabase;
  let store: Store;
  let bank: Bank;
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
    bank = new Bank(store);
  });

  const hour = 3_600_000;
  const day = 24 * hour;

  /** As the job does, at this instant. */
  async function endExpired(nowMs: number, nth?: number) {
    const client = await store.pool.connect();
    let asked = 0;
    const used = nth === undefined ? client : breakingClient(client, store, () => ++asked === nth);
    let broken: Error | undefined;
    try {
      return await endExpiredGrants({
        client: used,
        nowMs,
        settings: breakageDefault,
        progress: () => {},
        signal: new AbortController().signal,
      });
    } catch (error) {
      broken = error as Error;
      throw error;
    } finally {
      client.release(broken);
    }
  }

  describe('what a grant has left when it expires', () => {
    test('is booked as breakage once, when everything it may pay for is in the ledger', async () => {
      await bank.grant('g', 10, { expiresAtMs: startMs + hour });
      await bank.grant('forever', 10);
      await bank.ship(completed(sketchOf(1, 3)));

      assert.equal((await endExpired(startMs + hour + 59 * 60_000)).expired, 0);
      assert.equal((await endExpired(startMs + 2 * hour)).expired, 1);
      assert.equal((await endExpired(startMs + 3 * hour)).expired, 0);

      assert.deepEqual(await bank.left(), { forever: 10 });
      assert.deepEqual(await bank.accounts('revenue', 'wallet'), {
        'revenue:breakage': -7,
        'revenue:inference': -3,
        'wallet:org_acme:forever': -10,
        'wallet:org_acme:g': 0,
      });
      const { rows } = await store.pool.query(`select at from transfer where kind = 'breakage'`);
      assert.deepEqual(rows, [{ at: new Date(startMs + hour) }]);
      assert.deepEqual(await checkLedger(store), []);
    });

    test('waits for requests that hold it, and for journals that are not shipped past its expiry', async () => {
      await bank.grant('g', 10, { expiresAtMs: startMs + hour });
      const window = `${new Date(startMs).toISOString()}/${new Date(startMs + hour).toISOString()}`;
      const held = (await bank.lease(4, { window }))!;
      await publishWatermark(store, { journal: 'slow', lagSeconds: 0, nowMs: startMs + hour - 1 });

      assert.deepEqual(await endExpired(startMs + 2 * hour), { expired: 0, waiting: 1, usedUp: 0, warned: 0 });
      await bank.ship(completed(sketchOf(1, 4, { leases: [held], atMs: startMs + hour - 1 })));
      assert.deepEqual(await endExpired(startMs + 2 * hour), { expired: 0, waiting: 1, usedUp: 0, warned: 0 });
      await publishWatermark(store, { journal: 'slow', lagSeconds: 0, nowMs: startMs + 2 * hour });
      assert.equal((await endExpired(startMs + 2 * hour)).expired, 1);

      assert.deepEqual(await bank.accounts('revenue'), { 'revenue:breakage': -6, 'revenue:inference': -4 });
    });

    test('waits for neither longer than three days', async () => {
      await bank.grant('g', 10, { expiresAtMs: startMs + hour });
      const window = `${new Date(startMs).toISOString()}/${new Date(startMs + hour).toISOString()}`;
      const held = (await bank.lease(4, { window }))!;

      assert.equal((await endExpired(startMs + hour + 3 * day - 1)).expired, 0);
      assert.equal((await endExpired(startMs + hour + 3 * day)).expired, 1);
      await bank.ship(completed(sketchOf(1, 4, { leases: [held], atMs: startMs + hour - 1 })));

      assert.deepEqual(await bank.accounts('revenue:breakage', 'unbilled'), {
        'revenue:breakage': -10,
        'unbilled:org_acme': 4,
      });
      assert.deepEqual(await bank.alerts(), ['wallet_short']);
      assert.deepEqual(await checkLedger(store), []);
    });

    test('is warned of a week and a day before, once each', async () => {
      await bank.grant('g', 10, { expiresAtMs: startMs + 400 * day });
      await bank.grant('empty', 1, { expiresAtMs: startMs + 400 * day, priority: -1 });
      await bank.ship(completed(sketchOf(1, 1)));

      const warnedAt = async (beforeMs: number) => (await endExpired(startMs + 400 * day - beforeMs)).warned;
      assert.equal(await warnedAt(7 * day + 1), 0);
      assert.equal(await warnedAt(7 * day), 1);
      assert.equal(await warnedAt(3 * day), 0);
      assert.equal(await warnedAt(day), 1);
      assert.equal(await warnedAt(1), 0);

      const { rows } = await store.pool.query('select message from alert limit 1');
      assert.match(rows[0].message, /^Grant g of org_acme expires at .* with 0\.01 USD left\.$/);
    });

    test('is booked once though the job is cut at any statement', async () => {
      await bank.grant('a', 10, { expiresAtMs: startMs + hour });
      await bank.grant('b', 5, { expiresAtMs: startMs + hour + 1 });

      let cuts = 0;
      for (let nth = 1; ; nth += 1) {
        const report = await endExpired(startMs + day, nth).catch(() => undefined);
        assert.deepEqual(await checkLedger(store), []);
        if (report !== undefined && report.expired === 0 && report.waiting === 0) break;
        if (report === undefined) cuts += 1;
        assert.ok(nth < 100);
      }

      assert.ok(cuts > 10, `${cuts} cuts`);
      assert.deepEqual(await bank.accounts('revenue', 'wallet'), {
        'revenue:breakage': -15,
        'wallet:org_acme:a': 0,
        'wallet:org_acme:b': 0,
      });
    });

    test('by two jobs at once is booked once', async () => {
      for (let i = 0; i < 6; i += 1) await bank.grant(`g${i}`, 1, { expiresAtMs: startMs + hour });

      const reports = await Promise.all([endExpired(startMs + day), endExpired(startMs + day)]);

      assert.equal(reports[0].expired + reports[1].expired, 6);
      assert.deepEqual(await bank.accounts('revenue'), { 'revenue:breakage': -6 });
    });
  });

  test('a shipment that is cut at any statement pays nothing, and whole the next time', async () => {
    await bank.grant('a', 4);
    await bank.grant('b', 10);
    bank.lineAtto = 3n * unit;
    const held = (await bank.lease(9))!;
    const exchanges = [
      completed(sketchOf(1, 5, { leases: [held] })),
      completed(sketchOf(2, 2)),
      completed(sketchOf(3, 2, { leases: [held] })),
    ];

    let cuts = 0;
    for (let nth = 1; ; nth += 1) {
      const { store: breaking, reached } = breakingStore(store, nth);
      const shipping = new LedgerShipping(breaking, 'journal', new WalletPayer());
      await shipping.ship({ exchanges, positions: [], alerts: [] }).catch(() => {});
      assert.deepEqual(await checkLedger(store), []);
      const { rows } = await store.pool.query('select from exchange');
      if (!reached()) break;
      cuts += 1;
      const left = await bank.left();
      assert.deepEqual(left, rows.length === 0 ? { a: 4, b: 10 } : { a: 0, b: 5 });
      assert.ok(nth < 200);
    }

    assert.ok(cuts > 15, `${cuts} cuts`);
    assert.deepEqual(await bank.left(), { a: 0, b: 5 });
    assert.deepEqual(await bank.accounts('unbilled', 'revenue'), { 'revenue:inference': -9 });
  });

  test('two shippers of one wallet pay exactly what was charged', async () => {
    await bank.grant('a', 30);
    await bank.grant('b', 60);
    const holders = await Promise.all(['h1', 'h2'].map(holder => bank.lease(20, { holder })));
    const second = new LedgerShipping(store, 'other', new WalletPayer());
    const shipments = Array.from({ length: 40 }, (_, index) => {
      const held = holders[index % 2]!;
      const isHeld = index % 4 < 2;
      return completed(sketchOf(index + 1, 1, isHeld ? { leases: [held] } : {}));
    });

    await Promise.all([
      (async () => {
        for (const exchange of shipments.filter((_, index) => index % 2 === 0)) await bank.ship(exchange);
      })(),
      (async () => {
        for (const exchange of shipments.filter((_, index) => index % 2 === 1)) {
          await second.ship({ exchanges: [exchange], positions: [], alerts: [] });
        }
      })(),
    ]);

    const { a, b } = await bank.left();
    assert.equal(a! + b!, 50);
    assert.deepEqual(await bank.accounts('revenue', 'unbilled'), { 'revenue:inference': -40 });
    assert.deepEqual(await checkLedger(store), []);
  });
});
