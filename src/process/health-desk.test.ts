import assert from 'node:assert/strict';
import { test } from 'node:test';
import { snapshotJson } from '../../test/support/snapshot.ts';
import { emptyLatencySums } from '../routing/health/latency.ts';
import { HealthDesk } from './health-desk.ts';
import type { ToWorker } from './messages.ts';

type HealthNews = ToWorker & { type: 'health' };

function open() {
  const sent: { readonly worker: number; readonly news: HealthNews }[] = [];
  const misconfigured: string[] = [];
  const state = { nowMs: 1_000, workers: [1, 2] };
  const desk = new HealthDesk({
    workers: () => state.workers,
    send: (worker, message) => void sent.push({ worker, news: message as HealthNews }),
    nowMs: () => state.nowMs,
    onMisconfigured: deployment => void misconfigured.push(deployment),
  });
  const snapshot = snapshotJson();
  desk.snapshotChanged(snapshot);
  const { handle, id } = snapshot.deployments[0]!;
  return { desk, sent, misconfigured, state, handle, id };
}

function failure(handle: string, kind: 'failed' | 'credential' | 'overloaded', coolMs?: number) {
  return { type: 'outcomes', answers: [], failures: [{ handle, atMs: 1_000, kind, coolMs }], inFlight: {} } as const;
}

test('what one worker saw, all are told, and told once', () => {
  const { desk, sent, handle } = open();
  desk.tick();
  sent.length = 0;
  desk.received(1, failure(handle, 'overloaded', 5_000));
  desk.tick();
  desk.tick();

  assert.deepEqual(
    sent.map(({ worker, news }) => [worker, news.entries[0]?.coolingUntilMs]),
    [
      [1, 6_000],
      [2, 6_000],
    ],
  );
});

test('a worker that starts later is told what is known', () => {
  const { desk, sent, state, handle } = open();
  desk.received(1, failure(handle, 'overloaded', 60_000));
  desk.tick();
  sent.length = 0;
  state.workers = [1, 2, 3];
  desk.tick();

  assert.deepEqual(
    sent.map(({ worker, news }) => [worker, news.entries[0]?.coolingUntilMs]),
    [[3, 61_000]],
  );
});

test('time alone is looked at once a second', () => {
  const { desk, sent, state, handle } = open();
  desk.received(1, failure(handle, 'overloaded', 500));
  desk.tick();
  sent.length = 0;
  state.nowMs = 1_900;
  desk.tick();
  assert.equal(sent.length, 0);
  state.nowMs = 2_000;
  desk.tick();
  assert.deepEqual(
    sent.map(({ news }) => news.entries[0]?.coolingUntilMs),
    [undefined, undefined],
  );
});

test('attempts at once are told to the others, and forgotten with their worker', () => {
  const { desk, sent, handle } = open();
  const answers = [{ handle, atMs: 1_000, answers: 1, latency: emptyLatencySums(), inFlight: 3 }];
  desk.received(1, { type: 'outcomes', answers, failures: [], inFlight: { [handle]: 3 } });
  desk.tick();
  const last = (worker: number) => sent.filter(told => told.worker === worker).at(-1)!.news.elsewhere;
  assert.deepEqual(last(1), {});
  assert.deepEqual(last(2), { [handle]: 3 });
  desk.forget(1);
  desk.tick();
  assert.deepEqual(last(2), {});
});

test('a refused credential is told to the operator once, by the name of the deployment', () => {
  const { desk, misconfigured, handle, id } = open();
  desk.received(1, failure(handle, 'credential'));
  desk.received(2, failure(handle, 'credential'));
  assert.deepEqual(misconfigured, [id]);
  const [first] = desk.examine();
  assert.deepEqual([first!.id, first!.state, first!.breaker.until], [id, 'misconfigured', null]);
});

test('people see attempts at once of all workers, and who broke until when', () => {
  const { desk, handle, id } = open();
  desk.received(1, { ...failure(handle, 'failed'), inFlight: { [handle]: 2 } });
  for (let n = 0; n < 4; n += 1) desk.received(2, { ...failure(handle, 'failed'), inFlight: { [handle]: 1 } });

  const seen = desk.examine().find(view => view.id === id)!;
  assert.deepEqual(
    { state: seen.state, scope: seen.breaker.scope, concurrency: seen.concurrency, errorRate: seen.errorRate },
    {
      state: 'open',
      scope: 'deployment',
      concurrency: { inFlight: 3, max: 200, configured: false },
      errorRate: 0.555556,
    },
  );
});
