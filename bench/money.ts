/** How do booking, adding up, reporting, rating again and checking grow from 10⁵ to 10⁷ events of 200 organisations in one
 *  month?
 *
 *    node bench/money.ts [--events 100000] [--shipped 1000000] [--rounds 15] [--rerated 1000000] [--checked 1000000]
 *                        [--directory /tmp]
 *
 *  The first `--shipped` events are booked with their full row set by the real shipping; above that number their rows are copied in
 *  SQL under other ids, hours later, until there are `--events`. `--rerated` exchanges are rated again, from the
 *  first day on; a check looks at whole days until it has seen `--checked` events. Progress goes to standard error; the
 *  last lines are rows for bench/results.md.
 *  Targets: a month's report over 10⁷ events within 200 ms; a re-rate of 10⁶ events within 60 s.
 *  Uses DATABASE_URL (an empty database), else a Postgres of its own with its default settings. Ten million events take
 *  about 30 GB below `--directory`. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { WalletPayer } from '../src/billing/pay-exchanges.ts';
import { splitWithWallets } from '../src/billing/split-corrections.ts';
import { trialBalance } from '../src/ledger/balances.ts';
import { checkUnits } from '../src/ledger/check.ts';
import { HandedNumbers, rerateStep } from '../src/ledger/rerate.ts';
import { LedgerShipping } from '../src/ledger/shipping.ts';
import type { StandingCursor } from '../src/ledger/standing.ts';
import { measureColumns } from '../src/ledger/usage-columns.ts';
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
import { Spending } from './spending.ts';

const { values } = parseArgs({
  options: {
    events: { type: 'string', default: '100000' },
    shipped: { type: 'string', default: '1000000' },
    rounds: { type: 'string', default: '15' },
    rerated: { type: 'string', default: '1000000' },
    checked: { type: 'string', default: '1000000' },
    directory: { type: 'string', default: tmpdir() },
  },
});
const events = whole('events', 10_000);
const shippedMost = whole('shipped', 10_000);
const rounds = whole('rounds', 1);
const rerated = whole('rerated', 1);
const checked = whole('checked', 1);
/** Each shipped event stands for so many. */
const copies = Math.ceil(events / shippedMost);
const shipped = Math.floor(events / copies);

const dayMs = 86_400_000;
const fromMs = Date.UTC(2026, 9, 1);
const toMs = Date.UTC(2026, 10, 1);
const plan: TrafficPlan = { seed: 1, events: shipped, organisations: 200, fromMs, toMs, priceChanges: 2 };
const batchSize = 4_000;

const directory = mkdtempSync(join(values.directory, 'carrier-bench-'));
const postgres =
  process.env['DATABASE_URL'] === undefined
    ? await startEmbeddedPostgres({ directory: join(directory, 'postgres'), log: () => {} })
    : undefined;
const url = process.env['DATABASE_URL'] ?? postgres!.url;
const facts: [what: string, said: string][] = [];
let progressAtMs = 0;

try {
  await migrate(url);
  const store = connect(url, { statementTimeoutMs: 0 });
  await maintain(store, { exchangesDays: 400, decisionsDays: 400 }, fromMs);
  await tellMachine(store);
  await shipEvents(store);
  if (copies > 1) await copyEvents(store);
  await foldEvents(store);
  await store.pool.query('vacuum analyze');
  await tellSizes(store);
  await measureReports(store);
  await rerateEvents(store);
  await checkEvents(store);
  tell('memory', `${Math.round(process.resourceUsage().maxRSS / 1_024)} MB at most in this process`);
  await store.close();
  console.log(`\n| ${copies * shipped} events | measured |\n|---|---|`);
  for (const [what, said] of facts) console.log(`| ${what} | ${said} |`);
} finally {
  await postgres?.stop();
  rmSync(directory, { recursive: true, force: true });
}

function whole(name: 'events' | 'shipped' | 'rounds' | 'rerated' | 'checked', least: number): number {
  const value = Number(values[name]);
  if (!Number.isInteger(value) || value < least) throw new Error(`--${name} is a whole number of at least ${least}`);
  return value;
}

async function tellMachine(store: Store): Promise<void> {
  const commit = execFileSync('git', ['rev-parse', '--short', 'HEAD'], {
    encoding: 'utf8',
    cwd: import.meta.dirname,
  }).trim();
  tell(
    'machine',
    `${cpus().length} × ${cpus()[0]?.model ?? 'unknown'}, node ${process.version}, commit ${commit}, load ${loadNow()}`,
  );
  const { rows } = await store.pool.query(
    `select string_agg(name || ' ' || setting || coalesce(unit, ''), ', ' order by name) as said from pg_settings
      where name in ('shared_buffers', 'work_mem', 'max_wal_size', 'fsync', 'synchronous_commit', 'max_parallel_workers_per_gather', 'server_version')`,
  );
  tell('postgres', rows[0].said);
  tell(
    'events',
    `${copies * shipped} of ${plan.organisations} organisations in a month, ${shipped} of them shipped, each there ${copies} times`,
  );
}

/** The rate and the memory of each tenth: flat when nothing grows with what is there already. */
async function shipEvents(store: Store): Promise<void> {
  const shipping = new LedgerShipping(store, 'bench', new WalletPayer());
  const tenth = Math.ceil(shipped / 10);
  const part = new Spending(postgres?.processId);
  let shippingMs = 0;
  let tenthMs = 0;
  const rates: string[] = [];
  for (let at = 0; at < shipped; at += batchSize) {
    const end = Math.min(shipped, at + batchSize);
    const exchanges = Array.from({ length: end - at }, (_, index) => trafficExchange(trafficEvent(plan, at + index)));
    const startedAt = performance.now();
    part.begin();
    await shipping.ship({ exchanges, positions: [], alerts: [] });
    part.pause();
    const spentMs = performance.now() - startedAt;
    shippingMs += spentMs;
    tenthMs += spentMs;
    if (Math.floor(end / tenth) > Math.floor(at / tenth) || end === shipped) {
      rates.push(`${Math.round((tenth / tenthMs) * 1_000)}/s ${Math.round(process.memoryUsage().rss / 2 ** 20)} MB`);
      tenthMs = 0;
      progress(`${end} of ${shipped} shipped`);
    }
  }
  tell(
    'shipping, full row set',
    `${Math.round((shipped / shippingMs) * 1_000)} events/s, ${part.each(shipped)}; by tenths: ${rates.join(', ')}`,
  );
}

/** Rows of the shipped events again, under their id and a number, each copy an hour later than the one before; what would
 *  leave the month comes back at its beginning. By day, so that indexes are filled near their ends. */
async function copyEvents(store: Store): Promise<void> {
  const startedAt = performance.now();
  const tables = [
    ['exchange_key', 'id'],
    ['exchange', 'id'],
    ['attempt', 'exchange_id'],
    ['charge', 'exchange_id'],
    ['transfer', 'exchange_id'],
  ] as const;
  const moved = (column: string) =>
    `${column} + copy * interval '1 hour' - case when ${column} + copy * interval '1 hour' >= '${new Date(toMs).toISOString()}'
       then interval '${(toMs - fromMs) / 3_600_000} hours' else interval '0' end`;
  const { rows: ids } = await store.pool.query('select length(id) as length from exchange_key limit 1');
  for (let atMs = fromMs; atMs < toMs; atMs += dayMs) {
    for (const [table, id] of tables) {
      const { rows } = await store.pool.query(
        `select string_agg(quote_ident(attname), ', ' order by attnum) as columns from pg_attribute
          where attrelid = $1::regclass and attnum > 0 and not attisdropped and attname <> all ($2)`,
        [table, [id, 'at']],
      );
      const { columns } = rows[0];
      await store.pool.query(
        `insert into ${table} (at, ${id}, ${columns})
         select ${moved('at')}, ${id} || '-' || copy, ${columns} from ${table}, generate_series(1, $3::int - 1) as copy
          where at >= $1 and at < $2 and length(${id}) = $4 order by 1, 2`,
        [new Date(atMs), new Date(atMs + dayMs), copies, ids[0].length],
      );
    }
    progress(`events copied to ${new Date(atMs).toISOString().slice(0, 10)}, ${seconds(startedAt)} s`);
  }
  const measures = measureColumns.join(', ');
  await store.pool.query(
    `insert into usage_delta (hour, series, ${measures})
     select ${moved('hour')}, series, ${measures} from usage_delta, generate_series(1, $1::int - 1) as copy`,
    [copies],
  );
  tell('copied', `${shipped * (copies - 1)} events in ${seconds(startedAt)} s (no part of the product)`);
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
    progress(`${rows} rows added up`);
  }
  await client.end();
  const { rows: counted } = await store.pool.query(
    'select (select count(*) from usage_series) as series, (select count(*) from usage_by_hour) as hours, (select count(*) from usage_by_day) as days',
  );
  const { series, hours, days } = counted[0];
  tell(
    'adding up',
    `${rows} rows in ${seconds(startedAt)} s, ${Math.round((rows / (performance.now() - startedAt)) * 1_000)}/s, to ${hours} by hour and ${days} by day, ${series} series`,
  );
}

async function tellSizes(store: Store): Promise<void> {
  const { rows } = await store.pool.query(
    `select pg_database_size(current_database()) as whole,
            sum(pg_total_relation_size(oid)) filter (where relname ~ '^usage_.*by_') as rolled
       from pg_class where relkind = 'r' and relnamespace = 'public'::regnamespace`,
  );
  const { whole, rolled } = rows[0];
  const mega = (bytes: bigint) => `${Math.round(Number(bytes) / 2 ** 20)} MB`;
  tell(
    'size',
    `${mega(whole)}, ${Math.round(Number(whole) / (copies * shipped))} bytes an event; roll-ups ${mega(rolled)}, ${(Number(rolled) / (copies * shipped)).toFixed(1)} bytes an event`,
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
      ['by organisation and day', ['organisation'], 'day', {}, undefined],
      ['by hour', [], 'hour', {}, undefined],
      ['by model and hour', ['model'], 'hour', {}, undefined],
      ['by provider and hour', ['provider'], 'hour', {}, undefined],
      ['one organisation by hour', [], 'hour', { organisation: 'org_7' }, undefined],
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

/** All exchanges by new prices, and then once more, which finds nothing to do. */
async function rerateEvents(store: Store): Promise<void> {
  const part = Math.min(1, rerated / (copies * shipped));
  const to = new Date(fromMs + Math.ceil((toMs - fromMs) * part));
  const card = {
    version: 'bench-rerate',
    currency: 'USD',
    rates: { input: '1100000000000', output: '4400000000000' },
    tiers: [],
  };
  const timeline = constantTimeline(parseRateCard(card));
  for (const what of ['re-rate', 're-rate that changes nothing']) {
    const numbers = new HandedNumbers();
    const spending = new Spending(postgres?.processId);
    const startedAt = performance.now();
    let after: StandingCursor | undefined;
    let corrected = 0;
    let examined = 0;
    spending.begin();
    do {
      const order = {
        filter: { from: new Date(fromMs), to },
        prices: () => timeline,
        run: 'bench',
        reason: 'bench',
        dryRun: false,
        split: splitWithWallets,
        after,
      };
      const step = await rerateStep(store, order, { numbers });
      corrected += step.corrected;
      examined += step.examined;
      after = step.next;
      progress(`${examined} rated again`);
    } while (after !== undefined);
    spending.pause();
    const spent = (performance.now() - startedAt) / 1_000;
    tell(
      what,
      `${examined} exchanges in ${spent.toFixed(1)} s, ${Math.round(examined / spent)}/s, ${corrected} corrected, ${spending.each(examined)}, load ${loadNow()}`,
    );
  }
}

async function checkEvents(store: Store): Promise<void> {
  const balanceAt = performance.now();
  const balances = await trialBalance(store);
  const isZero = balances.every(({ debit, credit }) => debit === credit);
  tell('trial balance', `${(performance.now() - balanceAt).toFixed(0)} ms, ${isZero ? 'zero' : 'NOT ZERO'}`);
  const daysAll = (toMs - fromMs) / dayMs;
  const count = Math.max(1, Math.min(daysAll, Math.round((checked / (copies * shipped)) * daysAll)));
  const days = Array.from({ length: count }, (_, day) => new Date(fromMs + day * dayMs).toISOString().slice(0, 10));
  const startedAt = performance.now();
  const { violations } = await checkUnits(store, { days, since: undefined });
  const looked = Math.round((copies * shipped * count) / daysAll);
  const spent = (performance.now() - startedAt) / 1_000;
  tell(
    'ledger check',
    `${count} of ${daysAll} days, about ${looked} events, in ${spent.toFixed(1)} s, ${Math.round(looked / spent)}/s, ${violations.length} violations`,
  );
}

function loadNow(): string {
  return process.platform === 'linux' ? readFileSync('/proc/loadavg', 'utf8').split(' ')[0]! : 'unknown';
}

/** At most once a second. */
function progress(said: string): void {
  if (performance.now() - progressAtMs < 1_000) return;
  progressAtMs = performance.now();
  process.stderr.write(`… ${said}\n`);
}

function tell(what: string, said: string): void {
  facts.push([what, said]);
  console.log(`${what.padEnd(40)} ${said}`);
}

function seconds(startedAt: number): string {
  return ((performance.now() - startedAt) / 1_000).toFixed(1);
}
