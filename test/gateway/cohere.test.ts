import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { after, before, suite, test } from 'node:test';
import { secret, startGateway, type TestGateway } from '../support/gateway.ts';

/** Cohere as a provider, and its clients, on the whole way through a gateway. */

const stream = readFileSync(new URL('../../src/dialects/cohere-chat/fixtures/streams/tool-calls.sse', import.meta.url));

suite('Cohere through the gateway', () => {
  let provider: Server;
  let gateway: TestGateway;
  let received: { url: string; authorization: string | undefined; body: Record<string, unknown> }[] = [];
  let refusal: { status: number; body: object } | undefined;

  before(async () => {
    provider = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', chunk => chunks.push(chunk));
      request.on('end', () => {
        const body = JSON.parse(Buffer.concat(chunks).toString());
        received.push({ url: request.url!, authorization: request.headers.authorization, body });
        response.writeHead(refusal?.status ?? 200, {
          'content-type': refusal === undefined ? 'text/event-stream' : 'application/json',
          'x-trial-endpoint-call-limit': '40',
        });
        response.end(refusal === undefined ? stream : JSON.stringify(refusal.body));
      });
    });
    await new Promise<void>(resolve => provider.listen(0, '127.0.0.1', resolve));
    const { port } = provider.address() as { port: number };
    gateway = await startGateway({
      snapshot: {
        providers: [{ name: 'cohere', kind: 'cohere', dialects: ['cohere-chat'], baseUrl: `http://127.0.0.1:${port}` }],
        deployments: [{ id: 'command', provider: 'cohere', model: 'cohere/command', targetModel: 'command-a-03-2025' }],
      },
    });
  });
  after(async () => {
    await gateway.stop();
    provider.closeAllConnections();
    await new Promise(resolve => provider.close(resolve));
  });

  function ask(path: string, body: object): Promise<Response> {
    received = [];
    return fetch(gateway.url + path, {
      method: 'POST',
      headers: { authorization: `Bearer ${secret}`, 'content-type': 'application/json' },
      body: JSON.stringify({ model: 'command', messages: [{ role: 'user', content: 'Weather?' }], ...body }),
    });
  }

  test('its own client gets its bytes, and the tokens are metered, not the billed units', async () => {
    refusal = undefined;
    const response = await ask('/v2/chat', { stream: true });
    const text = await response.text();

    assert.equal(text, stream.toString());
    assert.equal(response.headers.get('x-trial-endpoint-call-limit'), '40');
    assert.equal(received[0]!.url, '/v2/chat');
    assert.equal(received[0]!.body['model'], 'command-a-03-2025');
    const { reading } = gateway.ends().at(-1)!;
    assert.deepEqual(reading?.slices, { inputUncached: 45, cacheRead: 1504, output: 95 });
  });

  test('a client of another dialect gets text and calls, and asks for what this provider takes', async () => {
    refusal = undefined;
    const response = await ask('/v1/chat/completions', {
      stream: true,
      top_p: 1,
      stream_options: { include_usage: true },
    });
    const text = await response.text();

    assert.match(text, /"content":"I will"/);
    assert.match(text, /"finish_reason":"tool_calls"/);
    assert.match(text, /"prompt_tokens":1549/);
    assert.ok(text.endsWith('data: [DONE]\n\n'));
    assert.equal(received[0]!.body['p'], 0.99);
    assert.match(response.headers.get('x-carrier-loss') ?? '', /sampling-fitted;top_p/);
  });

  test('its refusals are told in the words of each client, and our own in its', async () => {
    refusal = {
      status: 400,
      body: {
        id: 'x',
        message: 'too many tokens: total number of tokens in the prompt cannot exceed 8 - received 10.',
      },
    };
    const messages = await ask('/v1/messages', { max_tokens: 5 });
    assert.match(await messages.text(), /prompt is too long: 10 tokens > 8 maximum/);

    const missing = await ask('/v2/chat', { model: 'nobody/knows' });
    const body = (await missing.json()) as Record<string, unknown>;
    assert.deepEqual([missing.status, missing.headers.get('x-carrier-fault')], [404, 'model_not_found']);
    assert.deepEqual(Object.keys(body), ['id', 'message']);
  });
});
