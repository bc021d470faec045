import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { log2Fixed } from './fixed-log.ts';

test('powers of two are whole doublings', () => {
  assert.deepEqual(
    [1, 2, 4, 1_024, 2 ** 26, 2 ** 40, 2 ** 52].map(log2Fixed),
    [0, 1_024, 2_048, 10_240, 26_624, 40_960, 53_248],
  );
});

test('what lies between is rounded down', () => {
  assert.equal(log2Fixed(3), 1_623);
  assert.equal(log2Fixed(10), 3_401);
  assert.equal(log2Fixed(1_000_000), 20_409);
  assert.equal(log2Fixed(Number.MAX_SAFE_INTEGER), 54_271);
});

test('nothing and less count as one', () => {
  assert.deepEqual([0, -5, 1].map(log2Fixed), [0, 0, 0]);
});

test('it is within one step of the logarithm, and never falls as the value rises', () => {
  fc.assert(
    fc.property(fc.maxSafeNat(), fc.nat(1_000), (value, more) => {
      const larger = Math.min(value + more, Number.MAX_SAFE_INTEGER);
      assert.ok(log2Fixed(larger) >= log2Fixed(value));
      if (value >= 1) assert.ok(Math.abs(log2Fixed(value) - Math.log2(value) * 1_024) <= 1.01);
    }),
    { numRuns: 2_000 },
  );
});
