import assert from 'node:assert/strict';
import { test } from 'node:test';
import { walkBudgets } from '../../test/simulation/budget-machine.ts';

test('in every interleaving of two replicas the cap holds, nothing is lost for ever, and an idle budget is served', () => {
  const { states } = walkBudgets({ takes: 4, kills: 1, crashes: 1, expiries: 1 }, 5);

  assert.ok(states > 1_000, `${states} states`);
});

test('also to the very end, where nobody crashes', () => {
  const { states, isWhole } = walkBudgets({ takes: 3, kills: 0, crashes: 0, expiries: 0 }, 40);

  assert.ok(isWhole && states > 100, `${states} states`);
});
