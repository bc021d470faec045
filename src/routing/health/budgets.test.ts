import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { InflowBudget, RetryBudget, SlidingCount } from './budgets.ts';

function taken(budget: { take(atMs: number): boolean }, times: number, atMs: number): number {
  let count = 0;
  for (let n = 0; n < times; n += 1) if (budget.take(atMs)) count += 1;
  return count;
}

test('a quiet route may try again ten times a second', () => {
  assert.equal(taken(new RetryBudget(), 1_000, 5_000), 100);
});

test('a busy route may try again for every fifth request, too', () => {
  const budget = new RetryBudget();
  for (let n = 0; n < 1_000; n += 1) budget.requested(5_000);
  assert.equal(taken(budget, 1_000, 5_000), 300);
});

test('what was spent comes back after the window, and not before', () => {
  const budget = new RetryBudget();
  taken(budget, 1_000, 5_000);
  assert.equal(taken(budget, 10, 14_000), 0);
  assert.equal(taken(budget, 1_000, 16_000), 100);
});

test('the failure of others takes at most three tenths of a room', () => {
  const inflow = new InflowBudget();
  let count = 0;
  for (let n = 0; n < 100; n += 1) if (inflow.take(1_000, 40)) count += 1;
  assert.equal(count, 12);
});

test('a deployment that serves more than its width at once has that room', () => {
  const inflow = new InflowBudget();
  for (let n = 0; n < 200; n += 1) inflow.ownAttempt(1_000);
  let count = 0;
  for (let n = 0; n < 100; n += 1) if (inflow.take(1_000, 40)) count += 1;
  assert.equal(count, 60);
});

test('a small room lets one in, and an unbounded one all', () => {
  const inflow = new InflowBudget();
  assert.deepEqual([inflow.take(0, 1), inflow.take(0, 1)], [true, false]);
  assert.equal(inflow.take(0, undefined), true);
});

test('a sliding count never forgets early, and forgets all after its window', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(30_000), { maxLength: 50, size: 'max' }), times => {
      const count = new SlidingCount(10_000);
      const sorted = times.toSorted((left, right) => left - right);
      for (const [index, atMs] of sorted.entries()) {
        count.add(atMs, 1);
        const surely = sorted.slice(0, index + 1).filter(other => atMs - other < 9_000).length;
        const possibly = sorted.slice(0, index + 1).filter(other => atMs - other <= 10_000).length;
        assert.ok(count.total(atMs) >= surely && count.total(atMs) <= possibly);
      }
    }),
  );
});
