import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type Emulator, startEmulator } from '../../src/emulator/emulator.ts';
import { dialectPaths, type FixtureDialect, fixtureDialects, readFixtures } from '../scenarios/support/fixtures.ts';
import { hearStream } from '../scenarios/support/hear-stream.ts';
import { sendBytes } from '../scenarios/support/send-bytes.ts';
import { type Carrier, startCarrier } from '../scenarios/support/start-carrier.ts';
import { until } from '../scenarios/support/until.ts';

const key = 'acme-secret-acme-secret-acme-secret-0';
/** Every cut would take over two minutes; a prime step meets every kind of place in every kind of event. */
const cutStep = 3;

let emulator: Emulator;
let carrier: Carrier;
let asked = 0;

before(async () => {
  emulator = await startEmulator({ record: false });
  carrier = await startCarrier({
    yaml: `
providers:
  openai-chat: { dialect: openai-chat, baseUrl: "${emulator.url}/v1", credential: env:PLANT_KEY }
  anthropic-messages: { dialect: anthropic-messages, baseUrl: "${emulator.url}", credential: env:PLANT_KEY }
deployments:
  openai-chat-1: { provider: openai-chat, model: acme/openai-chat }
  anthropic-messages-1: { provider: anthropic-messages, model: acme/anthropic-messages }
prices:
  sell: { currency: USD, rates: { acme/*: { input: "1", cacheRead: "1", cacheWrite5m: "1", cacheWrite1h: "1", output: "1" } } }
  buy: { currency: USD, rates: { acme/*: { input: "1", cacheRead: "1", cacheWrite5m: "1", cacheWrite1h: "1", output: "1" } } }
routes:
  openai-chat: { candidates: [ { deployment: openai-chat-1 } ], retries: 0 }
  anthropic-messages: { candidates: [ { deployment: anthropic-messages-1 } ], retries: 0 }
organisations:
  acme: { projects: { web: { keys: { ci: { secret: env:ACME_KEY } } } } }
`,
    env: { PLANT_KEY: 'plant', ACME_KEY: key },
  });
});
after(() => emulator.stop());

function ask(client: FixtureDialect, provider: FixtureDialect) {
  asked += 1;
  return sendBytes(carrier.url, {
    path: dialectPaths[client],
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    body: `{"model":"${provider}","max_tokens":50,"stream":true,"messages":[{"role":"user","content":"Hello"}]}`,
  });
}

for (const provider of fixtureDialects) {
  for (const client of fixtureDialects) {
    test(`whatever stream of ${provider} is cut wherever, a client of ${client} hears one end or one error`, async () => {
      for (const { name, bytes } of readFixtures(provider, 'streams')) {
        for (let cut = 0; cut <= bytes.length; cut += cutStep) {
          emulator.replay({
            status: 200,
            headers: ['content-type', 'text/event-stream'],
            body: bytes.subarray(0, cut),
            streamed: true,
          });

          const answer = await ask(client, provider);

          const where = `${name} cut at ${cut}: ${answer.body}`;
          assert.ok(answer.ended, where);
          if (answer.status === 200) {
            const { ends, errors } = hearStream(client, answer.body);
            assert.equal(ends + errors, 1, where);
            if (ends === 1) assert.ok(cut >= bytes.lastIndexOf(client === provider ? 'data:' : '\n\n'), where);
          } else {
            assert.match(String(answer.headers['x-carrier-fault']), /^upstream_/, where);
          }
        }
      }
    });
  }
}

test('all of these exchanges are in the ledger, once', async () => {
  const requests = await until(
    'as many are booked as were asked',
    async () => {
      const { json } = await carrier.api('GET', '/api/v1/usage?by=project');
      const count = json.rows.reduce((sum: number, row: { requests: number }) => sum + row.requests, 0);
      return count >= asked ? count : undefined;
    },
    60_000,
  );
  assert.equal(requests, asked);
});
