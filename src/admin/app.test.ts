import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer, request as httpRequest } from 'node:http';
import { tmpdir } from 'node:os';
import { after, before, beforeEach, suite, test } from 'node:test';
import { getRequestListener } from '@hono/node-server';
import { type AdminUnderTest, adminOver, startAdmin } from '../../test/support/admin.ts';
import { connect } from '../store/connect.ts';

const design = readFileSync(new URL('../../test/support/fixtures/design.yaml', import.meta.url), 'utf8');
let admin: AdminUnderTest;

interface Answered {
  readonly status: number;
  readonly headers: Headers;
  // biome-ignore lint/suspicious/noExplicitAny: an answer is looked into by the assertions
  readonly json: any;
}

async function call(
  method: string,
  path: string,
  body?: unknown,
  headers: Readonly<Record<string, string>> = {},
): Promise<Answered> {
  const response = await admin.app.request(path, {
    method,
    headers: {
      authorization: `Bearer ${admin.adminKey}`,
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...headers,
    },
    ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  });
  const text = await response.text();
  const isJson = response.headers.get('content-type')?.includes('json');
  return { status: response.status, headers: response.headers, json: isJson ? JSON.parse(text) : text };
}

suite('the management API', () => {
  before(async () => {
    admin = await startAdmin();
  });
  after(() => admin.stop());
  beforeEach(async () => {
    admin.unexpected.length = 0;
    await admin.clear();
  });

  test('nothing but the OpenAPI document is shown without the admin key', async () => {
    for (const authorization of ['', 'Bearer', `Bearer ${admin.adminKey}x`, `Basic ${admin.adminKey}`, 'Bearer ']) {
      const answer = await call('GET', '/api/v1/keys', undefined, { authorization });
      assert.equal(answer.status, 401, authorization);
      assert.equal(answer.headers.get('x-carrier-fault'), 'admin_key_invalid');
      assert.equal(answer.headers.get('content-type'), 'application/problem+json');
      assert.equal(answer.headers.get('www-authenticate'), 'Bearer realm="common-carrier"');
    }
    const document = await call('GET', '/api/v1/openapi.json', undefined, { authorization: '' });
    assert.equal(document.status, 200);
    assert.equal(document.json.openapi, '3.1.0');
    assert.deepEqual(Object.keys(document.json.paths).sort(), [
      '/api/v1/account/password',
      '/api/v1/account/sessions',
      '/api/v1/account/sessions/{id}',
      '/api/v1/account/totp',
      '/api/v1/account/totp/confirm',
      '/api/v1/account/totp/remove',
      '/api/v1/alerts',
      '/api/v1/apply',
      '/api/v1/audit',
      '/api/v1/audit.csv',
      '/api/v1/audit.ndjson',
      '/api/v1/budgets',
      '/api/v1/decisions',
      '/api/v1/decisions/{id}',
      '/api/v1/deployments',
      '/api/v1/deployments/{id}',
      '/api/v1/epoch-anchors',
      '/api/v1/exchanges',
      '/api/v1/exchanges/{id}',
      '/api/v1/export',
      '/api/v1/grants',
      '/api/v1/grants/{id}/refund',
      '/api/v1/grants/{id}/void',
      '/api/v1/health/deployments',
      '/api/v1/invitations',
      '/api/v1/invitations/accept',
      '/api/v1/invitations/{id}',
      '/api/v1/jobs',
      '/api/v1/jobs/{id}/run',
      '/api/v1/keys',
      '/api/v1/keys/{id}',
      '/api/v1/keys/{id}/rotate',
      '/api/v1/ledger/accounts',
      '/api/v1/ledger/check',
      '/api/v1/ledger/conflicts',
      '/api/v1/ledger/pending',
      '/api/v1/ledger/pending/{id}/post',
      '/api/v1/ledger/pending/{id}/void',
      '/api/v1/ledger/quarantine',
      '/api/v1/ledger/quarantine/resolve',
      '/api/v1/ledger/quarantine/void',
      '/api/v1/ledger/rerate',
      '/api/v1/ledger/rules',
      '/api/v1/ledger/transfers',
      '/api/v1/ledger/trial-balance',
      '/api/v1/limits',
      '/api/v1/login',
      '/api/v1/login/admin-key',
      '/api/v1/login/oidc',
      '/api/v1/login/oidc/callback',
      '/api/v1/login/ways',
      '/api/v1/members',
      '/api/v1/members/{id}',
      '/api/v1/models',
      '/api/v1/organisations',
      '/api/v1/organisations/{id}',
      '/api/v1/prices',
      '/api/v1/prices/diff',
      '/api/v1/prices/facts',
      '/api/v1/prices/facts/diff',
      '/api/v1/prices/facts/file',
      '/api/v1/prices/facts/import',
      '/api/v1/prices/publish',
      '/api/v1/prices/quote',
      '/api/v1/projects',
      '/api/v1/projects/{id}',
      '/api/v1/provider-performance',
      '/api/v1/provider-usage',
      '/api/v1/providers',
      '/api/v1/providers/{id}',
      '/api/v1/reports/margin',
      '/api/v1/reports/margin.csv',
      '/api/v1/reports/spend',
      '/api/v1/reports/spend.csv',
      '/api/v1/reports/usage',
      '/api/v1/reports/usage.csv',
      '/api/v1/route-simulations',
      '/api/v1/routes',
      '/api/v1/routes/{id}',
      '/api/v1/secrets',
      '/api/v1/secrets/rotate',
      '/api/v1/secrets/rotate-master',
      '/api/v1/service-account-tokens/{id}',
      '/api/v1/service-accounts',
      '/api/v1/service-accounts/{id}',
      '/api/v1/service-accounts/{id}/tokens',
      '/api/v1/session',
      '/api/v1/status',
      '/api/v1/true-ups/responses',
      '/api/v1/usage',
      '/api/v1/usage-events',
      '/api/v1/usage-events/rate',
      '/api/v1/usage-events/rerate',
      '/api/v1/usage-events/{id}',
      '/api/v1/usage-months',
      '/api/v1/users',
      '/api/v1/users/{id}/disable',
      '/api/v1/users/{id}/enable',
      '/api/v1/users/{id}/end-sessions',
      '/api/v1/users/{id}/reset',
      '/api/v1/wallets',
      '/api/v1/wallets/{id}',
      '/api/v1/wallets/{id}/grants',
      '/api/v1/wallets/{id}/statement',
      '/api/v1/webhook-deliveries',
      '/api/v1/webhook-deliveries/{id}/redeliver',
      '/api/v1/webhooks',
      '/api/v1/webhooks/{id}',
      '/api/v1/webhooks/{id}/rotate',
      '/api/v1/webhooks/{id}/test',
    ]);
  });

  test('a file is applied after a dry run, exported, and applied again without change', async () => {
    const dry = await call('POST', '/api/v1/apply', { file: design, dryRun: true });
    assert.deepEqual([dry.status, dry.json.revision, dry.json.applied, dry.json.changes.length], [200, '0', false, 10]);
    const done = await call('POST', '/api/v1/apply', { file: design });
    assert.deepEqual([done.json.revision, done.json.applied], ['1', true]);
    const exported = await call('GET', '/api/v1/export');
    assert.match(exported.json, /^# The stored configuration at revision 1\./);
    const again = await call('POST', '/api/v1/apply', { file: exported.json, prune: true });
    assert.deepEqual([again.json.revision, again.json.changes], ['1', []]);
    const status = await call('GET', '/api/v1/status');
    assert.deepEqual(status.json, { release: '0.1.0', revision: '1', notices: [], workers: 2 });
  });

  test('every problem of a file comes back at once with its position', async () => {
    const answer = await call('POST', '/api/v1/apply', { file: 'process: { contentLogs: true }\nx: 1\ny: 2' });

    assert.equal(answer.status, 400);
    assert.equal(answer.headers.get('x-carrier-fault'), 'configuration_invalid');
    assert.deepEqual(
      answer.json.errors.map((error: { path: string; line: number; code: string }) => [
        error.path,
        error.line,
        error.code,
      ]),
      [
        ['process.contentLogs', 1, 'setting_not_available'],
        ['x', 2, 'configuration_invalid'],
        ['y', 3, 'configuration_invalid'],
      ],
    );
    const known = await call('POST', '/api/v1/apply', { file: 'commitments: {}' });
    assert.equal(known.headers.get('x-carrier-fault'), 'setting_not_available');
  });

  test('wrong requests are named faults, and nothing unexpected is logged', async () => {
    const cases: readonly (readonly [string, string, unknown, string, Record<string, string>?])[] = [
      ['GET', '/api/v1/nothing', undefined, 'path_not_found'],
      ['GET', '/elsewhere', undefined, 'path_not_found'],
      ['DELETE', '/api/v1/usage', undefined, 'method_not_allowed'],
      ['GET', '/api/v1/keys/Ab12Cd34', undefined, 'resource_not_found'],
      ['POST', '/api/v1/keys/Ab12Cd34', {}, 'method_not_allowed'],
      ['POST', '/api/v1/apply', '{', 'json_malformed'],
      ['POST', '/api/v1/apply', design, 'media_type_unsupported', { 'content-type': 'application/yaml' }],
      ['POST', '/api/v1/apply', { file: 1, other: 2 }, 'configuration_invalid'],
      ['POST', '/api/v1/apply', { file: design, expectedRevision: '7' }, 'revision_conflict'],
      ['POST', '/api/v1/apply', 'x'.repeat(11 * 1024 * 1024), 'body_too_large'],
      ['POST', '/api/v1/keys', { project: 'acme', name: 'x' }, 'configuration_invalid'],
      ['POST', '/api/v1/keys', { project: 'acme/none', name: 'x' }, 'resource_not_found'],
      ['DELETE', '/api/v1/keys/none', undefined, 'resource_not_found'],
      ['GET', '/api/v1/keys?limit=0', undefined, 'configuration_invalid'],
      ['GET', '/api/v1/keys?limits=5', undefined, 'configuration_invalid'],
      ['GET', '/api/v1/exchanges?after=junk', undefined, 'configuration_invalid'],
      ['GET', '/api/v1/exchanges/ex_none', undefined, 'resource_not_found'],
      ['GET', '/api/v1/usage', undefined, 'configuration_invalid'],
      ['GET', '/api/v1/usage?by=colour', undefined, 'configuration_invalid'],
      ['GET', '/api/v1/usage?by=key&from=2026-13-01', undefined, 'configuration_invalid'],
      ['GET', '/api/v1/usage?by=key&from=2026-02-01&to=2026-01-01', undefined, 'report_invalid'],
    ];
    for (const [method, path, body, fault, headers] of cases) {
      const answer = await call(method, path, body, headers);
      assert.equal(answer.headers.get('x-carrier-fault'), fault, `${method} ${path}`);
      assert.equal(answer.headers.get('content-type'), 'application/problem+json', `${method} ${path}`);
    }
    assert.deepEqual(admin.unexpected, []);
  });

  test('a wrong method names the right ones, a wrong query what is wrong with the request', async () => {
    const method = await call('PUT', '/api/v1/keys');
    const query = await call('GET', '/api/v1/keys?limit=0');

    assert.deepEqual([method.status, method.headers.get('allow')], [405, 'GET, POST']);
    assert.match(query.json.detail, /^One problem in the request:\n {2}query\.limit: /);
  });

  test('over a real socket it answers the same, also to bodies without a length', async () => {
    const server = createServer(getRequestListener(admin.app.fetch, { overrideGlobalObjects: false }));
    await once(server.listen(0, '127.0.0.1'), 'listening');
    const address = server.address();
    assert.ok(typeof address === 'object' && address !== null);
    const send = (method: string, path: string, chunks?: readonly Buffer[]) =>
      new Promise<{ status: number | undefined; fault: unknown }>((resolve, reject) => {
        const request = httpRequest({
          port: address.port,
          method,
          path,
          agent: false,
          headers: { authorization: `Bearer ${admin.adminKey}`, 'content-type': 'application/json' },
        });
        request.on('response', response => {
          resolve({ status: response.statusCode, fault: response.headers['x-carrier-fault'] });
          response.destroy();
        });
        request.on('error', reject);
        for (const chunk of chunks ?? []) request.write(chunk);
        request.end();
      });

    const half = JSON.stringify({ file: design });
    const sent = await send('POST', '/api/v1/apply', [Buffer.from(half.slice(0, 100)), Buffer.from(half.slice(100))]);
    assert.deepEqual(sent, { status: 200, fault: undefined });
    const large = await send('POST', '/api/v1/apply', Array(11).fill(Buffer.alloc(1024 * 1024, 'x')));
    assert.deepEqual(large, { status: 413, fault: 'body_too_large' });
    const broken = await send('POST', '/api/v1/apply', [Buffer.from([0x22, 0xff, 0x22])]);
    assert.deepEqual(broken, { status: 400, fault: 'utf8_invalid' });
    assert.deepEqual(await send('DELETE', '/api/v1/keys/acme%2Fweb%2Fci'), { status: 200, fault: undefined });
    server.closeAllConnections();
    server.close();
    assert.deepEqual(admin.unexpected, []);
  });

  test('a key is created with its secret once, listed without it, and revoked by id or name', async () => {
    await call('POST', '/api/v1/apply', { file: design });
    const created = await call('POST', '/api/v1/keys', { project: 'acme/web', name: 'second' });
    assert.equal(created.status, 201);
    assert.equal(created.headers.get('cache-control'), 'no-store');
    assert.match(created.json.secret, /^cck_[0-9A-Za-z]{8}_[0-9A-Za-z]{43}$/);
    const listed = await call('GET', '/api/v1/keys?project=acme%2Fweb');
    assert.equal(listed.json.items.length, 2);
    assert.doesNotMatch(JSON.stringify(listed.json), /cck_|digest|acme-secret/);
    const revoked = await call('DELETE', '/api/v1/keys/acme%2Fweb%2Fsecond');
    assert.deepEqual([revoked.status, revoked.json.id, revoked.json.revoked], [200, created.json.id, true]);
    const decoded = await call('DELETE', '/api/v1/keys/acme/web/second');
    assert.deepEqual([decoded.status, decoded.json.id], [200, created.json.id]);
    const duplicate = await call('POST', '/api/v1/keys', { project: 'acme/web', name: 'second' });
    assert.equal(duplicate.headers.get('x-carrier-fault'), 'resource_exists');
  });

  test('a POST with an idempotency key is done once, and its answer lies sealed', async () => {
    await call('POST', '/api/v1/apply', { file: design });
    const once = { 'idempotency-key': 'a-1' };
    const body = { project: 'acme/web', name: 'once' };
    const first = await call('POST', '/api/v1/keys', body, once);
    const second = await call('POST', '/api/v1/keys', body, once);
    assert.deepEqual(second.json, first.json);
    assert.equal(second.status, 201);
    assert.equal(second.headers.get('idempotent-replayed'), 'true');
    const other = await call('POST', '/api/v1/keys', { project: 'acme/web', name: 'other' }, once);
    assert.equal(other.headers.get('x-carrier-fault'), 'idempotency_conflict');
    const { rows } = await admin.store.pool.query('select * from idempotent_answer');
    assert.equal(rows.length, 1);
    assert.ok(!JSON.stringify(rows).includes(first.json.secret));
  });

  test('what failed under an idempotency key may be tried again', async () => {
    const once = { 'idempotency-key': 'a-2' };
    const body = { project: 'acme/web', name: 'later' };
    const failed = await call('POST', '/api/v1/keys', body, once);
    assert.equal(failed.headers.get('x-carrier-fault'), 'resource_not_found');
    await call('POST', '/api/v1/apply', { file: design });
    assert.equal((await call('POST', '/api/v1/keys', body, once)).status, 201);
  });

  test('lists go on where the page before ended', async () => {
    await call('POST', '/api/v1/apply', { file: design });
    const first = await call('GET', '/api/v1/deployments?limit=1');
    const second = await call('GET', `/api/v1/deployments?limit=1&after=${first.json.next}`);

    assert.deepEqual(first.json.items[0].sell.rates, { input: '1.25', cacheRead: '0.125', output: '10' });
    assert.deepEqual([first.json.items[0].id, second.json.items[0].id], ['gpt-5-us', 'sonnet-eu']);
    assert.equal(second.json.next, undefined);
    assert.equal(second.json.items[0].sell, null);
    const models = await call('GET', '/api/v1/models');
    assert.deepEqual(models.json.items, [
      { id: 'anthropic/claude-sonnet-5', deployments: ['sonnet-eu'], priced: false },
      { id: 'openai/gpt-5', deployments: ['gpt-5-us'], priced: true },
    ]);
    const prices = await call('GET', '/api/v1/prices');
    assert.deepEqual(
      prices.json.books.map(({ book, currency }: { book: string; currency: string }) => [book, currency]),
      [
        ['sell', 'USD'],
        ['buy', 'USD'],
      ],
    );
  });

  test('prices are listed by name', async () => {
    const rates = '{ b/b: { input: "1" }, aaaa/*: { input: "2" }, aaaa/zz: { input: "3" } }';
    await call('POST', '/api/v1/apply', { file: `prices: { sell: { currency: USD, rates: ${rates} } }` });

    const prices = await call('GET', '/api/v1/prices');

    assert.deepEqual(Object.keys(prices.json.books[0].rates), ['aaaa/*', 'aaaa/zz', 'b/b']);
  });

  test('budgets are listed with their limit and windows, and alerts newest first', async () => {
    await call('POST', '/api/v1/apply', { file: design });
    await admin.store.pool.query(
      `insert into alert (id, at, code, message) values ('a', '2026-09-01', 'old', 'x'), ('b', '2026-09-02', 'new', 'y')`,
    );
    const budgets = await call('GET', '/api/v1/budgets');
    assert.deepEqual(budgets.json.items, [
      {
        id: 'project:acme/web:month:USD',
        scope: 'project',
        subject: 'acme/web',
        limit: '100',
        currency: 'USD',
        period: 'month',
        hard: true,
        shadow: false,
        windows: [],
      },
    ]);
    const alerts = await call('GET', '/api/v1/alerts?limit=1');
    assert.deepEqual(alerts.json.items, [
      { id: 'b', at: '2026-09-02T00:00:00.000Z', code: 'new', message: 'y', exchangeId: null },
    ]);
  });

  test('the health of deployments is told a page at a time, and by state', async () => {
    const page = await call('GET', '/api/v1/health/deployments?limit=2');
    assert.deepEqual(
      [page.json.replica, page.json.at, page.json.items.map((item: { id: string }) => item.id), page.json.next],
      ['replica-1', '2026-09-21T14:13:20.000Z', ['gpt-5-us', 'haiku-eu'], 'haiku-eu'],
    );
    const open = await call('GET', '/api/v1/health/deployments?state=open&after=haiku-eu');
    assert.deepEqual(open.json.items[0].breaker, {
      state: 'open',
      scope: 'deployment',
      name: null,
      until: '2026-09-21T14:13:35.000Z',
    });
    assert.deepEqual([open.json.items.length, open.json.next], [1, undefined]);
    assert.equal((await call('GET', '/api/v1/health/deployments?state=ill')).status, 400);
  });

  test('without the database the answer says so by name', async () => {
    const gone = connect('postgres://localhost:1/none');
    const { app, adminKey, unexpected } = adminOver(gone, tmpdir());
    const response = await app.request('/api/v1/keys', { headers: { authorization: `Bearer ${adminKey}` } });
    await gone.close();

    assert.equal(response.status, 503);
    assert.equal(response.headers.get('x-carrier-fault'), 'store_unavailable');
    assert.deepEqual(unexpected, []);
  });
});
