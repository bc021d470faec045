import assert from 'node:assert/strict';
import { after, before, beforeEach, suite, test } from 'node:test';
import fc from 'fast-check';
import { createTestDatabase, type TestDatabase } from '../../test/support/database.ts';
import { exchangeId } from '../../test/support/exchanges.ts';
import { emptyLedger } from '../../test/support/ledger.ts';
import { Bank, completed, sketchOf, startMs, unit } from '../../test/support/wallets.ts';
import { checkLedger } from '../ledger/check.ts';
import { parseRateCard } from '../pricing/rate-card.ts';
import { constantTimeline } from '../pricing/timeline.ts';
import { connect, type Store } from '../store/connect.ts';
import type { UsageDirectory } from '../usage-events/directory.ts';
import type { PlacedEvent } from '../usage-events/place-event.ts';
import { rateQuarantined } from '../usage-events/rate-quarantined.ts';
import { recordEvents } from '../usage-events/record-events.ts';
import { bookTrueUps } from '../usage-events/true-up.ts';
import { lockWallets } from './give-back.ts';
import { WalletUsagePayer } from './pay-usage.ts';
import { moveWallet } from './wallet-hour.ts';

suite('usage that grants pay for', () => {
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
  const payer = new WalletUsagePayer();
  /** 0.001 a byte·hour, bought for nothing. */
  const sell = constantTimeline(
    parseRateCard({ version: 'sell-1', currency: 'USD', rates: { storage: '1000000000000000' }, tiers: [] }),
  );
  const buy = constantTimeline(
    parseRateCard({ version: 'buy-1', currency: 'USD', rates: { storage: '0' }, tiers: [] }),
  );
  const directory = (change: Partial<UsageDirectory> = {}): UsageDirectory => ({
    hasOrganisation: () => true,
    hasProject: () => true,
    projectOfKey: () => undefined,
    findDeployment: () => undefined,
    pricesOf: () => ({ sell, buy }),
    owesOnLine: () => false,
    ...change,
  });
  const owing = directory({ owesOnLine: () => true });

  /** Costs so many units of 0.001 USD. */
  function used(id: string, units: number, change: Partial<PlacedEvent> = {}): PlacedEvent {
    return {
      source: '/storage/eu-1',
      id,
      atMs: startMs,
      organisation: 'org_acme',
      project: undefined,
      key: undefined,
      meter: 'storage',
      quantity: units,
      holders: 1,
      product: 'carrier/storage',
      deployment: undefined,
      provider: undefined,
      region: undefined,
      mode: 'sync',
      placedProject: '',
      placedProduct: 'carrier/storage',
      placedProvider: 'carrier',
      ...change,
    };
  }
  const tell = (events: readonly PlacedEvent[], by = directory()) =>
    recordEvents(
      store,
      by,
      events.map(event => ({ event, json: { id: event.id } })),
      payer,
    );

  test('burns grants in their order, and what they do not pay is unbilled', async () => {
    await bank.grant('first', 3, { priority: -1 });
    await bank.grant('second', 4);

    await tell([used('a', 2), used('b', 10)]);

    assert.deepEqual(await bank.left(), { first: 0, second: 0 });
    assert.deepEqual(await bank.accounts('wallet', 'unbilled', 'revenue'), {
      'revenue:storage': -12,
      'unbilled:org_acme': 5,
      'wallet:org_acme:first': 0,
      'wallet:org_acme:second': 0,
    });
    assert.deepEqual(await checkLedger(store), []);
  });

  test('told twice burns once', async () => {
    await bank.grant('g', 10);

    await tell([used('a', 3), used('a', 3)]);
    await tell([used('a', 3)]);

    assert.deepEqual(await bank.left(), { g: 7 });
  });

  test('leaves alone what requests hold, and what was granted for something else', async () => {
    await bank.grant('g', 10);
    await bank.grant('models', 10, { priority: -1, scope: { models: ['vendor/*'] } });
    await bank.grant('egress', 10, { priority: -1, scope: { meters: ['egress'] } });
    await bank.grant('storage', 1, { priority: 5, scope: { meters: ['storage'] } });
    const held = await bank.lease(6);

    await tell([used('a', 9)]);

    assert.deepEqual(await bank.left(), { g: 6, models: 10, egress: 10, storage: 0 });
    assert.deepEqual(await bank.accounts('unbilled'), { 'unbilled:org_acme': 4 });
    await bank.ship(completed(sketchOf(1, 6, { leases: [held!] })));
    assert.deepEqual(await bank.left(), { g: 0, models: 10, egress: 10, storage: 0 });
    assert.deepEqual(await checkLedger(store), []);
  });

  test('is paid by grants in force when it was used, not by later or expired ones', async () => {
    await bank.grant('old', 5, { expiresAtMs: startMs + hour });
    await bank.grant('new', 5, { effectiveAtMs: startMs + hour });

    await tell([used('at', 1, { atMs: startMs + hour - 1 }), used('end', 1, { atMs: startMs + hour })]);

    assert.deepEqual(await bank.left(), { old: 4, new: 4 });
  });

  test('of an organisation that may owe only so much counts against its line and is paid back', async () => {
    bank.lineAtto = 5n * unit;

    await tell([used('a', 3)], owing);
    assert.equal(await bank.lease(3), undefined);
    const held = await bank.lease(2);
    assert.notEqual(held, undefined);
    await tell([used('b', 4)], owing);
    await bank.grant('order', 10);

    assert.deepEqual(await bank.left(), { order: 3 });
    assert.deepEqual(await bank.accounts('unbilled'), { 'unbilled:org_acme': 0 });
    assert.deepEqual(await checkLedger(store), []);
  });

  test('in another currency is not paid by this wallet', async () => {
    await bank.grant('euros', 5, { currency: 'EUR' });

    await tell([used('a', 2)]);

    assert.deepEqual(await bank.left(), { euros: 5 });
    assert.deepEqual(await bank.accounts('unbilled'), { 'unbilled:org_acme': 2 });
  });

  test('that is rated later is paid when it is rated, once', async () => {
    await bank.grant('g', 10);
    await tell([used('a', 4)], directory({ pricesOf: () => ({ sell: undefined, buy }) }));
    assert.deepEqual(await bank.left(), { g: 10 });

    await Promise.all([1, 2].map(() => rateQuarantined(store, directory(), { payer })));
    await rateQuarantined(store, directory(), { payer });

    assert.deepEqual(await bank.left(), { g: 6 });
    assert.deepEqual(await checkLedger(store), []);
  });

  test('a later figure for what an attempt cost takes nothing from the customer', async () => {
    await bank.grant('g', 10);
    await bank.ship(completed(sketchOf(1, 4)));

    await bookTrueUps(store, [
      {
        trueUp: {
          source: '/export',
          id: 'x',
          atMs: startMs,
          exchange: exchangeId(1),
          attempt: 1,
          figureAtto: 99n * unit,
          currency: 'USD',
          origin: 'export',
        },
        json: {},
      },
    ]);

    assert.deepEqual(await bank.left(), { g: 6 });
    assert.deepEqual(await bank.accounts('unbilled', 'revenue'), { 'revenue:inference': -4 });
    assert.deepEqual(await checkLedger(store), []);
  });

  type Step = { readonly what: 'grant' | 'exchange' | 'event'; readonly units: number; readonly priority: number };
  const step: fc.Arbitrary<Step> = fc.record({
    what: fc.constantFrom('grant', 'exchange', 'event'),
    units: fc.integer({ min: 1, max: 9 }),
    priority: fc.integer({ min: 0, max: 2 }),
  });

  test('in any mixture with exchanges every grant is burned as one purse would be, to nothing and not beyond', async () => {
    let organisations = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 8 }), async steps => {
        organisations += 1;
        const organisation = `org_${organisations}`;
        const purse: { id: string; priority: number; left: number }[] = [];
        let owed = 0;
        for (const [index, { what, units, priority }] of steps.entries()) {
          if (what === 'grant') {
            await bank.grant(`g${index}`, units, { organisation, priority });
            purse.push({ id: `g${index}`, priority, left: units });
            continue;
          }
          const name = organisations * 100 + index;
          if (what === 'exchange') await bank.ship(completed(sketchOf(name, units, { organisation })));
          else await tell([used(`e${name}`, units, { organisation })]);
          let due = units;
          for (const grant of purse.toSorted((one, other) => one.priority - other.priority)) {
            const taken = Math.min(due, grant.left);
            grant.left -= taken;
            due -= taken;
          }
          owed += due;
        }

        const accounts = await bank.accounts(`wallet:${organisation}:`, `unbilled:${organisation}`);
        const left = Object.fromEntries(purse.map(({ id, left }) => [`wallet:${organisation}:${id}`, 0 - left]));
        assert.deepEqual(accounts, { ...left, ...(owed === 0 ? {} : { [`unbilled:${organisation}`]: owed }) });
      }),
      { numRuns: 15 },
    );
    assert.deepEqual(await checkLedger(store), []);
  });

  test('who has a wallet to itself does not hold up what is written about its grants', async () => {
    await bank.grant('g', 20);
    const { rows } = await store.pool.query('select wallet, grant_number from wallet_balance');
    const [owner, other] = [await store.pool.connect(), await store.pool.connect()];
    try {
      await owner.query('begin');
      await lockWallets(owner, [{ organisation: 'org_acme', currency: 'USD' }]);
      await other.query(`begin; set local statement_timeout = '5s'`);

      // The first of an hour refers to the wallet.
      const used = {
        wallet: rows[0].wallet,
        grant: rows[0].grant_number,
        kind: 'used',
        amountAtto: -1n,
        count: 1n,
      } as const;
      await moveWallet(other, [used]);
    } finally {
      await other.query('rollback');
      await owner.query('rollback');
      owner.release();
      other.release();
    }
  });

  test('races of events, requests and exchanges never take more than there is', async () => {
    await bank.grant('g', 20);
    const leases = await Promise.all([1, 2, 3].map(each => bank.lease(3, { holder: `journal:${each}` })));

    await Promise.all([
      ...leases.flatMap((held, index) =>
        held === undefined ? [] : [bank.ship(completed(sketchOf(index + 1, 3, { leases: [held] })))],
      ),
      ...['a', 'b', 'c', 'd'].map(id => tell([used(id, 5)])),
    ]);

    assert.deepEqual(await bank.left(), { g: 0 });
    assert.deepEqual(await bank.accounts('revenue', 'unbilled', 'wallet'), {
      'revenue:inference': -9,
      'revenue:storage': -20,
      'unbilled:org_acme': 9,
      'wallet:org_acme:g': 0,
    });
    assert.deepEqual(await checkLedger(store), []);
  });
});
