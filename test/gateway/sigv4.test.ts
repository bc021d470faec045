import assert from 'node:assert/strict';
import { request } from 'node:http';
import { after, before, suite, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { type Emulator, startEmulator } from '../../src/emulator/emulator.ts';
import { digestOf, startGateway, type TestGateway } from '../support/gateway.ts';
import { type Signing, signRequest } from '../support/sign-request.ts';

const secretOf = (id: string) => `cck_${id}_0123456789abcdefghijklmnopqrstuvwxyzABCDEFG`;
const nowMs = Date.parse('2026-11-20T12:00:00Z');
const body = JSON.stringify({ model: 'openai/gpt-5', messages: [{ role: 'user', content: 'hello' }] });
const url = '/v1/chat/completions';

suite('requests that are signed', () => {
  let emulator: Emulator;
  let gateway: TestGateway;

  before(async () => {
    emulator = await startEmulator();
    const key = (id: string, more: object = {}) => ({
      id,
      digest: digestOf(secretOf(id)),
      secretSealed: `sealed:${secretOf(id)}`,
      ...more,
    });
    const past = (id: string, until: string, sealed = `sealed:${secretOf(id)}`) => ({
      digest: digestOf(secretOf(id)),
      until,
      ...(sealed === '' ? {} : { secretSealed: sealed }),
    });
    gateway = await startGateway({
      snapshot: {
        keys: [
          key('sign0001', {
            previous: [
              past('before01', '2026-11-20T13:00:00.000Z'),
              past('before02', '2026-11-20T11:00:00.000Z'),
              past('before03', '2026-11-20T13:00:00.000Z', ''),
            ],
          }),
          { id: 'plain001', digest: digestOf(secretOf('plain001')) },
          key('gone0001', { revoked: true }),
          key('late0001', { expiresAt: '2026-11-20T12:00:00.000Z' }),
          key('away0001', { addresses: ['203.0.113.0/24'] }),
          key('torn0001', { secretSealed: 'torn' }),
        ],
        providers: [{ name: 'openai', kind: 'openai', baseUrl: `${emulator.url}/v1` }],
        deployments: [{ id: 'gpt', model: 'openai/gpt-5' }],
      },
      limits: { bodyBytesMax: 4_096 },
      ports: {
        clock: { nowMs: () => nowMs, monotonicMs: () => performance.now() },
        openKeySecret: ({ sealed }) => {
          if (!sealed.startsWith('sealed:')) throw new Error('does not open');
          return sealed.slice('sealed:'.length);
        },
      },
    });
  });
  after(async () => {
    await gateway.stop();
    await emulator.stop();
  });

  interface Sent {
    readonly status: number | undefined;
    readonly fault: string | undefined;
    readonly text: string;
  }

  /** Sends `sent` where it is said, which need not be what was signed. */
  async function ask(
    signing: Partial<Signing> & { readonly keyId: string },
    sent: Partial<Changes> = {},
  ): Promise<Sent> {
    const headers = signRequest({
      secret: secretOf(signing.keyId),
      atMs: nowMs,
      url,
      host: `127.0.0.1:${gateway.port}`,
      body: signing.method === 'GET' ? '' : body,
      ...signing,
    });
    return new Promise((resolve, reject) => {
      const asking = request(`${gateway.url}${sent.url ?? signing.url ?? url}`, {
        method: signing.method ?? 'POST',
        headers: { ...headers, ...sent.headers },
        agent: false,
      });
      asking.on('response', async answer => {
        const chunks = await answer.toArray();
        const fault = answer.headers['x-carrier-fault'];
        resolve({ status: answer.statusCode, fault: fault?.toString(), text: Buffer.concat(chunks).toString() });
      });
      asking.on('error', reject);
      asking.end(sent.body ?? signing.body ?? (signing.method === 'GET' ? undefined : body));
    });
  }

  interface Changes {
    readonly url: string;
    readonly body: string;
    readonly headers: Readonly<Record<string, string>>;
  }

  test('a key that signs is let in by its signature, with and without the hash of the body in a header', async () => {
    for (const saysHash of [true, false]) {
      const answer = await ask({ keyId: 'sign0001', saysHash });
      assert.deepEqual([answer.status, answer.fault], [200, undefined], answer.text);
    }
    assert.deepEqual(
      gateway.records.filter(record => record.type === 'admit').map(({ key }) => key),
      ['sign0001', 'sign0001'],
    );
    const list = await ask({ keyId: 'sign0001', method: 'GET', url: '/v1/models' });
    assert.deepEqual([list.status, JSON.parse(list.text).data.length], [200, 1]);
  });

  test('any region will do, and a path and query are signed as they are sent', async () => {
    const answers = [
      await ask({ keyId: 'sign0001', region: 'eu-central-1' }),
      await ask({ keyId: 'sign0001', method: 'GET', url: '/v1/models/openai%2Fgpt-5?a=1&b=2' }),
      await ask({ keyId: 'sign0001', headers: { 'x-carrier-tags': 'team=a', 'x-amz-user-agent': 'aws-sdk-js' } }),
    ];

    assert.deepEqual(
      answers.map(({ status }) => status),
      [200, 200, 200],
    );
  });

  test('a packed body is signed as it is sent', async () => {
    const packed = gzipSync(body);
    for (const saysHash of [true, false]) {
      const answer = await ask({ keyId: 'sign0001', body: packed, saysHash, headers: { 'content-encoding': 'gzip' } });
      assert.deepEqual([answer.status, answer.fault], [200, undefined], answer.text);
    }
  });

  test('a secret that was rotated away signs until its time is over, and never where only its digest is kept', async () => {
    const by = async (id: string) => {
      const { status, fault } = await ask({ keyId: 'sign0001', secret: secretOf(id) });
      return [status, fault];
    };

    assert.deepEqual(await by('before01'), [200, undefined]);
    assert.deepEqual(await by('before02'), [401, 'key_rotated']);
    assert.deepEqual(await by('before03'), [401, 'signature_invalid']);
  });

  test('nothing that was signed can be changed on its way', async () => {
    const other = body.replace('hello', 'jello');
    const changes: readonly (readonly [string, Partial<Changes>])[] = [
      ['the body', { body: other }],
      ['the path', { url: '/v1/messages' }],
      ['the query', { url: `${url}?a=1` }],
      ['a signed header', { headers: { 'x-carrier-tags': 'team=b' } }],
      ['the type', { headers: { 'content-type': 'application/json; charset=utf-8' } }],
      ['the time', { headers: { 'x-amz-date': '20261120T120001Z' } }],
    ];
    const before = emulator.requests().length;
    for (const [what, change] of changes) {
      for (const saysHash of [true, false]) {
        const signed = { keyId: 'sign0001', saysHash, headers: { 'x-carrier-tags': 'team=a' } };
        const { status, fault, text } = await ask(signed, change);
        assert.deepEqual([status, fault], [401, 'signature_invalid'], what);
        assert.doesNotMatch(text, /cck_|AWS4-/);
      }
    }
    const claimed = { headers: { 'x-amz-content-sha256': digestOf(other) } };
    assert.equal((await ask({ keyId: 'sign0001' }, { ...claimed, body: other })).fault, 'signature_invalid');
    assert.equal(emulator.requests().length, before);
  });

  test('whoever is not let in is told why, by name', async () => {
    const stamp = { atMs: nowMs - 301_000 };
    const cases: readonly (readonly [Partial<Signing> & { keyId: string }, number, string])[] = [
      [{ keyId: 'nobody00' }, 401, 'key_invalid'],
      [{ keyId: 'plain001' }, 401, 'key_cannot_sign'],
      [{ keyId: 'gone0001' }, 401, 'key_revoked'],
      [{ keyId: 'late0001' }, 401, 'key_expired'],
      [{ keyId: 'away0001' }, 403, 'key_address_refused'],
      [{ keyId: 'sign0001', secret: secretOf('plain001') }, 401, 'signature_invalid'],
      [{ keyId: 'gone0001', secret: secretOf('plain001') }, 401, 'signature_invalid'],
      [{ keyId: 'sign0001', ...stamp }, 401, 'signature_expired'],
      [{ keyId: 'sign0001', atMs: nowMs + 301_000 }, 401, 'signature_expired'],
      [{ keyId: 'sign0001', headers: { 'x-amz-security-token': 'x' } }, 401, 'signature_unsupported'],
    ];
    for (const [signing, status, fault] of cases) {
      const answer = await ask(signing);
      assert.deepEqual([answer.status, answer.fault], [status, fault], JSON.stringify(signing));
      assert.match(answer.text, /^\{"error":/);
    }
    for (const atMs of [nowMs - 300_000, nowMs + 300_000]) {
      assert.equal((await ask({ keyId: 'sign0001', atMs })).status, 200);
    }
    assert.match(
      (await ask({ keyId: 'sign0001', ...stamp })).text,
      /signed at 20261120T115459Z, and here it is 20261120T120000Z/,
    );
  });

  test('a secret that does not open is our failure, and an operator is told', async () => {
    const answer = await ask({ keyId: 'torn0001' });

    assert.deepEqual([answer.status, answer.fault], [500, 'internal']);
    assert.deepEqual(gateway.alerts.splice(0), ['key_secret_unreadable']);
  });

  test('a link that was signed beforehand is refused by name, unless it brings a key as well', async () => {
    const presigned = '/v1/models?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Signature=ab';
    const bare = await fetch(`${gateway.url}${presigned}`);
    assert.deepEqual([bare.status, bare.headers.get('x-carrier-fault')], [401, 'signature_unsupported']);
    const withKey = await fetch(`${gateway.url}${presigned}`, { headers: { 'x-api-key': secretOf('plain001') } });
    assert.equal(withKey.status, 200);
  });

  test('bodies are bounded before anybody knows who sends them, and none is read for a signature that is wrong', async () => {
    const large = 'x'.repeat(5_000);
    assert.equal((await ask({ keyId: 'sign0001', body: large, saysHash: false })).fault, 'body_too_large');
    assert.equal((await ask({ keyId: 'sign0001', body: large })).fault, 'body_too_large');
    const wrong = { keyId: 'sign0001', secret: secretOf('plain001') };
    assert.equal((await ask({ ...wrong, body: large })).fault, 'signature_invalid');
    assert.equal(gateway.gateway.openExchanges, 0);
  });
});
