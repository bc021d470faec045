import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { HedgeBudget, inflowMax, RetryBudget, retryBudgetDefaults } from './budgets.ts';

function taken(budget: RetryBudget, times: number, atMs: number, sharers = 1): number {
  let count = 0;
  for (let n = 0; n < times; n += 1) {
    if (!budget.hasRoom(atMs, retryBudgetDefaults, sharers)) continue;
    budget.charge(atMs);
    count += 1;
  }
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

test('four workers that share a route may do together what one alone may', () => {
  let together = 0;
  for (let worker = 0; worker < 4; worker += 1) {
    const budget = new RetryBudget();
    for (let n = 0; n < 250; n += 1) budget.requested(5_000);
    together += taken(budget, 1_000, 5_000, 4);
  }
  assert.equal(together, 300);
});

test('what was spent comes back after the window, and not before', () => {
  const budget = new RetryBudget();
  taken(budget, 1_000, 5_000);
  assert.equal(taken(budget, 10, 14_000), 0);
  assert.equal(taken(budget, 1_000, 16_000), 100);
});

test('what is made beyond the budget counts, so that it is made up for later', () => {
  const budget = new RetryBudget();
  for (let n = 0; n < 150; n += 1) budget.charge(1_000);
  for (let n = 0; n < 250; n += 1) budget.requested(2_000);
  assert.equal(budget.hasRoom(2_000, retryBudgetDefaults), false);
  for (let n = 0; n < 10; n += 1) budget.requested(2_000);
  assert.equal(taken(budget, 100, 2_000), 2);
});

test('with both numbers at zero nobody is asked a second time', () => {
  const budget = new RetryBudget();
  budget.requested(1_000);
  assert.equal(budget.hasRoom(1_000, { percent: 0, perSecond: 0 }), false);
});

test('the failure of others takes at most three tenths of a room, and never less than one place', () => {
  assert.equal(inflowMax(40, 30), 12);
  assert.equal(inflowMax(40, 30, 4), 3);
  assert.equal(inflowMax(1, 30), 1);
  assert.equal(inflowMax(40, 0), 1);
  assert.equal(inflowMax(undefined, 30), Number.POSITIVE_INFINITY);
});

test('of a hundred requests of one size two are sent twice, and not the first', () => {
  const budget = new HedgeBudget();
  let hedges = 0;
  for (let n = 0; n < 100; n += 1) {
    budget.requested(500, 2);
    if (n === 0) assert.equal(budget.take(500), false);
    if (budget.take(500)) hedges += 1;
  }
  assert.equal(hedges, 2);
});

test('a request as large as all others together is not sent twice on their account', () => {
  const budget = new HedgeBudget();
  for (let n = 0; n < 100; n += 1) budget.requested(10, 2);
  budget.requested(1_000, 2);
  assert.equal(budget.take(1_000), false);
  assert.equal(budget.take(10), true);
});

test('however requests and hedges come, hedges stay within the share, by number and by weight', () => {
  const step = fc.record({ weight: fc.integer({ min: 1, max: 10_000 }), hedges: fc.boolean() });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 300, size: 'max' }), fc.integer({ min: 1, max: 50 }), (steps, percent) => {
      const budget = new HedgeBudget();
      const seen = { requests: 0, weight: 0, hedges: 0, hedged: 0 };
      for (const { weight, hedges } of steps) {
        budget.requested(weight, percent);
        seen.requests += 1;
        seen.weight += weight;
        if (hedges && budget.take(weight)) {
          seen.hedges += 1;
          seen.hedged += weight;
        }
        // Hundredths are added up in floating point.
        assert.ok(seen.hedges * 100 <= seen.requests * percent + 0.001);
        assert.ok(seen.hedged * 100 <= seen.weight * percent + 0.001);
      }
    }),
  );
});
