import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, beforeEach, suite, test } from 'node:test';
import { type AdminUnderTest, startAdmin } from '../../test/support/admin.ts';
import { adminCaller, type CallAdmin } from '../../test/support/admin-call.ts';
import { testMasterKey } from '../../test/support/control.ts';
import { compileSnapshot } from '../control/compile.ts';
import { readConfiguration } from '../control/configuration-store.ts';
import { expiryNotice, keyExpiryJob } from '../control/key-expiry.ts';
import { type KeyResource, resourcesOf } from '../control/resources.ts';
import { createSealer, keySecretContext } from '../control/seal.ts';
import { authenticate } from '../gateway/authenticate.ts';
import { loadSnapshot } from '../snapshot/load.ts';

const design = readFileSync(new URL('../../test/support/fixtures/design.yaml', import.meta.url), 'utf8');
/** The clock of startAdmin. */
const nowMs = 1_790_000_000_000;
const { digestSecret } = createSealer(testMasterKey);
let admin: AdminUnderTest;
let call: CallAdmin;

async function snapshot() {
  const stored = await readConfiguration(admin.store);
  return loadSnapshot(compileSnapshot(stored, { compiledAt: '2026-09-21T00:00:00Z', sandboxBaseUrl: 'unix:/x' }));
}

async function answerOf(secret: string, atMs: number): Promise<string> {
  const current = await snapshot();
  try {
    return authenticate(secret, current, digestSecret, atMs).key;
  } catch (error) {
    return (error as { code: string }).code;
  }
}

async function notices(): Promise<unknown[]> {
  const { rows } = await admin.store.pool.query(
    `select kind, organisation, body ->> 'name' as name from notice order by at, kind`,
  );
  return rows.map(({ kind, organisation, name }) => `${kind} ${organisation} ${name}`);
}

suite('keys and their secrets', () => {
  before(async () => {
    admin = await startAdmin();
    call = adminCaller(admin);
  });
  after(() => admin.stop());
  beforeEach(async () => {
    admin.unexpected.length = 0;
    await admin.clear();
    await admin.store.pool.query('truncate notice');
    await call('POST', '/api/v1/apply', { file: design });
  });

  test('a rotated key is the same key by both secrets until the overlap is over, then by the new one alone', async () => {
    const created = await call('POST', '/api/v1/keys', { project: 'acme/web', name: 'app' });
    const { id, secret: first } = created.json;
    const rotated = await call('POST', '/api/v1/keys/acme/web/app/rotate', { overlapSeconds: 60 });
    const { secret: second } = rotated.json;

    assert.equal(rotated.status, 200);
    assert.deepEqual([rotated.json.id, rotated.json.previousUntil], [id, ['2026-09-21T14:14:20.000Z']]);
    assert.match(second, new RegExp(`^cck_${id}_[0-9A-Za-z]{43}$`));
    assert.notEqual(second, first);
    assert.equal(rotated.headers.get('etag') === created.headers.get('etag'), false);
    assert.deepEqual(
      [await answerOf(first, nowMs), await answerOf(second, nowMs), await answerOf(first, nowMs + 59_999)],
      [id, id, id],
    );
    assert.deepEqual(
      [await answerOf(first, nowMs + 60_000), await answerOf(second, nowMs + 60_000)],
      ['key_rotated', id],
    );
    assert.doesNotMatch(JSON.stringify((await call('GET', `/api/v1/keys/${id}`)).json), /cck_/);
  });

  test('an overlap of nothing ends every secret before; a revocation and an expiry end all of them', async () => {
    const { id, secret: first } = (await call('POST', '/api/v1/keys', { project: 'acme/web', name: 'app' })).json;
    const { secret: second } = (await call('POST', `/api/v1/keys/${id}/rotate`, {})).json;
    const third = (await call('POST', `/api/v1/keys/${id}/rotate`, { overlapSeconds: 0 })).json;

    assert.deepEqual(third.previousUntil, []);
    assert.deepEqual(
      [await answerOf(first, nowMs), await answerOf(second, nowMs), await answerOf(third.secret, nowMs)],
      ['key_rotated', 'key_rotated', id],
    );
    const { secret: fourth } = (await call('POST', `/api/v1/keys/${id}/rotate`, {})).json;
    await call('PATCH', `/api/v1/keys/${id}`, { expiresAt: '2026-09-21T14:13:30Z' });
    assert.deepEqual(
      [await answerOf(third.secret, nowMs + 10_000), await answerOf(fourth, nowMs + 10_000)],
      ['key_expired', 'key_expired'],
    );
    await call('DELETE', `/api/v1/keys/${id}`);
    assert.deepEqual(
      [await answerOf(third.secret, nowMs), await answerOf(fourth, nowMs)],
      ['key_revoked', 'key_revoked'],
    );
    const revoked = await call('POST', `/api/v1/keys/${id}/rotate`, {});
    assert.deepEqual([revoked.status, revoked.json.code], [409, 'key_not_active']);
  });

  test('a key that signs is marked wherever it is shown, and rotates and is revoked as every other', async () => {
    const created = (await call('POST', '/api/v1/keys', { project: 'acme/web', name: 'sdk', sigv4: true })).json;
    const plain = (await call('POST', '/api/v1/keys', { project: 'acme/web', name: 'app' })).json;
    const rotated = (await call('POST', `/api/v1/keys/${created.id}/rotate`, { overlapSeconds: 60 })).json;
    const listed = (await call('GET', '/api/v1/keys')).json.items;

    assert.deepEqual([created.sigv4, created.document.sigv4, plain.sigv4], [true, true, false]);
    assert.deepEqual(listed.map(({ name, sigv4 }: { name: string; sigv4: boolean }) => [name, sigv4]).sort(), [
      ['app', false],
      ['ci', false],
      ['sdk', true],
    ]);
    const { secrets } = (await snapshot()).findSigner(created.id)!;
    const open = secrets.map(({ digest, sealed }) => admin.keyring.sealer.open(sealed, keySecretContext(digest)));
    assert.deepEqual(open, [rotated.secret, created.secret]);
    assert.doesNotMatch(JSON.stringify([listed, rotated.document]), /cck_|v2\./);
    const { rows } = await admin.store.pool.query(
      `select (select string_agg(document::text, '') from configuration_resource) as stored,
              (select string_agg(concat(before, after), '') from audit_event) as told`,
    );
    assert.match(rows[0].stored, /secretSealed/);
    assert.doesNotMatch(rows[0].stored, /cck_/);
    assert.doesNotMatch(rows[0].told, /cck_|v2\./);

    await call('DELETE', `/api/v1/keys/${created.id}`);
    const after = (await snapshot()).findSigner(created.id)!;
    assert.deepEqual(
      [after.principal.revoked, ...after.secrets.map(({ principal }) => principal.revoked)],
      [true, true, true],
    );
  });

  test('a rotation without overlap forgets the secret before, and the mark cannot be put on afterwards', async () => {
    const { id } = (await call('POST', '/api/v1/keys', { project: 'acme/web', name: 'sdk', sigv4: true })).json;
    const { secret } = (await call('POST', `/api/v1/keys/${id}/rotate`, { overlapSeconds: 0 })).json;
    const { secrets } = (await snapshot()).findSigner(id)!;
    assert.deepEqual(
      secrets.map(({ digest }) => digest),
      [admin.keyring.sealer.digestSecret(secret)],
    );

    await call('PATCH', `/api/v1/keys/${id}`, { sigv4: false });
    assert.deepEqual((await snapshot()).findSigner(id)?.secrets, []);
    assert.equal(await answerOf(secret, nowMs), id);
    const refused = await call('PATCH', `/api/v1/keys/${id}`, { sigv4: true });
    assert.deepEqual([refused.status, refused.json.code], [400, 'configuration_invalid']);
    assert.match(JSON.stringify(refused.json), /keys create --sigv4/);
  });

  test('the database takes the secret of a key in no form but sealed', async () => {
    const { id } = (await call('POST', '/api/v1/keys', { project: 'acme/web', name: 'sdk', sigv4: true })).json;

    for (const value of ['"cck_in_the_clear"', '7', '{"v2": 1}']) {
      await assert.rejects(
        admin.store.pool.query(
          `update configuration_resource set document = document || '{"secretSealed": ${value}}' where id = $1`,
          [id],
        ),
        /configuration_resource_key_secrets_sealed/,
      );
    }
  });

  test('more than three older secrets at once are refused, and a shorter overlap ends them all', async () => {
    const { id } = (await call('POST', '/api/v1/keys', { project: 'acme/web', name: 'app' })).json;
    const rotate = (overlapSeconds: number) => call('POST', `/api/v1/keys/${id}/rotate`, { overlapSeconds });

    for (let count = 1; count <= 3; count++) assert.equal((await rotate(600)).status, 200);
    const fourth = await rotate(600);
    assert.deepEqual([fourth.status, fourth.json.code], [409, 'key_rotations_open']);
    assert.equal((await rotate(0)).status, 200);
    assert.equal((await rotate(600)).status, 200);
    for (const wrong of [-1, 1.5, 90 * 86_400 + 1, '60', null]) {
      assert.equal((await call('POST', `/api/v1/keys/${id}/rotate`, { overlapSeconds: wrong })).status, 400);
    }
    assert.equal((await call('POST', '/api/v1/keys/none/rotate', {})).status, 404);
  });

  test('rotating an imported secret detaches it from its file, and the old file cannot bring it back', async () => {
    const rotated = await call('POST', '/api/v1/keys/acme/web/ci/rotate', { overlapSeconds: 0 });

    assert.deepEqual(rotated.json.notices, [
      'Its secret no longer comes from env:ACME_KEY: take `secret` out of the file that names it.',
    ]);
    const again = await call('POST', '/api/v1/apply', { file: design });
    assert.deepEqual(
      again.json.errors.map((error: { path: string; message: string }) => [error.path, error.message]),
      [
        [
          'organisations.acme.projects.web.keys.ci.secret',
          'this secret was replaced by a rotation; take `secret` out to keep the one it has now',
        ],
      ],
    );
    const withoutSecret = design.replace(/secret: env:ACME_KEY/, '');
    assert.deepEqual((await call('POST', '/api/v1/apply', { file: withoutSecret })).json.changes, []);
    assert.equal(await answerOf(rotated.json.secret, nowMs), rotated.json.id);
  });

  test('a key is created with everything that a file may say of it', async () => {
    const created = await call('POST', '/api/v1/keys', {
      project: 'acme/web',
      name: 'browser',
      expiresAt: '2027-01-01T00:00:00+01:00',
      addresses: ['10.1.2.3', '2001:DB8::/32'],
      origins: ['https://App.Example.com', 'https://*.example.org'],
      tags: { team: 'search', app: 'site' },
      allow: ['openai/*'],
      policies: ['cheapest'],
      budget: { limit: '5', period: 'day' },
    });

    assert.equal(created.status, 201, JSON.stringify(created.json));
    assert.deepEqual(created.json.document, {
      expiresAt: '2026-12-31T23:00:00.000Z',
      allow: ['openai/*'],
      policies: ['cheapest'],
      addresses: ['10.1.2.3/32', '2001:db8::/32'],
      origins: ['https://*.example.org', 'https://app.example.com'],
      tags: { app: 'site', team: 'search' },
      budget: { limit: '5', period: 'day', hard: true },
    });
    assert.deepEqual([created.json.state, created.json.createdAt], ['active', '2026-09-21T14:13:20.000Z']);
    const imported = await call('POST', '/api/v1/keys', {
      project: 'acme/web',
      name: 'env',
      secret: 'env:OPENAI_API_KEY',
    });
    assert.equal(imported.status, 400, 'a provider credential of 9 characters is no secret of a key');
  });

  test('what happens to keys is noticed once, and nothing by which they could be used', async () => {
    const { id } = (await call('POST', '/api/v1/keys', { project: 'acme/web', name: 'app' })).json;
    await call('POST', `/api/v1/keys/${id}/rotate`, {});
    await call('PATCH', `/api/v1/keys/${id}`, { expiresAt: new Date(nowMs + 3 * 86_400_000).toISOString() });
    await call('DELETE', `/api/v1/keys/${id}`);
    await call('DELETE', `/api/v1/keys/${id}`);

    assert.deepEqual(await notices(), [
      'key.created acme acme/web/ci',
      'key.created acme acme/web/app',
      'key.rotated acme acme/web/app',
      'key.revoked acme acme/web/app',
    ]);
    const { rows } = await admin.store.pool.query('select string_agg(body::text, $1) as text from notice', ['']);
    assert.doesNotMatch(rows[0].text, /cck_|digest|[0-9a-f]{64}/);
  });

  test('the end of a key is noticed seven days ahead, one day ahead and when it comes, each once', async () => {
    const expiresAt = new Date(nowMs + 10 * 86_400_000).toISOString();
    await call('POST', '/api/v1/keys', { project: 'acme/web', name: 'app', expiresAt });
    await admin.store.pool.query('truncate notice');
    const run = async (days: number) => {
      const client = await admin.store.pool.connect();
      try {
        const { run: work } = keyExpiryJob(() => nowMs + days * 86_400_000);
        // The cast is true: a pool's client does what a session does, and the job asks no more of it.
        return await work({ client: client as never, progress: () => {}, signal: new AbortController().signal });
      } finally {
        client.release();
      }
    };

    assert.deepEqual(
      [await run(2), await run(3), await run(3.1), await run(9), await run(9), await run(10), await run(11)],
      [{ told: 0 }, { told: 1 }, { told: 0 }, { told: 1 }, { told: 0 }, { told: 1 }, { told: 0 }],
    );
    assert.deepEqual(await notices(), [
      'key.expiring acme acme/web/app',
      'key.expiring acme acme/web/app',
      'key.expired acme acme/web/app',
    ]);
    const [key] = resourcesOf(await readConfiguration(admin.store), 'key').filter(({ name }) => name === 'app');
    assert.equal(expiryNotice({ ...(key as KeyResource), revoked: true }, nowMs + 9 * 86_400_000), undefined);
    assert.equal(expiryNotice(key!, nowMs + 18 * 86_400_000), undefined);
  });
});
