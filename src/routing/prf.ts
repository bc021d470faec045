import { hash } from 'node:crypto';

/** Pseudo-random whole numbers from SHA-256 of seed ‖ subject ‖ counter. The same seed and subject give the same
 *  numbers on every machine and engine: only integer arithmetic, no Math.random, no floating point. */
export class KeyedDraws {
  readonly #key: string;
  #counter = 0;
  #block: Buffer = Buffer.alloc(0);
  #at = 0;

  constructor(seed: string, subject: string) {
    this.#key = `${seed}\n${subject}\n`;
  }

  /** Uniform in [0, bound), 1 ≤ bound ≤ 2⁴⁷. Draws that would favour small numbers are thrown away (rejection). */
  below(bound: number): number {
    if (!Number.isSafeInteger(bound) || bound < 1 || bound > boundMax) throw new RangeError(`bound ${bound}`);
    const fair = wordSpan - (wordSpan % bound);
    for (;;) {
      const word = this.#word();
      if (word < fair) return word % bound;
    }
  }

  /** The next 48 bits. */
  #word(): number {
    if (this.#at + wordBytes > this.#block.length) {
      this.#block = hash('sha256', this.#key + this.#counter, 'buffer');
      this.#counter++;
      this.#at = 0;
    }
    const word = this.#block.readUIntBE(this.#at, wordBytes);
    this.#at += wordBytes;
    return word;
  }
}

/** The lottery number of a handle in one epoch: 16 hexadecimal digits, compared as text. */
export function lotOf(seed: string, handle: string): string {
  if (seed !== lotsSeed || lots.size >= lotsMax) {
    lots.clear();
    lotsSeed = seed;
  }
  let lot = lots.get(handle);
  if (lot === undefined) {
    lot = hash('sha256', `${seed}\nlot\n${handle}`, 'hex').slice(0, 16);
    lots.set(handle, lot);
  }
  return lot;
}

/** A handle's number of all epochs, for sessions that stay where they are. */
export function homeOf(handle: string): string {
  let home = homes.get(handle);
  if (home === undefined) {
    home = hash('sha256', `home\n${handle}`, 'hex').slice(0, 16);
    if (homes.size >= lotsMax) homes.clear();
    homes.set(handle, home);
  }
  return home;
}

const homes = new Map<string, string>();

/** Lots of the present epoch, so that a handle is hashed once an epoch and not once a request. */
const lots = new Map<string, string>();
let lotsSeed = '';
const lotsMax = 10_000;

const wordBytes = 6;
const wordSpan = 2 ** 48;
const boundMax = 2 ** 47;
