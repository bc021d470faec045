import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Pool } from 'undici';
import { type Emulator, startEmulator } from '../../src/emulator/emulator.ts';
import { type Carrier, startCarrier } from '../scenarios/support/start-carrier.ts';
import { until } from '../scenarios/support/until.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';

/** Three times as much is offered. Every answer uses 20 tokens, and about 100 more are expected at first. */
const requestsPerMinute = 1_200;
const tokensPerMinute = 24_000;
const offeredEveryMs = (60_000 / (3 * requestsPerMinute)) * 2;
const requestsKey = 'requests-secret-requests-secret-request';
const tokensKey = 'tokens-secret-tokens-secret-tokens-secr';
const minuteMs = 60_000;

let emulator: Emulator;
let database: TestDatabase;
const carriers: Carrier[] = [];

before(async () => {
  emulator = await startEmulator({ record: false, rules: ['report-input=8;report-output=12;tokens=12'] });
  database = await createTestDatabase();
  const yaml = `
providers:
  openai: { dialect: openai-chat, baseUrl: "${emulator.url}/v1", credential: env:OPENAI_API_KEY }
deployments:
  gpt-5: { provider: openai, model: openai/gpt-5 }
prices:
  sell: { currency: USD, rates: { openai/gpt-5: { input: "1.25", output: "10.00" } } }
  buy: { currency: USD, rates: { openai/gpt-5: { input: "1.25", output: "10.00" } } }
organisations:
  acme:
    projects:
      web:
        keys:
          requests: { secret: env:REQUESTS_KEY, limits: { requestsPerMinute: ${requestsPerMinute} } }
          tokens: { secret: env:TOKENS_KEY, limits: { tokensPerMinute: ${tokensPerMinute} } }
`;
  const env = {
    OPENAI_API_KEY: 'provider-secret',
    REQUESTS_KEY: requestsKey,
    TOKENS_KEY: tokensKey,
    DATABASE_URL: database.url,
    CARRIER_MASTER_KEY: randomBytes(32).toString('base64url'),
  };
  carriers.push(await startCarrier({ workers: 2, yaml, env }));
  for (let more = 0; more < 2; more += 1) carriers.push(await startCarrier({ workers: 2, env }));
});
after(async () => {
  for (const carrier of carriers) await carrier.remove();
  await emulator?.stop();
  await database?.drop();
});

interface WindowAnswer {
  readonly from: string;
  readonly used: number;
  readonly refused: number;
}

async function windowsOf(measure: string): Promise<readonly WindowAnswer[]> {
  const { json } = await carriers[0]!.api('GET', '/api/v1/limits');
  return json.items.find((limit: { measure: string }) => limit.measure === measure).windows;
}

test('offered three times the limits, six workers of three replicas admit all of them and no more', async () => {
  const pools = carriers.map(({ url }) => new Pool(url, { connections: 64 }));
  const outcomes: Readonly<Record<string, Map<string, number>>> = {
    [requestsKey]: new Map(),
    [tokensKey]: new Map(),
  };
  const ask = async (pool: Pool, key: string) => {
    const { headers, body } = await pool.request({
      method: 'POST',
      path: '/v1/chat/completions',
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
      body: JSON.stringify({ model: 'gpt-5', max_completion_tokens: 100, messages: [{ role: 'user', content: 'Hi' }] }),
    });
    await body.dump();
    const outcome = String(headers['x-carrier-fault'] ?? 'ok');
    const counts = outcomes[key]!;
    counts.set(outcome, (counts.get(outcome) ?? 0) + 1);
  };

  // Some of one minute, all of the next, some of a third.
  const startedAtMs = Date.now();
  const wholeFromMs = startedAtMs - (startedAtMs % minuteMs) + minuteMs;
  const open = new Set<Promise<void>>();
  for (let next = 0; Date.now() < wholeFromMs + minuteMs + 5_000; next += 1) {
    for (const key of [requestsKey, tokensKey]) {
      for (let pair = 0; pair < 2; pair += 1) {
        const asked = ask(pools[(next + pair) % 3]!, key).finally(() => open.delete(asked));
        open.add(asked);
      }
    }
    const behindMs = startedAtMs + (next + 1) * offeredEveryMs - Date.now();
    if (behindMs > 0) await sleep(behindMs);
  }
  await Promise.all(open);

  const admitted = outcomes[requestsKey]!.get('ok')!;
  const refused = outcomes[requestsKey]!.get('rate_limited')!;
  const windows = await until('all is counted', async () => {
    const shown = await windowsOf('requestsPerMinute');
    const sum = (field: 'used' | 'refused') => shown.reduce((total, window) => total + window[field], 0);
    return sum('used') === admitted && sum('refused') === refused ? shown : undefined;
  });
  const tokens = await windowsOf('tokensPerMinute');
  const whole = new Date(wholeFromMs).toISOString();
  const usedOf = (shown: readonly WindowAnswer[]) => shown.find(({ from }) => from === whole)!.used;
  for (const counts of Object.values(outcomes)) {
    assert.deepEqual([...counts.keys()].sort(), ['ok', 'rate_limited']);
  }
  assert.equal(windows.length, 3);
  for (const { used } of windows) assert.ok(used <= requestsPerMinute, `${used} requests`);
  assert.ok(usedOf(windows) >= 0.97 * requestsPerMinute, `${usedOf(windows)} requests`);
  for (const { used } of tokens) assert.ok(used <= tokensPerMinute, `${used} tokens`);
  assert.ok(usedOf(tokens) >= 0.97 * tokensPerMinute, `${usedOf(tokens)} tokens`);
  for (const pool of pools) await pool.close();
});
