import assert from 'node:assert/strict';
import { test } from 'node:test';
import { VirtualTime } from '../../test/support/virtual-time.ts';
import { Patience } from './patience.ts';

function harness(answers: boolean) {
  const time = new VirtualTime();
  const state = { answers };
  const over: number[] = [];
  const patience = new Patience({ after: time.after, nowMs: time.monotonicMs, ledgerAnswers: () => state.answers });
  return { time, state, over, patience, start: () => patience.start(() => over.push(time.monotonicMs())) };
}

test('a ledger that may be away is not waited for longer than 45 ms', () => {
  const { time, over, start } = harness(false);
  start();
  time.advance(10_000);
  assert.deepEqual(over, [45]);
});

test('one that is known to answer is waited for nearly a second', () => {
  const { time, over, start } = harness(true);
  start();
  time.advance(10_000);
  assert.deepEqual(over, [950]);
});

test('when it goes away nobody waits on, and when it comes back everybody who still waits does', () => {
  const gone = harness(true);
  gone.start();
  gone.time.advance(400);
  gone.start();
  gone.state.answers = false;
  gone.patience.changed();
  gone.time.advance(10_000);
  assert.deepEqual(gone.over, [400, 445]);

  const back = harness(false);
  back.start();
  back.time.advance(40);
  back.state.answers = true;
  back.patience.changed();
  back.time.advance(10_000);
  assert.deepEqual(back.over, [950]);
});

test('who was answered is not called back', () => {
  const { time, over, patience, start } = harness(true);
  start()();
  patience.changed();
  time.advance(10_000);
  assert.deepEqual(over, []);
});
