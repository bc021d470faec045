import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { createTestDatabase, type TestDatabase } from '../../test/support/database.ts';
import { measureColumns } from '../ledger/usage-columns.ts';
import type { UsageDimension, UsageFilter, UsageGrain } from '../ledger/usage-sums.ts';
import { connect, type Store } from '../store/connect.ts';
import { ensurePartitions } from '../store/partitions.ts';
import { reports } from './kinds.ts';
import { reportSql } from './report-sql.ts';

const seriesCount = 300;

/** What a report reads, at a scale at which the planner begins to choose: 300 series over four months. */
describe('the plan of a report', () => {
  let database: TestDatabase;
  let store: Store;
  before(async () => {
    database = await createTestDatabase();
    store = connect(database.url);
    const client = await store.pool.connect();
    const months = [8, 9, 10, 11].map(month => Date.UTC(2026, month, 1));
    await ensurePartitions(client, months, ['usage_by_hour', 'usage_by_day']);
    await client.query(
      `insert into usage_series (organisation, project, key, route, model, provider, deployment, class, meter, sell_currency, buy_currency, sandbox)
       select 'org_' || n % 60, 'org_' || n % 60 || '/p', 'k' || n, 'smart', 'm' || n % 9, 'p' || n % 4, 'd' || n % 9, 'inference', '', 'USD', 'USD', false
         from generate_series(1, ${seriesCount}) as n`,
    );
    const values = measureColumns.map(() => '1').join(', ');
    const columns = measureColumns.join(', ');
    await client.query(
      `insert into usage_by_day (day, series, ${columns})
       select day, n, ${values} from generate_series(1, ${seriesCount}) as n,
              generate_series('2026-09-01Z'::timestamptz, '2026-12-20Z', '1 day') as day`,
    );
    await client.query(
      `insert into usage_by_hour (hour, series, ${columns})
       select hour, n, ${values} from generate_series('2026-11-01Z'::timestamptz, '2026-11-14T23:00Z', '1 hour') as hour,
              generate_series(1, ${seriesCount}) as n`,
    );
    await client.query(
      `insert into usage_by_month (month, series, ${columns})
       select month, n, ${values} from generate_series('2024-01-01Z'::timestamptz, '2026-12-01Z', '1 month') as month,
              generate_series(1, ${seriesCount}) as n`,
    );
    await client.query('select add_up_usage_parts()');
    await client.query(
      'vacuum analyze usage_by_month, usage_by_day, usage_by_hour, usage_series, usage_customer, usage_customer_by_day, ' +
        'usage_customer_by_month, usage_supply, usage_supply_by_hour, usage_supply_by_day, usage_supply_by_month',
    );
    client.release();
  });
  after(async () => {
    await store.close();
    await database.drop();
  });

  const planOf = async (
    grain: UsageGrain,
    from: string,
    to: string,
    filter: UsageFilter = {},
    by: readonly UsageDimension[] = ['organisation', 'model'],
  ) => {
    const { measures, rank } = reports.margin;
    const values: unknown[] = [];
    const period = { fromMs: Date.parse(from), toMs: Date.parse(to) };
    const sql = reportSql({ by, grain, period, filter, measures, rank }, values);
    const { rows } = await store.pool.query(`explain (analyze, format json, timing off) ${sql}`, values);
    const scans: { table: string; node: string; read: number }[] = [];
    const visit = (node: PlanNode) => {
      const table = node['Relation Name'];
      if (table !== undefined) {
        const removed = (node['Rows Removed by Filter'] ?? 0) + (node['Rows Removed by Index Recheck'] ?? 0);
        const loops = node['Actual Loops'];
        scans.push({ table, node: node['Node Type'], read: (node['Actual Rows'] + removed) * loops });
      }
      for (const child of node.Plans ?? []) visit(child);
    };
    visit(rows[0]['QUERY PLAN'][0].Plan);
    return scans;
  };
  const tablesOf = (scans: readonly { table: string }[]) => [...new Set(scans.map(({ table }) => table))].sort();
  const read = (scans: readonly { table: string; read: number }[], table: string) =>
    scans.filter(scan => scan.table.startsWith(table)).reduce((sum, scan) => sum + scan.read, 0);

  test('of a month reads one row a series, and by day the days of that month and no hour', async () => {
    const month = await planOf('total', '2026-11-01Z', '2026-12-01Z');
    assert.deepEqual(tablesOf(month), ['usage_by_month', 'usage_delta', 'usage_series']);
    assert.equal(read(month, 'usage_by_month'), seriesCount);

    const scans = await planOf('day', '2026-11-01Z', '2026-12-01Z');
    assert.deepEqual(tablesOf(scans), ['usage_by_day_202611', 'usage_delta', 'usage_series']);
    assert.equal(read(scans, 'usage_by_day'), 30 * seriesCount);
  });

  test('by who used it or by what was used reads the rows of that side alone', async () => {
    const byCustomer = await planOf('day', '2026-11-01Z', '2026-12-01Z', {}, ['organisation', 'key']);
    assert.deepEqual(tablesOf(byCustomer), ['usage_customer', 'usage_customer_by_day', 'usage_delta', 'usage_series']);
    assert.equal(read(byCustomer, 'usage_customer_by_day'), 30 * seriesCount);

    const bySupply = await planOf('hour', '2026-11-01Z', '2026-12-01Z', {}, ['model']);
    assert.deepEqual(tablesOf(bySupply), ['usage_delta', 'usage_series', 'usage_supply', 'usage_supply_by_hour']);
    // Models and providers of 300 series make 36 pairs, in 336 hours.
    assert.equal(read(bySupply, 'usage_supply_by_hour'), 36 * 14 * 24);

    const ofOneModel = await planOf('hour', '2026-11-01Z', '2026-12-01Z', { model: 'm1' }, []);
    assert.deepEqual(tablesOf(ofOneModel), ['usage_delta', 'usage_series', 'usage_supply', 'usage_supply_by_hour']);
  });

  test('of one organisation over months finds its series and not the others', async () => {
    const scans = await planOf('day', '2026-09-01Z', '2026-12-01Z', { organisation: 'org_7' });

    const days = scans.filter(({ table }) => table.startsWith('usage_by_day'));
    assert.equal(days.length, 3);
    assert.ok(
      days.every(({ node }) => node !== 'Seq Scan'),
      JSON.stringify(days),
    );
    assert.equal(read(scans, 'usage_by_day'), 91 * 5);
    const months = await planOf('month', '2026-09-01Z', '2026-12-01Z', { organisation: 'org_7' });
    assert.equal(read(months, 'usage_by_month'), 3 * 5);
  });

  test('of two hours reads few blocks of hours', async () => {
    const scans = await planOf('hour', '2026-11-08T10:00Z', '2026-11-08T12:00Z');

    assert.equal(read(scans, 'usage_by_day'), 0);
    const hours = scans.filter(({ table }) => table === 'usage_by_hour_202611');
    assert.ok(
      hours.every(({ node }) => node !== 'Seq Scan'),
      JSON.stringify(hours),
    );
    // Whole ranges of 16 blocks at both ends: a tenth of the table at this size, a thousandth at a month's.
    assert.ok(read(scans, 'usage_by_hour') < 14 * 24 * seriesCount * 0.1, JSON.stringify(hours));
  });

  test('with ragged ends reads whole days by day and only the ends by hour', async () => {
    const scans = await planOf('total', '2026-11-02T22:00Z', '2026-11-13T03:00Z');

    assert.equal(read(scans, 'usage_by_day'), 30 * seriesCount);
    assert.ok(read(scans, 'usage_by_hour') < 14 * 24 * seriesCount * 0.2, JSON.stringify(scans));
  });
});

interface PlanNode {
  readonly 'Node Type': string;
  readonly 'Relation Name'?: string;
  readonly 'Actual Rows': number;
  readonly 'Actual Loops': number;
  readonly 'Rows Removed by Filter'?: number;
  readonly 'Rows Removed by Index Recheck'?: number;
  readonly Plans?: readonly PlanNode[];
}
