import assert from 'node:assert/strict';
import { test } from 'node:test';
import { simulateQuarter } from '../support/quarter.ts';

test('a quarter with a million events adds up to the last digit, whatever crashes', async context => {
  const report = await simulateQuarter({
    seed: 1_000_003,
    events: 1_000_000,
    organisations: 200,
    days: 92,
    batchMax: 8_000,
  });

  context.diagnostic(JSON.stringify(report));
  for (const [what, count] of Object.entries(report)) assert.ok(count > 0, `${what}: nothing of it happened`);
});
