import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type Emulator, startEmulator } from '../../src/emulator/emulator.ts';
import { acmeKey, declareSupply } from './support/declare-supply.ts';
import { type Carrier, startCarrier } from './support/start-carrier.ts';
import { until } from './support/until.ts';

let emulator: Emulator;
let carrier: Carrier;

before(async () => {
  emulator = await startEmulator({ record: false });
  const supply = declareSupply({
    emulatorUrl: emulator.url,
    project: ['budget: { limit: "0.0005", period: month, hard: false, warnAt: [ "0.5", "1" ] }'],
  });
  carrier = await startCarrier({ yaml: supply.yaml, env: supply.env });
});
after(async () => {
  await emulator?.stop();
  await carrier?.remove();
});

test('a soft budget that was passed is told once for each part, in the log and by carrier alerts', async () => {
  const answer = await fetch(`${carrier.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${acmeKey}`, 'content-type': 'application/json' },
    body: JSON.stringify({
      model: 'openai/gpt-5',
      max_completion_tokens: 100,
      messages: [{ role: 'user', content: 'Answer with 100 tokens' }],
    }),
  });
  assert.equal(answer.status, 200);
  await answer.arrayBuffer();

  // It looks every minute, and soon after a start.
  for (let start = 0; start < 2; start += 1) {
    await carrier.stop();
    await carrier.start();
    await until('both parts are told', async () => (await warnings()).length >= 2 || undefined);
  }

  assert.deepEqual((await warnings()).map(message => message.match(/past (\d+) %/)?.[1]).sort(), ['100', '50']);
  // The log is written behind; a third line would be one too many.
  const logged = () => carrier.lines.filter(line => line.includes('"code":"budget_warning"'));
  await until('the log has both', () => logged().length >= 2 || undefined);
  assert.equal(logged().length, 2);
  assert.match((await carrier.command('alerts')).stdout, /budget_warning .*past 50 %/);
});

async function warnings(): Promise<string[]> {
  const { status, json } = await carrier.api('GET', '/api/v1/alerts');
  // Right after a start requests are served before the database answers.
  if (status === 503) return [];
  return json.items
    .filter((alert: { code: string }) => alert.code === 'budget_warning')
    .map((alert: { message: string }) => alert.message);
}
