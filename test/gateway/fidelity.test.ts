import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { after, before, suite, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import type { DialectName } from '../../src/completion/request.ts';
import type { Dialect } from '../../src/dialects/dialect.ts';
import { dialects } from '../../src/dialects/registry.ts';
import { dialectRows, framesOf, pathFacts } from '../support/dialect-rows.ts';
import { secret, startGateway, type TestGateway } from '../support/gateway.ts';

/** What the provider is called for; unlike any name in the fixtures. */
const targetModel = 'the-target-model-0';

interface Fixture {
  readonly name: string;
  readonly bytes: Buffer;
}

function fixtures(dialect: Dialect, kind: 'requests' | 'answers' | 'streams'): Fixture[] {
  const folder = new URL(`../../src/dialects/${dialect.name}/fixtures/${kind}/`, import.meta.url);
  return readdirSync(folder)
    .filter(name => name !== 'expected.json')
    .map(name => ({ name, bytes: readFileSync(new URL(name, folder)) }));
}

interface Place {
  readonly kind: string;
  readonly base: string;
  /** Where it holds the model, with that, the stream, and whether that is one JSON list. */
  readonly path: string | ((model: string, stream: boolean, list: boolean) => string);
}

interface Sending {
  readonly packed: boolean;
  readonly model?: string;
  readonly stream?: boolean;
  readonly list?: boolean;
}

/** How a dialect is asked for here, and at a provider. */
const places: Readonly<Record<DialectName, Place>> = {
  'bedrock-converse': {
    kind: 'bedrock',
    base: '',
    path: (model, stream) => `/model/${encodeURIComponent(model)}/converse${stream ? '-stream' : ''}`,
  },
  'openai-chat': { kind: 'openai', base: '/v1', path: '/v1/chat/completions' },
  'openai-responses': { kind: 'openai', base: '/v1', path: '/v1/responses' },
  'anthropic-messages': { kind: 'anthropic', base: '', path: '/v1/messages' },
  gemini: {
    kind: 'gemini',
    base: '',
    path: (model, stream, list) =>
      `/v1beta/models/${encodeURIComponent(model)}:${stream ? 'streamGenerateContent' : 'generateContent'}${stream && !list ? '?alt=sse' : ''}`,
  },
  'cohere-chat': { kind: 'cohere', base: '', path: '/v2/chat' },
};

for (const dialect of dialects.values()) {
  const place = places[dialect.name];
  suite(`fidelity of ${dialect.name} through the gateway`, () => {
    const chat = dialect.name === 'openai-chat';
    const requests = fixtures(dialect, 'requests');
    const named = pathFacts(dialect.name, 'acme/fixture');
    const received: Buffer[] = [];
    let answer: { pieces: readonly Buffer[]; type: string };
    let provider: Server;
    let gateway: TestGateway;

    before(async () => {
      provider = createServer((request, response) => {
        const chunks: Buffer[] = [];
        request.on('data', chunk => chunks.push(chunk));
        request.on('end', async () => {
          received.push(Buffer.concat(chunks));
          response.writeHead(200, { 'content-type': answer.type });
          for (const piece of answer.pieces) {
            response.write(piece);
            if (answer.pieces.length > 1) await new Promise(resolve => setImmediate(resolve));
          }
          response.end();
        });
      });
      await new Promise<void>(resolve => provider.listen(0, '127.0.0.1', resolve));
      const { port } = provider.address() as { port: number };
      const names = new Set(requests.map(({ bytes }) => dialect.scanRequest(bytes, named).requestedModel));
      gateway = await startGateway({
        snapshot: {
          providers: [
            {
              name: 'provider',
              kind: place.kind,
              dialects: [dialect.name],
              baseUrl: `http://127.0.0.1:${port}${place.base}`,
            },
          ],
          deployments: [{ id: 'only', provider: 'provider', model: 'a/only', targetModel }],
          routes: [...names, 'route'].map(name => ({
            name,
            candidates: [{ deployment: 'only' }],
            policy: { retries: 0 },
          })),
        },
      });
    });
    after(async () => {
      await gateway.stop();
      provider.closeAllConnections();
      await new Promise(resolve => provider.close(resolve));
    });

    const whole = fixtures(dialect, 'answers').find(({ name }) => name === 'text.json')!;
    const stream = fixtures(dialect, 'streams').find(({ name }) => /^text/.test(name))!;

    test('there are at least 40 request bodies', () => {
      assert.ok(requests.length >= 40, `${requests.length} bodies`);
    });

    for (const { name, bytes } of requests) {
      test(`${name} reaches the provider byte for byte, but for the declared splices`, async () => {
        const scan = dialect.scanRequest(bytes, named);
        answer = scan.stream
          ? { pieces: [stream.bytes], type: dialect.streamType }
          : { pieces: [whole.bytes], type: 'application/json' };

        for (const packed of [false, true]) {
          received.length = 0;
          const response = await send(packed ? gzipSync(bytes) : bytes, { packed, model: 'acme/fixture' });
          await response.arrayBuffer();

          assert.equal(response.status, 200);
          assert.equal(received.length, 1);
          let text = received[0]!.toString('latin1');
          if (scan.modelAt !== undefined) {
            assert.equal(text.split(`"${targetModel}"`).length, 2);
            const { start, end } = scan.modelAt;
            text = text.replace(`"${targetModel}"`, () => bytes.toString('latin1', start, end));
          }
          if (scan.stream && !scan.streamUsage) {
            assert.match(text, /"include_usage" ?: ?true/);
            if (scan.streamOptionsAt !== undefined) continue;
            text = text.replace('"stream_options":{"include_usage":true},', '');
          }
          assert.equal(text, bytes.toString('latin1'));
        }
      });
    }

    for (const { name, bytes } of fixtures(dialect, 'answers')) {
      test(`${name} reaches the client byte for byte, however it was cut up`, async () => {
        for (const pieces of [[bytes], [...bytes].map(byte => Buffer.from([byte]))]) {
          answer = { pieces, type: 'application/json' };

          const response = await send(plainRequest(false), { packed: false });
          const body = Buffer.from(await response.arrayBuffer());

          const end = gateway.ends().at(-1)!;
          if (end.outcome === 'ok') assert.ok(body.equals(bytes));
          else assert.match(name, /error|not-json|truncated|malformed|empty|timeout|overflow|no-message|failed|queued/);
        }
      });
    }

    for (const { name, bytes } of fixtures(dialect, 'streams')) {
      test(`${name} reaches the client byte for byte, however it was cut up`, async () => {
        const list = name.endsWith('.list');
        const cuts = [
          [bytes],
          framesOf(dialect.name, bytes),
          bytes.length < 20_000 ? [...bytes].map(byte => Buffer.from([byte])) : [bytes],
        ];
        for (const pieces of cuts) {
          answer = { pieces, type: list ? 'application/json; charset=UTF-8' : dialect.streamType };

          const response = await send(plainRequest(true), { packed: false, stream: true, list });
          const body = Buffer.from(await response.arrayBuffer()).toString('latin1');

          const end = gateway.ends().at(-1)!;
          if (end.outcome === 'ok') assert.equal(trimmed(body), trimmed(bytes.toString('latin1')));
          else
            assert.match(
              name,
              /error|cut|malformed|broken|truncated|overloaded|inside|timeout|without-end|failed|stop-missing|exception|before-start|empty/,
            );
        }
      });
    }

    function plainRequest(streamed: boolean): Buffer {
      return Buffer.from(
        JSON.stringify({
          model: 'route',
          [dialectRows[dialect.name].limits.at(-1)!]: 100,
          stream: streamed,
          ...(chat && streamed ? { stream_options: { include_usage: true } } : undefined),
          [dialectRows[dialect.name].turns]: [{ role: 'user', content: 'hello' }],
        }),
      );
    }

    function send(body: Buffer, { packed, model = 'route', stream = false, list = false }: Sending): Promise<Response> {
      const path = typeof place.path === 'string' ? place.path : place.path(model, stream, list);
      return fetch(gateway.url + path, {
        method: 'POST',
        headers: {
          authorization: `Bearer ${secret}`,
          'content-type': 'application/json',
          'anthropic-version': '2023-06-01',
          ...(packed ? { 'content-encoding': 'gzip' } : undefined),
        },
        body: new Uint8Array(body),
      });
    }
  });
}

/** A last event that lacks its blank line is given one. */
function trimmed(text: string): string {
  return text.replace(/[\r\n]+$/, '');
}
