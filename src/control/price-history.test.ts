import assert from 'node:assert/strict';
import { after, before, beforeEach, suite, test } from 'node:test';
import { planContext, testFacts, testMasterKey, testNowMs, testPriceFacts } from '../../test/support/control.ts';
import { createTestDatabase, type TestDatabase } from '../../test/support/database.ts';
import { ConfigurationError } from '../config/problem.ts';
import { formatAtto } from '../pricing/money.ts';
import { cardAt } from '../pricing/timeline.ts';
import { connect, type Store } from '../store/connect.ts';
import { type Control, createControl } from './control.ts';
import { quoteUsage } from './quote.ts';
import type { BookName } from './resources.ts';
import { createSealer } from './seal.ts';

const secret = 'acme-secret-acme-secret-acme-secret';
const supply = `
providers: { p: { dialect: openai-chat, baseUrl: https://api.openai.com/v1 } }
deployments: { one: { provider: p, model: v/a } }
organisations: { acme: { projects: { web: { keys: { ci: { secret: env:ACME_KEY } } } } } }
`;
const day = 86_400_000;
const instant = (ms: number) => new Date(ms).toISOString();
const sell = (rate: string, rest = '') =>
  `prices: { sell: { currency: USD, rates: { v/a: { input: "${rate}", output: "1"${rest} } } } }`;

let database: TestDatabase;
let store: Store;
let nowMs: number;

suite('the history of prices', () => {
  before(async () => {
    database = await createTestDatabase();
    store = connect(database.url);
  });
  after(async () => {
    await store.close();
    await database.drop();
  });
  beforeEach(async () => {
    // The database refuses changes to what has begun by its own clock, so the tests' days lie ahead of it.
    nowMs = Date.parse('2100-01-01T00:00:00Z');
    await store.pool.query(
      'truncate configuration_resource, configuration_revision, price_version, price_validity, price_book, price_fact cascade',
    );
  });

  function control(): Control {
    return createControl({
      store,
      sealer: createSealer(testMasterKey),
      references: { environment: { ACME_KEY: secret }, workingDirectory: '/', dataDirectory: '/' },
      kinds: planContext().kinds,
      facts: () => testFacts,
      priceFacts: () => testPriceFacts,
      sandboxBaseUrl: 'unix:/run/sandbox',
      nowMs: () => nowMs,
      changed: () => {},
    });
  }

  const apply = (file: string) => control().apply({ file, dryRun: false, prune: false, actor: 'test' });
  const publish = (file: string, prune = false) => control().prices.publish({ file, prune, actor: 'test' });

  /** Decimal input rates at instants, for list prices or an organisation. */
  async function inputs(atMs: readonly number[], of: { book?: BookName; organisation?: string } = {}) {
    const history = await control().prices.history();
    const timeline = history.timelineOf({
      book: of.book ?? 'sell',
      organisation: of.organisation,
      deployment: { id: 'one', model: 'v/a', sandbox: false },
    });
    return atMs.map(at => {
      const rate = timeline === undefined ? undefined : cardAt(timeline, at)?.rates.input;
      return rate === undefined ? undefined : formatAtto(rate * 1_000_000n);
    });
  }

  async function validity(): Promise<string[]> {
    const { rows } = await store.pool.query(
      `select id, lower(valid) as lower, upper(valid) as upper from price_validity
         join price_book on number = book order by id, lower(valid) nulls first`,
    );
    return rows.map(({ id, lower, upper }) => `${id} ${lower?.toISOString() ?? '-'} ${upper?.toISOString() ?? '-'}`);
  }

  test('every price that held is found again by its instant, also when later ones have replaced it', async () => {
    await apply(supply);
    await apply(sell('1'));
    const first = nowMs;
    nowMs += day;
    await publish(sell('2'));
    nowMs += day;
    await publish(sell('3', `, from: ${instant(nowMs + 5 * day)}`));
    nowMs += day;
    await publish(sell('2.5'));

    assert.deepEqual(
      await inputs([
        first - 100 * day,
        first,
        first + day - 1,
        first + day,
        nowMs - 1,
        nowMs,
        nowMs + 4 * day - 1,
        nowMs + 4 * day,
      ]),
      ['1', '1', '1', '2', '2', '2.5', '2.5', '3'],
    );
    assert.deepEqual(await validity(), [
      `sell - ${instant(first + day)}`,
      `sell ${instant(first + day)} ${instant(nowMs)}`,
      `sell ${instant(nowMs)} ${instant(nowMs + 4 * day)}`,
      `sell ${instant(nowMs + 4 * day)} -`,
    ]);
  });

  test('publishing what is published already publishes nothing', async () => {
    await apply(supply);
    await apply(sell('1'));
    const before = await validity();
    nowMs += day;
    const again = await publish(sell('1.00'));

    assert.deepEqual([again.changes, again.versions, again.revision], [[], [], 2n]);
    assert.deepEqual(await validity(), before);
    const { rows } = await store.pool.query('select count(*)::int as versions from price_version');
    assert.deepEqual(rows, [{ versions: 1 }]);
  });

  test('a contract holds from its beginning, and list prices before and beside it', async () => {
    await apply(supply);
    await apply(sell('2'));
    await publish(`prices: { contracts: { acme: { discount: "0.25", from: ${instant(nowMs + day)} } } }`);

    assert.deepEqual(await inputs([nowMs, nowMs + day], { organisation: 'acme' }), ['2', '1.5']);
    assert.deepEqual(await inputs([nowMs, nowMs + day], { organisation: 'other' }), ['2', '2']);
    assert.deepEqual(await inputs([nowMs], { book: 'buy', organisation: 'acme' }), [undefined]);
  });

  test('a book that is pruned has no price from then on, and kept those from before', async () => {
    await apply(supply);
    await apply(sell('1'));
    const start = nowMs;
    nowMs += day;
    await publish('prices: { buy: { currency: USD, rates: { v/a: { input: "7", output: "7" } } } }', true);
    const stored = await control().readConfiguration();

    assert.deepEqual(await inputs([start, nowMs - 1, nowMs]), ['1', '1', undefined]);
    assert.deepEqual(await inputs([nowMs], { book: 'buy' }), ['7']);
    assert.equal(stored.resources.has('deployment:one'), true);
  });

  test('what is scheduled can be moved and cancelled until it begins', async () => {
    await apply(supply);
    await apply(sell('1'));
    const scheduled = (from: number) =>
      `prices: { sell: { currency: USD, rates: {}, scheduled: [ { from: ${instant(from)}, rates: { v/a: { input: "5", output: "5" } } } ] } }`;
    await publish(scheduled(nowMs + day));
    await publish(scheduled(nowMs + 2 * day));
    assert.deepEqual(await inputs([nowMs + day, nowMs + 2 * day]), ['1', '5']);

    await publish('prices: { sell: { currency: USD, rates: {}, scheduled: [] } }');
    assert.deepEqual(await inputs([nowMs + day, nowMs + 2 * day]), ['1', '1']);
    assert.deepEqual(await validity(), ['sell - -']);
  });

  test('the database itself refuses overlapping prices, changed versions and a changed past', async () => {
    await apply(supply);
    await apply(sell('1'));
    await apply(sell('2'));
    const version = (await store.pool.query('select id from price_version limit 1')).rows[0].id;
    const refused = (sql: string) => assert.rejects(store.pool.query(sql, sql.includes('$1') ? [version] : []));

    await assert.rejects(
      store.pool.query(
        `insert into price_validity select book, $1, tstzrange('2030-01-01', '2031-01-01') from price_validity limit 1`,
        [version],
      ),
      /price_validity_int4range_valid_excl|exclusion constraint/,
    );
    await refused(`update price_version set currency = 'EUR' where id = $1`);
    await refused('delete from price_version where id = $1');
    await refused(`update price_validity set valid = tstzrange(null, '2020-01-01') where lower_inf(valid)`);
    await refused('delete from price_validity where lower_inf(valid)');
    await refused(`update price_validity set version = 'other'`);
    await refused(`insert into price_validity select book, $1, 'empty' from price_validity limit 1`);
  });

  test('a replica dates prices by its own clock, wherever that of the database is', async () => {
    nowMs = Date.parse('2020-01-01T00:00:00Z');
    await apply(supply);
    await apply(sell('1'));
    nowMs += day;
    await publish(sell('2'));

    assert.deepEqual(await inputs([nowMs - 1, nowMs]), ['1', '2']);
  });

  test('a refused file leaves nothing behind', async () => {
    await apply(supply);
    await apply(sell('1'));
    const before = await validity();

    await assert.rejects(publish(sell('2', ', serviceTiers: { priority: {} }')), ConfigurationError);
    await assert.rejects(publish(`${sell('2')}\nroutes: {}`), (error: unknown) => {
      assert.ok(error instanceof ConfigurationError);
      assert.deepEqual(
        error.problems.map(({ path, line }) => [path, line]),
        [['routes', 2]],
      );
      return true;
    });
    await assert.rejects(publish('policies: { orphans: free }'), /prices/);
    assert.deepEqual(await validity(), before);
  });

  test('two who publish at once are made one after the other', async () => {
    await apply(supply);
    await apply(sell('1'));
    await Promise.all([
      publish(sell('2')),
      publish('prices: { buy: { currency: USD, rates: { v/a: { input: "1", output: "1" } } } }'),
    ]);

    assert.deepEqual(await inputs([nowMs + 1]), ['2']);
    assert.deepEqual(await inputs([nowMs + 1], { book: 'buy' }), ['1']);
  });

  test('a quote names the version of the instant and every line', async () => {
    await apply(supply);
    await apply(
      'prices: { sell: { currency: USD, rates: { v/a: { input: "2", output: "10", tool.webSearch: { amount: "10", per: 1000 }, accelerator: { amount: "2.49", per: 3600, minimum: 60 } } } } }',
    );
    const history = await control().prices.history();
    const prices = history.timelineOf({ book: 'sell', deployment: { id: 'one', model: 'v/a', sandbox: false } });
    const quote = quoteUsage({ input: 1_000, output: 100, 'tool.webSearch': 3, accelerator: 40 }, prices, {
      atMs: nowMs,
      holders: 8,
    });

    assert.ok(!('unpriced' in quote));
    assert.deepEqual(
      quote.lines.map(({ meter, quantity, rate, per, amount }) => [meter, quantity, rate, per, amount].join(' ')),
      [
        'input 1000 2 1000000 0.002',
        'output 100 10 1000000 0.001',
        'tool.webSearch 3 10 1000 0.03',
        'accelerator 480 2.49 3600 0.332',
      ],
    );
    assert.equal(quote.amount, '0.365');
    assert.deepEqual(quoteUsage({ page: 1 }, prices, { atMs: nowMs }), {
      unpriced: `no rate for page in ${quote.version}`,
    });
    assert.deepEqual(quoteUsage({ input: 1 }, undefined, { atMs: nowMs }), {
      unpriced: 'no complete price is in force then',
    });
  });

  test('facts pass when they are plain, wait when they are odd, and pass by name', async () => {
    const first = await control().prices.importFacts(new Set());
    const held = (await control().prices.storedFacts()).filter(fact => fact.held !== null);
    const again = await control().prices.importFacts(new Set(['openai/odd-1']));
    const end = await control().prices.reviewFacts();

    assert.deepEqual(first.imported, { approved: 3, held: 1, gone: 0 });
    assert.deepEqual(
      held.map(({ model, approved, reasons }) => [model, approved, reasons]),
      [['odd-1', null, ['cacheRead is above input', 'input is above output']]],
    );
    assert.deepEqual(again.imported, { approved: 1, held: 0, gone: 0 });
    assert.deepEqual([end.changes, end.unchanged, end.excluded.length], [[], 4, 1]);
    const { rows } = await store.pool.query('select count(*)::int as versions from price_version');
    assert.deepEqual(rows, [{ versions: 0 }], 'facts publish nothing');
    assert.ok(testNowMs < nowMs);
  });
});
