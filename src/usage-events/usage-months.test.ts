import assert from 'node:assert/strict';
import { after, before, beforeEach, suite, test } from 'node:test';
import fc from 'fast-check';
import { createTestDatabase, type TestDatabase } from '../../test/support/database.ts';
import { crashAtStatement, emptyLedger } from '../../test/support/ledger.ts';
import { Bank, startMs } from '../../test/support/wallets.ts';
import { WalletUsagePayer } from '../billing/pay-usage.ts';
import { checkLedger } from '../ledger/check.ts';
import { formatAtto } from '../pricing/money.ts';
import { cardOfRow, type DecimalUnitRate, normalizeRates } from '../pricing/price-row.ts';
import { parseRateCard, type RateCardJson } from '../pricing/rate-card.ts';
import { constantTimeline, parseTimeline, type RateTimeline } from '../pricing/timeline.ts';
import { connect, type Store } from '../store/connect.ts';
import type { UsageDirectory } from './directory.ts';
import type { PlacedEvent } from './place-event.ts';
import { rateQuarantined } from './rate-quarantined.ts';
import { recordEvents } from './record-events.ts';

const day = 86_400_000;
const begin = Date.UTC(2026, 10, 1);
const giga = 1_000_000_000;

/** 0.09 a GB, of which 100 GB a month are free. */
const egress = { amount: '0.09', per: giga, free: '100000000000' };
/** 3 a unit up to 10, then 2, then 1 above 100. */
const steps = [
  { above: '10', amount: '2' },
  { above: '100', amount: '1' },
];

function json(version: string, rate: DecimalUnitRate): RateCardJson {
  return cardOfRow({ rates: normalizeRates({ egress: rate }), tiers: [] }, { id: version, currency: 'USD' });
}
const always = (rate: DecimalUnitRate, version = 'v1') => constantTimeline(parseRateCard(json(version, rate)));
const free = always({ amount: '0', per: 1 }, 'buy-1');

function directoryOf(sell: RateTimeline | undefined, buy: RateTimeline = free): UsageDirectory {
  return {
    hasOrganisation: () => true,
    hasProject: () => true,
    projectOfKey: () => undefined,
    findDeployment: () => undefined,
    pricesOf: () => ({ sell, buy }),
    owesOnLine: () => false,
  };
}

function used(id: string, quantity: number, change: Partial<PlacedEvent> = {}): PlacedEvent {
  return {
    source: '/net/eu-1',
    id,
    atMs: begin + day,
    organisation: 'org_acme',
    project: undefined,
    key: undefined,
    meter: 'egress',
    quantity,
    holders: 1,
    product: 'carrier/egress',
    deployment: undefined,
    provider: undefined,
    region: undefined,
    mode: 'sync',
    placedProject: '',
    placedProduct: 'carrier/egress',
    placedProvider: 'carrier',
    ...change,
  };
}

suite('prices by the month', () => {
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

  const tell = async (directory: UsageDirectory, ...events: readonly PlacedEvent[]) =>
    (
      await recordEvents(
        store,
        directory,
        events.map(event => ({ event, json: {} })),
        new WalletUsagePayer(),
      )
    ).map(({ outcome, rated }) => (rated === undefined ? outcome : formatAtto(rated.sell.amountAtto)));
  const months = async () =>
    (
      await store.pool.query(
        `select month::text as month, version, quantity, amount_atto from usage_month where book = 'sell' order by id`,
      )
    ).rows.map(row => [row.month, row.version, Number(row.quantity), formatAtto(row.amount_atto)]);

  test('what is free comes first, and 1,234.5 GB of egress cost 102.105', async () => {
    const amounts = await tell(
      directoryOf(always(egress)),
      used('a', 60 * giga),
      used('b', 60 * giga),
      used('c', 1_114_500_000_000),
    );

    assert.deepEqual(amounts, ['0', '1.8', '100.305']);
    assert.deepEqual(await months(), [['2026-11-01', 'v1', 1_234_500_000_000, '102.105']]);
    assert.deepEqual(await checkLedger(store), []);
  });

  test('lines say what was free and at which step the rest', async () => {
    const [told] = await recordEvents(
      store,
      directoryOf(always({ amount: '3', per: 1, free: '5', graduated: steps })),
      [{ event: used('a', 16), json: {} }],
    );

    assert.deepEqual(told?.rated?.sell.lines, [
      { meter: 'egress', quantity: 5, ratePico: '0', per: '1', amountAtto: '0' },
      { meter: 'egress', quantity: 10, ratePico: '3000000000000', per: '1', amountAtto: '30000000000000000000' },
      { meter: 'egress', quantity: 1, ratePico: '2000000000000', per: '1', amountAtto: '2000000000000000000' },
    ]);
  });

  test('every month, organisation and product has a sum of its own', async () => {
    const by = directoryOf(always({ amount: '3', per: 1, free: '5' }));

    assert.deepEqual(
      await tell(
        by,
        used('a', 6),
        used('b', 6, { atMs: Date.UTC(2026, 9, 31, 23, 59, 59, 999) }),
        used('c', 6, { atMs: Date.UTC(2026, 11, 1) }),
        used('d', 6, { organisation: 'org_other' }),
        used('e', 6, { placedProduct: 'carrier/other' }),
        used('f', 6, { deployment: 'gpt-5-us' }),
        used('g', 0),
        used('h', 1),
      ),
      ['3', '3', '3', '3', '3', '3', '0', '3'],
    );
    assert.deepEqual(await checkLedger(store), []);
  });

  test('of the buy book the sum is that of who is owed, over all customers', async () => {
    const buy = always({ amount: '1', per: 1, free: '5' }, 'buy-1');
    await tell(
      directoryOf(always({ amount: '3', per: 1 }), buy),
      used('a', 4),
      used('b', 4, { organisation: 'org_other' }),
    );

    const { rows } = await store.pool.query(`select subject, amount_atto from usage_month where book = 'buy'`);
    assert.deepEqual(rows, [{ subject: 'carrier', amount_atto: 3_000_000_000_000_000_000n }]);
    assert.deepEqual(await checkLedger(store), []);
  });

  test('a minimum counts for each use, free or not', async () => {
    const by = directoryOf(always({ amount: '1', per: 1, minimum: 4, free: '10' }));

    assert.deepEqual(await tell(by, used('a', 1), used('b', 1), used('c', 1), used('d', 0)), ['0', '0', '2', '0']);
    assert.deepEqual(await months(), [['2026-11-01', 'v1', 12, '2']]);
  });

  test('the price by which a month was begun holds throughout it, whoever comes first', async () => {
    const change = new Date(begin + 10 * day).toISOString();
    const timeline = parseTimeline({
      timeline: [
        { from: null, card: json('v1', { amount: '3', per: 1, free: '5' }) },
        { from: change, card: json('v2', { amount: '9', per: 1 }) },
        { from: new Date(begin + 12 * day).toISOString(), card: json('v3', { amount: '4', per: 1, free: '1' }) },
      ],
    });
    const late = used('late', 10, { atMs: begin + 15 * day });
    const flat = used('flat', 10, { atMs: begin + 11 * day });
    const next = used('next', 10, { atMs: begin + 31 * day });

    assert.deepEqual(await tell(directoryOf(timeline), late, flat, used('a', 10), next), ['15', '90', '30', '36']);
    assert.deepEqual(await months(), [
      ['2026-11-01', 'v1', 20, '45'],
      ['2026-12-01', 'v3', 10, '36'],
    ]);
  });

  test('replay changes nothing, and a conflict is not counted', async () => {
    const by = directoryOf(always({ amount: '3', per: 1, free: '5' }));
    await tell(by, used('a', 6), used('a', 6), used('b', 6));

    assert.deepEqual(await tell(by, used('b', 6), used('a', 7), used('a', 6)), ['duplicate', 'conflict', 'duplicate']);
    assert.deepEqual(await months(), [['2026-11-01', 'v1', 12, '21']]);
  });

  test('what is rated later is added once, by the month in which it was used', async () => {
    const by = directoryOf(always({ amount: '3', per: 1, free: '5' }));
    assert.deepEqual(await tell(directoryOf(undefined), used('a', 6)), ['quarantined']);
    await tell(by, used('b', 6));

    await Promise.all([1, 2, 3].map(() => rateQuarantined(store, by, { payer: new WalletUsagePayer() })));
    await rateQuarantined(store, by, { pricesOfMs: begin + 90 * day });

    assert.deepEqual(await months(), [['2026-11-01', 'v1', 12, '21']]);
    assert.deepEqual(await checkLedger(store), []);
  });

  test('when all units become cheaper, what was paid too much goes back to who paid it', async () => {
    const bank = new Bank(store);
    await bank.grant('g', 8_000);
    const by = directoryOf(always({ amount: '3', per: 1, volume: steps }));
    const late = (id: string, units: number) => used(id, units, { atMs: startMs });

    assert.deepEqual(await tell(by, late('a', 2), late('b', 8), late('c', 1)), ['6', '24', '-8']);

    assert.deepEqual(await bank.left(), { g: 0 });
    assert.deepEqual(await bank.accounts('unbilled', 'revenue'), {
      'revenue:egress': -22_000,
      'unbilled:org_acme': 14_000,
    });
    assert.deepEqual(await tell(by, late('d', 90)), ['79']);
    assert.deepEqual(await months(), [['2026-11-01', 'v1', 101, '101']]);
    assert.deepEqual(await checkLedger(store), []);
  });

  test('what grants paid comes back to them, also to one that had ended', async () => {
    const bank = new Bank(store);
    await bank.grant('first', 10_000, { priority: -1 });
    await bank.grant('second', 20_000);
    const by = directoryOf(always({ amount: '3', per: 1, volume: [{ above: '10', amount: '1' }] }));
    await tell(by, used('a', 10, { atMs: startMs }));
    await store.pool.query(
      `update wallet_balance set ended = 'used', ended_at = now(), ends = 1 where remaining_atto = 0`,
    );

    assert.deepEqual(await tell(by, used('b', 2, { atMs: startMs })), ['-18']);

    assert.deepEqual(await bank.left(), { second: 18_000 });
    assert.deepEqual(await checkLedger(store), []);
  });

  test('what becomes cheaper after a debt for it was repaid is a credit on what is unbilled', async () => {
    const bank = new Bank(store);
    bank.lineAtto = 10n ** 20n;
    const by = {
      ...directoryOf(always({ amount: '3', per: 1, volume: [{ above: '10', amount: '1' }] })),
      owesOnLine: () => true,
    };
    await tell(by, used('a', 10, { atMs: startMs }));
    await bank.grant('g', 40_000);
    assert.deepEqual(await bank.left(), { g: 10_000 });

    assert.deepEqual(await tell(by, used('b', 2, { atMs: startMs })), ['-18']);

    // It was owed and paid; the grant that paid the debt did not pay for the usage.
    assert.deepEqual(await bank.left(), { g: 10_000 });
    assert.deepEqual(await bank.accounts('unbilled'), { 'unbilled:org_acme': -18_000 });
    assert.deepEqual(await checkLedger(store), []);
  });

  test('an amount of a month with more than 38 digits is quarantined and not counted', async () => {
    const by = directoryOf(always({ amount: '99999999999999', per: 1, free: '1' }));
    const max = Number.MAX_SAFE_INTEGER;

    assert.deepEqual(await tell(by, used('a', 2), used('b', max), used('c', 1)), [
      '99999999999999',
      'quarantined',
      '99999999999999',
    ]);
    assert.equal((await months())[0]?.[2], 3);
    assert.deepEqual(await checkLedger(store), []);
  });

  test('a crash between any two statements adds nothing, and telling it again adds it once', async () => {
    const by = directoryOf(always({ amount: '3', per: 1, free: '5', volume: steps }));
    for (let statement = 0, crashed = true; crashed; statement += 1) {
      const organisation = `org_${statement}`;
      const sum = async () => (await months()).at(-1)?.slice(2);
      await tell(by, used(`a${statement}`, 14, { organisation }));
      const failing = connect(database.url, { connectionsMax: 1 });
      const event = used(`b${statement}`, 3, { organisation });
      crashed = await crashAtStatement(statement, () =>
        recordEvents(failing, by, [{ event, json: {} }], new WalletUsagePayer()),
      );
      await failing.close();
      if (crashed) assert.deepEqual(await sum(), [14, '27']);
      await tell(by, event);
      assert.deepEqual(await sum(), [17, '24']);
    }
    assert.deepEqual(await checkLedger(store), []);
  });

  test('in any order, cut in any way and at once, a month costs what its sum does', async () => {
    let organisations = 0;
    const price = { amount: '3', per: 7, free: '5' };
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.nat(40), { minLength: 1, maxLength: 6 }),
        fc.constantFrom('graduated' as const, 'volume' as const),
        async (parts, scope) => {
          organisations += 2;
          const by = directoryOf(always({ ...price, [scope]: steps }));
          const of = (organisation: number) =>
            parts.map((units, index) =>
              used(`e${organisation}:${index}`, units, { organisation: `org_${organisation}` }),
            );
          // One after the other in one call; and each by itself, at once, the last ones first and some twice.
          await tell(by, ...of(organisations));
          const alone = of(organisations + 1).reverse();
          await Promise.all([...alone, ...alone.slice(0, 2)].map(event => tell(by, event)));

          const { rows } = await store.pool.query(
            'select subject, quantity, amount_atto from usage_month where subject = any($1) order by subject collate "C"',
            [[`org_${organisations}`, `org_${organisations + 1}`]],
          );
          assert.equal(rows.length, 2);
          assert.equal(
            Number(rows[0].quantity),
            parts.reduce((sum, units) => sum + units, 0),
          );
          assert.deepEqual([rows[1].quantity, rows[1].amount_atto], [rows[0].quantity, rows[0].amount_atto]);
          const { rows: booked } = await store.pool.query(
            `select coalesce(sum(case when c.name like 'unbilled:%' then -amount_atto else amount_atto end), 0) as atto
               from transfer join account d on d.id = debit join account c on c.id = credit
              where $1 in (d.name, c.name)`,
            [`unbilled:org_${organisations + 1}`],
          );
          assert.equal(booked[0].atto, rows[0].amount_atto);
        },
      ),
      { numRuns: 10 },
    );
    assert.deepEqual(await checkLedger(store), []);
  });
});
