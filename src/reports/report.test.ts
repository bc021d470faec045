import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { createTestDatabase, type TestDatabase } from '../../test/support/database.ts';
import { addUsage, usageDelta } from '../../test/support/usage.ts';
import { Fault } from '../completion/fault.ts';
import { UsageFold } from '../ledger/usage-fold.ts';
import type { UsageDelta } from '../ledger/usage-series.ts';
import type { UsageDimension, UsageFilter, UsageGrain } from '../ledger/usage-sums.ts';
import { connect, connectSession, type Store } from '../store/connect.ts';
import type { ReportKind } from './kinds.ts';
import { readPeriod } from './period.ts';
import { type ReportAnswer, readReport, streamReport } from './report.ts';

const unit = 10n ** 18n;
const at = (text: string) => Date.parse(text);

/** Three days of November, and one of October. */
const deltas: readonly UsageDelta[] = [
  usageDelta('2026-10-31T23:10Z', {}, { requests: 1n, sell_atto: 4n * unit, buy_atto: 1n * unit }),
  usageDelta(
    '2026-11-01T00:00Z',
    {},
    { requests: 10n, attempts: 10n, output: 500n, sell_atto: 30n * unit, buy_atto: 20n * unit },
  ),
  usageDelta('2026-11-01T23:59Z', {}, { requests: 2n, attempts: 2n, sell_atto: 10n * unit, buy_atto: 5n * unit }),
  // An attempt whose answer nobody got, at another provider.
  usageDelta(
    '2026-11-02T08:30Z',
    { provider: 'mistral', model: 'mistral/large', deployment: 'large-eu', sellCurrency: '' },
    { attempts: 1n, buy_atto: 2n * unit, buy_failed_atto: 2n * unit },
  ),
  usageDelta(
    '2026-11-02T08:30Z',
    {
      organisation: 'other',
      project: 'other/app',
      key: 'k2',
      provider: 'mistral',
      model: 'mistral/large',
      deployment: 'large-eu',
    },
    { requests: 3n, attempts: 3n, sell_atto: 40n * unit, buy_atto: 38n * unit },
  ),
  usageDelta(
    '2026-11-20T09:59Z',
    { organisation: 'third', project: 'third/x', key: 'k3', route: 'openai/gpt-5' },
    {
      requests: 1n,
      attempts: 1n,
      sell_atto: 20n * unit,
      buy_atto: 30n * unit,
      estimated: 1n,
      estimated_atto: 20n * unit,
    },
  ),
  // Nothing was sent anywhere.
  usageDelta(
    '2026-11-20T09:59Z',
    {
      organisation: 'third',
      project: 'third/x',
      key: 'k3',
      model: '',
      provider: '',
      deployment: '',
      sellCurrency: '',
      buyCurrency: '',
    },
    { requests: 1n, failures: 1n },
  ),
  usageDelta('2026-11-20T10:00Z', { meter: 'tool.webSearch', buyCurrency: '' }, { quantity: 7n, sell_atto: 1n * unit }),
];

describe('reports', () => {
  let database: TestDatabase;
  let store: Store;
  before(async () => {
    database = await createTestDatabase();
    store = connect(database.url);
    await addUsage(store, deltas.slice(0, 5));
    // Some of it is added up, the rest still waits.
    const client = connectSession(database.url);
    await client.connect();
    await new UsageFold().step(client, 1_000);
    await client.end();
    await addUsage(store, deltas.slice(5));
  });
  after(async () => {
    await store.close();
    await database.drop();
  });

  const report = (
    kind: ReportKind,
    by: readonly UsageDimension[],
    more: {
      readonly grain?: UsageGrain;
      readonly from?: string;
      readonly to?: string;
      readonly filter?: UsageFilter;
      readonly top?: number;
      readonly compare?: boolean;
      readonly limit?: number;
      readonly after?: string;
    } = {},
  ): Promise<ReportAnswer> =>
    readReport(store, requestOf(kind, by, more), { limit: more.limit ?? 500, after: more.after });
  const requestOf = (
    kind: ReportKind,
    by: readonly UsageDimension[],
    more: {
      readonly grain?: UsageGrain;
      readonly from?: string;
      readonly to?: string;
      readonly filter?: UsageFilter;
      readonly top?: number;
      readonly compare?: boolean;
    },
  ) => {
    const grain = more.grain ?? 'total';
    const period = readPeriod({
      from: new Date(at(more.from ?? '2026-11-01T00:00Z')),
      to: new Date(at(more.to ?? '2026-12-01T00:00Z')),
      grain,
      nowMs: 0,
    });
    return { kind, by, grain, period, filter: more.filter ?? {}, top: more.top, compare: more.compare ?? false };
  };

  test('margin by provider tells failed attempts apart, and how much depends on one', async () => {
    const answer = await report('margin', ['provider']);

    assert.deepEqual(answer.rows, [
      {
        provider: '',
        currency: null,
        requests: 1,
        revenue: '0',
        cogs: '0',
        failedAttempts: '0',
        variance: '0',
        margin: '0',
        marginPercent: null,
        overHold: '0',
        corrections: 0,
        sellCorrection: '0',
        costCorrection: '0',
        sharePpm: null,
      },
      {
        provider: 'mistral',
        currency: 'USD',
        requests: 3,
        revenue: '40',
        cogs: '38',
        failedAttempts: '2',
        variance: '0',
        margin: '0',
        marginPercent: '0.00',
        overHold: '0',
        corrections: 0,
        sellCorrection: '0',
        costCorrection: '0',
        sharePpm: 400_000,
      },
      {
        provider: 'openai',
        currency: 'USD',
        requests: 13,
        revenue: '60',
        cogs: '55',
        failedAttempts: '0',
        variance: '0',
        margin: '5',
        marginPercent: '8.33',
        overHold: '0',
        corrections: 0,
        sellCorrection: '0',
        costCorrection: '0',
        sharePpm: 600_000,
      },
    ]);
    assert.equal(answer.totals.at(-1)?.['margin'], '5');
    // 0.4² + 0.6², and (40/95)² + (55/95)²
    assert.deepEqual(answer.concentration, [
      {
        of: 'provider',
        measure: 'revenue',
        currency: 'USD',
        count: 2,
        hhiPpm: 520_000,
        top: { value: 'openai', sharePpm: 600_000 },
      },
      {
        of: 'provider',
        measure: 'cost',
        currency: 'USD',
        count: 2,
        hhiPpm: 512_465,
        top: { value: 'openai', sharePpm: 578_947 },
      },
    ]);
  });

  test('spend by organisation and day, of two dimensions at once, and of all together', async () => {
    const days = await report('spend', ['organisation'], { grain: 'day' });
    assert.deepEqual(
      days.rows.map(row => [row['period'], row['organisation'], row['sell'], row['estimatedSell']]),
      [
        ['2026-11-01', 'acme', '40', '0'],
        ['2026-11-02', 'acme', '0', '0'],
        ['2026-11-02', 'other', '40', '0'],
        ['2026-11-20', 'third', '20', '20'],
      ],
    );
    const both = await report('spend', ['model', 'organisation']);
    assert.deepEqual(
      both.rows.map(row => [row['model'], row['organisation'], row['requests'], row['sell']]),
      [
        ['', 'third', 1, '0'],
        ['mistral/large', 'acme', 0, '0'],
        ['mistral/large', 'other', 3, '40'],
        ['openai/gpt-5', 'acme', 12, '40'],
        ['openai/gpt-5', 'third', 1, '20'],
      ],
    );
    const all = await report('spend', []);
    assert.deepEqual(
      all.rows.map(row => [row['currency'], row['requests'], row['sell']]),
      [['USD', 17, '100']],
    );
    assert.deepEqual(all.concentration, []);
  });

  test('by month and by hour, with the hours that the period touches and no more', async () => {
    const months = await report('usage', [], { grain: 'month', from: '2026-10-01T00:00Z' });
    assert.deepEqual(
      months.rows.map(row => [row['period'], row['requests']]),
      [
        ['2026-10', 1],
        ['2026-11', 17],
      ],
    );
    const hours = await report('usage', [], { grain: 'hour', from: '2026-11-01T23:30Z', to: '2026-11-20T09:01Z' });
    assert.deepEqual(
      hours.rows.map(row => [row['period'], row['requests'], row['attempts']]),
      [
        ['2026-11-01T23:00Z', 2, 2],
        ['2026-11-02T08:00Z', 3, 4],
        ['2026-11-20T09:00Z', 2, 1],
      ],
    );
    assert.deepEqual(
      [hours.from, hours.to, hours.asked],
      [
        '2026-11-01T23:00:00.000Z',
        '2026-11-20T10:00:00.000Z',
        { from: '2026-11-01T23:30:00.000Z', to: '2026-11-20T09:01:00.000Z' },
      ],
    );
    assert.equal((await report('usage', [])).asked, undefined);
    // The same by total: whole days come from one roll-up, the hours at both ends from another.
    const total = await report('usage', [], { from: '2026-11-01T23:30Z', to: '2026-11-20T09:01Z' });
    assert.equal(total.rows[0]?.['requests'], 7);
  });

  test('filters look at every dimension, also those that are not shown', async () => {
    const only = async (filter: UsageFilter) =>
      (await report('spend', ['key'], { filter })).rows.map(row => row['key']);
    assert.deepEqual(await only({ organisation: 'other' }), ['k2']);
    assert.deepEqual(await only({ route: 'smart', provider: 'openai' }), ['k1']);
    assert.deepEqual(await only({ class: 'storage' }), []);
    assert.deepEqual(await only({ sandbox: true }), []);
    assert.deepEqual(await only({ organisation: `acme' or '1'='1` }), []);
  });

  test('a meter that is no token has rows of its own, beside the whole', async () => {
    const answer = await report('usage', ['meter']);
    assert.deepEqual(
      answer.rows.map(row => [row['meter'], row['quantity'], row['sell'], row['requests']]),
      [['tool.webSearch', '7', '1', 0]],
    );
  });

  test('the largest are shown and the others added up, by total and by day', async () => {
    const answer = await report('spend', ['key'], { top: 1 });
    assert.deepEqual(
      answer.rows.map(row => [row['key'], row['others'], row['sell'], row['sharePpm']]),
      [
        ['k1', undefined, '40', 400_000],
        [null, true, '60', 600_000],
      ],
    );
    assert.equal(
      (await report('spend', ['key'], { top: 3 })).rows.some(row => row['others'] === true),
      false,
    );
  });

  test('a comparison has what went away, too', async () => {
    const answer = await report('spend', ['organisation'], {
      from: '2026-11-02T00:00Z',
      to: '2026-11-03T00:00Z',
      compare: true,
    });
    assert.deepEqual(answer.comparedWith, { from: '2026-11-01T00:00:00.000Z', to: '2026-11-02T00:00:00.000Z' });
    assert.deepEqual(
      answer.rows.map(row => [
        row['organisation'],
        row['sell'],
        (row['previous'] as { sell: string }).sell,
        row['changePercent'],
      ]),
      [
        ['acme', '0', '40', '-100.00'],
        ['other', '40', '0', null],
      ],
    );
    const months = await report('spend', [], { compare: true });
    assert.equal((months.rows[0]!['previous'] as { sell: string }).sell, '4');
    assert.equal(months.rows[0]?.['changePercent'], '2400.00');
    assert.deepEqual(months.comparedWith, { from: '2026-10-01T00:00:00.000Z', to: '2026-11-01T00:00:00.000Z' });
  });

  test('pages of any size hold every row once, in order; a stream holds the same', async () => {
    const whole = await report('usage', ['organisation', 'model'], { grain: 'day' });
    assert.equal(whole.next, undefined);
    for (const limit of [1, 2, 3, whole.rows.length]) {
      const rows = [];
      let after: string | undefined;
      do {
        const page = await report('usage', ['organisation', 'model'], {
          grain: 'day',
          limit,
          ...(after === undefined ? {} : { after }),
        });
        rows.push(...page.rows);
        after = page.next;
      } while (after !== undefined);
      assert.deepEqual(rows, whole.rows);
    }
    const streamed = [];
    for await (const rows of streamReport(store, requestOf('usage', ['organisation', 'model'], { grain: 'day' }))) {
      streamed.push(...rows);
    }
    assert.deepEqual(streamed, whole.rows);
  });

  test('two currencies are never added, and a margin over both is not said', async () => {
    const own = await createTestDatabase();
    const other = connect(own.url);
    await addUsage(other, [
      usageDelta(
        '2026-11-05T00:00Z',
        { buyCurrency: 'EUR' },
        { requests: 2n, sell_atto: 10n * unit, buy_atto: 3n * unit },
      ),
      usageDelta(
        '2026-11-05T00:00Z',
        { sellCurrency: '', buyCurrency: 'EUR' },
        { attempts: 1n, buy_atto: unit, buy_failed_atto: unit },
      ),
      usageDelta('2026-11-05T00:00Z', { sellCurrency: '', buyCurrency: '' }, { requests: 1n }),
    ]);
    const answer = await readReport(other, requestOf('margin', ['model'], {}), { limit: 10 });

    assert.deepEqual(
      answer.rows.map(row => [
        row['currency'],
        row['requests'],
        row['revenue'],
        row['cogs'],
        row['failedAttempts'],
        row['margin'],
        row['marginPercent'],
      ]),
      [
        ['EUR', 1, '0', '3', '1', null, null],
        ['USD', 2, '10', '0', '0', null, null],
      ],
    );
    await other.close();
    await own.drop();
  });

  test('corrections are in the net amounts and beside them', async () => {
    const own = await createTestDatabase();
    const other = connect(own.url);
    await addUsage(other, [
      usageDelta('2026-11-05T00:00Z', {}, { requests: 1n, sell_atto: 10n, buy_atto: 8n }),
      usageDelta(
        '2026-11-05T00:00Z',
        {},
        {
          corrections: 1n,
          sell_atto: -4n,
          sell_correction_atto: -4n,
          buy_atto: 1n,
          buy_correction_atto: 1n,
          buy_variance_atto: 1n,
        },
      ),
    ]);
    const { rows } = await readReport(other, requestOf('margin', [], {}), { limit: 10 });

    assert.deepEqual(
      [
        'revenue',
        'cogs',
        'variance',
        'margin',
        'marginPercent',
        'corrections',
        'sellCorrection',
        'costCorrection',
        'requests',
      ].map(name => rows[0]?.[name]),
      [
        '0.000000000000000006',
        '0.000000000000000008',
        '0.000000000000000001',
        '-0.000000000000000003',
        '-50.00',
        1,
        '-0.000000000000000004',
        '0.000000000000000001',
        1,
      ],
    );
    await other.close();
    await own.drop();
  });

  const refusals: readonly (readonly [string, () => Promise<unknown>, string, RegExp])[] = [
    ['three dimensions', () => report('usage', ['key', 'model', 'route']), 'report_invalid', /at most 2/],
    ['one dimension twice', () => report('usage', ['key', 'key']), 'report_invalid', /different/],
    ['a top of nothing', () => report('usage', [], { top: 3 }), 'report_invalid', /needs a dimension/],
    ['a top of zero', () => report('usage', ['key'], { top: 0 }), 'report_invalid', /from 1 to 100/],
    ['a top of 101', () => report('usage', ['key'], { top: 101 }), 'report_invalid', /from 1 to 100/],
    ['a comparison by day', () => report('usage', [], { compare: true, grain: 'day' }), 'report_invalid', /totals/],
    [
      'a comparison of the largest',
      () => report('usage', ['key'], { compare: true, top: 2 }),
      'report_invalid',
      /together/,
    ],
    ['a cursor from elsewhere', () => report('usage', [], { after: 'bm9wZQ' }), 'report_invalid', /not a `next`/],
    [
      'a cursor with an instant that is none',
      () =>
        report('usage', [], { after: Buffer.from('["2026-13-45T00:00:00.000Z",0,"","",""]').toString('base64url') }),
      'report_invalid',
      /not a `next`/,
    ],
    [
      '101 days by hour',
      async () => report('usage', [], { grain: 'hour', from: '2026-08-01T00:00Z', to: '2026-11-11T00:00Z' }),
      'report_too_large',
      /100 days/,
    ],
    [
      'a period without length',
      async () => report('usage', [], { from: '2026-12-01T00:00Z' }),
      'report_invalid',
      /before/,
    ],
    ['the year 1999', async () => report('usage', [], { from: '1999-12-31T00:00Z' }), 'report_invalid', /2000/],
  ];
  for (const [what, ask, code, message] of refusals) {
    test(`${what} is refused by name`, async () => {
      await assert.rejects(ask, error => error instanceof Fault && error.code === code && message.test(error.message));
    });
  }

  test('more reports at once than the bound are told to come again, and the bound is free afterwards', async () => {
    const results = await Promise.allSettled(Array.from({ length: 6 }, () => report('usage', ['key'])));
    const refused = results.filter(result => result.status === 'rejected');
    assert.equal(refused.length, 2);
    assert.ok(refused.every(result => result.reason instanceof Fault && result.reason.code === 'reports_busy'));
    assert.equal((await report('usage', ['key'])).rows.length, 3);

    const stream = streamReport(store, requestOf('usage', ['key'], {}));
    await stream.next();
    await stream.return();
    const { rows } = await store.pool.query(
      `select count(*)::int as open from pg_stat_activity where application_name = 'carrier-report' and datname = current_database()`,
    );
    assert.ok(rows[0].open <= 1);
    await Promise.all(Array.from({ length: 4 }, () => report('usage', ['key'])));
  });
});
