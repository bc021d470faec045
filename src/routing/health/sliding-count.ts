const parts = 10;

/** A sum over the last `windowMs`, to a tenth of it. */
export class SlidingCount {
  readonly #partMs: number;
  readonly #sums = new Float64Array(parts);
  #total = 0;
  #part = Number.NEGATIVE_INFINITY;

  constructor(windowMs: number) {
    this.#partMs = windowMs / parts;
  }

  add(atMs: number, count: number): void {
    this.#move(atMs);
    this.#sums[index(this.#part)]! += count;
    this.#total += count;
  }

  total(atMs: number): number {
    this.#move(atMs);
    return this.#total;
  }

  #move(atMs: number): void {
    const part = Math.floor(atMs / this.#partMs);
    // A clock set back counts into the present part.
    if (part <= this.#part) return;
    const passed = Math.min(parts, part - this.#part);
    for (let step = 0; step < passed; step += 1) this.#sums[index(part - step)] = 0;
    this.#part = part;
    // Added up anew, so that no error of rounding stays.
    this.#total = 0;
    for (const sum of this.#sums) this.#total += sum;
  }
}

function index(part: number): number {
  return ((part % parts) + parts) % parts;
}
