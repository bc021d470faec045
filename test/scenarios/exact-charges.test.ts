import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import { type Emulator, startEmulator } from '../../src/emulator/emulator.ts';
import { dialectPaths, readFixtures } from './support/fixtures.ts';
import { sendBytes } from './support/send-bytes.ts';
import { type Carrier, startCarrier } from './support/start-carrier.ts';
import { until } from './support/until.ts';

const key = 'acme-secret-acme-secret-acme-secret-0';
let emulator: Emulator;
let carrier: Carrier;

before(async () => {
  emulator = await startEmulator();
  carrier = await startCarrier({
    yaml: `
providers:
  chat: { dialect: openai-chat, baseUrl: "${emulator.url}/v1", credential: env:PLANT_KEY }
  messages: { dialect: anthropic-messages, baseUrl: "${emulator.url}", credential: env:PLANT_KEY }
deployments:
  chat-1: { provider: chat, model: acme/chat }
  messages-0: { provider: messages, model: acme/failing }
  messages-1: { provider: messages, model: acme/messages }
prices:
  sell:
    currency: USD
    rates:
      acme/chat:
        input: "1.25"
        cacheRead: "0.125"
        cacheWrite5m: "1.5625"
        output: "10"
        tiers: [ { measure: inputTotal, op: gt, size: 200000, rates: { input: "2.5", cacheRead: "0.25", cacheWrite5m: "3.125", output: "15" } } ]
      acme/failing: { input: "3", cacheRead: "0.3", cacheWrite5m: "3.75", cacheWrite1h: "6", output: "15" }
      acme/messages: { input: "3.000000000001", cacheRead: "0.3", cacheWrite5m: "3.75", cacheWrite1h: "6", output: "15", reasoning: "12.5" }
  buy:
    currency: USD
    rates:
      acme/chat: { input: "1.1", cacheRead: "0.11", cacheWrite5m: "1.1", output: "8.8" }
      acme/failing: { input: "2.7", cacheRead: "0.27", cacheWrite5m: "3.375", cacheWrite1h: "5.4", output: "13.5" }
      acme/messages: { input: "2.7", cacheRead: "0.27", cacheWrite5m: "3.375", cacheWrite1h: "5.4", output: "13.5" }
routes:
  falling-back: { candidates: [ { deployment: messages-0 }, { deployment: messages-1, priority: 2 } ], retries: 1 }
organisations:
  acme: { projects: { web: { keys: { ci: { secret: env:ACME_KEY } } } } }
`,
    env: { PLANT_KEY: 'plant', ACME_KEY: key },
  });
});
after(() => emulator.stop());
beforeEach(() => emulator.replaceRules([]));

interface Case {
  readonly what: string;
  readonly model: 'chat' | 'messages';
  /** What the provider says that it used. */
  readonly says: string;
  /** A field of the request that it needs for that. */
  readonly asks?: string;
  readonly slices: Readonly<Record<string, number>>;
  readonly sell: string;
  readonly buy: string;
}

const noAudio = { inputAudio: 0, outputAudio: 0 };

/** Amounts were worked out by hand from the price lists above. */
const cases: readonly Case[] = [
  {
    what: 'input and output',
    model: 'chat',
    says: 'report-input=9;report-output=5',
    slices: { inputUncached: 9, cacheRead: 0, ...noAudio, output: 5, reasoning: 0 },
    sell: '0.00006125',
    buy: '0.0000539',
  },
  {
    what: 'a part of the input from the cache',
    model: 'chat',
    says: 'report-input=100;cached=40;report-output=7',
    slices: { inputUncached: 60, cacheRead: 40, ...noAudio, output: 7, reasoning: 0 },
    sell: '0.00015',
    buy: '0.000132',
  },
  {
    what: 'all of the input from the cache',
    model: 'chat',
    says: 'report-input=100;cached=100;report-output=7',
    slices: { inputUncached: 0, cacheRead: 100, ...noAudio, output: 7, reasoning: 0 },
    sell: '0.0000825',
    buy: '0.0000726',
  },
  {
    what: 'reasoning that has no rate of its own, at that of output',
    model: 'chat',
    says: 'report-input=10;report-output=100;reasoning=30',
    asks: '"reasoning_effort":"low"',
    slices: { inputUncached: 10, cacheRead: 0, ...noAudio, output: 70, reasoning: 30 },
    sell: '0.0010125',
    buy: '0.000891',
  },
  {
    what: 'input as large as the lower tier reaches',
    model: 'chat',
    says: 'report-input=200000;report-output=1',
    slices: { inputUncached: 200_000, cacheRead: 0, ...noAudio, output: 1, reasoning: 0 },
    sell: '0.25001',
    buy: '0.2200088',
  },
  {
    what: 'one token more, all of it at the higher tier',
    model: 'chat',
    says: 'report-input=200001;report-output=1',
    slices: { inputUncached: 200_001, cacheRead: 0, ...noAudio, output: 1, reasoning: 0 },
    sell: '0.5000175',
    buy: '0.2200099',
  },
  {
    what: 'the higher tier reached by cached input',
    model: 'chat',
    says: 'report-input=200001;cached=200000;report-output=1',
    slices: { inputUncached: 1, cacheRead: 200_000, ...noAudio, output: 1, reasoning: 0 },
    sell: '0.0500175',
    buy: '0.0220099',
  },
  {
    what: 'nothing at all',
    model: 'chat',
    says: 'report-input=0;report-output=0',
    slices: { inputUncached: 0, cacheRead: 0, ...noAudio, output: 0, reasoning: 0 },
    sell: '0',
    buy: '0',
  },
  {
    what: 'a rate of twelve decimals',
    model: 'messages',
    says: 'report-input=11;report-output=9',
    slices: { inputUncached: 11, cacheRead: 0, cacheWrite5m: 0, cacheWrite1h: 0, output: 9 },
    sell: '0.000168000000000011',
    buy: '0.0001512',
  },
  {
    what: 'cache reads, and writes of both lifetimes',
    model: 'messages',
    says: 'report-input=11;cached=1000;cache-write-5m=20;cache-write-1h=30;report-output=9',
    slices: { inputUncached: 11, cacheRead: 1_000, cacheWrite5m: 20, cacheWrite1h: 30, output: 9 },
    sell: '0.000723000000000011',
    buy: '0.0006507',
  },
  {
    what: 'thinking, at its own rate where it has one',
    model: 'messages',
    says: 'report-input=11;report-output=100;reasoning=32',
    asks: '"thinking":{"type":"enabled","budget_tokens":1024}',
    slices: { inputUncached: 11, cacheRead: 0, cacheWrite5m: 0, cacheWrite1h: 0, output: 68, reasoning: 32 },
    sell: '0.001453000000000011',
    buy: '0.0013797',
  },
  {
    what: 'amounts that no double holds',
    model: 'messages',
    says: 'report-input=99999999;report-output=999999',
    slices: { inputUncached: 99_999_999, cacheRead: 0, cacheWrite5m: 0, cacheWrite1h: 0, output: 999_999 },
    sell: '314.999982000099999999',
    buy: '283.4999838',
  },
];

for (const stream of [false, true]) {
  for (const { what, model, says, asks, slices, sell, buy } of cases) {
    test(`${what}${stream ? ', streamed,' : ''} is bought for ${buy} and sold for ${sell}`, async () => {
      emulator.script(says);

      const shown = await exchange(await ask(model, stream, asks));

      const { source, ...read } = shown.reading;
      assert.deepEqual(read, slices);
      assert.deepEqual([shown.status, source], ['settled', 'provider']);
      assert.deepEqual([shown.sell.amount, shown.sell.currency], [sell, 'USD']);
      assert.deepEqual(
        shown.attempts.map((attempt: Attempt) => attempt.buy.amount),
        [buy],
      );
    });
  }
}

test('a tier without a price is never free: the reading is quarantined, and nothing is charged or said to be', async () => {
  emulator.script('report-input=9;report-output=5;tier=priority');

  const shown = await exchange(await ask('chat', false));

  assert.deepEqual([shown.status, shown.sell], ['quarantined', null]);
  assert.match(JSON.stringify(shown.reading), /priority/);
});

for (const stream of [false, true]) {
  test(`an answer without usage${stream ? ', streamed,' : ''} is charged by estimate, and says by which rule`, async () => {
    emulator.script('usage=none;tokens=5');

    const shown = await exchange(await ask('chat', stream));

    // The request has 115 bytes, or 114 when streamed: 29 tokens. The text has 19: 5 tokens.
    const { inputUncached, output, source, rule } = shown.reading;
    assert.deepEqual([inputUncached, output, source, rule], [29, 5, 'estimated', 'bytes-per-token/1:other']);
    assert.deepEqual(
      [shown.status, shown.sell.amount, shown.attempts[0].buy.amount],
      ['estimated', '0.00008625', '0.0000759'],
    );
  });
}

for (const [dialect, model] of [
  ['openai-chat', 'chat'],
  ['anthropic-messages', 'messages'],
] as const) {
  test(`usage of ${dialect} that does not add up is quarantined with its raw object, and nothing is charged`, async () => {
    const broken = readFixtures(dialect, 'answers').find(({ name }) => name === 'usage-broken.json')!;
    emulator.replay({
      status: 200,
      headers: ['content-type', 'application/json'],
      body: broken.bytes,
      streamed: false,
    });

    const shown = await exchange(await ask(model, false));
    emulator.replay(undefined);

    assert.deepEqual([shown.status, shown.sell], ['quarantined', null]);
    assert.deepEqual(shown.attempts[0].rawUsage, JSON.parse(broken.bytes.toString()).usage);
    assert.match(shown.reading.quarantine, /add up/);
  });
}

test('what a failed attempt used is bought, and only what was delivered is sold', async () => {
  emulator.script('model=failing;report-input=11;report-output=9;cut-after=1');
  emulator.script('model=messages;report-input=11;report-output=9');

  const shown = await exchange(await ask('falling-back', true));

  // The first attempt had said 11 in and 1 out when it broke off.
  assert.deepEqual(
    shown.attempts.map((attempt: Attempt) => [attempt.deployment, attempt.outcome, attempt.buy.amount]),
    [
      ['messages-0', 'upstream_truncated', '0.0000432'],
      ['messages-1', 'ok', '0.0001512'],
    ],
  );
  assert.deepEqual([shown.status, shown.sell.amount], ['settled', '0.000168000000000011']);
});

interface Attempt {
  readonly deployment: string;
  readonly outcome: string;
  readonly buy: { readonly amount: string };
}

async function ask(model: Case['model'] | 'falling-back', stream: boolean, asks = '"metadata":{}'): Promise<string> {
  const answer = await sendBytes(carrier.url, {
    path: dialectPaths[model === 'chat' ? 'openai-chat' : 'anthropic-messages'],
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    body: `{"model":"${model === 'falling-back' ? model : `acme/${model}`}","max_tokens":2000,${asks},"stream":${stream},"messages":[{"role":"user","content":"Hello"}]}`,
  });
  assert.equal(answer.status, 200, answer.body.toString());
  return String(answer.headers['x-carrier-exchange-id']);
}

function exchange(id: string) {
  return until(`exchange ${id} is in the ledger`, async () => {
    const { status, json } = await carrier.api('GET', `/api/v1/exchanges/${id}`);
    return status === 200 ? json : undefined;
  });
}
