import assert from 'node:assert/strict';
import { test } from 'node:test';
import { simulateQuarter } from '../support/quarter.ts';

/** CARRIER_QUARTER_EVENTS=1000000 is the whole of it, most of which is shipping everything twice and looking at everything
 *  several times. Says where it is. */
const events = Number(process.env['CARRIER_QUARTER_EVENTS'] ?? 150_000);

test(`a quarter with ${events} events adds up to the last digit, whatever crashes`, async context => {
  const report = await simulateQuarter({
    seed: 1_000_003,
    events,
    organisations: 200,
    days: 92,
    batchMax: 8_000,
    onProgress: said => {
      if (events > 150_000) process.stderr.write(`… ${said}, ${Math.round(process.uptime())} s\n`);
    },
  });

  context.diagnostic(JSON.stringify(report));
  for (const [what, count] of Object.entries(report)) assert.ok(count > 0, `${what}: nothing of it happened`);
});
