import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { brotliCompressSync, gzipSync, zstdCompressSync } from 'node:zlib';
import { type Emulator, startEmulator } from '../../src/emulator/emulator.ts';
import { secret, startGateway, type TestGateway } from '../support/gateway.ts';
import { openRaw, post } from '../support/raw-http.ts';

const chat = '/v1/chat/completions';
const bearer = `authorization: Bearer ${secret}`;
const good = '{"model":"gpt-5","messages":[{"role":"user","content":"hello"}]}';

suite('the edge', () => {
  let emulator: Emulator;
  let gateway: TestGateway;

  before(async () => {
    emulator = await startEmulator();
    gateway = await startGateway({
      snapshot: {
        providers: [{ name: 'openai', baseUrl: `${emulator.url}/v1` }],
      },
      limits: { bodyBytesMax: 2_000_000, bodyIdleTimeoutMs: 200, headersTimeoutMs: 300, headerBytesMax: 16_384 },
    });
  });
  after(async () => {
    await gateway.stop();
    await emulator.stop();
  });

  async function answerTo(bytes: string | Buffer): Promise<string> {
    const raw = await openRaw(gateway.port);
    raw.send(bytes);
    const text = await raw.closed();
    return text;
  }

  /** Of a request after which the connection stays open. */
  async function openAnswerTo(bytes: string): Promise<string> {
    const raw = await openRaw(gateway.port);
    raw.send(bytes);
    const text = await raw.until(/\r\n\r\n.+/s);
    raw.socket.destroy();
    return text;
  }

  const framings: readonly (readonly [string, string])[] = [
    [
      'both length headers',
      `POST ${chat} HTTP/1.1\r\nhost: a\r\n${bearer}\r\ncontent-type: application/json\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n`,
    ],
    ['two lengths', `POST ${chat} HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\nhello`],
    ['two hosts', `GET /healthz HTTP/1.1\r\nhost: a\r\nHost: b\r\n\r\n`],
    ['no host', 'GET /healthz HTTP/1.1\r\n\r\n'],
    ['a length that is no number', `POST ${chat} HTTP/1.1\r\nhost: a\r\ncontent-length: 5x\r\n\r\nhello`],
    [
      'a coding before chunked',
      `POST ${chat} HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked, gzip\r\n\r\n0\r\n\r\n`,
    ],
    ['a space before the colon', 'GET /healthz HTTP/1.1\r\nhost : a\r\n\r\n'],
    ['a folded header', 'GET /healthz HTTP/1.1\r\nhost: a\r\nx-a: b\r\n c\r\n\r\n'],
    ['bytes that are no HTTP', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03'],
  ];
  for (const [name, bytes] of framings) {
    test(`${name}: 400 and the connection closes`, async () => {
      const answer = await answerTo(bytes);

      assert.match(answer, /^HTTP\/1\.1 400 /);
      assert.equal(answer.match(/HTTP\/1\.1/g)?.length, 1);
      assert.equal(emulator.stats().answersOpen, 0);
    });
  }

  test('a chunk with a bad size: 400 in the dialect of the path, and the connection closes', async () => {
    const answer = await answerTo(
      `POST /v1/messages HTTP/1.1\r\nhost: a\r\n${bearer}\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n`,
    );

    assert.match(answer, /^HTTP\/1\.1 400 /);
    assert.match(answer, /x-carrier-fault: framing_invalid/);
    assert.match(answer, /"type":"error","error":\{"type":"invalid_request_error"/);
  });

  test('headers over the size bound: 431', async () => {
    const answer = await answerTo(`GET ${chat} HTTP/1.1\r\nhost: a\r\nx-a: ${'a'.repeat(20_000)}\r\n\r\n`);

    assert.match(answer, /^HTTP\/1\.1 431 /);
    assert.match(answer, /x-carrier-fault: headers_too_large/);
  });

  test('more than 200 headers: 431', async () => {
    const flood = Array.from({ length: 250 }, (_, n) => `x-${n}: 1`);
    const answer = await openAnswerTo(post(chat, good, [bearer, ...flood]));

    assert.match(answer, /^HTTP\/1\.1 431 /);
  });

  test('headers that come too slowly: 408', async () => {
    const raw = await openRaw(gateway.port);
    raw.send(`POST ${chat} HTTP/1.1\r\nhost: a\r\n`);

    assert.match(await raw.closed(), /^HTTP\/1\.1 408 /);
  });

  test('a body that stops half-way: 408 in the dialect of the path', async () => {
    const raw = await openRaw(gateway.port);
    raw.send(post(chat, good, [bearer]).slice(0, -5));

    const answer = await raw.until(/request_timeout/);

    assert.match(answer, /^HTTP\/1\.1 408 /);
    raw.socket.destroy();
  });

  const refusals: readonly (readonly [string, string, number, string])[] = [
    ['no key', post(chat, good), 401, 'key_missing'],
    ['an unknown key', post(chat, good, ['x-api-key: nonsense']), 401, 'key_invalid'],
    ['an unknown model', post(chat, '{"model":"nope"}', [bearer]), 404, 'model_not_found'],
    ['no JSON', post(chat, '{"model":', [bearer]), 400, 'json_malformed'],
    ['a NUL byte', post(chat, '{"model":"gpt-5\0"}', [bearer]), 400, 'json_nul'],
    ['two models', post(chat, '{"model":"a","mod\\u0065l":"b"}', [bearer]), 400, 'json_duplicate_key'],
    [
      'depth over 128',
      post(chat, `{"model":"a","x":${'['.repeat(200)}${']'.repeat(200)}}`, [bearer]),
      400,
      'json_too_deep',
    ],
    ['an unknown x-carrier header', post(chat, good, [bearer, 'x-carrier-speed: 9']), 400, 'header_invalid'],
    ['a policy that is none', post(chat, good, [bearer, 'x-carrier-policy: best']), 400, 'header_invalid'],
    ['a way to go on that is none', post(chat, good, [bearer, 'x-carrier-on-failure: repeat']), 400, 'header_invalid'],
    ['a deadline of words', post(chat, good, [bearer, 'x-carrier-deadline-ms: soon']), 400, 'header_invalid'],
    ['a zone that is none', post(chat, good, [bearer, 'x-carrier-zones: Mars']), 400, 'header_invalid'],
    ['a zone where nothing stands', post(chat, good, [bearer, 'x-carrier-zones: EU']), 403, 'no_compliant_deployment'],
    ['tags that are none', post(chat, good, [bearer, 'x-carrier-tags: a']), 400, 'header_invalid'],
    [
      'another media type',
      post(chat, good, [bearer]).replace('application/json', 'text/plain'),
      415,
      'media_type_unsupported',
    ],
    [
      'another charset',
      post(chat, good, [bearer]).replace('application/json', 'application/json; charset=latin1'),
      415,
      'media_type_unsupported',
    ],
    [
      'another content coding',
      post(chat, good, [bearer, 'content-encoding: compress']),
      415,
      'content_coding_unsupported',
    ],
    ['a path that is none', post('/v1/nothing', good, [bearer]), 404, 'path_not_found'],
    ['a method that is none', `GET ${chat} HTTP/1.1\r\nhost: a\r\n${bearer}\r\n\r\n`, 405, 'method_not_allowed'],
  ];
  for (const [name, bytes, status, code] of refusals) {
    test(`${name}: ${status} ${code}, and the connection serves the next request`, async () => {
      const raw = await openRaw(gateway.port);

      raw.send(bytes);
      const answer = await raw.until(/\}\s*$/);
      assert.match(answer, new RegExp(`^HTTP/1\\.1 ${status} `));
      assert.match(answer, new RegExp(`x-carrier-fault: ${code}\r\n`));
      assert.match(answer, /x-carrier-exchange-id: ex_[0-9A-HJKMNP-TV-Z]{26}\r\n/);
      assert.match(answer, /"error":\{"message":/);

      raw.send('GET /healthz HTTP/1.1\r\nhost: a\r\n\r\n');
      await raw.until(/"status":"ok"/);
      raw.socket.destroy();
    });
  }

  test('a path without a dialect is refused with a problem document', async () => {
    const response = await fetch(`${gateway.url}/nowhere`);

    assert.equal(response.status, 404);
    assert.equal(response.headers.get('content-type'), 'application/problem+json');
    assert.match(await response.text(), /"code":"path_not_found"/);
  });

  test('a body over the bound is refused by its length, before it is asked for', async () => {
    const raw = await openRaw(gateway.port);
    raw.send(
      `POST ${chat} HTTP/1.1\r\nhost: a\r\n${bearer}\r\ncontent-type: application/json\r\ncontent-length: 2000001\r\nexpect: 100-continue\r\n\r\n`,
    );

    const answer = await raw.closed();

    assert.match(answer, /^HTTP\/1\.1 413 /);
    assert.match(answer, /x-carrier-fault: body_too_large/);
  });

  test('a chunked body is refused as soon as it passes the bound, without reading the rest', async () => {
    const raw = await openRaw(gateway.port);
    raw.send(
      `POST ${chat} HTTP/1.1\r\nhost: a\r\n${bearer}\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n`,
    );
    const piece = `10000\r\n${'x'.repeat(65_536)}\r\n`;
    for (let sent = 0; sent < 40; sent++) raw.send(piece);

    assert.match(await raw.until(/body_too_large/), /^HTTP\/1\.1 413 /);
    raw.socket.destroy();
  });

  test('a client that expects to be asked for its body is asked once, after its headers passed', async () => {
    const raw = await openRaw(gateway.port);
    const whole = post(chat, good, [bearer, 'expect: 100-continue']);
    raw.send(whole.slice(0, whole.indexOf('\r\n\r\n') + 4));
    await raw.until(/^HTTP\/1\.1 100 Continue\r\n\r\n/);

    raw.send(good);

    assert.match(await raw.until(/\}\s*$/), /HTTP\/1\.1 200 OK/);
    raw.socket.destroy();
  });

  for (const [coding, compress] of [
    ['gzip', gzipSync],
    ['br', brotliCompressSync],
    ['zstd', zstdCompressSync],
  ] as const) {
    test(`a body packed with ${coding} is unpacked, and its bytes go upstream`, async () => {
      emulator.clearRequests();
      const response = await send(compress(good), coding);

      assert.equal(response.status, 200);
      assert.equal(emulator.requests().at(-1)?.body.toString(), good);
    });

    test(`a bomb packed with ${coding} is refused before it is unpacked`, async () => {
      const response = await send(compress(Buffer.alloc(1_900_000, ' ')), coding);

      assert.equal(response.status, 413);
      assert.equal(response.headers.get('x-carrier-fault'), 'body_too_large');
    });

    test(`bytes that are not ${coding} are refused`, async () => {
      const response = await send(Buffer.from(good), coding);

      assert.equal(response.status, 400);
      assert.equal(response.headers.get('x-carrier-fault'), 'parameter_invalid');
    });
  }

  function send(body: Buffer, coding: string): Promise<Response> {
    return fetch(gateway.url + chat, {
      method: 'POST',
      headers: { authorization: `Bearer ${secret}`, 'content-type': 'application/json', 'content-encoding': coding },
      body: new Uint8Array(body),
    });
  }

  test('three requests sent at once are answered in their order', async () => {
    const raw = await openRaw(gateway.port);
    const say = (word: string) => post(chat, good.replace('hello', `say exactly: ${word}`), [bearer]);

    raw.send(say('alpha') + say('beta') + say('gamma'));
    const text = await raw.until(/"content": ?"gamma".*\}\s*$/s);

    assert.deepEqual(
      [...text.matchAll(/"content": ?"(\w+)"/g)].map(match => match[1]),
      ['alpha', 'beta', 'gamma'],
    );
    assert.equal(text.match(/HTTP\/1\.1 200 OK/g)?.length, 3);
    raw.socket.destroy();
  });

  test('requests mean the same however their bytes are cut up', async () => {
    const body = good.replace('hello', 'say exactly: whole');
    const chunked = body.replace(/.{1,7}/gs, piece => `${Buffer.byteLength(piece).toString(16)}\r\n${piece}\r\n`);
    const bytes = [
      post(chat, body, [bearer]),
      `POST ${chat} HTTP/1.1\r\nhost: a\r\n${bearer}\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n${chunked}0\r\n\r\n`,
    ].join('');
    for (const size of [1, 2, 3, 5, 17, 64, 333]) {
      const raw = await openRaw(gateway.port);
      for (let at = 0; at < bytes.length; at += size) {
        raw.send(bytes.slice(at, at + size));
        await new Promise(resolve => setImmediate(resolve));
      }

      const text = await raw.until(/("content": ?"whole".*){2}\}\s*$/s);

      assert.equal(text.match(/HTTP\/1\.1 200 OK/g)?.length, 2);
      raw.socket.destroy();
    }
  });

  for (const [kept, closing] of [
    ['kept', []],
    ['last', ['connection: close']],
  ] as const) {
    test(`a broken request behind a good one does not tear the good answer, on a ${kept} connection`, async () => {
      const raw = await openRaw(gateway.port);

      raw.send(`${post(chat, good.replace('hello', 'say exactly: whole'), [bearer, ...closing])}NONSENSE\r\n\r\n`);
      const text = await raw.closed();

      assert.match(text, /^HTTP\/1\.1 200 OK/);
      assert.match(text, /"content": ?"whole"/);
    });
  }

  for (const [place, headers, query] of [
    ['Authorization', [bearer], ''],
    ['x-api-key', [`x-api-key: ${secret}`], ''],
    ['x-goog-api-key', [`x-goog-api-key: ${secret}`], ''],
    ['the query', [], `?key=${secret}`],
    ['Authorization before x-api-key', [bearer, 'x-api-key: wrong'], ''],
  ] as const) {
    test(`a key in ${place} is found, and never goes upstream`, async () => {
      emulator.clearRequests();
      const answer = await openAnswerTo(post(chat + query, good, headers));

      assert.match(answer, /^HTTP\/1\.1 200 /);
      const request = emulator.requests().at(-1)!;
      assert.ok(!JSON.stringify([request.path, request.rawHeaders]).includes(secret));
      assert.equal(request.path, chat);
    });
  }

  test('cookies, forwarding headers and our own headers never go upstream', async () => {
    emulator.clearRequests();
    await openAnswerTo(
      post(chat, good, [
        bearer,
        'cookie: a=b',
        'x-forwarded-for: 1.2.3.4',
        'x-carrier-strict: 1',
        'x-carrier-emulate: reset',
      ]),
    );

    const names = emulator
      .requests()
      .at(-1)!
      .rawHeaders.filter((_, index) => index % 2 === 0)
      .map(name => name.toLowerCase());
    assert.deepEqual(
      names.filter(name => /cookie|forwarded|carrier/.test(name)),
      [],
    );
  });

  test('the list of models has the shape of the client that asks', async () => {
    const openAi = await fetch(`${gateway.url}/v1/models`, { headers: { authorization: `Bearer ${secret}` } });
    const anthropic = await fetch(`${gateway.url}/v1/models`, {
      headers: { 'x-api-key': secret, 'anthropic-version': '2023-06-01' },
    });
    const one = await fetch(`${gateway.url}/v1/models/openai%2Fgpt-5`, { headers: { 'x-api-key': secret } });

    assert.deepEqual(await openAi.json(), {
      object: 'list',
      data: [{ id: 'openai/gpt-5', object: 'model', created: 0, owned_by: 'openai' }],
    });
    assert.deepEqual(await anthropic.json(), {
      data: [{ type: 'model', id: 'openai/gpt-5', display_name: 'openai/gpt-5', created_at: '1970-01-01T00:00:00Z' }],
      has_more: false,
      first_id: 'openai/gpt-5',
      last_id: 'openai/gpt-5',
    });
    assert.match(await one.text(), /"id":"openai\/gpt-5"/);
  });

  test('a model is found under every name that a request may give it', async () => {
    const idOf = async (name: string) => {
      const response = await fetch(`${gateway.url}/v1/models/${name}`, { headers: { 'x-goog-api-key': secret } });
      const model = (await response.json()) as { id?: string };
      return model.id ?? response.headers.get('x-carrier-fault');
    };

    assert.equal(await idOf('openai/gpt-5'), 'openai/gpt-5');
    assert.equal(await idOf('models%2Fopenai%2fgpt-5'), 'openai/gpt-5');
    assert.equal(await idOf('gpt-5'), 'openai/gpt-5');
    assert.equal(await idOf('gpt-6'), 'model_not_found');
  });

  test('200 headers are served, and one more is refused', async () => {
    const flood = (count: number) =>
      `GET /healthz HTTP/1.1\r\nhost: a\r\n${Array.from({ length: count - 1 }, (_, index) => `x-${index}: 1\r\n`).join('')}\r\n`;

    assert.match(await openAnswerTo(flood(200)), /^HTTP\/1\.1 200 /);
    assert.match(await openAnswerTo(flood(201)), /^HTTP\/1\.1 431 .*x-carrier-fault: headers_too_large/s);
  });

  test('a refusal at the door says that nothing was sent', async () => {
    const nowhere = await fetch(`${gateway.url}/v1/nowhere`);
    const wrongMethod = await fetch(`${gateway.url}/v1/messages`);

    assert.equal(nowhere.headers.get('x-carrier-attempts'), '0');
    assert.equal(wrongMethod.headers.get('x-carrier-attempts'), '0');
    assert.equal(wrongMethod.headers.get('allow'), 'POST');
  });

  test('a TLS handshake that does not come ends its connection when headers would have', async t => {
    const file = (name: string) => new URL(`../support/tls/${name}`, import.meta.url).pathname;
    const behindTls = await startGateway({
      settings: { tls: { certificatePath: file('one.pem'), keyPath: file('one.key.pem') } },
      limits: { headersTimeoutMs: 300 },
    });
    t.after(() => behindTls.stop());
    const silent = await openRaw(behindTls.port);
    const clumsy = await openRaw(behindTls.port);
    clumsy.send('GET /healthz HTTP/1.1\r\nhost: a\r\n\r\n');

    assert.equal(await silent.closed(), '');
    assert.doesNotMatch(await clumsy.closed(), /200 OK/);
  });

  test('nothing was refused or ended with a fault of ours', () => {
    assert.deepEqual(
      gateway.refused.filter(refusal => refusal.code === 'internal'),
      [],
    );
  });
});

test('x-carrier-zones tightens what the key allows and never widens it', async t => {
  const gateway = await startGateway({
    snapshot: {
      projects: [{ id: 'web', zones: ['EU'] }],
      // Nobody listens there: what passes the policy fails to connect.
      providers: [{ name: 'openai', baseUrl: 'http://127.0.0.1:9/v1' }],
      deployments: [
        { id: 'us', model: 'openai/us', zones: { processing: 'US' } },
        { id: 'de', model: 'openai/de', zones: { processing: 'DE' } },
      ],
    },
  });
  t.after(() => gateway.stop());
  const faultOf = async (model: string, zones: string) => {
    const response = await fetch(gateway.url + chat, {
      method: 'POST',
      headers: { 'x-api-key': secret, 'content-type': 'application/json', 'x-carrier-zones': zones },
      body: JSON.stringify({ model, messages: [{ role: 'user', content: 'hello' }] }),
    });
    return response.headers.get('x-carrier-fault');
  };

  assert.equal(await faultOf('us', 'US'), 'no_compliant_deployment');
  assert.equal(await faultOf('us', 'GLOBAL'), 'no_compliant_deployment');
  assert.equal(await faultOf('de', 'FR'), 'no_compliant_deployment');
  assert.equal(await faultOf('de', 'GLOBAL'), 'upstream_refused');
  assert.equal(await faultOf('de', 'DE'), 'upstream_refused');
});
