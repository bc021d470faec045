import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { planText, testMasterKey, testNowMs } from '../../test/support/control.ts';
import { createTestDatabase, type TestDatabase } from '../../test/support/database.ts';
import { claimInstallation, commitConfiguration, readConfiguration } from '../control/configuration-store.ts';
import { emptyConfiguration } from '../control/resources.ts';
import { masterKeyFingerprint } from '../control/seal.ts';
import { connect } from '../store/connect.ts';
import { startEmbeddedPostgres } from '../store/embedded/start.ts';
import { runProgram } from './program.ts';

const design = readFileSync(new URL('../../test/support/fixtures/design.yaml', import.meta.url), 'utf8');
const directory = mkdtempSync(join(tmpdir(), 'carrier-copy-'));
// The embedded server of a root user runs as another one, who must be able to pass.
chmodSync(directory, 0o711);

async function run(words: readonly string[], environment: Readonly<Record<string, string>>) {
  let out = '';
  let err = '';
  const code = await runProgram(words, {
    environment: { CARRIER_MASTER_KEY: testMasterKey, CARRIER_DATA: join(directory, 'none'), ...environment },
    out: { write: text => void (out += text), isTerminal: false },
    err: { write: text => void (err += text), isTerminal: false },
    send: () => Promise.reject(new Error('no server is asked')),
    readText: () => '',
    writeText: () => {},
  });
  return { code, out, err };
}

async function configure(url: string): Promise<void> {
  const store = connect(url);
  await claimInstallation(store, masterKeyFingerprint(testMasterKey));
  const plan = planText(design);
  await commitConfiguration(store, { before: emptyConfiguration, ...plan, actor: 'test', nowMs: testNowMs });
  await store.close();
}

suite('backup and restore', () => {
  let source: TestDatabase;
  let target: TestDatabase;
  before(async () => {
    [source, target] = await Promise.all([createTestDatabase(), createTestDatabase()]);
    await configure(source.url);
  });
  after(async () => {
    await Promise.all([source.drop(), target.drop()]);
    rmSync(directory, { recursive: true });
  });

  test('what is backed up comes back the same, and twice only by force', async () => {
    const path = join(directory, 'one.backup');
    const written = await run(['backup', path], { DATABASE_URL: source.url });
    assert.equal(written.code, 0, written.err);
    assert.match(written.out, /^Wrote \d+ rows, \d+ bytes/);
    assert.match(written.err, /configuration_resource/);
    assert.equal(statSync(path).mode & 0o777, 0o600);
    assert.equal((await run(['backup', path], { DATABASE_URL: source.url })).code, 4);

    const restored = await run(['restore', path, '--json'], { DATABASE_URL: target.url });
    assert.equal(restored.code, 0, restored.err);
    const store = connect(target.url);
    const configuration = await readConfiguration(store);
    await store.close();
    assert.equal(configuration.revision, 1n);
    assert.equal(configuration.resources.size, 10);
    assert.equal((await run(['restore', path], { DATABASE_URL: target.url })).code, 4);
    assert.equal((await run(['restore', path, '--force'], { DATABASE_URL: target.url })).code, 0);
  });

  test('a restore is refused while a server uses the database, with another master key, and from what is no backup', async () => {
    const path = join(directory, 'two.backup');
    await run(['backup', path], { DATABASE_URL: source.url });
    const store = connect(target.url);
    await store.pool.query('select 1');
    const busy = await run(['restore', path, '--force'], { DATABASE_URL: target.url });
    await store.close();
    assert.deepEqual(
      [busy.code, busy.err],
      [4, 'carrier: A server uses this database. Stop every server, then restore.\n'],
    );
    const otherKey = { DATABASE_URL: target.url, CARRIER_MASTER_KEY: 'another-master-key-another-master-key' };
    assert.equal((await run(['restore', path, '--force'], otherKey)).code, 4);
    assert.equal((await run(['restore', '/dev/null', '--force'], { DATABASE_URL: target.url })).code, 4);
  });

  test('without a database or a data directory the exit code says which', async () => {
    const path = join(directory, 'three.backup');
    assert.equal((await run(['backup', path], { DATABASE_URL: 'postgres://127.0.0.1:1/none' })).code, 3);
    assert.equal((await run(['backup', path], {})).code, 4);
  });

  test('the embedded database is copied whether or not a server runs it', async () => {
    const path = join(directory, 'embedded.backup');
    const empty = join(directory, 'fresh');
    const from = await run(['backup', join(directory, 'source.backup')], { DATABASE_URL: source.url });
    assert.equal(from.code, 0);
    const restored = await run(['restore', join(directory, 'source.backup')], { CARRIER_DATA: empty });
    assert.equal(restored.code, 0, restored.err);
    const stopped = await run(['backup', path], { CARRIER_DATA: empty });
    assert.equal(stopped.code, 0, stopped.err);

    const server = await startEmbeddedPostgres({ directory: empty, log: () => {} });
    const running = await run(['backup', `${path}-2`], { CARRIER_DATA: empty });
    const refused = await run(['restore', path, '--force'], { CARRIER_DATA: empty });
    await server.stop();
    assert.equal(running.code, 0, running.err);
    assert.equal(refused.code, 4);
  });
});
