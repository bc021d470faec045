import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { startEmulator } from '../../src/emulator/emulator.ts';
import type { ExchangeJournal } from '../../src/journal/writer.ts';
import { digestOf, secret, startGateway, type TestGateway } from '../support/gateway.ts';

/** A gateway whose journal takes everything but the end of an exchange, which it answers with `ends`. */
async function withEnds(t: TestContext, ends: Promise<void>): Promise<TestGateway> {
  const emulator = await startEmulator({ rules: ['report-input=0;report-output=10'] });
  const journal: ExchangeJournal = {
    admit: () => {},
    attempt: () => undefined,
    progress: () => {},
    end: () => ends,
    hasRoom: () => true,
    close: async () => {},
  };
  const gateway = await startGateway({
    ports: { journal },
    budgetAtto: 10n ** 18n,
    snapshot: {
      providers: [{ name: 'lone', baseUrl: `${emulator.url}/v1` }],
      deployments: [{ id: 'lone', provider: 'lone', model: 'emulated/lone' }],
      keys: [{ id: 'test0001', digest: digestOf(secret) }],
      budgets: [{ id: 'b1', subject: 'web' }],
    },
  });
  t.after(async () => {
    await gateway.stop();
    await emulator.stop();
  });
  return gateway;
}

function ask(gateway: TestGateway): Promise<string> {
  return fetch(`${gateway.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${secret}`, 'content-type': 'application/json' },
    body: '{"model":"lone","max_tokens":100,"messages":[{"role":"user","content":"hello"}]}',
  }).then(
    response => response.text(),
    () => 'cut',
  );
}

test('an end of which nobody knows whether it will be read cuts the client, and its whole hold is spent', async t => {
  const unknown = Promise.reject(new Error('a sync failed'));
  unknown.catch(() => {});
  const gateway = await withEnds(t, unknown);

  assert.equal(await ask(gateway), 'cut');

  // 80 bytes of body and 256 hidden tokens at 1.25 per million, 100 tokens at 10.00.
  assert.deepEqual(gateway.settled, [1_420_000_000_000_000n]);
  assert.deepEqual(gateway.alerts, ['journal_end_failed']);
});

test('an end that comes late cuts the client after ten seconds, and its hold is settled once it is written', async t => {
  const { promise, resolve } = Promise.withResolvers<void>();
  const gateway = await withEnds(t, promise);

  t.mock.timers.enable({ apis: ['setTimeout'] });
  const answer = ask(gateway);
  // The emulator's answer takes some turns of the loop; only then does the client wait for the journal.
  while (gateway.alerts.length === 0) {
    await new Promise(resolve => setImmediate(resolve));
    t.mock.timers.tick(100);
  }

  assert.equal(await answer, 'cut');
  assert.deepEqual(gateway.alerts, ['journal_end_failed']);
  assert.deepEqual(gateway.settled, []);

  resolve();
  await gateway.untilEnded(1);
  // 10 tokens at 10.00 per million.
  assert.deepEqual(gateway.settled, [100_000_000_000_000n]);
});
