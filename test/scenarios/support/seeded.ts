/** Random numbers that a seed repeats (mulberry32): a failing run prints its seed. */
export interface Seeded {
  /** From 0 inclusive to 1 exclusive. */
  next(): number;
  /** Whole, from `min` to `max`, both inclusive. */
  whole(min: number, max: number): number;
  one<Value>(values: readonly Value[]): Value;
  chance(probability: number): boolean;
}

export function seeded(seed: number): Seeded {
  let state = seed >>> 0;
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const whole = (min: number, max: number) => min + Math.floor(next() * (max - min + 1));
  return {
    next,
    whole,
    one: values => values[whole(0, values.length - 1)]!,
    chance: probability => next() < probability,
  };
}
