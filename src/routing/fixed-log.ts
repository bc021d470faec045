/** log2(value) in 1/1024, rounded down, by integer arithmetic alone, so that every engine gives the same. Logarithms make
 *  scores ratios: twice as dear weighs the same at a cent and at a dollar, and no candidate's score depends on another's.
 *  `value` is a whole number from 1 to 2⁵³ − 1; smaller ones count as 1. */
export function log2Fixed(value: number): number {
  if (value < 2) return 0;
  const high = Math.floor(value / wordSpan);
  let result = high > 0 ? 63 - Math.clz32(high) : 31 - Math.clz32(value);
  // To 26 bits, so that a square stays exact.
  let scaled = result > oneBits ? Math.floor(value / 2 ** (result - oneBits)) : value * 2 ** (oneBits - result);
  for (let bit = 0; bit < fractionBits; bit += 1) {
    scaled = Math.floor((scaled * scaled) / one);
    result *= 2;
    if (scaled >= oneMore) {
      scaled = Math.floor(scaled / 2);
      result += 1;
    }
  }
  return result;
}

/** One doubling. */
export const doubling = 1_024;

const fractionBits = 10;
const oneBits = 25;
const wordSpan = 2 ** 32;
const one = 2 ** oneBits;
const oneMore = 2 ** (oneBits + 1);
