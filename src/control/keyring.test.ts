import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, beforeEach, suite, test } from 'node:test';
import { planContext, testFacts, testMasterKey, testPriceFacts } from '../../test/support/control.ts';
import { createTestDatabase, type TestDatabase } from '../../test/support/database.ts';
import { testKeyring } from '../../test/support/keyring.ts';
import { connect, connectSession, type Store } from '../store/connect.ts';
import { MasterKeyMismatch } from './configuration-store.ts';
import { type Control, createControl } from './control.ts';
import { Keyring } from './keyring.ts';
import { createSealer, masterKeyFingerprint, rootOf, unwrapKey, wrapKey } from './seal.ts';
import { createSecretDesk } from './secret-desk.ts';
import { type MasterKeyPlace, masterKeyPath, masterKeyPlace } from './secret-files.ts';
import { followFilesJob, resealJob } from './secret-upkeep.ts';

const nextKey = 'next-master-key-next-master-key-1';
const author = { actor: 'test' };
const hourMs = 3_600_000;

let database: TestDatabase;
let store: Store;
let directory: string;

suite('the keyring', () => {
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
      `truncate configuration_resource, configuration_revision, price_version, installation, sealing_key, sealing_replica,
                access_user, webhook_endpoint cascade`,
    );
    directory = mkdtempSync(join(tmpdir(), 'carrier-keyring-'));
    const made = directory;
    if ('after' in t) t.after(() => rmSync(made, { recursive: true }));
  });

  const ofOurs = (replica = 'a') =>
    new Keyring({ place: masterKeyPlace(directory, undefined), path: join(directory, 'keyring.json'), replica });
  async function loaded(keyring: Keyring): Promise<Keyring> {
    await keyring.load(store);
    return keyring;
  }
  function controlOf({ sealer }: Keyring, environment: Readonly<Record<string, string>> = {}): Control {
    return createControl({
      store,
      sealer,
      references: { environment, workingDirectory: directory, dataDirectory: join(directory, 'none') },
      kinds: planContext().kinds,
      facts: () => testFacts,
      priceFacts: () => testPriceFacts,
      sandboxBaseUrl: 'unix:/x',
      nowMs: () => 1_790_000_000_000,
      changed: () => {},
    });
  }
  const provider = (reference: string) =>
    `providers: { openai: { dialect: openai-chat, baseUrl: "https://api.openai.com/v1", credential: "${reference}" } }`;
  const apply = (control: Control, file: string) => control.apply({ file, dryRun: false, prune: false, actor: 'test' });
  const credential = async (control: Control, { sealer }: Keyring) => {
    const text = (await control.compile()).providers.find(({ name }) => name === 'openai')?.credential ?? '';
    return { text, opened: sealer.open(text, 'provider:openai') };
  };
  const fingerprint = async () =>
    (await store.pool.query('select master_key_fingerprint as f from installation')).rows[0].f as string;
  async function run(job: ReturnType<typeof resealJob>) {
    const client = connectSession(database.url);
    await client.connect();
    try {
      return await job.run({ client, progress: () => {}, signal: new AbortController().signal });
    } finally {
      await client.end();
    }
  }

  test('a new installation seals under a key of its own, which only its master key opens', async () => {
    const keyring = await loaded(testKeyring(directory));
    const sealed = keyring.sealer.seal('sk-secret', 'provider:openai');

    assert.match(sealed, /^v2\.[0-9a-f]{10}\.[A-Za-z0-9_-]+$/);
    assert.equal(keyring.sealer.open(sealed, 'provider:openai'), 'sk-secret');
    assert.throws(() => keyring.sealer.open(sealed, 'provider:other'), /does not open/);
    assert.throws(
      () => createSealer(testMasterKey).open(sealed, 'provider:openai'),
      /its key [0-9a-f]{10} is not here/,
    );
    const again = testKeyring(directory);
    assert.equal(again.isOpen, true);
    assert.equal(again.sealer.open(sealed, 'provider:openai'), 'sk-secret');
    assert.equal(testKeyring(directory, { masterKey: nextKey }).isOpen, false);
    const file = readFileSync(join(directory, 'keyring.json'), 'utf8');
    for (const damaged of [
      '',
      '{}',
      '{',
      file.replaceAll('"w1.', '"w1.AAAA'),
      file.replaceAll('"wrapped":"', '"w":"'),
    ]) {
      writeFileSync(join(directory, 'keyring.json'), damaged);
      assert.equal(testKeyring(directory).isOpen, false, damaged);
    }
    assert.equal((await loaded(testKeyring(directory))).sealer.open(sealed, 'provider:openai'), 'sk-secret');
    assert.equal(testKeyring(directory).isOpen, true);
    const { rows } = await store.pool.query(`select wrapped from sealing_key where state = 'active'`);
    const id = sealed.split('.')[1] ?? '';
    assert.equal(Buffer.from(unwrapKey(testMasterKey, rows[0].wrapped, id), 'base64url').length, 32);
    assert.throws(() => unwrapKey(nextKey, rows[0].wrapped, id), /does not open/);
    assert.throws(() => unwrapKey(testMasterKey, rows[0].wrapped, 'root'), /does not open/);
    for (const broken of ['v2.', `v2.${id}`, `v2.${id}.`, `v2.${id}.AAAA`, `v3.${sealed.slice(3)}`, `${sealed}.A`]) {
      assert.throws(() => keyring.sealer.open(broken, 'provider:openai'), broken);
    }
  });

  test('an installation of before goes on under its root until it rotates, and its digests never change', async () => {
    const old = createSealer(testMasterKey);
    const control = controlOf({ sealer: old } as Keyring, { KEY: 'sk-1' });
    await apply(control, provider('env:KEY'));
    const keyring = await loaded(testKeyring(directory));

    assert.match(keyring.sealer.seal('x', 'y'), /^v1\./);
    assert.equal((await credential(control, keyring)).opened, 'sk-1');
    await keyring.rotate(store, author);
    assert.match(keyring.sealer.seal('x', 'y'), /^v2\./);
    assert.equal((await credential(control, keyring)).opened, 'sk-1');
    await keyring.rotateMaster(store, nextKey, author);

    const started = await loaded(testKeyring(mkdtempSync(join(directory, 'b-')), { masterKey: nextKey }));
    assert.equal(started.sealer.digestSecret('secret'), old.digestSecret('secret'));
    assert.equal(started.sealer.fingerprintOf('secret'), old.fingerprintOf('secret'));
    assert.deepEqual(started.sealer.keyFor('reasoning-state/1').export(), old.keyFor('reasoning-state/1').export());
    assert.equal((await credential(control, started)).opened, 'sk-1');
    assert.notEqual(rootOf(nextKey), started.keys.root);
  });

  test('the secrets of keys that sign are sealed anew by a rotation, those from before among them', async () => {
    const keyring = await loaded(testKeyring(directory));
    const control = controlOf(keyring);
    await apply(control, 'organisations: { acme: { projects: { web: {} } } }');
    const made = await control.createKey({ ...author, project: 'acme/web', name: 'sdk', document: { sigv4: true } });
    const next = await control.rotateKey({ ...author, name: made.key.id, overlapMs: hourMs });
    await control.createKey({ ...author, project: 'acme/web', name: 'app' });
    const sealing = await keyring.rotate(store, author);

    assert.equal(await control.resealSecrets(author), 1);
    assert.equal(await control.resealSecrets(author), 0);
    const {
      secretSealed = '',
      digest,
      previous,
    } = (await control.compile()).keys.find(({ id }) => id === made.key.id)!;
    const opened = [{ secretSealed, digest }, ...(previous ?? [])].map(({ secretSealed: sealed = '', digest: of }) => [
      sealed.startsWith(`v2.${sealing}.`),
      keyring.sealer.open(sealed, `key-secret:${of}`),
    ]);
    assert.deepEqual(opened, [
      [true, next.secret],
      [true, made.secret],
    ]);
  });

  test('a rotation seals everything anew, piece by piece, and ends the old key a day later and not before', async () => {
    const keyring = await loaded(testKeyring(directory));
    const control = controlOf(keyring, { KEY: 'sk-1' });
    await apply(control, provider('env:KEY'));
    const { sealer } = keyring;
    await store.pool.query(`insert into access_user (id, name, totp_sealed) values ('u_1', 'n', $1)`, [
      sealer.seal('totp', 'access:totp:u_1'),
    ]);
    await store.pool.query(
      `insert into webhook_endpoint (id, url, events, secret_sealed, previous_sealed, previous_until)
       values ('we_1', 'https://x.example', '{*}', $1, $2, now())`,
      [sealer.seal('whsec_1', 'webhook:we_1'), sealer.seal('whsec_0', 'webhook:we_1')],
    );
    const first = keyring.keys.active ?? '';
    const fleeting = sealer.seal('an answer', 'idempotent:x');

    const second = await keyring.rotate(store, author);
    let nowMs = Date.now();
    const job = resealJob({ store, keyring, control: () => control, nowMs: () => nowMs });
    assert.deepEqual(await run(job), { resealed: 4, ended: 0 });
    assert.deepEqual(await run(job), { resealed: 0, ended: 0 });

    const { text, opened } = await credential(control, keyring);
    assert.deepEqual([text.startsWith(`v2.${second}.`), opened], [true, 'sk-1']);
    const { rows } = await store.pool.query(
      `select totp_sealed as sealed from access_user union all select secret_sealed from webhook_endpoint union all select previous_sealed from webhook_endpoint`,
    );
    assert.equal(
      rows.every(({ sealed }) => sealed.startsWith(`v2.${second}.`)),
      true,
    );
    assert.equal(sealer.open(rows[0].sealed, 'access:totp:u_1'), 'totp');
    assert.equal(sealer.open(fleeting, 'idempotent:x'), 'an answer');
    nowMs += 25 * hourMs - 60_000;
    assert.deepEqual(await run(job), { resealed: 0, ended: 0 });
    nowMs += 120_000;
    assert.deepEqual(await run(job), { resealed: 0, ended: 1 });
    assert.deepEqual(Object.keys(keyring.keys.data), [second]);
    assert.throws(() => sealer.open(fleeting, 'idempotent:x'), new RegExp(`its key ${first} is not here`));
    const { rows: told } = await store.pool.query(
      `select action, target from audit_event where action like 'secrets.%' order by number desc limit 2`,
    );
    assert.deepEqual(told, [
      { action: 'secrets.end', target: `sealing-key:${first}` },
      { action: 'secrets.rotate', target: `sealing-key:${second}` },
    ]);
  });

  test('a key that something is still sealed under does not end, however old', async () => {
    const keyring = await loaded(testKeyring(directory));
    const held = keyring.sealer.seal('totp', 'access:totp:u_1');
    await keyring.rotate(store, author);
    const job = resealJob({ store, keyring, control: () => controlOf(keyring), nowMs: () => Date.now() + 99 * hourMs });
    const straggler = connectSession(database.url);
    await straggler.connect();
    // Written by a replica that had not seen the new key, after the job has looked for such.
    const racing: typeof job = {
      ...job,
      run: context =>
        job.run({
          ...context,
          client: new Proxy(context.client, {
            get: (client, name) =>
              name !== 'query'
                ? Reflect.get(client, name)
                : async (text: string, values: unknown[]) => {
                    if (text.includes('delete from sealing_key')) {
                      await straggler.query(`insert into access_user (id, name, totp_sealed) values ('u_1', 'n', $1)`, [
                        held,
                      ]);
                    }
                    return client.query(text, values);
                  },
          }),
        }),
    };

    assert.deepEqual(await run(racing), { resealed: 0, ended: 0 });
    assert.deepEqual(await run(job), { resealed: 1, ended: 1 });
    await straggler.end();
  });

  test('cut off after any statement, sealing anew goes on where it was and loses nothing', async () => {
    const keyring = await loaded(testKeyring(directory));
    const control = controlOf(keyring, { KEY: 'sk-1' });
    await apply(control, provider('env:KEY'));
    for (const user of ['u_1', 'u_2', 'u_3']) {
      await store.pool.query(`insert into access_user (id, name, totp_sealed) values ($1, 'n', $2)`, [
        user,
        keyring.sealer.seal(user, `access:totp:${user}`),
      ]);
    }
    await keyring.rotate(store, author);
    const job = resealJob({ store, keyring, control: () => control });

    let left = 0;
    for (let cutAfter = 0, cut = true; cut; cutAfter += 1) {
      assert.ok(cutAfter < 20);
      left = cutAfter;
      cut = false;
      const cutting: typeof job = {
        ...job,
        run: context =>
          job.run({
            ...context,
            client: new Proxy(context.client, {
              get: (client, name) =>
                name !== 'query'
                  ? Reflect.get(client, name)
                  : (text: string, values: unknown[]) => {
                      left -= 1;
                      if (left >= 0) return client.query(text, values);
                      cut = true;
                      throw new Error('the process has died');
                    },
            }),
          }),
      };
      await run(cutting).catch(error => assert.match(error.message, /has died/));
      const { rows } = await store.pool.query('select id, totp_sealed as sealed from access_user order by id');
      assert.deepEqual(
        rows.map(({ id, sealed }) => keyring.sealer.open(sealed, `access:totp:${id}`)),
        ['u_1', 'u_2', 'u_3'],
      );
      assert.equal((await credential(control, keyring)).opened, 'sk-1');
    }
    const { rows } = await store.pool.query('select totp_sealed as sealed from access_user');
    assert.equal(
      rows.every(({ sealed }) => keyring.sealer.isCurrent(sealed)),
      true,
    );
  });

  test('of both master keys exactly one starts the installation, wherever a replacement broke off', async () => {
    const before = (await loaded(ofOurs())).sealer;
    const sealed = before.seal('sk-1', 'provider:openai');
    const steps = ['prepare', 'lock', 'commit', 'settle', 'none'] as const;
    let changes = 0;

    for (const step of steps) {
      const old = readFileSync(masterKeyPath(directory), 'utf8').trim();
      const next = `${step}-master-key-${'x'.repeat(32)}`;
      const real = masterKeyPlace(directory, undefined);
      const dies = (at: string) => {
        if (step === at) throw new Error('the process has died');
      };
      const place: MasterKeyPlace = {
        ...real,
        prepare: key => {
          dies('prepare');
          real.prepare(key);
          dies('lock');
        },
        settle: key => {
          dies(key === next ? 'settle' : '');
          real.settle(key);
        },
      };
      const keyring = await loaded(new Keyring({ place, path: join(directory, 'keyring.json'), replica: 'a' }));
      if (step === 'commit') {
        await store.pool.query(
          `create function die() returns trigger language plpgsql as $$ begin raise exception 'the process has died'; end $$;
           create constraint trigger dies after update on installation deferrable initially deferred for each row execute function die()`,
        );
      }
      const rotation = keyring.rotateMaster(store, next, author);
      if (step === 'none') await rotation;
      else await assert.rejects(rotation, /has died/);
      if (step === 'commit') await store.pool.query('drop trigger dies on installation; drop function die()');

      const isNext = step === 'settle' || step === 'none';
      const [good, bad] = isNext ? [next, old] : [old, next];
      changes += isNext ? 1 : 0;
      assert.equal(await fingerprint(), masterKeyFingerprint(good), step);
      const elsewhere = (masterKey: string) => testKeyring(mkdtempSync(join(directory, 'c-')), { masterKey });
      await assert.rejects(elsewhere(bad).load(store), (error: Error) => {
        assert.ok(error instanceof MasterKeyMismatch);
        assert.ok(error.message.includes(masterKeyFingerprint(good).slice(0, 8)), error.message);
        assert.equal(/has had another master key since 2/.test(error.message), changes > 0);
        assert.doesNotMatch(error.message, /xxx/);
        return true;
      });
      assert.equal((await loaded(elsewhere(good))).sealer.open(sealed, 'provider:openai'), 'sk-1');
      // The same machine starts by itself, with the database and, where its copy is of now, without.
      const again = ofOurs();
      assert.equal(again.isOpen, true);
      assert.equal((await loaded(again)).sealer.open(sealed, 'provider:openai'), 'sk-1');
      assert.equal(readFileSync(masterKeyPath(directory), 'utf8').trim(), good);
      assert.equal(existsSync(`${masterKeyPath(directory)}.next`), false);
    }
  });

  test('a replica with the master key of before goes on, hears of it, and may not rotate until it is started anew', async () => {
    const a = await loaded(testKeyring(directory));
    const b = await loaded(testKeyring(mkdtempSync(join(directory, 'b-')), { replica: 'b' }));
    await b.present(store);
    const sealed = a.sealer.seal('sk-1', 'provider:openai');
    await a.rotateMaster(store, nextKey, author);

    await b.present(store);
    assert.deepEqual([a.isOutdated, b.isOutdated], [false, true]);
    assert.equal(b.sealer.open(sealed, 'provider:openai'), 'sk-1');
    assert.equal(b.sealer.open(a.sealer.seal('sk-2', 'x'), 'x'), 'sk-2');
    await assert.rejects(b.rotate(store, author), { code: 'master_key_outdated' });
    await assert.rejects(b.rotateMaster(store, 'another-master-key-another-master-2', author), {
      code: 'master_key_outdated',
    });
    await assert.rejects(a.rotate(store, author), { code: 'master_key_outdated', message: /The replica b runs/ });
    const { masterKey } = await deskOf(a).view();
    assert.deepEqual(masterKey.outdatedReplicas, ['b']);

    const c = await loaded(testKeyring(mkdtempSync(join(directory, 'b-')), { replica: 'b', masterKey: nextKey }));
    await c.present(store);
    const id = await a.rotate(store, author);
    assert.equal(c.keys.active === id, false);
    await c.refresh(store);
    assert.equal(c.keys.active, id);
    assert.equal(c.sealer.open(a.sealer.seal('sk-3', 'x'), 'x'), 'sk-3');
  });

  test('eight rotations may wait for their end, a ninth is refused', async () => {
    const keyring = await loaded(testKeyring(directory));
    for (let rotations = 0; rotations < 8; rotations += 1) await keyring.rotate(store, author);

    await assert.rejects(keyring.rotate(store, author), { code: 'secrets_rotating' });
    assert.equal(Object.keys(keyring.keys.data).length, 9);
  });

  const deskOf = (
    keyring: Keyring,
    environment: Readonly<Record<string, string>> = {},
    given: string | undefined = testMasterKey,
  ) => {
    const sources = { environment, workingDirectory: directory, dataDirectory: join(directory, 'none') };
    const control = controlOf(keyring, environment);
    return createSecretDesk({
      store,
      keyring,
      place: masterKeyPlace(directory, given),
      control,
      sources,
      runJob: async () => {},
    });
  };

  test('a new master key comes by reference, and what cannot be one is refused without being repeated', async () => {
    const keyring = await loaded(testKeyring(directory));
    const desk = deskOf(keyring, { SHORT: 'zzz', NEXT: nextKey, SAME: testMasterKey, CARRIER_MASTER_KEY: nextKey });
    const refused = async (reference: string | undefined, expected: RegExp) =>
      assert.rejects(desk.rotateMaster(reference, author), (error: Error) => {
        assert.match(`${error.message} ${JSON.stringify(error)}`, expected);
        assert.doesNotMatch(JSON.stringify(error), /zzz|next-master/);
        return true;
      });

    await refused(undefined, /is needed where the master key was given/);
    await refused('env:SHORT', /fewer than 32 characters/);
    await refused('env:NOWHERE', /is not set where the server runs/);
    await refused('env:CARRIER_MASTER_KEY', /belongs to the server itself/);
    await refused('file:none', /cannot be read/);
    await assert.rejects(desk.rotateMaster('env:SAME', author), { code: 'master_key_same' });
    assert.equal(await fingerprint(), masterKeyFingerprint(testMasterKey));
    const { before, after: now } = await desk.rotateMaster('env:NEXT', author);
    assert.deepEqual([before, now], [masterKeyFingerprint(testMasterKey), masterKeyFingerprint(nextKey)]);
    assert.equal(await fingerprint(), now);
    const { rows } = await store.pool.query(
      `select before::text, after::text from audit_event where target = 'master-key' order by number desc limit 1`,
    );
    assert.doesNotMatch(JSON.stringify(rows), /master-key-/);
  });

  test('a file that changes is read again, one that is gone changes nothing and is told', async () => {
    const keyring = await loaded(testKeyring(directory));
    const control = controlOf(keyring);
    const path = join(directory, 'openai.key');
    writeFileSync(path, 'sk-first\n');
    await apply(control, provider('file:openai.key'));
    const job = followFilesJob({ control: () => control });
    const opened = async () => (await credential(control, keyring)).opened;

    assert.deepEqual(await run(job), { changed: 0, unresolved: 0, first: null });
    writeFileSync(path, 'sk-second\n');
    assert.deepEqual([await run(job), await opened()], [{ changed: 1, unresolved: 0, first: null }, 'sk-second']);
    writeFileSync(path, '\n');
    assert.deepEqual(
      [await run(job), await opened()],
      [{ changed: 0, unresolved: 1, first: 'provider:openai' }, 'sk-second'],
    );
    rmSync(path);
    assert.deepEqual(
      [await run(job), await opened()],
      [{ changed: 0, unresolved: 1, first: 'provider:openai' }, 'sk-second'],
    );
    const [reference] = await control.references();
    assert.equal(reference?.isSame, null);
    assert.match(reference?.problem ?? '', /cannot be read where the server runs \(ENOENT\)/);
  });

  test('what databases hold opens for ever: texts of before, and wrapped keys', () => {
    const masterKey = 'm'.repeat(32);

    const ofBefore = 'v1.BkpIQSxaTB8lNMIzzToRlNBe1vhKaFfdLLPSGyA3eVxUWFi4m7CKRA';
    assert.equal(createSealer(masterKey).open(ofBefore, 'provider:openai'), 'sk-of-before');
    const wrapped =
      'w1.YBXwxgDFALGtBIyB0xdC-wR8_HhDZLpfS57yxR_5tfVCK_wRVkDiu50Crdg46rJPtS867KhSaRCHLJBPiMBigtHXp9Mff58';
    assert.equal(unwrapKey(masterKey, wrapped, 'k1'), 'A'.repeat(43));
    assert.notEqual(wrapKey(masterKey, 'A'.repeat(43), 'k1'), wrapped);
  });
});
