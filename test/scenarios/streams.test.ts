import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import { type Emulator, startEmulator } from '../../src/emulator/emulator.ts';
import { dialectPaths, type FixtureDialect, fixtureDialects } from './support/fixtures.ts';
import { claimFreePort } from './support/free-port.ts';
import { hearStream } from './support/hear-stream.ts';
import { type BytesAnswer, sendBytes } from './support/send-bytes.ts';
import { type Carrier, startCarrier } from './support/start-carrier.ts';
import { until } from './support/until.ts';

const key = 'acme-secret-acme-secret-acme-secret-0';
const dialectOf = { chat: 'openai-chat', messages: 'anthropic-messages' } as const;
type Provider = keyof typeof dialectOf;
const providers = ['chat', 'messages'] as const;

/** What the first deployment of a route does before anything of its answer is worth showing. */
const faults = [
  'status=500',
  'status=500;as=html',
  'status=502;as=empty',
  'status=503',
  'status=529',
  'status=401',
  'status=429',
  'status=429;retry-after=30',
  'status=429;retry-after=http-date(+30s)',
  'status=429;retry-after-ms=30000',
  'status=429;retry-after=0',
  'reset',
  'hang',
  'ttfb=5s',
  'cut-after=0',
  'end-after=0',
  'reset-after=0',
  'error-after=0',
  'malformed-after=0',
] as const;
/** The same for streams, some of which have begun without content by then. */
const openedFaults = ['cut-after=3', 'error-after=3', 'malformed-after=3'];
const streamFaults = [
  ...openedFaults,
  'hang-after=0',
  'cut-after=1',
  'end-after=1',
  'reset-after=1',
  'error-after=1',
  'malformed-after=1',
];
const refused = 'refused';
const allFaults = [...faults, ...streamFaults, refused];
/** Waits that the first deployment asks for in one of these forms are kept. */
const waits = new Set([
  'status=429;retry-after=30',
  'status=429;retry-after=http-date(+30s)',
  'status=429;retry-after-ms=30000',
]);

let failing: Emulator;
let sound: Emulator;
let carrier: Carrier;

before(async () => {
  failing = await startEmulator();
  sound = await startEmulator();
  const closedPort = await claimFreePort();
  const account = (name: string, dialect: string, url: string) =>
    `  ${name}: { dialect: ${dialect}, baseUrl: "${url}/v1", credential: env:PLANT_KEY }`;
  const accounts = providers.flatMap(provider => [
    account(`failing-${provider}`, dialectOf[provider], failing.url),
    account(`sound-${provider}`, dialectOf[provider], sound.url),
    account(`closed-${provider}`, dialectOf[provider], `http://127.0.0.1:${closedPort}`),
  ]);
  // A first deployment for each fault, since one that asks for a wait is left alone by later requests too.
  const firsts = providers.flatMap(provider =>
    allFaults.map((fault, index) => {
      const from = fault === refused ? 'closed' : 'failing';
      return `  ${provider}-${index}: { provider: ${from}-${provider}, model: acme/${provider}-${index} }`;
    }),
  );
  const routes = providers.flatMap(first =>
    providers.flatMap(second =>
      allFaults.map(
        (_, index) =>
          `  ${first}-${index}-${second}: { candidates: [ { deployment: ${first}-${index} }, { deployment: sound-${second}, priority: 2 } ], retries: 1, firstByteTimeoutMs: 200, idleTimeoutMs: 300 }`,
      ),
    ),
  );
  carrier = await startCarrier({
    yaml: [
      'providers:',
      ...accounts,
      // Nobody else asks it, so nothing is known of it.
      account('breaking', 'anthropic-messages', failing.url),
      'deployments:',
      ...firsts,
      ...providers.map(
        provider => `  well-${provider}: { provider: failing-${provider}, model: acme/well-${provider} }`,
      ),
      '  breaking: { provider: breaking, model: acme/breaking }',
      ...providers.map(provider => `  sound-${provider}: { provider: sound-${provider}, model: acme/${provider} }`),
      'prices:',
      ...['sell', 'buy'].map(
        book =>
          `  ${book}: { currency: USD, rates: { acme/*: { input: "1", cacheRead: "1", cacheWrite5m: "1", cacheWrite1h: "1", output: "1" } } }`,
      ),
      'routes:',
      ...routes,
      ...providers.map(
        provider =>
          `  once-well-${provider}: { candidates: [ { deployment: well-${provider} }, { deployment: sound-${provider}, priority: 2 } ], retries: 1, firstByteTimeoutMs: 200, idleTimeoutMs: 300 }`,
      ),
      ...providers.map(
        provider =>
          `  once-${provider}: { candidates: [ { deployment: sound-${provider} } ], retries: 0, idleTimeoutMs: 300 }`,
      ),
      '  resuming: { candidates: [ { deployment: breaking }, { deployment: sound-messages, priority: 2 } ], onFailure: restart, holdBack: { tokens: 1, ms: 50 } }',
      'organisations:',
      '  acme: { projects: { web: { keys: { ci: { secret: env:ACME_KEY } } } } }',
      '',
    ].join('\n'),
    env: { PLANT_KEY: 'plant', ACME_KEY: key },
  });
});
after(async () => {
  await failing.stop();
  await sound.stop();
});
beforeEach(() => {
  for (const emulator of [failing, sound]) {
    emulator.clearRequests();
    emulator.replaceRules([]);
    emulator.replay(undefined);
  }
});

let asked = 0;

function ask(client: FixtureDialect, route: string, stream: boolean): Promise<BytesAnswer> {
  asked += 1;
  return sendBytes(carrier.url, {
    path: dialectPaths[client],
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    body: JSON.stringify({
      model: route,
      max_tokens: 50,
      stream,
      messages: [{ role: 'user', content: 'Say exactly: Grüße an alle' }],
    }),
  });
}

function textOf(client: FixtureDialect, body: Buffer): string {
  const answer = JSON.parse(body.toString());
  return client === 'openai-chat' ? answer.choices[0].message.content : answer.content[0].text;
}

/** Every client and every second provider. */
const askers = fixtureDialects.flatMap(client => providers.map(second => ({ client, second })));

for (const first of providers) {
  test(`nobody notices when a ${first} provider fails before its content and another one answers`, async () => {
    for (const [index, fault] of allFaults.entries()) {
      // The third event of a chat stream is content already; of a message, the first three open what is still empty.
      if (first === 'chat' && openedFaults.includes(fault)) continue;
      await healFailing(first);
      failing.replaceRules(fault === refused ? [] : [fault]);
      for (const stream of streamFaults.includes(fault) ? [true] : [false, true]) {
        const answers = await Promise.all(
          askers.map(({ client, second }) => ask(client, `${first}-${index}-${second}`, stream)),
        );

        for (const [asker, { client, second }] of askers.entries()) {
          const name = `${fault}${stream ? ', streamed,' : ''} to ${client}`;
          const { status, headers, body } = answers[asker]!;
          assert.equal(status, 200, `${name}: ${body}`);
          assert.equal(headers['x-carrier-deployment'], `sound-${second}`, name);
          const heard = stream ? hearStream(client, body) : { text: textOf(client, body), ends: 1, errors: 0 };
          assert.deepEqual(heard, { text: 'Grüße an alle', ends: 1, errors: 0 }, name);
          // Whoever refuses our credential is put aside as soon as all workers know, which may be now.
          if (fault === 'status=401') continue;
          // Whoever asked for a wait is left alone by the second round.
          if (!waits.has(fault)) assert.equal(headers['x-carrier-attempts'], '2', name);
          else if (stream) assert.equal(headers['x-carrier-attempts'], '1', name);
        }
      }
    }
  });
}

/** A neighbour that answers acquits what the failing ones share, so that only single failures are seen here. */
async function healFailing(provider: Provider): Promise<void> {
  failing.replaceRules([]);
  const answers = await Promise.all(
    Array.from({ length: 16 }, () => ask('openai-chat', `once-well-${provider}`, false)),
  );
  assert.equal(answers[0]!.headers['x-carrier-deployment'], `well-${provider}`);
}

/** After content, whatever happens, the answer is the first deployment's and has no end. */
const lateFaults = ['error-after=6', 'cut-after=6', 'end-after=6', 'reset-after=6', 'hang-after=6'];

for (const client of fixtureDialects) {
  for (const provider of providers) {
    test(`a client of ${client} hears one error and no end when a ${provider} provider breaks off after content`, async () => {
      for (const fault of lateFaults) {
        await healFailing(provider);
        failing.replaceRules([`${fault};pace=5ms`]);

        const answer = await ask(client, `once-well-${provider}`, true);

        const heard = hearStream(client, answer.body);
        assert.equal(answer.status, 200, fault);
        assert.equal(answer.headers['x-carrier-attempts'], '1', fault);
        assert.deepEqual([heard.ends, heard.errors], [0, 1], `${fault}: ${answer.body}`);
        assert.ok('Grüße an alle'.startsWith(heard.text) && heard.text.length >= 4, `${fault}: ${heard.text}`);
        assert.equal(sound.stats().answersOpen, 0);
      }
      assert.equal(sound.requests().length, 0);
    });
  }
}

test('a route that restarts broken streams does, and its exchange says so, charged once', async () => {
  failing.replaceRules(['end-after=6']);

  const answer = await ask('openai-chat', 'resuming', true);

  // Who does not know the announcement reads both.
  assert.deepEqual(hearStream('openai-chat', answer.body), { text: 'Grüße an aGrüße an alle', ends: 1, errors: 0 });
  assert.equal(answer.body.toString().split('"carrier":{"restart"').length, 2);
  const exchange = await until('the exchange is booked', async () => {
    const { status, json } = await carrier.api('GET', `/api/v1/exchanges/${answer.headers['x-carrier-exchange-id']}`);
    return status === 200 ? json : undefined;
  });
  assert.deepEqual(
    exchange.attempts.map(({ deployment, outcome }: { deployment: string; outcome: string }) => [deployment, outcome]),
    [
      ['breaking', 'upstream_truncated'],
      ['sound-messages', 'ok'],
    ],
  );
  assert.deepEqual(exchange.losses, [{ action: 'approximated', code: 'answer-restarted', path: 'sound-messages' }]);
  // 7 tokens and 3 of a message in, 4 out, at 1.00 USD per million: the second answer and no more.
  assert.deepEqual([exchange.status, exchange.sell.amount], ['settled', '0.000014']);
});

/** As short as a stream of each can be that has all its kinds of events. */
const streams: Readonly<Record<Provider, string>> = {
  chat: [
    'data: {"id":"c","model":"m","choices":[{"index":0,"delta":{"role":"assistant"}}]}\n\n',
    ': keep\n\n',
    'data: {"id":"c","model":"m","choices":[{"index":0,"delta":{"content":"Grü"}}]}\n\n',
    'data: {"id":"c","model":"m","choices":[{"index":0,"delta":{"content":"ße"},"finish_reason":"stop"}]}\r\n\r\n',
    'data: {"id":"c","model":"m","choices":[],"usage":{"prompt_tokens":9,"completion_tokens":4,"total_tokens":13}}\n\n',
    'data: [DONE]\n\n',
  ].join(''),
  messages: [
    'event: message_start\ndata: {"type":"message_start","message":{"id":"m","model":"m","content":[],"usage":{"input_tokens":9,"output_tokens":1}}}\n\n',
    'event: content_block_start\ndata: {"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}\n\n',
    'event: content_block_delta\ndata: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"Grüße"}}\r\n\r\n',
    'event: content_block_stop\ndata: {"type":"content_block_stop","index":0}\n\n',
    'event: message_delta\ndata: {"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":4}}\n\n',
    'event: message_stop\ndata: {"type":"message_stop"}\n\n',
  ].join(''),
};

for (const client of fixtureDialects) {
  for (const provider of providers) {
    test(`cut at any byte, the stream of a ${provider} provider has one end or one error for a client of ${client}`, async () => {
      const whole = Buffer.from(streams[provider]);
      // The terminal event counts from its last letter on; what it lacks then is a blank line.
      const endAt = whole.length - 2;
      // Before the first content nothing is promised yet, so the refusal still has a status.
      const contentAt = whole.indexOf('\n', whole.indexOf('Gr'));
      for (let cut = 0; cut <= whole.length; cut += 1) {
        sound.replay({
          status: 200,
          headers: ['content-type', 'text/event-stream'],
          body: whole.subarray(0, cut),
          streamed: true,
        });

        const answer = await ask(client, `once-${provider}`, true);

        if (answer.status === 200) {
          const heard = hearStream(client, answer.body);
          const isWhole = cut >= endAt;
          assert.deepEqual([heard.ends, heard.errors], isWhole ? [1, 0] : [0, 1], `cut at ${cut}: ${answer.body}`);
          assert.ok(isWhole ? heard.text === 'Grüße' : 'Grüße'.startsWith(heard.text), `cut at ${cut}: ${heard.text}`);
        } else {
          assert.equal(answer.headers['x-carrier-fault'], 'upstream_truncated', `cut at ${cut}: ${answer.body}`);
          assert.ok(cut < contentAt, `cut at ${cut}`);
        }
      }
    });
  }
}

test('every one of these exchanges is in the ledger, once', async () => {
  assert.ok(asked > 2_000, `${asked} were asked`);
  const requests = await until('as many are booked as were asked', async () => {
    const { json } = await carrier.api('GET', '/api/v1/usage?by=project');
    const count = json.rows.reduce((sum: number, row: { requests: number }) => sum + row.requests, 0);
    return count >= asked ? count : undefined;
  });
  assert.equal(requests, asked);
});
