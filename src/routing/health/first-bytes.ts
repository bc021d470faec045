/** Times to the first byte of one deployment's answers of one kind and size, for the question after how long a request is
 *  among the slowest few. Counts in steps of a quarter doubling; older ones weigh less and less. */
export class FirstByteTimes {
  readonly #counts = new Float64Array(steps);
  #total = 0;

  note(ms: number): void {
    if (this.#total >= memoryMax) this.#fade();
    this.#counts[stepOf(ms)]! += 1;
    this.#total += 1;
  }

  /** The time within which `percentile` in a hundred answers began, at most a fifth too long; undefined while too few
   *  were seen to tell. */
  percentileMs(percentile: number): number | undefined {
    // Of the slowest share at least some must have been seen.
    if (this.#total < samplesMin || this.#total * (100 - percentile) < 100 * slowestMin) return undefined;
    let passed = 0;
    for (let step = 0; step < steps; step += 1) {
      passed += this.#counts[step]!;
      if (passed * 100 >= this.#total * percentile) return Math.ceil(2 ** ((step + 1) / stepsPerDoubling));
    }
    return undefined;
  }

  #fade(): void {
    this.#total = 0;
    for (let step = 0; step < steps; step += 1) {
      this.#counts[step]! /= 2;
      this.#total += this.#counts[step]!;
    }
  }
}

const stepsPerDoubling = 4;
/** To 2²⁰ ms, more than a quarter of an hour. */
const steps = 80;
const memoryMax = 512;
const samplesMin = 40;
const slowestMin = 1;

function stepOf(ms: number): number {
  return Math.max(0, Math.min(steps - 1, Math.floor(Math.log2(Math.max(1, ms)) * stepsPerDoubling)));
}
