import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { type Emulator, startEmulator } from '../../src/emulator/emulator.ts';
import { digestOf, startGateway, type TestGateway } from '../support/gateway.ts';

const inside = 'cck_inside00_0123456789abcdefghijklmnopqrstuvwxyzABCDEFG';
const page = 'cck_page0000_0123456789abcdefghijklmnopqrstuvwxyzABCDEFG';
const tagged = 'cck_tagged00_0123456789abcdefghijklmnopqrstuvwxyzABCDEFG';

suite('restrictions of keys', () => {
  let emulator: Emulator;
  let gateway: TestGateway;
  let direct: TestGateway;

  before(async () => {
    emulator = await startEmulator();
    const snapshot = {
      organisations: [{ id: 'acme', usageTags: ['feature'] }],
      keys: [
        { id: 'inside00', digest: digestOf(inside), addresses: ['203.0.113.0/24', '2001:db8::/32'] },
        { id: 'page0000', digest: digestOf(page), origins: ['https://app.example.com', 'https://*.example.org'] },
        { id: 'tagged00', digest: digestOf(tagged), tags: { team: 'search' } },
      ],
      providers: [{ name: 'openai', kind: 'openai', baseUrl: `${emulator.url}/v1` }],
    };
    gateway = await startGateway({ snapshot, settings: { trustedProxies: ['127.0.0.0/8', '10.0.0.0/8'] } });
    direct = await startGateway({ snapshot });
  });
  after(async () => {
    await gateway.stop();
    await direct.stop();
    await emulator.stop();
  });

  const ask = (secret: string, headers: Record<string, string>, { url } = gateway) =>
    fetch(`${url}/v1/chat/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${secret}`, 'content-type': 'application/json', ...headers },
      body: JSON.stringify({ model: 'openai/gpt-5', messages: [{ role: 'user', content: 'hello' }] }),
    });
  const answered = async (response: Response) => {
    await response.arrayBuffer();
    return response.headers.get('x-carrier-fault') ?? response.status;
  };

  test('the client’s address is the last that no trusted proxy has; what a client writes itself counts for nothing', async () => {
    const from = async (forwarded: string | undefined, where = gateway) =>
      answered(await ask(inside, forwarded === undefined ? {} : { 'x-forwarded-for': forwarded }, where));

    assert.equal(await from('203.0.113.9'), 200);
    assert.equal(await from('2001:db8::7'), 200);
    assert.equal(await from('::ffff:203.0.113.9'), 200);
    assert.equal(await from('198.51.100.1, 203.0.113.9, 10.1.2.3'), 200);
    assert.equal(await from('203.0.113.9:4711'), 200);
    for (const forwarded of [
      undefined,
      '',
      'unknown',
      '198.51.100.1',
      '203.0.113.9, 198.51.100.1',
      '203.0.113.9, junk',
      '10.0.0.1, 127.0.0.1',
      '2001:db9::1',
    ]) {
      assert.equal(await from(forwarded), 'key_address_refused', String(forwarded));
    }
    assert.equal(await from('203.0.113.9', direct), 'key_address_refused');
  });

  test('a key of web origins works from their pages alone', async () => {
    const from = async (origin: string | undefined) =>
      answered(await ask(page, origin === undefined ? {} : { origin }));

    assert.equal(await from('https://app.example.com'), 200);
    assert.equal(await from('https://a.b.example.org'), 200);
    for (const origin of [
      undefined,
      'null',
      'http://app.example.com',
      'https://app.example.com:8443',
      'https://app.example.com.evil.net',
      'https://example.org',
      'https://evil.net/.example.org',
      'https://evilexample.org',
    ]) {
      assert.equal(await from(origin), 'key_origin_refused', String(origin));
    }
  });

  test('a browser is told which pages may call and may read the answer', async () => {
    const preflight = (origin: string, path = '/v1/chat/completions') =>
      fetch(`${gateway.url}${path}`, {
        method: 'OPTIONS',
        headers: {
          origin,
          'access-control-request-method': 'POST',
          'access-control-request-headers': 'authorization,content-type',
        },
      });

    const allowed = await preflight('https://app.example.com');
    assert.deepEqual(
      [
        allowed.status,
        allowed.headers.get('access-control-allow-origin'),
        allowed.headers.get('access-control-allow-methods'),
        allowed.headers.get('access-control-allow-headers'),
      ],
      [204, 'https://app.example.com', 'POST', 'authorization,content-type'],
    );
    const other = await preflight('https://evil.net');
    assert.deepEqual([other.status, other.headers.get('access-control-allow-origin')], [405, null]);
    assert.equal((await preflight('https://app.example.com', '/healthz')).status, 405);

    const answer = await ask(page, { origin: 'https://app.example.com' });
    await answer.arrayBuffer();
    assert.equal(answer.headers.get('access-control-allow-origin'), 'https://app.example.com');
    assert.match(answer.headers.get('access-control-expose-headers') ?? '', /x-carrier-exchange-id/);
    const plain = await ask(tagged, { origin: 'https://app.example.com' });
    await plain.arrayBuffer();
    assert.equal(plain.headers.get('access-control-allow-origin'), null);
  });

  test('a key’s tags are on each of its requests, and a request cannot give them other values', async () => {
    const tagsOf = async (tags: string | undefined) => {
      const count = gateway.records.length;
      const answer = await ask(tagged, tags === undefined ? {} : { 'x-carrier-tags': tags });
      await answer.arrayBuffer();
      const admit = gateway.records.slice(count).find(record => record.type === 'admit');
      return [answer.headers.get('x-carrier-fault'), admit?.tags, admit?.usageTags];
    };

    assert.deepEqual(await tagsOf(undefined), [null, { team: 'search' }, ['team']]);
    assert.deepEqual(await tagsOf('feature=chat,user=u1'), [
      null,
      { feature: 'chat', user: 'u1', team: 'search' },
      ['feature', 'team'],
    ]);
    assert.deepEqual(await tagsOf('team=search'), [null, { team: 'search' }, ['team']]);
    assert.deepEqual(await tagsOf('team=other'), ['header_invalid', undefined, undefined]);
  });
});
