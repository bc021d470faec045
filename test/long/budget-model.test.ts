import assert from 'node:assert/strict';
import { test } from 'node:test';
import { walkBudgets } from '../simulation/budget-machine.ts';

test('hard budgets hold in every state that three requests, a kill, a crash and an expiry can lead to', t => {
  const { states, isWhole } = walkBudgets({ takes: 3, kills: 1, crashes: 1, expiries: 1 }, 60);

  t.diagnostic(`${states} states`);
  assert.ok(isWhole, `${states} states were not all`);
});

test('and in every one that four requests and two kills can', t => {
  const { states, isWhole } = walkBudgets({ takes: 4, kills: 2, crashes: 0, expiries: 0 }, 60);

  t.diagnostic(`${states} states`);
  assert.ok(isWhole, `${states} states were not all`);
});
