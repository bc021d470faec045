import assert from 'node:assert/strict';
import { after, before, beforeEach, suite, test } from 'node:test';
import fc from 'fast-check';
import { createTestDatabase, type TestDatabase } from '../../test/support/database.ts';
import { emptyLedger } from '../../test/support/ledger.ts';
import {
  by,
  crashRerates,
  freeOfCharge,
  graduated,
  priced,
  rerateOrder,
  used,
  volume,
} from '../../test/support/rerated-usage.ts';
import { Bank, startMs } from '../../test/support/wallets.ts';
import { WalletUsagePayer } from '../billing/pay-usage.ts';
import { checkLedger } from '../ledger/check.ts';
import { readUsage } from '../ledger/usage-report.ts';
import { formatAtto } from '../pricing/money.ts';
import { connect, type Store } from '../store/connect.ts';
import type { UsageDirectory } from './directory.ts';
import type { PlacedEvent } from './place-event.ts';
import { findUsageEvent } from './query-events.ts';
import { recordEvents } from './record-events.ts';
import { rerateUsageStep, type UsageRerateOrder } from './rerate-events.ts';

const hour = 3_600_000;

suite('usage events that are rated again', () => {
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

  const payer = new WalletUsagePayer();
  const tell = (directory: UsageDirectory, ...events: readonly PlacedEvent[]) =>
    recordEvents(
      store,
      directory,
      events.map(event => ({ event, json: {} })),
      payer,
    );
  const rerate = (directory: UsageDirectory, more: Partial<UsageRerateOrder> = {}) =>
    rerateUsageStep(store, rerateOrder(directory, more), { stepMs: 60_000 });
  /** What each event is worth now, by its id. */
  const worth = async () =>
    Object.fromEntries(
      (
        await store.pool.query(
          `select k.id, r.sell_atto, r.buy_atto
             from usage_event_key k
             join lateral (select * from usage_event_rating n where n.ref = k.ref order by number desc limit 1) r on true
            order by k.id collate "C"`,
        )
      ).rows.map(row => [row.id, `${formatAtto(row.sell_atto)} for ${formatAtto(row.buy_atto)}`]),
    );
  const months = async () =>
    (
      await store.pool.query(
        `select version, replaced, quantity, amount_atto from usage_month where book = 'sell' order by id`,
      )
    ).rows.map(row => [row.version, row.replaced, Number(row.quantity), formatAtto(row.amount_atto)]);
  const sound = async () => assert.deepEqual(await checkLedger(store), []);

  test('what comes out otherwise is reversed and booked anew, once', async () => {
    await tell(by(priced('3', 'v1'), priced('2', 'b1')), used('a', 2), used('b', 5));

    const report = await rerate(by(priced('4', 'v2'), priced('1', 'b2')));
    const again = await rerate(by(priced('4', 'v2'), priced('1', 'b2')));

    assert.deepEqual(await worth(), { a: '8 for 2', b: '20 for 5' });
    assert.deepEqual(
      report.changes.map(({ book, charges, before, after }) => [book, charges, before, after]),
      [
        ['sell', 2, '21', '28'],
        ['buy', 2, '14', '7'],
      ],
    );
    assert.deepEqual([report.examined, report.corrected, again.examined, again.corrected], [2, 2, 2, 0]);
    assert.deepEqual(await bank.accounts('unbilled', 'revenue', 'cogs', 'provider'), {
      'cogs:carrier': 7_000,
      'provider_accrued:carrier': -7_000,
      'revenue:egress': -28_000,
      'unbilled:org_acme': 28_000,
    });
    const { rows } = await store.pool.query(
      `select kind, count(*)::int as count from transfer group by kind order by kind collate "C"`,
    );
    assert.deepEqual(
      rows.map(({ kind, count }) => `${kind} ${count}`),
      ['usage-cost 4', 'usage-reverse 4', 'usage-sell 4'],
    );
    await sound();
  });

  test('the event says by which work, and reports count a correction', async () => {
    const [told] = await tell(by(priced('3', 'v1')), used('a', 2));
    await rerate(by(priced('4', 'v2')), { run: 'november', reason: 'wrong list' });

    const view = await findUsageEvent(store, told!.ref);
    assert.deepEqual(view?.rerated, { number: 2, run: 'november', reason: 'wrong list', before: '6', currency: 'USD' });
    assert.equal(view?.sell?.version, 'v2');
    const usage = await readUsage(store, { by: 'model', from: new Date(startMs), to: new Date(startMs + 1) });
    assert.deepEqual(
      usage.map(({ by: model, corrections, sell }) => [model, corrections, sell?.amount]),
      [['carrier/egress', 1, '8']],
    );
  });

  test('an equal price of another version, none at all, and what waits for its first one change nothing', async () => {
    await tell(by(undefined), used('waits', 1));
    await tell(by(priced('3', 'v1')), used('a', 2), used('nothing', 0));

    assert.equal((await rerate(by(priced('3', 'v2'), priced('0', 'b2')))).corrected, 0);
    const without = await rerate(by(undefined));

    assert.deepEqual([without.examined, without.quarantined, without.unpriced, without.corrected], [3, 1, 2, 0]);
    await sound();
  });

  test('a price of zero takes everything back, and the one before brings it again', async () => {
    await tell(by(priced('3', 'v1'), priced('2', 'b1')), used('a', 2));

    await rerate(by(priced('0', 'v2'), priced('0', 'b2')));
    assert.deepEqual(await worth(), { a: '0 for 0' });
    await rerate(by(priced('3', 'v1'), priced('2', 'b1')), { run: 'run-2' });

    assert.deepEqual(await worth(), { a: '6 for 4' });
    assert.deepEqual(await bank.accounts('unbilled', 'provider'), {
      'provider_accrued:carrier': -4_000,
      'unbilled:org_acme': 6_000,
    });
    await sound();
  });

  test('only what is asked for is looked at', async () => {
    await tell(
      by(priced('3', 'v1')),
      used('mine', 1),
      used('other', 1, { organisation: 'org_other' }),
      used('product', 1, { placedProduct: 'carrier/other' }),
      used('provider', 1, { placedProvider: 'other' }),
      used('project', 1, { placedProject: 'org_acme/web' }),
      used('late', 1, { atMs: startMs + 2 * hour }),
    );
    const filter = { from: new Date(startMs), to: new Date(startMs + hour) };
    const of = (more: object) => rerate(by(priced('4', 'v2')), { dryRun: true, filter: { ...filter, ...more } });

    assert.equal((await of({})).corrected, 5);
    assert.equal((await of({ organisation: 'org_other' })).corrected, 1);
    assert.equal((await of({ product: 'carrier/other' })).corrected, 1);
    assert.equal((await of({ provider: 'other' })).corrected, 1);
    assert.equal((await of({ project: 'org_acme/web' })).corrected, 1);
    assert.equal((await of({ meter: 'storage' })).examined, 0);
    assert.deepEqual(new Set(Object.values(await worth())), new Set(['3 for 0']));
  });

  test('what is less goes back to who paid, what was used last first; what is more is paid as new', async () => {
    await bank.grant('first', 4_000, { priority: -1 });
    await bank.grant('second', 4_000);
    await tell(by(priced('1', 'v1')), used('a', 10));
    assert.deepEqual(await bank.left(), { first: 0, second: 0 });

    await rerate(by(priced('0.5', 'v2')));
    assert.deepEqual(await bank.left(), { first: 0, second: 3_000 });
    assert.deepEqual(await bank.accounts('unbilled'), { 'unbilled:org_acme': 0 });

    await bank.grant('third', 1_000, { priority: -2 });
    await rerate(by(priced('0.9', 'v3')));
    assert.deepEqual(await bank.left(), { first: 0, second: 0, third: 0 });
    assert.deepEqual(await bank.accounts('unbilled'), { 'unbilled:org_acme': 0 });
    await sound();
  });

  test('a grant that had ended gets its part back, and a line what was owed on it', async () => {
    await bank.grant('g', 2_000);
    await tell(by(priced('1', 'v1'), freeOfCharge, true), used('a', 5));
    await store.pool.query(`update wallet_balance set ended = 'used', ended_at = now(), ends = 1`);
    assert.equal(
      (await store.pool.query('select owed_atto from wallet')).rows[0].owed_atto,
      3_000_000_000_000_000_000n,
    );

    await rerate(by(priced('0.2', 'v2'), freeOfCharge, true));

    assert.deepEqual(await bank.left(), { g: 1_000 });
    assert.equal((await store.pool.query('select owed_atto from wallet')).rows[0].owed_atto, 0n);
    await sound();
  });

  test('another currency takes all of the one back and books all of the other', async () => {
    await bank.grant('dollars', 9_000);
    await bank.grant('euros', 1_000, { currency: 'EUR' });
    await tell(by(priced('3', 'v1')), used('a', 2));

    await rerate(by(priced('2', 'v2', 'EUR')));

    assert.deepEqual(await bank.left(), { dollars: 9_000, euros: 0 });
    const { rows } = await store.pool.query(
      `select t.currency, sum(case when d.name like 'unbilled:%' then amount_atto else -amount_atto end) as atto
         from transfer t join account d on d.id = debit join account c on c.id = credit
        where d.name like 'unbilled:%' or c.name like 'unbilled:%' group by 1`,
    );
    assert.deepEqual(rows, [{ currency: 'EUR', atto: 3_000_000_000_000_000_000n }]);
    await sound();
  });

  test('a month gets another price as a whole, also what was not asked for', async () => {
    await tell(by(priced(graduated, 'v1')), used('a', 6), used('b', 20), used('c', 0), used('d', 4));
    assert.deepEqual(await months(), [['v1', false, 30, '45']]);

    const only = { from: new Date(startMs), to: new Date(startMs + 1), meter: 'egress' };
    await tell(by(priced(graduated, 'v1')), used('e', 1, { atMs: startMs + hour }));
    const report = await rerate(by(priced(volume, 'v2')), { filter: only });

    assert.equal(report.next, undefined);
    assert.deepEqual(await months(), [
      ['v1', true, 0, '0'],
      ['v2', false, 31, '31'],
    ]);
    assert.deepEqual(await bank.accounts('unbilled', 'revenue'), {
      'revenue:egress': -31_000,
      'unbilled:org_acme': 31_000,
    });
    // What comes later is added to the sum of the new price.
    await tell(by(priced(graduated, 'v1')), used('f', 2));
    assert.deepEqual((await months())[1], ['v2', false, 33, '33']);
    await sound();
  });

  test('a dry run tells what a month would come to, and books nothing', async () => {
    await tell(by(priced(graduated, 'v1')), used('a', 6), used('b', 24), used('late', 1, { atMs: startMs + hour }));
    const filter = { from: new Date(startMs), to: new Date(startMs + 1) };

    const report = await rerate(by(priced(volume, 'v2')), { filter, dryRun: true });

    const sum = (of: 'before' | 'after') => report.changes.reduce((total, change) => total + Number(change[of]), 0);
    assert.equal(sum('after') - sum('before'), 31 - 46);
    assert.deepEqual(await months(), [['v1', false, 31, '46']]);
    assert.deepEqual(await worth(), { a: '3 for 0', b: '42 for 0', late: '1 for 0' });
  });

  test('from a price by the month to one by the unit and back everything is as it was', async () => {
    await tell(by(priced(graduated, 'v1')), used('a', 6), used('b', 20), used('d', 5));

    await rerate(by(priced('2', 'v2')));
    assert.deepEqual(await months(), [['v1', false, 0, '0']]);
    assert.deepEqual(await bank.accounts('unbilled'), { 'unbilled:org_acme': 62_000 });
    await sound();
    await rerate(by(priced(graduated, 'v1')), { run: 'run-2' });

    assert.deepEqual(await months(), [['v1', false, 31, '46']]);
    assert.deepEqual(await bank.accounts('unbilled'), { 'unbilled:org_acme': 46_000 });
    await sound();
  });

  test('of a month in another currency nothing changes', async () => {
    await tell(by(priced(graduated, 'v1')), used('a', 6));

    const report = await rerate(by(priced(graduated, 'v2', 'EUR')));

    assert.deepEqual([report.unpriced, report.corrected], [1, 0]);
    assert.deepEqual(await months(), [['v1', false, 6, '3']]);
    await sound();
  });

  test('what a month costs less goes back to the grants that paid it', async () => {
    await bank.grant('first', 20_000, { priority: -1 });
    await bank.grant('second', 30_000);
    await tell(by(priced(graduated, 'v1')), used('a', 6), used('b', 20), used('d', 5));
    assert.deepEqual(await bank.left(), { first: 0, second: 4_000 });

    await rerate(by(priced(volume, 'v2')));

    assert.deepEqual(await bank.left(), { first: 0, second: 19_000 });
    assert.deepEqual(await bank.accounts('unbilled'), {});
    await sound();
  });

  /** a is charged 0 and b 10; by the unit a then stands at -6 and b at 14, since each left another place of the month. */
  const leaveMonth = async () => {
    await bank.grant('g', 100_000);
    const firstFree = { amount: '10', per: 1, free: '1', graduated: [{ above: '1000', amount: '9' }] };
    await tell(by(priced(firstFree, 'v1')), used('a', 1), used('b', 1, { atMs: startMs + 1 }));
    await rerate(by(priced('4', 'v2')));
    assert.deepEqual(await worth(), { a: '-6 for 0', b: '14 for 0' });
    assert.deepEqual(await bank.left(), { g: 92_000 });
  };

  test('what one event costs less may have been paid for another of the month that both left', async () => {
    await leaveMonth();

    const free = { amount: '3', per: 1, free: '10', graduated: [{ above: '20', amount: '1' }] };
    const order = rerateOrder(by(priced(free, 'v3')), { run: 'run-2' });
    const { next } = await rerateUsageStep(store, order, { eventsAtOnce: 1, stepMs: 0 });
    assert.deepEqual(await bank.left(), { g: 96_000 });
    await rerateUsageStep(store, { ...order, after: next }, { eventsAtOnce: 1, stepMs: 0 });

    assert.deepEqual(await bank.left(), { g: 100_000 });
    assert.deepEqual(await bank.accounts('unbilled'), {});
    await sound();
  });

  test('so may what a new event makes cheaper', async () => {
    await leaveMonth();
    const steep = by(priced({ amount: '20', per: 1, volume: [{ above: '1', amount: '1' }] }, 'v3'));
    await rerateUsageStep(store, rerateOrder(steep, { run: 'run-2' }), { eventsAtOnce: 1, stepMs: 0 });
    assert.deepEqual(await bank.left(), { g: 76_000 });

    await tell(steep, used('c', 1));

    assert.deepEqual(await worth(), { a: '10 for 0', b: '14 for 0', c: '-18 for 0' });
    assert.deepEqual(await bank.left(), { g: 94_000 });
    assert.deepEqual(await bank.accounts('unbilled'), {});
    await sound();
  });

  test('of the buy book the whole month of who is owed follows, of all customers', async () => {
    const list = priced('9', 's1');
    await tell(by(list, priced(graduated, 'b1')), used('a', 6), used('o', 25, { organisation: 'org_other' }));
    const filter = { ...rerateOrder(by(list)).filter, organisation: 'org_acme' };

    await rerate(by(list, priced(volume, 'b2')), { filter });

    assert.deepEqual(await bank.accounts('cogs', 'provider', 'revenue'), {
      'cogs:carrier': 31_000,
      'provider_accrued:carrier': -31_000,
      'revenue:egress': -279_000,
    });
    await sound();
  });

  test('a month that would come to more than 38 digits stays, and is told', async () => {
    const max = Number.MAX_SAFE_INTEGER;
    await tell(by(priced(graduated, 'v1')), used('a', 6), used('b', max));

    const report = await rerate(by(priced({ amount: '99999999999999', per: 1, free: '1' }, 'v2')));

    assert.equal(report.unpriced > 0, true);
    assert.deepEqual(await months(), [
      ['v1', true, max, formatAtto(30_000_000_000_000_000_000n + (BigInt(max) - 15n) * 10n ** 18n)],
      ['v2', false, 6, '499999999999995'],
    ]);
    await sound();
  });

  test('a crash at any of some statements leaves it whole, and running again ends it once', async () => {
    // Each of them: test/long/rerated-usage.test.ts.
    assert.ok((await crashRerates(database, store, 8)) >= 5);
    await sound();
  });

  test('two at once, and events that are told meanwhile, end as one after the other would', async () => {
    await bank.grant('g', 50_000);
    const v1 = by(priced(graduated, 'v1'), priced(graduated, 'b1'));
    const v2 = by(priced(volume, 'v2'), priced('1', 'b2'));
    await tell(v1, ...Array.from({ length: 20 }, (_, index) => used(`e${index}`, index + 1)));

    await Promise.all([
      rerateUsageStep(store, rerateOrder(v2), { eventsAtOnce: 3 }),
      rerateUsageStep(store, rerateOrder(v2, { run: 'run-2' }), { eventsAtOnce: 7 }),
      ...[1, 2, 3].map(index => tell(v1, used(`late${index}`, index), used('e0', 1))),
    ]);
    await rerate(v2);

    assert.deepEqual(
      (await months()).map(([, replaced, quantity, amount]) => [replaced, quantity, amount]),
      [
        [true, 0, '0'],
        [false, 216, '216'],
      ],
    );
    assert.deepEqual(await bank.accounts('unbilled', 'wallet', 'provider'), {
      'provider_accrued:carrier': -216_000,
      'unbilled:org_acme': 166_000,
      'wallet:org_acme:g': 0,
    });
    await sound();
  });

  const prices = {
    flat: priced('2', 'flat'),
    cheap: priced('0.3', 'cheap'),
    nothing: priced('0', 'nothing'),
    graduated: priced(graduated, 'graduated'),
    volume: priced(volume, 'volume'),
  };
  const pureOf: Readonly<Record<keyof typeof prices, (units: number) => number>> = {
    flat: units => units * 2_000,
    cheap: units => units * 300,
    nothing: () => 0,
    graduated: units => 3_000 * Math.min(Math.max(units - 5, 0), 10) + 1_000 * Math.max(units - 15, 0),
    volume: units => (units > 10 ? units * 1_000 : units * 2_000),
  };

  test('whatever prices follow each other, in the end it costs what the last says, and wallets have what is left', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.nat(12), { minLength: 1, maxLength: 5 }),
        fc.array(fc.constantFrom(...(Object.keys(prices) as (keyof typeof prices)[])), { minLength: 2, maxLength: 4 }),
        fc.integer({ min: 1, max: 40 }),
        fc.integer({ min: 1, max: 3 }),
        async (parts, names, granted, eventsAtOnce) => {
          await emptyLedger(store, ['account']);
          await bank.grant('g', granted * 1_000);
          await tell(by(prices[names[0]!]), ...parts.map((units, index) => used(`e${index}`, units)));
          for (const name of names.slice(1)) {
            await rerateUsageStep(store, rerateOrder(by(prices[name])), { eventsAtOnce, stepMs: 60_000 });
          }

          const units = parts.reduce((sum, part) => sum + part, 0);
          const last = pureOf[names.at(-1)!](units);
          const accounts = await bank.accounts('revenue', 'unbilled', 'wallet');
          assert.equal(0 - (accounts['revenue:egress'] ?? 0), last);
          const paid = granted * 1_000 + (accounts['wallet:org_acme:g'] ?? 0);
          assert.equal((accounts['unbilled:org_acme'] ?? 0) + paid, last);
          assert.equal((await bank.left())['g'], 0 - (accounts['wallet:org_acme:g'] ?? 0));
          await sound();
        },
      ),
      { numRuns: 6 },
    );
  });
});
