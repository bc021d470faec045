import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before, test } from 'node:test';
import { type Emulator, startEmulator } from '../../src/emulator/emulator.ts';
import { checkLedger } from '../../src/ledger/check.ts';
import { connect } from '../../src/store/connect.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { acmeKey, declareSupply } from './support/declare-supply.ts';
import { seeded } from './support/seeded.ts';
import { spendToTheEnd } from './support/spend-cap.ts';
import { type Carrier, startCarrier } from './support/start-carrier.ts';
import { until } from './support/until.ts';

const dayKey = 'day-secret-day-secret-day-secret-day-0';
const onceKey = 'once-secret-once-secret-once-secret-0';
const crowdKey = 'crowd-secret-crowd-secret-crowd-secret';

let emulator: Emulator;
let database: TestDatabase;
let one: Carrier;
let two: Carrier;

before(async () => {
  emulator = await startEmulator({ record: false });
  database = await createTestDatabase();
  const supply = declareSupply({
    emulatorUrl: emulator.url,
    project: ['budget: { limit: "0.0255", period: day, hard: true }'],
    more: [
      '      limited:',
      '        limits: { of: [ { route: "**/gpt-5", requestsPerDay: 1000000, shadow: true } ] }',
      '        keys:',
      '          day: { secret: env:DAY_KEY, limits: { requestsPerDay: 60 } }',
      '          once: { secret: env:ONCE_KEY, limits: { concurrency: 4 } }',
      '      crowd: { keys: { one: { secret: env:CROWD_KEY } }, budget: { limit: "0.02", period: total } }',
    ],
  });
  const env = {
    ...supply.env,
    DAY_KEY: dayKey,
    ONCE_KEY: onceKey,
    CROWD_KEY: crowdKey,
    DATABASE_URL: database.url,
    CARRIER_MASTER_KEY: randomBytes(32).toString('base64url'),
  };
  one = await startCarrier({ workers: 2, yaml: supply.yaml, env });
  two = await startCarrier({ workers: 1, env });
});
after(async () => {
  await emulator?.stop();
  await one?.remove();
  await two?.remove();
  await database?.drop();
});

async function ask(carrier: Carrier, key = acmeKey): Promise<string> {
  const response = await fetch(`${carrier.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json', connection: 'close' },
    body: JSON.stringify({
      model: 'openai/gpt-5',
      max_completion_tokens: 100,
      messages: [{ role: 'user', content: 'Answer with 100 tokens' }],
    }),
  });
  await response.arrayBuffer();
  return response.headers.get('x-carrier-fault') ?? String(response.status);
}

async function admin(carrier: Carrier, method: string, path: string, body?: unknown) {
  const answer = await carrier.api(method, path, body);
  assert.ok(answer.status < 300, answer.text);
  return answer.json;
}

test('a key works on the replica that made it when the answer is there, and within a second on the other', async () => {
  const made = await admin(one, 'POST', '/api/v1/keys', { project: 'acme/web', name: 'second' });

  assert.equal(await ask(one, made.secret), '200');
  const madeMs = performance.now();
  await until('the other replica knows the key', async () =>
    (await ask(two, made.secret)) === '200' ? true : undefined,
  );
  assert.ok(performance.now() - madeMs < 1_500);

  await admin(one, 'DELETE', `/api/v1/keys/${made.id}`);
  assert.equal(await ask(one, made.secret), 'key_revoked');
  await until('the other replica refuses the key', async () =>
    (await ask(two, made.secret)) === 'key_revoked' ? true : undefined,
  );
});

test('changes of the configuration drop no request', async () => {
  let stopped = false;
  const faults: string[] = [];
  const load = Array.from({ length: 4 }, async () => {
    while (!stopped) {
      const response = await fetch(`${one.url}/v1/models`, { headers: { authorization: `Bearer ${acmeKey}` } });
      await response.arrayBuffer();
      if (response.status !== 200) faults.push(String(response.status));
    }
  });

  for (let i = 0; i < 5; i += 1) await admin(one, 'POST', '/api/v1/keys', { project: 'acme/web', name: `load-${i}` });
  stopped = true;
  await Promise.all(load);

  assert.deepEqual(faults, []);
});

test('two replicas spend one hard budget nearly whole and never pass it', async () => {
  const year = new Date().getUTCFullYear();
  const charged = async () => {
    const usage = await admin(one, 'GET', `/api/v1/usage?by=project&from=${year}-01-01&to=${year + 1}-01-01`);
    return Number(usage.rows[0]?.sell?.amount ?? '0') * 1e6;
  };

  await Promise.all(Array.from({ length: 20 }, (_, index) => ask(index % 2 === 0 ? one : two)));
  for (const carrier of [one, two, one, two]) {
    let outcome = await ask(carrier);
    while (outcome !== 'budget_exhausted') {
      assert.ok(outcome === '200' || outcome === 'budget_unverifiable', outcome);
      outcome = await ask(carrier);
    }
  }

  await until('the budget is charged nearly whole', async () => ((await charged()) > 23_500 ? true : undefined));
  assert.ok((await charged()) <= 25_500);
});

test('a crowd at two replicas, streams and leavers among it, spends a cap nearly whole though a worker is killed', async () => {
  const victim = one.workerProcessIds()[0]!;
  const report = await spendToTheEnd({
    urls: [one.url, two.url],
    key: crowdKey,
    callers: 40,
    maxTokens: 20,
    random: seeded(20_261_120).next,
    disturbance: { afterServed: 30, run: async () => void process.kill(victim, 'SIGKILL') },
    withinMs: 30_000,
  });

  const store = connect(database.url);
  const charged = async () => {
    const { rows } = await store.pool.query(
      `select coalesce(sum(sell_atto), 0) as atto from exchange where project = 'acme/crowd'`,
    );
    return Number(rows[0].atto) / 1e12;
  };
  const told = `${await charged()} of 20,000 millionths: ${JSON.stringify([...report.outcomes])} ${report.lastRefusal}`;
  // A hold is about 350 millionths.
  await until(told, async () => ((await charged()) > 19_500 ? true : undefined));
  assert.ok((await charged()) <= 20_000, told);
  assert.equal(report.unfinished, 0, told);
  assert.match(report.lastRefusal, /The total budget of project acme\/crowd cannot hold .* it does not renew\./);
  assert.deepEqual(await checkLedger(store), []);
  const notices = await store.pool.query(`select organisation from notice where kind = 'budget.refused'`);
  assert.ok(notices.rows.length > 0 && notices.rows.every(({ organisation }) => organisation === 'acme'));
  await store.close();
});

test('three workers of two replicas admit together what a limit allows, and say where it stands', async () => {
  const outcomes: string[] = [];
  for (let round = 0; round < 6; round += 1) {
    const wave = Array.from({ length: 30 }, (_, index) => ask(index % 3 === 0 ? two : one, dayKey));
    outcomes.push(...(await Promise.all(wave)));
  }

  const admitted = outcomes.filter(outcome => outcome === '200').length;
  assert.deepEqual([...new Set(outcomes)].sort(), ['200', 'rate_limited']);
  assert.ok(admitted <= 60 && admitted >= 59, `${admitted} of 60 admitted`);
  const shown = await until('what was counted is shown', async () => {
    const { items } = await admin(two, 'GET', '/api/v1/limits');
    const day = items.find(
      (limit: { measure: string; scope: string }) => limit.scope === 'key' && limit.measure === 'requestsPerDay',
    );
    return day?.windows[0]?.refused === 180 - admitted ? items : undefined;
  });
  const lines = shown.map(
    (limit: { measure: string; limit: number; shadow: boolean; windows: { used: number }[] }) =>
      `${limit.measure} ${limit.limit} ${limit.shadow ? 'shadow ' : ''}${limit.windows[0]?.used ?? 'unused'}`,
  );
  assert.deepEqual(lines.sort(), [
    'concurrency 4 unused',
    `requestsPerDay 1000000 shadow ${admitted}`,
    `requestsPerDay 60 ${admitted}`,
  ]);
  const store = connect(database.url);
  const told = async () =>
    (
      await store.pool.query(
        `select organisation, body ->> 'measure' as measure from notice where kind = 'limit.reached'`,
      )
    ).rows;
  await until('the refusals are told', async () => ((await told()).length > 0 ? true : undefined));
  assert.deepEqual(await told(), [{ organisation: 'acme', measure: 'requestsPerDay' }]);
  await store.close();
  const listed = await two.command('limits');
  assert.match(listed.stdout, new RegExp(`requestsPerDay +60 +\\S+ +${admitted} +\\d+ +${180 - admitted} +0 +refuses`));
});

test('two replicas together have no more requests open than a limit allows, and lose none of it', async () => {
  emulator.replaceRules(['ttfb=60ms']);
  let most = 0;
  const sampling = setInterval(() => {
    most = Math.max(most, emulator.stats().answersOpen);
  }, 2);
  let served = 0;
  for (let round = 0; round < 8; round += 1) {
    const wave = await Promise.all(Array.from({ length: 10 }, (_, index) => ask(index % 2 === 0 ? one : two, onceKey)));
    served += wave.filter(outcome => outcome === '200').length;
  }
  clearInterval(sampling);
  emulator.replaceRules([]);

  assert.ok(most <= 4, `${most} at once`);
  assert.ok(served >= 24, `${served} served`);
  // A killed worker has nothing open any more.
  for (const worker of two.workerProcessIds()) process.kill(worker, 'SIGKILL');
  await until('the limit is whole again', async () => {
    const wave = await Promise.all(Array.from({ length: 4 }, () => ask(one, onceKey)));
    return wave.every(outcome => outcome === '200') || undefined;
  });
  await until('the second replica serves again', async () =>
    (await ask(two, onceKey).catch(() => 'refused')) === '200' ? true : undefined,
  );
});

test('a replica that stops gives back what it had leased', async () => {
  await admin(one, 'POST', '/api/v1/apply', {
    file: declareSupply({
      emulatorUrl: emulator.url,
      project: ['budget: { limit: "0.0355", period: day, hard: true }'],
    }).yaml,
  });
  await until('the second replica serves again', async () => ((await ask(two)) === '200' ? true : undefined));

  assert.equal(await two.stop(), 0);

  let served = 1;
  for (let outcome = await ask(one); outcome !== 'budget_exhausted'; outcome = await ask(one)) {
    if (outcome === '200') served += 1;
  }
  assert.ok(served >= 9, `${served} answers of about 1,010 millionths fit into 10,000 and what was left before`);
});
