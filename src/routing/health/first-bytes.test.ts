import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FirstByteTimes } from './first-bytes.ts';

function noted(times: FirstByteTimes, count: number, ms: number): FirstByteTimes {
  for (let n = 0; n < count; n += 1) times.note(ms);
  return times;
}

test('the slowest twentieth is found, at most a fifth too long', () => {
  const times = noted(noted(new FirstByteTimes(), 95, 100), 5, 4_000);
  assert.equal(times.percentileMs(95), 108);
  assert.equal(times.percentileMs(99), 4_096);
});

test('nothing is said before forty answers were seen, nor of a hundredth before a hundred', () => {
  assert.equal(noted(new FirstByteTimes(), 39, 100).percentileMs(90), undefined);
  assert.notEqual(noted(new FirstByteTimes(), 40, 100).percentileMs(90), undefined);
  assert.equal(noted(new FirstByteTimes(), 99, 100).percentileMs(99), undefined);
});

test('what was long ago weighs less than what is now', () => {
  const times = noted(noted(new FirstByteTimes(), 512, 100), 2_000, 1_000);
  assert.equal(times.percentileMs(50), 1_024);
});

test('nothing, and more than a quarter of an hour, are times, too', () => {
  assert.equal(noted(new FirstByteTimes(), 40, 0).percentileMs(90), 2);
  assert.equal(noted(new FirstByteTimes(), 40, 1e12).percentileMs(90), 1_048_576);
});
