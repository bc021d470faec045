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
        ],
        deployments: [
          { id: 'first', provider: 'one', model: 'anthropic/claude' },
          { id: 'second', provider: 'two', model: 'anthropic/claude' },
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
});
