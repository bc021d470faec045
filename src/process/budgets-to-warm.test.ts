import assert from 'node:assert/strict';
import { test } from 'node:test';
import { snapshotJson } from '../../test/support/snapshot.ts';
import { loadSnapshot } from '../snapshot/load.ts';
import type { BudgetEntry } from '../snapshot/snapshot.ts';
import { budgetsToWarm } from './budgets-to-warm.ts';

const budget = (subject: string, more: Partial<BudgetEntry> = {}): BudgetEntry => ({
  id: `key:${subject}`,
  scope: 'key',
  subject,
  limitAtto: '7000',
  currency: 'USD',
  period: 'month',
  hard: true,
  warnAtPpm: [],
  ...more,
});

const withBudgets = (...budgets: BudgetEntry[]) => loadSnapshot(snapshotJson({ budgets }));

test('at a start every budget that refuses is warmed, and none that does not', () => {
  const snapshot = withBudgets(budget('a'), budget('soft', { hard: false }), budget('shadow', { shadow: true }));

  assert.deepEqual(budgetsToWarm(snapshot), [{ id: 'key:a', limitAtto: 7000n }]);
});

test('of a later snapshot only what is new in it, and what refuses only now', () => {
  const before = withBudgets(budget('a'), budget('b', { hard: false }));
  const after = withBudgets(budget('a', { limitAtto: '9000' }), budget('b'), budget('c'));

  assert.deepEqual(budgetsToWarm(after, before), [
    { id: 'key:b', limitAtto: 7000n },
    { id: 'key:c', limitAtto: 7000n },
  ]);
  assert.deepEqual(budgetsToWarm(after, after), []);
  assert.deepEqual(budgetsToWarm(withBudgets(), after), []);
});

test('at most 32 at once, also where 40 are new', () => {
  const many = Array.from({ length: 40 }, (_, n) => budget(`n${n}`));

  assert.equal(budgetsToWarm(withBudgets(...many)).length, 32);
  assert.equal(budgetsToWarm(withBudgets(budget('a'), ...many), withBudgets(budget('a'))).length, 32);
});
