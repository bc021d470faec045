import { hash } from 'node:crypto';

/** Everything an emulated answer varies by, derived from the request alone, so the same request gives the same bytes. */
export interface Seed {
  /** 64 hexadecimal digits; ids are cut from it. */
  readonly digest: string;
  /** The next whole number in [0, bound). */
  below(bound: number): number;
}

export function seedFrom(text: string): Seed {
  const digest = hash('sha256', text, 'hex');
  let state = Number.parseInt(digest.slice(0, 8), 16);

  // Mulberry32: small, and good enough to vary words; nothing here needs an unguessable number.
  function below(bound: number): number {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296) * bound);
  }

  return { digest, below };
}

/** A seed for one part of the answer (a choice, a call), independent of how much the others drew. */
export function deriveSeed(seed: Seed, part: string): Seed {
  return seedFrom(`${seed.digest}/${part}`);
}
