import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, test } from 'node:test';
import fc from 'fast-check';
import { createTestDatabase, type TestDatabase } from '../../test/support/database.ts';
import { admitOf, attemptOf, endOf, exchangeId, progressOf, recordsOf } from '../../test/support/exchanges.ts';
import { completeExchange as complete, crashAtStatement, emptyLedger } from '../../test/support/ledger.ts';
import type { CompletedExchange } from '../journal/assemble.ts';
import { ShippingRefused } from '../journal/shipper.ts';
import { connect, type Store } from '../store/connect.ts';
import { checkLedger } from './check.ts';
import { LedgerLeases } from './leases.ts';
import { findExchange, listAlerts, listExchanges, readBudgetWindows, readUsage } from './queries.ts';
import { LedgerShipping } from './shipping.ts';
import { measureColumns, seriesColumns } from './usage-columns.ts';

const atMs = Date.UTC(2026, 10, 20, 9, 30);
/** sell 100 × 2.00 + 50 × 10.00, buy 100 × 1.00 + 50 × 4.00, per 10⁶ tokens. */
const sellAmount = '0.0007';

describe('shipping into the ledger', () => {
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

  const ship = (exchanges: readonly CompletedExchange[]) =>
    new LedgerShipping(store, 'j1').ship({ exchanges, positions: [], alerts: [] });

  test('an exchange comes back as the management API shows it', async () => {
    await ship([complete(recordsOf({ id: exchangeId(1), atMs, failedAttempts: 1 }))]);

    const exchange = await findExchange(store, exchangeId(1));

    assert.equal(exchange?.at, '2026-11-20T09:30:00.000Z');
    assert.deepEqual(exchange?.principal, { organisation: 'org_acme', project: 'prj_web', key: 'Ab3dEf9h' });
    assert.deepEqual(exchange?.sell, { amount: sellAmount, currency: 'USD', version: 'sell-1', overHold: '0' });
    assert.deepEqual(exchange?.reading, {
      inputUncached: 100,
      cacheRead: 0,
      output: 50,
      reasoning: 0,
      source: 'provider',
    });
    assert.equal(exchange?.status, 'settled');
    assert.deepEqual(
      exchange?.attempts.map(({ deployment, outcome, buy }) => ({ deployment, outcome, buy })),
      [
        {
          deployment: 'gpt-5-1',
          outcome: 'upstream_reset',
          buy: { amount: '0.00001', currency: 'USD', version: 'buy-1' },
        },
        { deployment: 'gpt-5-2', outcome: 'ok', buy: { amount: '0.0003', currency: 'USD', version: 'buy-1' } },
      ],
    );
    assert.deepEqual(
      exchange?.transfers.map(({ kind, debit, credit, amount }) => [kind, debit, credit, amount]),
      [
        ['cost', 'cogs:failed_attempt', 'provider_accrued:openai', '0.00001'],
        ['cost', 'cogs:openai', 'provider_accrued:openai', '0.0003'],
        ['sell', 'unbilled:org_acme', 'revenue:inference', sellAmount],
      ],
    );
    assert.deepEqual((exchange!.decision as { order: unknown }).order, ['d_k3jf92ma', 'd_q8zv01bn']);
    assert.deepEqual(exchange?.trimmed, []);
    assert.equal(await findExchange(store, exchangeId(2)), undefined);
  });

  test('an exchange whose record was over its bound says what was left out', async () => {
    const sketch = { id: exchangeId(1), atMs };
    const records = recordsOf(sketch).map(record =>
      record.type === 'end' ? { ...record, decision: null, trimmed: ['decision' as const, 'raw' as const] } : record,
    );

    await ship([complete(records)]);

    assert.deepEqual((await findExchange(store, sketch.id))?.trimmed, ['decision', 'raw']);
  });

  test('any order of shipments with any repeats gives the same ledger', async () => {
    const exchanges = sampleExchanges();
    await ship(exchanges);
    const expected = await contents(store);
    assert.equal((await checkLedger(store)).length, 0);

    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(fc.nat(exchanges.length - 1), { maxLength: 8 }), { maxLength: 6 }),
        async batches => {
          await emptyLedger(store, ['account']);
          for (const batch of batches) await ship(batch.map(index => exchanges[index]!));
          await ship(exchanges);

          assert.deepEqual(await contents(store), expected);
          assert.deepEqual(await checkLedger(store), []);
        },
      ),
      { numRuns: 15 },
    );
  });

  test('a crash between any two statements ships nothing, and the next try ships all of it once', async () => {
    const exchanges = sampleExchanges();
    await ship(exchanges);
    const expected = await contents(store);

    let statement = 0;
    for (let crashed = true; crashed; statement += 1) {
      await emptyLedger(store, ['account']);
      const failing = connect(database.url, { connectionsMax: 1 });
      crashed = await crashAtStatement(statement, () =>
        new LedgerShipping(failing, 'j1').ship({ exchanges, positions: [], alerts: [] }),
      );
      await failing.close();
      if (crashed) {
        const { rows } = await store.pool.query('select count(*) as keys from exchange_key');
        assert.equal(rows[0].keys, 0n, `statement ${statement}`);
      }
      await ship(exchanges);
      assert.deepEqual(await contents(store), expected, `statement ${statement}`);
    }

    // begin, savepoint, six copies, alerts, usage and commit at the least
    assert.ok(statement > 10, `only ${statement} statements were seen`);
  });

  test('the same id with other facts keeps the first and raises an alert with the other', async () => {
    const sketch = { id: exchangeId(1), atMs };
    await ship([complete(recordsOf(sketch))]);
    await ship([complete(recordsOf({ ...sketch, outputTokens: 9_999 }))]);

    const { rows } = await store.pool.query('select code, exchange_id, detail from alert');
    assert.deepEqual(
      rows.map(row => [row.code, row.exchange_id, row.detail.end.reading.slices.output]),
      [['exchange_conflict', exchangeId(1), 9_999]],
    );
    assert.equal((await findExchange(store, exchangeId(1)))?.sell?.amount, sellAmount);
    assert.deepEqual(await checkLedger(store), []);
  });

  test('what the columns cannot hold is refused as a whole and can be set aside', async () => {
    const sound = complete(recordsOf({ id: exchangeId(1), atMs }));
    const end = endOf({ id: exchangeId(2), atMs });
    const broken = complete([
      admitOf({ id: exchangeId(2), atMs }),
      { ...end, sell: { ...end.sell!, amountAtto: '9'.repeat(60), overHoldAtto: '0' } },
    ]);

    const timeless = { ...broken, admit: { ...broken.admit, id: exchangeId(3), atMs: Number.NaN } };
    const worded = complete([
      admitOf({ id: exchangeId(4), atMs }),
      { ...endOf({ id: exchangeId(4), atMs }), sell: { ...end.sell!, amountAtto: 'many' } },
    ]);

    for (const culprit of [broken, timeless, worded]) {
      await assert.rejects(ship([sound, culprit]), ShippingRefused);
      assert.equal(await findExchange(store, sound.admit.id), undefined);
    }

    await new LedgerShipping(store, 'j1').quarantine(broken, 'numeric field overflow');
    await new LedgerShipping(store, 'j1').quarantine(timeless, 'no instant');
    await ship([sound, broken]);
    assert.equal((await findExchange(store, sound.admit.id))?.status, 'settled');
    const { rows } = await store.pool.query('select code, exchange_id from alert order by exchange_id');
    assert.deepEqual(rows, [
      { code: 'exchange_refused', exchange_id: exchangeId(2) },
      { code: 'exchange_refused', exchange_id: exchangeId(3) },
    ]);
  });

  test('texts with tabs, line ends, backslashes, NUL and lone surrogates arrive, as far as Postgres has them', async () => {
    const end = endOf({ id: exchangeId(1), atMs });
    const servedModel = 'a\tb\nc\\d\r\\N "quoted" \u{1f600} nul:\0 lone:\ud800';
    const reading = { ...end.reading!, raw: { note: servedModel } };
    await ship([complete([admitOf({ id: exchangeId(1), atMs }), { ...end, servedModel, reading, firstByteMs: 12.6 }])]);

    const exchange = await findExchange(store, exchangeId(1));
    assert.equal(exchange?.servedModel, 'a\tb\nc\\d\r\\N "quoted" \u{1f600} nul:\ufffd lone:\ufffd');
    assert.equal(exchange?.firstByteMs, 13);
  });

  test('a charge over its hold is booked to the operator and told', async () => {
    const leases = [{ budget: 'b1', window: 'total', lease: 'lse_none' }];
    await ship([complete(recordsOf({ id: exchangeId(1), atMs, leases, holdAtto: '500000000000000' }))]);

    const exchange = await findExchange(store, exchangeId(1));
    assert.deepEqual(exchange?.sell, { amount: '0.0005', currency: 'USD', version: 'sell-1', overHold: '0.0002' });
    assert.deepEqual(
      exchange?.transfers.filter(({ kind }) => kind !== 'cost').map(each => [each.debit, each.credit, each.amount]),
      [
        ['operator:over_hold', 'revenue:inference', '0.0002'],
        ['unbilled:org_acme', 'revenue:inference', '0.0005'],
      ],
    );
    assert.deepEqual(
      (await listAlerts(store, 10)).map(alert => [alert.code, alert.exchangeId]),
      [
        ['charge_over_hold', exchangeId(1)],
        ['lease_unknown', exchangeId(1)],
      ],
    );
    assert.deepEqual(await checkLedger(store), []);
  });

  test('shipping spends leases once, and an overspent lease refuses', async () => {
    const ledger = new LedgerLeases(store);
    const limitAtto = 1_500_000_000_000_000n;
    const block = await ledger.acquire({
      budget: 'b1',
      window: '2026-11-01',
      limitAtto,
      needAtto: limitAtto,
      dueAtto: limitAtto,
      wantAtto: limitAtto,
      holder: 'j1:1',
    });
    assert.ok(typeof block !== 'string');
    const leases = [{ budget: 'b1', window: '2026-11-01', lease: block.lease }];
    const sketches = [1, 2, 3].map(number => ({
      id: exchangeId(number),
      atMs,
      leases,
      holdAtto: '800000000000000',
    }));
    const [first, second, third] = sketches.map(sketch => complete(recordsOf(sketch)));

    await ship([first!, second!]);
    await ship([second!, first!]);
    const { rows } = await store.pool.query('select spent_atto from lease');
    assert.deepEqual(rows, [{ spent_atto: 1_400_000_000_000_000n }]);
    await assert.rejects(ship([third!]), ShippingRefused);
    assert.deepEqual(await readBudgetWindows(store, ['b1']), [
      { budget: 'b1', window: '2026-11-01', spent: '0.0014', leased: '0.0001' },
    ]);

    await ledger.closeGeneration('j1:1');
    const windows = await store.pool.query('select leased_atto, spent_atto from budget_window');
    assert.deepEqual(windows.rows, [{ leased_atto: 0n, spent_atto: 1_400_000_000_000_000n }]);
    assert.deepEqual(await checkLedger(store), []);
  });

  test('what was booked cannot be updated or deleted', async () => {
    await ship([complete(recordsOf({ id: exchangeId(1), atMs }))]);

    for (const table of ['exchange', 'attempt', 'decision', 'charge', 'transfer']) {
      await assert.rejects(store.pool.query(`update ${table} set at = at`), /never changed/, table);
      await assert.rejects(store.pool.query(`delete from ${table}`), /never changed/, table);
    }
    await assert.rejects(store.pool.query('update exchange_key set at = now()'), /never changed/);
  });

  test('a broken rule is found', async () => {
    await ship([complete(recordsOf({ id: exchangeId(1), atMs }))]);
    // As only somebody with the server's own rights can.
    await store.pool.query(
      `begin; set local session_replication_role = replica;
       update transfer set amount_atto = amount_atto + 1 where kind = 'sell';
       update charge set amount_atto = amount_atto + 1 where book = 'buy';
       delete from exchange_key; commit`,
    );

    const rules = new Set((await checkLedger(store)).map(({ rule }) => rule));
    assert.deepEqual([...rules].sort(), [
      'balance_is_the_fold',
      'charge_is_sum_of_lines',
      'exchange_has_its_key',
      'sell_is_booked',
      'transfer_has_its_key',
      'usage_is_the_ledger',
    ]);
  });

  test('usage adds up by every dimension, failed attempts where they cost', async () => {
    await ship([
      complete(recordsOf({ id: exchangeId(1), atMs, failedAttempts: 1 })),
      complete(recordsOf({ id: exchangeId(2), atMs, project: 'prj_app', key: 'k2' })),
      complete([admitOf({ id: exchangeId(3), atMs: atMs + 86_400_000 })], 'settle'),
    ]);
    const span = { from: new Date(atMs), to: new Date(atMs + 2 * 86_400_000) };

    const byDeployment = await readUsage(store, { by: 'deployment', ...span });
    assert.deepEqual(
      byDeployment.map(row => [row.by, row.requests, row.attempts, row.output, row.sell?.amount, row.buy?.amount]),
      [
        ['', 1, 0, 0, undefined, undefined],
        ['gpt-5-1', 1, 2, 50, '0.0007', '0.00031'],
        ['gpt-5-2', 1, 1, 50, '0.0007', '0.0003'],
      ],
    );
    const byDay = await readUsage(store, { by: 'day', ...span });
    assert.deepEqual(
      byDay.map(row => [row.by, row.requests, row.sell]),
      [
        ['2026-11-20', 2, { amount: '0.0014', currency: 'USD' }],
        ['2026-11-21', 1, null],
      ],
    );
    const ofProject = await readUsage(store, { by: 'key', ...span, project: 'prj_app' });
    assert.deepEqual(
      ofProject.map(row => [row.by, row.requests]),
      [['k2', 1]],
    );
  });

  test('pages of exchanges go from the newest to the oldest without gaps or repeats', async () => {
    await ship(
      Array.from({ length: 7 }, (_, number) =>
        complete(recordsOf({ id: exchangeId(number), atMs: atMs + Math.floor(number / 3) })),
      ),
    );

    const seen: string[] = [];
    let after: string | undefined;
    do {
      const page = await listExchanges(
        store,
        { project: 'prj_web' },
        { limit: 3, ...(after === undefined ? {} : { after }) },
      );
      seen.push(...page.exchanges.map(({ id }) => id));
      after = page.next;
    } while (after !== undefined);

    assert.deepEqual(seen, [6, 5, 4, 3, 2, 1, 0].map(exchangeId));
    await assert.rejects(listExchanges(store, {}, { limit: 3, after: 'no cursor' }), RangeError);
    await assert.rejects(listExchanges(store, {}, { limit: 501 }), RangeError);
  });
});

/** Settled, with a failed attempt, an orphan of each kind, a void one. */
function sampleExchanges(): CompletedExchange[] {
  const sketch = (number: number) => ({ id: exchangeId(number), atMs: atMs + number, key: `k${number % 2}` });
  return [
    complete(recordsOf(sketch(1))),
    complete(recordsOf({ ...sketch(2), failedAttempts: 2 })),
    complete([admitOf(sketch(3)), attemptOf(sketch(3)), progressOf(sketch(3), 30)], 'settle'),
    complete([admitOf(sketch(4)), attemptOf(sketch(4))], 'settle'),
    complete([admitOf(sketch(5))], 'settle'),
    complete(recordsOf({ ...sketch(6), organisation: 'org_other', provider: 'anthropic' })),
  ];
}

/** Everything the ledger says, with account names for numbers. */
async function contents(store: Store): Promise<unknown> {
  const tables = ['exchange_key', 'exchange', 'attempt', 'decision', 'charge', 'alert'] as const;
  const result: Record<string, unknown> = {};
  // How usage is cut into rows depends on the batches; what it adds up to does not.
  const usage = await store.pool.query(
    `select hour, ${seriesColumns.join(', ')}, ${measureColumns.map(column => `sum(${column}) as ${column}`).join(', ')}
       from usage_hourly group by hour, ${seriesColumns.join(', ')} order by hour, ${seriesColumns.join(', ')}`,
  );
  result['usage'] = usage.rows;
  for (const table of tables) {
    const columns = table === 'alert' ? 'id, code, message' : '*';
    const { rows } = await store.pool.query(
      `select to_json(t)::text as row from (select ${columns} from ${table}) as t`,
    );
    result[table] = rows.map(({ row }) => row).sort();
  }
  const { rows } = await store.pool.query(
    `select exchange_id, attempt, transfer.kind, d.name as debit, c.name as credit, amount_atto, transfer.currency
       from transfer join account d on d.id = debit join account c on c.id = credit order by 1, 2, 3`,
  );
  result['transfer'] = rows;
  return result;
}
