/** Sums of samples of y over x, for a line. Plain numbers, so that they cross processes. */
export interface LineSums {
  w: number;
  x: number;
  y: number;
  xx: number;
  xy: number;
  yy: number;
}

export function emptySums(): LineSums {
  return { w: 0, x: 0, y: 0, xx: 0, xy: 0, yy: 0 };
}

export function addSample(sums: LineSums, x: number, y: number): void {
  sums.w += 1;
  sums.x += x;
  sums.y += y;
  sums.xx += x * x;
  sums.xy += x * y;
  sums.yy += y * y;
}

/** Below it the values of x that were seen do not tell how y grows with them. */
const slopeWeightMin = 6;
/** A single sample says little: as if its relative deviation were this. */
const priorDeviation = 0.5;

export interface FittedLine {
  readonly level: number;
  /** Never negative: time does not fall with more work. */
  readonly slope: number;
  /** Standard error of the mean, relative to it. */
  readonly relativeError: number;
}

/** A least-squares line over samples that fade with time. */
export class DecayedLine {
  readonly #decayMs: number;
  readonly #sums = emptySums();
  #atMs = 0;

  constructor(decayMs: number) {
    this.#decayMs = decayMs;
  }

  add(atMs: number, sums: LineSums): void {
    this.#decayTo(atMs);
    for (const key of keys) this.#sums[key] += sums[key];
  }

  /** The number of samples, each by how much of it is left. */
  weight(atMs: number): number {
    this.#decayTo(atMs);
    return this.#sums.w;
  }

  /** Only with a weight above zero. */
  fit(): FittedLine {
    const { w, x, y, xx, xy, yy } = this.#sums;
    const meanX = x / w;
    const meanY = y / w;
    const varianceX = Math.max(0, xx / w - meanX * meanX);
    const known = w >= slopeWeightMin && varianceX > 0.01 * (1 + meanX * meanX);
    const slope = known ? Math.max(0, (xy / w - meanX * meanY) / varianceX) : 0;
    const varianceY = Math.max(0, yy / w - meanY * meanY);
    const residual = Math.max(0, varianceY - slope * slope * varianceX);
    const scale = Math.max(1, meanY);
    // The prior counts as one sample.
    const variance = (residual * w + (priorDeviation * scale) ** 2) / (w + 1);
    return { level: Math.max(0, meanY - slope * meanX), slope, relativeError: Math.sqrt(variance / (w + 1)) / scale };
  }

  #decayTo(atMs: number): void {
    // A clock that was set back decays nothing.
    const passedMs = atMs - this.#atMs;
    if (passedMs <= 0) return;
    this.#atMs = atMs;
    if (this.#sums.w === 0) return;
    const kept = Math.exp(-passedMs / this.#decayMs);
    for (const key of keys) this.#sums[key] *= kept;
  }
}

const keys = ['w', 'x', 'y', 'xx', 'xy', 'yy'] as const satisfies readonly (keyof LineSums)[];
