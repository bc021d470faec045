import assert from 'node:assert/strict';
import { after, before, beforeEach, suite, test } from 'node:test';
import { type Emulator, startEmulator } from '../../src/emulator/emulator.ts';
import { digestOf, secret, startGateway, type TestGateway } from '../support/gateway.ts';

/** 1 USD per 10⁶ tokens in and out, so that amounts are tokens. */
const card = {
  version: 'test-1',
  currency: 'USD',
  rates: { input: '1000000000000', cacheRead: '1000000000000', output: '1000000000000' },
  tiers: [],
};
const attoPerToken = 1_000_000_000_000n;

suite('providers of one dialect that know other words', () => {
  let emulator: Emulator;
  let gateway: TestGateway;

  before(async () => {
    emulator = await startEmulator();
    gateway = await startGateway({
      budgetAtto: 10_000n * attoPerToken,
      snapshot: {
        keys: [{ id: 'test0001', digest: digestOf(secret), lowerOutputToFit: true }],
        budgets: [{ id: 'b1', subject: 'web' }],
        providers: [
          { name: 'openai', kind: 'openai', baseUrl: `${emulator.url}/v1` },
          { name: 'mistral', kind: 'mistral', baseUrl: `${emulator.url}/v1` },
        ],
        deployments: [
          { id: 'gpt', provider: 'openai', model: 'openai/gpt-5', sell: card, buy: card },
          { id: 'large', provider: 'mistral', model: 'mistral/large', sell: card, buy: card },
        ],
      },
    });
  });
  after(async () => {
    await gateway.stop();
    await emulator.stop();
  });
  beforeEach(() => emulator.clearRequests());

  async function ask(path: string, body: object): Promise<Record<string, unknown>> {
    const response = await fetch(gateway.url + path, {
      method: 'POST',
      headers: { authorization: `Bearer ${secret}`, 'content-type': 'application/json' },
      body: JSON.stringify({ messages: [{ role: 'user', content: 'Hello' }], ...body }),
    });
    assert.equal(response.status, 200, await response.text());
    return JSON.parse(emulator.requests().at(-1)!.body.toString());
  }

  test('a limit that is set for the budget has the word that the provider knows', async () => {
    const openai = await ask('/v1/chat/completions', { model: 'openai/gpt-5' });
    const mistral = await ask('/v1/chat/completions', { model: 'mistral/large' });

    assert.deepEqual([typeof openai['max_completion_tokens'], openai['max_tokens']], ['number', undefined]);
    assert.deepEqual([typeof mistral['max_tokens'], mistral['max_completion_tokens']], ['number', undefined]);
  });

  test('a translated limit has that word too', async () => {
    const openai = await ask('/v1/messages', { model: 'openai/gpt-5', max_tokens: 50 });
    const mistral = await ask('/v1/messages', { model: 'mistral/large', max_tokens: 50 });

    assert.deepEqual([openai['max_completion_tokens'], openai['max_tokens']], [50, undefined]);
    assert.deepEqual([mistral['max_tokens'], mistral['max_completion_tokens']], [50, undefined]);
  });

  test('usage is asked for in a stream only where the field is known', async () => {
    const stream = { stream: true, max_tokens: 50 };
    const openai = await ask('/v1/messages', { model: 'openai/gpt-5', ...stream });
    const translated = await ask('/v1/messages', { model: 'mistral/large', ...stream });
    const passed = await ask('/v1/chat/completions', { model: 'mistral/large', ...stream });

    assert.deepEqual(openai['stream_options'], { include_usage: true });
    assert.deepEqual([translated['stream_options'], passed['stream_options']], [undefined, undefined]);
  });
});

suite('media under a budget', () => {
  test('an image is held for by its part, not by its bytes', async t => {
    const emulator = await startEmulator();
    // 5 MB of base64 would be 5 million tokens of text; the budget holds 20,000 tokens.
    const gateway = await startGateway({
      budgetAtto: 20_000n * attoPerToken,
      snapshot: {
        budgets: [{ id: 'b1', subject: 'web' }],
        providers: [{ name: 'openai', kind: 'openai', baseUrl: `${emulator.url}/v1` }],
        deployments: [{ id: 'gpt', model: 'openai/gpt-5', mediaTokensMax: 3_000, sell: card, buy: card }],
      },
    });
    t.after(async () => {
      await gateway.stop();
      await emulator.stop();
    });
    const image = `data:image/png;base64,iVBORw0KGgoA${'A'.repeat(4_999_988)}`;
    const body = `{"model":"openai/gpt-5","max_tokens":100,"messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"${image}"}}]}]}`;

    const response = await fetch(`${gateway.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${secret}`, 'content-type': 'application/json' },
      body,
    });
    assert.equal(response.status, 200, await response.text());
    await gateway.untilEnded(1);

    // 126 bytes around the image, 256 hidden tokens, one image, 100 tokens of output.
    assert.equal(gateway.ended[0]!.admit.hold.amountAtto, String(3_482n * attoPerToken));
    // An estimate, too, goes by the part: a quarter of the bytes around it, and 1,600.
    assert.equal(gateway.attempts()[0]!.inputTokensEstimate, 1_632);
  });
});
