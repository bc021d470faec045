import assert from 'node:assert/strict';
import { test } from 'node:test';
import { crashAndVerify } from './support/crash-rounds.ts';

// The same kills and requests in every run, as far as the machine lets it; CARRIER_TEST_SEED tries others, and the long
// run begins with a new seed each time.
const seed = Number(process.env['CARRIER_TEST_SEED'] ?? 445_581);

test(`ten kills under load: every answer that ended is booked once, nothing is lost, no budget is passed (seed ${seed})`, async t => {
  const counts = await crashAndVerify({
    workerKills: 7,
    supervisorKills: 3,
    seed,
    callers: 12,
    endedMin: 30,
    progress: line => t.diagnostic(line),
  });

  t.diagnostic(JSON.stringify(counts));
  assert.ok(counts.ended >= 30, `only ${counts.ended} answers ended`);
  assert.ok(counts.orphans >= 1, 'no exchange was killed');
});
