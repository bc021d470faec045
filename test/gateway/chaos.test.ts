import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { startEmulator } from '../../src/emulator/emulator.ts';
import { secret, startGateway } from '../support/gateway.ts';
import type { SnapshotParts } from '../support/snapshot.ts';

const scripts = [
  '',
  'reset',
  'hang',
  'status=500',
  'status=429',
  'status=400',
  'ttfb=30ms',
  'cut-after=0',
  'cut-after=4',
  'reset-after=5',
  'error-after=0',
  'error-after=6',
  'malformed-after=3',
  'hang-after=4',
  'chunks=byte;tokens=20',
  'pace=3ms;tokens=40',
  'usage=none',
  'cached=900;report-input=5',
  'body=300000;chunks=40000',
];

/** Fewer than requests at once, so that some wait. */
const placesMax = 8;

const anyRequest = fc.record({
  path: fc.constantFrom('/v1/chat/completions', '/v1/messages'),
  model: fc.constantFrom('both', 'chat', 'messages', 'held'),
  stream: fc.boolean(),
  script: fc.constantFrom(...scripts),
  mode: fc.constantFrom('error', 'restart'),
  leaveAfterMs: fc.option(fc.integer({ min: 0, max: 60 })),
});

test('whatever providers and clients do, every admitted exchange ends once and gives back what it took', async t => {
  const [emulator, another] = await Promise.all([startEmulator(), startEmulator()]);
  const permits = { taken: 0, released: 0 };
  const url = emulator.url;
  const gateway = await startGateway({
    budgetAtto: 10n ** 21n,
    ports: {
      permits: {
        acquire: async () => {
          if (permits.taken - permits.released >= placesMax) return false;
          permits.taken++;
          return true;
        },
        release: () => {
          permits.released++;
        },
      },
    },
    snapshot: {
      budgets: [{ id: 'b1', subject: 'web' }],
      providers: [
        {
          name: 'first',
          kind: 'emulated',
          dialects: ['openai-chat', 'anthropic-messages'],
          baseUrl: url,
          sandbox: true,
        },
        // Another host of another kind, so that it can hedge the first one.
        { name: 'chat', kind: 'openai-compatible', baseUrl: `${another.url}/v1`, sandbox: true },
        { name: 'messages', kind: 'emulated', dialects: ['anthropic-messages'], baseUrl: url, sandbox: true },
      ],
      deployments: ['first', 'chat', 'messages'].map(id => ({ id, provider: id, model: `emulated/${id}` })),
      routes: [
        { name: 'both', candidates: [{ deployment: 'first' }, { deployment: 'chat' }, { deployment: 'messages' }] },
        {
          name: 'held',
          candidates: [{ deployment: 'messages' }, { deployment: 'chat' }],
          policy: { holdBack: { tokens: 8, ms: 20 } },
        },
        { name: 'chat', candidates: [{ deployment: 'chat' }] },
        { name: 'messages', candidates: [{ deployment: 'messages' }] },
      ].map((route: Route) => ({
        ...route,
        policy: {
          ...route.policy,
          retries: 2,
          firstByteTimeoutMs: 200,
          idleTimeoutMs: 200,
          totalTimeoutMs: 2_000,
          queueMs: 300,
          hedge: { afterMs: 10, percent: 50 },
        },
      })),
    },
  });
  t.after(async () => {
    await gateway.stop();
    await Promise.all([emulator.stop(), another.stop()]);
  });

  const outcomes = new Set<string>();
  await fc.assert(
    fc.asyncProperty(fc.array(anyRequest, { minLength: 8, maxLength: 24 }), async requests => {
      await Promise.all(requests.map(request => play(gateway.url, request)));
      for (let n = 0; n < 300 && gateway.gateway.openExchanges > 0; n++)
        await new Promise(resolve => setTimeout(resolve, 10));

      assert.equal(gateway.gateway.openExchanges, 0);
      const admitted = gateway.records.filter(record => record.type === 'admit').map(record => record.id);
      const ends = gateway.ends();
      assert.deepEqual(ends.map(end => end.id).sort(), admitted.sort());
      assert.equal(permits.taken, permits.released);
      assert.equal(gateway.settled.length, admitted.length);
      for (const end of ends) {
        outcomes.add(end.outcome);
        const order = gateway.records.filter(record => record.id === end.id).map(record => record.type);
        assert.equal(order[0], 'admit');
        assert.equal(order.at(-1), 'end');
        assert.notEqual(end.outcome, 'internal');
        assert.equal(order.filter(type => type === 'attempt').length, end.attempts.length);
        assert.deepEqual(
          end.attempts.map(attempt => attempt.attempt),
          end.attempts.map((_, index) => index + 1),
        );
        assert.ok(end.attempts.length <= 3);
        if (end.state === 'settled' || end.state === 'estimated') assert.ok(end.sell !== undefined);
        else assert.equal(end.sell, undefined);
      }
      gateway.records.length = 0;
      gateway.settled.length = 0;
    }),
    { numRuns: 12 },
  );
  assert.ok(outcomes.size >= 5, `only ${[...outcomes]} happened`);
  for (const type of ['waited', 'further', 'hedged']) {
    assert.ok(
      gateway.steps.some(step => step.type === type),
      `nothing was ${type}`,
    );
  }
  assert.equal(gateway.gateway.waitingExchanges, 0);
  assert.deepEqual(
    gateway.alerts.filter(code => code === 'internal'),
    [],
  );
});

type Route = NonNullable<SnapshotParts['routes']>[number];

async function play(
  url: string,
  request: {
    path: string;
    model: string;
    stream: boolean;
    script: string;
    mode: string;
    leaveAfterMs: number | null;
  },
): Promise<void> {
  const { path, model, stream, script, mode, leaveAfterMs } = request;
  const signal = leaveAfterMs === null ? null : AbortSignal.timeout(leaveAfterMs);
  try {
    const response = await fetch(url + path, {
      method: 'POST',
      signal,
      headers: {
        authorization: `Bearer ${secret}`,
        'content-type': 'application/json',
        'x-carrier-on-failure': mode,
        ...(script === '' ? undefined : { 'x-carrier-emulate': script }),
      },
      body: JSON.stringify({ model, stream, max_tokens: 100_000, messages: [{ role: 'user', content: 'hello' }] }),
    });
    await response.arrayBuffer();
  } catch {
    // Broken answers and our own leaving are what this is about.
  }
}
