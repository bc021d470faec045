import assert from 'node:assert/strict';
import { test } from 'node:test';
import { simulateQuarter } from '../support/quarter.ts';

test('two weeks of 200 organisations, prepaid ones among them, with crashes, duplicates, conflicts and late arrivals, adds up to the last digit', async () => {
  const report = await simulateQuarter({
    seed: 20_261_120,
    events: 6_000,
    organisations: 200,
    days: 14,
    batchMax: 200,
  });

  for (const [what, count] of Object.entries(report)) assert.ok(count > 0, `${what}: nothing of it happened`);
});
