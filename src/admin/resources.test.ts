import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, beforeEach, suite, test } from 'node:test';
import fc from 'fast-check';
import { type AdminUnderTest, startAdmin } from '../../test/support/admin.ts';
import { adminCaller, type CallAdmin } from '../../test/support/admin-call.ts';
import { planContext, planText, testNowMs } from '../../test/support/control.ts';
import { compileSnapshot } from '../control/compile.ts';
import { readConfiguration } from '../control/configuration-store.ts';
import { exportConfiguration } from '../control/export.ts';
import { type Configuration, emptyConfiguration } from '../control/resources.ts';
import { providers } from '../providers/registry.ts';

const design = readFileSync(new URL('../../test/support/fixtures/design.yaml', import.meta.url), 'utf8');
const variables = {
  OPENAI_API_KEY: 'sk-openai',
  ANTHROPIC_API_KEY: 'sk-anthropic',
  ACME_KEY: 'acme-secret-acme-secret-acme-secret',
};
let admin: AdminUnderTest;
let call: CallAdmin;

suite('resources by the management API', () => {
  before(async () => {
    admin = await startAdmin();
    call = adminCaller(admin);
  });
  after(() => admin.stop());
  beforeEach(async () => {
    admin.unexpected.length = 0;
    await admin.clear();
    await call('POST', '/api/v1/apply', { file: design });
  });

  test('each is created, shown, replaced, patched and deleted, under an ETag that changes with it', async () => {
    const created = await call('POST', '/api/v1/routes', {
      name: 'team/fast',
      candidates: [{ deployment: 'gpt-5-us' }],
    });
    assert.deepEqual(
      [created.status, created.headers.get('location'), created.json],
      [
        201,
        '/api/v1/routes/team%2Ffast',
        {
          id: 'team/fast',
          origin: 'declared',
          document: { candidates: [{ deployment: 'gpt-5-us', weight: 1, priority: 1 }] },
        },
      ],
    );
    const shown = await call('GET', '/api/v1/routes/team/fast');
    assert.deepEqual([shown.json, shown.headers.get('etag')], [created.json, created.headers.get('etag')]);

    const patched = await call('PATCH', '/api/v1/routes/team%2Ffast', { retries: 5 });
    assert.deepEqual([patched.status, patched.json.document.retries], [200, 5]);
    assert.notEqual(patched.headers.get('etag'), created.headers.get('etag'));
    const replaced = await call('PUT', '/api/v1/routes/team/fast', {
      candidates: [{ deployment: 'sonnet-eu', weight: 3 }],
    });
    assert.deepEqual(replaced.json.document, { candidates: [{ deployment: 'sonnet-eu', weight: 3, priority: 1 }] });

    const deleted = await call('DELETE', '/api/v1/routes/team/fast');
    assert.deepEqual([deleted.status, deleted.json], [204, '']);
    assert.equal(
      (await call('DELETE', '/api/v1/routes/team/fast')).headers.get('x-carrier-fault'),
      'resource_not_found',
    );
    assert.deepEqual(admin.unexpected, []);
  });

  test('a PUT makes what is not there, and what lies below a resource stays when it is replaced', async () => {
    assert.equal((await call('PUT', '/api/v1/organisations/globex', { usageTags: ['feature'] })).status, 201);
    assert.equal((await call('PUT', '/api/v1/organisations/acme', { terms: 'prepaid' })).status, 200);

    const organisations = await call('GET', '/api/v1/organisations');
    assert.deepEqual(organisations.json.items, [
      { id: 'acme', document: { terms: 'prepaid' } },
      { id: 'globex', document: { usageTags: ['feature'] } },
    ]);
    const keys = await call('GET', '/api/v1/keys?project=acme/web');
    assert.deepEqual(
      keys.json.items.map((key: { name: string }) => key.name),
      ['ci'],
    );
  });

  test('lists are cut into pages by id', async () => {
    for (const name of ['b', 'a', 'c']) await call('POST', '/api/v1/projects', { organisation: 'acme', name });

    const first = await call('GET', '/api/v1/projects?limit=2&organisation=acme');
    const second = await call('GET', `/api/v1/projects?limit=2&after=${encodeURIComponent(first.json.next)}`);
    const ids = (page: typeof first) => page.json.items.map((item: { id: string }) => item.id);
    assert.deepEqual(
      [ids(first), ids(second), second.json.next],
      [['acme/a', 'acme/b'], ['acme/c', 'acme/web'], undefined],
    );
  });

  test('a change keeps to If-Match and If-None-Match, and a GET with the same tag has no body', async () => {
    const path = '/api/v1/projects/acme/web';
    const etag = (await call('GET', path)).headers.get('etag')!;
    const fault = async (method: string, headers: Record<string, string>, at = path) =>
      (await call(method, at, { allow: ['v/*'] }, headers)).headers.get('x-carrier-fault');

    assert.match(etag, /^"[0-9a-f]{32}"$/);
    const unchanged = await call('GET', path, undefined, { 'if-none-match': `"x", ${etag}` });
    assert.deepEqual([unchanged.status, unchanged.json, unchanged.headers.get('etag')], [304, '', etag]);
    assert.equal(await fault('PUT', { 'if-match': '"00000000000000000000000000000000"' }), 'precondition_failed');
    assert.equal(await fault('PUT', { 'if-match': `W/${etag}` }), 'precondition_failed');
    assert.equal(await fault('PUT', { 'if-none-match': '*' }), 'precondition_failed');
    assert.equal(await fault('PUT', { 'if-match': '*' }, '/api/v1/projects/acme/none'), 'precondition_failed');
    assert.equal(await fault('PUT', { 'if-none-match': '*' }, '/api/v1/projects/acme/new'), null);
    assert.equal(await fault('PATCH', { 'if-match': etag }), null);
    assert.equal(await fault('PATCH', { 'if-match': etag }), 'precondition_failed');
    assert.equal((await call('DELETE', path, undefined, { 'if-match': etag })).status, 412);
    assert.equal((await call('DELETE', '/api/v1/keys/acme/web/ci', undefined, { 'if-match': etag })).status, 412);
  });

  test('of two who change the same by one ETag, one is told', async () => {
    const etag = (await call('GET', '/api/v1/organisations/acme')).headers.get('etag')!;
    const answers = await Promise.all(
      ['a', 'b', 'c', 'd'].map(tag =>
        call('PATCH', '/api/v1/organisations/acme', { usageTags: [tag] }, { 'if-match': etag }),
      ),
    );

    assert.deepEqual(answers.map(({ status }) => status).sort(), [200, 412, 412, 412]);
  });

  test('what is wrong is told by its path in the body, in the words of the declarative file', async () => {
    const errors = async (method: string, path: string, body: unknown) =>
      ((await call(method, path, body)).json.errors ?? []).map((error: { path: string; code: string }) => [
        error.path,
        error.code,
      ]);
    const invalid = 'configuration_invalid';

    assert.deepEqual(await errors('POST', '/api/v1/deployments', { name: 'd', provider: 'nobody', model: 'x' }), [
      ['body.model', invalid],
    ]);
    assert.deepEqual(await errors('POST', '/api/v1/deployments', { name: 'd', provider: 'nobody', model: 'v/x' }), [
      ['body.provider', invalid],
    ]);
    assert.deepEqual(await errors('PATCH', '/api/v1/routes/smart', { affinity: 1, retries: 99 }), [
      ['body.retries', invalid],
      ['body.affinity', 'setting_not_available'],
    ]);
    assert.deepEqual(await errors('PATCH', '/api/v1/projects/acme/web', { budget: { limit: 5 } }), [
      ['body.budget.limit', invalid],
    ]);
    assert.deepEqual(await errors('PUT', '/api/v1/organisations/acme', { projects: {} }), [['body.projects', invalid]]);
    assert.deepEqual(await errors('PUT', '/api/v1/projects/acme/web', { keys: {} }), [['body.keys', invalid]]);
    assert.deepEqual(await errors('POST', '/api/v1/organisations', {}), [['body.name', invalid]]);
    assert.deepEqual(await errors('POST', '/api/v1/organisations', { name: 'a b' }), [['body', invalid]]);
    assert.deepEqual(await errors('POST', '/api/v1/projects', { name: 'x' }), [['body.organisation', invalid]]);
    assert.deepEqual(await errors('PUT', '/api/v1/keys/acme/web/ci', { id: 'Ab12Cd34' }), [['body.id', invalid]]);
    assert.deepEqual(
      await errors('PATCH', '/api/v1/keys/acme/web/ci', { addresses: ['10.0.0.0/33'], tags: { a: ',' } }),
      [
        ['body.addresses.0', invalid],
        ['body.tags.a', invalid],
      ],
    );
    const proto = await call('PATCH', '/api/v1/organisations/acme', '{"__proto__":{"budget":null}}');
    assert.equal(proto.status, 400);
    const deep = await call(
      'PATCH',
      '/api/v1/organisations/acme',
      `{"budget":${'{"a":'.repeat(5_000)}1${'}'.repeat(5_001)}`,
    );
    assert.deepEqual(admin.unexpected, []);
    assert.equal(deep.status, 400);
  });

  test('nothing is deleted that something uses, and the refusal names what', async () => {
    const refusal = async (path: string) => {
      const answer = await call('DELETE', path);
      return [answer.status, answer.json.code, answer.json.detail];
    };

    assert.deepEqual(await refusal('/api/v1/organisations/acme'), [
      409,
      'resource_in_use',
      'The organisation acme is used by project acme/web.',
    ]);
    assert.deepEqual(await refusal('/api/v1/projects/acme/web'), [
      409,
      'resource_in_use',
      'The project acme/web is used by key acme/web/ci.',
    ]);
    assert.deepEqual(await refusal('/api/v1/providers/openai'), [
      409,
      'resource_in_use',
      'The provider openai is used by deployment gpt-5-us.',
    ]);
    assert.deepEqual(await refusal('/api/v1/deployments/gpt-5-us'), [
      409,
      'resource_in_use',
      'The deployment gpt-5-us is used by route smart.',
    ]);
    await call('DELETE', '/api/v1/keys/acme/web/ci');
    assert.equal((await call('DELETE', '/api/v1/projects/acme/web')).status, 204);
    assert.equal((await call('DELETE', '/api/v1/organisations/acme')).status, 204);
    assert.deepEqual((await call('GET', '/api/v1/keys')).json.items, []);
  });

  test('an organisation that has money is deleted without its history', async () => {
    await call('PATCH', '/api/v1/organisations/acme', { terms: 'prepaid' });
    const granted = await call('POST', '/api/v1/wallets/acme/grants', { id: 'g-1', amount: '5', currency: 'USD' });
    assert.equal(granted.status, 201, JSON.stringify(granted.json));
    await call('DELETE', '/api/v1/keys/acme/web/ci');
    await call('DELETE', '/api/v1/projects/acme/web');

    assert.equal((await call('DELETE', '/api/v1/organisations/acme')).status, 204);
    assert.equal((await call('POST', '/api/v1/organisations', { name: 'acme', terms: 'prepaid' })).status, 201);
    const wallet = await call('GET', '/api/v1/wallets/acme');
    assert.deepEqual([wallet.json.wallets[0].balance, wallet.json.wallets[0].currency], ['5', 'USD']);
  });

  test('a credential is given by value, never shown, and stays where the rest is changed', async () => {
    const secret = 'sk-live-0123456789abcdefghij';
    const created = await call('POST', '/api/v1/providers', { name: 'own', kind: 'openai', credentialValue: secret });
    assert.equal(created.status, 201);
    assert.match(created.json.document.credential, /^stored:[0-9a-f]{16}$/);
    const sealed = async () => {
      const { rows } = await admin.store.pool.query(
        `select document ->> 'sealed' as sealed from configuration_resource where kind = 'provider' and id = 'own'`,
      );
      return rows[0].sealed as string;
    };
    const before = await sealed();

    await call('PATCH', '/api/v1/providers/own', { baseUrl: 'https://proxy.example/v1' });
    const whole = (await call('GET', '/api/v1/providers/own')).json.document;
    assert.equal((await call('PUT', '/api/v1/providers/own', whole)).status, 200);
    assert.equal(await sealed(), before);
    const text = (await call('GET', '/api/v1/export')).json as string;
    assert.match(text, /credential: stored:[0-9a-f]{16}/);
    assert.deepEqual((await call('POST', '/api/v1/apply', { file: text })).json.changes, []);
    const { rows } = await admin.store.pool.query('select row_to_json(e)::text as row from audit_event e');
    assert.equal([text, ...rows.map(({ row }) => row)].join().includes(secret), false);

    const other = await call('PUT', '/api/v1/providers/own', { ...whole, credential: 'stored:0123456789abcdef' });
    assert.deepEqual(
      other.json.errors.map((error: { path: string }) => error.path),
      ['body.credential'],
    );
    const both = await call('PATCH', '/api/v1/providers/own', {
      credential: 'env:OPENAI_API_KEY',
      credentialValue: 'x',
    });
    assert.deepEqual(
      both.json.errors.map((error: { path: string }) => error.path),
      ['body.credential'],
    );
    assert.equal(
      (await call('PATCH', '/api/v1/providers/own', { credential: null })).json.document.credential,
      undefined,
    );
    for (const wrong of ['', 'a\nb', 7, null]) {
      assert.equal((await call('PATCH', '/api/v1/providers/own', { credentialValue: wrong })).status, 400);
    }
  });

  test('a created resource is created once for each idempotency key', async () => {
    const once = { 'idempotency-key': 'o-1' };
    const first = await call('POST', '/api/v1/organisations', { name: 'globex' }, once);
    const again = await call('POST', '/api/v1/organisations', { name: 'globex' }, once);

    assert.deepEqual(
      [again.status, again.json, again.headers.get('etag')],
      [201, first.json, first.headers.get('etag')],
    );
    const other = await call('POST', '/api/v1/organisations', { name: 'globex' });
    assert.equal(other.headers.get('x-carrier-fault'), 'resource_exists');
  });

  test('whatever is changed by API comes back from its export on an empty installation', async () => {
    const word = fc.constantFrom('a', 'b', 'c');
    const maybe = <Value>(value: fc.Arbitrary<Value>) => fc.option(value, { nil: undefined });
    const budget = maybe(fc.constantFrom(null, { limit: '5.50', period: 'day', hard: false }));
    const step = fc.oneof(
      fc.record({
        kind: fc.constant('organisations'),
        id: word,
        body: fc.record({ budget, usageTags: maybe(fc.constant(['team'])) }),
      }),
      fc.record({
        kind: fc.constant('projects'),
        id: fc.tuple(word, word).map(names => names.join('/')),
        body: fc.record({ allow: maybe(fc.constantFrom(['v/*'], ['**'])), zones: maybe(fc.constant(['EU'])), budget }),
      }),
      fc.record({
        kind: fc.constant('keys'),
        id: fc.constant('acme/web/ci'),
        body: fc.record({
          secret: fc.constant('env:ACME_KEY'),
          tags: maybe(fc.constantFrom(null, { team: 'x' }, { team: 'y', app: 'z' })),
          addresses: maybe(fc.constantFrom(null, ['10.0.0.0/8', '2001:DB8::1'])),
          origins: maybe(fc.constantFrom(null, ['https://App.example.com'])),
          expiresAt: maybe(fc.constant('2031-01-01T00:00:00+01:00')),
        }),
      }),
      fc.record({
        kind: fc.constant('deployments'),
        id: word,
        body: fc.record({
          provider: fc.constantFrom('openai', 'anthropic'),
          model: fc.constantFrom('v/a', 'v/b'),
          outputTokensMax: maybe(fc.integer({ min: 1, max: 9 })),
        }),
      }),
      fc.record({
        kind: fc.constant('routes'),
        id: word.map(name => `r/${name}`),
        body: fc.record({
          candidates: fc.constantFrom([{ deployment: 'a' }], [{ deployment: 'sonnet-eu', weight: 2 }]),
        }),
      }),
    );
    const methods = fc.constantFrom('PUT', 'PATCH', 'PUT', 'DELETE');

    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(methods, step), { minLength: 4, maxLength: 14 }), async steps => {
        for (const [method, { kind, id, body }] of steps) {
          if (method === 'DELETE' && kind === 'keys') continue;
          const answer = await call(method, `/api/v1/${kind}/${id}`, method === 'DELETE' ? undefined : body);
          assert.ok([200, 201, 204, 400, 404, 409].includes(answer.status), JSON.stringify(answer.json));
        }
        assert.deepEqual(admin.unexpected, []);
        const stored = await readConfiguration(admin.store);
        const context = { ...planContext(variables), kinds: providers };
        const elsewhere = planText(exportConfiguration(stored, testNowMs), emptyConfiguration, { context });

        assert.deepEqual(elsewhere.problems, []);
        assert.deepEqual(snapshotOf(elsewhere.next), snapshotOf(stored));
      }),
      { numRuns: 12 },
    );
  });
});

/** Without what each installation mints for itself: ids of keys, handles, sealed credentials, the revision. */
function snapshotOf(configuration: Configuration): unknown {
  const {
    hash: _hash,
    revision: _revision,
    ...snapshot
  } = compileSnapshot(configuration, {
    compiledAt: '2026-09-01T00:00:00.000Z',
    sandboxBaseUrl: 'unix:/x',
  });
  const ids = new Map([
    ...snapshot.keys.map(key => [key.id, `key ${key.name}`] as const),
    ...snapshot.deployments.map(deployment => [deployment.handle, `handle ${deployment.id}`] as const),
    ...snapshot.providers.flatMap(({ name, credential }) =>
      credential === null ? [] : [[credential, `credential ${name}`] as const],
    ),
  ]);
  let text = JSON.stringify(snapshot);
  for (const [id, name] of ids) text = text.replaceAll(id, name);
  return JSON.parse(text);
}
