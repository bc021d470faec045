import assert from 'node:assert/strict';
import { after, before, beforeEach, suite, test } from 'node:test';
import { type Emulator, startEmulator } from '../../src/emulator/emulator.ts';
import type { RateCardJson } from '../../src/pricing/rate-card.ts';
import type { DecisionRecord } from '../../src/routing/decision.ts';
import { replay } from '../../src/routing/replay.ts';
import { digestOf, secret, startGateway, type TestGateway } from '../support/gateway.ts';

/** USD per 10⁶ tokens. */
function card(rates: Readonly<Record<string, number>>, cells?: RateCardJson['cells']): RateCardJson {
  const pico = Object.entries(rates).map(([meter, rate]) => [meter, String(rate * 10 ** 12)]);
  return {
    version: 'test-1',
    currency: 'USD',
    rates: Object.fromEntries(pico),
    tiers: [],
    ...(cells === undefined ? {} : { cells }),
  };
}

const dear = card({ input: 10, output: 40 });
const fair = card({ input: 8, output: 32 });
const low = card({ input: 1, output: 4 });
const sold = { dear, fair, low, cached: card({ input: 1.2, cacheRead: 0.1, output: 4 }) };

const keys = [{ id: 'test0001', digest: digestOf(secret) }];

suite('what a request costs its customer decides where policy says so', () => {
  let emulator: Emulator;
  let gateway: TestGateway;

  before(async () => {
    emulator = await startEmulator();
    gateway = await startGateway({
      snapshot: {
        providers: [{ name: 'openai', baseUrl: `${emulator.url}/v1` }],
        keys: [...keys, { id: 'test0002', digest: digestOf(`${secret}x`), project: 'contract' }],
        organisations: [{ id: 'acme' }, { id: 'bought' }],
        projects: [{ id: 'web' }, { id: 'contract', organisation: 'bought' }],
        deployments: [
          // What the operator pays is the other way round, and must not matter.
          ...Object.entries(sold).map(([id, sell]) => ({ id, model: `openai/${id}`, sell, buy: dear })),
          { id: 'dear-to-us', model: 'openai/dear-to-us', sell: low, buy: card({ input: 900, output: 900 }) },
          {
            id: 'tierless',
            model: 'openai/tierless',
            sell: card({ input: 0.001, output: 0.001 }),
          },
          {
            id: 'tiered',
            model: 'openai/tiered',
            sell: {
              ...dear,
              cells: [{ serviceTier: 'flex', rates: { input: '5000000000000', output: '5000000000000' }, tiers: [] }],
            },
          },
        ],
        routes: [
          { name: 'cheap', policy: { policy: 'cheapest' }, candidates: spread('dear', 'fair', 'low') },
          { name: 'twins', policy: { policy: 'cheapest' }, candidates: spread('low', 'dear-to-us') },
          { name: 'capped', policy: { costMax: '0.009' }, candidates: spread('dear', 'fair', 'low') },
          { name: 'refused', policy: { costMax: '0.000000001' }, candidates: spread('dear', 'low') },
          { name: 'warm', policy: { policy: 'cheapest' }, candidates: spread('low', 'cached') },
          { name: 'tiers', policy: { policy: 'cheapest' }, candidates: spread('tierless', 'tiered') },
          { name: 'plain', candidates: spread('dear', 'low') },
        ],
        contracts: [{ organisation: 'bought', sell: { 'h-dear': card({ input: 0.5, output: 0.5 }) } }],
      },
    });
  });
  after(async () => {
    await gateway.stop();
    await emulator.stop();
  });
  beforeEach(() => emulator.replaceRules([]));

  async function ask(model: string, options: { key?: string; body?: object } = {}) {
    const response = await fetch(`${gateway.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${options.key ?? secret}`, 'content-type': 'application/json' },
      body: JSON.stringify({ model, messages: [{ role: 'user', content: 'hi' }], max_tokens: 100, ...options.body }),
    });
    const text = await response.text();
    return { status: response.status, deployment: response.headers.get('x-carrier-deployment'), text };
  }

  function lastDecision(): DecisionRecord {
    return gateway.ends().at(-1)!.decision as DecisionRecord;
  }

  async function places(model: string, times: number, key?: string): Promise<readonly string[]> {
    const found = new Set<string>();
    for (let n = 0; n < times; n += 1)
      found.add((await ask(model, key === undefined ? {} : { key })).deployment ?? 'none');
    return [...found].sort();
  }

  test('the cheapest by the sell book answers, always', async () => {
    assert.deepEqual(await places('cheap', 10), ['low']);
  });

  test('for who agreed on other prices another one is the cheapest', async () => {
    assert.deepEqual(await places('cheap', 10, `${secret}x`), ['dear']);
  });

  test('what the operator pays tells no two apart', async () => {
    assert.deepEqual(await places('twins', 30), ['dear-to-us', 'low']);
  });

  test('the record has what was expected, and replays', async () => {
    await ask('cheap', { body: { max_tokens: 10 } });

    const decision = lastDecision();
    const { inputTokens, outputTokens } = decision.facts;
    assert.equal(outputTokens, 10);
    assert.deepEqual(Object.fromEntries(decision.candidates.map(({ h, cost }) => [h, cost?.nano])), {
      'h-dear': inputTokens * 10_000 + 400_000,
      'h-fair': inputTokens * 8_000 + 320_000,
      'h-low': inputTokens * 1_000 + 40_000,
    });
    assert.deepEqual(replay(JSON.stringify(decision)), { outcome: 'same' });
  });

  test('a cap leaves out whom the request is expected to cost more at', async () => {
    assert.deepEqual(await places('capped', 20), ['dear', 'fair', 'low']);
    const found = new Set<string | null>();
    for (let n = 0; n < 20; n += 1) {
      const long = { messages: [{ role: 'user', content: 'a'.repeat(6_000) }] };
      found.add((await ask('capped', { body: long })).deployment);
    }
    assert.deepEqual([...found], ['low']);
    assert.equal(lastDecision().facts.costNanoMax, 9_000_000);
  });

  test('a cap that nobody keeps refuses, and says which rule it was', async () => {
    const { status, text } = await ask('refused');

    assert.equal(status, 403);
    assert.match(text, /Nearest: lift COST_OVER_CAP for dear, low\./);
  });

  test('a warm cache makes the dearer one the cheaper, as long as it is warm and long enough', async () => {
    const body = (turns: number) => ({
      messages: Array.from({ length: turns }, () => ({
        role: 'user',
        content: 'a turn of this conversation '.repeat(30),
      })),
      max_tokens: 1,
    });
    assert.equal((await ask('warm', { body: body(10) })).deployment, 'low');
    emulator.replaceRules(['model=low;status=500']);
    assert.equal((await ask('warm', { body: body(10) })).deployment, 'cached');
    emulator.replaceRules([]);

    assert.equal((await ask('warm', { body: body(11) })).deployment, 'cached');
    const cost = lastDecision().candidates.find(({ h }) => h === 'h-cached')?.cost;
    // 2,048 tokens at 1.1 USD less per million.
    assert.equal(cost?.savedNano, 2_252_800);
    assert.equal(lastDecision().candidates.find(({ h }) => h === 'h-low')?.cost?.savedNano, undefined);
    assert.equal((await ask('warm', { body: { messages: [{ role: 'user', content: 'new' }] } })).deployment, 'low');
  });

  test('what has no price for the tier that is asked for is not free: it comes last', async () => {
    assert.equal((await ask('tiers')).deployment, 'tierless');
    assert.equal((await ask('tiers', { body: { service_tier: 'flex' } })).deployment, 'tiered');
    assert.deepEqual(lastDecision().order, ['h-tiered', 'h-tierless']);
  });

  test('a policy that does not look at cost is not told any', async () => {
    await ask('plain');

    assert.equal(JSON.stringify(lastDecision()).includes('cost'), false);
  });

  test('how long answers are is learnt from those before, for all candidates alike', async () => {
    const fresh = await startGateway({
      snapshot: { providers: [{ name: 'openai', baseUrl: `${emulator.url}/v1` }], keys },
    });
    try {
      const [first, second] = [await expectedAndUsed(fresh), await expectedAndUsed(fresh)];

      assert.equal(first.expected, 500);
      assert.notEqual(first.used, 500);
      assert.equal(second.expected, first.used);
    } finally {
      await fresh.stop();
    }
  });

  async function expectedAndUsed(fresh: TestGateway) {
    const response = await fetch(`${fresh.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${secret}`, 'content-type': 'application/json' },
      body: JSON.stringify({ model: 'gpt-5-us', messages: [{ role: 'user', content: 'hi' }] }),
    });
    await response.text();
    const { decision, reading } = fresh.ends().at(-1)!;
    const { output = 0, reasoning = 0 } = reading!.slices;
    return { expected: (decision as DecisionRecord).facts.outputTokens, used: output + reasoning };
  }
});

function spread(...deployments: readonly string[]) {
  return deployments.map(deployment => ({ deployment }));
}
