import type { AnswerFacts, Dialect } from '../dialects/dialect.ts';
import type { AnswerReceiver, Attempt, AttemptResult, Delivery } from './attempt.ts';

/** Takes a response whose status says that the provider refused or failed. Nothing of it reaches the client from here:
 *  another deployment may still answer. */
export class RefusalReceiver implements AnswerReceiver {
  readonly committed = false;
  readonly facts: AnswerFacts | undefined = undefined;
  readonly contentBytesSinceUsage = 0;
  readonly #attempt: Attempt;
  readonly #dialect: Dialect;
  readonly #status: number;
  readonly #headers: AttemptResult['headers'];
  readonly #nowMs: () => number;
  readonly #chunks: Buffer[] = [];
  #bytes = 0;

  constructor(
    attempt: Attempt,
    dialect: Dialect,
    status: number,
    headers: AttemptResult['headers'],
    nowMs: () => number,
  ) {
    this.#attempt = attempt;
    this.#dialect = dialect;
    this.#status = status;
    this.#headers = headers;
    this.#nowMs = nowMs;
  }

  data(chunk: Buffer): void {
    this.#chunks.push(chunk);
    this.#bytes += chunk.length;
    // An error page of that size says no more in its rest; what came is read as far as it goes.
    if (this.#bytes > refusalBytesMax) this.end();
  }

  end(): void {
    const body = this.#chunks.length === 1 ? this.#chunks[0]! : Buffer.concat(this.#chunks);
    const response = { status: this.#status, headers: this.#headers, body };
    this.#attempt.refuse(this.#dialect.decodeFault({ ...response, nowMs: this.#nowMs() }), response);
  }

  tick(): void {}

  broken(): Delivery | undefined {
    return undefined;
  }
}

const refusalBytesMax = 256 * 1024;
