import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Emulator, startEmulator } from '../../src/emulator/emulator.ts';
import { acmeKey, declareSupply } from './support/declare-supply.ts';
import { type Carrier, startCarrier } from './support/start-carrier.ts';

const limit = 5;
let emulator: Emulator;
let carrier: Carrier;

before(async () => {
  emulator = await startEmulator({ record: false, rules: ['ttfb=150ms'] });
  const supply = declareSupply({ emulatorUrl: emulator.url });
  const yaml = supply.yaml.replace('targetModel: gpt-5,', `targetModel: gpt-5, limits: { concurrency: ${limit} },`);
  carrier = await startCarrier({ workers: 2, yaml, env: supply.env });
});
after(async () => {
  await emulator?.stop();
  await carrier?.remove();
});

/** New workers listen soon, on a busy machine later. */
async function untilAnswered(): Promise<void> {
  for (let n = 0; n < 200; n += 1) {
    await sleep(50);
    if (
      await fetch(`${carrier.url}/healthz`).then(
        response => response.ok,
        () => false,
      )
    )
      return;
  }
  assert.fail('no worker came back');
}

async function ask(): Promise<string> {
  const response = await fetch(`${carrier.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${acmeKey}`, 'content-type': 'application/json', connection: 'close' },
    body: JSON.stringify({ model: 'openai/gpt-5', messages: [{ role: 'user', content: 'Hello' }] }),
  });
  await response.arrayBuffer();
  return response.headers.get('x-carrier-fault') ?? 'ok';
}

test('two workers together never run more attempts at a deployment than its limit, and as many as it has while others wait', async () => {
  let most = 0;
  const sampling = setInterval(() => {
    most = Math.max(most, emulator.stats().answersOpen);
  }, 2);

  const outcomes: string[] = [];
  for (let round = 0; round < 3; round += 1) {
    outcomes.push(...(await Promise.all(Array.from({ length: 16 }, () => ask()))));
  }
  clearInterval(sampling);

  assert.equal(most, limit);
  assert.ok(
    outcomes.every(outcome => outcome === 'ok' || outcome === 'deployment_saturated'),
    outcomes.join(),
  );
  assert.ok(outcomes.filter(outcome => outcome === 'ok').length >= 3 * limit);
});

test('permits of attempts that are over are there for whichever worker asks', async () => {
  for (let i = 0; i < 20; i += 1) {
    assert.equal(await ask(), 'ok');
    await sleep(5);
  }
});

test('a killed worker gives its permits back', async () => {
  const running = Array.from({ length: limit }, () => ask().catch(() => 'cut'));
  await sleep(60);
  for (const worker of carrier.workerProcessIds()) process.kill(worker, 'SIGKILL');
  await Promise.all(running);
  await untilAnswered();

  const outcomes = await Promise.all(Array.from({ length: limit }, () => ask()));

  assert.deepEqual(outcomes, ['ok', 'ok', 'ok', 'ok', 'ok']);
});
