import assert from 'node:assert/strict';
import { test } from 'node:test';
import { crashAndVerify } from '../scenarios/support/crash-rounds.ts';

const seed = Number(process.env['CARRIER_TEST_SEED'] ?? Date.now() % 1_000_000);

test(`150 kills of workers and 50 of supervisors under load leave every account right (seed ${seed})`, async () => {
  const counts = await crashAndVerify({
    workerKills: 150,
    supervisorKills: 50,
    seed,
    callers: 12,
    endedMin: 500,
    progress: line => process.stdout.write(`${line}\n`),
  });

  process.stdout.write(`${JSON.stringify(counts)}\n`);
  assert.ok(counts.ended >= 500, `only ${counts.ended} answers ended`);
  assert.ok(counts.orphans >= 50, `only ${counts.orphans} exchanges were killed`);
  assert.ok(counts.refusedByBudget >= 1, 'the tight budget was never full');
});
