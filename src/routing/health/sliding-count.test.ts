import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { SlidingCount } from './sliding-count.ts';

test('a sliding count never forgets early, and forgets all after its window', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(30_000), { maxLength: 50, size: 'max' }), times => {
      const count = new SlidingCount(10_000);
      const sorted = times.toSorted((left, right) => left - right);
      for (const [index, atMs] of sorted.entries()) {
        count.add(atMs, 1);
        const surely = sorted.slice(0, index + 1).filter(other => atMs - other < 9_000).length;
        const possibly = sorted.slice(0, index + 1).filter(other => atMs - other <= 10_000).length;
        assert.ok(count.total(atMs) >= surely && count.total(atMs) <= possibly);
      }
    }),
  );
});

test('a clock that is set back loses nothing', () => {
  const count = new SlidingCount(10_000);
  count.add(50_000, 1);
  count.add(20_000, 1);
  assert.equal(count.total(20_000), 2);
  assert.equal(count.total(61_000), 0);
});
