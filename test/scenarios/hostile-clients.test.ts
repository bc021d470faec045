import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { brotliCompressSync, gzipSync, zstdCompressSync } from 'node:zlib';
import { type Emulator, startEmulator } from '../../src/emulator/emulator.ts';
import { openRaw, post, type RawConnection } from '../support/raw-http.ts';
import { assertAtRest, memoryOf, readMetrics, sumOf } from './support/at-rest.ts';
import { acmeKey, declareSupply, providerKey } from './support/declare-supply.ts';
import { type Carrier, startCarrier } from './support/start-carrier.ts';
import { until } from './support/until.ts';

const bodyBytesMax = 32 * 1024 * 1024;
const chat = '/v1/chat/completions';
const bearer = `authorization: Bearer ${acmeKey}`;
const claude = '{"model":"anthropic/claude-sonnet-5","max_tokens":10,"messages":[{"role":"user","content":"hello"}]}';
const good = '{"model":"openai/gpt-5","max_tokens":10,"messages":[{"role":"user","content":"hello"}]}';

let emulator: Emulator;
let carrier: Carrier;

before(async () => {
  emulator = await startEmulator({ apiKeys: [providerKey], record: false });
  const supply = declareSupply({
    emulatorUrl: emulator.url,
    project: ['budget: { limit: "100000", period: month, hard: true }'],
    more: ['policies: { orphans: delivered }'],
  });
  carrier = await startCarrier({
    ...supply,
    flags: [
      '--limits-headers-timeout-ms=2500',
      '--limits-body-idle-timeout-ms=2500',
      '--limits-client-stall-timeout-ms=2000',
      '--limits-exchanges-max=40',
      `--limits-body-bytes-max=${bodyBytesMax}`,
    ],
  });
});
after(() => emulator.stop());

/** What came until the carrier closed the connection. */
async function untilClosed(...parts: readonly (string | Buffer)[]): Promise<string> {
  const raw = await openRaw(carrier.port);
  for (const part of parts) raw.send(part);
  return raw.closed();
}

/** One answer on a connection that stays open. */
async function answered(bytes: string | Buffer, end = /\r\n\r\n.+/s): Promise<string> {
  const raw = await openRaw(carrier.port);
  raw.send(bytes);
  const text = await raw.until(end);
  raw.socket.destroy();
  return text;
}

/** Sent again while a busy machine keeps the budget from being verified in time. */
async function sendPacked(body: Buffer, coding: string, triesLeft = 5): Promise<Response> {
  const response = await sendOnce(body, coding);
  if (response.headers.get('x-carrier-fault') !== 'budget_unverifiable' || triesLeft === 0) return response;
  await response.arrayBuffer();
  return sendPacked(body, coding, triesLeft - 1);
}

function sendOnce(body: Buffer, coding: string): Promise<Response> {
  return fetch(carrier.url + chat, {
    method: 'POST',
    headers: { authorization: `Bearer ${acmeKey}`, 'content-type': 'application/json', 'content-encoding': coding },
    body: new Uint8Array(body),
  });
}

const chunkedHead = `POST ${chat} HTTP/1.1\r\nhost: a\r\n${bearer}\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n`;
const sized = (length: string, ...more: readonly string[]) =>
  `${[`POST ${chat} HTTP/1.1`, 'host: a', bearer, 'content-type: application/json', `content-length: ${length}`, ...more].join('\r\n')}\r\n\r\n${good}`;
const coded = (coding: string, ...more: readonly string[]) =>
  `${[`POST ${chat} HTTP/1.1`, 'host: a', bearer, 'content-type: application/json', `transfer-encoding: ${coding}`, ...more].join('\r\n')}\r\n\r\n${good.length.toString(16)}\r\n${good}\r\n0\r\n\r\n`;

suite('framing', { concurrency: 16 }, () => {
  // Behind each stands a second request: whoever reads the first one's end elsewhere would answer it.
  const smuggled = 'GET /healthz HTTP/1.1\r\nhost: a\r\n\r\n';
  const refused: Readonly<Record<string, string>> = {
    'both lengths': coded('chunked', `content-length: ${good.length}`),
    'both lengths, the other way round': sized(String(good.length), 'transfer-encoding: chunked'),
    'a length twice': sized(String(good.length), `content-length: ${good.length}`),
    'two lengths': sized(String(good.length), 'content-length: 0'),
    'a list of lengths': sized(`${good.length}, ${good.length}`),
    'a length with a sign': sized(`+${good.length}`),
    'a length below zero': sized('-1'),
    'a length in hexadecimal': sized('0x10'),
    'a length beyond all numbers': sized('99999999999999999999999'),
    'an empty length': sized(''),
    'a coding that is none': coded('cow'),
    'identity before chunked': coded('identity, chunked'),
    'gzip before chunked': coded('gzip, chunked'),
    'chunked twice': coded('chunked, chunked'),
    'chunked in two headers': coded('chunked', 'transfer-encoding: chunked'),
    'chunked, with another coding behind': coded('chunked, identity'),
    'chunked with a vertical tab': coded('\x0bchunked'),
    'chunked in quotes': coded('"chunked"'),
    'a coding in HTTP/1.0': coded('chunked').replace('HTTP/1.1', 'HTTP/1.0'),
    'a space before a colon': sized(String(good.length)).replace('content-length:', 'content-length :'),
    'a folded header': sized(String(good.length), 'x-a: b', ' c: d'),
    'a header without a colon': sized(String(good.length), 'nonsense'),
    'a header without a name': sized(String(good.length), ': value'),
    'a NUL in a header': sized(String(good.length), 'x-a: a\0b'),
    'a bare carriage return in a header': sized(String(good.length), 'x-a: a\rb'),
    'a space before the first header': sized(String(good.length)).replace('host:', ' host:'),
    'bare line feeds': sized(String(good.length)).replaceAll('\r\n', '\n'),
    'no host': sized(String(good.length)).replace('host: a\r\n', ''),
    'two hosts': sized(String(good.length), 'host: b'),
    'a method that is none': sized(String(good.length)).replace('POST', 'PO ST'),
    'a version that is none': sized(String(good.length)).replace('HTTP/1.1', 'HTTP/3.7'),
    'a chunk size that is none': `${chunkedHead}xyz\r\n`,
    'a chunk size with a sign': `${chunkedHead}-5\r\nhello\r\n`,
    'a chunk size in 0x': `${chunkedHead}0x5\r\nhello\r\n`,
    'a chunk size beyond all numbers': `${chunkedHead}fffffffffffffffff\r\nhello\r\n`,
    'a chunk longer than its size': `${chunkedHead}2\r\nhello\r\n0\r\n\r\n`,
    'a chunk size that ends in a line feed': `${chunkedHead}5\nhello\r\n0\r\n\r\n`,
    'a huge chunk extension': `${chunkedHead}1;${'x'.repeat(40_000)}\r\na\r\n0\r\n\r\n`,
    'a speech of another protocol': '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03',
    'HTTP/2 that is not quite': 'PRI * HTTP/2.0\r\n\r\nSN\r\n\r\n',
  };
  for (const [name, bytes] of Object.entries(refused)) {
    test(`${name}: 400, and nothing behind it is answered`, async () => {
      const text = await untilClosed(Buffer.from(bytes, 'latin1'), smuggled);

      assert.match(text, /^HTTP\/1\.1 400 /);
      assert.equal(text.match(/HTTP\/1\.1/g)?.length, 1, text);
      assert.match(text, /\r\nx-carrier-fault: framing_invalid\r\n/);
      assert.match(text, /\r\nx-carrier-exchange-id: ex_/);
    });
  }

  test('a method of tunnels is refused, and the connection closes', async () => {
    const text = await untilClosed('CONNECT example.com:443 HTTP/1.1\r\nhost: example.com\r\n\r\n');

    assert.ok(text === '' || text.startsWith('HTTP/1.1 4'), text);
  });

  test('an upgrade that nobody offers is passed over, and the request answered', async () => {
    const text = await answered(
      post(chat, good, [bearer, 'connection: upgrade', 'upgrade: websocket', 'sec-websocket-version: 13']),
    );

    assert.match(text, /^HTTP\/1\.1 200 /);
  });

  test('a target of another origin is not found here', async () => {
    const text = await answered(post(`http://example.com${chat}`, good, [bearer]));

    assert.match(text, /^HTTP\/1\.1 404 /);
    assert.match(text, /path_not_found/);
  });

  for (const path of [
    '//v1/chat/completions',
    '/v1/../v1/chat/completions',
    '/v1/chat%2Fcompletions',
    '/v1/chat/completions/',
    '/V1/chat/completions',
    '/v1/chat/completions;a=b',
    '/%',
    '/%00',
    '/v1/messages%00',
    '*',
    '/\xff\xfe',
  ]) {
    test(`the path ${JSON.stringify(path)} is refused`, async () => {
      const text = await answered(Buffer.from(post(path, good, [bearer]), 'latin1'));

      assert.match(text, /^HTTP\/1\.1 40[04] /);
      assert.match(text, /x-carrier-fault: (?:path_not_found|framing_invalid)\r\n/);
    });
  }

  for (const path of [
    '/api/../metrics',
    '/api/%2e%2e/metrics',
    '/console/..%2fmetrics',
    '/api/..\\metrics',
    '/api/./v1/keys',
  ]) {
    test(`the path ${path} leads nowhere but where it says`, async () => {
      const text = await answered(`GET ${path} HTTP/1.1\r\nhost: a\r\n\r\n`);

      assert.match(text, /^HTTP\/1\.1 40[14] /);
      assert.doesNotMatch(text, /carrier_open_exchanges/);
    });
  }

  for (const path of ['/v1/models/%zz', '/v1/models/%ff', '/v1/models/%00', '/v1/models/..%2f..']) {
    test(`the model of ${path} is not found`, async () => {
      const text = await answered(`GET ${path} HTTP/1.1\r\nhost: a\r\n${bearer}\r\n\r\n`);

      assert.match(text, /^HTTP\/1\.1 404 /);
      assert.match(text, /model_not_found/);
    });
  }

  for (const [query, status] of [
    [`?key=${encodeURIComponent(acmeKey)}`, 200],
    [`?a=b&key=${acmeKey}`, 200],
    [`?key=${[...acmeKey].map(letter => `%${letter.charCodeAt(0).toString(16)}`).join('')}`, 200],
    ['?key=', 401],
    ['?key=%', 401],
    ['?key=%ff%fe', 401],
    ['?key=%00', 401],
    [`?key=wrong&key=${acmeKey}`, 401],
    [`?KEY=${acmeKey}`, 401],
    [`?key=${'k'.repeat(10_000)}`, 401],
    [`?${'&'.repeat(10_000)}`, 401],
  ] as const) {
    test(`a query of ${query.slice(0, 24)} is answered ${status}`, async () => {
      assert.match(await answered(post(chat + query, good)), new RegExp(`^HTTP/1\\.1 ${status} `));
    });
  }

  test('a key with letters beyond ASCII is wrong, not a failure', async () => {
    const text = await answered(Buffer.from(post(chat, good, ['authorization: Bearer \xff\xfe\x80']), 'latin1'));

    assert.match(text, /^HTTP\/1\.1 401 /);
  });

  test('headers beyond ASCII reach no provider as something else', async () => {
    const text = await answered(
      Buffer.from(post(chat, good, [bearer, 'user-agent: caf\xe9 \xf0\x9f\x98\x80', 'openai-beta: \x80']), 'latin1'),
    );

    assert.match(text, /^HTTP\/1\.1 200 /);
  });

  const oddBytes = [0x01, 0x08, 0x09, 0x0b, 0x1b, 0x1f, 0x7f, 0x80, 0x85, 0xa0, 0xad, 0xff];
  for (const [where, request] of [
    ['a header that goes on', (odd: string) => post(chat, good, [bearer, `user-agent: a${odd}b`])],
    ['a header of its dialect', (odd: string) => post(chat, good, [bearer, `x-stainless-lang: a${odd}b`])],
    ['a header of ours', (odd: string) => post(chat, good, [bearer, `x-carrier-tags: a=b${odd}c`])],
    ['a key', (odd: string) => post(chat, good, [`authorization: Bearer a${odd}b`])],
    ['a query', (odd: string) => post(`${chat}?a=${odd}`, good, [bearer])],
    ['a query that goes on', (odd: string) => post(`/v1/messages?beta=${odd}`, claude, [bearer])],
    ['a path', (odd: string) => post(`/v1/${odd}`, good, [bearer])],
    ['a path of the management API', (odd: string) => post(`/api/v1/${odd}`, good, [bearer])],
    ['a header for the management API', (odd: string) => post('/api/v1/apply', good, [bearer, `x-a: a${odd}b`])],
  ] as const) {
    test(`odd bytes in ${where} break nothing of ours`, async () => {
      for (const byte of oddBytes) {
        const text = await answered(Buffer.from(request(String.fromCharCode(byte)), 'latin1'));
        assert.match(text, /^HTTP\/1\.1 (?:200|400|401|404) /, `byte ${byte}`);
      }
    });
  }

  for (const method of ['HEAD', 'OPTIONS', 'TRACE', 'DELETE', 'PATCH']) {
    test(`${method} of a completion is 405 and says what is allowed`, async () => {
      const text = await answered(`${method} ${chat} HTTP/1.1\r\nhost: a\r\n${bearer}\r\n\r\n`, /\r\n\r\n/);

      assert.match(text, /^HTTP\/1\.1 405 /);
      assert.match(text, /\r\nallow: POST\r\n/i);
    });
  }

  test('HEAD of health has no body', async () => {
    const text = await untilClosed('HEAD /healthz HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n');

    assert.match(text, /^HTTP\/1\.1 200 /);
    assert.ok(text.endsWith('\r\n\r\n'));
  });

  test('HTTP/1.0 is answered, and closed', async () => {
    const text = await untilClosed(post(chat, good, [bearer]).replace('HTTP/1.1', 'HTTP/1.0'));

    assert.match(text, /^HTTP\/1\.1 200 /);
    assert.match(text, /"choices"/);
  });

  test('a stream for HTTP/1.0 comes without chunks', async () => {
    const body = good.replace('{', '{"stream":true,');
    const text = await untilClosed(post(chat, body, [bearer]).replace('HTTP/1.1', 'HTTP/1.0'));

    assert.doesNotMatch(text, /transfer-encoding/i);
    assert.ok(text.endsWith('data: [DONE]\n\n'));
  });

  test('twenty requests sent at once are answered in their order', async () => {
    const raw = await openRaw(carrier.port);
    const say = (n: number) => post(chat, good.replace('hello', `say exactly: word${n}`), [bearer]);

    for (let n = 0; n < 20; n++) raw.send(say(n));
    const text = await raw.until(/"word19"/);

    assert.deepEqual(
      [...text.matchAll(/"content": ?"word(\d+)"/g)].map(match => Number(match[1])),
      Array.from({ length: 20 }, (_, n) => n),
    );
    raw.socket.destroy();
  });

  test('a body that is asked for comes after 100, and one that is refused is never asked for', async () => {
    const asked = await openRaw(carrier.port);
    const whole = post(chat, good, [bearer, 'expect: 100-continue']);
    asked.send(whole.slice(0, -good.length));
    await asked.until(/^HTTP\/1\.1 100 Continue\r\n\r\n$/);
    asked.send(good);
    assert.match(await asked.until(/"choices"/), /HTTP\/1\.1 200 /);
    asked.socket.destroy();

    const text = await untilClosed(whole.replace(bearer, 'x-a: b').slice(0, -good.length));
    assert.match(text, /^HTTP\/1\.1 401 /);
  });

  test('an expectation that is none is refused or passed over, not hung on', async () => {
    const text = await answered(post(chat, good, [bearer, 'expect: the-unexpected', 'connection: close']));

    assert.match(text, /^HTTP\/1\.1 (?:200|417) /);
  });
});

suite('headers', () => {
  test('one header over the bound is 431', async () => {
    const text = await untilClosed(`GET /healthz HTTP/1.1\r\nhost: a\r\nx-a: ${'a'.repeat(40_000)}\r\n\r\n`);

    assert.match(text, /^HTTP\/1\.1 431 /);
    assert.match(text, /headers_too_large/);
  });

  test('a flood of small headers is 431', async () => {
    const flood = Array.from({ length: 3_000 }, (_, n) => `x-${n}: 1`);

    assert.match(await untilClosed(post(chat, good, [bearer, ...flood])), /^HTTP\/1\.1 431 /);
  });

  test('201 headers are one too many', async () => {
    const flood = (count: number) => Array.from({ length: count }, (_, n) => `x-${n}: 1`);

    assert.match(await answered(post(chat, good, [bearer, ...flood(196)])), /^HTTP\/1\.1 200 /);
    assert.match(await answered(post(chat, good, [bearer, ...flood(197)])), /^HTTP\/1\.1 431 /);
  });

  test('a target over the bound is 431', async () => {
    assert.match(await untilClosed(`GET /${'a'.repeat(40_000)} HTTP/1.1\r\nhost: a\r\n\r\n`), /^HTTP\/1\.1 431 /);
  });

  test('a flood of trailers ends the connection', async () => {
    const text = await untilClosed(
      `${chunkedHead}${good.length.toString(16)}\r\n${good}\r\n0\r\n`,
      `${Array.from({ length: 2_000 }, (_, n) => `x-${n}: ${'v'.repeat(20)}`).join('\r\n')}\r\n\r\n`,
    );

    assert.match(text, /^HTTP\/1\.1 4(?:00|31) /);
  });

  test('headers that drip are 408', async () => {
    const raw = await openRaw(carrier.port);
    raw.send(`POST ${chat} HTTP/1.1\r\nhost: a\r\n`);
    const drip = setInterval(() => raw.send('x: y\r\n'), 50);

    const text = await raw.closed().finally(() => clearInterval(drip));

    assert.match(text, /^HTTP\/1\.1 408 /);
    assert.match(text, /request_timeout/);
  });
});

suite('bodies', { concurrency: 4 }, () => {
  test('a body that stops is 408', async () => {
    const raw = await openRaw(carrier.port);
    raw.send(post(chat, good, [bearer]).slice(0, -5));

    assert.match(await raw.until(/request_timeout/), /^HTTP\/1\.1 408 /);
    raw.socket.destroy();
  });

  test('a body of exactly the bound is taken, and one byte more is not', async () => {
    const fill = (length: number) => `${good.slice(0, -1)},"x":"${'x'.repeat(length - good.length - 7)}"}`;
    const most = Buffer.from(fill(bodyBytesMax));
    assert.equal(most.length, bodyBytesMax);

    const taken = await sendPacked(most, 'identity');
    const text = await taken.text();
    const more = await sendPacked(Buffer.concat([most, Buffer.from(' ')]), 'identity');

    // The provider refuses the unknown field, having had all of it.
    assert.equal(taken.headers.get('x-carrier-fault'), 'upstream_invalid', text.slice(0, 200));
    assert.equal(more.status, 413);
  });

  test('a chunked body is refused once it is over the bound, without its end', async () => {
    const raw = await openRaw(carrier.port);
    raw.send(chunkedHead);
    const piece = `100000\r\n${'x'.repeat(0x100000)}\r\n`;
    for (let n = 0; n < 34; n++) raw.send(piece);

    assert.match(await raw.until(/body_too_large/), /^HTTP\/1\.1 413 /);
    raw.socket.destroy();
  });

  for (const [coding, pack] of [
    ['gzip', gzipSync],
    ['br', brotliCompressSync],
    ['zstd', zstdCompressSync],
  ] as const) {
    // Packed before any test: a client that packs meanwhile sends nothing, and is slow.
    const bomb = pack(Buffer.alloc(30_000_000, ' '));
    test(`a bomb in ${coding} is refused`, async () => {
      const response = await sendPacked(bomb, coding);

      assert.ok(bomb.length < 100_000);
      assert.equal(response.headers.get('x-carrier-fault'), 'body_too_large');
    });

    test(`a body in ${coding} that stops half-way is refused`, async () => {
      const packed = pack(good);
      const response = await sendPacked(packed.subarray(0, packed.length - 8), coding);

      assert.equal(response.headers.get('x-carrier-fault'), 'parameter_invalid');
      assert.equal(response.status, 400);
    });

    test(`a body in ${coding} with something behind it is not read as another request`, async () => {
      const response = await sendPacked(Buffer.concat([pack(good), Buffer.from('GET / HTTP/1.1\r\n\r\n')]), coding);

      assert.ok([200, 400].includes(response.status));
      await response.arrayBuffer();
    });
  }

  test('an empty body of every coding is refused', async () => {
    for (const coding of ['identity', 'gzip', 'br', 'zstd']) {
      const response = await sendPacked(Buffer.alloc(0), coding);
      assert.equal(response.status, 400, coding);
    }
  });

  test('codings upon codings are refused', async () => {
    const response = await sendPacked(gzipSync(gzipSync(good)), 'gzip, gzip');

    assert.equal(response.headers.get('x-carrier-fault'), 'content_coding_unsupported');
  });

  const nested = (depth: number) => `${good.slice(0, -1)},"x":${'['.repeat(depth - 1)}${']'.repeat(depth - 1)}}`;
  const bodies: readonly (readonly [string, string, string])[] = [
    // The provider refuses unknown fields, having had them.
    ['depth 128', nested(128), 'upstream_invalid'],
    ['depth 129', nested(129), 'json_too_deep'],
    ['depth of a million', nested(1_000_000), 'json_too_deep'],
    ['depth of a million, never closed', `{"model":${'['.repeat(1_000_000)}`, 'json_too_deep'],
    ['a model twice', good.replace('{', '{"model":"a",'), 'json_duplicate_key'],
    ['a model twice, spelt otherwise', good.replace('{', '{"\\u006do\\u0064el":"a",'), 'json_duplicate_key'],
    ['a limit twice', good.replace('{', '{"max_tokens":1,'), 'json_duplicate_key'],
    ['stream twice', good.replace('{', '{"stream":true,"str\\u0065am":false,'), 'json_duplicate_key'],
    ['a field of the prototype', good.replace('{', '{"__proto__":{"model":"a"},"constructor":1,'), 'upstream_invalid'],
    ['a model that is a list', good.replace('"openai/gpt-5"', '["a"]'), 'parameter_invalid'],
    ['a model of null', good.replace('"openai/gpt-5"', 'null'), 'parameter_missing'],
    ['a model of nothing', good.replace('openai/gpt-5', ''), 'parameter_missing'],
    ['a model of 300 letters', good.replace('openai/gpt-5', 'a'.repeat(300)), 'parameter_invalid'],
    ['a model with half a letter', good.replace('openai/gpt-5', '\\ud800'), 'model_not_found'],
    ['a model with a line end', good.replace('openai/gpt-5', 'a\\r\\nx-evil: 1'), 'model_not_found'],
    ['a model of the prototype', good.replace('openai/gpt-5', '__proto__'), 'model_not_found'],
    ['a model called constructor', good.replace('openai/gpt-5', 'constructor'), 'model_not_found'],
    ['stream as a word', good.replace('{', '{"stream":"true",'), 'parameter_invalid'],
    ['stream as 1', good.replace('{', '{"stream":1,'), 'parameter_invalid'],
    ['a limit as a word', good.replace('"max_tokens":10', '"max_tokens":"10"'), 'parameter_invalid'],
    ['a limit below zero', good.replace('"max_tokens":10', '"max_tokens":-1'), 'parameter_invalid'],
    ['a limit with a part', good.replace('"max_tokens":10', '"max_tokens":1.5'), 'parameter_invalid'],
    ['a limit beyond all numbers', good.replace('"max_tokens":10', '"max_tokens":1e400'), 'upstream_invalid'],
    ['no answers at all', good.replace('{', '{"n":0,'), 'parameter_invalid'],
    ['answers beyond all budgets', good.replace('{', '{"n":9007199254740991,'), 'budget_exhausted'],
    ['answers as a word', good.replace('{', '{"n":"2",'), 'parameter_invalid'],
    ['options as a list', good.replace('{', '{"stream":true,"stream_options":[],'), 'parameter_invalid'],
    [
      'an option twice',
      good.replace('{', '{"stream":true,"stream_options":{"include_usage":true,"include_usage":false},'),
      'json_duplicate_key',
    ],
    ['nothing', ' ', 'json_malformed'],
    ['a list', '[]', 'json_malformed'],
    ['a word', '"model"', 'json_malformed'],
    ['a text behind', `${good}{}`, 'json_malformed'],
    ['a mark of byte order', `\ufeff${good}`, 'json_malformed'],
    ['a comment', good.replace('{', '{/* */'), 'json_malformed'],
    ['single quotes', good.replaceAll('"', "'"), 'json_malformed'],
    ['a raw line end in a string', good.replace('hello', 'a\nb'), 'json_malformed'],
    ['an escape that is none', good.replace('hello', '\\x41'), 'json_malformed'],
    ['half an escape', good.replace('hello', '\\u00'), 'json_malformed'],
    ['NaN', good.replace('10', 'NaN'), 'json_malformed'],
    ['a number with a zero before it', good.replace('10', '010'), 'json_malformed'],
  ];
  for (const [name, body, code] of bodies) {
    test(`a body with ${name}: ${code}`, async () => {
      const response = await sendPacked(Buffer.from(body), 'identity');
      const text = await response.text();

      assert.equal(response.headers.get('x-carrier-fault') ?? 'ok', code, text.slice(0, 300));
      assert.equal(response.headers.get('x-evil'), null);
    });
  }

  for (const [name, bytes] of [
    ['an overlong slash', '\xc0\xaf'],
    ['half a pair', '\xed\xa0\x80'],
    ['a byte that begins nothing', '\xff'],
    ['a letter that is cut', '\xe2\x82'],
    ['a letter beyond Unicode', '\xf5\x80\x80\x80'],
  ] as const) {
    test(`a body with ${name} is not UTF-8`, async () => {
      const response = await sendPacked(Buffer.from(good.replace('hello', bytes), 'latin1'), 'identity');

      assert.equal(response.headers.get('x-carrier-fault'), 'utf8_invalid');
    });
  }

  test('a body of the management API with bad chunks is 400 at once', async () => {
    const text = await untilClosed(
      `POST /api/v1/apply HTTP/1.1\r\nhost: a\r\nauthorization: Bearer ${carrier.adminKey}\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n`,
    );

    assert.match(text, /^HTTP\/1\.1 400 /);
    assert.match(text, /framing_invalid/);
  });

  test('a body of the management API that stops is not waited for', async () => {
    const raw = await openRaw(carrier.port);
    raw.send(
      `POST /api/v1/apply HTTP/1.1\r\nhost: a\r\nauthorization: Bearer ${carrier.adminKey}\r\ncontent-type: application/yaml\r\ncontent-length: 100\r\n\r\nproviders`,
    );

    assert.match(await raw.until(/request_timeout/), /^HTTP\/1\.1 408 /);
    raw.socket.destroy();
  });
});

suite('clients that do not behave', () => {
  test('a broken request behind a good one is not answered, and its connection ends after the good answer', async () => {
    const text = await untilClosed(`${post(chat, good, [bearer])}NONSENSE\r\n\r\n`);

    assert.match(text, /^HTTP\/1\.1 200 /);
    assert.equal(text.match(/HTTP\/1\.1/g)?.length, 1);
  });

  const stream = good.replace('{', '{"stream":true,');

  test('one that does not read is cut off, with its exchange in the ledger and little of the answer in memory', async () => {
    // An event for each four bytes: about 16 MB of stream.
    emulator.script('body=300000;chunks=60000');
    const raw = await openRaw(carrier.port);
    raw.socket.pause();
    const before =
      (await readMetrics(carrier)).get(
        'carrier_exchanges_total{dialect="openai-chat",mode="stream",outcome="client_aborted"}',
      ) ?? 0;
    raw.send(post(chat, stream.replace('10', '900000'), [bearer]));

    const counted = await until('it is cut off', async () => {
      const metrics = await readMetrics(carrier);
      const now =
        metrics.get('carrier_exchanges_total{dialect="openai-chat",mode="stream",outcome="client_aborted"}') ?? 0;
      return now > before ? now : undefined;
    });

    assert.equal(counted, before + 1);
    raw.socket.destroy();
    emulator.replaceRules([]);
  });

  test('one that leaves with answers still queued behind another leaves nothing behind', async () => {
    emulator.replaceRules(['pace=100ms;tokens=200']);
    const raw = await openRaw(carrier.port);
    raw.send(post(chat, stream.replace('10', '400'), [bearer]).repeat(3));
    await raw.until(/chat\.completion\.chunk/);
    await until('all three are open', async () =>
      sumOf(await readMetrics(carrier), 'carrier_open_exchanges') === 3 ? true : undefined,
    );

    raw.socket.resetAndDestroy();

    // Long before their answers would have.
    await until('all three have ended', async () =>
      sumOf(await readMetrics(carrier), 'carrier_open_exchanges') === 0 ? true : undefined,
    );
    emulator.replaceRules([]);
  });

  test('one that asks for much at once and reads none of it is cut off', async () => {
    emulator.replaceRules(['body=40000;chunks=50000']);
    const raw = await openRaw(carrier.port);
    raw.socket.pause();
    raw.send(post(chat, stream.replace('10', '900000'), [bearer]).repeat(6));

    await until('they have begun', async () =>
      sumOf(await readMetrics(carrier), 'carrier_open_exchanges') > 0 ? true : undefined,
    );
    await until('all have ended', async () =>
      sumOf(await readMetrics(carrier), 'carrier_open_exchanges') === 0 ? true : undefined,
    );
    raw.socket.destroy();
    emulator.replaceRules([]);
  });

  test('a hundred that leave in the middle are all metered', async () => {
    emulator.replaceRules(['pace=20ms;tokens=200']);
    const leaving: RawConnection[] = [];
    for (let wave = 0; wave < 4; wave++) {
      const some = await Promise.all(Array.from({ length: 25 }, () => openRaw(carrier.port)));
      for (const raw of some) raw.send(post(chat, stream.replace('10', '400'), [bearer]));
      // Some leave before anything came, some in the middle.
      await Promise.all(some.slice(0, 15).map(raw => raw.until(/chat\.completion\.chunk/)));
      for (const raw of some) raw.socket.resetAndDestroy();
      leaving.push(...some);
    }
    emulator.replaceRules([]);

    await until('all have ended', async () => {
      const metrics = await readMetrics(carrier);
      return sumOf(metrics, 'carrier_open_exchanges') === 0 ? true : undefined;
    });
    assert.equal(leaving.length, 100);
  });

  test('more exchanges than a worker serves at once are refused, and those it serves go on', async () => {
    emulator.replaceRules(['ttfb=800ms']);
    const outcomes = await Promise.all(
      Array.from({ length: 60 }, async () => {
        const response = await sendPacked(Buffer.from(good), 'identity');
        await response.arrayBuffer();
        return response.headers.get('x-carrier-fault') ?? String(response.status);
      }),
    );
    emulator.replaceRules([]);

    const counts = Object.fromEntries(
      [...Map.groupBy(outcomes, String)].map(([outcome, some]) => [outcome, some.length]),
    );
    assert.deepEqual(counts, { 200: 40, overloaded: 20 });
  });
});

test('after all of it the carrier serves, has let go of everything, and has lost nothing', async () => {
  const response = await sendPacked(Buffer.from(good), 'identity');
  assert.equal(response.status, 200);
  await response.arrayBuffer();

  assert.ok((await assertAtRest(carrier)) > 150);
  for (const id of carrier.workerProcessIds()) {
    const { peakBytes } = memoryOf(id);
    assert.ok(peakBytes < 900 * 1024 * 1024, `a worker took ${Math.round(peakBytes / 1024 / 1024)} MiB`);
  }
});
