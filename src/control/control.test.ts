import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, beforeEach, suite, test } from 'node:test';
import { designVariables, planContext, testFacts, testMasterKey, testPriceFacts } from '../../test/support/control.ts';
import { createTestDatabase, type TestDatabase } from '../../test/support/database.ts';
import { Fault } from '../completion/fault.ts';
import { ConfigurationError } from '../config/problem.ts';
import { loadSnapshot } from '../snapshot/load.ts';
import { connect, type Store } from '../store/connect.ts';
import { claimInstallation, MasterKeyMismatch, readRevision } from './configuration-store.ts';
import { type Control, createControl } from './control.ts';
import { readLocalRevocations, revokeLocally, storeLocalRevocations } from './local-revocation.ts';
import { publicPricesAt } from './public-prices.ts';
import { createSealer, masterKeyFingerprint } from './seal.ts';
import { readSnapshotFile, snapshotPath, writeSnapshotFile } from './snapshot-file.ts';

const design = readFileSync(new URL('../../test/support/fixtures/design.yaml', import.meta.url), 'utf8');
let database: TestDatabase;
let store: Store;
let dataDirectory: string;

suite('the stored configuration', () => {
  before(async () => {
    database = await createTestDatabase();
    store = connect(database.url);
  });
  after(async () => {
    await store.close();
    await database.drop();
  });
  beforeEach(async t => {
    await store.pool.query(
      'truncate configuration_resource, configuration_revision, price_version, installation cascade',
    );
    dataDirectory = mkdtempSync(join(tmpdir(), 'carrier-control-'));
    const made = dataDirectory;
    if ('after' in t) t.after(() => rmSync(made, { recursive: true }));
  });

  let nowMs = 1_790_000_000_000;

  function control(environment: Readonly<Record<string, string>> = designVariables): Control {
    return createControl({
      store,
      sealer: createSealer(testMasterKey),
      references: { environment, workingDirectory: dataDirectory, dataDirectory },
      kinds: planContext().kinds,
      facts: atMs => (atMs < changeMs ? testFacts : publicPricesAt(testPriceFacts, atMs)),
      priceFacts: () => testPriceFacts,
      sandboxBaseUrl: 'unix:/run/sandbox',
      nowMs: () => nowMs,
      changed: () => {},
    });
  }

  /** Other prices of the same source hold from here on. */
  const changeMs = 1_800_000_000_000;

  test('public prices whose date comes while it runs are published then, once, where nobody set prices', async () => {
    const running = control({ OPENAI_API_KEY: 'sk-1' });
    const versions = async () =>
      (await store.pool.query(`select id from price_version where id like 'facts-%' order by id`)).rows.length;
    const cached = async () => {
      const deployment = (await running.compile()).deployments.find(({ id }) => id === 'openai-gpt-5');
      return deployment?.sell && 'rates' in deployment.sell ? deployment.sell.rates['cacheRead'] : undefined;
    };
    await running.ensureZeroConfiguration();
    assert.deepEqual([await running.followFacts(), await versions()], [false, 1]);

    nowMs = changeMs - 1;
    assert.deepEqual([await running.followFacts(), await cached()], [false, undefined]);
    nowMs = changeMs;
    assert.deepEqual([await running.followFacts(), await running.followFacts(), await versions()], [true, false, 2]);
    assert.equal(await cached(), '125000000000');

    await running.apply({ ...request, file: 'prices: { sell: { currency: USD, rates: {} } }' });
    nowMs = 1_790_000_000_000;
    assert.deepEqual([await running.followFacts(), await versions()], [false, 2]);
  });

  test('an installation without public prices follows none, and gets no accounts by it', async () => {
    assert.equal(await control().followFacts(), false);
    assert.equal(await readRevision(store), 0n);
  });

  const request = { dryRun: false, prune: false, actor: 'test' };

  test('applying twice makes one revision, a dry run none, and the export of the store applies without change', async () => {
    const dry = await control().apply({ ...request, file: design, dryRun: true });
    assert.deepEqual([dry.revision, dry.applied, dry.changes.length], [0n, false, 10]);
    assert.equal(await readRevision(store), 0n);

    const first = await control().apply({ ...request, file: design });
    assert.deepEqual([first.revision, first.changes.length], [1n, 10]);
    const second = await control().apply({ ...request, file: design });
    assert.deepEqual([second.revision, second.changes], [1n, []]);
    const third = await control().apply({ ...request, file: await control().exportText(), prune: true });
    assert.deepEqual([third.revision, third.changes], [1n, []]);
  });

  test('what was stored compiles to the snapshot that was meant, and no secret lies in the database', async () => {
    await control().apply({ ...request, file: design });

    const snapshot = loadSnapshot(await control().compile());
    assert.equal(snapshot.revision, 1n);
    const sealer = createSealer(testMasterKey);
    assert.equal(snapshot.findKey(sealer.digestSecret(designVariables.ACME_KEY))?.project, 'acme/web');
    const openai = snapshot.deployments.find(deployment => deployment.id === 'gpt-5-us')?.provider;
    assert.equal(sealer.open(openai?.credential ?? '', 'provider:openai'), 'sk-openai');
    assert.throws(() => sealer.open(openai?.credential ?? '', 'provider:anthropic'), /does not open/);
    const { rows } = await store.pool.query(
      'select document::text as text from configuration_resource union all select changes::text from configuration_revision',
    );
    assert.equal(rows.length, 11);
    assert.doesNotMatch(JSON.stringify(rows), /sk-openai|sk-anthropic|acme-secret/);
  });

  test('a file with problems changes nothing', async () => {
    const broken = design.replace('provider: openai,', 'provider: nobody,');

    await assert.rejects(control().apply({ ...request, file: broken }), ConfigurationError);
    assert.equal(await readRevision(store), 0n);
  });

  test('two changes at once are both made, one after the other', async () => {
    await control().apply({ ...request, file: design });
    const keys = await Promise.all(
      Array.from({ length: 6 }, (_, i) =>
        control().createKey({ project: 'acme/web', name: `key-${i}`, expiresAt: null, actor: 'test' }),
      ),
    );

    assert.equal(await readRevision(store), 7n);
    const snapshot = loadSnapshot(await control().compile());
    for (const { secret, key } of keys) {
      assert.match(secret, /^cck_[0-9A-Za-z]{8}_[0-9A-Za-z]{43}$/);
      assert.equal(snapshot.findKey(createSealer(testMasterKey).digestSecret(secret))?.key, key.id);
    }
  });

  test('an apply onto a revision that is gone is refused by name', async () => {
    await control().apply({ ...request, file: design });

    await assert.rejects(
      control().apply({ ...request, file: 'organisations: { other: {} }', expectedRevision: 0n }),
      (error: unknown) => error instanceof Fault && error.code === 'revision_conflict',
    );
  });

  test('keys are refused where there is no project or the name is taken, and revoked by id or name, twice', async () => {
    await control().apply({ ...request, file: design });
    const make = (project: string, name: string) =>
      control().createKey({ project, name, expiresAt: null, actor: 'test' });
    const isFault = (code: string) => (error: unknown) => error instanceof Fault && error.code === code;

    await assert.rejects(make('acme/nothing', 'x'), isFault('resource_not_found'));
    await assert.rejects(make('acme/web', 'ci'), isFault('resource_exists'));
    const { key } = await make('acme/web', 'second');
    assert.equal((await control().revokeKey('acme/web/second', { actor: 'test' })).revoked, true);
    assert.equal((await control().revokeKey(key.id, { actor: 'test' })).revoked, true);
    assert.equal(await readRevision(store), 3n);
    await assert.rejects(control().revokeKey('nobody', { actor: 'test' }), isFault('resource_not_found'));
  });

  test('a local revocation holds in the snapshot at once and reaches the database later', async () => {
    await control().apply({ ...request, file: design });
    const { key, secret } = await control().createKey({
      project: 'acme/web',
      name: 'x',
      expiresAt: null,
      actor: 'test',
    });
    const digest = createSealer(testMasterKey).digestSecret(secret);

    revokeLocally(dataDirectory, key.id);
    revokeLocally(dataDirectory, 'gone0000');
    assert.throws(() => revokeLocally(dataDirectory, '../etc'), Fault);
    const local = readLocalRevocations(dataDirectory);
    assert.equal(loadSnapshot(await control().compile(local)).findKey(digest)?.revoked, true);
    await storeLocalRevocations(dataDirectory, control());
    assert.deepEqual([...readLocalRevocations(dataDirectory)], []);
    assert.equal(loadSnapshot(await control().compile()).findKey(digest)?.revoked, true);
  });

  test('an unconfigured installation gets its sandbox once, with the first key in a file of its owner', async () => {
    await control({}).ensureZeroConfiguration();
    await control({}).ensureZeroConfiguration();

    assert.equal(await readRevision(store), 1n);
    const path = join(dataDirectory, 'sandbox.key');
    const secret = readFileSync(path, 'utf8').trim();
    assert.equal(statSync(path).mode & 0o777, 0o600);
    const snapshot = loadSnapshot(await control({}).compile());
    assert.equal(snapshot.findKey(createSealer(testMasterKey).digestSecret(secret))?.project, 'sandbox/sandbox');
  });

  test('facts are published once, and the database refuses another content under a published name', async () => {
    await control({ OPENAI_API_KEY: 'sk-1' }).ensureZeroConfiguration();
    await control({ OPENAI_API_KEY: 'sk-2' }).ensureZeroConfiguration();

    const { rows } = await store.pool.query('select id, origin from price_version');
    assert.deepEqual(rows, [{ id: 'facts-1.2.3', origin: 'publish-facts-when-unconfigured' }]);
  });

  test('a database set up with another master key is refused', async () => {
    await claimInstallation(store, masterKeyFingerprint(testMasterKey));
    await claimInstallation(store, masterKeyFingerprint(testMasterKey));

    await assert.rejects(claimInstallation(store, masterKeyFingerprint('x'.repeat(40))), MasterKeyMismatch);
  });

  test('a snapshot on disk is used while it is whole and young enough', async () => {
    await control().apply({ ...request, file: design });
    const path = snapshotPath(dataDirectory);
    assert.equal(readSnapshotFile(path, 1_790_000_000_000).state, 'absent');

    writeSnapshotFile(path, await control().compile());
    assert.equal(statSync(path).mode & 0o777, 0o600);
    assert.equal(readSnapshotFile(path, 1_790_000_000_000 + 86_400_000).state, 'usable');
    assert.equal(readSnapshotFile(path, 1_790_000_000_000 + 86_400_001).state, 'too-old');
    writeFileSync(path, readFileSync(path, 'utf8').slice(0, -20));
    assert.equal(readSnapshotFile(path, 1_790_000_000_000).state, 'broken');
  });

  test('files are read where the server runs, never from its own directory', async () => {
    const outside = mkdtempSync(join(tmpdir(), 'carrier-secret-'));
    writeFileSync(join(outside, 'key'), `${'f'.repeat(40)}\n`);
    writeFileSync(join(dataDirectory, 'master.key'), 'm'.repeat(40));
    const file = (path: string) =>
      `organisations: { a: { projects: { b: { keys: { c: { secret: "file:${path}" } } } } } }`;

    const applied = await control().apply({ ...request, file: file(join(outside, 'key')) });
    assert.equal(applied.changes.length, 3);
    for (const path of [join(dataDirectory, 'master.key'), 'master.key', '/dev/zero', '/nothing/here', outside]) {
      await assert.rejects(control().apply({ ...request, file: file(path) }), ConfigurationError, path);
    }
    rmSync(outside, { recursive: true });
  });
});
