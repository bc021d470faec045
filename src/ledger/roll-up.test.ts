import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, test } from 'node:test';
import fc from 'fast-check';
import { createTestDatabase, type TestDatabase } from '../../test/support/database.ts';
import { exchangeId, recordsOf } from '../../test/support/exchanges.ts';
import { emptyLedger } from '../../test/support/ledger.ts';
import { addUsage, usageDelta } from '../../test/support/usage.ts';
import { type CompletedExchange, ExchangeAssembler } from '../journal/assemble.ts';
import type { EndRecord } from '../journal/record.ts';
import { connect, connectSession, type Store } from '../store/connect.ts';
import { readUsage } from './queries.ts';
import { rollUp } from './roll-up.ts';
import { measureColumns, seriesColumns } from './usage-columns.ts';
import { UsageFold } from './usage-fold.ts';
import type { UsageDelta, UsageSeries } from './usage-series.ts';
import {
  type UsageDimension,
  type UsageFilter,
  type UsageGrain,
  usageDimensions,
  usageGrains,
  usageSumsSql,
} from './usage-sums.ts';

const atMs = Date.UTC(2026, 10, 20, 9, 30);
const hourMs = 3_600_000;

describe('a roll-up', () => {
  test('of any parts of some exchanges is the roll-up of them all', () => {
    fc.assert(
      fc.property(
        fc.array(exchangeArbitrary, { maxLength: 30 }),
        fc.array(fc.nat(29), { maxLength: 5 }),
        (list, cuts) => {
          const places = [0, ...cuts.map(cut => cut % (list.length + 1)).sort((a, b) => a - b), list.length];
          const parts = places.slice(1).map((end, index) => list.slice(places[index], end));

          assert.deepEqual(summed(parts.flatMap(rollUp)), summed(rollUp(list)));
        },
      ),
      { numRuns: 200 },
    );
  });

  test('adds up to the charges of its exchanges, to the last digit', () => {
    fc.assert(
      fc.property(fc.array(exchangeArbitrary, { maxLength: 30 }), list => {
        const rows = rollUp(list).filter(({ series }) => series.meter === '');
        const total = (column: (typeof measureColumns)[number]) =>
          rows.reduce((sum, { measures }) => sum + (measures[column] ?? 0n), 0n);
        let sell = 0n;
        let over = 0n;
        let buy = 0n;
        for (const { end } of list) {
          sell += BigInt(end.sell?.amountAtto ?? 0) - BigInt(end.sell?.overHoldAtto ?? 0);
          over += BigInt(end.sell?.overHoldAtto ?? 0);
          for (const attempt of end.attempts) buy += BigInt(attempt.buy?.amountAtto ?? 0);
        }

        assert.deepEqual(
          [total('sell_atto'), total('over_hold_atto'), total('buy_atto'), total('requests')],
          [sell, over, buy, BigInt(list.length)],
        );
        assert.ok(total('buy_failed_atto') <= buy);
      }),
      { numRuns: 200 },
    );
  });

  test('knows the cost of failed attempts, what is estimated, held and over the hold', () => {
    const of = (exchange: CompletedExchange) => summed(rollUp([exchange])).map(({ measures }) => measures);
    const plain = {
      attempts: 1n,
      buy_atto: 300_000_000_000_000n,
      requests: 1n,
      input_uncached: 100n,
      output: 50n,
      sell_atto: 700_000_000_000_000n,
    };

    assert.deepEqual(of(exchangeOf({ number: 1, failed: 1 })), [
      { attempts: 1n, buy_atto: 10_000_000_000_000n, buy_failed_atto: 10_000_000_000_000n },
      plain,
    ]);
    assert.deepEqual(of(changed(exchangeOf({ number: 2 }), { state: 'estimated' })), [
      { ...plain, estimated: 1n, estimated_atto: 700_000_000_000_000n },
    ]);
    assert.deepEqual(of(changed(exchangeOf({ number: 3 }), { over: '100' })), [
      { ...plain, sell_atto: 699_999_999_999_900n, over_hold_atto: 100n },
    ]);
    const held = exchangeOf({ number: 4, holdAtto: '5000' });
    assert.deepEqual(of(changed(held, { state: 'quarantined', outcome: 'upstream_reset' })), [
      {
        attempts: 1n,
        buy_atto: 300_000_000_000_000n,
        buy_failed_atto: 300_000_000_000_000n,
        requests: 1n,
        failures: 1n,
        quarantined: 1n,
        held_atto: 5_000n,
      },
    ]);
  });

  test('has a row beside the whole for each meter that is no token, counted once', () => {
    const line = { meter: 'tool.webSearch', quantity: 3, ratePico: '10000', amountAtto: '30000' };
    const plain = exchangeOf({ number: 1 });
    const last = plain.end.attempts.at(-1)!;
    const exchange: CompletedExchange = {
      ...plain,
      end: {
        ...plain.end,
        sell: { ...plain.end.sell!, lines: [...plain.end.sell!.lines, line] },
        attempts: [{ ...last, buy: { ...last.buy!, lines: [...last.buy!.lines, { ...line, amountAtto: '9' }] } }],
      },
    };

    const meters = rollUp([exchange]).filter(({ series }) => series.meter !== '');

    assert.deepEqual(
      meters.map(({ series, measures }) => [series.meter, measures]),
      [
        ['tool.webSearch', { buy_atto: 9n }],
        ['tool.webSearch', { quantity: 3n, sell_atto: 30_000n }],
      ],
    );
  });
});

describe('the roll-ups by hour, day and month', () => {
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

  const fold = async (rowsMax: number) => {
    const client = connectSession(database.url);
    await client.connect();
    try {
      return await new UsageFold().step(client, rowsMax);
    } finally {
      await client.end();
    }
  };
  const contents = async (
    table: 'usage_by_hour' | 'usage_by_day' | 'usage_by_month',
    column: 'hour' | 'day' | 'month',
  ) =>
    (
      await store.pool.query(
        `select ${column}, ${[...seriesColumns, ...measureColumns].join(', ')}
           from ${table} join usage_series s on s.id = series order by ${column}, ${seriesColumns.join(', ')}`,
      )
    ).rows;

  test('are the same however the rows come and however many are moved at once, late ones included', async () => {
    const rows = Array.from({ length: 60 }, (_, number) =>
      usageDelta(
        new Date(atMs - (number % 7) * 17 * hourMs).toISOString(),
        { key: `k${number % 3}` },
        {
          requests: 1n,
          sell_atto: BigInt(number),
          output: 7n,
          ...(number % 5 === 0 ? { corrections: 1n, sell_correction_atto: -1n } : {}),
        },
      ),
    );
    await addUsage(store, rows);
    while ((await fold(1_000)) > 0);
    const all = async () => [
      await contents('usage_by_hour', 'hour'),
      await contents('usage_by_day', 'day'),
      await contents('usage_by_month', 'month'),
    ];
    const expected = await all();
    assert.equal(expected[0]!.length, 21);

    await fc.assert(
      fc.asyncProperty(
        fc.shuffledSubarray(rows, { minLength: rows.length }),
        fc.integer({ min: 1, max: 40 }),
        async (shuffled, rowsMax) => {
          await emptyLedger(store);
          for (let at = 0; at < shuffled.length; at += 13) {
            await addUsage(store, shuffled.slice(at, at + 13));
            await fold(rowsMax);
          }
          while ((await fold(rowsMax)) > 0);

          assert.deepEqual(await all(), expected);
        },
      ),
      { numRuns: 8 },
    );
  });

  test('say the same before, while and after rows are moved', async () => {
    await addUsage(
      store,
      Array.from({ length: 30 }, (_, number) =>
        usageDelta(new Date(atMs + number).toISOString(), {}, { requests: 1n, sell_atto: 10n }),
      ),
    );
    const told = async () => {
      const [row] = await readUsage(store, {
        by: 'project',
        from: new Date(atMs - 48 * hourMs),
        to: new Date(atMs + 48 * hourMs),
      });
      return [row?.requests, row?.sell?.amount];
    };

    const answers = [await told()];
    for (let moved = 1; moved > 0; ) {
      moved = await fold(7);
      answers.push(await told());
    }

    assert.equal(answers.length, 7);
    for (const answer of answers) assert.deepEqual(answer, [30, '0.0000000000000003']);
  });

  test('say the same by every part they are kept by, whatever is asked, moved or not', async () => {
    const rows = Array.from({ length: 80 }, (_, number) =>
      usageDelta(
        new Date(atMs - (number % 11) * 7 * hourMs).toISOString(),
        {
          // A quarter is what of the whole had a tag.
          meter: number % 4 === 3 ? `tag:team=t${number % 3}` : '',
          project: `o${number % 2}/p${number % 3}`,
          organisation: `o${number % 2}`,
          key: `k${number % 3}`,
          route: `r${number % 2}`,
          model: `m${number % 5}`,
          provider: `p${number % 3}`,
          sellCurrency: number % 7 === 0 ? 'EUR' : 'USD',
        },
        { requests: 1n, sell_atto: BigInt(number) ** 3n, buy_correction_atto: -BigInt(number) },
      ),
    );
    await addUsage(store, rows);
    const startMs = Date.UTC(2026, 10, 20, 9);
    const pieceOf = (grain: UsageGrain, at: number) => {
      const iso = new Date(at).toISOString();
      if (grain === 'total') return null;
      if (grain === 'hour') return iso;
      return grain === 'day' ? `${iso.slice(0, 10)}T00:00:00.000Z` : `${iso.slice(0, 7)}-01T00:00:00.000Z`;
    };
    const moved = fc.integer({ min: 0, max: 30 });
    const dimensions = fc.subarray<UsageDimension>(
      [...[...usageDimensions].filter(name => name !== 'meter' && name !== 'class'), 'tag:team'],
      { maxLength: 2 },
    );
    const filters = fc
      .subarray<UsageFilter>(
        [
          { organisation: 'o1' },
          { key: 'k1' },
          { model: 'm2' },
          { provider: 'p1' },
          { route: 'r0' },
          { providers: ['p0', 'p2', 'unknown'] },
          { providers: [] },
          { within: { organisations: ['o0'], projects: ['o1/p2'] } },
          { within: { organisations: [], projects: ['o0/p0', 'o1/p1'] } },
        ],
        { maxLength: 2 },
      )
      .map(parts => Object.assign({}, ...parts) as UsageFilter);
    const isAsked = ({ within, providers, ...names }: UsageFilter, series: UsageSeries) =>
      Object.entries(names).every(([name, value]) => series[name as 'key'] === value) &&
      (providers === undefined || providers.includes(series.provider)) &&
      (within === undefined ||
        within.organisations.includes(series.organisation) ||
        within.projects.includes(series.project));
    const namedBy = (series: UsageSeries, name: UsageDimension | undefined) =>
      name === 'tag:team' ? series.meter.slice('tag:team='.length) : series[name as 'key'];
    const hours = fc.tuple(fc.integer({ min: -90, max: 2 }), fc.integer({ min: 1, max: 90 }));

    await fc.assert(
      fc.asyncProperty(
        moved,
        dimensions,
        fc.constantFrom(...usageGrains),
        hours,
        filters,
        async (count, by, grain, [from, length], filter) => {
          await fold(count);
          const period = { fromMs: startMs + from * hourMs, toMs: startMs + (from + length) * hourMs };
          const values: unknown[] = [];
          const measures = ['requests', 'sell_atto', 'buy_correction_atto'] as const;
          const sql = usageSumsSql({ by, grain, period, filter, measures }, values);
          const told = (await store.pool.query(`select * from (${sql}) as part`, values)).rows;
          const sums = new Map<string, readonly bigint[]>();
          for (const { atMs: usedMs, series, measures: added } of rows) {
            const at = usedMs - (usedMs % hourMs);
            if (at < period.fromMs || at >= period.toMs || !isAsked(filter, series)) continue;
            if (by.includes('tag:team') !== series.meter.startsWith('tag:')) continue;
            const names = [namedBy(series, by[0]), namedBy(series, by[1]), series.sellCurrency];
            const key = JSON.stringify([pieceOf(grain, at), ...names]);
            const before = sums.get(key) ?? [0n, 0n, 0n];
            sums.set(
              key,
              measures.map((measure, index) => before[index]! + (added[measure] ?? 0n)),
            );
          }

          assert.deepEqual(
            told
              .map(row => [
                JSON.stringify([row.period, by[0] && row.d1, by[1] && row.d2, row.sell_currency]),
                ...measures.map(measure => row[measure]),
              ])
              .sort(),
            [...sums].map(([key, sum]) => [key, ...sum]).sort(),
          );
        },
      ),
      { numRuns: 90 },
    );
  });

  test('by one side are what the roll-ups by series make anew', async () => {
    const rows = Array.from({ length: 40 }, (_, number) =>
      usageDelta(
        new Date(atMs - (number % 9) * 9 * hourMs).toISOString(),
        { key: `k${number % 3}`, model: `m${number % 4}` },
        { requests: 1n, sell_atto: BigInt(number), over_hold_atto: -7n, output: 3n },
      ),
    );
    const sides = async () => {
      const tables = [
        'usage_customer_by_day',
        'usage_customer_by_month',
        'usage_supply_by_hour',
        'usage_supply_by_day',
        'usage_supply_by_month',
      ];
      const found = tables.map(async table => {
        const [, part, unit] = /^usage_(\w+)_by_(\w+)$/.exec(table)!;
        const names = part === 'customer' ? 'organisation, project, key' : 'route, model, provider, deployment';
        const sql = `select ${unit}, ${names}, ${measureColumns.join(', ')} from ${table} join usage_${part} p on p.id = ${part}`;
        return (await store.pool.query(`${sql} order by ${unit}, ${names}`)).rows;
      });
      return Promise.all(found);
    };
    await addUsage(store, rows.slice(0, 25));
    await fold(10);
    await addUsage(store, rows.slice(25));
    while ((await fold(8)) > 0);

    const kept = await sides();
    await store.pool.query('select add_up_usage_parts()');

    assert.deepEqual(kept, await sides());
    assert.deepEqual(
      kept.map(table => [table.length, table.reduce((sum, { requests }) => sum + requests, 0n)]),
      [
        [9, 40n],
        [3, 40n],
        [36, 40n],
        [16, 40n],
        [4, 40n],
      ],
    );
  });

  test('lose and double nothing when the move is cut off', async () => {
    await addUsage(store, [usageDelta(new Date(atMs).toISOString(), {}, { requests: 5n })]);
    const client = connectSession(database.url);
    await client.connect();
    await fold(0);
    await client.query('begin');
    const { rows } = await client.query('delete from usage_delta returning requests');
    assert.equal(rows.length, 1);
    await client.end();

    assert.equal(await fold(10), 1);
    assert.equal(await fold(10), 0);
    assert.equal((await contents('usage_by_day', 'day'))[0].requests, 5n);
  });

  test('take over what an older release still writes', async () => {
    const client = await store.pool.connect();
    await client.query(
      `create table usage_hour_202611 partition of usage_hour for values from ('2026-11-01') to ('2026-12-01')`,
    );
    client.release();
    const insert = `
      insert into usage_hour values ('2026-11-20T09:00:00Z', 'o', 'o/p', 'k', 'm', 'p', 'd', 'USD', 'USD', false,
        1, 1, 0, 0, 0, 100, 0, 0, 0, 0, 0, 50, 0, 0, 7, 3)
      on conflict (hour, organisation, project, key, model, provider, deployment, sell_currency, buy_currency, sandbox)
        do update set requests = usage_hour.requests + excluded.requests`;
    await store.pool.query(insert);
    await store.pool.query(insert);

    const [row] = await readUsage(store, { by: 'key', from: new Date(atMs - hourMs), to: new Date(atMs + hourMs) });
    assert.deepEqual(
      [row?.requests, row?.inputUncached, row?.output, row?.sell?.amount],
      [2, 200, 100, '0.000000000000000014'],
    );
    assert.equal((await store.pool.query('select from usage_hour')).rowCount, 0);
  });

  test('take new series from replicas that name them in opposite orders at once', async () => {
    for (let round = 0; round < 5; round += 1) {
      const rows = Array.from({ length: 400 }, (_, number) =>
        usageDelta(new Date(atMs).toISOString(), { key: `${round} ${number}` }, { requests: 1n }),
      );
      await Promise.all([addUsage(store, rows), addUsage(store, [...rows].reverse())]);
    }

    const [row] = await readUsage(store, { by: 'class', from: new Date(atMs), to: new Date(atMs + hourMs) });
    assert.equal(row?.requests, 4_000);
  });

  test('count names beyond their bound together, and take any text', async () => {
    const long = 'ü'.repeat(300);
    await addUsage(store, [
      usageDelta(new Date(atMs).toISOString(), { route: `${long}a` }, { requests: 1n }),
      usageDelta(new Date(atMs).toISOString(), { route: `${long}b` }, { requests: 1n }),
      usageDelta(new Date(atMs).toISOString(), { route: `a\0b\n\\N\ttab\ud800` }, { requests: 1n }),
    ]);

    const rows = await readUsage(store, { by: 'route', from: new Date(atMs - hourMs), to: new Date(atMs + hourMs) });

    assert.deepEqual(
      rows.map(row => [row.by, row.requests]),
      [
        ['a�b�\\N\ttab�', 1],
        ['ü'.repeat(128), 2],
      ],
    );
  });
});

interface Sketch {
  readonly number: number;
  readonly failed?: number;
  readonly input?: number;
  readonly output?: number;
  readonly key?: string;
  readonly hours?: number;
  readonly holdAtto?: string;
}

function exchangeOf({
  number,
  failed = 0,
  input = 100,
  output = 50,
  key = 'k',
  hours = 0,
  holdAtto = '0',
}: Sketch): CompletedExchange {
  const assembler = new ExchangeAssembler();
  let done: CompletedExchange | undefined;
  for (const record of recordsOf({
    id: exchangeId(number),
    atMs: atMs + hours * hourMs,
    failedAttempts: failed,
    inputTokens: input,
    outputTokens: output,
    key,
    holdAtto,
  })) {
    const result = assembler.accept(record, { sequence: 1, offset: 0 });
    if (result !== undefined && result !== 'conflict') done = result;
  }
  assert.ok(done !== undefined);
  return done;
}

function changed(
  exchange: CompletedExchange,
  { over, ...parts }: { over?: string; state?: EndRecord['state']; outcome?: string },
): CompletedExchange {
  const { sell: charge, reading, ...end } = exchange.end;
  const sold =
    parts.state === 'quarantined'
      ? {}
      : { sell: { ...charge!, ...(over === undefined ? {} : { overHoldAtto: over }) }, reading };
  return { ...exchange, end: { ...end, ...sold, ...parts } };
}

const exchangeArbitrary = fc
  .record({
    number: fc.nat(1_000_000),
    failed: fc.nat(2),
    input: fc.oneof(fc.nat(5_000), fc.constant(Number.MAX_SAFE_INTEGER)),
    output: fc.nat(5_000),
    key: fc.constantFrom('a', 'b', 'c'),
    hours: fc.nat(40),
    state: fc.constantFrom<EndRecord['state']>('settled', 'estimated', 'quarantined'),
    over: fc.boolean(),
  })
  .map(({ state, over, ...sketch }) => {
    const exchange = exchangeOf(sketch);
    return changed(exchange, { state, ...(over ? { over: exchange.end.sell!.amountAtto } : {}) });
  });

/** One row a series and hour, in one order. */
function summed(deltas: readonly UsageDelta[]): UsageDelta[] {
  const sums = new Map<string, UsageDelta & { measures: Record<string, bigint> }>();
  for (const { atMs: at, series, measures } of deltas) {
    const key = JSON.stringify([at, ...Object.values(series)]);
    const sum = sums.get(key) ?? { atMs: at, series, measures: {} };
    for (const [column, value] of Object.entries(measures)) sum.measures[column] = (sum.measures[column] ?? 0n) + value;
    sums.set(key, sum);
  }
  return [...sums].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, sum]) => sum);
}
