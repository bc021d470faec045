import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { permitsOf } from '../../test/support/permits.ts';
import { snapshotJson } from '../../test/support/snapshot.ts';
import { VirtualTime } from '../../test/support/virtual-time.ts';
import { WorkerHealth } from '../process/worker-health.ts';
import { queueLengthMax } from '../routing/queue/waiting-line.ts';
import { type Deployment, loadSnapshot } from '../snapshot/load.ts';
import type { AttemptOutcome } from './attempt-outcome.ts';
import { DeploymentGate, type Place, type Wait, type WaitQuestion } from './deployment-gate.ts';

const answered: AttemptOutcome = { kind: 'answered', latency: undefined };

interface Rig {
  readonly time: VirtualTime;
  readonly health: WorkerHealth;
  readonly gate: DeploymentGate;
  readonly a: Deployment;
  readonly b: Deployment;
  /** Lets so much time pass, and everything that is due happen. */
  pass(ms: number): Promise<void>;
}

function rig(limits: Readonly<Record<string, number>>, inflowPercent?: number): Rig {
  const time = new VirtualTime();
  const deployments = ['a', 'b'].map(id => ({
    id,
    model: `v/${id}`,
    concurrencyMax: limits[`h-${id}`] ?? null,
    ...(inflowPercent === undefined ? {} : { inflowPercent }),
  }));
  const snapshot = loadSnapshot(snapshotJson({ deployments }));
  const health = new WorkerHealth({ send: () => {}, nowMs: time.monotonicMs, after: time.after });
  const gate = new DeploymentGate({
    permits: permitsOf(limits, time),
    health,
    monotonicMs: time.monotonicMs,
    after: time.after,
    sharers: 1,
  });
  const settle = async () => {
    for (let n = 0; n < 20; n += 1) await Promise.resolve();
  };
  return {
    time,
    health,
    gate,
    a: snapshot.deployment('h-a'),
    b: snapshot.deployment('h-b'),
    pass: async ms => {
      await settle();
      for (let passed = 0; passed < ms; passed += 10) {
        time.advance(Math.min(10, ms - passed));
        await settle();
      }
    },
  };
}

function question(deployments: readonly Deployment[], parts: Partial<WaitQuestion> = {}): WaitQuestion {
  return {
    deployments,
    class: 'standard',
    organisation: 'acme',
    weight: 100,
    isInflow: false,
    waitMsMax: 1_000,
    ...parts,
  };
}

/** Watches what comes of waiting without waiting for it. */
function watch(name: string, { result }: Wait, seen: string[]): { place: Place | undefined } {
  const watched: { place: Place | undefined } = { place: undefined };
  void result.then(outcome => {
    if (typeof outcome !== 'string') watched.place = outcome;
    seen.push(`${name}: ${typeof outcome === 'string' ? outcome : outcome.deployment.id}`);
  });
  return watched;
}

async function entered({ gate, pass }: Rig, deployment: Deployment, isInflow = false): Promise<Place | undefined> {
  const result = gate.enter(deployment, isInflow);
  if (!(result instanceof Promise)) return result;
  await pass(60);
  return result;
}

test('who finds no room is given the place that comes free first, whichever of its deployments that is at', async () => {
  const it = rig({ 'h-a': 1, 'h-b': 1 });
  await entered(it, it.a);
  const atB = await entered(it, it.b);
  assert.equal(await entered(it, it.a), undefined);
  const seen: string[] = [];
  watch('waiting', it.gate.wait(question([it.a, it.b])), seen);

  await it.pass(200);
  assert.deepEqual(seen, []);
  it.gate.leave(atB!, answered);
  await it.pass(60);

  assert.deepEqual(seen, ['waiting: b']);
  assert.equal(it.gate.waiting, 0);
});

test('who comes later does not overtake those who wait', async () => {
  const it = rig({ 'h-a': 1 });
  const place = await entered(it, it.a);
  const seen: string[] = [];
  watch('waiting', it.gate.wait(question([it.a])), seen);
  it.gate.leave(place!, answered);

  assert.equal(it.gate.enter(it.a, false), undefined);
  await it.pass(60);
  assert.deepEqual(seen, ['waiting: a']);
});

test('waiting ends when it has lasted as long as it may, and what comes free later is for others', async () => {
  const it = rig({ 'h-a': 1 });
  const place = await entered(it, it.a);
  const seen: string[] = [];
  watch('waiting', it.gate.wait(question([it.a], { waitMsMax: 300 })), seen);

  await it.pass(290);
  assert.deepEqual(seen, []);
  await it.pass(20);
  assert.deepEqual(seen, ['waiting: late']);
  it.gate.leave(place!, answered);
  assert.notEqual(await entered(it, it.a), undefined);
});

test('a client that leaves takes its place out of the line', async () => {
  const it = rig({ 'h-a': 1 });
  const place = await entered(it, it.a);
  const seen: string[] = [];
  const first = it.gate.wait(question([it.a]));
  watch('first', first, seen);
  watch('second', it.gate.wait(question([it.a])), seen);

  first.abandon();
  it.gate.leave(place!, answered);
  await it.pass(60);

  assert.deepEqual(seen, ['first: gone', 'second: a']);
});

test('a full line refuses at once, and says when to ask again', async () => {
  const it = rig({ 'h-a': 1 });
  await entered(it, it.a);
  for (let n = 0; n < queueLengthMax; n += 1) it.gate.wait(question([it.a]));

  assert.equal(await it.gate.wait(question([it.a])).result, 'full');
  // Nobody was served lately, so nobody knows.
  assert.equal(it.gate.retryAfterMs(question([it.a])), 10_000);
});

test('the advice when to ask again is as long as those in line will take', async () => {
  const it = rig({ 'h-a': 1 });
  let place = (await entered(it, it.a))!;
  const seen: string[] = [];
  // Ten are served a second apart; nine more wait then.
  const waits = Array.from({ length: 19 }, (_, n) =>
    watch(String(n), it.gate.wait(question([it.a], { waitMsMax: 60_000 })), seen),
  );
  for (let n = 0; n < 10; n += 1) {
    await it.pass(900);
    it.gate.leave(place, answered);
    await it.pass(100);
    place = waits[n]!.place!;
  }

  // Nine of them within the last ten seconds, and a tenth to come.
  assert.equal(it.gate.waiting, 9);
  assert.equal(it.gate.retryAfterMs(question([it.a])), 11_112);
});

test('a deployment that is found to take less is full at that, and has room again when an attempt ends', async () => {
  const it = rig({});
  it.health.received([{ handle: 'h-a', concurrencyMax: 2 }], {});
  const one = await entered(it, it.a);
  assert.notEqual(await entered(it, it.a), undefined);
  assert.equal(await entered(it, it.a), undefined);
  const seen: string[] = [];
  watch('waiting', it.gate.wait(question([it.a])), seen);

  await it.pass(100);
  assert.deepEqual(seen, []);
  it.gate.leave(one!, answered);
  await it.pass(10);
  assert.deepEqual(seen, ['waiting: a']);
});

test('while a deployment is probed, others wait for what the probe shows', async () => {
  const it = rig({});
  it.health.received([{ handle: 'h-a', breaker: 'half-open' }], {});
  const probe = await entered(it, it.a);
  assert.equal(await entered(it, it.a), undefined);
  const seen: string[] = [];
  watch('waiting', it.gate.wait(question([it.a])), seen);

  await it.pass(100);
  assert.deepEqual(seen, []);
  it.gate.leave(probe!, answered);
  await it.pass(10);
  assert.deepEqual(seen, ['waiting: a']);
});

test('of ten places three are for what others failed, and the rest stays for its own', async () => {
  const it = rig({ 'h-a': 10 });
  const places: Place[] = [];
  for (let n = 0; n < 3; n += 1) {
    assert.equal(it.gate.mayFlowIn(it.a), true);
    places.push((await entered(it, it.a, true))!);
  }
  assert.equal(it.gate.mayFlowIn(it.a), false);
  const seen: string[] = [];
  watch('inflow', it.gate.wait(question([it.a], { isInflow: true })), seen);
  await it.pass(100);

  assert.deepEqual(seen, []);
  assert.notEqual(await entered(it, it.a), undefined);
  it.gate.leave(places[0]!, answered);
  await it.pass(60);
  assert.deepEqual(seen, ['inflow: a']);
});

test('a deployment says how much of it others may take', async () => {
  const it = rig({ 'h-a': 10 }, 100);
  for (let n = 0; n < 10; n += 1) await entered(it, it.a, true);
  assert.equal(it.gate.mayFlowIn(it.a), false);
  const none = rig({});
  for (let n = 0; n < 50; n += 1) await entered(none, none.a, true);
  assert.equal(none.gate.mayFlowIn(none.a), true);
});

test('whatever comes and goes, nobody is lost, no limit is passed, and all places come back', async () => {
  const anyStep = fc.oneof(
    fc.record({
      type: fc.constant('ask' as const),
      at: fc.constantFrom('a', 'b', 'ab'),
      class: fc.constantFrom('interactive' as const, 'batch' as const),
      organisation: fc.constantFrom('x', 'y'),
      isInflow: fc.boolean(),
      waitMsMax: fc.integer({ min: 1, max: 400 }),
    }),
    fc.record({ type: fc.constant('leave' as const), which: fc.nat(5) }),
    fc.record({ type: fc.constant('abandon' as const), which: fc.nat(5) }),
    fc.record({ type: fc.constant('pass' as const), ms: fc.integer({ min: 1, max: 120 }) }),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(anyStep, { maxLength: 40, size: 'max' }), async steps => {
      const it = rig({ 'h-a': 2, 'h-b': 3 });
      const held: Place[] = [];
      const open: Wait[] = [];
      const counts = { asked: 0, granted: 0, refused: 0 };
      for (const step of steps) {
        if (step.type === 'ask') {
          counts.asked += 1;
          const deployments = step.at === 'ab' ? [it.a, it.b] : [step.at === 'a' ? it.a : it.b];
          const wait = it.gate.wait(question(deployments, step));
          open.push(wait);
          void wait.result.then(outcome => {
            open.splice(open.indexOf(wait), 1);
            if (typeof outcome === 'string') counts.refused += 1;
            else counts.granted += 1;
            if (typeof outcome !== 'string') held.push(outcome);
          });
        } else if (step.type === 'leave') {
          const [place] = held.splice(step.which, 1);
          if (place !== undefined) it.gate.leave(place, answered);
        } else if (step.type === 'abandon') open[step.which]?.abandon();
        else await it.pass(step.ms);
        assert.ok(held.filter(({ deployment }) => deployment.id === 'a').length <= 2);
        assert.ok(held.filter(({ deployment }) => deployment.id === 'b').length <= 3);
      }
      await it.pass(500);
      assert.equal(it.gate.waiting, 0);
      assert.equal(counts.granted + counts.refused, counts.asked);
      for (const place of held.splice(0)) it.gate.leave(place, answered);
      await it.pass(60);
      for (const deployment of [it.a, it.a, it.b, it.b, it.b]) {
        assert.notEqual(await entered(it, deployment), undefined);
      }
    }),
    { numRuns: 60 },
  );
});
