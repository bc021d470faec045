import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { type Emulator, startEmulator } from '../../src/emulator/emulator.ts';
import type { RateCardJson } from '../../src/pricing/rate-card.ts';
import { digestOf, secret, startGateway, type TestGateway } from '../support/gateway.ts';

/** Tokens are free here, so that a hold is what the tools can cost: a search a cent, a fetch a tenth of one. */
const searching: RateCardJson = {
  version: 'searching',
  currency: 'USD',
  rates: {
    input: '0',
    output: '0',
    'tool.webSearch': { pico: '10000000000000', per: '1000' },
    'tool.webFetch': { pico: '1000000000000', per: '1000' },
  },
  tiers: [],
};
/** Input costs 1.00 for a million tokens, 2.00 above 60,000; searches nothing. */
const reading: RateCardJson = {
  version: 'reading',
  currency: 'USD',
  rates: { input: '1000000000000', output: '0', 'tool.webSearch': '0' },
  tiers: [
    {
      measure: 'inputTotal',
      op: 'gt',
      size: 60_000,
      rates: { input: '2000000000000', output: '0', 'tool.webSearch': '0' },
    },
  ],
};
const plain: RateCardJson = { version: 'plain', currency: 'USD', rates: { input: '0', output: '0' }, tiers: [] };

const search = { type: 'web_search_20250305', name: 'web_search' };
const fetchPage = { type: 'web_fetch_20250910', name: 'web_fetch' };
const own = { name: 'lookup', input_schema: { type: 'object' } };

suite('holds for tools that a provider runs itself', () => {
  let emulator: Emulator;
  let gateway: TestGateway;

  before(async () => {
    emulator = await startEmulator();
    gateway = await startGateway({
      budgetAtto: 10n ** 18n,
      snapshot: {
        keys: [{ id: 'test0001', digest: digestOf(secret) }],
        budgets: [{ id: 'b1', subject: 'web' }],
        providers: [
          {
            name: 'messages',
            kind: 'anthropic',
            dialects: ['anthropic-messages'],
            baseUrl: emulator.url,
            sandbox: true,
          },
          { name: 'chat', dialects: ['openai-chat'], baseUrl: `${emulator.url}/v1`, sandbox: true },
        ],
        deployments: [
          { id: 'searching', model: 'v/searching', provider: 'messages', sell: searching, buy: searching },
          {
            id: 'bounded',
            model: 'v/bounded',
            provider: 'messages',
            sell: searching,
            buy: searching,
            toolCallsMax: 3,
          },
          { id: 'plain', model: 'v/plain', provider: 'messages', sell: plain, buy: plain },
          { id: 'host', model: 'v/host', provider: 'chat', sell: searching, buy: searching },
          { id: 'reading', model: 'v/reading', provider: 'messages', sell: reading, buy: reading },
          { id: 'brief', model: 'v/brief', provider: 'messages', sell: reading, buy: reading, toolTokensPerCall: 500 },
          { id: 'tight', model: 'v/tight', provider: 'chat', sell: searching, buy: searching, toolCallsMax: 0 },
        ],
      },
    });
  });
  after(async () => {
    await gateway.stop();
    await emulator.stop();
  });

  async function held(path: '/v1/messages' | '/v1/chat/completions', model: string, tools?: readonly unknown[]) {
    gateway.records.length = 0;
    const response = await fetch(`${gateway.url}${path}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${secret}`, 'content-type': 'application/json' },
      body: JSON.stringify({ model, max_tokens: 10, messages: [{ role: 'user', content: 'Hello' }], tools }),
    });
    await response.arrayBuffer();
    const admit = gateway.records.find(record => record.type === 'admit');
    return admit?.type === 'admit' ? admit.hold.amountAtto : response.headers.get('x-carrier-fault');
  }

  const messages = '/v1/messages';

  for (const { what, tools, model = 'v/searching', hold } of [
    { what: 'max_uses is held for', tools: [{ ...search, max_uses: 5 }], hold: '50000000000000000' },
    { what: 'no use is nothing', tools: [{ ...search, max_uses: 0 }], hold: '0' },
    { what: 'ten uses are held for where the request names none', tools: [search], hold: '100000000000000000' },
    {
      what: 'what is no number of uses bounds nothing',
      tools: [{ ...search, max_uses: -1 }],
      hold: '100000000000000000',
    },
    { what: 'a fraction of a use bounds nothing', tools: [{ ...search, max_uses: 1.5 }], hold: '100000000000000000' },
    {
      what: 'the deployment’s own bound replaces the ten',
      tools: [search],
      model: 'v/bounded',
      hold: '30000000000000000',
    },
    {
      what: 'max_uses wins over the deployment’s bound',
      tools: [{ ...search, max_uses: 4 }],
      model: 'v/bounded',
      hold: '40000000000000000',
    },
    {
      what: 'each tool counts at its own price',
      tools: [
        { ...search, max_uses: 2 },
        { ...fetchPage, max_uses: 7 },
      ],
      hold: '27000000000000000',
    },
    {
      what: 'a tool that is named twice may run as often as both say',
      tools: [
        { ...search, max_uses: 2 },
        { ...search, max_uses: 3 },
      ],
      hold: '50000000000000000',
    },
    { what: 'tools of the client’s own cost nothing', tools: [own], hold: '0' },
    { what: 'no tools cost nothing', tools: undefined, hold: '0' },
    {
      what: 'a tool without a price is not held for',
      tools: [{ ...search, max_uses: 5 }],
      model: 'v/plain',
      hold: '0',
    },
    {
      what: 'more uses than the budget can pay for are refused before anything is sent',
      tools: [{ ...search, max_uses: 101 }],
      hold: 'budget_exhausted',
    },
    {
      what: 'uses beyond every number are refused, not wrapped around',
      tools: [
        { ...search, max_uses: Number.MAX_SAFE_INTEGER },
        { ...search, max_uses: Number.MAX_SAFE_INTEGER },
      ],
      hold: 'budget_exhausted',
    },
  ]) {
    test(what, async () => assert.equal(await held(messages, model, tools), hold));
  }

  test('what searches bring into the input is held for: ten thousand tokens each, or what the deployment says', async () => {
    const hold = async (model: string, uses: number) =>
      BigInt((await held(messages, model, [{ ...search, max_uses: uses }]))!);

    // 30,000, 1,000 and no tokens at 1.00 for a million; then 70,000 of them in the tier of 2.00.
    const none = await hold('v/reading', 0);
    assert.equal((await hold('v/reading', 3)) - none, 30_000_000_000_000_000n);
    assert.equal((await hold('v/brief', 2)) - (await hold('v/brief', 0)), 1_000_000_000_000_000n);
    assert.equal((await hold('v/reading', 7)) - 2n * none, 140_000_000_000_000_000n);
  });

  test('a reading with its search results is within its hold', async () => {
    gateway.records.length = 0;
    const answer = await fetch(`${gateway.url}${messages}`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${secret}`,
        'content-type': 'application/json',
        'x-carrier-emulate': 'report-input=20000',
      },
      body: JSON.stringify({
        model: 'v/reading',
        max_tokens: 10,
        messages: [{ role: 'user', content: 'Hello' }],
        tools: [{ ...search, max_uses: 2 }],
      }),
    });
    assert.equal(answer.status, 200, await answer.text());

    const { sell } = gateway.ends().at(-1)!;
    assert.deepEqual([sell?.amountAtto, sell?.overHoldAtto], ['20000000000000000', '0']);
  });

  test('a host whose dialect does not name what it runs by itself is held for every tool it has a price for', async () => {
    assert.equal(await held('/v1/chat/completions', 'v/host'), '110000000000000000');
    assert.equal(await held('/v1/chat/completions', 'v/tight'), '0');
    assert.equal(await held(messages, 'v/host'), '110000000000000000');
  });

  test('a client of another dialect cannot make a provider run a tool, so nothing is held for it', async () => {
    assert.equal(await held('/v1/chat/completions', 'v/searching'), '0');
  });
});
