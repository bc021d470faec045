import assert from 'node:assert/strict';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { after, before, suite, test } from 'node:test';
import { sendBytes } from './support/send-bytes.ts';
import { type Carrier, startCarrier } from './support/start-carrier.ts';
import { until } from './support/until.ts';

const secrets = {
  acme: 'acme-secret-acme-secret-acme-secret-0',
  beta: 'beta-secret-beta-secret-beta-secret-0',
};

interface Case {
  readonly what: string;
  readonly api: 'chat' | 'messages';
  /** Of both books, as a price file says them. */
  readonly rates: string;
  /** As the provider reports it. */
  readonly usage: object;
  /** What the answer says of its tier. */
  readonly servedTier?: string;
  readonly askedTier?: string;
  /** Who asks; acme unless said. */
  readonly as?: keyof typeof secrets;
  /** undefined: it is quarantined for this reason. */
  readonly amount?: string;
  readonly reason?: RegExp;
  /** What beta agreed on. */
  readonly contract?: string;
}

const sonnet = 'input: "3.00", cacheRead: "0.30", cacheWrite5m: "3.75", cacheWrite1h: "6.00", output: "15.00"';
const sonnetLong = '{ input: "6.00", cacheRead: "0.60", cacheWrite5m: "7.50", cacheWrite1h: "12.00", output: "22.50" }';
const tier = (op: string, size: number, rates: string) =>
  `{ measure: inputTotal, op: ${op}, size: ${size}, rates: ${rates} }`;
const mini = 'input: "0.25", cacheRead: "0.025", output: "2.00"';
const gemini = `input: "1.25", cacheRead: "0.125", output: "10.00", tiers: [ ${tier('gt', 200_000, '{ input: "2.50", cacheRead: "0.25", output: "15.00" }')} ]`;
const tiered =
  'input: "2.50", output: "15.00", serviceTiers: { priority: { rates: { input: "5.00", output: "30.00" } }, flex: { multiplier: "0.5" } }';
const flash = 'input: "0.30", cacheRead: "0.03", inputAudio: "1.00", output: "2.50"';
const writes = (input: number, read: number, five: number, hour: number, output: number) => ({
  input_tokens: input,
  cache_read_input_tokens: read,
  cache_creation_input_tokens: five + hour,
  cache_creation: { ephemeral_5m_input_tokens: five, ephemeral_1h_input_tokens: hour },
  output_tokens: output,
});
const chat = (input: number, output: number, details: object = {}, outputDetails: object = {}) => ({
  prompt_tokens: input,
  completion_tokens: output,
  total_tokens: input + output,
  prompt_tokens_details: details,
  completion_tokens_details: outputDetails,
});

/** Amounts were worked out by hand: tokens × rate ÷ 10⁶, added up. */
const cases: readonly Case[] = [
  // Cache writes are outside of input_tokens and billed once: 9 + 46,140 + 8,250 millionths.
  {
    what: 'cache writes beside the input',
    api: 'messages',
    rates: sonnet,
    usage: { input_tokens: 3, cache_creation_input_tokens: 12_304, cache_read_input_tokens: 0, output_tokens: 550 },
    amount: '0.054399',
  },
  {
    what: 'writes of both lifetimes and reads',
    api: 'messages',
    rates: sonnet,
    usage: writes(7, 500, 1_000, 2_000, 11),
    amount: '0.016086',
  },
  {
    what: 'writes for an hour alone',
    api: 'messages',
    rates: sonnet,
    usage: writes(0, 0, 0, 1, 0),
    amount: '0.000006',
  },
  { what: 'nothing at all', api: 'messages', rates: sonnet, usage: writes(0, 0, 0, 0, 0), amount: '0' },
  {
    what: 'lifetimes that do not add up',
    api: 'messages',
    rates: sonnet,
    usage: { ...writes(1, 0, 5, 5, 1), cache_creation_input_tokens: 11 },
    reason: /add up|lifetimes|cache_creation/,
  },
  {
    what: 'a write for an hour where it has no price',
    api: 'messages',
    rates: 'input: "3", cacheRead: "0.3", cacheWrite5m: "3.75", output: "15"',
    usage: writes(1, 0, 0, 1, 1),
    reason: /no rate for cacheWrite1h/,
  },
  // 200,000 of input in all: read, written and new together.
  {
    what: 'a tier from its size on, met exactly by input, reads and writes for an hour',
    api: 'messages',
    rates: `${sonnet}, tiers: [ ${tier('gte', 200_000, sonnetLong)} ]`,
    usage: writes(100_000, 50_000, 0, 50_000, 10),
    amount: '1.230225',
  },
  {
    what: 'the same one token below',
    api: 'messages',
    rates: `${sonnet}, tiers: [ ${tier('gte', 200_000, sonnetLong)} ]`,
    usage: writes(99_999, 50_000, 0, 50_000, 10),
    amount: '0.615147',
  },
  {
    what: 'a tier above its size, met exactly',
    api: 'messages',
    rates: `${sonnet}, tiers: [ ${tier('gt', 200_000, sonnetLong)} ]`,
    usage: writes(100_000, 50_000, 0, 50_000, 10),
    amount: '0.61515',
  },
  {
    what: 'the same one token above',
    api: 'messages',
    rates: `${sonnet}, tiers: [ ${tier('gt', 200_000, sonnetLong)} ]`,
    usage: writes(100_001, 50_000, 0, 50_000, 10),
    amount: '1.230231',
  },
  {
    what: 'the largest of two tiers that are passed',
    api: 'chat',
    rates: `input: "1", output: "1", tiers: [ ${tier('gte', 200, '{ input: "7", output: "9" }')}, ${tier('gt', 100, '{ input: "3", output: "4" }')} ]`,
    usage: chat(200, 10),
    amount: '0.00149',
  },
  {
    what: 'the smaller of two tiers where only it is passed',
    api: 'chat',
    rates: `input: "1", output: "1", tiers: [ ${tier('gte', 200, '{ input: "7", output: "9" }')}, ${tier('gt', 100, '{ input: "3", output: "4" }')} ]`,
    usage: chat(199, 10),
    amount: '0.000637',
  },
  {
    what: 'searches beside tokens',
    api: 'messages',
    rates: `${sonnet}, tool.webSearch: { amount: "10", per: 1000 }`,
    usage: { ...writes(1_000, 0, 0, 0, 100), server_tool_use: { web_search_requests: 3 } },
    amount: '0.0345',
  },
  {
    what: 'searches without a price',
    api: 'messages',
    rates: sonnet,
    usage: { ...writes(1_000, 0, 0, 0, 100), server_tool_use: { web_search_requests: 3 } },
    reason: /no rate for tool\.webSearch/,
  },
  // Cached and reasoning tokens are parts, not additions.
  {
    what: 'cached and reasoning tokens inside',
    api: 'chat',
    rates: mini,
    usage: chat(10_000, 1_000, { cached_tokens: 8_000 }, { reasoning_tokens: 600 }),
    amount: '0.0027',
  },
  {
    what: 'reasoning with a rate of its own',
    api: 'chat',
    rates: `${mini}, reasoning: "3"`,
    usage: chat(10_000, 1_000, { cached_tokens: 8_000 }, { reasoning_tokens: 600 }),
    amount: '0.0033',
  },
  {
    what: 'reasoning that is free',
    api: 'chat',
    rates: `${mini}, reasoning: "0"`,
    usage: chat(10_000, 1_000, { cached_tokens: 8_000 }, { reasoning_tokens: 600 }),
    amount: '0.0015',
  },
  {
    what: 'more cached than there is',
    api: 'chat',
    rates: mini,
    usage: chat(10, 1, { cached_tokens: 11 }),
    reason: /cached/,
  },
  {
    what: 'a total that is another',
    api: 'chat',
    rates: mini,
    usage: { ...chat(10, 1), total_tokens: 12 },
    reason: /add up|total/,
  },
  {
    what: 'reads without a price',
    api: 'chat',
    rates: 'input: "1", output: "1"',
    usage: chat(10, 1, { cached_tokens: 5 }),
    reason: /no rate for cacheRead/,
  },
  // The whole prompt picks the tier of every token, also those of the answer.
  {
    what: 'a long prompt, most of it cached',
    api: 'chat',
    rates: gemini,
    usage: chat(262_960, 1_744, { cached_tokens: 257_955 }),
    amount: '0.10316125',
  },
  {
    what: 'a prompt as long as the tier, all of it cached',
    api: 'chat',
    rates: gemini,
    usage: chat(200_000, 1, { cached_tokens: 200_000 }),
    amount: '0.02501',
  },
  {
    what: 'a prompt one longer, all of it cached',
    api: 'chat',
    rates: gemini,
    usage: chat(200_001, 1, { cached_tokens: 200_001 }),
    amount: '0.05001525',
  },
  // What was served counts, not what was asked for.
  {
    what: 'priority asked, default served',
    api: 'chat',
    rates: tiered,
    usage: chat(1_000, 500),
    askedTier: 'priority',
    servedTier: 'default',
    amount: '0.01',
  },
  {
    what: 'priority asked and served',
    api: 'chat',
    rates: tiered,
    usage: chat(1_000, 500),
    askedTier: 'priority',
    servedTier: 'priority',
    amount: '0.02',
  },
  {
    what: 'nothing asked, priority served',
    api: 'chat',
    rates: tiered,
    usage: chat(1_000, 500),
    servedTier: 'priority',
    amount: '0.02',
  },
  {
    what: 'priority asked, nothing said',
    api: 'chat',
    rates: tiered,
    usage: chat(1_000, 500),
    askedTier: 'priority',
    amount: '0.02',
  },
  {
    what: 'flex served, at half',
    api: 'chat',
    rates: tiered,
    usage: chat(1_000, 500),
    servedTier: 'flex',
    amount: '0.005',
  },
  {
    what: 'a tier without a price served',
    api: 'chat',
    rates: tiered,
    usage: chat(1_000, 500),
    servedTier: 'turbo',
    reason: /turbo/,
  },
  // Audio has its own rate; what is cached of it is cached.
  {
    what: 'audio in the input',
    api: 'chat',
    rates: flash,
    usage: chat(3_000, 500, { audio_tokens: 2_000 }, { reasoning_tokens: 300 }),
    amount: '0.00355',
  },
  {
    what: 'audio and cached tokens that overlap',
    api: 'chat',
    rates: flash,
    usage: chat(1_000, 100, { cached_tokens: 800, audio_tokens: 600 }),
    amount: '0.000474',
  },
  {
    what: 'audio without a price',
    api: 'chat',
    rates: mini,
    usage: chat(10, 1, { audio_tokens: 1 }),
    reason: /no rate for inputAudio/,
  },
  {
    what: 'audio in the answer',
    api: 'chat',
    rates: 'input: "1", output: "10", outputAudio: "20"',
    usage: chat(10, 100, {}, { audio_tokens: 40 }),
    amount: '0.00141',
  },
  {
    what: 'images with a rate of their own',
    api: 'chat',
    rates: 'input: "0.30", inputImage: "2", output: "1"',
    usage: chat(1_000, 0, { image_tokens: 500 }),
    amount: '0.00115',
  },
  {
    what: 'images that are input like any',
    api: 'chat',
    rates: 'input: "0.30", output: "1"',
    usage: chat(1_000, 0, { image_tokens: 500 }),
    amount: '0.0003',
  },
  {
    what: 'the smallest amount there is',
    api: 'chat',
    rates: 'input: "0.000000000001", output: "1"',
    usage: chat(1, 0),
    amount: '0.000000000000000001',
  },
  {
    what: 'as many tokens as a number counts',
    api: 'chat',
    rates: 'input: "1.25", output: "1"',
    usage: chat(9_007_199_254_740_991, 0, {}),
    amount: '11258999068.42623875',
  },
  {
    what: 'half a token',
    api: 'chat',
    rates: mini,
    usage: { prompt_tokens: 1.5, completion_tokens: 1 },
    reason: /prompt_tokens/,
  },
  {
    what: 'less than no tokens',
    api: 'chat',
    rates: mini,
    usage: { prompt_tokens: -1, completion_tokens: 1 },
    reason: /prompt_tokens/,
  },
  {
    what: 'a price for each request',
    api: 'chat',
    rates: 'input: "1", output: "1", request: "5000"',
    usage: chat(10, 1),
    amount: '0.005011',
  },
  // A contract wins over the list, tier and all; what it does not name follows the list.
  {
    what: 'the list price of who agreed on nothing',
    api: 'chat',
    rates: tiered,
    contract:
      '{ input: "2", output: "12", serviceTiers: { priority: { rates: { input: "4", output: "24" } }, flex: { multiplier: "0.25" } } }',
    usage: chat(1_000, 500),
    servedTier: 'priority',
    amount: '0.02',
  },
  {
    what: 'the contract’s price of the tier that was served',
    api: 'chat',
    rates: tiered,
    contract:
      '{ input: "2", output: "12", serviceTiers: { priority: { rates: { input: "4", output: "24" } }, flex: { multiplier: "0.25" } } }',
    usage: chat(1_000, 500),
    servedTier: 'priority',
    as: 'beta',
    amount: '0.016',
  },
  {
    what: 'the contract’s own half of a half',
    api: 'chat',
    rates: tiered,
    contract:
      '{ input: "2", output: "12", serviceTiers: { priority: { rates: { input: "4", output: "24" } }, flex: { multiplier: "0.25" } } }',
    usage: chat(1_000, 500),
    servedTier: 'flex',
    as: 'beta',
    amount: '0.002',
  },
];

/** Prices that depend on everything at once, and that change at midnight. */
const grid = `{ input: "2", cacheRead: "0.2", output: "10",
        tiers: [ ${tier('gt', 272_000, '{ input: "4", cacheRead: "0.4", output: "15" }')} ],
        modes: { batch: { multiplier: "0.5", serviceTiers: { priority: { multiplier: "1.5" } } } },
        serviceTiers: { priority: { multiplier: "2" } },
        regions: { eu: { multiplier: "1.1" } } }`;

let provider: Server;
let broken: Server;
let carrier: Carrier;
/** All are asked at once, so that the shipper is waited for once. */
let exchangeIds: readonly string[] = [];

before(async () => {
  provider = await listen((request, response) => void answer(request, response));
  broken = await listen((request, response) => void breakOff(request, response));
  const urlOf = (server: Server) => `http://127.0.0.1:${(server.address() as { port: number }).port}`; // true: it listens on TCP
  const rows = cases.map(({ rates }, index) => `      v/c${index}: { ${rates} }`).join('\n');
  const contracts = cases.flatMap(({ contract }, index) =>
    contract === undefined ? [] : [`        v/c${index}: ${contract}`],
  );
  carrier = await startCarrier({
    yaml: `
providers:
  chat: { dialect: openai-chat, baseUrl: "${urlOf(provider)}/v1", credential: env:PLANT_KEY }
  messages: { dialect: anthropic-messages, baseUrl: "${urlOf(provider)}", credential: env:PLANT_KEY }
  broken: { dialect: anthropic-messages, baseUrl: "${urlOf(broken)}", credential: env:PLANT_KEY }
deployments:
${cases.map(({ api }, index) => `  c${index}: { provider: ${api}, model: v/c${index} }`).join('\n')}
  grid: { provider: chat, model: v/grid }
  failing: { provider: broken, model: v/failing }
  sound: { provider: messages, model: v/sound }
prices:
  sell:
    currency: USD
    rates:
${rows}
      v/grid: ${grid}
      v/failing: { input: "1.50", output: "9.00" }
      v/sound: { input: "5.00", output: "25.00" }
    scheduled:
      - { from: 2099-01-01T00:00:00Z, rates: { v/sound: { input: "3.00", output: "15.00" } } }
  buy:
    currency: USD
    rates:
${rows}
      v/grid: ${grid}
      v/failing: { input: "1.50", output: "9.00" }
      v/sound: { input: "5.00", output: "25.00" }
  contracts:
    beta:
      rates:
${contracts.join('\n')}
        v/sound: { input: "4.00", output: "20.00" }
routes:
  falling-back: { candidates: [ { deployment: failing }, { deployment: sound, priority: 2 } ], retries: 1 }
organisations:
  acme: { projects: { web: { keys: { ci: { secret: env:ACME_KEY } } } } }
  beta: { projects: { web: { keys: { ci: { secret: env:BETA_KEY } } } } }
`,
    env: { PLANT_KEY: 'plant', ACME_KEY: secrets.acme, BETA_KEY: secrets.beta },
  });
  exchangeIds = await Promise.all(cases.map((each, index) => ask(each, `v/c${index}`)));
});
after(() => {
  provider.close();
  broken.close();
});

suite('from a provider’s usage to what is owed, to the last digit', () => {
  cases.forEach((each, index) => {
    test(`${each.what} ${each.amount === undefined ? 'is quarantined' : `costs ${each.amount}`}`, async () => {
      const shown = await exchange(exchangeIds[index]!);

      if (each.amount === undefined) {
        assert.deepEqual([shown.status, shown.sell], ['quarantined', null]);
        assert.match(shown.reading.quarantine, each.reason!);
      } else {
        assert.equal(shown.status, 'settled', shown.reading.quarantine);
        assert.equal(shown.sell.amount, each.amount);
        if (each.as === undefined) assert.equal(shown.attempts[0].buy.amount, each.amount);
      }
    });
  });

  test('a provider that dies half-way is paid for, its customer pays who answered, and the margin says so', async () => {
    const id = await ask({ api: 'messages', askedTier: undefined, as: 'acme' }, 'falling-back', true);

    const shown = await exchange(id);
    // 400 × 1.5 + 15,000 × 9, and 400 × 5 + 900 × 25 millionths.
    assert.deepEqual(
      shown.attempts.map((attempt: { deployment: string; outcome: string; buy: { amount: string } }) => [
        attempt.deployment,
        attempt.outcome === 'ok',
        attempt.buy.amount,
      ]),
      [
        ['failing', false, '0.1356'],
        ['sound', true, '0.0245'],
      ],
    );
    assert.equal(shown.sell.amount, '0.0245');
    const [row] = await until('the margin is in the report', async () => {
      const { json } = await carrier.api('GET', '/api/v1/reports/margin?route=falling-back');
      return json.rows.length > 0 ? json.rows : undefined;
    });
    assert.deepEqual(
      [row.revenue, row.cogs, row.failedAttempts, row.margin],
      ['0.0245', '0.0245', '0.1356', '-0.1356'],
    );
    const { json } = await carrier.api('GET', '/api/v1/ledger/accounts?account=cogs:failed_attempt');
    assert.equal(json.items[0].balance, '0.1356');
  });

  for (const { what, body, sell } of [
    { what: 'by list', body: {}, sell: '0.123' },
    { what: 'in a batch', body: { mode: 'batch' }, sell: '0.0615' },
    { what: 'of the priority tier', body: { serviceTier: 'priority' }, sell: '0.246' },
    { what: 'in a region', body: { region: 'eu' }, sell: '0.1353' },
    { what: 'in a region without a row', body: { region: 'us' }, sell: undefined },
    { what: 'in a batch of the priority tier', body: { mode: 'batch', serviceTier: 'priority' }, sell: '0.09225' },
    { what: 'of a tier without a row', body: { serviceTier: 'turbo' }, sell: undefined },
    {
      what: 'just within the lower tier',
      body: { usage: { input: 1_000, cacheRead: 271_000, output: 100 } },
      sell: '0.0572',
    },
    { what: 'just above it', body: { usage: { input: 1_001, cacheRead: 271_000, output: 100 } }, sell: '0.113904' },
    {
      what: 'above it, in a batch',
      body: { mode: 'batch', usage: { input: 1_001, cacheRead: 271_000, output: 100 } },
      sell: '0.056952',
    },
    {
      what: 'above it, in a region',
      body: { region: 'eu', usage: { input: 1_001, cacheRead: 271_000, output: 100 } },
      sell: '0.1252944',
    },
  ]) {
    test(`a quote ${what}: ${sell ?? 'no price'}`, async () => {
      // 10,000 × 2 + 15,000 × 0.2 + 10,000 × 10 millionths, unless said.
      const usage = { input: 10_000, cacheRead: 15_000, output: 10_000 };
      const { json, text } = await carrier.api('POST', '/api/v1/prices/quote', { deployment: 'grid', usage, ...body });
      assert.equal(json.quotes[0].sell.amount, sell, text);
    });
  }

  test('a price that changes at midnight changes for the list to the millisecond, and not for who agreed on another', async () => {
    const quoted: string[] = [];
    for (const at of ['2098-12-31T23:59:59.999Z', '2099-01-01T00:00:00.000Z', '2099-01-01T00:59:59.999+01:00']) {
      for (const organisation of ['acme', 'beta']) {
        const body = { deployment: 'sound', usage: { input: 1_000_000, output: 100_000 }, at, organisation };
        quoted.push((await carrier.api('POST', '/api/v1/prices/quote', body)).json.quotes[0].sell.amount);
      }
    }
    assert.deepEqual(quoted, ['7.5', '6', '4.5', '6', '7.5', '6']);
  });

  test('the ledger keeps all its rules after it', async () => {
    const { code, stdout } = await carrier.command('ledger', 'check', '--full');
    assert.equal(code, 0, stdout);
  });
});

async function ask(
  { api, askedTier, as = 'acme' }: Pick<Case, 'api' | 'askedTier' | 'as'>,
  model: string,
  stream = false,
) {
  const response = await sendBytes(carrier.url, {
    path: api === 'chat' ? '/v1/chat/completions' : '/v1/messages',
    headers: { authorization: `Bearer ${secrets[as]}`, 'content-type': 'application/json' },
    body: JSON.stringify({
      model,
      max_tokens: 100,
      stream,
      service_tier: askedTier,
      messages: [{ role: 'user', content: 'Hello' }],
    }),
  });
  assert.equal(response.status, 200, response.body.toString());
  return String(response.headers['x-carrier-exchange-id']);
}

function exchange(id: string) {
  return until(`exchange ${id} is in the ledger`, async () => {
    const { status, json } = await carrier.api('GET', `/api/v1/exchanges/${id}`);
    return status === 200 ? json : undefined;
  });
}

function listen(handle: (request: IncomingMessage, response: ServerResponse) => void): Promise<Server> {
  const server = createServer(handle);
  return new Promise(resolve => server.listen(0, '127.0.0.1', () => resolve(server)));
}

async function bodyOf(request: IncomingMessage): Promise<{ readonly model: string; readonly stream?: boolean }> {
  let text = '';
  for await (const chunk of request) text += chunk;
  return JSON.parse(text);
}

const message = { id: 'msg_1', type: 'message', role: 'assistant', model: 'm', content: [], stop_reason: null };

/** Answers with the usage of the case that the model's name numbers. */
async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { model, stream } = await bodyOf(request);
  if (stream === true) {
    response.setHeader('content-type', 'text/event-stream');
    response.end(
      events(
        { type: 'message_start', message: { ...message, usage: { input_tokens: 400, output_tokens: 1 } } },
        { type: 'content_block_start', index: 0, content_block: { type: 'text', text: '' } },
        { type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text: 'hi' } },
        { type: 'content_block_stop', index: 0 },
        { type: 'message_delta', delta: { stop_reason: 'end_turn' }, usage: { output_tokens: 900 } },
        { type: 'message_stop' },
      ),
    );
    return;
  }
  const { api, usage, servedTier } = cases[Number(model.slice(1))]!; // true: only models of cases are asked for so
  response.setHeader('content-type', 'application/json');
  const text = { type: 'text', text: 'hi' };
  response.end(
    JSON.stringify(
      api === 'chat'
        ? {
            id: 'c',
            object: 'chat.completion',
            created: 1,
            model: 'm',
            service_tier: servedTier,
            choices: [{ index: 0, message: { role: 'assistant', content: 'hi' }, finish_reason: 'stop' }],
            usage,
          }
        : { ...message, content: [text], stop_reason: 'end_turn', usage: { ...usage, service_tier: servedTier } },
    ),
  );
}

/** Says that it used 15,000 tokens of output and breaks off before the first of them. */
async function breakOff(request: IncomingMessage, response: ServerResponse): Promise<void> {
  await bodyOf(request);
  response.setHeader('content-type', 'text/event-stream');
  const said = events(
    { type: 'message_start', message: { ...message, usage: { input_tokens: 400, output_tokens: 1 } } },
    { type: 'message_delta', delta: { stop_reason: null }, usage: { output_tokens: 15_000 } },
  );
  response.write(said, () => response.destroy());
}

function events(...all: readonly { readonly type: string; readonly [field: string]: unknown }[]): string {
  return all.map(event => `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`).join('');
}
