import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, test } from 'node:test';
import { createTestDatabase, type TestDatabase } from '../../test/support/database.ts';
import { type ExchangeSketch, exchangeId, recordsOf } from '../../test/support/exchanges.ts';
import { completeExchange, emptyLedger } from '../../test/support/ledger.ts';
import { parseTimeline } from '../pricing/timeline.ts';
import { readPeriod } from '../reports/period.ts';
import { reportCsv } from '../reports/report-csv.ts';
import { connect, type Store } from '../store/connect.ts';
import { findExchange, readUsage } from './queries.ts';
import { rerateStep } from './rerate.ts';
import { LedgerShipping } from './shipping.ts';
import { UsageFold } from './usage-fold.ts';

const atMs = Date.UTC(2026, 10, 20, 9, 30);
const span = { from: new Date(atMs), to: new Date(atMs + 86_400_000) };

describe('usage by tags', () => {
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

  const ship = (...sketches: readonly Omit<ExchangeSketch, 'atMs'>[]) =>
    new LedgerShipping(store, 'j1').ship({
      exchanges: sketches.map(sketch => completeExchange(recordsOf({ ...sketch, atMs }))),
      positions: [],
      alerts: [],
    });
  const byTag = async (by: 'tag:team' | 'tag:app' | 'tag:user', filter: object = {}) =>
    (await readUsage(store, { by, ...span, ...filter })).map(row => [row.by, row.requests, row.sell?.amount]);
  const team = (number: number, value: string, more: object = {}) => ({
    id: exchangeId(number),
    tags: { team: value, user: `u${number}`, ...more },
    usageTags: ['team', ...Object.keys(more)],
  });

  test('each exchange counts for every tag that is told apart, and once in the whole', async () => {
    await ship(team(1, 'search'), team(2, 'search', { app: 'site' }), team(3, 'ads'), { id: exchangeId(4) });

    const expected = [
      ['', 1, '0.0007'],
      ['ads', 1, '0.0007'],
      ['search', 2, '0.0014'],
    ];
    assert.deepEqual(await byTag('tag:team'), expected);
    assert.deepEqual(await byTag('tag:app'), [
      ['', 3, '0.0021'],
      ['site', 1, '0.0007'],
    ]);
    assert.deepEqual(await byTag('tag:user'), [['', 4, '0.0028']]);
    const [whole] = await readUsage(store, { by: 'organisation', ...span });
    assert.deepEqual([whole?.requests, whole?.sell?.amount, whole?.attempts], [4, '0.0028', 4]);
    const client = await store.pool.connect();
    await new UsageFold().step(client, 1_000);
    client.release();
    assert.deepEqual(await byTag('tag:team'), expected);
    assert.deepEqual((await findExchange(store, exchangeId(2)))?.tags, { team: 'search', user: 'u2', app: 'site' });
  });

  test('corrections count where the exchange did', async () => {
    await ship(team(1, 'search'), { id: exchangeId(2) });

    // 100 × 1.00 + 50 × 20.00 per 10⁶ tokens instead of 0.0007.
    const card = (version: string, input: number, output: number) =>
      parseTimeline({
        version,
        currency: 'USD',
        rates: { input: `${input}000000000000`, output: `${output}000000000000` },
        tiers: [],
      });
    const books = { sell: card('sell-2', 1, 20), buy: card('buy-1', 1, 4) };
    const prices = ({ book }: { readonly book: 'sell' | 'buy' }) => books[book];
    await rerateStep(store, { filter: span, prices, run: 'run-1', reason: 'new prices', dryRun: false });
    assert.deepEqual(await byTag('tag:team'), [
      ['', 1, '0.0011'],
      ['search', 1, '0.0011'],
    ]);
  });

  test('values beyond a thousand count together', async () => {
    const of = (number: number, value: string) => ({ ...team(number, value), organisation: 'org_many' });
    await ship(...Array.from({ length: 1_000 }, (_, number) => of(number, `t${number}`)));
    await ship(of(2_000, 'late'), of(2_001, 't7'), of(2_002, 'later'));
    await ship(of(2_003, 'late'));

    const rows = await byTag('tag:team', { organisation: 'org_many' });
    assert.equal(rows.length, 1_001);
    assert.deepEqual(
      rows.filter(([value]) => value === '(others)' || value === 't7'),
      [
        ['(others)', 3, '0.0021'],
        ['t7', 2, '0.0014'],
      ],
    );
    await ship({ ...team(3_000, 'new'), organisation: 'org_other' });
    assert.deepEqual(await byTag('tag:team', { organisation: 'org_other' }), [['new', 1, '0.0007']]);
  });

  test('a report tells tags by model and time, refuses what they do not tell apart, and meters are no tags', async () => {
    await ship(team(1, 'search'), team(2, 'ads'));
    const request = {
      kind: 'usage' as const,
      grain: 'day' as const,
      period: readPeriod({ from: new Date('2026-11-20'), to: new Date('2026-11-21'), grain: 'day', nowMs: atMs }),
      filter: {},
      compare: false,
    };
    let csv = '';
    for await (const text of reportCsv(store, { ...request, by: ['tag:team', 'model'] })) csv += text;

    const rows = csv
      .trimEnd()
      .split('\r\n')
      .map(line => line.split(',').slice(0, 5).join(' '));
    assert.deepEqual(rows, [
      'period (UTC) tag:team model currency requests (count)',
      '2026-11-20 ads openai/gpt-5 USD 1',
      '2026-11-20 search openai/gpt-5 USD 1',
    ]);
    csv = '';
    for await (const text of reportCsv(store, { ...request, by: ['meter'] })) csv += text;
    assert.equal(csv.trimEnd().split('\r\n').length, 1);
    for (const [by, filter] of [
      [['tag:team', 'key'], {}],
      [['tag:team', 'tag:app'], {}],
      [['tag:team'], { route: 'smart' }],
      [['tag:team', 'meter'], {}],
    ] as const) {
      await assert.rejects(reportCsv(store, { ...request, by, filter }).next(), { code: 'report_invalid' });
    }
    await assert.rejects(readUsage(store, { by: 'tag:team', ...span, key: 'k' }), { code: 'report_invalid' });
  });
});
