import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { sendChat } from '../../test/support/emulator-client.ts';
import { type Emulator, startEmulator } from './emulator.ts';

let emulator: Emulator;

before(async () => {
  emulator = await startEmulator();
});
after(() => emulator.stop());

const chat = { model: 'm', messages: [{ role: 'user', content: 'Hello' }] };
const text = ': comment\n\ndata: {"a":"é"}\r\n\r\nevent: x\ndata: 1\n\ndata: [DONE]';
const streamed = {
  status: 200,
  headers: ['content-type', 'text/event-stream', 'x-odd', 'yes'],
  body: Buffer.from(text),
  streamed: true,
};

for (const chunks of ['event', 'whole', 'byte', '3']) {
  test(`a replayed stream comes as it was given, in chunks of ${chunks}`, async () => {
    emulator.replay(streamed);
    const answer = await sendChat(emulator, chat, `chunks=${chunks}`);
    emulator.replay(undefined);

    assert.equal(answer.text, text);
    assert.equal(answer.headers.get('x-odd'), 'yes');
    assert.equal(answer.headers.get('x-request-id'), null);
  });
}

test('a replayed stream breaks off after events', async () => {
  emulator.replay(streamed);
  const answer = await sendChat(emulator, chat, 'end-after=2');
  emulator.replay(undefined);

  assert.equal(answer.text, ': comment\n\ndata: {"a":"é"}\r\n\r\n');
});

test('a replayed whole answer has its status and length', async () => {
  emulator.replay({
    status: 418,
    headers: ['content-type', 'text/plain'],
    body: Buffer.from('short'),
    streamed: false,
  });
  const answer = await sendChat(emulator, chat);
  emulator.replay(undefined);

  assert.deepEqual([answer.status, answer.text, answer.headers.get('content-length')], [418, 'short', '5']);
  assert.equal((await sendChat(emulator, chat)).status, 200);
});

test('the most answers at once are counted for each model', async () => {
  emulator.clearRequests();
  const slow = (model: string) => sendChat(emulator, { ...chat, model }, 'ttfb=100ms');
  await Promise.all([slow('a'), slow('a'), slow('a'), slow('b')]);
  await slow('b');

  assert.deepEqual(emulator.stats().peakByModel, { a: 3, b: 1 });
});
