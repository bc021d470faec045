import { doubling } from '../fixed-log.ts';
import { addSample, DecayedLine, emptySums, type LineSums } from './decayed-line.ts';

/** One answer that came whole. Failures are no samples: a fast refusal is not a fast answer. */
export interface LatencySample {
  /** Estimated. */
  readonly inputTokens: number;
  readonly outputTokens: number;
  /** undefined: the answer came in one piece, so nobody saw its first token. */
  readonly firstTokenMs: number | undefined;
  /** Of the whole answer, from the request on. */
  readonly totalMs: number;
}

/** Samples of one deployment, added up: what crosses from worker to supervisor. */
export interface LatencySums {
  /** Time to first token over input tokens, of streams. */
  readonly first: LineSums;
  /** Of streams, after the first token. */
  tokens: number;
  tokensMs: number;
  /** Time of the whole answer over output tokens, of answers in one piece. */
  readonly whole: LineSums;
}

export function emptyLatencySums(): LatencySums {
  return { first: emptySums(), tokens: 0, tokensMs: 0, whole: emptySums() };
}

export function addLatency(sums: LatencySums, sample: LatencySample): void {
  const { inputTokens, outputTokens, firstTokenMs, totalMs } = sample;
  if (firstTokenMs === undefined) {
    addSample(sums.whole, outputTokens, totalMs);
    return;
  }
  addSample(sums.first, inputTokens, firstTokenMs);
  if (outputTokens < 2) return;
  sums.tokens += outputTokens - 1;
  sums.tokensMs += Math.max(0, totalMs - firstTokenMs);
}

/** Whole numbers: what a deployment's latency is for any size of request. */
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

/** Time to first token of a request of so many input tokens; at least 1 µs. */
export function firstTokenUs({ levelUs, slopeNs }: LatencyLine, inputTokens: number): number {
  return Math.max(1, levelUs + Math.floor((slopeNs * inputTokens) / 1_000));
}

/** Time to first token and per output token of one deployment, decayed by time. The first token is fitted as a line over
 *  input size, so that who gets the long prompts does not look slow. Where only answers in one piece were seen, their time
 *  is fitted over output size: its level stands for the first token, its slope for the time per token. */
export class LatencyMeter {
  readonly #first = new DecayedLine(latencyDecayMs);
  readonly #perToken = new DecayedLine(latencyDecayMs);
  readonly #whole = new DecayedLine(latencyDecayMs);

  note(atMs: number, sums: LatencySums): void {
    if (sums.first.w > 0) this.#first.add(atMs, sums.first);
    if (sums.whole.w > 0) this.#whole.add(atMs, sums.whole);
    // The mean over tokens: a level without a slope.
    if (sums.tokens > 0) this.#perToken.add(atMs, { ...emptySums(), w: sums.tokens, y: sums.tokensMs });
  }

  /** undefined when nothing is known. */
  line(atMs: number): LatencyLine | undefined {
    if (this.#first.weight(atMs) >= weightMin) {
      const { level, slope, relativeError } = this.#first.fit();
      const perTokenMs = this.#perToken.weight(atMs) > 0 ? this.#perToken.fit().level : 0;
      return lineOf(level, slope, perTokenMs, relativeError);
    }
    if (this.#whole.weight(atMs) < weightMin) return undefined;
    const { level, slope, relativeError } = this.#whole.fit();
    return lineOf(level, 0, slope, relativeError);
  }
}

function lineOf(levelMs: number, slopeMs: number, perTokenMs: number, relativeError: number): LatencyLine {
  return {
    levelUs: Math.round(levelMs * 1_000),
    slopeNs: Math.round(slopeMs * 1_000_000),
    perTokenUs: Math.round(perTokenMs * 1_000),
    spread: Math.round(2 * relativeError * Math.LOG2E * doubling),
  };
}
