import assert from 'node:assert/strict';
import { WalletPayer } from '../../src/billing/pay-exchanges.ts';
import type { Job } from '../../src/jobs/job.ts';
import { JobRunner } from '../../src/jobs/runner.ts';
import type { CompletedExchange } from '../../src/journal/assemble.ts';
import { trialBalance } from '../../src/ledger/balances.ts';
import { LedgerShipping } from '../../src/ledger/shipping.ts';
import { UsageFold } from '../../src/ledger/usage-fold.ts';
import { formatAtto, parseAtto } from '../../src/pricing/money.ts';
import { allJobs } from '../../src/process/jobs.ts';
import { readPeriod } from '../../src/reports/period.ts';
import { type ReportRow, readReport } from '../../src/reports/report.ts';
import { connect, type Store } from '../../src/store/connect.ts';
import { createTestDatabase } from './database.ts';
import { crashAtStatement } from './ledger.ts';
import { QuarterUsage, type QuarterUsageReport } from './quarter-usage.ts';
import { QuarterWallets, type QuarterWork } from './quarter-wallets.ts';
import { randomOf, type TrafficEvent, type TrafficPlan, trafficEvent, trafficExchange } from './traffic.ts';

export interface QuarterSettings {
  readonly seed: number;
  readonly events: number;
  readonly organisations: number;
  /** Length of the span; a quarter has 92. Every day has partitions of its own. */
  readonly days: number;
  /** Largest shipment; they are of any size up to it. */
  readonly batchMax: number;
  /** Told now and then where it is, for runs that people wait for. */
  readonly onProgress?: (said: string) => void;
}

const dayMs = 86_400_000;
/** One usage event for so many exchanges. */
const usageShare = 50;
const fromMs = Date.UTC(2026, 6, 1);

/** Counts of what was made to go wrong, so that a run in which nothing did is seen. */
export interface QuarterReport extends QuarterUsageReport {
  shipments: number;
  crashes: number;
  duplicates: number;
  conflicts: number;
  late: number;
  jobRuns: number;
  jobCrashes: number;
}

/** A span of time such as a quarter: two replicas ship batches of any size at once, with duplicates, conflicts and late arrivals, under
 *  prices that change, from wallets that are topped up and expire meanwhile; connections break before random statements of
 *  shipping, of orders and of every job. After every commit the books balance; at the end, everything shipped again changes nothing, and reports are what an oracle that knows only the
 *  events adds up. */
export async function simulateQuarter(settings: QuarterSettings): Promise<QuarterReport> {
  const { days, onProgress = () => {} } = settings;
  const plan: TrafficPlan = { ...settings, fromMs, toMs: fromMs + days * dayMs, priceChanges: 5 };
  const random = randomOf(settings.seed, -1);
  const database = await createTestDatabase();
  // Sums over a million of everything take longer than a request may.
  const store = connect(database.url, { statementTimeoutMs: 0 });
  const clock = { nowMs: fromMs };
  const replicas = ['a', 'b'].map(name => new Replica(store, name, clock));
  const report: QuarterReport = {
    shipments: 0,
    crashes: 0,
    duplicates: 0,
    conflicts: 0,
    late: 0,
    jobRuns: 0,
    jobCrashes: 0,
    usageEvents: 0,
    usageLate: 0,
    usageDuplicates: 0,
    usageConflicts: 0,
    usageRerates: 0,
  };
  try {
    const oracle = addUp(plan);
    const charged = new Map([...oracle.organisations].map(([name, { sell }]) => [name, sell]));
    const wallets = new QuarterWallets(store, { fromMs, days }, charged);
    await wallets.begin();
    const arrivals = new Arrivals(plan, days, report);
    const perDay = Math.max(9, Math.floor(settings.events / days / usageShare));
    const usage = new QuarterUsage(store, { fromMs, days, seed: settings.seed, perDay }, report);
    for (let day = 0; day < days; day += 1) {
      clock.nowMs = fromMs + (day + 1) * dayMs;
      let works = [...wallets.worksOf(day), ...usage.worksOf(day)];
      const batches = cutInBatches(withNoise(arrivals.of(day), plan, report, random), settings.batchMax, random);
      for (let at = 0; at < batches.length; at += 2) {
        const pair = batches.slice(at, at + 2);
        report.shipments += pair.length;
        const crash = random() < 0.15 ? Math.floor(random() * 24) : undefined;
        await shipThroughCrash(
          [...pair.map((batch, index) => () => replicas[index]!.ship(batch)), ...works],
          crash,
          report,
        );
        works = [];
        await verifyBalanced(store);
      }
      for (const work of works) await work();
      if (day % 7 !== 6) continue;
      onProgress(`day ${day + 1} of ${days} is shipped`);
      await runJobsThroughCrash({ store, replicas, jobs: upkeep }, random, report);
      // Looking at everything takes as long as all the rest. Before the upkeep of a whole week it would find what is overdue.
      if (random() < 0.2) await runJobsThroughCrash({ store, replicas, jobs: ['ledger-check'] }, random, report);
    }
    clock.nowMs += 4 * dayMs;
    await runJobsThroughCrash({ store, replicas, jobs: upkeep }, random, report);
    await usage.end();
    await runJobsThroughCrash({ store, replicas, jobs: upkeep }, random, report);
    onProgress('everything is shipped and kept up');
    await verifyReports(store, plan, oracle, usage);
    await wallets.verify(charged);
    await usage.verify();
    const before = await contents(store);
    onProgress('reports are right');
    await shipAgain(plan, replicas[1]!, settings.batchMax);
    onProgress('everything was shipped again');
    await wallets.orderAgain();
    await usage.tellAgain();
    assert.deepEqual(await contents(store), before, 'everything again changes nothing');
    await runJobsThroughCrash({ store, replicas, jobs: upkeep }, random, report);
    await runJobsThroughCrash({ store, replicas, jobs: ['ledger-check-full'] }, random, report);
    const { rows: looks } = await store.pool.query('select scope, violations from ledger_check order by id');
    assert.equal(looks.at(-1)?.scope, 'full');
    for (const { violations } of looks) assert.deepEqual(violations, []);
    assert.deepEqual(await contents(store), before, 'nor do the jobs');
    return report;
  } finally {
    await store.close();
    await database.drop();
  }
}

class Replica {
  readonly #shipping: LedgerShipping;
  readonly runner: JobRunner;

  constructor(store: Store, name: string, clock: { readonly nowMs: number }) {
    this.#shipping = new LedgerShipping(store, name, new WalletPayer());
    this.runner = new JobRunner({ store, jobs: jobsOf(store, clock), replica: name, log: () => {} });
  }

  ship(exchanges: readonly CompletedExchange[]): Promise<void> {
    return this.#shipping.ship({ exchanges, positions: [], alerts: [] });
  }
}

/** What is due every few seconds or minutes. */
const upkeep = ['usage-roll-up', 'ledger-upkeep', 'wallet-upkeep', 'maintenance'];

/** Every job of the product; usage is added up in small steps, so that a crash finds it half done. */
function jobsOf(store: Store, clock: { readonly nowMs: number }): Job[] {
  const retention = { exchangesDays: 400, decisionsDays: 400 };
  return allJobs({
    store,
    retention,
    followFacts: () => Promise.resolve(false),
    lowBalances: () => Promise.resolve([]),
    nowMs: () => clock.nowMs,
  }).map(job =>
    job.name !== 'usage-roll-up'
      ? job
      : {
          ...job,
          run: async ({ client }) => {
            let rows = 0;
            const fold = new UsageFold();
            for (let moved = 1; moved > 0; rows += moved) moved = await fold.step(client, 5_000);
            return { rows };
          },
        },
  );
}

/** What arrives on each day: its own exchanges but for those that are late, and the late ones of the days before. */
class Arrivals {
  readonly #plan: TrafficPlan;
  readonly #days: number;
  readonly #late = new Map<number, number[]>();
  readonly #report: QuarterReport;

  constructor(plan: TrafficPlan, days: number, report: QuarterReport) {
    this.#plan = plan;
    this.#days = days;
    this.#report = report;
  }

  of(day: number): number[] {
    const { events, seed } = this.#plan;
    const days = this.#days;
    const numbers = [...(this.#late.get(day) ?? [])];
    this.#late.delete(day);
    const end = Math.floor(((day + 1) * events) / days);
    for (let number = Math.floor((day * events) / days); number < end; number += 1) {
      const random = randomOf(seed + 1, number);
      if (random() >= 0.05 || day === days - 1) {
        numbers.push(number);
        continue;
      }
      const later = Math.min(days - 1, day + 1 + Math.floor(random() * 40));
      this.#late.set(later, [...(this.#late.get(later) ?? []), number]);
      this.#report.late += 1;
    }
    return numbers;
  }
}

/** In any order, some twice, some with other facts under a known id. The first that is shipped counts, so a conflict only
 *  follows its exchange. */
function* withNoise(
  numbers: readonly number[],
  plan: TrafficPlan,
  report: QuarterReport,
  random: () => number,
): Generator<CompletedExchange> {
  const shuffled = [...numbers];
  for (let at = shuffled.length - 1; at > 0; at -= 1) {
    const other = Math.floor(random() * (at + 1));
    [shuffled[at], shuffled[other]] = [shuffled[other]!, shuffled[at]!];
  }
  for (const number of shuffled) {
    const event = trafficEvent(plan, number);
    yield trafficExchange(event);
    const chance = random();
    if (chance < 0.02) {
      report.duplicates += 1;
      yield trafficExchange(event);
    } else if (chance < 0.022) {
      report.conflicts += 1;
      yield trafficExchange(event, 1);
    }
  }
}

function cutInBatches(
  exchanges: Iterable<CompletedExchange>,
  batchMax: number,
  random: () => number,
): CompletedExchange[][] {
  const batches: CompletedExchange[][] = [];
  let size = 0;
  for (const exchange of exchanges) {
    const last = batches.at(-1);
    // An exchange and what repeats it stay in their order: two replicas ship at once, and either may be first.
    if (last !== undefined && (last.length < size || last.at(-1)!.admit.id === exchange.admit.id)) last.push(exchange);
    else {
      batches.push([exchange]);
      size = 1 + Math.floor(random() * batchMax);
    }
  }
  return batches;
}

/** All at once; what a crash stopped is done again, as the journal and people would have it. */
async function shipThroughCrash(
  works: readonly QuarterWork[],
  crash: number | undefined,
  report: QuarterReport,
): Promise<void> {
  let waiting = works;
  const doAll = async () => {
    const results = await Promise.allSettled(waiting.map(work => work()));
    waiting = waiting.filter((_, index) => results[index]!.status === 'rejected');
    const failed = results.find(result => result.status === 'rejected');
    if (failed !== undefined) throw failed.reason;
  };
  if (crash !== undefined && (await crashAtStatement(crash, doAll))) report.crashes += 1;
  else if (crash === undefined) await doAll();
  if (waiting.length > 0) await doAll();
}

/** Until each of the jobs was run to its end; the others are not due. */
async function runJobsThroughCrash(
  { store, replicas, jobs }: { store: Store; replicas: readonly Replica[]; jobs: readonly string[] },
  random: () => number,
  report: QuarterReport,
): Promise<void> {
  const runBoth = () => Promise.all(replicas.map(({ runner }) => runner.runDue())).then(() => {});
  const makeDue = () =>
    store.pool.query(
      `insert into job (name, due_at) select name, case when name = any($1) then now() else 'infinity' end from unnest($2::text[]) as name
       on conflict (name) do update set due_at = excluded.due_at, outcome = null`,
      [jobs, jobsOf(store, { nowMs: 0 }).map(({ name }) => name)],
    );
  await makeDue();
  if (random() < 0.6) {
    if (await crashAtStatement(Math.floor(random() * 60), () => runBoth().catch(() => {}))) report.jobCrashes += 1;
    await verifyBalanced(store);
  }
  for (let tries = 0; tries < 40; tries += 1) {
    await runBoth();
    report.jobRuns += 1;
    // A failed run is due again a little later: it is now.
    const { rows } = await store.pool.query(
      `update job set due_at = now() where name = any($1) and outcome is distinct from 'done' returning name`,
      [jobs],
    );
    if (rows.length === 0) return;
  }
  assert.fail('the jobs do not end well');
}

/** Σ debits = Σ credits, from the balances that readers are told. */
async function verifyBalanced(store: Store): Promise<void> {
  for (const { debit, credit } of await trialBalance(store)) assert.equal(debit, credit);
}

async function shipAgain(plan: TrafficPlan, replica: Replica, batchMax: number): Promise<void> {
  for (let at = 0; at < plan.events; at += batchMax) {
    const end = Math.min(plan.events, at + batchMax);
    const batch = Array.from({ length: end - at }, (_, index) => trafficExchange(trafficEvent(plan, at + index)));
    await replica.ship(batch.reverse());
  }
}

/** Counts and sums of every table that shipping writes; a change of any row changes one of them. */
async function contents(store: Store): Promise<unknown> {
  const { rows } = await store.pool.query(`
    select (select count(*) from exchange_key) as keys, (select count(*) from exchange) as exchanges,
           (select sum(sell_atto) from exchange) as sold, (select count(*) from attempt) as attempts,
           (select sum(buy_atto) from attempt) as bought, (select count(*) from charge) as charges,
           (select count(*) from transfer) as transfers, (select sum(amount_atto) from transfer) as booked,
           (select sum(requests) from usage_hourly) as requests, (select sum(sell_atto) from usage_hourly) as usage_sold,
           (select sum(buy_atto) from usage_hourly) as usage_bought, (select sum(output) from usage_hourly) as output,
           (select count(*) from wallet_grant) as grants, (select sum(remaining_atto) from wallet_balance) as left_of_them,
           (select sum(amount_atto) from wallet_hour) as told_of_them, (select count(*) from pending_outcome) as outcomes,
           (select count(*) from usage_event) as told, (select count(*) from usage_event_rating) as ratings,
           (select sum(sell_atto) from usage_event_rating) as rated, (select sum(amount_atto) from usage_month) as months,
           (select count(*) from usage_event_conflict) as other_facts, (select count(*) from transfer_conflict) as conflicts, (select sum(debit_atto) from balance_day) as folded,
           (select count(*) from alert where code <> 'job_failed') as alerts`);
  return rows;
}

/** What reports must say, from the events alone. */
async function verifyReports(
  store: Store,
  plan: TrafficPlan,
  oracle: ReturnType<typeof addUp>,
  usage: QuarterUsage,
): Promise<void> {
  const { toMs } = plan;
  const period = readPeriod({ from: new Date(fromMs), to: new Date(toMs), grain: 'total', nowMs: toMs });
  const read = async (
    kind: 'spend' | 'margin' | 'usage',
    by: 'organisation' | 'provider' | 'model',
    ofClass = 'inference',
  ) => {
    const request = { kind, by: [by], grain: 'total', period, filter: { class: ofClass }, compare: false } as const;
    const { rows, next } = await readReport(store, request, { limit: 5_000 });
    assert.equal(next, undefined);
    return new Map<string, ReportRow>(rows.map(row => [String(row[by]), row]));
  };
  const byOrganisation = await read('margin', 'organisation');
  for (const [organisation, sums] of oracle.organisations)
    verifyRow(byOrganisation.get(organisation), sums, organisation);
  const spend = await read('spend', 'organisation');
  for (const [organisation, sums] of oracle.organisations) {
    const row = spend.get(organisation);
    assert.equal(row?.['sell'], formatAtto(sums.sell), organisation);
    assert.equal(row?.['overHold'], formatAtto(sums.overHold), organisation);
    assert.equal(row?.['estimatedSell'], formatAtto(sums.estimated), organisation);
    assert.equal(row?.['held'], formatAtto(sums.held), organisation);
  }
  const ofUsage = new Map<string, bigint>();
  for (const ofClass of ['storage', 'accelerator', 'seats']) {
    for (const [organisation, row] of await read('margin', 'organisation', ofClass)) {
      ofUsage.set(organisation, (ofUsage.get(organisation) ?? 0n) + parseAtto(String(row['revenue'])));
    }
  }
  for (const [organisation, { sell }] of usage.addUp()) assert.equal(ofUsage.get(organisation), sell, organisation);
  const byProvider = await read('margin', 'provider');
  for (const [provider, cost] of oracle.providerCosts) {
    const row = byProvider.get(provider);
    assert.equal(row?.['cogs'], formatAtto(cost.delivered), provider);
    assert.equal(row?.['failedAttempts'], formatAtto(cost.failed), provider);
  }
  const byModel = await read('usage', 'model');
  for (const [model, output] of oracle.outputTokens) assert.equal(byModel.get(model)?.['output'], output, model);
  const request = {
    kind: 'spend',
    by: [],
    grain: 'day',
    period,
    filter: { class: 'inference' },
    compare: false,
  } as const;
  const perDay = await readReport(store, request, { limit: 5_000 });
  assert.equal(perDay.rows.length, oracle.days.size);
  for (const row of perDay.rows) {
    assert.equal(row['sell'], formatAtto(oracle.days.get(String(row['period'])) ?? 0n), String(row['period']));
  }
}

function verifyRow(row: ReportRow | undefined, sums: OrganisationSums, name: string): void {
  assert.equal(row?.['revenue'], formatAtto(sums.sell), name);
  assert.equal(row?.['requests'], sums.requests, name);
  assert.equal(row?.['margin'], formatAtto(sums.sell - sums.buy), name);
}

interface OrganisationSums {
  requests: number;
  sell: bigint;
  overHold: bigint;
  estimated: bigint;
  held: bigint;
  buy: bigint;
}

/** Plain sums over the events; nothing of the product. */
function addUp(plan: TrafficPlan) {
  const organisations = new Map<string, OrganisationSums>();
  const providerCosts = new Map<string, { delivered: bigint; failed: bigint }>();
  const outputTokens = new Map<string, number>();
  const sumsOfDays = new Map<string, bigint>();
  for (let number = 0; number < plan.events; number += 1) {
    const event = trafficEvent(plan, number);
    const isRated = event.state === 'settled' || event.state === 'estimated';
    const rated = isRated
      ? BigInt(event.inputTokens) * event.sellInput + BigInt(event.outputTokens) * event.sellOutput
      : 0n;
    const charged = isRated ? rated - event.overHoldAtto : 0n;
    const cost = isRated
      ? BigInt(event.inputTokens) * event.buyInput + BigInt(event.outputTokens) * event.buyOutput
      : 0n;
    const failed = BigInt(event.failedInputTokens) * event.buyInput;
    const sums = entry(organisations, event.organisation, () => ({
      requests: 0,
      sell: 0n,
      overHold: 0n,
      estimated: 0n,
      held: 0n,
      buy: 0n,
    }));
    sums.requests += 1;
    sums.sell += charged;
    sums.overHold += isRated ? event.overHoldAtto : 0n;
    sums.estimated += event.state === 'estimated' ? charged : 0n;
    sums.held += event.state === 'quarantined' ? BigInt(event.holdAtto) : 0n;
    sums.buy += cost + failed;
    if (failed > 0n) entry(providerCosts, 'azure', () => ({ delivered: 0n, failed: 0n })).failed += failed;
    if (isRated) entry(providerCosts, event.provider, () => ({ delivered: 0n, failed: 0n })).delivered += cost;
    if (hasAnswer(event)) outputTokens.set(event.model, (outputTokens.get(event.model) ?? 0) + event.outputTokens);
    const day = new Date(event.atMs).toISOString().slice(0, 10);
    sumsOfDays.set(day, (sumsOfDays.get(day) ?? 0n) + charged);
  }
  return { organisations, providerCosts, outputTokens, days: sumsOfDays };
}

/** What was read of a quarantined answer is usage, too. */
function hasAnswer({ state }: TrafficEvent): boolean {
  return state !== 'void';
}

function entry<Key, Value>(map: Map<Key, Value>, key: Key, make: () => Value): Value {
  let value = map.get(key);
  if (value === undefined) map.set(key, (value = make()));
  return value;
}
