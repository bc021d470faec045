import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { revokeLocally } from '../../src/control/local-revocation.ts';
import { checkLedger } from '../../src/ledger/check.ts';
import { connect } from '../../src/store/connect.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { type DatabaseCut, startDatabaseCut } from './support/database-cut.ts';
import { type Carrier, startCarrier } from './support/start-carrier.ts';
import { until } from './support/until.ts';

const limitedKey = 'limited-secret-limited-secret-limited-s';
const cappedKey = 'capped-secret-capped-secret-capped-sec';

let database: TestDatabase;
let cut: DatabaseCut;
let carrier: Carrier;

before(async () => {
  database = await createTestDatabase();
  cut = await startDatabaseCut(database.url);
  carrier = await startCarrier({
    workers: 2,
    env: { DATABASE_URL: cut.url, LIMITED_KEY: limitedKey, CAPPED_KEY: cappedKey },
  });
});
after(async () => {
  await cut?.mend();
  await carrier?.remove();
  await cut?.close();
  await database?.drop();
});

async function ask(key = carrier.key): Promise<{ status: number; exchangeId: string; fault: string | null }> {
  const response = await fetch(`${carrier.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    body: JSON.stringify({ model: 'sandbox/chat-1', messages: [{ role: 'user', content: 'Answer with 3 tokens' }] }),
  });
  await response.arrayBuffer();
  return {
    status: response.status,
    exchangeId: response.headers.get('x-carrier-exchange-id')!,
    fault: response.headers.get('x-carrier-fault'),
  };
}

async function untilBooked(exchangeId: string): Promise<void> {
  await until(`exchange ${exchangeId} is in the ledger`, async () => {
    // A kept connection may lead to a worker that was killed.
    const answer = await carrier.api('GET', `/api/v1/exchanges/${exchangeId}`).catch(() => undefined);
    return answer?.status === 200 ? true : undefined;
  });
}

async function metric(name: string): Promise<number> {
  const text = await (await fetch(`${carrier.url}/metrics`)).text();
  return Number(new RegExp(`^${name} (.*)$`, 'm').exec(text)?.[1]);
}

test('with the database gone admitted keys are served, and usage waits in the journal', async () => {
  await cut.cut();

  const answers = await Promise.all(Array.from({ length: 20 }, () => ask()));

  assert.ok(answers.every(({ status }) => status === 200));
  assert.equal((await fetch(`${carrier.url}/readyz`)).status, 200);
  const api = await carrier.api('GET', '/api/v1/models');
  assert.equal(api.status, 503);
  assert.equal(api.headers.get('content-type'), 'application/problem+json');
  await until('metrics say so', async () => ((await metric('carrier_database_up')) === 0 ? true : undefined));

  await cut.mend();
  for (const { exchangeId } of answers) await untilBooked(exchangeId);
  await until('metrics say so', async () => ((await metric('carrier_database_up')) === 1 ? true : undefined));
});

test('with the database gone a limit holds as before, and what was counted is told afterwards', async () => {
  const limits = '{ requestsPerDay: 10 }';
  await carrier.apply(
    `organisations: { sandbox: { projects: { limited: { keys: { day: { secret: env:LIMITED_KEY, limits: ${limits} } } } } } }`,
  );
  await cut.cut();

  const answers = await Promise.all(Array.from({ length: 20 }, () => ask(limitedKey)));

  // Each of two workers may let one through that the supervisor did not answer in time.
  const admitted = answers.filter(({ status }) => status === 200).length;
  assert.ok(admitted >= 10 && admitted <= 12, `${admitted} of 10 admitted`);
  assert.ok(answers.every(({ status, fault }) => status === 200 || fault === 'rate_limited'));

  await cut.mend();
  await until('the database knows', async () => {
    const { status, json } = await carrier.api('GET', '/api/v1/limits');
    return status === 200 && json.items[0].windows[0]?.setAside >= 10 ? true : undefined;
  });
  assert.equal((await ask(limitedKey)).fault, 'rate_limited');
});

test('a start without the database serves from the snapshot on disk, and ships once the database is back', async () => {
  assert.equal(await carrier.stop(), 0);
  await cut.cut();

  await carrier.start();

  const { status, exchangeId } = await ask();
  assert.equal(status, 200);
  const api = await carrier.api('GET', '/api/v1/models');
  assert.equal(api.status, 503);
  assert.equal(api.json.code, 'database_unavailable');
  await cut.mend();
  await untilBooked(exchangeId);
  assert.equal((await carrier.api('GET', '/api/v1/models')).status, 200);
});

test('a worker that dies while the database is gone loses nothing', async () => {
  await cut.cut();
  const { exchangeId } = await ask();
  const [worker] = carrier.workerProcessIds();

  process.kill(worker!, 'SIGKILL');
  await until('another worker is there', () => (carrier.workerProcessIds().includes(worker!) ? undefined : true));
  await cut.mend();

  await untilBooked(exchangeId);
});

test('a stop without the database leaves the journal for the next start, which ships it', async () => {
  await cut.cut();
  const { exchangeId } = await ask();

  assert.equal(await carrier.stop(), 0);
  assert.ok(readdirSync(join(carrier.dataDirectory, 'journal')).length > 0);
  await cut.mend();
  await carrier.start();

  await untilBooked(exchangeId);
});

test('a key under a hard budget goes on over a restart without the database, from what was leased', async () => {
  await carrier.apply(
    'organisations: { sandbox: { projects: { capped: { budget: { limit: "1.00", period: total }, keys: { one: { secret: env:CAPPED_KEY } } } } } }',
  );
  const before = await ask(cappedKey);
  assert.equal(before.status, 200);
  await cut.cut();
  const during = await ask(cappedKey);
  assert.equal(during.status, 200);

  assert.equal(await carrier.stop(), 0);
  await carrier.start();

  const later = [await ask(cappedKey), await ask(cappedKey)];
  assert.deepEqual(
    later.map(({ status, fault }) => [status, fault]),
    [
      [200, null],
      [200, null],
    ],
  );
  await cut.mend();
  for (const { exchangeId } of [before, during, ...later]) await untilBooked(exchangeId);
  assert.equal((await ask(cappedKey)).status, 200);
  const store = connect(database.url);
  assert.deepEqual(await checkLedger(store), []);
  const { rows } = await store.pool.query(`select state from lease where budget like 'project:sandbox/capped:%'`);
  assert.deepEqual([...new Set(rows.map(({ state }) => state))], ['open']);
  await store.close();
});

test('a key revoked on the machine while the database is gone stops working at once, and stays revoked', async () => {
  await cut.cut();
  const { key } = carrier;

  revokeLocally(carrier.dataDirectory, key.slice(4, 12));

  await until('the key is refused', async () => ((await ask(key)).fault === 'key_revoked' ? true : undefined), 2_000);
  await cut.mend();
  await until('the database knows', async () => {
    const { status, json } = await carrier.api('GET', '/api/v1/keys');
    if (status !== 200) return undefined;
    return JSON.stringify(json).includes('"revoked":true') ? true : undefined;
  });
  assert.equal((await ask(key)).fault, 'key_revoked');
});
