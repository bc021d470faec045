import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type ReasoningEffort, reasoningEfforts } from '../completion/request.ts';
import { budgetFor, budgetWithin, effortFor, nearestEffort } from './reasoning-effort.ts';

const effort = fc.constantFrom(...reasoningEfforts);
const taken = fc.subarray([...reasoningEfforts]);
const strength = (name: ReasoningEffort) => reasoningEfforts.indexOf(name);

test('a stronger effort never has a smaller budget, and each budget is of its effort', () => {
  for (const name of reasoningEfforts) assert.equal(effortFor(budgetFor(name)), name);
  for (let index = 1; index < reasoningEfforts.length; index += 1) {
    assert.ok(budgetFor(reasoningEfforts[index]!) >= 2 * budgetFor(reasoningEfforts[index - 1]!));
  }
  assert.equal(budgetFor('minimal'), 1_024);
});

test('a larger budget is never of a weaker effort', () => {
  fc.assert(
    fc.property(fc.nat(200_000), fc.nat(200_000), (one, more) => {
      assert.ok(strength(effortFor(one)) <= strength(effortFor(one + more)));
    }),
  );
});

test('effort, budget, effort and budget, effort, budget come to the same and stay there', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1_024, max: 500_000 }), budget => {
      const settled = budgetFor(effortFor(budget));
      assert.ok(settled <= budget);
      assert.equal(budgetFor(effortFor(settled)), settled);
    }),
  );
});

test('the nearest effort is the same where it is taken, never weaker where a stronger one is, and always one that is taken', () => {
  fc.assert(
    fc.property(effort, taken, (asked, efforts) => {
      const nearest = nearestEffort(asked, efforts);
      if (efforts.length === 0) assert.equal(nearest, undefined);
      else {
        assert.ok(efforts.includes(nearest!));
        if (efforts.includes(asked)) assert.equal(nearest, asked);
        const isStrongerTaken = efforts.some(one => strength(one) >= strength(asked));
        assert.equal(strength(nearest!) >= strength(asked), isStrongerTaken);
      }
    }),
  );
});

test('nearest efforts keep their order', () => {
  fc.assert(
    fc.property(
      effort,
      effort,
      taken.filter(efforts => efforts.length > 0),
      (one, other, efforts) => {
        const [weaker, stronger] = strength(one) <= strength(other) ? [one, other] : [other, one];
        assert.ok(strength(nearestEffort(weaker, efforts)!) <= strength(nearestEffort(stronger, efforts)!));
      },
    ),
  );
});

test('a budget stays below the output limit, is at least the least, and grows with both', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1_024, max: 100_000 }), fc.nat(200_000), fc.nat(1_000), (asked, limit, more) => {
      const budget = budgetWithin(asked, limit);
      if (budget === undefined) {
        assert.ok(limit < 1_280);
        return;
      }
      assert.ok(budget >= 1_024 && budget < limit && budget <= asked);
      assert.ok(budgetWithin(asked, limit + more)! >= budget);
      assert.ok(budgetWithin(asked + more, limit)! >= budget);
    }),
  );
  assert.equal(budgetWithin(4_096, 1_279), undefined);
  assert.equal(budgetWithin(4_096, 1_280), 1_024);
});
