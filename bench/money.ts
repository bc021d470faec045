/** How do booking, adding up and reporting grow from 10⁵ to 10⁷ events of 200 organisations in one month?
 *
 *    node bench/money.ts [--events 100000] [--load ship|sql] [--rounds 30] [--rerate]
 *
 *  `ship` books every event with its full row set through the real shipping target; `sql` makes only what reports read, so
 *  that 10⁷ events fit. Targets: a month's report over 10⁷ events within 200 ms; a re-rate of 10⁶ events within 60 s.
 *  Uses DATABASE_URL (an empty database), else a Postgres of its own with its default settings. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { checkLedger } from '../src/ledger/check.ts';
import { rerateStep } from '../src/ledger/rerate.ts';
import { LedgerShipping } from '../src/ledger/shipping.ts';
import type { StandingCursor } from '../src/ledger/standing.ts';
import { UsageFold } from '../src/ledger/usage-fold.ts';
import type { UsageDimension, UsageFilter, UsageGrain } from '../src/ledger/usage-sums.ts';
import { parseRateCard } from '../src/pricing/rate-card.ts';
import { constantTimeline } from '../src/pricing/timeline.ts';
import { type ReportKind, reportKinds } from '../src/reports/kinds.ts';
import { readPeriod } from '../src/reports/period.ts';
import { readReport } from '../src/reports/report.ts';
import { connect, connectSession, type Store } from '../src/store/connect.ts';
import { startEmbeddedPostgres } from '../src/store/embedded/start.ts';
import { maintain } from '../src/store/maintenance.ts';
import { migrate } from '../src/store/migrate.ts';
import { ensurePartitions } from '../src/store/partitions.ts';
import { type TrafficPlan, trafficEvent, trafficExchange } from '../test/support/traffic.ts';

const { values } = parseArgs({
  options: {
    events: { type: 'string', default: '100000' },
    load: { type: 'string', default: 'ship' },
    rounds: { type: 'string', default: '30' },
    rerate: { type: 'boolean', default: false },
  },
});
const events = Number(values.events);
const rounds = Number(values.rounds);
if (!Number.isInteger(events) || events < 1_000) throw new Error('--events is a whole number of at least 1000');
if (values.load !== 'ship' && values.load !== 'sql') throw new Error('--load is ship or sql');

const fromMs = Date.UTC(2026, 9, 1);
const toMs = Date.UTC(2026, 10, 1);
const plan: TrafficPlan = { seed: 1, events, organisations: 200, fromMs, toMs, priceChanges: 2 };
const batchSize = 4_000;

const directory = mkdtempSync(join(tmpdir(), 'carrier-bench-'));
const postgres =
  process.env['DATABASE_URL'] === undefined
    ? await startEmbeddedPostgres({ directory: join(directory, 'postgres'), log: () => {} })
    : undefined;
const url = process.env['DATABASE_URL'] ?? postgres!.url;

try {
  await migrate(url);
  const store = connect(url, { statementTimeoutMs: 0 });
  await maintain(store, { exchangesDays: 400, decisionsDays: 400 }, fromMs);
  await tellMachine(store);
  if (values.load === 'ship') await shipEvents(store);
  else await makeUsage(store);
  await foldEvents(store);
  await store.pool.query('vacuum analyze');
  await tellSizes(store);
  await measureReports(store);
  if (values.rerate) await rerateEvents(store);
  if (values.load === 'ship') {
    const startedAt = performance.now();
    const violations = await checkLedger(store);
    tell('ledger check', `${violations.length} violations, whole ledger in ${seconds(startedAt)} s`);
  }
  tell('memory', `${Math.round(process.resourceUsage().maxRSS / 1_024)} MB at most in this process`);
  await store.close();
} finally {
  await postgres?.stop();
  rmSync(directory, { recursive: true, force: true });
}

async function tellMachine(store: Store): Promise<void> {
  const commit = execFileSync('git', ['rev-parse', '--short', 'HEAD'], {
    encoding: 'utf8',
    cwd: import.meta.dirname,
  }).trim();
  const load = process.platform === 'linux' ? readFileSync('/proc/loadavg', 'utf8').split(' ')[0] : 'unknown';
  tell(
    'machine',
    `${cpus().length} × ${cpus()[0]?.model ?? 'unknown'}, node ${process.version}, commit ${commit}, load ${load}`,
  );
  const { rows } = await store.pool.query(
    `select string_agg(name || ' ' || setting || coalesce(unit, ''), ', ' order by name) as said from pg_settings
      where name in ('shared_buffers', 'work_mem', 'max_wal_size', 'fsync', 'synchronous_commit', 'max_parallel_workers_per_gather', 'server_version')`,
  );
  tell('postgres', rows[0].said);
  tell(
    'events',
    `${events} of ${plan.organisations} organisations from ${new Date(fromMs).toISOString()} to ${new Date(toMs).toISOString()}, by ${values.load}`,
  );
}

/** The rate and the memory of each tenth: flat when nothing grows with what is there already. */
async function shipEvents(store: Store): Promise<void> {
  const shipping = new LedgerShipping(store, 'bench');
  const tenth = Math.ceil(events / 10);
  let shippingMs = 0;
  let tenthMs = 0;
  const rates: string[] = [];
  for (let at = 0; at < events; at += batchSize) {
    const end = Math.min(events, at + batchSize);
    const exchanges = Array.from({ length: end - at }, (_, index) => trafficExchange(trafficEvent(plan, at + index)));
    const startedAt = performance.now();
    await shipping.ship({ exchanges, positions: [], alerts: [] });
    const spentMs = performance.now() - startedAt;
    shippingMs += spentMs;
    tenthMs += spentMs;
    if (Math.floor(end / tenth) > Math.floor(at / tenth) || end === events) {
      rates.push(`${Math.round((tenth / tenthMs) * 1_000)}/s ${Math.round(process.memoryUsage().rss / 2 ** 20)} MB`);
      tenthMs = 0;
      process.stderr.write(`\r… ${end} of ${events}`);
    }
  }
  process.stderr.write('\r\x1b[2K');
  tell('shipped', `${Math.round((events / shippingMs) * 1_000)} events/s over all; by tenths: ${rates.join(', ')}`);
}

/** As shipping leaves it: one row of usage_delta an hour and series. Every organisation has 30 series, and each is used in
 *  as many hours as its share of the events fills. */
async function makeUsage(store: Store): Promise<void> {
  const startedAt = performance.now();
  await store.pool.query(
    `insert into usage_series (organisation, project, key, route, model, provider, deployment, class, meter, sell_currency, buy_currency, sandbox)
     select 'org_' || o, 'org_' || o || '/p' || k % 2, 'k' || o || '_' || k, case when m % 2 = 0 then 'smart' else 'v/m' || (o * 7 + m) % 10 end,
            'v/m' || (o * 7 + m) % 10, 'p' || (o * 7 + m) % 6, 'd' || (o * 7 + m) % 10, 'inference', '', 'USD', 'USD', false
       from generate_series(0, 199) as o, generate_series(0, 5) as k, generate_series(0, 4) as m`,
  );
  const hours = (toMs - fromMs) / 3_600_000;
  const { rows } = await store.pool.query(
    `with made as (
       insert into usage_delta (hour, series, requests, attempts, input_uncached, output, sell_atto, buy_atto, buy_failed_atto)
       select $1::timestamptz + hour * interval '1 hour', series, n, n, n * 1500, n * 300,
              n::numeric * 1234567890123456, n::numeric * 987654321098765, n::numeric * 12345678
         from (select hour, s.id as series,
                      -- The share of each falls with its number; the fraction is carried so that the sum is right.
                      floor(weight * (hour + 1))::bigint - floor(weight * hour)::bigint as n
                 from generate_series(0, $2::int - 1) as hour, usage_series s
                cross join lateral (select $3::float8 / $2::int / 6000 * 3 * power(1 - s.id / 6001.0, 2) as weight) as w) as used
        where n > 0
       returning requests)
     select sum(requests) as events, count(*) as rows from made`,
    [new Date(fromMs), hours, events],
  );
  tell('usage made', `${rows[0].events} events in ${rows[0].rows} rows of hour and series, ${seconds(startedAt)} s`);
}

async function foldEvents(store: Store): Promise<void> {
  const client = connectSession(url, { statementTimeoutMs: 0 });
  await client.connect();
  await ensurePartitions(client, [fromMs], ['usage_by_hour', 'usage_by_day']);
  const startedAt = performance.now();
  let rows = 0;
  const fold = new UsageFold();
  for (let moved = 1; moved > 0; rows += moved) {
    moved = await fold.step(client, 50_000);
    process.stderr.write(`\r… ${rows} rows added up`);
  }
  await client.end();
  const { rows: counted } = await store.pool.query(
    'select (select count(*) from usage_series) as series, (select count(*) from usage_by_hour) as hours, (select count(*) from usage_by_day) as days',
  );
  const { series, hours, days } = counted[0];
  tell('added up', `${rows} rows in ${seconds(startedAt)} s, to ${hours} by hour and ${days} by day, ${series} series`);
}

async function tellSizes(store: Store): Promise<void> {
  const { rows } = await store.pool.query(
    `select pg_database_size(current_database()) as whole,
            sum(pg_total_relation_size(oid)) filter (where relname like 'usage\\_by%') as rolled
       from pg_class where relkind = 'r' and relnamespace = 'public'::regnamespace`,
  );
  const { whole, rolled } = rows[0];
  const mega = (bytes: bigint) => `${Math.round(Number(bytes) / 2 ** 20)} MB`;
  tell(
    'size',
    `${mega(whole)}, ${Math.round(Number(whole) / events)} bytes an event; roll-ups ${mega(rolled)}, ${(Number(rolled) / events).toFixed(1)} bytes an event`,
  );
}

async function measureReports(store: Store): Promise<void> {
  const shapes: readonly (readonly [string, readonly UsageDimension[], UsageGrain, UsageFilter, number | undefined])[] =
    [
      ['total', [], 'total', {}, undefined],
      ['by provider', ['provider'], 'total', {}, undefined],
      ['by organisation', ['organisation'], 'total', {}, undefined],
      ['by organisation, model', ['organisation', 'model'], 'total', {}, undefined],
      ['by key, top 10', ['key'], 'total', {}, 10],
      ['by day', [], 'day', {}, undefined],
      ['by model and day', ['model'], 'day', {}, undefined],
      ['by hour', [], 'hour', {}, undefined],
      ['one organisation by model and day', ['model'], 'day', { organisation: 'org_7' }, undefined],
    ];
  for (const [name, by, grain, filter, top] of shapes) {
    const cells: string[] = [];
    for (const kind of reportKinds)
      cells.push(`${kind} ${await measureReport(store, { kind, by, grain, filter, top })}`);
    tell(`month ${name}`, cells.join(', '));
  }
}

async function measureReport(
  store: Store,
  parts: {
    readonly kind: ReportKind;
    readonly by: readonly UsageDimension[];
    readonly grain: UsageGrain;
    readonly filter: UsageFilter;
    readonly top: number | undefined;
  },
): Promise<string> {
  const period = readPeriod({ from: new Date(fromMs), to: new Date(toMs), grain: parts.grain, nowMs: toMs });
  const request = { ...parts, period, compare: false };
  const spentMs: number[] = [];
  for (let round = 0; round < rounds + 2; round += 1) {
    const startedAt = performance.now();
    await readReport(store, request, { limit: 500 });
    // The first two fill caches.
    if (round >= 2) spentMs.push(performance.now() - startedAt);
  }
  spentMs.sort((a, b) => a - b);
  const at = (part: number) => spentMs[Math.min(spentMs.length - 1, Math.floor(part * spentMs.length))]!.toFixed(0);
  return `${at(0.5)}/${at(0.99)} ms`;
}

/** All exchanges by new prices, 10 % above the old ones. */
async function rerateEvents(store: Store): Promise<void> {
  const card = {
    version: 'bench-rerate',
    currency: 'USD',
    rates: { input: '1100000000000', output: '4400000000000' },
    tiers: [],
  };
  const timeline = constantTimeline(parseRateCard(card));
  const startedAt = performance.now();
  let after: StandingCursor | undefined;
  let corrected = 0;
  do {
    const step = await rerateStep(store, {
      filter: { from: new Date(fromMs), to: new Date(toMs) },
      prices: () => timeline,
      run: 'bench',
      reason: 'bench',
      dryRun: false,
      after,
    });
    corrected += step.corrected;
    after = step.next;
    process.stderr.write(`\r… ${corrected} corrected`);
  } while (after !== undefined);
  process.stderr.write('\r\x1b[2K');
  const spent = (performance.now() - startedAt) / 1_000;
  tell('re-rated', `${corrected} exchanges in ${spent.toFixed(1)} s, ${Math.round(corrected / spent)}/s`);
}

function tell(what: string, said: string): void {
  console.log(`${what.padEnd(40)} ${said}`);
}

function seconds(startedAt: number): string {
  return ((performance.now() - startedAt) / 1_000).toFixed(1);
}
