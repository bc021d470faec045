import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import { brotliCompressSync, gzipSync, zstdCompressSync } from 'node:zlib';
import { type Emulator, startEmulator } from '../../src/emulator/emulator.ts';
import { dialectPaths, type FixtureDialect, fixtureDialects, readFixtures } from './support/fixtures.ts';
import { type BytesAnswer, sendBytes } from './support/send-bytes.ts';
import { type Carrier, startCarrier } from './support/start-carrier.ts';

const clientKey = 'acme-secret-acme-secret-acme-secret-0';
const providerKey = 'provider-secret';

let emulator: Emulator;
let carrier: Carrier;

before(async () => {
  emulator = await startEmulator({ apiKeys: [providerKey] });
  // One account that speaks both dialects, so that the fixtures' model serves both; its target's name needs escapes.
  const rates = '{ input: "1", cacheRead: "1", cacheWrite5m: "1", cacheWrite1h: "1", output: "1" }';
  carrier = await startCarrier({
    yaml: [
      'providers:',
      `  plant: { kind: emulated, baseUrl: "${emulator.url}", credential: env:PLANT_KEY }`,
      `  chat: { dialect: openai-chat, baseUrl: "${emulator.url}/v1", credential: env:PLANT_KEY }`,
      `  messages: { dialect: anthropic-messages, baseUrl: "${emulator.url}", credential: env:PLANT_KEY }`,
      'deployments:',
      '  plant-1: { provider: plant, model: acme/fixture, targetModel: \'as-"served"\' }',
      '  openai-chat-1: { provider: chat, model: acme/chat }',
      '  anthropic-messages-1: { provider: messages, model: acme/messages }',
      'prices:',
      `  sell: { currency: USD, rates: { acme/*: ${rates} } }`,
      `  buy: { currency: USD, rates: { acme/*: ${rates} } }`,
      'routes:',
      '  openai-chat: { candidates: [ { deployment: openai-chat-1 } ], retries: 0 }',
      '  anthropic-messages: { candidates: [ { deployment: anthropic-messages-1 } ], retries: 0 }',
      'organisations:',
      '  acme: { projects: { web: { keys: { ci: { secret: env:ACME_KEY } } } } }',
      '',
    ].join('\n'),
    env: { PLANT_KEY: providerKey, ACME_KEY: clientKey },
  });
});
after(() => emulator.stop());
beforeEach(() => {
  emulator.clearRequests();
  emulator.replaceRules([]);
  emulator.replay(undefined);
});

function send(dialect: FixtureDialect, body: Buffer | string, headers: Record<string, string> = {}, query = '') {
  return sendBytes(carrier.url, {
    path: dialectPaths[dialect] + query,
    body,
    headers: { authorization: `Bearer ${clientKey}`, 'content-type': 'application/json', ...headers },
  });
}

/** What the provider says to every request of a test, whatever it asks. */
function answerWith(body: Buffer | string, streamed: boolean, headers: readonly string[] = []): void {
  const contentType = streamed ? 'text/event-stream; charset=utf-8' : 'application/json';
  emulator.replay({
    status: 200,
    headers: ['content-type', contentType, ...headers],
    body: Buffer.from(body),
    streamed,
  });
}

const plainAnswers: Readonly<Record<FixtureDialect, { readonly whole: string; readonly stream: string }>> = {
  'openai-chat': {
    whole:
      '{"id":"c","object":"chat.completion","model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"x"},"finish_reason":"stop"}],"usage":{"prompt_tokens":1,"completion_tokens":1,"total_tokens":2}}',
    stream:
      'data: {"id":"c","object":"chat.completion.chunk","model":"m","choices":[{"index":0,"delta":{"content":"x"},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n',
  },
  'anthropic-messages': {
    whole:
      '{"id":"m","type":"message","role":"assistant","model":"m","content":[{"type":"text","text":"x"}],"stop_reason":"end_turn","usage":{"input_tokens":1,"output_tokens":1}}',
    stream: [
      'event: message_start\ndata: {"type":"message_start","message":{"id":"m","type":"message","role":"assistant","model":"m","content":[],"usage":{"input_tokens":1,"output_tokens":1}}}\n\n',
      'event: content_block_delta\ndata: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"x"}}\n\n',
      'event: message_delta\ndata: {"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":1}}\n\n',
      'event: message_stop\ndata: {"type":"message_stop"}\n\n',
    ].join(''),
  },
};

/** The one declared splice of every request: the model's name as any JSON text may spell it. */
const spelledModel = /"(?:acme|\\u0061cme)(?:\/|\\\/|\\u002f)fixture"/;
const servedModel = '"as-\\"served\\""';

/** The other splice, by request: usage is asked for in the stream although the client did not. */
const usageSplices: Readonly<Record<string, readonly [from: string, to: string]>> = {
  'stream.json': [servedModel, `${servedModel},"stream_options":{"include_usage":true}`],
  'stream-options-null.json': ['"stream_options":null', '"stream_options":{"include_usage":true}'],
  'stream-options-other.json': ['{ "include_obfuscation"', '{"include_usage":true, "include_obfuscation"'],
  'stream-usage-false.json': ['"include_usage":false', '"include_usage":true'],
};

const codings: Readonly<Record<string, (bytes: Buffer) => Buffer>> = {
  gzip: gzipSync,
  br: brotliCompressSync,
  zstd: zstdCompressSync,
};

for (const dialect of fixtureDialects) {
  const requests = readFixtures(dialect, 'requests');

  test(`${dialect}: at least 40 kinds of requests reach the provider as they were sent, but for the declared splices`, async () => {
    assert.ok(requests.length >= 40);
    for (const { name, bytes } of requests) {
      const streamed = /"stream"\s*:\s*true/.test(bytes.toString());
      answerWith(plainAnswers[dialect][streamed ? 'stream' : 'whole'], streamed);
      const [from, to] = (dialect === 'openai-chat' ? usageSplices[name] : undefined) ?? ['', ''];
      const expected = bytes
        .toString()
        .replace(spelledModel, () => servedModel)
        .replace(from, () => to);

      const answers = [await send(dialect, bytes)];
      for (const [coding, compress] of Object.entries(codings)) {
        answers.push(await send(dialect, compress(bytes), { 'content-encoding': coding }));
      }

      assert.deepEqual(
        answers.map(({ status }) => status),
        [200, 200, 200, 200],
        `${name}: ${answers[0]!.body}`,
      );
      const received = emulator.requests().slice(-4);
      assert.deepEqual(
        received.map(({ body }) => body.toString()),
        [expected, expected, expected, expected],
        name,
      );
      assert.ok(received.every(({ path }) => path === dialectPaths[dialect]));
      assert.ok(received.every(({ rawHeaders }) => !rawHeaders.includes('content-encoding')));
    }
    assert.equal(emulator.requests().length, requests.length * 4);
  });
}

/** Answers that are not passed on whole, and what the client hears instead. Nothing of them had reached it. */
const refusedAnswers: Readonly<Record<FixtureDialect, Readonly<Record<string, readonly [number, string]>>>> = {
  'openai-chat': {
    'error-inside-200.json': [502, 'upstream_error'],
    'error-event.sse': [400, 'upstream_invalid'],
    'error-first.sse': [503, 'upstream_overloaded'],
    'malformed.sse': [502, 'upstream_malformed'],
  },
  'anthropic-messages': {
    'error-inside-200.json': [529, 'upstream_overloaded'],
    'error-first.sse': [502, 'upstream_error'],
    'malformed.sse': [502, 'upstream_malformed'],
  },
};

/** An error behind content in one read: nothing has left yet, so it is an error like any other. Otherwise it passes. */
const refusedInOneRead: Readonly<Record<FixtureDialect, Readonly<Record<string, readonly [number, string]>>>> = {
  'openai-chat': { 'error-in-the-middle.sse': [502, 'upstream_error'] },
  'anthropic-messages': { 'error-in-the-middle.sse': [529, 'upstream_overloaded'] },
};

/** Streams that break after something was seen: passed up to there, and one error event. */
const brokenStreams: Readonly<Record<FixtureDialect, Readonly<Record<string, RegExp>>>> = {
  'openai-chat': {
    'cut.sse': /^data: \{"error":\{"message":"The answer ended without its terminal event."[^\n]*\}\}\n\n$/,
  },
  'anthropic-messages': {
    'cut.sse': /^event: error\ndata: \{"type":"error","error":\{"type":"api_error"[^\n]*\}\n\n$/,
    'cut-before-stop.sse': /^event: error\ndata: \{"type":"error","error":\{"type":"api_error"[^\n]*\}\n\n$/,
  },
};

const chunkings = ['whole', 'event', 'byte'];
const asked: Readonly<Record<FixtureDialect, (stream: boolean) => string>> = {
  'openai-chat': stream =>
    `{"model":"openai-chat","messages":[{"role":"user","content":"x"}]${stream ? ',"stream":true,"stream_options":{"include_usage":true}' : ''}}`,
  'anthropic-messages': stream =>
    `{"model":"anthropic-messages","max_tokens":9,"messages":[{"role":"user","content":"x"}]${stream ? ',"stream":true' : ''}}`,
};

for (const dialect of fixtureDialects) {
  for (const chunks of chunkings) {
    test(`${dialect}: whole answers sent by ${chunks} come back as they are`, async () => {
      emulator.script(`chunks=${chunks}`);
      for (const { name, bytes } of readFixtures(dialect, 'answers')) {
        answerWith(bytes, false);

        const answer = await send(dialect, asked[dialect](false));

        const refused = refusedAnswers[dialect][name];
        if (refused === undefined) {
          assert.deepEqual([answer.status, answer.body.toString()], [200, bytes.toString()], name);
          assert.equal(answer.headers['content-type'], 'application/json');
        } else assertRefused(answer, refused, name);
      }
    });

    test(`${dialect}: streams sent by ${chunks} come back as they are, up to their end or their break`, async () => {
      emulator.script(`chunks=${chunks}`);
      for (const { name, bytes } of readFixtures(dialect, 'streams')) {
        answerWith(bytes, true);

        const answer = await send(dialect, asked[dialect](true));

        const refused =
          refusedAnswers[dialect][name] ?? (chunks === 'whole' ? refusedInOneRead[dialect][name] : undefined);
        const broken = brokenStreams[dialect][name];
        if (refused !== undefined) assertRefused(answer, refused, name);
        else if (broken !== undefined) {
          const sent = wholeEvents(bytes.toString());
          assert.equal(answer.body.toString().slice(0, sent.length), sent, name);
          assert.match(answer.body.toString().slice(sent.length), broken, name);
        } else {
          // A last event that lacks its blank line gets it.
          const expected = name === 'no-final-blank-line.sse' ? `${bytes}\n\n` : bytes.toString();
          assert.deepEqual([answer.status, answer.body.toString()], [200, expected], name);
        }
      }
    });
  }
}

function assertRefused(answer: BytesAnswer, [status, fault]: readonly [number, string], name: string): void {
  assert.deepEqual([answer.status, answer.headers['x-carrier-fault']], [status, fault], `${name}: ${answer.body}`);
}

function wholeEvents(text: string): string {
  return text.slice(0, text.lastIndexOf('\n\n') + 2);
}

test('a chat stream of which no usage was asked comes back without the chunk of usage alone, and with everything else', async () => {
  for (const chunks of chunkings) {
    emulator.replaceRules([`chunks=${chunks}`]);
    for (const { name, bytes } of readFixtures('openai-chat', 'streams')) {
      if (name in refusedAnswers['openai-chat'] || name in brokenStreams['openai-chat']) continue;
      if (name === 'no-final-blank-line.sse' || name === 'error-in-the-middle.sse') continue;
      answerWith(bytes, true);

      const answer = await send(
        'openai-chat',
        '{"model":"openai-chat","messages":[{"role":"user","content":"x"}],"stream":true}',
      );

      const events = bytes.toString().split(/(?<=\n\r?\n)/);
      const expected = events.filter(
        event => !/"choices"\s*:\s*\[\s*\]/.test(event) || !/"usage"\s*:\s*\{/.test(event),
      );
      assert.equal(answer.body.toString(), expected.join(''), name);
    }
  }
});

test('a request to count tokens reaches the provider as it was sent, and its answer comes back as it is', async () => {
  const counted = '{ "input_tokens" : 7 }';
  for (const { name, bytes } of readFixtures('anthropic-messages', 'requests')) {
    answerWith(counted, false, ['request-id', 'req_1']);

    const answer = await sendBytes(carrier.url, {
      path: '/v1/messages/count_tokens?beta=true',
      body: bytes,
      headers: { 'x-api-key': clientKey, 'content-type': 'application/json', 'anthropic-beta': 'token-counting-x' },
    });

    assert.deepEqual([answer.status, answer.body.toString()], [200, counted], name);
    assert.equal(answer.headers['request-id'], 'req_1');
    const received = emulator.requests().at(-1)!;
    assert.equal(received.path, '/v1/messages/count_tokens?beta=true');
    assert.equal(
      received.body.toString(),
      bytes.toString().replace(spelledModel, () => servedModel),
      name,
    );
    assert.equal(headersOf(received.rawHeaders)['anthropic-beta'], 'token-counting-x');
    assert.equal(headersOf(received.rawHeaders)['x-api-key'], providerKey);
  }
});

/** Larger than what is held back until an answer has ended, and than one read of a socket. */
const largeText = 'Grüße \\u0041 '.repeat(200_000);

for (const dialect of fixtureDialects) {
  test(`${dialect}: 3 MB go up in pieces and come back in others as they are`, async () => {
    const large = asked[dialect](false).replace('"x"', `"${largeText}"`);
    const whole = plainAnswers[dialect].whole.replace('"x"', `"${largeText}"`);
    for (const [chunks, pieceBytes] of [
      ['whole', 65_536],
      ['1000', 999],
    ] as const) {
      emulator.replaceRules([`chunks=${chunks}`]);
      answerWith(whole, false);

      const answer = await sendInPieces(dialect, large, pieceBytes);

      assert.equal(answer.status, 200);
      assert.ok(answer.body.equals(Buffer.from(whole)), `${answer.body.length} bytes came back`);
      const { body } = emulator.requests().at(-1)!;
      assert.ok(body.equals(Buffer.from(large.replace(dialect, dialect === 'openai-chat' ? 'chat' : 'messages'))));
    }
  });
}

/** Without a length, so that the pieces are the message's own. */
function sendInPieces(dialect: FixtureDialect, body: string, pieceBytes: number): Promise<BytesAnswer> {
  const bytes = Buffer.from(body);
  const pieces: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += pieceBytes) pieces.push(bytes.subarray(at, at + pieceBytes));
  return sendBytes(carrier.url, {
    path: dialectPaths[dialect],
    body: pieces,
    headers: { authorization: `Bearer ${clientKey}`, 'content-type': 'application/json' },
  });
}

/** What SDKs, browsers and proxies send along. */
const clientHeaders = {
  'user-agent': 'acme/1.0',
  'idempotency-key': 'once-1',
  'x-stainless-lang': 'js',
  'x-client-request-id': 'mine-1',
  'openai-beta': 'assistants=v2',
  'openai-organization': 'org-theirs',
  'openai-project': 'proj-theirs',
  'anthropic-version': '2023-06-01',
  'anthropic-beta': 'token-efficient-tools-2025-02-19, output-128k-2025-02-19',
  'anthropic-organization-id': 'theirs',
  cookie: 'session=1',
  referer: 'http://localhost/',
  origin: 'http://localhost',
  'x-api-key': clientKey,
  'x-forwarded-for': '192.0.2.1',
  'x-forwarded-host': 'acme.example',
  forwarded: 'for=192.0.2.1',
  'x-real-ip': '192.0.2.1',
  via: '1.1 acme',
  'x-carrier-tags': 'team=a',
  'x-carrier-emulate': 'status=500',
  'x-carrier-strict': '1',
  'x-acme-secret': 'theirs',
  'proxy-authorization': 'Basic dGhlaXJz',
  te: 'trailers',
  'accept-encoding': 'gzip, br',
  accept: '*/*',
};

const upstreamHeaders: Readonly<Record<FixtureDialect, Readonly<Record<string, string>>>> = {
  'openai-chat': {
    'user-agent': 'acme/1.0',
    'idempotency-key': 'once-1',
    'x-stainless-lang': 'js',
    'x-client-request-id': 'mine-1',
    'openai-beta': 'assistants=v2',
    authorization: `Bearer ${providerKey}`,
  },
  'anthropic-messages': {
    'user-agent': 'acme/1.0',
    'idempotency-key': 'once-1',
    'x-stainless-lang': 'js',
    'anthropic-version': '2023-06-01',
    'anthropic-beta': 'token-efficient-tools-2025-02-19, output-128k-2025-02-19',
    'x-api-key': providerKey,
  },
};

for (const dialect of fixtureDialects) {
  test(`${dialect}: only the headers of the dialect's clients go upstream, and none that names or betrays the client`, async () => {
    answerWith(plainAnswers[dialect].whole, false);

    const answer = await send(dialect, asked[dialect](false), clientHeaders, `?beta=true&key=${clientKey}&debug=1`);

    assert.equal(answer.status, 200, answer.body.toString());
    const received = emulator.requests().at(-1)!;
    const { host, connection, 'content-length': _, ...said } = headersOf(received.rawHeaders);
    assert.deepEqual(said, {
      ...upstreamHeaders[dialect],
      'content-type': 'application/json',
      accept: 'application/json',
      'accept-encoding': 'identity',
    });
    assert.deepEqual([host, connection], [emulator.url.slice('http://'.length), 'keep-alive']);
    assert.equal(received.path, dialect === 'openai-chat' ? dialectPaths[dialect] : '/v1/messages?beta=true');
  });

  for (const stream of [false, true]) {
    test(`${dialect}: the provider's own headers come back with ${stream ? 'a stream' : 'a whole answer'}, but for those of its connection and our account`, async () => {
      answerWith(plainAnswers[dialect][stream ? 'stream' : 'whole'], stream, [
        'x-request-id',
        'req_1',
        'Request-Id',
        'req_2',
        'x-ratelimit-remaining-tokens',
        '7',
        'anthropic-ratelimit-tokens-remaining',
        '8',
        'openai-processing-ms',
        '12',
        'openai-version',
        '2020-10-01',
        'openai-organization',
        'org-ours',
        'anthropic-organization-id',
        'ours',
        'set-cookie',
        '__cf_bm=1',
        'set-cookie',
        'b=2',
        'cf-ray',
        'abc',
        'alt-svc',
        'h3=":443"',
        'strict-transport-security',
        'max-age=1',
        'server',
        'theirs',
        'via',
        '1.1 theirs',
        'x-carrier-cost',
        '0',
        'x-carrier-exchange-id',
        'theirs',
        'cache-control',
        'no-cache',
        'x-new',
        'of tomorrow',
      ]);

      const answer = await send(dialect, asked[dialect](stream));

      assert.equal(answer.status, 200);
      const { date, 'x-carrier-exchange-id': exchange, ...heard } = answer.headers;
      assert.match(String(exchange), /^ex_[0-9A-Z]{26}$/);
      assert.match(String(date), /GMT$/);
      const { length } = plainAnswers[dialect][stream ? 'stream' : 'whole'];
      assert.deepEqual(heard, {
        'content-type': stream ? 'text/event-stream; charset=utf-8' : 'application/json',
        'x-request-id': 'req_1',
        'request-id': 'req_2',
        'x-ratelimit-remaining-tokens': '7',
        'anthropic-ratelimit-tokens-remaining': '8',
        'openai-processing-ms': '12',
        'openai-version': '2020-10-01',
        'cache-control': 'no-cache',
        'x-new': 'of tomorrow',
        'x-carrier-deployment': `${dialect}-1`,
        'x-carrier-attempts': '1',
        'x-carrier-served-model': 'm',
        connection: 'keep-alive',
        'keep-alive': 'timeout=75',
        ...(stream
          ? { 'transfer-encoding': 'chunked' }
          : { 'content-length': String(length), 'x-carrier-cost': '0.000002 USD' }),
      });
    });
  }
}

function headersOf(raw: readonly string[]): Record<string, string> {
  const headers: Record<string, string> = {};
  for (let index = 0; index < raw.length; index += 2) headers[raw[index]!.toLowerCase()] = raw[index + 1]!;
  return headers;
}
