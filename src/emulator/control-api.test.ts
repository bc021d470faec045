import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { sendChat } from '../../test/support/emulator-client.ts';
import { type Emulator, startEmulator } from './emulator.ts';

let emulator: Emulator;
const prompt = { model: 'm', messages: [{ role: 'user', content: 'Hello' }] };

before(async () => {
  emulator = await startEmulator();
});
after(() => emulator.stop());

async function control(method: string, name: string, body?: unknown) {
  const response = await fetch(`${emulator.url}/__emulator/${name}`, {
    method,
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return { status: response.status, json: JSON.parse(await response.text()) };
}

test('requests are listed with their bytes, from a sequence on, and forgotten when asked', async () => {
  await sendChat(emulator, prompt);
  await sendChat(emulator, { ...prompt, model: 'other' });

  const all = (await control('GET', 'requests')).json;
  const later = (await control('GET', `requests?after=${all[0].sequence}`)).json;
  assert.equal(all.length, 2);
  assert.equal(later.length, 1);
  assert.equal(JSON.parse(Buffer.from(later[0].bodyBase64, 'base64').toString()).model, 'other');
  assert.match(Buffer.from(later[0].answer.bodyBase64, 'base64').toString(), /"chat.completion"/);

  await control('DELETE', 'requests');
  assert.deepEqual((await control('GET', 'requests')).json, []);
});

test('rules are put, read and applied', async () => {
  await control('PUT', 'rules', ['status=503']);

  assert.deepEqual((await control('GET', 'rules')).json, ['status=503']);
  assert.equal((await sendChat(emulator, prompt)).status, 503);
  await control('PUT', 'rules', []);
  assert.equal((await sendChat(emulator, prompt)).status, 200);
});

test('what cannot be read is refused', async () => {
  assert.equal((await control('PUT', 'rules', ['colour=red'])).status, 400);
  assert.equal((await control('PUT', 'rules', 'status=500')).status, 400);
  assert.equal((await control('POST', 'refuse', { forMs: -1 })).status, 400);
  assert.equal((await control('GET', 'nothing')).status, 404);
});

test('connections and requests are counted', async () => {
  const { json } = await control('GET', 'stats');

  assert.ok(json.requests >= 4);
  assert.ok(json.connectionsOpen >= 1);
  assert.equal(json.answersOpen, 0);
});

test('a listener refused for a while comes back', async () => {
  await control('POST', 'refuse', { forMs: 100 });
  await new Promise(resolve => setTimeout(resolve, 60));
  const refused = await sendChat(emulator, prompt).catch(() => 'refused');
  await new Promise(resolve => setTimeout(resolve, 150));

  assert.equal(refused, 'refused');
  assert.equal((await sendChat(emulator, prompt)).status, 200);
});

test('a process of its own serves a unix socket and ends on SIGTERM', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'emulator-'));
  const socketPath = join(directory, 'socket');
  const program = `import { runEmulatorProcess } from ${JSON.stringify(new URL('./run-process.ts', import.meta.url).href)};
await runEmulatorProcess({ socketPath: process.env.SOCKET });`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
    env: { SOCKET: socketPath },
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  try {
    const [ready] = await once(child, 'message');
    assert.deepEqual(ready, { type: 'ready', url: `unix:${socketPath}` });

    const sent = request({
      socketPath,
      path: '/v1/chat/completions',
      method: 'POST',
      headers: { authorization: 'Bearer k' },
    });
    sent.end(JSON.stringify(prompt));
    const [response] = await once(sent, 'response');
    response.resume();
    assert.equal(response.statusCode, 200);

    child.kill('SIGTERM');
    assert.deepEqual(await once(child, 'exit'), [0, null]);
  } finally {
    child.kill('SIGKILL');
    rmSync(directory, { recursive: true });
  }
});
