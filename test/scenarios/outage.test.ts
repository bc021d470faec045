import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { type Emulator, startEmulator } from '../../src/emulator/emulator.ts';
import { checkLedger } from '../../src/ledger/check.ts';
import { connect } from '../../src/store/connect.ts';
import { query, startTestServer, type TestServer, templateName } from '../support/test-server.ts';
import { askChat, askChatPatiently } from './support/ask-chat.ts';
import { childProcessIds } from './support/process-tree.ts';
import { type Carrier, startCarrier } from './support/start-carrier.ts';
import { until } from './support/until.ts';

// A Postgres of its own, because it is stopped: it answers nothing, refuses nothing and closes nothing. Connections that
// break are test/scenarios/database-outage.test.ts.

const secrets = {
  FREE_KEY: 'free-secret-free-secret-free-secret-0',
  CAPPED_KEY: 'capped-secret-capped-secret-capped-se',
  LEAKED_KEY: 'leaked-secret-leaked-secret-leaked-se',
} as const;

let server: TestServer;
let emulator: Emulator;
let carrier: Carrier;
let databaseUrl: string;

before(async () => {
  server = await startTestServer();
  await query(server.url, `create database outage template ${templateName}`);
  const url = new URL(server.url);
  url.pathname = '/outage';
  databaseUrl = url.href;
  // Every answer costs 0.0001, and is held at about 0.0005.
  emulator = await startEmulator({ rules: ['report-input=0;report-output=10;tokens=10;pace=1ms'], record: false });
  const yaml = `
providers: { good: { dialect: openai-chat, baseUrl: "${emulator.url}/v1", credential: env:PROVIDER_KEY } }
deployments: { good: { provider: good, model: openai/gpt-5 } }
prices:
  sell: { currency: USD, rates: { openai/gpt-5: { input: "1.25", output: "10.00" } } }
  buy: { currency: USD, rates: { openai/gpt-5: { input: "1.25", output: "10.00" } } }
organisations:
  acme:
    projects:
      free: { keys: { free: { secret: env:FREE_KEY }, leaked: { secret: env:LEAKED_KEY } } }
      capped: { keys: { capped: { secret: env:CAPPED_KEY } }, budget: { limit: "0.5", period: month, hard: true } }
`;
  const env = {
    ...secrets,
    PROVIDER_KEY: 'provider-secret',
    DATABASE_URL: databaseUrl,
    CARRIER_ADMIN_KEY: 'cca_admin-key-admin-key-admin-key-admin-key',
    CARRIER_MASTER_KEY: 'master-key-master-key-master-key-master-key',
  };
  carrier = await startCarrier({ yaml, env, workers: 2, database: { url: databaseUrl } });
});
after(async () => {
  signalServer('SIGCONT');
  await carrier?.remove();
  await emulator?.stop();
  await server?.stop();
});

function signalServer(signal: 'SIGSTOP' | 'SIGCONT'): void {
  const postmaster = server.postgres.processId;
  const all = [postmaster, ...childProcessIds(postmaster)];
  for (const processId of signal === 'SIGSTOP' ? all : all.reverse()) process.kill(processId, signal);
}

const ask = (key: keyof typeof secrets) => askChat({ url: carrier.url, key: secrets[key] });
const served = { free: 0, capped: 0 };

async function charged(): Promise<Record<string, { exchanges: number; units: number }>> {
  const store = connect(databaseUrl);
  try {
    const { rows } = await store.pool.query(
      `select project, count(*)::int as exchanges, sum(sell_atto) as charged from exchange group by project`,
    );
    return Object.fromEntries(
      rows.map(row => [row.project, { exchanges: row.exchanges, units: Number(row.charged) / 1e14 }]),
    );
  } finally {
    await store.close();
  }
}

test('with the database frozen, keys without a hard budget are served, capped ones go on from their allowances', async () => {
  for (let i = 0; i < 10; i += 1) {
    const { outcome } = await askChatPatiently({ url: carrier.url, key: secrets.CAPPED_KEY });
    assert.equal(outcome, '200');
    served.capped += 1;
  }
  signalServer('SIGSTOP');

  const free = await Promise.all(Array.from({ length: 60 }, () => ask('FREE_KEY')));
  assert.deepEqual(new Set(free.map(({ outcome }) => outcome)), new Set(['200']));
  served.free += 60;

  const capped: string[] = [];
  // What is left here is dealt out to the last hold; then nobody can say whether there is more.
  while (capped.filter(outcome => outcome === 'budget_unverifiable').length < 20 && capped.length < 5_000) {
    const wave = await Promise.all(Array.from({ length: 10 }, () => ask('CAPPED_KEY')));
    capped.push(...wave.map(({ outcome }) => outcome));
  }
  assert.deepEqual(new Set(capped), new Set(['200', 'budget_unverifiable']));
  served.capped += capped.filter(outcome => outcome === '200').length;
  assert.ok(served.capped >= 20 && served.capped <= 5_000, `${served.capped} were served`);
  assert.equal((await fetch(`${carrier.url}/readyz`)).status, 200);
});

test('a key that is revoked on this machine while the database is frozen stops working at once', async () => {
  assert.equal((await ask('LEAKED_KEY')).outcome, '200');
  served.free += 1;
  const snapshot = JSON.parse(readFileSync(join(carrier.dataDirectory, 'snapshot.json'), 'utf8'));
  const leaked = snapshot.keys.find((key: { name?: string }) => JSON.stringify(key).includes('leaked'));

  const { code, stderr } = await carrier.command('keys', 'revoke', leaked.id, '--local');

  assert.equal(code, 0, stderr);
  await until(
    'the key is refused',
    async () => {
      const { outcome } = await ask('LEAKED_KEY');
      if (outcome === '200') served.free += 1;
      return outcome === 'key_revoked' ? true : undefined;
    },
    2_000,
  );
});

test('once the database goes on, all usage arrives, capped keys are served again and revoked ones are not', async () => {
  signalServer('SIGCONT');

  const { outcome } = await until('capped keys are served', async () => {
    const answer = await ask('CAPPED_KEY');
    return answer.outcome === '200' ? answer : undefined;
  });
  assert.equal(outcome, '200');
  served.capped += 1;
  const projects = await until('all usage is in the ledger', async () => {
    const found = await charged();
    return found['acme/free']?.exchanges === served.free && found['acme/capped']?.exchanges === served.capped
      ? found
      : undefined;
  });
  assert.equal(projects['acme/capped']!.units, served.capped);
  assert.equal((await ask('LEAKED_KEY')).outcome, 'key_revoked');
  const store = connect(databaseUrl);
  assert.deepEqual(await checkLedger(store), []);
  await store.close();
});

test('a stop with the database frozen ends in its time, and what was not shipped waits for the next start', async () => {
  assert.equal((await ask('FREE_KEY')).outcome, '200');
  served.free += 1;
  signalServer('SIGSTOP');
  assert.equal((await ask('FREE_KEY')).outcome, '200');
  served.free += 1;

  const startedMs = performance.now();
  assert.equal(await carrier.stop(), 0);
  assert.ok(performance.now() - startedMs < 30_000);

  // A fresh snapshot on disk serves at once, whatever the database does.
  await carrier.start();
  assert.equal((await ask('FREE_KEY')).outcome, '200');
  served.free += 1;
  assert.equal((await ask('LEAKED_KEY')).outcome, 'key_revoked');
  signalServer('SIGCONT');
  await until(
    'all usage is in the ledger',
    async () => ((await charged())['acme/free']?.exchanges === served.free ? true : undefined),
    30_000,
  );
});

test('a snapshot on disk that is older than a day is not served from: the start waits for the database', async () => {
  assert.equal(await carrier.stop(), 0);
  const path = join(carrier.dataDirectory, 'snapshot.json');
  const snapshot = JSON.parse(readFileSync(path, 'utf8'));
  const dayAndMinuteMs = (24 * 60 + 1) * 60_000;
  writeFileSync(path, JSON.stringify({ ...snapshot, compiledAt: new Date(Date.now() - dayAndMinuteMs).toISOString() }));
  signalServer('SIGSTOP');

  const started = carrier.start();
  started.catch(() => {});
  await until('the log says why', () => carrier.lines.find(line => line.includes('the snapshot on disk is not used')));
  const ready = await fetch(`${carrier.url}/readyz`).then(
    response => response.status,
    () => 'refused',
  );
  assert.notEqual(ready, 200);
  signalServer('SIGCONT');
  await started;

  assert.equal((await ask('FREE_KEY')).outcome, '200');
});
