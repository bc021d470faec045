import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import { type Emulator, startEmulator } from '../../src/emulator/emulator.ts';
import { checkLedger } from '../../src/ledger/check.ts';
import { connect, type Store } from '../../src/store/connect.ts';
import { askChat, askChatPatiently, type ChatAnswer } from './support/ask-chat.ts';
import { type Carrier, startCarrier } from './support/start-carrier.ts';
import { until } from './support/until.ts';

const secrets = {
  BUSY_KEY: 'busy-secret-busy-secret-busy-secret-0',
  IDLE_KEY: 'idle-secret-idle-secret-idle-secret-0',
  FIRST_KEY: 'first-secret-first-secret-first-secret',
  SECOND_KEY: 'second-secret-second-secret-second-sec',
  CHANGING_KEY: 'changing-secret-changing-secret-change',
  UNTOUCHED_KEY: 'untouched-secret-untouched-secret-untou',
  FAILING_KEY: 'failing-secret-failing-secret-failing-',
} as const;

/** Ten output tokens and no input, at 10.00 per million: every answer costs 0.0001. Its hold is about 0.0005. */
const plainAnswers = ['report-input=0;report-output=10;tokens=10;pace=2ms'];

let emulator: Emulator;
let broken: Emulator;
let carrier: Carrier;
let store: Store;

const declared = (changingLimit: string) => `
providers:
  good: { dialect: openai-chat, baseUrl: "${emulator.url}/v1", credential: env:PROVIDER_KEY }
  bad: { dialect: openai-chat, baseUrl: "${broken.url}/v1", credential: env:PROVIDER_KEY }
deployments:
  good: { provider: good, model: openai/gpt-5 }
  bad: { provider: bad, model: broken/gpt-5, targetModel: gpt-5 }
prices:
  sell: { currency: USD, rates: { "openai/*": { input: "1.25", output: "10.00" }, "broken/*": { input: "1.25", output: "10.00" } } }
  buy: { currency: USD, rates: { "openai/*": { input: "1.25", output: "10.00" }, "broken/*": { input: "1.25", output: "10.00" } } }
routes:
  fallback: { candidates: [ { deployment: bad, priority: 1 }, { deployment: good, priority: 2 } ], retries: 3 }
organisations:
  acme:
    projects:
      crowd: { keys: { busy: { secret: env:BUSY_KEY } }, budget: { limit: "0.02", period: month, hard: true } }
      quiet: { keys: { idle: { secret: env:IDLE_KEY } }, budget: { limit: "0.02", period: month, hard: true } }
      changing: { keys: { changing: { secret: env:CHANGING_KEY } }, budget: { limit: "${changingLimit}", period: day, hard: true } }
      untouched: { keys: { untouched: { secret: env:UNTOUCHED_KEY } }, budget: { limit: "0.02", period: month, hard: true } }
      failing: { keys: { failing: { secret: env:FAILING_KEY } }, budget: { limit: "0.01", period: week, hard: true } }
  nested:
    budget: { limit: "0.006", period: total, hard: true }
    projects:
      web:
        budget: { limit: "0.005", period: month, hard: true }
        keys:
          first: { secret: env:FIRST_KEY, budget: { limit: "0.003", period: month, hard: true } }
          second: { secret: env:SECOND_KEY }
`;

before(async () => {
  emulator = await startEmulator({ rules: plainAnswers, record: false });
  broken = await startEmulator({ rules: ['reset'], record: false });
  carrier = await startCarrier({
    yaml: declared('0.004'),
    env: { ...secrets, PROVIDER_KEY: 'provider-secret' },
    workers: 2,
  });
  store = connect(carrier.databaseUrl!);
});
after(async () => {
  await store.close();
  await emulator.stop();
  await broken.stop();
});
beforeEach(() => emulator.replaceRules(plainAnswers));

const ask = (key: keyof typeof secrets, more: { model?: string; stream?: boolean; leave?: boolean } = {}) =>
  askChatPatiently({ url: carrier.url, key: secrets[key], ...more });

/** So many at once, again and again, until somebody is refused and nobody is served any more. */
async function askUntilRefused(key: keyof typeof secrets, atOnce: number): Promise<ChatAnswer[]> {
  const answers: ChatAnswer[] = [];
  for (;;) {
    const wave = await Promise.all(Array.from({ length: atOnce }, () => ask(key)));
    answers.push(...wave);
    if (!wave.some(({ status }) => status === 200)) return answers;
  }
}

/** Like askUntilRefused, and again until at least so many were served: for up to 250 ms a refusal may be what was true
 *  a moment ago, while another worker has a part of the budget that came free since (docs/decisions/0003-budgets.md). */
async function askUntilSpent(key: keyof typeof secrets, atOnce: number, servedMin: number): Promise<ChatAnswer[]> {
  const answers: ChatAnswer[] = [];
  await until(`${servedMin} requests of ${key} were served`, async () => {
    answers.push(...(await askUntilRefused(key, atOnce)));
    return countOf(answers, '200') >= servedMin ? true : undefined;
  });
  return answers;
}

function countOf(answers: readonly ChatAnswer[], outcome: string): number {
  return answers.filter(answer => answer.outcome === outcome).length;
}

/** In units of 0.0001, once so many exchanges of the project are in the ledger. */
async function chargedUnits(project: string, exchanges: number): Promise<number> {
  return until(`${exchanges} exchanges of ${project} are in the ledger`, async () => {
    const { rows } = await store.pool.query(
      'select count(*)::int as exchanges, coalesce(sum(sell_atto), 0) as charged from exchange where project = $1',
      [project],
    );
    return rows[0].exchanges >= exchanges ? Number(rows[0].charged) / 1e14 : undefined;
  });
}

test('a crowd spends its hard budget nearly whole and never passes it, and a quiet neighbour is never refused', async () => {
  let crowdIsOver = false;
  const crowd = askUntilSpent('BUSY_KEY', 40, 195).finally(() => {
    crowdIsOver = true;
  });
  const neighbour: ChatAnswer[] = [];
  while (!crowdIsOver) neighbour.push(await ask('IDLE_KEY'));
  const answers = await crowd;

  // 0.02 is 200 answers; the last hold of five answers' cost may not fit.
  const served = countOf(answers, '200');
  assert.equal(served + countOf(answers, 'budget_exhausted'), answers.length, answers.map(each => each.outcome).join());
  assert.ok(served >= 195 && served <= 200, `${served} of 200 were served`);
  assert.equal(await chargedUnits('acme/crowd', served), served);
  assert.deepEqual(new Set(neighbour.slice(0, 190).map(({ outcome }) => outcome)), new Set(['200']));
});

test('of several budgets the one that is full refuses, and the others count all the same', async () => {
  const first = await askUntilSpent('FIRST_KEY', 4, 25);
  const second = await askUntilSpent('SECOND_KEY', 4, 45 - countOf(first, '200'));

  // The key's own 0.003 stops the first, the project's 0.005 the second, which has none of its own.
  const served = countOf(first, '200') + countOf(second, '200');
  assert.ok(countOf(first, '200') >= 25 && countOf(first, '200') <= 30, `${countOf(first, '200')} of 30`);
  assert.ok(served >= 45 && served <= 50, `${served} of 50`);
  assert.equal(await chargedUnits('nested/web', served), served);
});

test('under a lowered limit nothing more is admitted within a second, and under a raised one it is again', async () => {
  for (let i = 0; i < 20; i += 1) assert.equal((await ask('CHANGING_KEY')).outcome, '200');

  // Below what is spent already.
  await carrier.apply(declared('0.001'));
  assert.equal((await ask('CHANGING_KEY')).outcome, 'budget_exhausted');
  await carrier.apply(declared('0.006'));
  assert.equal((await ask('CHANGING_KEY')).outcome, '200');

  const served = 21 + countOf(await askUntilSpent('CHANGING_KEY', 4, 55 - 21), '200');
  assert.ok(served >= 55 && served <= 60, `${served} of 60`);
  assert.equal(await chargedUnits('acme/changing', served), served);
});

test('fallbacks are charged once, clients that leave pay for what they got, and neither passes the cap', async () => {
  // The first deployment breaks every connection after it has taken the request; the second answers.
  const fallbacks = await Promise.all(Array.from({ length: 5 }, () => ask('FAILING_KEY', { model: 'fallback' })));
  assert.equal(countOf(fallbacks, '200'), 5);
  assert.equal(await chargedUnits('acme/failing', 5), 5);

  emulator.replaceRules(['pace=20ms;tokens=200']);
  const left: ChatAnswer[] = [];
  for (;;) {
    const wave = await Promise.all(Array.from({ length: 5 }, () => ask('FAILING_KEY', { stream: true, leave: true })));
    left.push(...wave);
    if (wave.every(({ outcome }) => outcome === 'budget_exhausted')) break;
  }

  const admitted = countOf(left, '200');
  assert.ok(admitted >= 10, `${admitted} streams were admitted`);
  const units = await chargedUnits('acme/failing', 5 + admitted);
  assert.ok(units > 5 && units <= 100, `${units} of 100`);
  assert.deepEqual(await checkLedger(store), []);
});

test('a budget that cannot be verified says when to come again', async () => {
  // The ledger is locked: whoever needs an allowance gets no answer in time.
  const client = await store.pool.connect();
  await client.query('begin; lock table budget_window in access exclusive mode');
  try {
    const { outcome, status, retryAfter } = await askChat({ url: carrier.url, key: secrets.UNTOUCHED_KEY });
    assert.deepEqual([outcome, status, retryAfter], ['budget_unverifiable', 503, '1']);
  } finally {
    await client.query('rollback');
    client.release();
  }
  assert.equal((await ask('UNTOUCHED_KEY')).outcome, '200');
});
