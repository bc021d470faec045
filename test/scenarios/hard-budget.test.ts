import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type Emulator, startEmulator } from '../../src/emulator/emulator.ts';
import { acmeKey, declareSupply } from './support/declare-supply.ts';
import { type Carrier, startCarrier } from './support/start-carrier.ts';
import { until } from './support/until.ts';

let emulator: Emulator;
let carrier: Carrier;

before(async () => {
  // Every answer is reported as ten output tokens and no input: 0.0001 USD.
  emulator = await startEmulator({ rules: ['report-input=0;report-output=10;tokens=10;pace=5ms'] });
  const project = ['budget: { limit: "0.01", period: month, hard: true }'];
  carrier = await startCarrier({ ...declareSupply({ emulatorUrl: emulator.url, project }), workers: 2 });
});
after(() => emulator.stop());

async function send(): Promise<string> {
  const response = await fetch(`${carrier.url}/v1/chat/completions`, {
    method: 'POST',
    // A connection each, so that both workers are asked.
    headers: { authorization: `Bearer ${acmeKey}`, 'content-type': 'application/json', connection: 'close' },
    body: '{"model":"openai/gpt-5","max_tokens":10,"messages":[{"role":"user","content":"x"}]}',
  });
  await response.arrayBuffer();
  return response.headers.get('x-carrier-fault') ?? String(response.status);
}

test('two workers under concurrency never pass a hard budget, and spend most of it', async () => {
  const outcomes: string[] = [];
  for (let wave = 0; wave < 10; wave += 1) outcomes.push(...(await Promise.all(Array.from({ length: 20 }, send))));

  const served = outcomes.filter(outcome => outcome === '200').length;
  const others = new Set(outcomes.filter(outcome => outcome !== '200'));
  assert.deepEqual([...others], ['budget_exhausted']);
  assert.ok(served <= 100 && served >= 80, `${served} of 200 were served`);
  assert.equal(emulator.stats().requests, served);

  // Each is charged exactly, and all of it arrives.
  const row = await until('all of it is in the ledger', async () => {
    const { json } = await carrier.api('GET', '/api/v1/usage?by=key');
    return json.rows.find((candidate: { requests: number }) => Number(candidate.requests) >= served);
  });
  assert.equal(Number(row.sell.amount ?? row.sell), served / 10_000);
});
