import assert from 'node:assert/strict';
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { type Emulator, startEmulator } from '../../src/emulator/emulator.ts';
import { FileJournal } from '../../src/journal/file-journal.ts';
import { listSegments } from '../../src/journal/segment.ts';
import { checkLedger } from '../../src/ledger/check.ts';
import { connect, type Store } from '../../src/store/connect.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { admitOf, attemptOf, endOf, exchangeId } from '../support/exchanges.ts';
import { askChat, type ChatAnswer } from './support/ask-chat.ts';
import { type DatabaseCut, startDatabaseCut } from './support/database-cut.ts';
import { acmeKey, declareSupply } from './support/declare-supply.ts';
import { type Carrier, startCarrier } from './support/start-carrier.ts';
import { until } from './support/until.ts';

/** The smallest that a journal may be, and what is left in it for the requests of this test. */
const journalBytesMax = 16 * 1024 * 1024;
const roomBytes = 768 * 1024;

let emulator: Emulator;
let database: TestDatabase;
let cut: DatabaseCut;
let carrier: Carrier;
let backlog = 0;
let served = 0;

before(async () => {
  emulator = await startEmulator({ rules: ['tokens=5;pace=1ms'], record: false });
  database = await createTestDatabase();
  cut = await startDatabaseCut(database.url);
  const supply = declareSupply({ emulatorUrl: emulator.url });
  carrier = await startCarrier({
    yaml: supply.yaml,
    env: { ...supply.env, DATABASE_URL: cut.url },
    flags: [`--journal-bytes-max=${journalBytesMax}`],
  });
});
after(async () => {
  await cut?.mend();
  await carrier?.remove();
  await emulator?.stop();
  await cut?.close();
  await database?.drop();
});

const ask = (stream = false): Promise<ChatAnswer> => askChat({ url: carrier.url, key: acmeKey, stream });

/** What an earlier run could not ship. */
async function writeBacklog(directory: string): Promise<void> {
  const journal = await FileJournal.open({
    directory,
    generation: 1,
    worker: 1,
    fsync: 'never',
    fsyncIntervalMs: 50,
    bytesMax: 2 * journalBytesMax,
    clock: { nowMs: Date.now, monotonicMs: () => performance.now() },
    onAlarm: ({ message }) => assert.fail(message),
  });
  const atMs = Date.now();
  while (
    listSegments(directory).reduce((sum, { path }) => sum + statSync(path).size, 0) <
    journalBytesMax - roomBytes
  ) {
    for (let i = 0; i < 50; i += 1) {
      backlog += 1;
      const sketch = { id: exchangeId(backlog), atMs };
      journal.admit(admitOf(sketch));
      journal.attempt(attemptOf(sketch));
      journal.end(endOf(sketch));
    }
  }
  await journal.close();
}

async function booked(store: Store): Promise<number> {
  const { rows } = await store.pool.query('select count(*)::int as exchanges from exchange');
  return rows[0].exchanges;
}

test('a full journal refuses by name and says when to come again, and what runs still ends', async () => {
  assert.equal(await carrier.stop(), 0);
  await writeBacklog(join(carrier.dataDirectory, 'journal'));
  await cut.cut();
  await carrier.start();
  emulator.replaceRules(['tokens=100;pace=40ms;times=1', 'tokens=5;pace=1ms']);
  const running = ask(true);
  await until('it runs', () => (emulator.stats().answersOpen > 0 ? true : undefined));

  let refused = await ask();
  for (; refused.status === 200; refused = await ask()) served += 1;

  assert.deepEqual([refused.status, refused.outcome, refused.retryAfter], [503, 'journal_full', '1']);
  assert.equal(JSON.parse(refused.text).error.type, 'server_error');
  assert.equal((await fetch(`${carrier.url}/readyz`)).status, 503);
  assert.ok(served >= 20, `${served} were served from the last room`);
  const whole = await running;
  assert.equal(whole.outcome, '200');
  assert.ok(whole.text.endsWith('data: [DONE]\n\n'));
  served += 1;
});

test('once the journal is shipped there is room again, and nothing is lost', async () => {
  await cut.mend();

  await until(
    'there is room',
    async () => {
      const { status } = await ask();
      if (status === 200) served += 1;
      return status === 200 ? true : undefined;
    },
    30_000,
  );
  await until('it says so', async () => ((await fetch(`${carrier.url}/readyz`)).status === 200 ? true : undefined));
  const store = connect(database.url);
  await until(
    'everything is in the ledger',
    async () => ((await booked(store)) === backlog + served ? true : undefined),
    30_000,
  );
  assert.deepEqual(await checkLedger(store), []);
  await store.close();
});
