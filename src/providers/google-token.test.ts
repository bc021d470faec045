import assert from 'node:assert/strict';
import { createVerify, generateKeyPairSync } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import { after, before, beforeEach, suite, test } from 'node:test';
import { Fault } from '../completion/fault.ts';
import { authoriseGoogle } from './google-token.ts';

const { privateKey, publicKey } = generateKeyPairSync('rsa', {
  modulusLength: 2048,
  privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  publicKeyEncoding: { type: 'spki', format: 'pem' },
});

suite('tokens of Google Cloud', () => {
  let server: Server;
  let uri: string;
  let asked: URLSearchParams[];
  let answer: { status: number; body: string };
  let account = 0;

  before(async () => {
    server = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', chunk => chunks.push(chunk));
      request.on('end', () => {
        asked.push(new URLSearchParams(Buffer.concat(chunks).toString()));
        response.writeHead(answer.status, { 'content-type': 'application/json' });
        response.end(answer.body.replace('NUMBER', String(asked.length)));
      });
    });
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
    uri = `http://127.0.0.1:${(server.address() as { port: number }).port}/token`;
  });
  after(async () => {
    server.closeAllConnections();
    await new Promise(resolve => server.close(resolve));
  });
  beforeEach(() => {
    asked = [];
    answer = { status: 200, body: '{"access_token":"ya29.NUMBER","expires_in":3600,"token_type":"Bearer"}' };
  });

  /** Another one each time: tokens are remembered by it. */
  function keyFile(changes: object = {}): string {
    account += 1;
    return JSON.stringify({
      type: 'service_account',
      client_email: `gateway-${account}@acme.iam.gserviceaccount.com`,
      private_key: privateKey,
      private_key_id: 'k1',
      token_uri: uri,
      ...changes,
    });
  }

  async function authorise(credential: string | undefined, nowMs = 1_000_000) {
    const body = Buffer.from('{}');
    return authoriseGoogle({ origin: 'https://x', path: '/', headers: [], body, credential, nowMs });
  }

  test('an access token is sent as it is', async () => {
    assert.deepEqual(await authorise('ya29.mine'), ['authorization', 'Bearer ya29.mine']);
    assert.equal(asked.length, 0);
  });

  test('for a service account one token is asked for, signed by its key, and again shortly before it ends', async () => {
    const file = keyFile();

    const first = await Promise.all([authorise(file), authorise(file), authorise(file)]);
    const later = await authorise(file, 1_000_000 + 3_299_000);
    const renewed = await Promise.all([authorise(file, 1_000_000 + 3_301_000), authorise(file, 1_000_000 + 3_302_000)]);

    assert.deepEqual([...first, later], Array(4).fill(['authorization', 'Bearer ya29.1']));
    assert.deepEqual(renewed, Array(2).fill(['authorization', 'Bearer ya29.2']));
    assert.equal(asked.length, 2);
    const assertion = asked[0]!.get('assertion')!;
    const [head, claims, signature] = assertion.split('.');
    const verify = createVerify('RSA-SHA256').update(`${head}.${claims}`);
    assert.ok(verify.verify(publicKey, signature!, 'base64url'));
    const read = (part: string) => JSON.parse(Buffer.from(part, 'base64url').toString());
    assert.deepEqual(read(head!), { alg: 'RS256', typ: 'JWT', kid: 'k1' });
    const { iss, ...said } = read(claims!);
    const scope = 'https://www.googleapis.com/auth/cloud-platform';
    assert.deepEqual(said, { scope, aud: uri, iat: 1000, exp: 4600 });
    assert.equal(iss, JSON.parse(file).client_email);
    assert.equal(asked[0]!.get('grant_type'), 'urn:ietf:params:oauth:grant-type:jwt-bearer');
  });

  test('what cannot be used is our credential’s fault, and says nothing of it', async () => {
    const broken = [
      undefined,
      '',
      '{',
      '{}',
      keyFile({ type: 'authorized_user' }),
      keyFile({ private_key: 'no key' }),
      keyFile({ private_key: undefined }),
      keyFile({ token_uri: 'http://tokens.example/' }),
      keyFile({ token_uri: 'http://127.0.0.1.example/' }),
      keyFile({ token_uri: 'file:///etc/passwd' }),
    ];
    for (const credential of broken) {
      await assert.rejects(authorise(credential), fault => {
        assert.ok(fault instanceof Fault);
        assert.equal(fault.code, 'upstream_credential');
        assert.doesNotMatch(String((fault.cause as Error).message), /PRIVATE|gserviceaccount/);
        return true;
      });
    }
    assert.equal(asked.length, 0);
  });

  test('a server that refuses, fails or talks nonsense is told apart, and asked again the next time', async () => {
    const cases: readonly (readonly [number, string, string])[] = [
      [400, '{"error":"invalid_grant"}', 'upstream_credential'],
      [503, '', 'upstream_error'],
      [200, 'no JSON', 'upstream_credential'],
      [200, '{"access_token":"a\\r\\nb"}', 'upstream_credential'],
      [200, 'null', 'upstream_credential'],
    ];
    for (const [status, body, code] of cases) {
      const file = keyFile();
      const good = answer;
      answer = { status, body };
      await assert.rejects(authorise(file), { code });
      answer = good;
      assert.match((await authorise(file))[1]!, /^Bearer ya29\./);
    }
    await assert.rejects(authorise(keyFile({ token_uri: 'http://127.0.0.1:1/token' })), { code: 'upstream_refused' });
  });
});
