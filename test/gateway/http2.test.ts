import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  type ClientSessionOptions,
  connect,
  constants,
  type IncomingHttpHeaders,
  type OutgoingHttpHeaders,
} from 'node:http2';
import { Agent, request as httpsRequest } from 'node:https';
import { after, before, suite, test } from 'node:test';
import { type Emulator, startEmulator } from '../../src/emulator/emulator.ts';
import { preface } from '../../src/gateway/http2/protocol-door.ts';
import { resetsMax, streamsMax } from '../../src/gateway/http2/streams.ts';
import { secret, startGateway, type TestGateway, type TestGatewayOptions } from '../support/gateway.ts';
import { openRaw } from '../support/raw-http.ts';
import { signRequest } from '../support/sign-request.ts';

const question = { model: 'openai/gpt-5', messages: [{ role: 'user', content: 'say exactly: hello' }] };
const long = { ...question, max_completion_tokens: 9_000_000, messages: [{ role: 'user', content: 'hello' }] };
const path = '/v1/chat/completions';

interface Answer {
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  /** Of the RST_STREAM that ended it; 0 where nothing was wrong. */
  readonly code: number;
  readonly isWhole: boolean;
}

function send(session: ClientHttp2Session, headers: OutgoingHttpHeaders, body?: string | Buffer): ClientHttp2Stream {
  const stream = session.request({
    ':method': 'POST',
    ':path': path,
    authorization: `Bearer ${secret}`,
    'content-type': 'application/json',
    ...headers,
  });
  stream.on('error', () => {});
  if (body !== undefined && (headers[':method'] ?? 'POST') === 'POST') stream.end(body);
  return stream;
}

function answerOf(stream: ClientHttp2Stream): Promise<Answer> {
  return new Promise(resolve => {
    const chunks: Buffer[] = [];
    let headers: IncomingHttpHeaders = {};
    let isWhole = false;
    stream.on('response', received => {
      headers = received;
    });
    stream.on('data', (chunk: Buffer) => void chunks.push(chunk));
    stream.on('end', () => {
      isWhole = true;
    });
    stream.on('close', () => {
      const code = stream.rstCode ?? 0;
      // node:http2 ends the reading side of a stream that was broken off, too.
      const isEnded = isWhole && !stream.aborted && code === constants.NGHTTP2_NO_ERROR;
      resolve({ headers, text: Buffer.concat(chunks).toString(), code, isWhole: isEnded });
    });
  });
}

function ask(session: ClientHttp2Session, headers: OutgoingHttpHeaders = {}, body: object = question): Promise<Answer> {
  return answerOf(send(session, headers, JSON.stringify(body)));
}

/** A frame (RFC 9113 §4.1). */
function frame(type: number, flags: number, stream: number, payload: Buffer): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head.writeUInt8(type, 3);
  head.writeUInt8(flags, 4);
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}
/** As received text has it: type, flags and stream of a frame. */
const acknowledged = sent('\u0004\u0001\0\0\0\0');
const goaway = sent('\u0007\0\0\0\0\0');
/** RST_STREAM of a stream below 65,536, with REFUSED_STREAM. */
const refusedStream = new RegExp(`${sent('\u0003\0\0\0').source}[\\s\\S]{2}${sent('\0\0\0\u0007').source}`);

function sent(bytes: string): RegExp {
  return new RegExp(bytes);
}

const settingsFrame = frame(4, 0, 0, Buffer.alloc(0));

suite('HTTP/2 on the port of HTTP/1.1', () => {
  let emulator: Emulator;
  let gateway: TestGateway;
  const supply = () => ({
    providers: [
      { name: 'openai', kind: 'openai', baseUrl: `${emulator.url}/v1`, sandbox: true },
      { name: 'claude', kind: 'anthropic', dialects: ['anthropic-messages' as const], baseUrl: emulator.url },
    ],
    routes: [{ name: 'once', candidates: [{ deployment: 'gpt' }], policy: { retries: 0 } }],
    deployments: [
      { id: 'gpt', model: 'openai/gpt-5', outputTokensMax: 9_000_000 },
      { id: 'claude', model: 'anthropic/claude', provider: 'claude' },
    ],
  });
  const started = (options: TestGatewayOptions = {}) => startGateway({ snapshot: supply(), ...options });

  before(async () => {
    const models = ['gpt-5', 'claude', 'gpt'].map(id => ({ id, outputTokensMax: 20_000_000 }));
    emulator = await startEmulator({ models });
    gateway = await started({
      limits: { bodyBytesMax: 600_000, headersTimeoutMs: 400, bodyIdleTimeoutMs: 300, clientStallTimeoutMs: 400 },
    });
  });
  after(async () => {
    await gateway.stop();
    await emulator.stop();
  });

  async function open(on = gateway, options: ClientSessionOptions = {}): Promise<ClientHttp2Session> {
    const session = connect(on.url, options);
    session.on('error', () => {});
    await once(session, 'connect');
    return session;
  }

  test('a request is answered as over HTTP/1.1, whole and streamed, by several dialects at once', async () => {
    const session = await open();
    const over1 = async (body: object) => {
      const headers = { authorization: `Bearer ${secret}`, 'content-type': 'application/json' };
      const answer = await fetch(`${gateway.url}${path}`, { method: 'POST', headers, body: JSON.stringify(body) });
      return withoutIds(await answer.text());
    };
    const streamed = { ...question, stream: true };
    const message = { model: 'anthropic/claude', max_tokens: 9, messages: question.messages };
    const [whole, stream, other, list] = await Promise.all([
      ask(session),
      ask(session, {}, streamed),
      ask(session, { ':path': '/v1/messages', 'anthropic-version': '2023-06-01' }, message),
      answerOf(send(session, { ':method': 'GET', ':path': '/v1/models' })),
    ]);

    assert.deepEqual([whole.headers[':status'], whole.code, withoutIds(whole.text)], [200, 0, await over1(question)]);
    assert.deepEqual([stream.headers['content-type'], stream.code], ['text/event-stream; charset=utf-8', 0]);
    assert.equal(withoutIds(stream.text), await over1(streamed));
    assert.match(other.text, /"type":"message"/);
    assert.equal(JSON.parse(list.text).data.length, 3);
    for (const { headers } of [whole, stream, other, list]) {
      for (const name of ['connection', 'keep-alive', 'transfer-encoding']) assert.equal(headers[name], undefined);
      assert.match(String(headers['x-carrier-exchange-id']), /^ex_/);
    }
    session.close();
  });

  test('HEAD has no body, and CONNECT and unknown paths are refused by name', async () => {
    const session = await open();
    const head = await answerOf(send(session, { ':method': 'HEAD', ':path': '/v1/models' }));
    const missing = await ask(session, { ':path': '/v1/nothing' });
    const tunnel = session.request({ ':method': 'CONNECT', ':authority': 'example.com:443' });
    tunnel.on('error', () => {});

    assert.deepEqual([head.headers[':status'], head.text, head.code], [200, '', 0]);
    assert.ok(Number(head.headers['content-length']) > 0);
    assert.equal(missing.headers['x-carrier-fault'], 'path_not_found');
    assert.equal((await answerOf(tunnel)).headers['x-carrier-fault'], 'path_not_found');
    assert.equal((await ask(session)).headers[':status'], 200);
    session.close();
  });

  test('faults have the form of the dialect, and the connection serves on', async () => {
    const session = await open();
    const many = Object.fromEntries(Array.from({ length: 201 }, (_, index) => [`x-h-${index}`, '1']));
    const cases: readonly (readonly [OutgoingHttpHeaders, number, string])[] = [
      [{ authorization: 'Bearer wrong' }, 401, 'key_invalid'],
      [{ ':method': 'GET' }, 405, 'method_not_allowed'],
      [many, 431, 'headers_too_large'],
      [{ 'x-long': 'a'.repeat(40_000) }, 431, 'headers_too_large'],
      [{ 'content-type': 'text/plain' }, 415, 'media_type_unsupported'],
    ];
    for (const [headers, status, fault] of cases) {
      const answer = await ask(session, headers);
      assert.deepEqual([answer.headers[':status'], answer.headers['x-carrier-fault']], [status, fault]);
      assert.equal(typeof JSON.parse(answer.text).error.message, 'string');
      assert.equal(answer.code, 0);
    }
    const large = await answerOf(send(session, {}, Buffer.alloc(700_000, ' ')));
    assert.deepEqual([large.headers['x-carrier-fault'], large.code], ['body_too_large', 0]);
    const chunked = send(session, {});
    chunked.write(Buffer.alloc(700_000, ' '));
    assert.deepEqual((await answerOf(chunked)).headers['x-carrier-fault'], 'body_too_large');
    assert.equal((await ask(session)).headers[':status'], 200);
    session.close();
  });

  test('headers beyond what is read at all end their connection, and no other', async () => {
    const session = await open(gateway, { maxSendHeaderBlockLength: 2_000_000 });
    const beyond = await ask(session, { 'x-long': 'a'.repeat(300_000) });

    assert.equal(beyond.headers[':status'], undefined);
    assert.equal(beyond.isWhole, false);
    session.destroy();
    const other = await open();
    assert.equal((await ask(other)).headers[':status'], 200);
    other.close();
  });

  test('another host in a header than in :authority is refused, and the connection closed', async () => {
    const session = await open();
    const answer = await ask(session, { ':authority': 'one.example', host: 'other.example' });

    assert.deepEqual([answer.headers[':status'], answer.headers['x-carrier-fault']], [400, 'framing_invalid']);
    await once(session, 'close');
  });

  test('a preface that comes byte by byte is known, and so is a request line that begins as it does', async () => {
    const raw = await openRaw(gateway.port);
    for (const byte of preface) raw.send(Buffer.of(byte));
    raw.send(settingsFrame);
    // The server's settings, and its acknowledgement of ours.
    await raw.until(acknowledged);
    raw.socket.destroy();

    const slow = await openRaw(gateway.port);
    for (const part of [
      'P',
      'U',
      'T /v1/models HTTP',
      '/1.1\r\nhost: h\r\nauthorization: ',
      `Bearer ${secret}\r\n\r\n`,
    ]) {
      slow.send(part);
      await new Promise(resolve => setImmediate(resolve));
    }
    await slow.until(/^HTTP\/1\.1 405 /);
    slow.socket.destroy();
  });

  test('what begins like the preface and is none is refused as broken HTTP/1.1', async () => {
    const raw = await openRaw(gateway.port);
    raw.send('PRI * HTTP/2.0\r\n\r\nno\r\n\r\n');

    assert.match(await raw.closed(), /^HTTP\/1\.1 400 [\s\S]*x-carrier-fault: framing_invalid/);
  });

  test('a client that says nothing, or half a preface, or a preface alone, is not waited for', async () => {
    for (const [bytes, end] of [
      ['', /^HTTP\/1\.1 408 [\s\S]*request_timeout/],
      ['PRI * HT', /^HTTP\/1\.1 408 [\s\S]*request_timeout/],
      // GOAWAY.
      [Buffer.concat([preface, settingsFrame]), goaway],
    ] as const) {
      const raw = await openRaw(gateway.port);
      if (bytes.length > 0) raw.send(bytes);
      assert.match(await raw.closed(), end);
    }
    const half = await openRaw(gateway.port);
    half.send('PRI');
    half.socket.end();
    await half.closed();
  });

  test('a body that stops is late, one that is broken off is no request, and its prompt goes nowhere', async () => {
    const session = await open();
    const text = JSON.stringify(question);
    const before = emulator.requests().length;
    const late = send(session, {});
    late.write(text.slice(0, 20));
    const answer = await answerOf(late);
    assert.deepEqual([answer.headers[':status'], answer.headers['x-carrier-fault']], [408, 'request_timeout']);

    // A whole JSON text, without the end of the stream that says so.
    const raw = await openRaw(gateway.port);
    raw.send(Buffer.concat([preface, settingsFrame]));
    const head = Buffer.concat([
      Buffer.of(0x83, 0x86),
      literal(':authority', 'h'),
      literal(':path', path),
      literal('authorization', `Bearer ${secret}`),
      literal('content-type', 'application/json'),
    ]);
    for (const [index, code] of [constants.NGHTTP2_NO_ERROR, constants.NGHTTP2_CANCEL, 2].entries()) {
      const id = 2 * index + 1;
      raw.send(Buffer.concat([frame(1, 4, id, head), frame(0, 0, id, Buffer.from(text))]));
      await until(() => gateway.gateway.openExchanges === 1);
      raw.send(frame(3, 0, id, Buffer.of(0, 0, 0, code)));
      await until(() => gateway.gateway.openExchanges === 0);
    }
    raw.socket.destroy();
    const short = send(session, { 'content-length': text.length + 5 }, text);
    assert.equal((await answerOf(short)).code, constants.NGHTTP2_PROTOCOL_ERROR);
    await until(() => gateway.gateway.openExchanges === 0);
    assert.equal(emulator.requests().length, before);
    session.close();
  });

  test('a client that gives up a stream is gone: its exchange ends, and the others go on', async () => {
    const session = await open();
    const ended = gateway.ended.length;
    const staying = ask(session, { 'x-carrier-emulate': 'pace=5ms;tokens=40' }, { ...question, stream: true });
    const leaving = send(
      session,
      { 'x-carrier-emulate': 'hang-after=3' },
      JSON.stringify({ ...question, stream: true }),
    );
    await once(leaving, 'data');
    leaving.close(constants.NGHTTP2_CANCEL);

    assert.match((await staying).text, /data: \[DONE\]\n\n$/);
    await gateway.untilEnded(ended + 2);
    assert.deepEqual(
      gateway
        .ends()
        .slice(-2)
        .map(({ outcome }) => outcome)
        .sort(),
      ['client_aborted', 'ok'],
    );
    session.close();
  });

  test('an answer that breaks off is an error for its client, and never an end', async () => {
    const session = await open();
    const script = { 'x-carrier-emulate': 'body=3000000;chunks=50000;cut-after=500000' };
    const cut = await ask(session, script, { ...long, model: 'once' });

    assert.equal(cut.headers[':status'], 200);
    assert.deepEqual([cut.isWhole, cut.code], [false, constants.NGHTTP2_INTERNAL_ERROR]);
    session.close();
  });

  test('a client that opens no window is not waited for, and the others are served meanwhile', async () => {
    const session = connect(gateway.url, { settings: { initialWindowSize: 1_000 } });
    session.on('error', () => {});
    const script = { 'x-carrier-emulate': 'body=3000000;chunks=50000' };
    const stuck = send(session, script, JSON.stringify(long));
    stuck.pause();
    await once(stuck, 'response');
    assert.equal((await ask(session)).headers[':status'], 200);
    await new Promise(resolve => stuck.once('close', resolve));
    assert.notEqual(stuck.rstCode, constants.NGHTTP2_NO_ERROR);
    session.destroy();
  });

  test('a connection has so many streams at once and no more', async () => {
    const session = await open();
    await until(() => session.remoteSettings.maxConcurrentStreams === streamsMax);
    const waiting = Array.from({ length: streamsMax }, () => send(session, {}));
    await until(() => gateway.gateway.openExchanges === streamsMax);
    for (const stream of waiting) stream.close(constants.NGHTTP2_CANCEL);
    await until(() => gateway.gateway.openExchanges === 0);
    assert.equal((await ask(session)).headers[':status'], 200);
    session.destroy();

    // One that does not keep to it.
    const raw = await openRaw(gateway.port);
    raw.send(Buffer.concat([preface, settingsFrame, frame(4, 1, 0, Buffer.alloc(0))]));
    await raw.until(acknowledged);
    const headers = Buffer.concat([Buffer.of(0x83, 0x86, 0x84), literal(':authority', 'h')]);
    for (let id = 0; id <= streamsMax; id++) raw.send(frame(1, 4, id * 2 + 1, headers));
    // RST_STREAM with REFUSED_STREAM, or the end of it all.
    await raw.until(new RegExp(`${refusedStream.source}|${goaway.source}`));
    raw.socket.destroy();
  });

  test('who opens streams to reset them loses its connection, and others notice nothing', async () => {
    const calm = await open();
    const raw = await openRaw(gateway.port);
    raw.send(Buffer.concat([preface, settingsFrame]));
    const headers = Buffer.concat([Buffer.of(0x83, 0x86, 0x84), literal(':authority', 'h')]);
    const bursts: Buffer[] = [];
    for (let id = 1; id < 2 * 3 * resetsMax; id += 2) {
      bursts.push(frame(1, 4, id, headers), frame(3, 0, id, Buffer.of(0, 0, 0, 8)));
    }
    raw.send(Buffer.concat(bursts));
    await raw.closed();

    assert.equal((await ask(calm)).headers[':status'], 200);
    assert.equal(gateway.gateway.openExchanges, 0);
    calm.close();
  });

  test('floods of settings and pings, frames too large, and no frames at all end their connection', async () => {
    const ping = frame(6, 0, 0, Buffer.alloc(8));
    const floods: readonly (readonly [string, Buffer])[] = [
      ['settings', Buffer.concat(Array.from({ length: 20_000 }, () => settingsFrame))],
      ['pings', Buffer.concat(Array.from({ length: 20_000 }, () => ping))],
      ['settings of one frame', frame(4, 0, 0, Buffer.alloc(6 * 200))],
      ['a frame over the bound', frame(0, 0, 1, Buffer.alloc(20_000))],
      ['no frame', Buffer.alloc(64, 0xff)],
      [
        'headers without end',
        Buffer.concat([frame(1, 0, 1, Buffer.of(0x83)), ...Array(200).fill(frame(9, 0, 1, Buffer.alloc(0)))]),
      ],
    ];
    for (const [what, flood] of floods) {
      const raw = await openRaw(gateway.port);
      raw.send(Buffer.concat([preface, settingsFrame, flood]));
      // Whatever came of it is bounded, since nobody who only floods is waited for.
      await raw.closed().catch(() => assert.fail(what));
    }
    const session = await open();
    assert.equal((await ask(session)).headers[':status'], 200);
    session.close();
  });

  test('a connection on which nothing is asked any more is closed after a while, and not before', async () => {
    let offsetMs = 0;
    const idle = await started({
      ports: { clock: { nowMs: Date.now, monotonicMs: () => performance.now() + offsetMs } },
    });
    const session = await open(idle);
    await ask(session);
    offsetMs = 60_000;
    assert.equal((await ask(session)).headers[':status'], 200);
    offsetMs = 120_000;
    assert.equal((await ask(session)).headers[':status'], 200);
    offsetMs = 200_000;
    await once(session, 'close');
    await idle.stop();
  });

  test('a drain tells the client, finishes what is open, and refuses what comes', async () => {
    const draining = await started();
    const session = await open(draining);
    const idle = await open(draining);
    const running = ask(session, { 'x-carrier-emulate': 'pace=10ms;tokens=40' }, { ...question, stream: true });
    await until(() => draining.gateway.openExchanges === 1);
    const gone = [once(session, 'goaway'), once(idle, 'close')];
    const drained = draining.gateway.drain(5_000);
    await Promise.all(gone);

    assert.match((await running).text, /data: \[DONE\]\n\n$/);
    await drained;
    assert.equal(draining.ends().at(-1)?.outcome, 'ok');
  });

  test('a drain that is over breaks what is left', async () => {
    const draining = await started();
    const session = await open(draining);
    const running = ask(session, { 'x-carrier-emulate': 'hang-after=3' }, { ...question, stream: true });
    await until(() => draining.gateway.openExchanges === 1);
    await draining.gateway.drain(50);

    assert.equal((await running).isWhole, false);
    assert.equal(draining.ends().at(-1)?.outcome, 'draining');
  });

  test('a client that closes its half of the connection is gone', async () => {
    const ended = gateway.ended.length;
    const session = await open();
    const stream = send(
      session,
      { 'x-carrier-emulate': 'hang-after=3' },
      JSON.stringify({ ...question, stream: true }),
    );
    await once(stream, 'data');
    session.socket.destroySoon?.();
    session.destroy();
    await gateway.untilEnded(ended + 1);
    assert.equal(gateway.ends().at(-1)?.outcome, 'client_aborted');
  });

  test('over TLS both protocols are to be had, as both sides agree', async () => {
    const tls = new URL('../support/tls/', import.meta.url).pathname;
    const ca = readFileSync(`${tls}ca.pem`);
    const secure = await started({
      settings: { tls: { certificatePath: `${tls}one.pem`, keyPath: `${tls}one.key.pem` } },
    });
    const session = connect(`https://localhost:${secure.port}`, { ca });
    session.on('error', () => {});
    await once(session, 'connect');
    assert.equal(session.alpnProtocol, 'h2');
    assert.equal((await ask(session)).headers[':status'], 200);
    const agent = new Agent({ ca, keepAlive: false });
    const status = await new Promise((resolve, reject) => {
      const options = { agent, headers: { authorization: `Bearer ${secret}` } };
      const asking = httpsRequest(`https://localhost:${secure.port}/v1/models`, options, answer => {
        answer.resume();
        resolve(answer.statusCode);
      });
      asking.on('error', reject);
      asking.end();
    });
    assert.equal(status, 200);
    session.close();
    await secure.stop();
  });

  test('a signed request names :authority where HTTP/1.1 has host', async () => {
    const signing = await started({
      snapshot: {
        ...supply(),
        keys: [{ id: 'sign0001', digest: 'd', secretSealed: `sealed:${secret}` }],
      },
    });
    const session = await open(signing);
    const body = JSON.stringify(question);
    const signed = { keyId: 'sign0001', secret, atMs: Date.now(), url: path, host: `127.0.0.1:${signing.port}`, body };
    for (const name of ['host', ':authority']) {
      const { host, ...headers } = signRequest({ ...signed, hostName: name });
      const answer = await answerOf(send(session, { ...headers, ':path': path }, body));
      assert.equal(answer.headers[':status'], 200, `${name}: ${answer.text}`);
    }
    session.close();
    await signing.stop();
  });
});

/** A header that no table knows, as HPACK writes it without an index (RFC 7541 §6.2.2). */
function literal(name: string, value: string): Buffer {
  return Buffer.concat([Buffer.of(0, name.length), Buffer.from(name), Buffer.of(value.length), Buffer.from(value)]);
}

function withoutIds(text: string): string {
  return text.replaceAll(/"(?:id|created|system_fingerprint)":(?:"[^"]*"|\d+)/g, '');
}

async function until(isSo: () => boolean): Promise<void> {
  const endsAtMs = performance.now() + 5_000;
  while (!isSo()) {
    if (performance.now() > endsAtMs) throw new Error('it did not come to be');
    await new Promise(resolve => setTimeout(resolve, 5));
  }
}
