import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, suite, test } from 'node:test';
import { createTestDatabase, type TestDatabase } from '../../test/support/database.ts';
import { emptyLedger } from '../../test/support/ledger.ts';
import { Bank, completed, sketchOf, startMs, unit } from '../../test/support/wallets.ts';
import { checkLedger } from '../ledger/check.ts';
import { connect, type Store } from '../store/connect.ts';
import { scopeId } from './grant.ts';
import { refundGrant, voidGrant } from './grants.ts';

suite('wallets', () => {
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
  const at = (offsetMs: number) => new Date(startMs + offsetMs).toISOString();
  const acme = (id: string) => ({ organisation: 'org_acme', id });

  describe('a grant', () => {
    test('is made once: the same again exists, other content is refused and changes nothing', async () => {
      assert.equal(await bank.grant('g1', 25), 'granted');
      assert.equal(await bank.grant('g1', 25, { nowMs: startMs + 5_000 }), 'exists');
      await assert.rejects(bank.grant('g1', 26), { code: 'grant_conflict' });
      await assert.rejects(bank.grant('g1', 25, { currency: 'EUR' }), { code: 'grant_conflict' });

      assert.deepEqual(await bank.left(), { g1: 25 });
      assert.deepEqual(await bank.accounts(), { cash: 25, 'wallet:org_acme:g1': -25 });
    });

    test('is booked by its kind', async () => {
      await bank.grant('paid', 1);
      await bank.grant('promo', 2, { kind: 'promotional' });
      await bank.grant('seat', 4, { kind: 'included' });

      assert.deepEqual(await bank.accounts(), {
        cash: 1,
        promo_expense: 2,
        'revenue:seats': 4,
        'wallet:org_acme:paid': -1,
        'wallet:org_acme:promo': -2,
        'wallet:org_acme:seat': -4,
      });
      assert.deepEqual(await checkLedger(store), []);
    });

    test('that would expire before it can be used is refused', async () => {
      await assert.rejects(bank.grant('g', 1, { expiresAtMs: startMs }), { code: 'grant_expired' });
      const effectiveAtMs = startMs + hour;
      await assert.rejects(bank.grant('g', 1, { effectiveAtMs, expiresAtMs: effectiveAtMs }), {
        code: 'grant_expired',
      });
      assert.equal(await bank.grant('g', 1, { effectiveAtMs, expiresAtMs: effectiveAtMs + 1 }), 'granted');
    });

    test('made by many at once is made once', async () => {
      const outcomes = await Promise.all(Array.from({ length: 8 }, () => bank.grant('g1', 25)));

      assert.deepEqual(outcomes.toSorted(), [...Array(7).fill('exists'), 'granted']);
      assert.deepEqual(await bank.left(), { g1: 25 });
    });

    test('is one of at most so many scopes in its wallet', async () => {
      for (let i = 0; i < 16; i += 1) await bank.grant(`g${i}`, 1, { scope: { models: [`vendor/m${i}`] } });

      await assert.rejects(bank.grant('one-more', 1, { scope: { models: ['vendor/other'] } }), { code: 'wallet_full' });
      assert.equal(await bank.grant('known', 1, { scope: { models: ['vendor/m3'] } }), 'granted');
      assert.equal(await bank.grant('without', 1), 'granted');
    });

    test('that is unused can be voided, twice as once; one that was used cannot', async () => {
      await bank.grant('g1', 25);
      await bank.grant('g2', 25);
      await bank.ship(completed(sketchOf(1, 10)));

      assert.deepEqual(await voidGrant(store, acme('g2'), startMs), { outcome: 'ended', amountAtto: 25n * unit });
      assert.deepEqual(await voidGrant(store, acme('g2'), startMs + 1), { outcome: 'exists', amountAtto: 25n * unit });
      await assert.rejects(voidGrant(store, acme('g1'), startMs), { code: 'grant_not_unused' });
      await assert.rejects(voidGrant(store, acme('g3'), startMs), { code: 'resource_not_found' });

      assert.deepEqual(await bank.left(), { g1: 15 });
      assert.deepEqual(await bank.accounts('cash', 'wallet'), {
        cash: 25,
        'wallet:org_acme:g1': -15,
        'wallet:org_acme:g2': 0,
      });
    });

    test('gives back what is left of it when it was paid, and only then', async () => {
      await bank.grant('g1', 25);
      await bank.grant('promo', 5, { kind: 'promotional', priority: 9 });
      await bank.ship(completed(sketchOf(1, 10)));

      assert.deepEqual(await refundGrant(store, acme('g1'), startMs), { outcome: 'ended', amountAtto: 15n * unit });
      assert.deepEqual(await refundGrant(store, acme('g1'), startMs), { outcome: 'exists', amountAtto: 15n * unit });
      await assert.rejects(refundGrant(store, acme('promo'), startMs), { code: 'grant_not_refundable' });

      assert.deepEqual(await bank.accounts('cash', 'revenue', 'wallet:org_acme:g1'), {
        cash: 10,
        'revenue:inference': -10,
        'wallet:org_acme:g1': 0,
      });
      assert.deepEqual(await checkLedger(store), []);
    });

    test('of which requests hold a part is neither voided nor refunded until they let go', async () => {
      await bank.grant('g1', 25);
      const held = await bank.lease(5);

      assert.deepEqual(await voidGrant(store, acme('g1'), startMs), { outcome: 'held', currency: 'USD' });
      assert.deepEqual(await refundGrant(store, acme('g1'), startMs), { outcome: 'held', currency: 'USD' });

      await bank.ledgerLeases.close(held!.lease);
      assert.equal((await voidGrant(store, acme('g1'), startMs)).outcome, 'ended');
      assert.equal(await bank.lease(1), undefined);
    });
  });

  describe('a postpaid organisation', () => {
    test('pays from its grants in their order and owes the rest', async () => {
      await bank.grant('forever', 4);
      await bank.grant('soon', 3, { expiresAtMs: startMs + hour });
      await bank.grant('last', 100, { priority: 5, scope: { models: ['other/**'] } });
      await bank.grant('first', 2, { priority: -1 });

      await bank.ship(completed(sketchOf(1, 6)));
      assert.deepEqual(await bank.left(), { forever: 3, soon: 0, last: 100, first: 0 });

      await bank.ship(completed(sketchOf(2, 6)));
      assert.deepEqual(await bank.accounts('unbilled', 'revenue', 'wallet'), {
        'revenue:inference': -12,
        'unbilled:org_acme': 3,
        'wallet:org_acme:first': 0,
        'wallet:org_acme:forever': 0,
        'wallet:org_acme:last': -100,
        'wallet:org_acme:soon': 0,
      });
      const { rows } = await store.pool.query(
        `select kind, amount_atto from transfer where exchange_id = $1 and kind <> 'cost' order by 1`,
        [sketchOf(1, 6).id],
      );
      assert.deepEqual(rows, [
        { kind: 'burn:first', amount_atto: 2n * unit },
        { kind: 'burn:forever', amount_atto: 1n * unit },
        { kind: 'burn:soon', amount_atto: 3n * unit },
      ]);
      assert.deepEqual(await checkLedger(store), []);
    });

    test('is paid for by what was in force when it asked, however late that is shipped', async () => {
      await bank.grant('old', 5, { expiresAtMs: startMs + hour });
      await bank.grant('new', 5, { effectiveAtMs: startMs + hour });

      await bank.ship(
        completed(sketchOf(1, 1, { atMs: startMs + hour })),
        completed(sketchOf(2, 1, { atMs: startMs + hour - 1 })),
        completed(sketchOf(3, 7, { atMs: startMs + hour - 1 })),
        completed(sketchOf(4, 1, { atMs: startMs - 1 })),
      );

      assert.deepEqual(await bank.left(), { old: 0, new: 4 });
      // 1 from before both, 8 from the old hour of which it could pay 5.
      assert.deepEqual(await bank.accounts('unbilled'), { 'unbilled:org_acme': 4 });
    });

    test('is paid for meter by meter, model by model', async () => {
      await bank.grant('output', 100, { scope: { meters: ['output'] }, priority: -1 });
      await bank.grant('azure', 100, { scope: { providers: ['azure'] } });
      await bank.grant('gpt', 1, { scope: { models: ['openai/*'] } });

      // 500 input tokens at 2.00 per million are one unit.
      await bank.ship(completed(sketchOf(1, 3, { inputTokens: 1_000 })));

      assert.deepEqual(await bank.left(), { output: 97, azure: 100, gpt: 0 });
      assert.deepEqual(await bank.accounts('unbilled'), { 'unbilled:org_acme': 1 });
    });

    test('of another currency or without a wallet is charged as ever', async () => {
      await bank.grant('euros', 100, { currency: 'EUR' });
      await bank.grant('others', 100, { organisation: 'org_b' });

      await bank.ship(completed(sketchOf(1, 3)), completed(sketchOf(2, 4, { organisation: 'org_c' })));

      assert.deepEqual(await bank.accounts('unbilled'), { 'unbilled:org_acme': 3, 'unbilled:org_c': 4 });
      assert.deepEqual(await checkLedger(store), []);
    });

    test('shipped twice pays once', async () => {
      await bank.grant('g', 10);
      const exchange = completed(sketchOf(1, 3));

      await bank.ship(exchange);
      await bank.ship(exchange, completed(sketchOf(2, 1)));
      await bank.ship(exchange);

      assert.deepEqual(await bank.left(), { g: 6 });
    });
  });

  describe('what requests hold', () => {
    test('is never more than there is', async () => {
      await bank.grant('g', 10);

      assert.equal(await bank.lease(11), undefined);
      const first = await bank.lease(6);
      assert.notEqual(first, undefined);
      assert.equal(await bank.lease(5, { holder: 'journal:2' }), undefined);
      assert.notEqual(await bank.lease(4, { holder: 'journal:2' }), undefined);
      assert.equal(await bank.lease(1), undefined);
      assert.deepEqual(await checkLedger(store), []);
    });

    test('is what they are charged, and the rest is free again when the lease ends', async () => {
      await bank.grant('g', 10);
      const held = (await bank.lease(8))!;

      await bank.ship(completed(sketchOf(1, 3, { leases: [held] })));
      assert.equal(await bank.lease(3, { holder: 'b' }), undefined);
      assert.equal(await bank.leases.release(held.lease, unit), true);
      assert.notEqual(await bank.lease(3, { holder: 'b' }), undefined);
      await bank.ledgerLeases.close(held.lease);
      assert.notEqual(await bank.lease(4, { holder: 'c' }), undefined);

      assert.deepEqual(await bank.left(), { g: 7 });
      assert.deepEqual(await checkLedger(store), []);
    });

    test('counts only what is in force throughout its window', async () => {
      await bank.grant('till-noon', 5, { expiresAtMs: startMs + hour });
      await bank.grant('from-noon', 7, { effectiveAtMs: startMs + hour });
      await bank.grant('always', 2, { effectiveAtMs: startMs - hour });
      const morning = `${at(0)}/${at(hour)}`;
      const noon = `${at(hour)}/..`;

      assert.equal(await bank.lease(8, { window: morning }), undefined);
      assert.equal(await bank.lease(6, { window: `${at(0)}/${at(hour + 1)}` }), undefined);
      assert.equal(await bank.lease(3, { window: `${at(-1)}/..` }), undefined);
      const held = (await bank.lease(6, { window: morning }))!;
      // 5 of till-noon and 1 of always are promised.
      assert.equal(await bank.lease(9, { window: noon }), undefined);
      assert.notEqual(await bank.lease(8, { window: noon }), undefined);

      // Shipped long after noon.
      await bank.ship(completed(sketchOf(1, 6, { leases: [held], atMs: startMs + hour - 1 })));
      assert.deepEqual(await bank.left(), { 'till-noon': 0, 'from-noon': 7, always: 1 });
    });

    test('counts only what can pay for it', async () => {
      const scope = { models: ['openai/*'] };
      await bank.grant('scoped', 5, { scope });
      await bank.grant('output', 50, { scope: { meters: ['output'] } });
      await bank.grant('general', 3);

      assert.equal(await bank.lease(4), undefined);
      assert.notEqual(await bank.lease(3), undefined);
      assert.equal(await bank.lease(6, { scopes: [scopeId(scope)] }), undefined);
      assert.notEqual(await bank.lease(5, { scopes: [scopeId(scope)] }), undefined);
    });

    test('is taken of grants in their order, and given back in the other', async () => {
      await bank.grant('second', 5);
      await bank.grant('first', 5, { priority: -1 });
      const held = (await bank.lease(8))!;
      await bank.leases.release(held.lease, 2n * unit);

      await bank.ship(completed(sketchOf(1, 6, { leases: [held] })));

      assert.deepEqual(await bank.left(), { second: 4, first: 0 });
      assert.deepEqual(await bank.alerts(), []);
    });

    test('is free again where a grant for its meter paid instead', async () => {
      await bank.grant('general', 10);
      await bank.grant('output', 2, { scope: { meters: ['output'] }, priority: -1 });
      const held = (await bank.lease(10))!;

      await bank.ship(completed(sketchOf(1, 5, { leases: [held] })));

      assert.deepEqual(await bank.left(), { general: 7, output: 0 });
      assert.notEqual(await bank.lease(2, { holder: 'b' }), undefined);
      assert.equal(await bank.lease(1, { holder: 'c' }), undefined);
    });

    test('is kept of a quarantined exchange when its lease ends', async () => {
      await bank.grant('g', 10);
      const held = (await bank.lease(8))!;
      const quarantined = completed(sketchOf(1, 5, { leases: [held] }), exchange => {
        const { sell: _, ...end } = exchange.end;
        return { ...exchange, end: { ...end, state: 'quarantined' } };
      });

      await bank.ship(quarantined);
      await bank.ledgerLeases.close(held.lease);

      assert.deepEqual(await bank.left(), { g: 10 });
      assert.equal(await bank.lease(6), undefined);
      assert.notEqual(await bank.lease(5), undefined);
    });

    test('goes on to the line, which a paid grant pays back first', async () => {
      bank.lineAtto = 4n * unit;
      await bank.grant('g', 3);
      const held = (await bank.lease(7))!;
      assert.equal(await bank.lease(1), undefined);

      await bank.ship(completed(sketchOf(1, 5, { leases: [held] })));
      assert.deepEqual(await bank.left(), { g: 0 });
      assert.deepEqual(await bank.accounts('unbilled'), { 'unbilled:org_acme': 2 });
      await bank.ledgerLeases.close(held.lease);
      assert.equal(await bank.lease(3), undefined);

      await bank.grant('promo', 10, { kind: 'promotional' });
      await bank.grant('top-up', 5);
      assert.deepEqual(await bank.left(), { g: 0, promo: 10, 'top-up': 3 });
      assert.deepEqual(await bank.accounts('unbilled'), { 'unbilled:org_acme': 0 });
      assert.notEqual(await bank.lease(17), undefined);
      assert.deepEqual(await checkLedger(store), []);
    });

    test('of a wallet without a grant is its line alone', async () => {
      assert.equal(await bank.lease(1), undefined);
      bank.lineAtto = 2n * unit;
      assert.notEqual(await bank.lease(2), undefined);
      assert.equal(await bank.lease(1), undefined);
    });

    test('does not reach what was not held before: that takes only what is free', async () => {
      await bank.grant('g', 10);
      const held = (await bank.lease(8))!;

      await bank.ship(completed(sketchOf(1, 5)));
      await bank.ship(completed(sketchOf(2, 8, { leases: [held] })));

      assert.deepEqual(await bank.left(), { g: 0 });
      assert.deepEqual(await bank.accounts('unbilled'), { 'unbilled:org_acme': 3 });
      assert.deepEqual(await bank.alerts(), []);
    });

    test('and is lost with its lease is paid by what is free, and told where that is too little', async () => {
      await bank.grant('g', 10);
      const held = (await bank.lease(8))!;
      await bank.ledgerLeases.close(held.lease);
      await bank.lease(6, { holder: 'b' });

      await bank.ship(completed(sketchOf(1, 5, { leases: [held] })));

      assert.deepEqual(await bank.left(), { g: 6 });
      assert.deepEqual(await bank.accounts('unbilled'), { 'unbilled:org_acme': 1 });
      assert.deepEqual(await bank.alerts(), ['wallet_short']);
    });

    test('by many at once is never more than there is, whoever asks', async () => {
      await bank.grant('a', 20);
      await bank.grant('b', 20, { expiresAtMs: startMs + hour });
      const windows = [`${at(0)}/${at(hour)}`, `${at(hour)}/..`];

      const held = await Promise.all(
        Array.from({ length: 60 }, (_, index) => bank.lease(1, { holder: `h${index}`, window: windows[index % 2]! })),
      );

      assert.equal(held.filter(each => each !== undefined).length, 40);
      const { rows } = await store.pool.query(
        'select grant_number, sum(atto) as atto from wallet_reserve group by 1 order by 1',
      );
      assert.deepEqual(
        rows.map(({ atto }) => atto / unit),
        [20n, 20n],
      );
    });
  });
});
