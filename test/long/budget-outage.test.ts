import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { revokeLocally } from '../../src/control/local-revocation.ts';
import { type Emulator, startEmulator } from '../../src/emulator/emulator.ts';
import { checkLedger } from '../../src/ledger/check.ts';
import { connect } from '../../src/store/connect.ts';
import { askChat, type ChatAnswer } from '../scenarios/support/ask-chat.ts';
import { type DatabaseCut, startDatabaseCut } from '../scenarios/support/database-cut.ts';
import { declareSupply } from '../scenarios/support/declare-supply.ts';
import { type Carrier, startCarrier } from '../scenarios/support/start-carrier.ts';
import { until } from '../scenarios/support/until.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';

const outageMs = 60_000;
/** Of every kind of key, at each replica. */
const everyMs = 100;
const secretOf = (name: string) => `${name}-secret-of-the-outage-that-is-long-enough`;

let emulator: Emulator;
let database: TestDatabase;
let cut: DatabaseCut;
const carriers: Carrier[] = [];

before(async () => {
  emulator = await startEmulator({ record: false, rules: ['report-input=0;report-output=10;tokens=10'] });
  database = await createTestDatabase();
  cut = await startDatabaseCut(database.url);
  const supply = declareSupply({
    emulatorUrl: emulator.url,
    more: [
      '      open: { keys: { one: { secret: env:OPEN_KEY } } }',
      '      capped: { budget: { limit: "100.00", period: total }, keys: { one: { secret: env:CAPPED_KEY } } }',
      '      revoked: { keys: { one: { secret: env:REVOKED_KEY, revoked: true } } }',
    ],
  });
  const env = {
    ...supply.env,
    OPEN_KEY: secretOf('open'),
    CAPPED_KEY: secretOf('capped'),
    REVOKED_KEY: secretOf('revoked'),
    DATABASE_URL: cut.url,
    CARRIER_MASTER_KEY: randomBytes(32).toString('base64url'),
  };
  carriers.push(await startCarrier({ workers: 2, yaml: supply.yaml, env, database: { url: cut.url } }));
  carriers.push(await startCarrier({ workers: 2, env, database: { url: cut.url } }));
});
after(async () => {
  await cut?.mend();
  for (const carrier of carriers) await carrier.remove();
  await emulator?.stop();
  await cut?.close();
  await database?.drop();
});

test('through a minute without the database nobody is refused who need not be, and all usage arrives', async t => {
  const answers: Record<'open' | 'capped' | 'revoked' | 'once', ChatAnswer[]> = {
    open: [],
    capped: [],
    revoked: [],
    once: [],
  };
  const made = await carriers[0]!.api('POST', '/api/v1/keys', { project: 'acme/open', name: 'once' });
  assert.equal(made.status, 201, made.text);
  const secrets = {
    open: secretOf('open'),
    capped: secretOf('capped'),
    revoked: secretOf('revoked'),
    once: made.json.secret,
  };
  let revokedAtMs: number | undefined;
  const onceLate: string[] = [];
  let stopped = false;
  const askOn = async ({ url }: Carrier, key: keyof typeof secrets) => {
    while (!stopped) {
      const askedAtMs = Date.now();
      const answer = await askChat({ url, key: secrets[key] });
      answers[key].push(answer);
      if (key === 'once' && revokedAtMs !== undefined && askedAtMs > revokedAtMs + 2_000) onceLate.push(answer.outcome);
      await sleep(everyMs);
    }
  };
  // The key that is revoked in the middle is asked with where it is revoked.
  const load = [
    ...carriers.flatMap(carrier => (['open', 'capped', 'revoked'] as const).map(key => askOn(carrier, key))),
    askOn(carriers[0]!, 'once'),
  ];
  await sleep(3_000);

  await cut.cut();
  await sleep(outageMs / 3);
  revokeLocally(carriers[0]!.dataDirectory, made.json.id);
  revokedAtMs = Date.now();
  const [victim] = carriers[1]!.workerProcessIds();
  process.kill(victim!, 'SIGKILL');
  await sleep((outageMs * 2) / 3);
  await cut.mend();
  await until('the capped key is served again', async () =>
    (await askChat({ url: carriers[0]!.url, key: secrets.capped })).outcome === '200' ? true : undefined,
  );
  stopped = true;
  await Promise.all(load);

  const told = Object.fromEntries(
    Object.entries(answers).map(([key, list]) => [
      key,
      Object.fromEntries(
        [...Map.groupBy(list, ({ outcome }) => outcome)].map(([outcome, each]) => [outcome, each.length]),
      ),
    ]),
  );
  t.diagnostic(JSON.stringify(told));
  // A connection to the killed worker is cut; nothing else happens to a key without a hard budget.
  const isCut = (list: readonly ChatAnswer[]) => list.filter(({ outcome }) => outcome === 'cut').length;
  for (const { outcome } of answers.open) assert.ok(['200', 'cut'].includes(outcome), JSON.stringify(told));
  assert.ok(isCut(answers.open) + isCut(answers.capped) <= 4, JSON.stringify(told));
  // Under a hard budget: as far as it was leased, then it cannot be verified; it is never said to be exhausted.
  for (const { outcome } of answers.capped) {
    assert.ok(['200', 'cut', 'budget_unverifiable'].includes(outcome), JSON.stringify(told));
  }
  assert.ok(
    answers.revoked.every(({ outcome }) => ['key_revoked', 'cut'].includes(outcome)),
    JSON.stringify(told),
  );
  assert.ok(onceLate.length > 100 && onceLate.every(outcome => outcome === 'key_revoked'), onceLate.join());

  const served = Object.values(answers).flatMap(list => list.filter(({ outcome }) => outcome === '200'));
  const store = connect(database.url);
  await until('all usage is in the ledger', async () => {
    const ids = served.map(({ exchangeId }) => exchangeId);
    const { rows } = await store.pool.query('select count(*)::int as count from exchange where id = any($1)', [ids]);
    return rows[0].count === served.length ? true : undefined;
  });
  assert.deepEqual(await checkLedger(store), []);
  await until('the database knows of the revocation', async () => {
    const { status, json } = await carriers[1]!.api('GET', `/api/v1/keys/${made.json.id}`);
    return status === 200 && json.state === 'revoked' ? true : undefined;
  });
  await store.close();
});
