import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ToSupervisor } from './messages.ts';
import { WorkerHealth } from './worker-health.ts';

interface Bench {
  readonly health: WorkerHealth;
  readonly sent: (ToSupervisor & { type: 'outcomes' })[];
  /** Runs what was to be run later. */
  pass(): void;
  nowMs: number;
}

function bench(): Bench {
  const sent: Bench['sent'] = [];
  const later: (() => void)[] = [];
  const result = {
    sent,
    nowMs: 1_000,
    pass: () => {
      for (const run of later.splice(0)) run();
    },
  };
  const health = new WorkerHealth({
    send: message => void sent.push(message as ToSupervisor & { type: 'outcomes' }),
    nowMs: () => result.nowMs,
    after: (_ms, run) => {
      later.push(run);
      return () => {};
    },
  });
  return Object.assign(result, { health });
}

const sample = { inputTokens: 10, outputTokens: 5, firstTokenMs: 100, totalMs: 140 };

test('answers are told together, added up by deployment', () => {
  const desk = bench();
  for (const handle of ['a', 'a', 'b']) {
    desk.health.begin(handle);
    desk.health.end(handle, { kind: 'answered', latency: sample });
  }
  assert.equal(desk.sent.length, 0);
  desk.pass();

  assert.equal(desk.sent.length, 1);
  assert.deepEqual(
    desk.sent[0]!.answers.map(({ handle, answers, latency }) => [handle, answers, latency.first.w, latency.first.y]),
    [
      ['a', 2, 2, 200],
      ['b', 1, 1, 100],
    ],
  );
  desk.pass();
  assert.equal(desk.sent.length, 1);
});

test('a failure is told at once, behind the answers before it', () => {
  const desk = bench();
  desk.health.begin('a');
  desk.health.begin('a');
  desk.health.end('a', { kind: 'answered', latency: undefined });
  desk.health.end('a', { kind: 'failed', coolMs: undefined });

  assert.equal(desk.sent.length, 1);
  assert.equal(desk.sent[0]!.answers[0]!.answers, 1);
  assert.deepEqual(desk.sent[0]!.failures, [{ handle: 'a', atMs: 1_000, kind: 'failed', coolMs: undefined }]);
  assert.deepEqual(desk.sent[0]!.inFlight, {});
});

test('a cooldown holds here at once and ends by itself', () => {
  const desk = bench();
  desk.health.begin('a');
  desk.health.end('a', { kind: 'overloaded', coolMs: 5_000 });
  assert.equal(desk.health.of('a')?.coolingUntilMs, 6_000);
  desk.health.received([{ handle: 'a', coolingUntilMs: 5_500, errorPpm: 3 }], {});
  assert.deepEqual(desk.health.of('a'), { handle: 'a', coolingUntilMs: 6_000, errorPpm: 3 });
  desk.nowMs = 6_000;
  assert.deepEqual(desk.health.of('a'), { handle: 'a', coolingUntilMs: 5_500, errorPpm: 3 });
});

test('a deployment that is probed gets one attempt at a time', () => {
  const desk = bench();
  desk.health.received([{ handle: 'a', breaker: 'half-open' }], {});
  assert.equal(desk.health.begin('a'), true);
  assert.equal(desk.health.begin('a'), false);
  desk.health.end('a', { kind: 'none' });
  assert.equal(desk.health.begin('a'), true);
});

test('attempts at once are counted here and elsewhere', () => {
  const desk = bench();
  desk.health.received([], { a: 4 });
  desk.health.begin('a');
  desk.health.begin('a');
  assert.equal(desk.health.inFlight('a'), 6);
  desk.health.end('a', { kind: 'none' });
  assert.equal(desk.health.inFlight('a'), 5);
  assert.equal(desk.health.inFlight('b'), 0);
  assert.equal(desk.sent.length, 0);
});
