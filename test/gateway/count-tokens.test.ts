import assert from 'node:assert/strict';
import { after, before, beforeEach, suite, test } from 'node:test';
import { type Emulator, startEmulator } from '../../src/emulator/emulator.ts';
import { secret, startGateway, type TestGateway } from '../support/gateway.ts';

suite('counting tokens', () => {
  let first: Emulator;
  let second: Emulator;
  let gateway: TestGateway;

  before(async () => {
    first = await startEmulator();
    second = await startEmulator();
    const dialects = ['anthropic-messages'] as const;
    gateway = await startGateway({
      snapshot: {
        providers: [
          { name: 'one', kind: 'anthropic', dialects, baseUrl: first.url },
          { name: 'two', kind: 'emulated', dialects, baseUrl: second.url, sandbox: true },
          { name: 'three', kind: 'openai', dialects: ['openai-chat'], baseUrl: `${second.url}/v1` },
        ],
        deployments: [
          { id: 'first', provider: 'one', model: 'anthropic/claude' },
          { id: 'second', provider: 'two', model: 'anthropic/claude' },
          { id: 'chat', provider: 'three', model: 'openai/gpt' },
        ],
        routes: [
          {
            name: 'both',
            candidates: [
              { deployment: 'first', priority: 1 },
              { deployment: 'second', priority: 2 },
            ],
          },
        ],
      },
    });
  });
  after(async () => {
    await gateway.stop();
    await first.stop();
    await second.stop();
  });
  beforeEach(() => first.replaceRules([]));

  function count(body: object, headers: Record<string, string> = {}): Promise<Response> {
    return fetch(`${gateway.url}/v1/messages/count_tokens`, {
      method: 'POST',
      headers: { 'x-api-key': secret, 'content-type': 'application/json', ...headers },
      body: JSON.stringify({ model: 'both', messages: [{ role: 'user', content: 'hello' }], ...body }),
    });
  }

  function said(response: Response): Record<string, string | null> {
    const value = (name: string) => response.headers.get(`x-carrier-${name}`);
    return {
      status: String(response.status),
      deployment: value('deployment'),
      attempts: value('attempts'),
      sandbox: value('sandbox'),
      fault: value('fault'),
    };
  }

  test('the first deployment counts while it can', async () => {
    const response = await count({});

    assert.deepEqual(said(response), {
      status: '200',
      deployment: 'first',
      attempts: '1',
      sandbox: null,
      fault: null,
    });
  });

  for (const script of ['status=503', 'status=401', 'reset']) {
    test(`"${script}" of the first deployment is invisible while another counts`, async () => {
      first.replaceRules([script]);

      const response = await count({});

      assert.deepEqual(said(response), {
        status: '200',
        deployment: 'second',
        attempts: '2',
        sandbox: '1',
        fault: null,
      });
    });
  }

  test('when none counts, the refusal names the last that was asked', async () => {
    first.replaceRules(['status=503']);

    const response = await count({}, { 'x-carrier-emulate': 'status=500' });

    assert.deepEqual(said(response), {
      status: '502',
      deployment: 'second',
      attempts: '2',
      sandbox: '1',
      fault: 'upstream_error',
    });
    assert.match(await response.text(), /^\{"type":"error"/);
  });

  test('a request that the provider finds invalid is answered in its words, and asked nowhere else', async () => {
    const response = await count({ messages: 'hello' });

    assert.deepEqual(said(response), {
      status: '400',
      deployment: 'first',
      attempts: '1',
      sandbox: null,
      fault: 'upstream_invalid',
    });
    assert.match(await response.text(), /messages/);
  });

  function estimated(response: Response): string | null {
    return response.headers.get('x-carrier-estimate');
  }

  test('where nobody can count, the answer is an estimate that says by which rule', async () => {
    const request = { model: 'openai/gpt', messages: [{ role: 'user', content: 'x'.repeat(400) }] };

    const response = await count(request);

    assert.equal(estimated(response), 'bytes-per-token/1:openai');
    assert.deepEqual(said(response), { status: '200', deployment: 'chat', attempts: '0', sandbox: null, fault: null });
    // 463 bytes of JSON, four a token.
    assert.deepEqual(await response.json(), { input_tokens: 116 });
  });

  test('an estimate counts tools, thinking and media', async () => {
    const of = async (body: object) =>
      ((await (await count({ model: 'openai/gpt', ...body })).json()) as { input_tokens: number }).input_tokens;
    const plain = await of({});

    assert.equal((await of({ tools: [{ name: 'f', input_schema: { type: 'object' } }] })) - plain, 14);
    assert.equal((await of({ thinking: { type: 'adaptive' } })) - plain, 7);
    const image = { type: 'image', source: { type: 'base64', media_type: 'image/png', data: 'A'.repeat(4_000) } };
    assert.equal((await of({ messages: [{ role: 'user', content: [image] }] })) - plain > 1_600, true);
  });

  test('a host of the dialect that has no such path is answered for by an estimate', async () => {
    first.replaceRules(['status=404']);

    const response = await count({ model: 'first' });

    assert.equal(estimated(response), 'bytes-per-token/1:anthropic');
    assert.equal(response.status, 200);
  });

  test('a key that may not use the model is given no estimate', async () => {
    const response = await count({ model: 'nobody/knows' });

    assert.deepEqual(said(response), {
      status: '404',
      deployment: null,
      attempts: '0',
      sandbox: null,
      fault: 'model_not_found',
    });
    assert.equal(estimated(response), null);
  });

  test('a count is given up at the deadline that the client names, and its connection with it', async () => {
    first.replaceRules(['hang']);

    const response = await count({ model: 'first' }, { 'x-carrier-deadline-ms': '150' });

    assert.equal(response.headers.get('x-carrier-fault'), 'deadline_exceeded');
    await untilNoneOpen(first);
  });

  test('a client that leaves takes its question along', async () => {
    first.replaceRules(['hang']);
    const leaving = new AbortController();
    const asked = fetch(`${gateway.url}/v1/messages/count_tokens`, {
      method: 'POST',
      headers: { 'x-api-key': secret, 'content-type': 'application/json' },
      body: JSON.stringify({ model: 'first', messages: [{ role: 'user', content: 'hello' }] }),
      signal: leaving.signal,
    });
    while (first.stats().answersOpen === 0) await new Promise(resolve => setImmediate(resolve));

    leaving.abort();

    await assert.rejects(asked);
    await untilNoneOpen(first);
  });
});

async function untilNoneOpen(emulator: Emulator): Promise<void> {
  while (emulator.stats().answersOpen > 0) await new Promise(resolve => setImmediate(resolve));
}
