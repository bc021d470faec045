import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { after, before, beforeEach, suite, test } from 'node:test';
import { eventsOf, sendChat, sendMessages } from '../../test/support/emulator-client.ts';
import { type Emulator, startEmulator } from './emulator.ts';

suite('scripted faults', () => {
  let emulator: Emulator;

  before(async () => {
    emulator = await startEmulator();
  });
  beforeEach(() => emulator.replaceRules([]));
  after(() => emulator.stop());

  const prompt = { model: 'sandbox-small', messages: [{ role: 'user', content: 'Answer with 4 tokens.' }] };
  const stream = { ...prompt, stream: true };
  const messageStream = { ...stream, max_tokens: 50 };

  interface RawAnswer {
    readonly bytes: string;
    readonly chunks: number;
    /** ended: a FIN. reset: a RST. open: nothing more came within the wait. */
    readonly ending: 'ended' | 'reset' | 'open';
  }

  /** What a socket sees, framing and all. */
  async function sendRaw(script: string, body: unknown = stream, waitMs = 1_000): Promise<RawAnswer> {
    const text = JSON.stringify(body);
    const socket = connect(emulator.port, '127.0.0.1');
    let bytes = '';
    let chunks = 0;
    socket.on('data', data => {
      bytes += data.toString('latin1');
      chunks += 1;
    });
    socket.write(
      `POST /v1/chat/completions HTTP/1.1\r\nhost: emulator\r\nauthorization: Bearer key\r\nx-carrier-emulate: ${script}\r\ncontent-length: ${Buffer.byteLength(text)}\r\n\r\n${text}`,
    );
    const silence = new AbortController();
    const timer = setTimeout(() => silence.abort(), waitMs);
    try {
      await once(socket, 'end', { signal: silence.signal });
      return { bytes, chunks, ending: 'ended' };
    } catch (error) {
      return { bytes, chunks, ending: error instanceof Error && error.name === 'AbortError' ? 'open' : 'reset' };
    } finally {
      clearTimeout(timer);
      socket.destroy();
    }
  }

  function countEvents(bytes: string): number {
    return bytes.split('data: ').length - 1;
  }

  test('reset breaks the connection before any response', async () => {
    assert.deepEqual(await sendRaw('reset'), { bytes: '', chunks: 0, ending: 'reset' });
    assert.equal(emulator.requests().at(-1)!.answer.outcome, 'broken');
    assert.equal(emulator.requests().at(-1)!.answer.status, 0);
  });

  test('hang answers nothing, and notices that the client left', async () => {
    assert.deepEqual(await sendRaw('hang', stream, 50), { bytes: '', chunks: 0, ending: 'open' });

    await new Promise(resolve => setTimeout(resolve, 50));
    assert.equal(emulator.requests().at(-1)!.answer.outcome, 'client-aborted');
  });

  test('reset-after sends that many events and then a reset', async () => {
    const answer = await sendRaw('reset-after=3;pace=5ms');

    assert.equal(answer.ending, 'reset');
    assert.equal(countEvents(answer.bytes), 3);
  });

  test('hang-after sends that many events and then nothing', async () => {
    const answer = await sendRaw('hang-after=2', stream, 100);

    assert.equal(answer.ending, 'open');
    assert.equal(countEvents(answer.bytes), 2);
  });

  test('cut-after ends the connection without the last chunk', async () => {
    const answer = await sendRaw('cut-after=2');

    assert.equal(answer.ending, 'ended');
    assert.equal(countEvents(answer.bytes), 2);
    assert.ok(!answer.bytes.endsWith('0\r\n\r\n'));
  });

  test('cut-after of zero sends only the head', async () => {
    const answer = await sendRaw('cut-after=0');

    assert.equal(answer.ending, 'ended');
    assert.match(answer.bytes, /^HTTP\/1\.1 200 OK\r\n/);
    assert.equal(countEvents(answer.bytes), 0);
  });

  test('cut-after of a whole answer promises more bytes than it sends', async () => {
    const answer = await sendRaw('cut-after=10', prompt);

    const [head, body] = answer.bytes.split('\r\n\r\n');
    assert.equal(body!.length, 10);
    assert.ok(Number(/content-length: (\d+)/.exec(head!)![1]) > 300);
    assert.equal(answer.ending, 'ended');
  });

  test('end-after ends the HTTP message properly in the middle of the stream', async () => {
    const answer = await sendRaw('end-after=2', stream, 100);

    assert.equal(countEvents(answer.bytes), 2);
    assert.ok(answer.bytes.endsWith('0\r\n\r\n'));
  });

  test('error-after puts the error event of the provider after that many events', async () => {
    const openai = eventsOf((await sendChat(emulator, stream, 'error-after=2')).text);
    const anthropic = await sendMessages(emulator, messageStream, 'error-after=3');

    assert.equal(openai.length, 3);
    assert.equal(openai[2].error.type, 'server_error');
    assert.ok(anthropic.text.includes('event: error\n'));
    assert.deepEqual(eventsOf(anthropic.text)[3].error, { type: 'overloaded_error', message: 'Overloaded' });
  });

  test('error-after of a whole answer is an error body in a 200', async () => {
    const { status, text } = await sendChat(emulator, prompt, 'error-after=0;error-type=insufficient_quota');

    assert.equal(status, 200);
    assert.equal(JSON.parse(text).error.code, 'insufficient_quota');
  });

  test('malformed-after damages one event and sends the rest', async () => {
    const good = (await sendChat(emulator, stream)).text.split('\n\n');
    const bad = (await sendChat(emulator, stream, 'malformed-after=2')).text.split('\n\n');

    assert.equal(bad.length, good.length);
    assert.deepEqual(bad.toSpliced(2, 1), good.toSpliced(2, 1));
    assert.throws(() => JSON.parse(bad[2]!.slice('data: '.length)), SyntaxError);
  });

  test('a break after the last event changes nothing', async () => {
    const whole = await sendChat(emulator, stream);

    assert.equal((await sendChat(emulator, stream, 'cut-after=7')).text, whole.text);
  });

  for (const chunks of ['event', 'whole', 'byte', '7', '1000']) {
    test(`chunks=${chunks} changes how the bytes come, not the bytes`, async () => {
      const plain = await sendChat(emulator, stream);

      assert.equal((await sendChat(emulator, stream, `chunks=${chunks}`)).text, plain.text);
    });
  }

  test('chunks=byte sends every byte in a chunk of its own', async () => {
    const answer = await sendRaw('chunks=byte', stream, 300);

    const body = answer.bytes.split('\r\n\r\n').slice(1).join('\r\n\r\n');
    assert.match(body, /^(1\r\n[\s\S]\r\n)+0\r\n\r\n$/);
  });

  test('pace, ttfb and ttft delay what they name', async () => {
    const time = async (script: string) => {
      const startedAt = performance.now();
      await sendChat(emulator, stream, script);
      return performance.now() - startedAt;
    };

    assert.ok((await time('ttfb=80ms')) >= 78);
    assert.ok((await time('ttft=80ms')) >= 78);
    assert.ok((await time('pace=20ms')) >= 120);
  });

  test('times spends a script on the first requests only', async () => {
    const script = 'status=500;times=2;id=spent-here';
    const statuses = [];
    for (let attempt = 0; attempt < 3; attempt += 1) statuses.push((await sendChat(emulator, prompt, script)).status);

    assert.deepEqual(statuses, [500, 500, 200]);
  });

  test('a rule applies to its model and its request only', async () => {
    emulator.script('model=sandbox-small;nth=2;status=503');

    assert.equal((await sendChat(emulator, prompt)).status, 200);
    assert.equal((await sendChat(emulator, { ...prompt, model: 'other' })).status, 200);
    assert.equal((await sendChat(emulator, prompt)).status, 503);
    assert.equal((await sendChat(emulator, prompt)).status, 200);
  });

  test("a request's own script wins over the rules", async () => {
    emulator.script('status=500');

    assert.equal((await sendChat(emulator, prompt, 'tokens=3')).status, 200);
    assert.equal((await sendChat(emulator, prompt)).status, 500);
  });

  test('a script that cannot be read is answered 400 in the shape of the provider', async () => {
    const { status, text } = await sendChat(emulator, prompt, 'colour=red');

    assert.equal(status, 400);
    assert.equal(JSON.parse(text).error.message, 'x-carrier-emulate: unknown key "colour"');
  });

  test('every form of Retry-After is sent as asked, also on a 200', async () => {
    const headers = async (script: string) => (await sendChat(emulator, prompt, script)).headers;

    assert.equal((await headers('status=429;retry-after=-1')).get('retry-after'), '-1');
    assert.equal((await headers('status=429;retry-after-ms=1500')).get('retry-after-ms'), '1500');
    assert.match(
      (await headers('status=429;retry-after=http-date(+30s)')).get('retry-after')!,
      /^\w{3}, \d{2} .* GMT$/,
    );
    assert.equal((await headers('x-ratelimit-reset-requests=7s')).get('x-ratelimit-reset-requests'), '7s');
    assert.equal((await headers('retry-after=13')).get('retry-after'), '13');
  });

  test('the usage is what the script says', async () => {
    const openai = JSON.parse(
      (await sendChat(emulator, prompt, 'report-input=100;cached=64;report-output=7;tokens=9')).text,
    );
    const anthropic = JSON.parse(
      (
        await sendMessages(
          emulator,
          { ...prompt, max_tokens: 50 },
          'report-input=5;cached=1000;cache-write-5m=20;cache-write-1h=30',
        )
      ).text,
    );
    const none = JSON.parse((await sendChat(emulator, prompt, 'usage=none')).text);

    assert.equal(openai.usage.prompt_tokens, 100);
    assert.equal(openai.usage.prompt_tokens_details.cached_tokens, 64);
    assert.equal(openai.usage.completion_tokens, 7);
    assert.equal(anthropic.usage.input_tokens, 5);
    assert.equal(anthropic.usage.cache_read_input_tokens, 1000);
    assert.equal(anthropic.usage.cache_creation_input_tokens, 50);
    assert.deepEqual(anthropic.usage.cache_creation, { ephemeral_5m_input_tokens: 20, ephemeral_1h_input_tokens: 30 });
    assert.ok(!('usage' in none));
  });

  test('body makes the text exactly so many bytes', async () => {
    const answer = JSON.parse((await sendChat(emulator, prompt, 'body=100001')).text);

    assert.equal(answer.choices[0].message.content.length, 100_001);
  });

  test('failures come as HTML, text or nothing when asked', async () => {
    assert.match((await sendChat(emulator, prompt, 'status=502;as=html')).text, /^<html>/);
    assert.equal(
      (await sendChat(emulator, prompt, 'status=503;as=text;message=no healthy upstream')).text,
      'no healthy upstream',
    );
    assert.equal((await sendChat(emulator, prompt, 'status=500;as=empty')).text, '');
  });

  test('a refused listener accepts again on the same port', async () => {
    await emulator.refuse();
    const refused = await once(connect(emulator.port, '127.0.0.1'), 'connect').catch(error => error);
    await emulator.accept();

    assert.equal(refused.code, 'ECONNREFUSED');
    assert.equal((await sendChat(emulator, prompt)).status, 200);
  });

  test('a client that leaves in the middle is counted, and its answer stops', async () => {
    const before = emulator.stats().clientAborts;
    const leaving = new AbortController();
    const response = await fetch(`${emulator.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { authorization: 'Bearer key', 'x-carrier-emulate': 'pace=10ms;tokens=500' },
      body: JSON.stringify(stream),
      signal: leaving.signal,
    });
    await response.body!.getReader().read();
    leaving.abort();
    await new Promise(resolve => setTimeout(resolve, 60));

    assert.equal(emulator.stats().clientAborts, before + 1);
    assert.equal(emulator.stats().answersOpen, 0);
    assert.equal(emulator.requests().at(-1)!.answer.outcome, 'client-aborted');
  });

  test('a huge text is streamed in bounded many events', async () => {
    const { text } = await sendChat(emulator, stream, 'body=2000000;chunks=65536');

    const chunks = eventsOf(text);
    assert.ok(chunks.length <= 100_002, `${chunks.length} events`);
    assert.equal(
      chunks.reduce((bytes, chunk) => bytes + (chunk.choices[0].delta.content ?? '').length, 0),
      2_000_000,
    );
  });

  test('a reset reaches a pipelined request, too', async () => {
    const text = JSON.stringify(prompt);
    const head = (script: string) =>
      `POST /v1/chat/completions HTTP/1.1\r\nhost: emulator\r\nauthorization: Bearer key\r\nx-carrier-emulate: ${script}\r\ncontent-length: ${text.length}\r\n\r\n${text}`;
    const socket = connect(emulator.port, '127.0.0.1');
    socket.resume();
    socket.write(head('ttfb=100ms') + head('reset'));

    await assert.rejects(once(socket, 'end'), { code: 'ECONNRESET' });
    socket.destroy();
  });
});
