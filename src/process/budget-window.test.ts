import assert from 'node:assert/strict';
import { test } from 'node:test';
import { budgetWindow, windowEndsAtMs } from './budget-window.ts';

const cases = [
  ['day', '2026-03-01T00:00:00.000Z', '2026-03-01'],
  ['day', '2026-02-28T23:59:59.999Z', '2026-02-28'],
  ['week', '2026-11-20T10:00:00Z', '2026-11-16'],
  ['week', '2026-11-16T00:00:00Z', '2026-11-16'],
  ['week', '2026-11-15T23:59:59.999Z', '2026-11-09'],
  ['week', '2026-01-01T00:00:00Z', '2025-12-29'],
  ['week', '1970-01-01T00:00:00Z', '1969-12-29'],
  ['month', '2024-02-29T12:00:00Z', '2024-02-01'],
  ['month', '2025-12-31T23:59:59.999Z', '2025-12-01'],
  ['total', '2025-12-31T23:59:59.999Z', 'total'],
] as const;

for (const [period, at, window] of cases) {
  test(`the ${period} window of ${at} is ${window}`, () => {
    assert.equal(budgetWindow(period, Date.parse(at)), window);
  });
}

test('a window ends where the next one begins, over the ends of months and years, and a total never', () => {
  const ends = (period: 'day' | 'week' | 'month' | 'total', window: string) => {
    const endsAtMs = windowEndsAtMs(period, window);
    return endsAtMs === undefined ? undefined : new Date(endsAtMs).toISOString();
  };

  assert.equal(ends('day', '2026-12-31'), '2027-01-01T00:00:00.000Z');
  assert.equal(ends('day', '2028-02-28'), '2028-02-29T00:00:00.000Z');
  assert.equal(ends('week', '2026-12-28'), '2027-01-04T00:00:00.000Z');
  assert.equal(ends('month', '2026-12-01'), '2027-01-01T00:00:00.000Z');
  assert.equal(ends('month', '2026-01-01'), '2026-02-01T00:00:00.000Z');
  assert.equal(ends('total', 'total'), undefined);
});
