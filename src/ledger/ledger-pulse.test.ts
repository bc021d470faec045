import assert from 'node:assert/strict';
import { test } from 'node:test';
import { VirtualTime } from '../../test/support/virtual-time.ts';
import type { BrokerLeases } from './broker-port.ts';
import { LedgerPulse } from './ledger-pulse.ts';

/** A ledger whose every answer the test gives by hand. */
function harness() {
  const time = new VirtualTime();
  const told: boolean[] = [];
  const pulse = new LedgerPulse({ after: time.after, changed: answers => told.push(answers) });
  let open: PromiseWithResolvers<void> = Promise.withResolvers();
  const leases = pulse.watch({
    renew: () => {
      open = Promise.withResolvers();
      return open.promise;
    },
  } as unknown as BrokerLeases); // Nothing else of it is asked here.
  return {
    time,
    told,
    pulse,
    ask: () => leases.renew('r:1'),
    answer: () => open.resolve(),
    fail: () => open.reject(new Error('away')),
  };
}

test('it answers once it has answered, and until a question fails', async () => {
  const { pulse, told, ask, answer, fail } = harness();
  assert.equal(pulse.answers, false);

  const first = ask();
  answer();
  await first;
  assert.equal(pulse.answers, true);

  const second = ask();
  fail();
  await assert.rejects(second);
  assert.equal(pulse.answers, false);
  assert.deepEqual(told, [true, false]);
});

test('a question that stays open for a second says that it is away, and a late answer that it is back', async () => {
  const { time, told, ask, answer } = harness();
  const first = ask();
  answer();
  await first;

  const second = ask();
  time.advance(999);
  assert.deepEqual(told, [true]);
  time.advance(1);
  assert.deepEqual(told, [true, false]);
  answer();
  await second;
  assert.deepEqual(told, [true, false, true]);
});

test('at a start it is expected for a second, unless somebody knows better', () => {
  const one = harness();
  one.pulse.expect();
  assert.equal(one.pulse.answers, true);
  one.time.advance(1_000);
  assert.equal(one.pulse.answers, false);

  const other = harness();
  other.pulse.expect();
  other.pulse.failed();
  assert.equal(other.pulse.answers, false);
  assert.deepEqual(other.told, [true, false]);
});

test('an answer within the first second ends the expectation: nothing is taken back later', async () => {
  const { pulse, time, ask, answer } = harness();
  pulse.expect();
  const first = ask();
  answer();
  await first;
  time.advance(5_000);

  assert.equal(pulse.answers, true);
});
