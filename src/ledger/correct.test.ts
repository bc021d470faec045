import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, test } from 'node:test';
import fc from 'fast-check';
import { createTestDatabase, type TestDatabase } from '../../test/support/database.ts';
import { type ExchangeSketch, exchangeId, recordsOf } from '../../test/support/exchanges.ts';
import { completeExchange, crashAtStatement, emptyLedger } from '../../test/support/ledger.ts';
import type { EndRecord } from '../journal/record.ts';
import { parseTimeline } from '../pricing/timeline.ts';
import { connect, type Store } from '../store/connect.ts';
import { inTransaction } from '../store/in-transaction.ts';
import { commitCredit } from './accounts.ts';
import { trialBalance } from './balances.ts';
import { book } from './book.ts';
import { checkLedger } from './check.ts';
import { bookCorrections, lockCorrections } from './correct.ts';
import { LedgerLeases } from './leases.ts';
import { listQuarantined, resolveQuarantined, voidQuarantined } from './quarantine.ts';
import { findExchange, readBudgetWindows, readUsage } from './queries.ts';
import {
  HandedNumbers,
  type PricesOf,
  pricesOfSnapshot,
  type RerateOrder,
  type RerateReport,
  rerateStep,
} from './rerate.ts';
import { LedgerShipping } from './shipping.ts';
import { findStandings } from './standing.ts';

const atMs = Date.UTC(2026, 10, 20, 9, 30);
const span = { from: new Date(atMs), to: new Date(atMs + 86_400_000) };

describe('corrections', () => {
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

  const ship = (...sketches: ExchangeSketch[]) => shipEnds(sketches.map(sketch => ({ sketch })));
  const shipEnds = (exchanges: readonly { sketch: ExchangeSketch; end?: Partial<EndRecord> }[]) =>
    new LedgerShipping(store, 'j1').ship({
      exchanges: exchanges.map(({ sketch, end }) =>
        completeExchange(recordsOf(sketch).map(record => (record.type === 'end' ? { ...record, ...end } : record))),
      ),
      positions: [],
      alerts: [],
    });
  const rerate = (prices: PricesOf, more: Partial<RerateOrder> = {}) =>
    rerateStep(store, { filter: span, prices, run: 'run-1', reason: 'new prices', dryRun: false, ...more });
  const legsOf = async (id: string) =>
    (await findExchange(store, id))?.transfers.map(
      ({ kind, debit, credit, amount }) => `${kind} ${debit} ${credit} ${amount}`,
    );
  const usage = async () => {
    const [row] = await readUsage(store, { by: 'organisation', ...span });
    return [row?.sell?.amount, row?.buy?.amount];
  };

  test('rating by the version that was rated by changes nothing', async () => {
    await ship(sketch(1), { ...sketch(2), failedAttempts: 1 });

    const report = await rerate(prices({ sell: ['sell-1', 9, 9], buy: ['buy-1', 9, 9] }));

    assert.deepEqual(counts(report), { examined: 2, corrected: 0, quarantined: 0, unpriced: 0 });
    assert.equal((await store.pool.query('select from correction')).rowCount, 0);
  });

  test('steps hand their numbers on, but for those of a step that failed', async () => {
    await ship(sketch(1), sketch(2));
    const numbers = new HandedNumbers();
    const order = { filter: span, run: 'r', reason: 'x', dryRun: false };
    const step = (version: string, more: Partial<RerateOrder> = {}) =>
      rerateStep(
        store,
        { ...order, prices: prices({ sell: [version, 9, 9], buy: ['buy-2', 9, 9] }), ...more },
        { numbers },
      );
    const failing = numbers.take();
    numbers.giveBack(failing);
    await assert.rejects(step('sell-2', { split: () => Promise.reject(new Error('no wallets')) }), /no wallets/);
    const known = numbers.take();
    numbers.giveBack(known);
    assert.notEqual(known, failing);

    assert.equal((await step('sell-2')).corrected, 2);
    assert.equal((await step('sell-3')).corrected, 0);
    assert.equal(numbers.take(), known);
    assert.notEqual(numbers.take(), known);
    assert.deepEqual(await checkLedger(store), []);
  });

  test('another price reverses what was booked and books what it comes to', async () => {
    await ship(sketch(1));

    // 100 × 1.00 + 50 × 20.00 per 10⁶ tokens instead of 100 × 2.00 + 50 × 10.00.
    const report = await rerate(prices({ sell: ['sell-2', 1, 20], buy: ['buy-1', 1, 4] }));

    assert.deepEqual(counts(report), { examined: 1, corrected: 1, quarantined: 0, unpriced: 0 });
    assert.deepEqual(report.changes, [
      {
        book: 'sell',
        model: 'openai/gpt-5',
        currency: 'USD',
        fromVersion: 'sell-1',
        toVersion: 'sell-2',
        charges: 1,
        before: '0.0007',
        after: '0.0011',
      },
    ]);
    assert.deepEqual(await legsOf(exchangeId(1)), [
      'cost cogs:openai provider_accrued:openai 0.0003',
      'reverse@1:sell revenue:inference unbilled:org_acme 0.0007',
      'sell unbilled:org_acme revenue:inference 0.0007',
      'sell@1 unbilled:org_acme revenue:inference 0.0011',
    ]);
    assert.deepEqual(await usage(), ['0.0011', '0.0003']);
    assert.deepEqual(await checkLedger(store), []);
  });

  test('a cost changes where it was booked, delivered and failed apart', async () => {
    await ship({ ...sketch(1), failedAttempts: 1 });

    await rerate(prices({ sell: ['sell-1', 2, 10], buy: ['buy-2', 2, 8] }));

    assert.deepEqual(await legsOf(exchangeId(1)), [
      'cost cogs:failed_attempt provider_accrued:openai 0.00001',
      'cost@1 cogs:failed_attempt provider_accrued:openai 0.00002',
      'reverse@1:cost provider_accrued:openai cogs:failed_attempt 0.00001',
      'cost cogs:openai provider_accrued:openai 0.0003',
      'cost@1 cogs:openai provider_accrued:openai 0.0006',
      'reverse@1:cost provider_accrued:openai cogs:openai 0.0003',
      'sell unbilled:org_acme revenue:inference 0.0007',
    ]);
    assert.deepEqual(await usage(), ['0.0007', '0.00062']);
    assert.deepEqual(await checkLedger(store), []);
  });

  test('the tier asked for counts again where the provider named none, as it was journaled', async () => {
    const card = (version: string, output: string, priority: string) => ({
      version,
      currency: 'USD',
      rates: { input: '0', output },
      tiers: [],
      cells: [{ serviceTier: 'priority', rates: { input: '0', output: priority }, tiers: [] }],
    });
    const pricesOf: PricesOf = ({ book }) =>
      parseTimeline(book === 'buy' ? card('buy-1', '0', '0') : card('sell-2', '4000000000000', '40000000000000'));
    await shipEnds(
      [{}, { requestedTier: 'priority' }].map((tier, index) => {
        const of = sketch(index + 1);
        const { attempts } = recordsOf(of).find(record => record.type === 'end')!;
        const asked = attempts.map(attempt => ({
          ...attempt,
          reading: { slices: attempt.reading.slices, source: 'provider' as const, ...tier },
        }));
        return { sketch: of, end: { attempts: asked, reading: asked[0]!.reading } };
      }),
    );

    const { samples } = await rerate(pricesOf);

    // 50 × 4.00 and 50 × 40.00 per 10⁶ tokens.
    assert.deepEqual(
      samples.filter(({ book }) => book === 'sell').map(({ after }) => after),
      ['0.0002', '0.002'],
    );
    assert.deepEqual(await checkLedger(store), []);
  });

  test('a dry run says the same and books nothing', async () => {
    await ship(sketch(1), sketch(2));
    const other = prices({ sell: ['sell-2', 1, 20], buy: ['buy-2', 2, 8] });

    const said = await rerate(other, { dryRun: true });

    assert.deepEqual(await usage(), ['0.0014', '0.0006']);
    assert.equal((await store.pool.query('select from correction')).rowCount, 0);
    assert.deepEqual(await rerate(other), said);
    assert.equal(said.samples.length, 4);
  });

  test('a second price takes back what the first one booked, and going back gives the first amounts', async () => {
    await ship(sketch(1));
    const first = prices({ sell: ['sell-1', 2, 10], buy: ['buy-1', 1, 4] });

    await rerate(prices({ sell: ['sell-2', 1, 20], buy: ['buy-1', 1, 4] }));
    await rerate(prices({ sell: ['sell-3', 1, 1], buy: ['buy-3', 1, 1] }));
    assert.deepEqual(await usage(), ['0.00015', '0.00015']);
    await rerate(first);
    assert.deepEqual(await usage(), ['0.0007', '0.0003']);
    assert.equal((await rerate(first)).corrected, 0);

    const view = await findExchange(store, exchangeId(1));
    assert.deepEqual(
      view?.corrections.map(({ number, kind, run, reason, charges }) => [number, kind, run, reason, charges.length]),
      [
        [1, 'rerate', 'run-1', 'new prices', 1],
        [2, 'rerate', 'run-1', 'new prices', 2],
        [3, 'rerate', 'run-1', 'new prices', 2],
      ],
    );
    assert.deepEqual(view?.sell, { amount: '0.0007', currency: 'USD', version: 'sell-1', overHold: '0' });
    assert.deepEqual(await checkLedger(store), []);
  });

  test('another currency moves the charge to the other ledger', async () => {
    await ship(sketch(1));

    await rerate(prices({ sell: ['sell-2', 1, 20, 'EUR'], buy: ['buy-1', 1, 4] }));

    const ledgers = await trialBalance(store);
    assert.deepEqual(
      ledgers.map(({ ledger, accounts }) => [ledger, accounts.map(({ account, balance }) => `${account} ${balance}`)]),
      [
        ['EUR', ['revenue:inference 0.0011', 'unbilled:org_acme 0.0011']],
        ['USD', ['cogs:openai 0.0003', 'provider_accrued:openai 0.0003', 'revenue:inference 0', 'unbilled:org_acme 0']],
      ],
    );
    assert.deepEqual(await checkLedger(store), []);
  });

  test('only what the filter names is rated again', async () => {
    await ship(sketch(1), { ...sketch(2), organisation: 'org_b' }, { ...sketch(3), provider: 'anthropic' });
    const other = prices({ sell: ['sell-2', 1, 20], buy: ['buy-1', 1, 4] });
    const examined = async (filter: Partial<RerateOrder['filter']>) =>
      (await rerate(other, { dryRun: true, filter: { ...span, ...filter } })).examined;

    assert.equal(await examined({}), 3);
    assert.equal(await examined({ organisation: 'org_b' }), 1);
    assert.equal(await examined({ provider: 'anthropic' }), 1);
    assert.equal(await examined({ model: 'openai/gpt-5' }), 3);
    assert.equal(await examined({ model: 'openai/none' }), 0);
    assert.equal(await examined({ from: new Date(atMs + 2) }), 2);
    assert.equal(await examined({ to: new Date(atMs + 2) }), 1);
    assert.equal(await examined({ to: new Date(atMs) }), 0);
  });

  test('where no price holds it stays as it is, and is counted', async () => {
    await ship(sketch(1));

    const report = await rerate(() => undefined);

    assert.deepEqual(counts(report), { examined: 1, corrected: 0, quarantined: 0, unpriced: 1 });
  });

  test('a run may be broken off anywhere and begun again', async () => {
    await ship(...Array.from({ length: 7 }, (_, number) => sketch(number)));
    const other = prices({ sell: ['sell-2', 1, 20], buy: ['buy-2', 2, 8] });
    const order = { filter: span, prices: other, run: 'run-1', reason: 'new prices', dryRun: false };
    const options = { stepMs: 0, exchangesAtOnce: 3 };

    const first = await rerateStep(store, order, options);
    assert.deepEqual([first.examined, first.corrected, first.next?.id], [3, 3, exchangeId(2)]);
    assert.equal((await rerateStep(store, order, options)).corrected, 0);
    const second = await rerateStep(store, { ...order, after: first.next }, options);
    assert.equal(second.corrected, 3);
    const third = await rerateStep(store, { ...order, after: second.next }, options);
    assert.deepEqual([third.corrected, third.next], [1, undefined]);

    assert.deepEqual(await usage(), ['0.0077', '0.0042']);
    assert.deepEqual(await checkLedger(store), []);
  });

  test('two runs at once correct everything once', async () => {
    await ship(...Array.from({ length: 40 }, (_, number) => sketch(number)));
    const other = prices({ sell: ['sell-2', 1, 20], buy: ['buy-2', 2, 8] });
    const run = () =>
      rerateStep(store, { filter: span, prices: other, run: 'r', reason: 'x', dryRun: false }, { exchangesAtOnce: 7 });

    const reports = await Promise.all([run(), run(), run()]);

    assert.equal(
      reports.reduce((sum, { corrected }) => sum + corrected, 0),
      40,
    );
    assert.deepEqual(await usage(), ['0.044', '0.024']);
    assert.deepEqual(await checkLedger(store), []);
  });

  test('a crash between any two statements corrects nothing, and the next run all of it once', async () => {
    const other = prices({ sell: ['sell-2', 1, 20], buy: ['buy-2', 2, 8] });
    for (let statement = 0, crashed = true; crashed; statement += 1) {
      await emptyLedger(store);
      await ship(sketch(1), { ...sketch(2), failedAttempts: 1 });
      const failing = connect(database.url, { connectionsMax: 1 });
      crashed = await crashAtStatement(statement, () =>
        rerateStep(failing, { filter: span, prices: other, run: 'r', reason: 'x', dryRun: false }),
      );
      await failing.close();
      if (crashed) assert.deepEqual(await usage(), ['0.0014', '0.00061']);
      await rerate(other);
      assert.deepEqual(await usage(), ['0.0022', '0.00122']);
      assert.deepEqual(await checkLedger(store), []);
    }
  });

  test('prices of a snapshot: contracts win, and a version is found whenever it holds', () => {
    const json = (version: string, input: string) => ({
      version,
      currency: 'USD',
      rates: { input, output: '1' },
      tiers: [],
    });
    const deployment = { id: 'd', handle: 'h', sell: json('list', '1'), buy: json('buy', '2') } as never;
    const contract = { organisation: 'org_acme', sell: { h: json('contract', '3') } };
    const versionOf = (of: PricesOf, book: 'buy' | 'sell', organisation: string) =>
      of({ book, organisation, deployment: 'd' })?.cards[0]?.card?.version;

    const all = pricesOfSnapshot({ deployments: [deployment], contracts: [contract] });
    assert.equal(versionOf(all, 'sell', 'org_acme'), 'contract');
    assert.equal(versionOf(all, 'sell', 'org_b'), 'list');
    assert.equal(versionOf(all, 'buy', 'org_acme'), 'buy');
    assert.equal(all({ book: 'buy', organisation: 'o', deployment: 'other' }), undefined);
    const one = pricesOfSnapshot({ deployments: [deployment], contracts: [contract] }, 'list');
    assert.equal(versionOf(one, 'sell', 'org_acme'), undefined);
    assert.equal(versionOf(one, 'sell', 'org_b'), 'list');
    assert.equal(versionOf(one, 'buy', 'org_b'), undefined);
    assert.throws(
      () => pricesOfSnapshot({ deployments: [deployment] }, 'none'),
      /no deployment has prices of version none/,
    );
  });

  describe('under a hard budget', () => {
    const hold = 10n ** 15n;
    const leased = async () => {
      const leases = new LedgerLeases(store);
      const block = await leases.acquire({
        budget: 'b1',
        window: '2026-11-01',
        limitAtto: 10n ** 18n,
        needAtto: 0n,
        dueAtto: 0n,
        wantAtto: 10n ** 17n,
        holder: 'j1:1',
      });
      assert.ok(typeof block !== 'string');
      return { leases, held: [{ budget: 'b1', window: '2026-11-01', lease: block.lease }], lease: block.lease };
    };
    const spent = async () => (await readBudgetWindows(store, ['b1']))[0]?.spent;

    test('what is charged less goes back to its budget, while the lease is open and after', async () => {
      const { leases, held, lease } = await leased();
      await ship(
        { ...sketch(1), leases: held, holdAtto: hold.toString() },
        { ...sketch(2), leases: held, holdAtto: hold.toString() },
      );
      assert.equal(await spent(), '0.0014');

      await rerate(prices({ sell: ['sell-2', 1, 4], buy: ['buy-1', 1, 4] }), {
        filter: { ...span, to: new Date(atMs + 2) },
      });
      assert.equal(await spent(), '0.001');
      await leases.close(lease);
      await rerate(prices({ sell: ['sell-2', 1, 4], buy: ['buy-1', 1, 4] }));

      assert.equal(await spent(), '0.0006');
      assert.deepEqual(await checkLedger(store), []);
    });

    test('what is rated higher is the operator’s: the budget has let go of the rest', async () => {
      const { held } = await leased();
      await ship({ ...sketch(1), leases: held, holdAtto: hold.toString() });

      await rerate(prices({ sell: ['sell-2', 1, 20], buy: ['buy-1', 1, 4] }));

      assert.equal(await spent(), '0.0007');
      const view = await findExchange(store, exchangeId(1));
      assert.deepEqual(view?.sell, { amount: '0.0007', currency: 'USD', version: 'sell-2', overHold: '0.0004' });
      assert.deepEqual(await checkLedger(store), []);
    });

    test('a quarantined exchange keeps its hold until it is resolved, and then takes what it costs', async () => {
      const { held } = await leased();
      await shipEnds([quarantined({ ...sketch(1), leases: held, holdAtto: hold.toString() })]);
      assert.equal(await spent(), '0.001');
      assert.deepEqual(await usage(), [undefined, undefined]);

      const results = await resolveQuarantined(store, {
        ...settleOrder(1),
        prices: prices({ sell: ['sell-9', 2, 10], buy: ['buy-9', 1, 4] }),
      });

      assert.deepEqual(results, [
        { id: exchangeId(1), outcome: 'resolved', charged: { amount: '0.0007', currency: 'USD' } },
      ]);
      assert.equal(await spent(), '0.0007');
      assert.deepEqual(await usage(), ['0.0007', '0.0003']);
      const view = await findExchange(store, exchangeId(1));
      assert.deepEqual([view?.status, view?.sell?.amount, view?.reading?.quarantine], ['settled', '0.0007', undefined]);
      assert.deepEqual(await checkLedger(store), []);
    });

    test('a resolved one is charged its hold at most', async () => {
      const { held } = await leased();
      await shipEnds([quarantined({ ...sketch(1), leases: held, holdAtto: hold.toString() })]);

      await resolveQuarantined(store, {
        ...settleOrder(1),
        prices: prices({ sell: ['sell-9', 200, 1000], buy: ['buy-9', 1, 4] }),
      });

      assert.equal(await spent(), '0.001');
      assert.equal((await findExchange(store, exchangeId(1)))?.sell?.overHold, '0.069');
      assert.deepEqual(await checkLedger(store), []);
    });

    test('a voided one gives its hold back and is charged nothing', async () => {
      const { held } = await leased();
      await shipEnds([quarantined({ ...sketch(1), leases: held, holdAtto: hold.toString() })]);

      assert.deepEqual(await voidQuarantined(store, settleOrder(1)), [{ id: exchangeId(1), outcome: 'voided' }]);

      assert.equal(await spent(), '0');
      const view = await findExchange(store, exchangeId(1));
      assert.deepEqual([view?.status, view?.sell, view?.transfers], ['void', null, []]);
      assert.deepEqual(await checkLedger(store), []);
    });
  });

  describe('of quarantined exchanges', () => {
    const good = prices({ sell: ['sell-9', 2, 10], buy: ['buy-9', 1, 4] });

    test('those that wait are listed with their reason, oldest first, by pages', async () => {
      await shipEnds([quarantined(sketch(1)), { sketch: sketch(2) }, quarantined(sketch(3)), quarantined(sketch(4))]);

      const page = await listQuarantined(store, span, { limit: 2 });
      const rest = await listQuarantined(store, span, { limit: 2, after: page.next });

      assert.deepEqual(
        page.exchanges.map(({ id, reasons, slices }) => [id, reasons, slices.output]),
        [
          [exchangeId(1), ['the service tier flex has no rates'], 50],
          [exchangeId(3), ['the service tier flex has no rates'], 50],
        ],
      );
      assert.deepEqual(
        rest.exchanges.map(({ id }) => id),
        [exchangeId(4)],
      );
      assert.equal(rest.next, undefined);
    });

    test('resolving again, or voiding what is resolved, changes nothing', async () => {
      await shipEnds([quarantined(sketch(1))]);
      await resolveQuarantined(store, { ...settleOrder(1), prices: good });

      const again = await resolveQuarantined(store, { ...settleOrder(1, 1, 2), prices: good });
      const voided = await voidQuarantined(store, settleOrder(1));

      assert.deepEqual(
        again.map(({ outcome }) => outcome),
        ['not-quarantined', 'not-quarantined', 'not-found'],
      );
      assert.deepEqual(
        voided.map(({ outcome }) => outcome),
        ['not-quarantined'],
      );
      assert.equal((await listQuarantined(store, span, { limit: 5 })).exchanges.length, 0);
      assert.deepEqual(await usage(), ['0.0007', '0.0003']);
    });

    test('without a price it stays in quarantine, and says what is missing', async () => {
      await shipEnds([quarantined(sketch(1))]);

      const [result] = await resolveQuarantined(store, { ...settleOrder(1), prices: () => undefined });

      assert.deepEqual(result, { id: exchangeId(1), outcome: 'not-rated', why: 'no buy price of gpt-5-1 holds' });
      assert.equal((await listQuarantined(store, span, { limit: 5 })).exchanges.length, 1);
    });

    test('rating everything again passes it over', async () => {
      await shipEnds([quarantined(sketch(1))]);

      assert.deepEqual(counts(await rerate(good)), { examined: 1, corrected: 0, quarantined: 1, unpriced: 0 });
    });

    test('whoever looked can say what was used', async () => {
      await shipEnds([quarantined(sketch(1), {})]);
      const nothing = await resolveQuarantined(store, { ...settleOrder(1), prices: good });
      assert.deepEqual(nothing[0]?.why, 'nothing was read; say the slices, or void it');

      await resolveQuarantined(store, { ...settleOrder(1), prices: good, slices: { inputUncached: 10, output: 5 } });

      assert.deepEqual(await usage(), ['0.00007', '0.00003']);
      const [row] = await readUsage(store, { by: 'organisation', ...span });
      assert.deepEqual([row?.inputUncached, row?.output], [10, 5]);
      assert.deepEqual(await checkLedger(store), []);
    });

    test('one that was resolved is rated again like any other', async () => {
      await shipEnds([quarantined(sketch(1))]);
      await resolveQuarantined(store, { ...settleOrder(1), prices: good });

      await rerate(prices({ sell: ['sell-10', 1, 20], buy: ['buy-9', 1, 4] }));

      assert.deepEqual(await usage(), ['0.0011', '0.0003']);
      assert.deepEqual(await checkLedger(store), []);
    });
  });

  test('what a provider billed beside its rates is a variance, either way, and goes with the next correction', async () => {
    await ship(sketch(1));
    const trueUp = (varianceAtto: bigint) =>
      inTransaction(store, async client => {
        await lockCorrections(client);
        const [standing] = await findStandings(client, [exchangeId(1)]);
        const rated = { amountAtto: '300000000000000', currency: 'USD', version: 'buy-1', lines: lines(standing!) };
        const charges = [{ book: 'buy' as const, attempt: 1, rated, varianceAtto }];
        await bookCorrections(client, [
          { standing: standing!, kind: 'true-up', run: 'export-1', reason: 'invoice', state: 'settled', charges },
        ]);
      });
    const lines = (_: unknown) => [
      { meter: 'input', quantity: 100, ratePico: '1000000000000', amountAtto: '100000000000000' },
      { meter: 'output', quantity: 50, ratePico: '4000000000000', amountAtto: '200000000000000' },
    ];

    await trueUp(5n * 10n ** 12n);
    assert.deepEqual(await usage(), ['0.0007', '0.000305']);
    assert.deepEqual(await checkLedger(store), []);
    await trueUp(-5n * 10n ** 12n);

    const [dollars] = await trialBalance(store);
    const balances = Object.fromEntries(dollars!.accounts.map(({ account, balance }) => [account, balance]));
    assert.equal(balances['cogs:price_variance'], '-0.000005');
    assert.equal(balances['provider_accrued:openai'], '0.000295');
    assert.deepEqual(await checkLedger(store), []);
  });

  test('who paid before pays again, up to what was paid; what is more is unbilled', async () => {
    await ship(sketch(1));
    const other = prices({ sell: ['sell-2', 1, 20], buy: ['buy-1', 1, 4] });
    await inTransaction(store, client =>
      book(client, [
        {
          id: 'fill',
          kind: 'promotion',
          debit: { name: 'promo_expense', kind: 'expense' },
          credit: commitCredit('c1'),
          amountAtto: 4n * 10n ** 14n,
          currency: 'USD',
          atMs,
        },
      ]),
    );
    await rerate(other, {
      split: async () => [
        [
          { account: commitCredit('c1'), amountAtto: 4n * 10n ** 14n },
          { account: { name: 'unbilled:org_acme', kind: 'asset' }, amountAtto: 7n * 10n ** 14n },
        ],
      ],
    });

    await rerate(prices({ sell: ['sell-3', 1, 4], buy: ['buy-1', 1, 4] }));

    const ledgers = await trialBalance(store);
    const balances = Object.fromEntries(ledgers[0]!.accounts.map(({ account, balance }) => [account, balance]));
    assert.equal(balances['commit_credit:c1'], '0.0001');
    assert.equal(balances['unbilled:org_acme'], '0');
    assert.deepEqual(await checkLedger(store), []);
    await assert.rejects(rerate(other, { split: async () => [[]] }), /payers of 0 for a charge of/);
  });

  test('any sequence of prices leaves what the last one says, and every ledger at zero', async () => {
    const anyPrice = fc.tuple(fc.nat(30), fc.nat(30), fc.constantFrom('USD', 'EUR'));
    await fc.assert(
      fc.asyncProperty(fc.array(anyPrice, { minLength: 1, maxLength: 5 }), async sequence => {
        await emptyLedger(store);
        await ship(sketch(1), { ...sketch(2), failedAttempts: 1 });
        for (const [index, [input, output, currency]] of sequence.entries()) {
          const next = prices({ sell: [`s${index}`, input, output, currency], buy: [`b${index}`, output, input] });
          await rerate(next);
          assert.equal((await rerate(next)).corrected, 0);
          for (const { debit, credit } of await trialBalance(store)) assert.equal(debit, credit);
        }
        const [input, output, currency] = sequence.at(-1)!;
        const rows = await readUsage(store, { by: 'organisation', ...span });
        const sold = rows.filter(({ sell }) => sell?.currency === currency).map(({ sell }) => Number(sell?.amount));
        const expected = (2 * (100 * input + 50 * output)) / 1_000_000;
        assert.ok(Math.abs(sold.reduce((sum, one) => sum + one, 0) - expected) < 1e-12);
        assert.deepEqual(await checkLedger(store), []);
      }),
      { numRuns: 12 },
    );
  });
});

function sketch(number: number): ExchangeSketch {
  return { id: exchangeId(number), atMs: atMs + number };
}

/** Dollars per 10⁶ tokens, in and out, of every deployment. */
type Price = readonly [version: string, input: number, output: number, currency?: string];

function prices(of: { readonly sell: Price; readonly buy: Price }): PricesOf {
  const timeline = ([version, input, output, currency = 'USD']: Price) =>
    parseTimeline({
      version,
      currency,
      rates: { input: (BigInt(input) * 10n ** 12n).toString(), output: (BigInt(output) * 10n ** 12n).toString() },
      tiers: [],
    });
  const books = { sell: timeline(of.sell), buy: timeline(of.buy) };
  return ({ book }) => books[book];
}

/** An exchange whose answer was delivered, and whose tier has no price. */
function quarantined(of: ExchangeSketch, slices: object = { inputUncached: 100, output: 50 }) {
  const end = recordsOf(of).find(record => record.type === 'end')!;
  const reading = { slices, source: 'provider' as const, quarantine: 'the service tier flex has no rates' };
  const { buy: _buy, ...attempt } = end.attempts.at(-1)!;
  return {
    sketch: of,
    end: { state: 'quarantined' as const, sell: undefined as never, reading, attempts: [{ ...attempt, reading }] },
  };
}

function settleOrder(...numbers: number[]) {
  return { ids: numbers.map(exchangeId), run: 'q1', reason: 'a price was published' };
}

function counts({ examined, corrected, quarantined, unpriced }: RerateReport) {
  return { examined, corrected, quarantined, unpriced };
}
