import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { turnQuantum, turnWeightMax } from './turn-ring.ts';
import {
  type QueueClass,
  queueClasses,
  queueLengthMax,
  starvingMs,
  type Waiting,
  WaitingLine,
} from './waiting-line.ts';

interface Named extends Waiting {
  readonly name: string;
}

function waiting(name: string, parts: Partial<Waiting> = {}): Named {
  return {
    name,
    handles: ['h1'],
    class: 'standard',
    organisation: 'acme',
    weight: 100,
    isInflow: false,
    sinceMs: 0,
    waitMsMax: 60_000,
    ...parts,
  };
}

function served(line: WaitingLine<Named>, handle: string, count: number, nowMs = 0): (string | undefined)[] {
  return Array.from({ length: count }, () => line.next(handle, nowMs, true)?.name);
}

test('better classes come first, and inside a class who came first', () => {
  const line = new WaitingLine<Named>();
  for (const name of ['batch', 'flex', 'standard', 'interactive'] as const) {
    line.join(waiting(`${name} 1`, { class: name }));
    line.join(waiting(`${name} 2`, { class: name }));
  }

  assert.deepEqual(served(line, 'h1', 9), [
    'interactive 1',
    'interactive 2',
    'standard 1',
    'standard 2',
    'flex 1',
    'flex 2',
    'batch 1',
    'batch 2',
    undefined,
  ]);
});

test('who has waited for five seconds, or half of what it may, takes every second turn', () => {
  const line = new WaitingLine<Named>();
  line.join(waiting('batch, five seconds', { class: 'batch', sinceMs: 0 }));
  line.join(waiting('flex, half', { class: 'flex', sinceMs: 3_000, waitMsMax: 4_000 }));
  line.join(waiting('batch, fresh', { class: 'batch', sinceMs: 4_900 }));
  for (const n of [1, 2, 3, 4]) line.join(waiting(`interactive ${n}`, { class: 'interactive', sinceMs: 4_000 }));

  assert.deepEqual(served(line, 'h1', 7, 5_000), [
    'batch, five seconds',
    'interactive 1',
    'flex, half',
    'interactive 2',
    'interactive 3',
    'interactive 4',
    'batch, fresh',
  ]);
});

test('an organisation with many requests does not keep one with few waiting', () => {
  const line = new WaitingLine<Named>();
  for (let n = 0; n < 5; n += 1) line.join(waiting(`many ${n}`, { organisation: 'many', weight: turnQuantum }));
  line.join(waiting('few', { organisation: 'few', weight: turnQuantum }));

  assert.deepEqual(served(line, 'h1', 3), ['many 0', 'few', 'many 1']);
});

test('queues for overlapping sets of deployments are served in turn where they meet', () => {
  const line = new WaitingLine<Named>();
  for (const n of [1, 2]) line.join(waiting(`either ${n}`, { handles: ['h1', 'h2'] }));
  for (const n of [1, 2]) line.join(waiting(`only h2 ${n}`, { handles: ['h2'] }));

  assert.deepEqual(served(line, 'h2', 3), ['either 1', 'only h2 1', 'either 2']);
  assert.deepEqual(served(line, 'h1', 1), [undefined]);
});

test('the order in which deployments are named makes no other queue', () => {
  const line = new WaitingLine<Named>();
  const one = waiting('one', { handles: ['h1', 'h2'] });
  line.join(one);
  line.join(waiting('other', { handles: ['h2', 'h1'] }));
  assert.equal(line.lengthOf(one), 2);
});

test('what the failure of others brings waits while its share is taken, and holds up nobody', () => {
  const line = new WaitingLine<Named>();
  line.join(waiting('inflow', { isInflow: true }));
  line.join(waiting('own', { sinceMs: 10 }));

  assert.equal(line.waitingFor('h1', false), 1);
  assert.equal(line.next('h1', 20, false)?.name, 'own');
  assert.equal(line.next('h1', 20, false), undefined);
  assert.equal(line.next('h1', 20, true)?.name, 'inflow');
});

test('a thousand wait for the same deployments, and one more is refused', () => {
  const line = new WaitingLine<Named>();
  for (let n = 0; n < queueLengthMax; n += 1) assert.equal(line.join(waiting(String(n))), true);
  assert.equal(line.join(waiting('one more')), false);
  assert.equal(line.join(waiting('for others', { handles: ['h2'] })), true);
  assert.equal(line.size, 1_001);
});

test('who leaves is not served, leaves once, and leaves nothing behind', () => {
  const line = new WaitingLine<Named>();
  const one = waiting('one');
  line.join(one);
  line.leave(one);
  line.leave(one);
  assert.equal(line.size, 0);
  assert.equal(line.next('h1', 0, true), undefined);
  assert.deepEqual([...line.handles], []);
});

const anyEntry = fc.record({
  class: fc.constantFrom<QueueClass>(...queueClasses),
  organisation: fc.constantFrom('a', 'b', 'c'),
  weight: fc.integer({ min: 0, max: 2 * turnWeightMax }),
  handles: fc.constantFrom(['h1'], ['h2'], ['h1', 'h2'], ['h2', 'h1', 'h3']),
  isInflow: fc.boolean(),
});
const anyStep = fc.oneof(
  fc.record({ type: fc.constant('join' as const), entry: anyEntry }),
  fc.record({ type: fc.constant('leave' as const), which: fc.nat(20) }),
  fc.record({ type: fc.constant('next' as const), handle: fc.constantFrom('h1', 'h2', 'h3'), inflow: fc.boolean() }),
);

test('whatever comes and goes, nobody is lost, served twice, or served where it did not wait', () => {
  fc.assert(
    fc.property(fc.array(anyStep, { maxLength: 200, size: 'max' }), steps => {
      const line = new WaitingLine<Named>();
      const inside = new Set<Named>();
      for (const [number, step] of steps.entries()) {
        if (step.type === 'join') {
          const entry = waiting(String(number), { ...step.entry, sinceMs: number * 100 });
          if (line.join(entry)) inside.add(entry);
        } else if (step.type === 'leave') {
          const entry = [...inside][step.which];
          if (entry !== undefined) line.leave(entry);
          if (entry !== undefined) inside.delete(entry);
        } else {
          const fits = [...inside].filter(
            entry => entry.handles.includes(step.handle) && (step.inflow || !entry.isInflow),
          );
          const entry = line.next(step.handle, number * 100, step.inflow);
          assert.equal(entry === undefined, fits.length === 0);
          if (entry !== undefined) assert.ok(fits.includes(entry) && inside.delete(entry));
        }
        assert.equal(line.size, inside.size);
      }
    }),
  );
});

test('while two organisations wait, what they are given differs by a quantum and twice the heaviest at most', () => {
  const weights = fc.array(fc.integer({ min: 1, max: 50_000 }), { minLength: 40, maxLength: 40, size: 'max' });
  fc.assert(
    fc.property(weights, weights, (ofOne, ofOther) => {
      const line = new WaitingLine<Named>();
      for (const [n, weight] of ofOne.entries()) line.join(waiting(`one ${n}`, { organisation: 'one', weight }));
      for (const [n, weight] of ofOther.entries()) line.join(waiting(`other ${n}`, { organisation: 'other', weight }));
      const given = { one: 0, other: 0 };
      const left = { one: 40, other: 40 };
      while (left.one > 0 && left.other > 0) {
        const entry = line.next('h1', 0, true)!;
        const name = entry.organisation as 'one' | 'other';
        given[name] += entry.weight;
        left[name] -= 1;
        assert.ok(Math.abs(given.one - given.other) <= 16_384 + 2 * 50_000);
      }
    }),
  );
});

test('under an endless stream of better requests everybody is served within twice as many turns as wait', () => {
  const counts = fc.record({ flex: fc.integer({ min: 0, max: 20 }), batch: fc.integer({ min: 0, max: 20 }) });
  fc.assert(
    fc.property(counts, ({ flex, batch }) => {
      const line = new WaitingLine<Named>();
      for (let n = 0; n < flex; n += 1) line.join(waiting('worse', { class: 'flex', organisation: `f${n % 3}` }));
      for (let n = 0; n < batch; n += 1) line.join(waiting('worse', { class: 'batch', organisation: `b${n % 3}` }));
      let worse = flex + batch;
      for (let turn = 0; turn < 2 * (flex + batch); turn += 1) {
        line.join(waiting('better', { class: 'interactive', sinceMs: starvingMs }));
        if (line.next('h1', starvingMs, true)?.name === 'worse') worse -= 1;
      }
      assert.equal(worse, 0);
    }),
  );
});
