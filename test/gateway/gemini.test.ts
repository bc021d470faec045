import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import { after, before, suite, test } from 'node:test';
import { secret, startGateway, type TestGateway } from '../support/gateway.ts';

/** Gemini as a provider, and its clients, on the whole way through a gateway. */

const fixture = (name: string) =>
  readFileSync(new URL(`../../src/dialects/gemini/fixtures/streams/${name}`, import.meta.url));
const contents = [{ role: 'user', parts: [{ text: 'hello' }] }];
const overloaded = {
  status: 429,
  body: {
    error: {
      code: 429,
      message: 'Resource has been exhausted (e.g. check quota).',
      status: 'RESOURCE_EXHAUSTED',
      details: [{ '@type': 'type.googleapis.com/google.rpc.RetryInfo', retryDelay: '17s' }],
    },
  },
};

suite('Gemini through the gateway', () => {
  let provider: Server;
  let gateway: TestGateway;
  let received: { url: string; headers: IncomingHttpHeaders; body: string }[] = [];
  let answer: { status: number; type: string; bytes: Buffer };
  /** From the second request on, where it is another. */
  let later: typeof answer | undefined;

  before(async () => {
    provider = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', chunk => chunks.push(chunk));
      request.on('end', () => {
        received.push({ url: request.url!, headers: request.headers, body: Buffer.concat(chunks).toString() });
        response.writeHead(answer.status, { 'content-type': answer.type });
        response.end(answer.bytes);
        answer = later ?? answer;
      });
    });
    await new Promise<void>(resolve => provider.listen(0, '127.0.0.1', resolve));
    const baseUrl = `http://127.0.0.1:${(provider.address() as { port: number }).port}`;
    const vertexUrl = `${baseUrl}/v1/projects/acme/locations/eu`;
    const policy = { retries: 0 };
    gateway = await startGateway({
      snapshot: {
        providers: [
          { name: 'gemini', kind: 'gemini', dialects: ['gemini'], baseUrl },
          { name: 'vertex', kind: 'vertex', dialects: ['gemini'], baseUrl: vertexUrl },
          { name: 'openai', kind: 'openai', dialects: ['openai-chat'], baseUrl: `${baseUrl}/v1` },
        ],
        deployments: [
          { id: 'flash', provider: 'gemini', model: 'google/flash', targetModel: 'gemini-3.5-flash' },
          // That no other test has seen refused.
          { id: 'spare', provider: 'gemini', model: 'google/spare', targetModel: 'gemini-3.5-flash' },
          { id: 'cloud', provider: 'vertex', model: 'google/cloud', targetModel: 'gemini-3.5-flash' },
          { id: 'gpt', provider: 'openai', model: 'openai/gpt', targetModel: 'gpt-5' },
        ],
        routes: [
          { name: 'flash', candidates: [{ deployment: 'flash' }], policy },
          { name: 'cloud', candidates: [{ deployment: 'cloud' }], policy },
          { name: 'gpt', candidates: [{ deployment: 'gpt' }], policy },
          {
            name: 'gpt-or-spare',
            candidates: [
              { deployment: 'gpt', priority: 1 },
              { deployment: 'spare', priority: 2 },
            ],
            policy: { retries: 1 },
          },
        ],
      },
    });
  });
  after(async () => {
    await gateway.stop();
    provider.closeAllConnections();
    await new Promise(resolve => provider.close(resolve));
  });

  function give(bytes: Buffer | object, type = 'text/event-stream', status = 200): void {
    received = [];
    later = undefined;
    answer = { status, type, bytes: Buffer.isBuffer(bytes) ? bytes : Buffer.from(JSON.stringify(bytes)) };
  }

  function ask(path: string, body: object | string = { contents }, key = secret): Promise<Response> {
    return fetch(gateway.url + path, {
      method: 'POST',
      headers: { 'x-goog-api-key': key, 'content-type': 'application/json', 'x-goog-api-client': 'genai-js/3.1' },
      body: typeof body === 'string' ? body : JSON.stringify(body),
    });
  }

  test('its own client gets its bytes in either form of a stream, and its key stays here', async () => {
    const body = '{ "contents": [ {"parts":[{"text":"hello"}]} ], "of_tomorrow": 1e400 }';
    for (const [query, file, type] of [
      ['?alt=sse', 'thoughts-then-call.sse', 'text/event-stream'],
      ['', 'text.list', 'application/json; charset=UTF-8'],
    ] as const) {
      give(fixture(file), type);
      const response = await ask(`/v1beta/models/flash:streamGenerateContent${query}`, body);
      const got = Buffer.from(await response.arrayBuffer());

      assert.deepEqual([response.status, got.toString()], [200, fixture(file).toString()]);
      assert.equal(response.headers.get('content-type'), type);
      assert.equal(received[0]!.url, `/v1beta/models/gemini-3.5-flash:streamGenerateContent${query}`);
      assert.equal(received[0]!.body, body);
      const { headers } = received[0]!;
      assert.deepEqual(
        [headers['x-goog-api-key'], headers['x-goog-api-client'], headers.authorization],
        ['sk-provider-credential', 'genai-js/3.1', undefined],
      );
      assert.ok((gateway.ends().at(-1)!.reading?.slices.output ?? 0) > 0);
    }
  });

  test('a key in the query is never sent on', async () => {
    give(fixture('text.sse'));
    const response = await fetch(
      `${gateway.url}/v1beta/models/flash:streamGenerateContent?alt=sse&key=${secret}&%24alt=sse`,
      { method: 'POST', body: JSON.stringify({ contents }) },
    );
    await response.text();

    assert.ok(received.every(({ url }) => !url.includes('cck_')));
  });

  test('Vertex is asked at its own path by a bearer token', async () => {
    give(fixture('text.sse'));
    const response = await ask(
      '/v1/projects/mine/locations/here/publishers/google/models/cloud:streamGenerateContent?alt=sse',
    );

    assert.equal(await response.text(), fixture('text.sse').toString());
    const [asked] = received;
    assert.equal(
      asked!.url,
      '/v1/projects/acme/locations/eu/publishers/google/models/gemini-3.5-flash:streamGenerateContent?alt=sse',
    );
    assert.equal(asked!.headers.authorization, 'Bearer sk-provider-credential');
    assert.equal(asked!.headers['x-goog-api-key'], undefined);
  });

  test('a client of another dialect gets text and calls, and its provider is asked for events', async () => {
    give(fixture('thoughts-then-call.sse'));
    const response = await fetch(`${gateway.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${secret}`, 'content-type': 'application/json' },
      body: JSON.stringify({ model: 'flash', stream: true, messages: [{ role: 'user', content: 'hello' }] }),
    });
    const text = await response.text();

    assert.equal(received[0]!.url, '/v1beta/models/gemini-3.5-flash:streamGenerateContent?alt=sse');
    assert.deepEqual(JSON.parse(received[0]!.body).contents, contents);
    assert.match(text, /"tool_calls":\[\{"index":0/);
    assert.match(text, /"finish_reason":"tool_calls"/);
    assert.ok(text.endsWith('data: [DONE]\n\n'));
  });

  test('a client of Gemini gets another provider’s stream in the form it asked for', async () => {
    const chunk = (delta: object, finish: string | null = null) =>
      `data: ${JSON.stringify({ id: 'c', object: 'chat.completion.chunk', created: 1, model: 'gpt-5', choices: [{ index: 0, delta, finish_reason: finish }] })}\n\n`;
    const stream = `${chunk({ role: 'assistant', content: 'Hi' })}${chunk({ content: ' there' })}${chunk({}, 'stop')}data: [DONE]\n\n`;
    give(Buffer.from(stream));
    const list = await ask('/v1beta/models/gpt:streamGenerateContent');
    const chunks = (await list.json()) as { candidates: { content: { parts: { text?: string }[] } }[] }[];
    assert.equal(list.headers.get('content-type')?.startsWith('application/json'), true);
    const said = chunks.flatMap(({ candidates }) => candidates[0]!.content.parts.map(({ text }) => text)).join('');
    assert.equal(said, 'Hi there');

    give(Buffer.from(stream));
    const events = await (await ask('/v1beta/models/gpt:streamGenerateContent?alt=sse')).text();
    assert.match(events, /^data: \{/);
    assert.match(events, /"finishReason":"STOP"/);
  });

  test('a list that breaks off behind content ends as a list, with an error in it', async () => {
    const broken = `data: ${JSON.stringify({ id: 'c', choices: [{ index: 0, delta: { content: 'Hi' } }] })}\n\ndata: {"error":{"message":"It broke.","type":"server_error"}}\n\n`;
    give(Buffer.from(broken));
    const response = await ask('/v1beta/models/gpt:streamGenerateContent');
    const chunks = (await response.json()) as Record<string, { code?: number; status?: string }>[];

    assert.equal(response.status, 200);
    assert.equal(chunks.at(-1)!['error']!.status, 'INTERNAL');
  });

  test('refusals are told in its form: a wait with RetryInfo, a list where a list was asked for', async () => {
    give(overloaded.body, 'application/json', overloaded.status);
    const waiting = await ask('/v1beta/models/flash:generateContent');
    const told = (await waiting.json()) as { error: { status: string; details: object[] } };
    assert.deepEqual([waiting.status, told.error.status], [429, 'RESOURCE_EXHAUSTED']);
    assert.match(JSON.stringify(told.error.details), /"retryDelay":"17s"/);

    const elsewhere = await fetch(`${gateway.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${secret}`, 'content-type': 'application/json' },
      body: JSON.stringify({ model: 'flash', messages: [{ role: 'user', content: 'hello' }] }),
    });
    await elsewhere.text();
    assert.deepEqual([elsewhere.status, elsewhere.headers.get('retry-after')], [429, '17']);

    const wrong = await ask('/v1beta/models/flash:streamGenerateContent', { contents }, 'cck_wrong000_x');
    const [refused] = (await wrong.json()) as { error: { code: number; status: string } }[];
    assert.deepEqual([wrong.status, refused!.error.code, refused!.error.status], [400, 400, 'INVALID_ARGUMENT']);

    const unknown = await ask('/v1beta/models/nobody%2Fknows:generateContent');
    const { error } = (await unknown.json()) as { error: { status: string } };
    assert.deepEqual([unknown.status, error.status], [404, 'NOT_FOUND']);
  });

  const tools = [{ functionDeclarations: [{ name: 'look', parametersJsonSchema: { type: 'object' } }] }];
  const chat = (delta: object) =>
    `data: ${JSON.stringify({ id: 'c1', object: 'chat.completion.chunk', created: 1, model: 'gpt-5', choices: [{ index: 0, delta, finish_reason: null }] })}\n\n`;
  const begunCall = {
    role: 'assistant',
    tool_calls: [{ index: 0, id: 'call_1', type: 'function', function: { name: 'look', arguments: '{"at":' } }],
  };

  test('a list whose first call breaks off at another provider is begun by the next one, and once', async () => {
    give(Buffer.from(chat(begunCall)));
    const entry = {
      candidates: [{ content: { parts: [{ text: 'Hi' }], role: 'model' }, finishReason: 'STOP', index: 0 }],
    };
    later = { status: 200, type: 'application/json', bytes: Buffer.from(`[${JSON.stringify(entry)}\n]`) };

    const response = await ask('/v1beta/models/gpt-or-spare:streamGenerateContent', { contents, tools });

    assert.equal(response.status, 200);
    assert.deepEqual(await response.json(), [entry]);
  });

  test('a call that breaks off before anything of it was shown is refused with a status where nobody else is', async () => {
    give(Buffer.from(chat(begunCall)));

    const response = await ask('/v1beta/models/gpt:streamGenerateContent', { contents, tools });

    assert.equal(response.status, 502);
    const [refusal] = [await response.json()].flat() as { error: { code: number; status: string } }[];
    assert.equal(refusal!.error.code, 502);
  });

  test('a call is shown once it is whole, though its answer breaks off behind it, and the list is closed', async () => {
    const rest = { tool_calls: [{ index: 0, function: { arguments: '1}' } }] };
    const next = {
      tool_calls: [{ index: 1, id: 'call_2', type: 'function', function: { name: 'look', arguments: '' } }],
    };
    give(Buffer.from(`${chat(begunCall)}${chat(rest)}${chat(next)}`));

    const response = await ask('/v1beta/models/gpt-or-spare:streamGenerateContent', { contents, tools });

    assert.equal(response.status, 200);
    const entries = (await response.json()) as Record<string, unknown>[];
    assert.equal(entries.length, 2);
    assert.match(JSON.stringify(entries[0]), /"functionCall":\{"id":"call_1","name":"look","args":\{"at":1\}\}/);
    assert.ok('error' in entries[1]!);
    assert.equal(received.length, 1);
  });
});
