import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { request } from 'node:https';
import { test } from 'node:test';
import { startEmulator } from './emulator.ts';

const read = (name: string) =>
  readFileSync(new URL(`../../test/support/fixtures/${name}.pem`, import.meta.url), 'utf8');

test('with a certificate it speaks https, to clients that trust it', async () => {
  const certificate = read('loopback.certificate');
  const emulator = await startEmulator({ tls: { certificate, key: read('loopback.key') } });
  const settings = { method: 'POST', headers: { authorization: 'Bearer key' }, agent: false };
  try {
    const trusted = request(`${emulator.url}/v1/chat/completions`, { ...settings, ca: certificate });
    trusted.end('{}');
    const [response] = await once(trusted, 'response');
    response.resume();
    assert.equal(response.statusCode, 400);
    assert.match(emulator.url, /^https:/);

    const stranger = request(`${emulator.url}/v1/chat/completions`, settings);
    stranger.end('{}');
    await assert.rejects(once(stranger, 'response'), { code: 'DEPTH_ZERO_SELF_SIGNED_CERT' });
  } finally {
    await emulator.stop();
  }
});
