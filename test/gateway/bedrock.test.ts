import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { after, before, suite, test } from 'node:test';
import { framesOf } from '../support/dialect-rows.ts';
import { readBinaryEvents } from '../support/event-stream.ts';
import { secret, startGateway, type TestGateway } from '../support/gateway.ts';

/** Converse as a provider, and its clients, on the whole way through a gateway. */

const fixture = (dialect: string, file: string): Buffer =>
  readFileSync(new URL(`../../src/dialects/${dialect}/fixtures/${file}`, import.meta.url));
const streamOf = (name: string): Buffer => fixture('bedrock-converse', `streams/${name}.bin`);
const eventStream = 'application/vnd.amazon.eventstream';

interface Told {
  readonly status?: number;
  readonly type: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent one after the other, each when the one before has gone. */
  readonly pieces: readonly Buffer[];
  /** Before the last piece. */
  readonly after?: Promise<void>;
}

interface Received {
  readonly url: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
}

const target = 'eu.anthropic.claude-haiku-4-5-20251001-v1:0';
const claudePath = '/model/anthropic%2Fhaiku';

suite('Converse through the gateway', () => {
  let provider: Server;
  let gateway: TestGateway;
  let received: Received[] = [];
  let told: Told = { type: eventStream, pieces: [] };

  before(async () => {
    provider = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', chunk => chunks.push(chunk));
      request.on('end', () => {
        received.push({ url: request.url!, headers: request.headers, body: Buffer.concat(chunks).toString() });
        response.writeHead(told.status ?? 200, { 'content-type': told.type, ...told.headers });
        const [first, ...rest] = told.pieces;
        const next = (): void => {
          const piece = rest.shift();
          if (piece === undefined) response.end();
          else if (rest.length > 0) response.write(piece, next);
          else void (told.after ?? Promise.resolve()).then(() => response.write(piece, next));
        };
        response.write(first ?? Buffer.alloc(0), next);
      });
    });
    await new Promise<void>(resolve => provider.listen(0, '127.0.0.1', resolve));
    const { port } = provider.address() as { port: number };
    gateway = await startGateway({
      snapshot: {
        providers: [
          { name: 'aws', kind: 'bedrock', dialects: ['bedrock-converse'], baseUrl: `http://127.0.0.1:${port}` },
          { name: 'bad', kind: 'bedrock', dialects: ['bedrock-converse'], baseUrl: `http://127.0.0.1:${port}` },
          { name: 'openai', kind: 'openai', baseUrl: `http://127.0.0.1:${port}/v1` },
        ],
        deployments: [
          { id: 'haiku', provider: 'aws', model: 'anthropic/haiku', targetModel: target },
          { id: 'unsigned', provider: 'bad', model: 'anthropic/unsigned', targetModel: target },
          { id: 'gpt', provider: 'openai', model: 'openai/gpt', targetModel: 'gpt-4.1' },
        ],
      },
      ports: {
        credential: name =>
          name === 'aws'
            ? '{"accessKeyId":"AKIDEXAMPLE","secretAccessKey":"s3cr3t","region":"eu-central-1"}'
            : name === 'bad'
              ? 'id:'
              : 'sk-upstream',
      },
    });
  });
  after(async () => {
    await gateway.stop();
    provider.closeAllConnections();
    await new Promise(resolve => provider.close(resolve));
  });

  function ask(path: string, body: object, answer: Told): Promise<Response> {
    received = [];
    told = answer;
    return fetch(gateway.url + path, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${secret}`,
        'content-type': 'application/json',
        'x-amz-date': '20200101T000000Z',
        'x-amz-security-token': 'of-the-client',
        cookie: 'a=b',
      },
      body: JSON.stringify(body),
    });
  }

  const hello = { messages: [{ role: 'user', content: [{ text: 'Hello' }] }] };
  const chat = { model: 'haiku', stream: true, messages: [{ role: 'user', content: 'Hello' }] };

  async function bytesOf(response: Response): Promise<Buffer> {
    return Buffer.from(await response.arrayBuffer());
  }

  /** What a client gets of a stream whose last piece comes when it has something of the first. */
  async function behindContent(path: string, body: object, first: Buffer, last: Buffer): Promise<Buffer> {
    let shown = (): void => {};
    const after = new Promise<void>(resolve => {
      shown = resolve;
    });
    const response = await ask(path, body, { type: eventStream, pieces: [first, last], after });
    const seen: Buffer[] = [];
    for await (const chunk of response.body!) {
      seen.push(Buffer.from(chunk));
      shown();
    }
    return Buffer.concat(seen);
  }

  const eventsBefore = (name: string): number =>
    framesOf('bedrock-converse', streamOf(name))
      .slice(0, 2)
      .reduce((sum, frame) => sum + frame.length, 0);

  test('its own client gets the frames as they came, whatever their pieces, and the request is signed anew', async () => {
    const bytes = streamOf('text-padded');
    const pieces = Array.from({ length: Math.ceil(bytes.length / 50) }, (_, at) =>
      bytes.subarray(at * 50, at * 50 + 50),
    );
    const response = await ask(`${claudePath}/converse-stream`, hello, { type: eventStream, pieces });

    assert.deepEqual(await bytesOf(response), bytes);
    assert.equal(response.headers.get('content-type'), eventStream);
    const [{ url, headers, body }] = received as [Received];
    assert.equal(url, '/model/eu.anthropic.claude-haiku-4-5-20251001-v1%3A0/converse-stream');
    assert.equal(body, JSON.stringify(hello));
    assert.equal(headers['accept'], eventStream);
    assert.match(
      String(headers['authorization']),
      /^AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE\/\d{8}\/eu-central-1\/bedrock\/aws4_request, SignedHeaders=content-type;host;x-amz-content-sha256;x-amz-date, Signature=[0-9a-f]{64}$/,
    );
    assert.notEqual(headers['x-amz-date'], '20200101T000000Z');
    assert.equal(headers['x-amz-security-token'], undefined);
    assert.equal(headers['cookie'], undefined);
    assert.deepEqual(gateway.ends().at(-1)?.reading?.slices, { inputUncached: 12, output: 5 });
  });

  test('a whole answer goes through as it is', async () => {
    const bytes = fixture('bedrock-converse', 'answers/pretty.json');
    const response = await ask(`${claudePath}/converse`, hello, { type: 'application/json', pieces: [bytes] });

    assert.deepEqual(await bytesOf(response), bytes);
    assert.equal(received[0]!.url, '/model/eu.anthropic.claude-haiku-4-5-20251001-v1%3A0/converse');
    assert.equal(received[0]!.headers['accept'], 'application/json');
  });

  test('a client of another dialect gets text, calls and usage of the frames', async () => {
    const response = await ask(
      '/v1/chat/completions',
      { ...chat, stream_options: { include_usage: true } },
      {
        type: eventStream,
        pieces: [streamOf('tool-use')],
      },
    );
    const text = await response.text();

    assert.match(text, /"content":"Let me see\."/);
    assert.match(text, /"name":"weather"/);
    assert.match(text, /"finish_reason":"tool_calls"/);
    assert.match(text, /"prompt_tokens":12,"completion_tokens":5/);
    assert.ok(text.endsWith('data: [DONE]\n\n'));
  });

  test('a client of Converse gets frames of another provider’s stream, with usage last', async () => {
    const response = await ask('/model/gpt/converse-stream', hello, {
      type: 'text/event-stream',
      pieces: [fixture('openai-chat', 'streams/text.sse')],
    });
    const events = readBinaryEvents(await bytesOf(response));

    assert.equal(response.headers.get('content-type'), eventStream);
    assert.deepEqual(events[0], { event: 'messageStart', payload: { role: 'assistant' } });
    assert.equal(events.at(-2)?.['event'], 'messageStop');
    assert.equal(events.at(-1)?.['event'], 'metadata');
    const { usage, metrics } = events.at(-1)!['payload'] as { usage: object; metrics: { latencyMs: number } };
    assert.deepEqual(Object.keys(usage).slice(0, 3), ['inputTokens', 'outputTokens', 'totalTokens']);
    assert.ok(metrics.latencyMs >= 0 && metrics.latencyMs < 60_000);
  });

  test('a stream that ends behind messageStop is whole, and is metered by an estimate', async () => {
    const bytes = streamOf('metadata-missing');
    const response = await ask(`${claudePath}/converse-stream`, hello, { type: eventStream, pieces: [bytes] });

    assert.deepEqual(await bytesOf(response), bytes);
    assert.equal(gateway.ends().at(-1)?.reading?.source, 'estimated');

    const across = await ask('/v1/chat/completions', chat, { type: eventStream, pieces: [bytes] });
    assert.ok((await across.text()).endsWith('data: [DONE]\n\n'));
  });

  test('a stream that is cut is a failure, never a tidy end', async () => {
    const bytes = streamOf('text');
    const [first, last] = [bytes.subarray(0, eventsBefore('text')), bytes.subarray(eventsBefore('text'), -300)];
    const events = readBinaryEvents(await behindContent(`${claudePath}/converse-stream`, hello, first, last));

    assert.equal(events.at(-1)?.['exception'], 'modelStreamErrorException');
    const text = String(await behindContent('/v1/chat/completions', chat, first, last));
    assert.match(text, /data: \{"error":/);
    assert.doesNotMatch(text, /\[DONE\]/);
  });

  test('an exception behind content is what its client sees, as it came, and an error event to others', async () => {
    const bytes = streamOf('exception-in-the-middle');
    const at = eventsBefore('exception-in-the-middle');
    const [first, last] = [bytes.subarray(0, at), bytes.subarray(at)];

    assert.deepEqual(await behindContent(`${claudePath}/converse-stream`, hello, first, last), bytes);
    assert.match(
      String(await behindContent('/v1/chat/completions', chat, first, last)),
      /data: \{"error":\{"message":"It broke\."/,
    );
  });

  test('a frame whose checksum is wrong is not passed: before content a refusal, behind it an exception', async () => {
    const bytes = Buffer.from(streamOf('text'));
    bytes[bytes.length - 5]! ^= 1;
    const at = eventsBefore('text');
    const path = `${claudePath}/converse-stream`;
    const events = readBinaryEvents(await behindContent(path, hello, bytes.subarray(0, at), bytes.subarray(at)));
    assert.equal(events.at(-1)?.['exception'], 'modelStreamErrorException');

    const start = Buffer.from(streamOf('text'));
    start[13]! ^= 1;
    const first = await ask(path, hello, { type: eventStream, pieces: [start] });
    assert.equal(first.headers.get('x-carrier-fault'), 'upstream_malformed');
    assert.equal(first.headers.get('x-amzn-errortype'), 'InternalServerException');
    assert.deepEqual(Object.keys((await first.json()) as object), ['message']);
  });

  test('a refusal is known by its header, and told in the words of each client', async () => {
    const refusal: Told = {
      status: 429,
      type: 'application/json',
      headers: { 'x-amzn-errortype': 'ThrottlingException:http://internal.amazon.com/' },
      pieces: [Buffer.from('{"message":"Too many tokens, please wait before trying again."}')],
    };
    const own = await ask(`${claudePath}/converse`, hello, refusal);
    assert.deepEqual(
      [own.status, own.headers.get('x-amzn-errortype'), own.headers.get('x-carrier-fault')],
      [429, 'ThrottlingException:http://internal.amazon.com/', 'upstream_rate_limited'],
    );
    assert.deepEqual(await own.json(), { message: 'Too many tokens, please wait before trying again.' });

    const other = await ask('/v1/chat/completions', { ...chat, stream: false }, refusal);
    assert.equal(other.status, 429);
    assert.match(await other.text(), /"code":"rate_limit_exceeded"/);
  });

  test('what is not served, not known or not allowed is said in the form of Converse', async () => {
    const nothing: Told = { type: 'application/json', pieces: [] };
    for (const [path, status, type, message] of [
      ['/model/haiku/invoke', 404, 'ResourceNotFoundException', /InvokeModel is not served/],
      ['/model/haiku/invoke-with-response-stream', 404, 'ResourceNotFoundException', /InvokeModel is not served/],
      ['/model/haiku/other', 404, 'ResourceNotFoundException', /Nothing answers at this path/],
      ['/model/nobody%2Fknows/converse', 404, 'ResourceNotFoundException', /./],
      [`/model/${'a'.repeat(300)}/converse`, 400, 'ValidationException', /at most 256 letters/],
      // A credential that is none of its form.
      ['/model/unsigned/converse', 502, 'InternalServerException', /refused our credential/],
    ] as const) {
      const response = await ask(path, hello, nothing);
      const body = (await response.json()) as { message: string };

      assert.deepEqual([response.status, response.headers.get('x-amzn-errortype')], [status, type], path);
      assert.match(body.message, message);
      assert.equal(received.length, 0);
    }
    const wrong = await fetch(`${gateway.url}${claudePath}/converse`, {
      method: 'POST',
      headers: { authorization: 'Bearer cck_wrong', 'content-type': 'application/json' },
      body: JSON.stringify(hello),
    });
    assert.deepEqual([wrong.status, wrong.headers.get('x-amzn-errortype')], [401, 'UnrecognizedClientException']);
  });
});
