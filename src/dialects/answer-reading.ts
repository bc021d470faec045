import { AnswerTally } from './answer-tally.ts';
import type { AnswerFacts } from './dialect.ts';
import { JsonProblem, JsonScan } from './json-scan.ts';

/** One reader for all answers: reading a text is synchronous and always ends. */
export const answerScan = new JsonScan();

/** Gathers facts from the JSON texts of an answer, whole or event by event. A dialect says which fields matter; plain deltas
 *  should build no strings and no objects. */
export abstract class AnswerReading {
  readonly tally = new AnswerTally();
  /** Of the last text: does a user see something of it? */
  sawContent = false;

  /** Forgets what was said of the last text. */
  protected reset(): void {
    this.sawContent = false;
  }

  /** Reads the object that `answerScan` stands at. */
  protected abstract object(): void;

  /** False when the text is no part of an answer: not JSON, not an object, or an error (then `tally.fault` is set). */
  read(bytes: Buffer, start: number, end: number): boolean {
    this.reset();
    try {
      answerScan.start(bytes, start, end);
      if (!answerScan.isObject) return false;
      this.object();
      answerScan.finish();
    } catch (problem) {
      if (!(problem instanceof JsonProblem)) throw problem;
      return false;
    }
    return this.tally.fault === undefined;
  }

  get facts(): AnswerFacts {
    return this.tally.facts;
  }

  protected count(bytes: number): void {
    if (bytes === 0) return;
    this.sawContent = true;
    this.tally.content(bytes);
  }
}
