import { doubling } from '../fixed-log.ts';

/** One answer that came whole. Failures are no samples: a fast refusal is not a fast answer. */
export interface LatencySample {
  readonly atMs: number;
  /** Input tokens that were not read from a cache. */
  readonly inputTokens: number;
  readonly firstTokenMs: number;
  /** 0 when nothing is known about the time after the first token. */
  readonly outputTokens: number;
  /** From the first token to the last. */
  readonly streamingMs: number;
}

/** Whole numbers: what a deployment's latency is for any input size. */
export interface LatencyLine {
  /** Time to first token of an empty request, µs. */
  readonly levelUs: number;
  /** What each input token adds, ns. */
  readonly slopeNs: number;
  /** µs */
  readonly perTokenUs: number;
  /** Two standard errors, in 1/1024 of a doubling. */
  readonly spread: number;
}

/** After so long a sample weighs a third. What is not seen for some minutes is forgotten, and the deployment is tried as
 *  one that nobody knows: so one that was slow once is not slow for ever. */
export const latencyDecayMs = 60_000;
/** With less than the weight of one half sample, nothing is known. */
const weightMin = 0.5;
/** Below it the input sizes seen do not tell how time grows with them. */
const slopeWeightMin = 6;
/** A single sample says little: as if its relative deviation were this. */
const priorDeviation = 0.5;

/** Time to first token of a request of so many input tokens; at least 1 µs. */
export function firstTokenUs({ levelUs, slopeNs }: LatencyLine, inputTokens: number): number {
  return Math.max(1, levelUs + Math.floor((slopeNs * inputTokens) / 1_000));
}

/** Time to first token and per output token of one deployment, decayed by time. The first token is fitted as a line over
 *  input size, so that who gets the long prompts does not look slow. Floating point inside; what leaves is whole. */
export class LatencyMeter {
  #atMs = 0;
  /** Decayed sums of weights, x, y, x², xy, y²; x is input tokens, y the first token's milliseconds. */
  #w = 0;
  #x = 0;
  #y = 0;
  #xx = 0;
  #xy = 0;
  #yy = 0;
  #tokens = 0;
  #tokenMs = 0;

  note(sample: LatencySample): void {
    this.#decayTo(sample.atMs);
    const { inputTokens: x, firstTokenMs: y } = sample;
    this.#w += 1;
    this.#x += x;
    this.#y += y;
    this.#xx += x * x;
    this.#xy += x * y;
    this.#yy += y * y;
    if (sample.outputTokens > 1) {
      this.#tokens += sample.outputTokens - 1;
      this.#tokenMs += sample.streamingMs;
    }
  }

  /** undefined when nothing is known. */
  line(atMs: number): LatencyLine | undefined {
    this.#decayTo(atMs);
    if (this.#w < weightMin) return undefined;
    const { level, slope } = this.#fit();
    const perTokenMs = this.#tokens > 0 ? this.#tokenMs / this.#tokens : 0;
    return {
      levelUs: Math.round(level * 1_000),
      slopeNs: Math.round(slope * 1_000_000),
      perTokenUs: Math.round(perTokenMs * 1_000),
      spread: Math.round(2 * this.#relativeError(level, slope) * doublingsPerUnit * doubling),
    };
  }

  #fit(): { readonly level: number; readonly slope: number } {
    const meanX = this.#x / this.#w;
    const meanY = this.#y / this.#w;
    const varianceX = this.#xx / this.#w - meanX * meanX;
    // Time never falls with more input, and a line through one size says nothing about others.
    const known = this.#w >= slopeWeightMin && varianceX > 0.01 * (1 + meanX * meanX);
    const slope = known ? Math.max(0, (this.#xy / this.#w - meanX * meanY) / varianceX) : 0;
    return { level: Math.max(0, meanY - slope * meanX), slope };
  }

  /** Standard error of the mean, relative to it. The weight of all samples is their number, decayed. */
  #relativeError(level: number, slope: number): number {
    const meanX = this.#x / this.#w;
    const meanY = Math.max(1, this.#y / this.#w);
    const varianceX = Math.max(0, this.#xx / this.#w - meanX * meanX);
    const varianceY = Math.max(0, this.#yy / this.#w - meanY * meanY);
    const residual = Math.max(0, varianceY - slope * slope * varianceX);
    const prior = (priorDeviation * Math.max(1, level + slope * meanX)) ** 2;
    // The prior counts as one sample.
    const variance = (residual * this.#w + prior) / (this.#w + 1);
    return Math.sqrt(variance / (this.#w + 1)) / meanY;
  }

  #decayTo(atMs: number): void {
    // A clock that was set back decays nothing.
    const passedMs = atMs - this.#atMs;
    if (passedMs <= 0) return;
    this.#atMs = atMs;
    if (this.#w === 0) return;
    const kept = Math.exp(-passedMs / latencyDecayMs);
    this.#w *= kept;
    this.#x *= kept;
    this.#y *= kept;
    this.#xx *= kept;
    this.#xy *= kept;
    this.#yy *= kept;
    this.#tokens *= kept;
    this.#tokenMs *= kept;
  }
}

/** 1 / ln 2: a small relative difference as a part of a doubling. */
const doublingsPerUnit = Math.LOG2E;
