import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Emulator, startEmulator } from '../../src/emulator/emulator.ts';
import { checkLedger } from '../../src/ledger/check.ts';
import { connect, type Store } from '../../src/store/connect.ts';
import { askChat } from '../scenarios/support/ask-chat.ts';
import { seeded } from '../scenarios/support/seeded.ts';
import { type CapReport, spendToTheEnd } from '../scenarios/support/spend-cap.ts';
import { type Carrier, startCarrier } from '../scenarios/support/start-carrier.ts';
import { until } from '../scenarios/support/until.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';

/** Every answer is ten output tokens at 10.00 per million: 0.0001, a unit. Input costs nothing, so that a hold is exactly
 *  max_tokens. */
const unitAtto = 100_000_000_000_000n;
const seeds = Array.from({ length: 50 }, (_, index) => index + 1);
const idleKey = 'idle-secret-idle-secret-idle-secret-0';
const secretOf = (name: string) => `${name}-secret-of-a-schedule-that-is-long-enough`;

const budgets: Readonly<Record<string, number>> = {
  tight: 2_000,
  wide: 2_000,
  ...Object.fromEntries(seeds.map(seed => [`seed${seed}`, 250])),
};

let emulator: Emulator;
let database: TestDatabase;
let store: Store;
const carriers: Carrier[] = [];

before(async () => {
  emulator = await startEmulator({ record: false, rules: ['report-input=0;report-output=10;tokens=10;pace=1ms'] });
  database = await createTestDatabase();
  store = connect(database.url);
  const projects = Object.entries(budgets).map(
    ([name, units]) =>
      `      ${name}: { keys: { key: { secret: env:KEY_${name} } }, budget: { limit: "${(units / 10_000).toFixed(4)}", period: month, hard: true } }`,
  );
  const yaml = `
providers:
  openai: { dialect: openai-chat, baseUrl: "${emulator.url}/v1", credential: env:OPENAI_API_KEY }
deployments:
  gpt-5: { provider: openai, model: openai/gpt-5 }
prices:
  sell: { currency: USD, rates: { openai/gpt-5: { input: "0", output: "10.00" } } }
  buy: { currency: USD, rates: { openai/gpt-5: { input: "0", output: "10.00" } } }
organisations:
  acme:
    projects:
      idle: { keys: { key: { secret: env:IDLE_KEY } }, budget: { limit: "1.00", period: month, hard: true } }
${projects.join('\n')}
`;
  const env = {
    OPENAI_API_KEY: 'provider-secret',
    IDLE_KEY: idleKey,
    ...Object.fromEntries(Object.keys(budgets).map(name => [`KEY_${name}`, secretOf(name)])),
    DATABASE_URL: database.url,
    CARRIER_MASTER_KEY: randomBytes(32).toString('base64url'),
  };
  carriers.push(await startCarrier({ workers: 2, yaml, env, database: { url: database.url } }));
  for (let more = 0; more < 2; more += 1) {
    carriers.push(await startCarrier({ workers: 2, env, database: { url: database.url } }));
  }
});
after(async () => {
  await store?.close();
  for (const carrier of carriers) await carrier.remove();
  await emulator?.stop();
  await database?.drop();
});

/** In units, once nothing of it is under way any more. */
async function chargedTo(project: string): Promise<number> {
  return until(`what ${project} was charged stands still`, async () => {
    const sum = async () => {
      const { rows } = await store.pool.query(
        'select coalesce(sum(sell_atto), 0) as atto from exchange where project = $1',
        [`acme/${project}`],
      );
      return rows[0].atto as bigint;
    };
    const first = await sum();
    await sleep(700);
    return (await sum()) === first ? Number(first) / Number(unitAtto) : undefined;
  });
}

/** Somebody else, who asks now and then; what he was told. */
function askAlong(): { stop(): Promise<ReadonlyMap<string, number>> } {
  const outcomes = new Map<string, number>();
  let stopped = false;
  const asking = (async () => {
    for (let turn = 0; !stopped; turn += 1) {
      const { outcome } = await askChat({ url: carriers[turn % 3]!.url, key: idleKey, model: 'gpt-5' });
      outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
      await sleep(50);
    }
  })();
  return {
    stop: async () => {
      stopped = true;
      await asking;
      return outcomes;
    },
  };
}

/** What a budget of its own has nothing to do with: neither that it was spent, nor that nobody could say. */
function refusalsOf(outcomes: ReadonlyMap<string, number>): readonly string[] {
  return [...outcomes.keys()].filter(outcome => outcome.startsWith('budget_'));
}

const killWorker = (carrier: Carrier) => async () => {
  const [victim] = carrier.workerProcessIds();
  if (victim !== undefined) process.kill(victim, 'SIGKILL');
};
const killSupervisor = (carrier: Carrier) => async () => {
  await carrier.kill();
  await carrier.start();
};

async function spend(
  project: string,
  of: { readonly callers: number; readonly maxTokens: number; readonly seed: number; readonly withinMs: number },
): Promise<CapReport> {
  const random = seeded(of.seed).next;
  const victim = carriers[Math.floor(random() * 3)]!;
  const run = random() < 0.3 ? killSupervisor(victim) : killWorker(victim);
  const afterServed = Math.floor(random() * budgets[project]! * 0.8);
  return spendToTheEnd({
    ...of,
    urls: carriers.map(({ url }) => url),
    key: secretOf(project),
    random,
    disturbance: { afterServed, run },
  });
}

for (const { project, maxTokens, usable } of [
  { project: 'tight', maxTokens: 10, usable: 0.98 },
  { project: 'wide', maxTokens: 200, usable: 0.9 },
]) {
  test(`a thousand callers with holds of ${maxTokens / 10} × the cost spend a cap nearly whole and never pass it`, async t => {
    const startedMs = performance.now();
    const neighbour = askAlong();

    const report = await spend(project, { callers: 1_000, maxTokens, seed: maxTokens, withinMs: 120_000 });
    const neighbours = await neighbour.stop();

    const units = await chargedTo(project);
    const told = `${units} of ${budgets[project]} units; ${JSON.stringify([...report.outcomes])}; neighbour ${JSON.stringify([...neighbours])}; ${report.lastRefusal}`;
    t.diagnostic(`${told}; ${Math.round(performance.now() - startedMs)} ms`);
    assert.ok(units <= budgets[project]!, told);
    assert.ok(units >= usable * budgets[project]!, told);
    assert.equal(report.unfinished, 0, told);
    assert.deepEqual(refusalsOf(neighbours), [], told);
    assert.deepEqual(await checkLedger(store), []);
  });
}

test('fifty random schedules hold their caps', async t => {
  const startedMs = performance.now();
  const neighbour = askAlong();
  for (const seed of seeds) {
    const random = seeded(1_000 + seed).next;
    const project = `seed${seed}`;
    const maxTokens = 10 + Math.floor(random() * 190);

    const report = await spend(project, {
      callers: 20 + Math.floor(random() * 180),
      maxTokens,
      seed,
      withinMs: 60_000,
    });

    const units = await chargedTo(project);
    const told = `seed ${seed}, holds of ${maxTokens} tokens: ${units} of 250; ${JSON.stringify([...report.outcomes])}; ${report.lastRefusal}`;
    assert.ok(units <= 250, told);
    // Less than one hold is left.
    assert.ok(units > 250 - maxTokens / 10, told);
    assert.equal(report.unfinished, 0, told);
  }
  const neighbours = await neighbour.stop();
  t.diagnostic(`neighbour ${JSON.stringify([...neighbours])}; ${Math.round(performance.now() - startedMs)} ms`);
  assert.deepEqual(refusalsOf(neighbours), []);
  assert.deepEqual(await checkLedger(store), []);
});
