import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { type Emulator, startEmulator } from '../../src/emulator/emulator.ts';
import { secret, startGateway, type TestGateway } from '../support/gateway.ts';

suite('what a provider says of its limits and of coming back', () => {
  let emulator: Emulator;
  let gateway: TestGateway;

  before(async () => {
    emulator = await startEmulator();
    gateway = await startGateway({
      snapshot: {
        providers: [
          { name: 'openai', kind: 'openai', dialects: ['openai-chat'], baseUrl: `${emulator.url}/v1` },
          { name: 'anthropic', kind: 'anthropic', dialects: ['anthropic-messages'], baseUrl: emulator.url },
        ],
        deployments: [
          { id: 'gpt', provider: 'openai', model: 'openai/gpt' },
          { id: 'claude', provider: 'anthropic', model: 'anthropic/claude' },
          { id: 'first', provider: 'anthropic', model: 'anthropic/first' },
          { id: 'second', provider: 'openai', model: 'openai/second' },
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
    await emulator.stop();
  });

  async function ask(client: 'chat' | 'messages', model: string, script = '', stream = false): Promise<Headers> {
    emulator.replaceRules(script === '' ? [] : [script]);
    const path = client === 'chat' ? '/v1/chat/completions' : '/v1/messages';
    const response = await fetch(gateway.url + path, {
      method: 'POST',
      headers: { authorization: `Bearer ${secret}`, 'content-type': 'application/json' },
      body: JSON.stringify({ model, stream, max_tokens: 20, messages: [{ role: 'user', content: 'Hi' }] }),
    });
    await response.text();
    return response.headers;
  }

  function limits(headers: Headers): string[] {
    return [...headers.keys()].filter(name => name.includes('ratelimit')).sort();
  }

  const messagesNames = ['limit', 'remaining', 'reset'].flatMap(field => [
    `anthropic-ratelimit-requests-${field}`,
    `anthropic-ratelimit-tokens-${field}`,
  ]);
  const chatNames = ['limit', 'remaining', 'reset'].flatMap(field => [
    `x-ratelimit-${field}-requests`,
    `x-ratelimit-${field}-tokens`,
  ]);

  for (const stream of [false, true]) {
    test(`limits are told in the names of the client, ${stream ? 'streamed' : 'whole'}`, async () => {
      const messages = await ask('messages', 'gpt', '', stream);
      const chat = await ask('chat', 'claude', '', stream);

      assert.deepEqual(limits(messages), [...messagesNames, 'x-carrier-ratelimit-source'].sort());
      assert.equal(messages.get('x-carrier-ratelimit-source'), 'openai-chat');
      assert.match(messages.get('anthropic-ratelimit-requests-reset')!, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
      assert.equal(messages.get('anthropic-ratelimit-requests-limit'), '10000');

      assert.deepEqual(limits(chat), [...chatNames, 'x-carrier-ratelimit-source'].sort());
      assert.match(chat.get('x-ratelimit-reset-tokens')!, /^\d+(\.\d+)?m?s$/);
      assert.equal(chat.get('x-ratelimit-remaining-requests'), '3000');
    });
  }

  test('within a dialect limits are the provider’s own', async () => {
    const chat = await ask('chat', 'gpt');
    const messages = await ask('messages', 'claude');

    assert.deepEqual(limits(chat), chatNames.sort());
    assert.equal(chat.get('x-ratelimit-reset-requests'), '6ms');
    assert.equal(messages.get('anthropic-ratelimit-output-tokens-limit'), '400000');
    assert.equal(messages.get('x-carrier-ratelimit-source'), null);
  });

  test('when to come back, and whether, reaches a client of the other dialect', async () => {
    const fine = await ask('chat', 'claude', 'status=429;retry-after-ms=1500;x-should-retry=true');
    const coarse = await ask('messages', 'gpt', 'status=429;retry-after=1;x-should-retry=false');

    assert.deepEqual(
      [fine.get('retry-after'), fine.get('retry-after-ms'), fine.get('x-should-retry')],
      ['2', '1500', 'true'],
    );
    assert.deepEqual(
      [coarse.get('retry-after'), coarse.get('retry-after-ms'), coarse.get('x-should-retry')],
      ['1', null, 'false'],
    );
    assert.equal(fine.get('x-carrier-ratelimit-source'), 'anthropic-messages');
  });

  test('an overloaded provider that does not say when is not spoken for', async () => {
    for (const [client, model] of [
      ['chat', 'claude'],
      ['messages', 'claude'],
      ['messages', 'gpt'],
    ] as const) {
      const headers = await ask(client, model, model === 'gpt' ? 'status=503' : 'status=529');
      assert.equal(headers.get('retry-after'), null, `${client} ${model}`);
      assert.equal(headers.get('retry-after-ms'), null);
    }
  });

  test('advice on an answer that went well is no reason to leave a deployment alone', async () => {
    for (const client of ['chat', 'messages'] as const) {
      for (const script of ['retry-after=60', '']) {
        assert.equal((await ask(client, 'both', script)).get('x-carrier-deployment'), 'first', `${client} ${script}`);
      }
    }
    // On a refusal it is.
    assert.equal(
      (await ask('chat', 'both', 'model=first;status=429;retry-after=60')).get('x-carrier-deployment'),
      'second',
    );
    assert.equal((await ask('chat', 'both')).get('x-carrier-deployment'), 'second');
  });
});
