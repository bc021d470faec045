import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { startEmulator } from '../../src/emulator/emulator.ts';
import { declareSupply } from '../scenarios/support/declare-supply.ts';
import { startCarrier } from '../scenarios/support/start-carrier.ts';

const credential = 'sk-proj-of-the-provider-0123456789';
const clientKey = 'a-key-of-a-client-that-stays-the-same-0';

test('a server that is killed behind a new master key starts with it by itself, and every client goes on', async t => {
  const emulator = await startEmulator({ apiKeys: [credential, 'sk-ant'] });
  t.after(() => emulator.stop());
  const { yaml } = declareSupply({ emulatorUrl: emulator.url, project: [] });
  const carrier = await startCarrier({
    yaml,
    database: 'embedded',
    env: { ACME_KEY: clientKey, OPENAI_API_KEY: credential, ANTHROPIC_API_KEY: 'sk-ant' },
  });
  const ask = async () => {
    const response = await fetch(`${carrier.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${clientKey}`, 'content-type': 'application/json' },
      body: JSON.stringify({ model: 'openai/gpt-5', messages: [{ role: 'user', content: 'hello' }] }),
    });
    await response.text();
    return response.status;
  };
  const masterKey = () => readFileSync(join(carrier.dataDirectory, 'master.key'), 'utf8').trim();
  assert.equal(await ask(), 200);
  const first = masterKey();

  const rotated = await carrier.command('secrets', 'rotate-master');
  assert.equal(rotated.code, 0, rotated.stderr);
  assert.notEqual(masterKey(), first);
  assert.equal(await ask(), 200);
  assert.equal((await carrier.command('secrets', 'rotate')).code, 0);
  await carrier.kill();
  await carrier.start();

  assert.equal(await ask(), 200);
  const { json } = await carrier.api('GET', '/api/v1/secrets');
  assert.equal(json.masterKey.isOurs, true);
  assert.deepEqual(
    json.keys.map(({ state }: { state: string }) => state),
    ['retiring', 'active'],
  );
  assert.doesNotMatch(JSON.stringify(json), new RegExp(masterKey()));
});
