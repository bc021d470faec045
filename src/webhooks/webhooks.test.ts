import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { stripTypeScriptTypes } from 'node:module';
import type { AddressInfo } from 'node:net';
import { after, before, beforeEach, suite, test } from 'node:test';
import { createTestDatabase, type TestDatabase } from '../../test/support/database.ts';
import { createSealer } from '../control/seal.ts';
import { AddressPolicy } from '../media/address-policy.ts';
import { connect, connectSession, type Store } from '../store/connect.ts';
import { noticeId, writeNotice } from '../store/notice.ts';
import type { WebhookContext } from './context.ts';
import { listDeliveries, redeliver, testEndpoint } from './deliveries.ts';
import { webhookJob } from './delivery-job.ts';
import { changeEndpoint, createEndpoint, findEndpoint, removeEndpoint, rotateEndpointSecret } from './endpoints.ts';
import { fanOut } from './fan-out.ts';
import { sendTimeoutMs } from './send.ts';
import { noticeAlerts, webhookUpkeepJob } from './upkeep.ts';

/** The receiver of the guide, as it stands there. */
interface GuideReceiver {
  isGenuine(headers: IncomingMessage['headers'], body: Buffer, secret: string, nowMs?: number): boolean;
  createReceiver(secret: string, told: (id: string, event: { type: string; data: unknown }) => void): Server;
}
const guide = readFileSync(new URL('../../docs/guides/webhooks.md', import.meta.url), 'utf8');
const block = /```ts receiver\n([\s\S]*?)```/.exec(guide)?.[1] ?? '';
const source = `data:text/javascript,${encodeURIComponent(stripTypeScriptTypes(block))}`;
const author = { actor: 'test' };
const hourMs = 3_600_000;

let database: TestDatabase;
let store: Store;
let receiver: GuideReceiver;
let aheadMs = 0;

suite('webhooks', () => {
  before(async () => {
    database = await createTestDatabase();
    store = connect(database.url);
    receiver = await import(source);
    context = contextWith();
  });
  after(async () => {
    await store.close();
    await database.drop();
  });
  beforeEach(async () => {
    aheadMs = 0;
    await store.pool.query('truncate notice, alert, webhook_endpoint cascade');
  });

  const contextWith = (parts: Partial<WebhookContext> = {}): WebhookContext => ({
    store,
    secrets: createSealer('test-master-key-test-master-key-0'),
    policy: new AddressPolicy(['127.0.0.1/32']),
    resolve: () => Promise.reject(new Error('names are not looked up here')),
    hasAllowed: true,
    nowMs: () => Date.now() + aheadMs,
    random: () => 0,
    ...parts,
  });
  let context: WebhookContext;
  const endpointAt = async (url: string, parts: { organisation?: string | null; events?: readonly string[] } = {}) =>
    createEndpoint(
      context,
      { organisation: null, url, description: '', events: ['*'], state: 'active', ...parts },
      author,
    );
  let notices = 0;
  const notice = (kind: string, organisation: string | null = null, body = {}) =>
    writeNotice(store.db, { id: noticeId(kind, String(++notices)), kind, organisation, body });
  async function run() {
    const client = connectSession(database.url);
    await client.connect();
    try {
      return await webhookJob(context).run({ client, progress: () => {}, signal: new AbortController().signal });
    } finally {
      await client.end();
    }
  }
  async function listening(server: Server, t: { after: (run: () => void) => void }): Promise<string> {
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    t.after(() => {
      server.closeAllConnections();
      server.close();
    });
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook?team=a`;
  }
  const answering = (answer: (request: IncomingMessage, response: ServerResponse) => void) =>
    createServer((request, response) => {
      request.resume();
      answer(request, response);
    });
  const deliveries = async (webhook: string) => (await listDeliveries(context, { webhook }, { limit: 100 })).items;

  test('an organisation has fifty endpoints at the most, beside those of others and of the installation', async () => {
    const url = 'http://127.0.0.1:9/hook';
    // Several at once, of which the last few do not fit.
    const made = await Promise.allSettled(Array.from({ length: 56 }, () => endpointAt(url, { organisation: 'acme' })));

    assert.equal(made.filter(({ status }) => status === 'fulfilled').length, 50);
    await assert.rejects(endpointAt(url, { organisation: 'acme' }), { code: 'webhooks_exhausted' });

    await endpointAt(url, { organisation: 'other' });
    await endpointAt(url);
    const { rows } = await store.pool.query(
      'select organisation, count(*)::int as count from webhook_endpoint group by 1 order by 1 nulls last',
    );
    assert.deepEqual(rows, [
      { organisation: 'acme', count: 50 },
      { organisation: 'other', count: 1 },
      { organisation: null, count: 1 },
    ]);
  });

  test('what happens is told once, to whom it concerns and who asked for it, and the receiver of the guide accepts it', async t => {
    const told: unknown[] = [];
    let secret = '';
    const server = receiver.createReceiver('', () => {});
    server.removeAllListeners('request');
    server.on('request', (request, response) =>
      receiver
        .createReceiver(secret, (id, { type, data }) => told.push([id, type, data]))
        .emit('request', request, response),
    );
    const url = await listening(server, t);
    const mine = await endpointAt(url, { organisation: 'acme', events: ['key.*', 'wallet.low'] });
    secret = mine.secret;
    await notice('key.rotated', 'acme', { key: 'Ab12' });
    await notice('wallet.low', 'acme');
    await notice('limit.reached', 'acme');
    await notice('key.rotated', 'zeta');
    await notice('keyring.other', 'acme');
    await notice('alert.raised');

    assert.deepEqual(await run(), { delivered: 2, failed: 0 });
    assert.deepEqual(await run(), { delivered: 0, failed: 0 });
    assert.deepEqual(told.map(entry => (entry as unknown[]).slice(1)).sort(), [
      ['key.rotated', { key: 'Ab12' }],
      ['wallet.low', {}],
    ]);
    const [newest] = await deliveries(mine.endpoint.id);
    assert.deepEqual([newest?.state, newest?.attempts, newest?.status, newest?.error], ['delivered', 1, 204, null]);
    const all = await endpointAt(url);
    secret = all.secret;
    await notice('key.rotated', 'zeta');
    await notice('alert.raised');
    assert.deepEqual(await run(), { delivered: 2, failed: 0 });
  });

  test('the receiver of the guide refuses another secret, a changed body, an old message and one without a signature', async t => {
    const seen: { headers: IncomingMessage['headers']; body: Buffer }[] = [];
    const server = createServer(async (request, response) => {
      const pieces: Buffer[] = [];
      for await (const piece of request) pieces.push(piece);
      seen.push({ headers: request.headers, body: Buffer.concat(pieces) });
      response.end('ok');
    });
    const { endpoint, secret } = await endpointAt(await listening(server, t));
    assert.equal((await testEndpoint(context, endpoint.id)).state, 'delivered');

    const { headers, body } = seen[0]!;
    const { isGenuine } = receiver;
    assert.equal(isGenuine(headers, body, secret), true);
    assert.equal(isGenuine(headers, body, `whsec_${'A'.repeat(43)}=`), false);
    assert.equal(isGenuine(headers, Buffer.concat([body, Buffer.from(' ')]), secret), false);
    assert.equal(isGenuine(headers, body, secret, Date.now() + 301_000), false);
    assert.equal(isGenuine(headers, body, secret, Date.now() - 301_000), false);
    assert.equal(isGenuine({ ...headers, 'webhook-id': 'msg_other' }, body, secret), false);
    assert.equal(isGenuine({}, body, secret), false);
    assert.equal(isGenuine({ ...headers, 'webhook-signature': '' }, body, secret), false);
    assert.match(headers['webhook-id'] as string, /^msg_[0-9A-Za-z]{24}$/);
    assert.deepEqual(JSON.parse(body.toString()).data, { webhook: endpoint.id });

    const rotated = await rotateEndpointSecret(context, { id: endpoint.id, overlapSeconds: 60 }, author);
    await testEndpoint(context, endpoint.id);
    const both = seen[1]!;
    assert.deepEqual(
      [secret, rotated.secret].map(one => isGenuine(both.headers, both.body, one)),
      [true, true],
    );
    aheadMs = 61_000;
    await testEndpoint(context, endpoint.id);
    const later = seen[2]!;
    const nowMs = Date.now() + aheadMs;
    assert.deepEqual(
      [secret, rotated.secret].map(one => isGenuine(later.headers, later.body, one, nowMs)),
      [false, true],
    );
    const { secret: last } = await rotateEndpointSecret(context, { id: endpoint.id, overlapSeconds: 0 }, author);
    await testEndpoint(context, endpoint.id);
    const cut = seen[3]!;
    assert.deepEqual(
      [rotated.secret, last].map(one => isGenuine(cut.headers, cut.body, one, nowMs)),
      [false, true],
    );
  });

  test('what fails is tried eight times under one id, then no more; a success in between ends it', async t => {
    const ids: unknown[] = [];
    let status = 500;
    const server = answering((request, response) => {
      ids.push(request.headers['webhook-id']);
      response.writeHead(status, { 'retry-after': '1' }).end('no');
    });
    const { endpoint } = await endpointAt(await listening(server, t));
    await notice('key.created', 'acme');

    for (const waitedMs of [0, 6_000, 61_000, 301_000, 1_801_000, 7_201_000, 21_601_000]) {
      aheadMs += waitedMs;
      assert.deepEqual(await run(), { delivered: 0, failed: 1 });
      assert.deepEqual(await run(), { delivered: 0, failed: 0 });
    }
    const [waiting] = await deliveries(endpoint.id);
    assert.deepEqual(
      [waiting?.state, waiting?.attempts, waiting?.status, waiting?.error],
      ['waiting', 7, 500, 'answered with status 500'],
    );
    aheadMs += 50_401_000;
    assert.deepEqual(await run(), { delivered: 0, failed: 1 });
    const [failed] = await deliveries(endpoint.id);
    assert.deepEqual([failed?.state, failed?.attempts, failed?.dueAt], ['failed', 8, null]);
    aheadMs += 99 * hourMs - 50_401_000;
    assert.deepEqual(await run(), { delivered: 0, failed: 0 });
    assert.equal(new Set(ids).size, 1);
    assert.equal(ids.length, 8);
    assert.notEqual((await findEndpoint(context, endpoint.id)).failingSince, null);

    status = 200;
    aheadMs = 0;
    await redeliver(context, failed?.id ?? '');
    assert.deepEqual(await run(), { delivered: 1, failed: 0 });
    assert.equal(new Set(ids).size, 1);
    assert.equal((await findEndpoint(context, endpoint.id)).failingSince, null);
    await assert.rejects(redeliver(context, 'msg_none'), { code: 'resource_not_found' });
  });

  test('after five days of failures, or at a 410, a webhook is told nothing any more, which is a notice', async t => {
    let status = 503;
    const server = answering((_request, response) => response.writeHead(status).end());
    const url = await listening(server, t);
    const { endpoint } = await endpointAt(url, { organisation: 'acme', events: ['key.*'] });
    await notice('key.created', 'acme');
    await run();
    aheadMs = 5 * 24 * hourMs - 60_000;
    await run();
    assert.equal((await findEndpoint(context, endpoint.id)).state, 'active');
    await notice('key.created', 'acme');
    await notice('key.created', 'acme');
    aheadMs += 120_000;
    await run();

    const { state, failingSince } = await findEndpoint(context, endpoint.id);
    assert.equal(state, 'failed');
    const states = (await deliveries(endpoint.id)).map(delivery => delivery.state);
    assert.deepEqual(states, ['given-up', 'given-up', 'given-up']);
    const { rows } = await store.pool.query(`select organisation, body from notice where kind = 'webhook.disabled'`);
    assert.deepEqual(rows, [
      {
        organisation: 'acme',
        body: { webhook: endpoint.id, failingSince: failingSince?.toISOString(), reason: 'answered with status 503' },
      },
    ]);
    await notice('key.created', 'acme');
    assert.deepEqual(await run(), { delivered: 0, failed: 0 });

    status = 410;
    await changeEndpoint(context, { id: endpoint.id, state: 'active' }, author);
    await notice('key.revoked', 'acme');
    aheadMs = 0;
    assert.deepEqual(await run(), { delivered: 0, failed: 1 });
    assert.equal((await findEndpoint(context, endpoint.id)).state, 'failed');
  });

  test('nothing but public addresses is called, by TLS, and no redirect is followed', async t => {
    let asked = 0;
    const server = answering((request, response) => {
      asked += 1;
      if (request.url?.startsWith('/hook') === true) response.writeHead(307, { location: '/elsewhere' }).end();
      else response.end();
    });
    const url = await listening(server, t);
    const { endpoint } = await endpointAt(url);
    const strict = { policy: new AddressPolicy([]) };
    const outcome = async (target: string, parts: Partial<WebhookContext>) => {
      await changeEndpoint(context, { id: endpoint.id, url: target }, author);
      const { state, status, error } = await testEndpoint(contextWith(parts), endpoint.id);
      return [state, status, error];
    };
    const resolvesTo = (...addresses: string[]) => ({ ...strict, resolve: () => Promise.resolve(addresses) });
    const refused = (error: string) => ['failed', null, error];
    const notPublic = refused('its host is not at a public address');

    assert.deepEqual(await outcome(url, strict), notPublic);
    assert.deepEqual(await outcome('https://127.0.0.1/', strict), notPublic);
    assert.deepEqual(await outcome('https://[::1]/', strict), notPublic);
    assert.deepEqual(await outcome('https://0x7f.1/', strict), notPublic);
    assert.deepEqual(await outcome('https://169.254.169.254/latest', strict), notPublic);
    assert.deepEqual(await outcome('https://a.example/', resolvesTo('10.0.0.1')), notPublic);
    assert.deepEqual(await outcome('https://a.example/', resolvesTo('93.184.215.14', '127.0.0.1')), notPublic);
    assert.deepEqual(await outcome('https://a.example/', resolvesTo()), notPublic);
    assert.deepEqual(
      await outcome('https://a.example:8443/', resolvesTo('93.184.215.14')),
      refused('only the usual ports of http and https are asked'),
    );
    assert.deepEqual(
      await outcome('http://a.example/', resolvesTo('93.184.215.14')),
      refused('public addresses are called by https only'),
    );
    assert.equal(asked, 0);
    assert.deepEqual(await outcome(url, {}), ['failed', 307, 'it redirects, which is not followed']);
    assert.equal(asked, 1);
    assert.deepEqual(await outcome(url.replace('/hook', '/x'), {}), ['delivered', 200, null]);
    assert.equal((await findEndpoint(context, endpoint.id)).failingSince, null);
  });

  test('an answer without an end, no answer, half of one and another protocol end the attempt', async t => {
    const server = answering((request, response) => {
      switch (request.url?.split('?')[0]) {
        case '/endless': {
          const more = () => {
            while (response.write('x'.repeat(4_096)));
          };
          response.on('drain', more);
          more();
          break;
        }
        case '/reset':
          request.socket.resetAndDestroy();
          break;
        case '/headers':
          response.writeHead(200, { 'x-long': 'y'.repeat(20_000) }).end();
          break;
        default:
          request.socket.end('HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf');
      }
    });
    const url = await listening(server, t);
    const { endpoint } = await endpointAt(url);
    const outcome = async (path: string) => {
      await changeEndpoint(context, { id: endpoint.id, url: url.replace('/hook', path) }, author);
      const { state, error } = await testEndpoint(context, endpoint.id);
      return [state, error];
    };
    const broken = (code: string) => ['failed', `the server cannot be reached or broke off (${code})`];

    assert.deepEqual(await outcome('/endless'), ['delivered', null]);
    assert.deepEqual(await outcome('/reset'), broken('ECONNRESET'));
    assert.deepEqual(await outcome('/headers'), broken('HPE_HEADER_OVERFLOW'));
    assert.deepEqual(await outcome('/half'), broken('ECONNRESET'));
  });

  test('who does not answer, or not to the end, is waited for ten seconds over all', async t => {
    const timeoutMs = 300;
    const hasty = contextWith({ timeoutMs });
    const server = answering((request, response) => {
      if (request.url?.startsWith('/slow') !== true) return;
      // Never idle for long, and never done.
      const drip = setInterval(() => response.write('.'), timeoutMs / 10);
      response.on('close', () => clearInterval(drip));
    });
    const url = await listening(server, t);
    const { endpoint } = await endpointAt(url);
    for (const path of ['/silent', '/slow']) {
      await changeEndpoint(context, { id: endpoint.id, url: url.replace('/hook', path) }, author);
      const startedMs = performance.now();
      const { state, error } = await testEndpoint(hasty, endpoint.id);
      assert.deepEqual([path, state, error], [path, 'failed', 'no answer in 0.3 s']);
      assert.ok(performance.now() - startedMs >= timeoutMs - 5);
    }
    assert.equal(sendTimeoutMs, 10_000);
  });

  test('a process that dies behind an attempt makes it again, under the same id; one that dies while it spreads notices tells all of them once', async t => {
    const ids: unknown[] = [];
    const server = answering((request, response) => {
      ids.push(request.headers['webhook-id']);
      response.end();
    });
    await endpointAt(await listening(server, t));
    await notice('key.created', 'acme');
    const client = connectSession(database.url);
    await client.connect();
    t.after(() => client.end());
    const dying = new Proxy(client, {
      get: (real, name) =>
        name !== 'query'
          ? Reflect.get(real, name)
          : (text: string, values: unknown[]) => {
              if (text.includes('update webhook_delivery')) throw new Error('the process has died');
              return real.query(text, values);
            },
    });
    const signal = new AbortController().signal;

    await client.query('begin');
    assert.equal(await fanOut(client, Date.now()), 1);
    await client.query('rollback');
    await assert.rejects(webhookJob(context).run({ client: dying, progress: () => {}, signal }), /has died/);
    assert.deepEqual(await run(), { delivered: 1, failed: 0 });
    assert.equal(ids.length, 2);
    assert.equal(new Set(ids).size, 1);
  });

  test('ten thousand may wait for one webhook; what comes beyond is given up and told', async () => {
    const { endpoint } = await endpointAt('http://127.0.0.1:9/');
    await changeEndpoint(context, { id: endpoint.id, state: 'active' }, author);
    await store.pool.query(
      `insert into webhook_delivery (id, endpoint, kind, body, due_at)
       select 'msg_' || n, $1, 'key.created', '{}', now() + interval '1 hour' from generate_series(1, 9999) as n`,
      [endpoint.id],
    );
    await notice('key.created', 'acme');
    await run();
    await notice('key.revoked', 'acme');
    await run();

    const [beyond, last] = await deliveries(endpoint.id);
    assert.deepEqual(
      [beyond?.kind, beyond?.state, beyond?.error],
      ['key.revoked', 'given-up', 'too many deliveries wait for this webhook'],
    );
    assert.deepEqual([last?.kind, last?.state], ['key.created', 'waiting']);
  });

  test('a paused webhook keeps what waits and gets nothing new; a removed one leaves nothing, nor does a removed organisation', async () => {
    const { endpoint } = await endpointAt('http://127.0.0.1:9/', { organisation: 'acme' });
    await notice('key.created', 'acme');
    await run();
    await changeEndpoint(context, { id: endpoint.id, state: 'paused' }, author);
    aheadMs = 60_000;
    await notice('key.created', 'acme');
    assert.deepEqual(await run(), { delivered: 0, failed: 0 });
    assert.deepEqual(
      (await deliveries(endpoint.id)).map(({ state }) => state),
      ['waiting'],
    );

    await removeEndpoint(context, endpoint.id, author);
    assert.deepEqual(await deliveries(endpoint.id), []);
    const { endpoint: other } = await endpointAt('http://127.0.0.1:9/', { organisation: 'acme' });
    await store.pool.query(
      `insert into configuration_revision (revision, actor, changes) values (1, 't', '[]') on conflict do nothing;
       insert into configuration_resource (kind, id, document, revision) values ('organisation', 'acme', '{}', 1);
       delete from configuration_resource where kind = 'organisation'`,
    );
    await assert.rejects(findEndpoint(context, other.id), { code: 'resource_not_found' });
  });

  test('what was delivered or failed is forgotten after 30 days, what was told after 400; what waits is kept', async () => {
    const { endpoint } = await endpointAt('https://hooks.example/');
    for (const [id, state, days] of [
      ['old', 'delivered', 31],
      ['failed', 'failed', 31],
      ['given-up', 'given-up', 31],
      ['waiting', 'waiting', 31],
      ['young', 'delivered', 29],
    ] as const) {
      await store.pool.query(
        `insert into webhook_delivery (id, endpoint, kind, body, state, created_at, due_at)
         values ($1, $2, 'test', '{}', $3, now() - $4 * interval '1 day', case when $3 = 'waiting' then now() end)`,
        [id, endpoint.id, state, days],
      );
    }
    for (const [kind, days, told] of [
      ['old', 401, true],
      ['young', 399, true],
      ['untold', 401, false],
    ] as const) {
      await notice(kind);
      await store.pool.query(
        `update notice set at = now() - $2 * interval '1 day', told_at = case when $3 then now() end where kind = $1`,
        [kind, days, told],
      );
    }
    const client = connectSession(database.url);
    await client.connect();

    const done = await webhookUpkeepJob().run({ client, progress: () => {}, signal: new AbortController().signal });

    await client.end();
    assert.deepEqual(done, { alerts: 0, forgotten: 4 });
    const deliveries = await store.pool.query<{ id: string }>('select id from webhook_delivery order by number');
    assert.deepEqual(
      deliveries.rows.map(({ id }) => id),
      ['waiting', 'young'],
    );
    const kept = await store.pool.query<{ kind: string }>('select kind from notice order by kind');
    assert.deepEqual(
      kept.rows.map(({ kind }) => kind),
      ['untold', 'young'],
    );
  });

  test('alerts are told to the installation, once a code and ten minutes, but for those that are notices themselves', async () => {
    const client = connectSession(database.url);
    await client.connect();
    await client.query(
      `insert into alert (id, at, code, message, exchange_id) values
         ('a', date_bin('10 minutes', now(), 'epoch'), 'exchange_quarantined', 'no price', 'ex_1'),
         ('b', date_bin('10 minutes', now(), 'epoch') + interval '1 microsecond', 'exchange_quarantined', 'no price either', 'ex_2'),
         ('c', now(), 'wallet_low', 'x', null), ('d', now() - interval '3 hours', 'old', 'x', null)`,
    );

    assert.deepEqual([await noticeAlerts(client), await noticeAlerts(client)], [1, 0]);
    await client.end();
    const { rows } = await store.pool.query('select kind, organisation, body from notice');
    assert.deepEqual(rows, [
      {
        kind: 'alert.raised',
        organisation: null,
        body: { code: 'exchange_quarantined', message: 'no price', count: 2, exchange: 'ex_1' },
      },
    ]);
  });
});
