import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { divideFloor, divideRoundHalfEven, formatAtto, formatRate, parseAtto, parseRate } from './money.ts';

test('decimal amounts are read exactly', () => {
  assert.equal(parseAtto('1.25'), 1_250_000_000_000_000_000n);
  assert.equal(parseAtto('0.000000000000000001'), 1n);
  assert.equal(parseAtto('30000000000'), 30_000_000_000_000_000_000_000_000_000n);
  assert.equal(parseRate('0.003625'), 3_625_000_000n);
  assert.equal(parseRate('0'), 0n);
});

for (const text of ['', '-1', '+1', '1e3', '.5', '1.', '1,5', ' 1', '0x10', 'NaN', '1.0000000000000000001']) {
  test(`${JSON.stringify(text)} is not an amount`, () => {
    assert.throws(() => parseAtto(text), RangeError);
  });
}

test('a rate has at most twelve decimals', () => {
  assert.equal(parseRate('0.000000000001'), 1n);
  assert.throws(() => parseRate('0.0000000000001'), /more than 12 decimals/);
});

test('amounts are written with all digits that matter and no others', () => {
  assert.equal(formatAtto(2_700_000_000_000_000n), '0.0027');
  assert.equal(formatAtto(-2_700_000_000_000_000n), '-0.0027');
  assert.equal(formatAtto(0n), '0');
  assert.equal(formatAtto(5_000_000_000_000_000_000n), '5');
  assert.equal(formatRate(125_000_000_000n), '0.125');
});

test('what is written is read back', () => {
  fc.assert(
    fc.property(fc.bigInt({ min: 0n, max: 10n ** 37n }), amount => {
      assert.equal(parseAtto(formatAtto(amount)), amount);
    }),
  );
});

test('halves go to the even neighbour, on both sides of zero', () => {
  const halves = [
    [5n, 2n, 2n],
    [7n, 2n, 4n],
    [-5n, 2n, -2n],
    [-7n, 2n, -4n],
    [1n, 2n, 0n],
    [-1n, 2n, 0n],
    [-3n, 2n, -2n],
    [10n, 4n, 2n],
    [6n, 4n, 2n],
    [0n, 3n, 0n],
  ] as const;
  for (const [numerator, denominator, expected] of halves) {
    assert.equal(divideRoundHalfEven(numerator, denominator), expected, `${numerator}/${denominator}`);
  }
  assert.throws(() => divideRoundHalfEven(1n, 0n), RangeError);
  assert.throws(() => divideRoundHalfEven(1n, -2n), RangeError);
});

test('rounding is within half of the denominator, and even when exactly half', () => {
  const anyBigint = fc.bigInt({ min: -(10n ** 30n), max: 10n ** 30n });
  fc.assert(
    fc.property(anyBigint, fc.bigInt({ min: 1n, max: 10n ** 12n }), (numerator, denominator) => {
      const rounded = divideRoundHalfEven(numerator, denominator);
      const twiceError = 2n * (numerator - rounded * denominator);
      const size = twiceError < 0n ? -twiceError : twiceError;
      assert.ok(size <= denominator);
      if (size === denominator) assert.equal(rounded % 2n, 0n);
    }),
  );
});

test('floor division goes down on both sides of zero', () => {
  assert.equal(divideFloor(7n, 2n), 3n);
  assert.equal(divideFloor(-7n, 2n), -4n);
  assert.equal(divideFloor(-8n, 2n), -4n);
  assert.throws(() => divideFloor(1n, 0n), RangeError);
});
