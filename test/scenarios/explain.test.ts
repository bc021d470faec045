import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { type Emulator, startEmulator } from '../../src/emulator/emulator.ts';
import { askChat } from './support/ask-chat.ts';
import { acmeKey, declareSupply } from './support/declare-supply.ts';
import { type Carrier, startCarrier } from './support/start-carrier.ts';
import { until } from './support/until.ts';

let emulator: Emulator;
let carrier: Carrier;
const begun = new Date().toISOString();

before(async () => {
  emulator = await startEmulator({ record: false });
  carrier = await startCarrier(
    declareSupply({
      emulatorUrl: emulator.url,
      more: [
        'routes:',
        '  smart: { policy: cheapest, candidates: [ { deployment: gpt-5-us }, { deployment: sonnet-eu } ] }',
        '  tight: { costMax: "0.000000001", candidates: [ { deployment: gpt-5-us } ] }',
      ],
    }),
  );
});
after(async () => {
  await emulator.stop();
});

const ask = (model: string) => askChat({ url: carrier.url, key: acmeKey, model });

async function shipped(...words: readonly string[]) {
  return until(
    `carrier ${words.join(' ')}`,
    async () => {
      const result = await carrier.command(...words);
      return result.code === 4 ? undefined : result;
    },
    20_000,
  );
}

test('an exchange that failed over is explained, replayed with its seed, and played through another route', async () => {
  const plain = await ask('smart');
  emulator.replaceRules(['model=gpt-5;status=500']);
  const moved = await ask('smart');
  emulator.replaceRules([]);
  assert.deepEqual([plain.status, moved.status], [200, 200]);

  const explained = await shipped('routes', 'explain', moved.exchangeId);
  assert.equal(explained.code, 0, explained.stderr);
  assert.match(explained.stdout, /^ +1 +gpt-5-us +100\.0 % +0\.000\d+ +was tried, did not answer$/m);
  assert.match(explained.stdout, /^ +2 +sonnet-eu +0\.0 % +0\.000\d+ +answered$/m);
  assert.match(explained.stdout, /1\. gpt-5-us failed: upstream_\w+ \(status 500\)/);
  assert.match(explained.stdout, /1 failed attempt before it stayed unseen; the exchange is settled\./);
  assert.match(explained.stdout, /byte for byte/);

  const path = join(carrier.dataDirectory, 'kept.jsonl');
  const replayed = await shipped('replay', '--from', begun, '--save', path, '--verify-seeds', '--json');
  assert.equal(replayed.code, 0, replayed.stdout + replayed.stderr);
  const { same, replayed: all, seeds } = JSON.parse(replayed.stdout);
  assert.deepEqual([same, all, seeds.unknown], [2, 2, 0]);
  const again = await carrier.command('replay', '--file', path, '--verify-seeds');
  assert.equal(again.code, 0, again.stderr);

  const simulated = await shipped('routes', 'simulate', 'smart', '--last', '1h', '--with', 'remove=gpt-5-us', '--json');
  const { examined, moved: elsewhere, unserved, deployments } = JSON.parse(simulated.stdout);
  assert.deepEqual([examined, elsewhere, unserved], [2, 2, 0]);
  assert.deepEqual(deployments, [
    { deployment: 'gpt-5-us', before: 2, after: 0 },
    { deployment: 'sonnet-eu', before: 0, after: 2 },
  ]);
});

test('what a cap rules out is refused with the nearest way', async () => {
  const { status, outcome, text } = await ask('tight');

  assert.deepEqual([status, outcome], [403, 'no_compliant_deployment']);
  assert.match(text, /Nearest: lift COST_OVER_CAP for gpt-5-us\./);
});
