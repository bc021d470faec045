import type { Fault } from '../completion/fault.ts';
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
    // An error page of that size says no more in its rest: its status counts, and half of it is shown to nobody.
    if (this.#bytes > refusalBytesMax) this.#attempt.fail(this.#fault(noBody));
  }

  end(): void {
    const body = this.#chunks.length === 1 ? this.#chunks[0]! : Buffer.concat(this.#chunks);
    this.#attempt.refuse(this.#fault(body), { status: this.#status, headers: this.#headers, body });
  }

  #fault(body: Buffer): Fault {
    return this.#dialect.decodeFault({ status: this.#status, headers: this.#headers, body, nowMs: this.#nowMs() });
  }

  tick(): void {}

  broken(): Delivery | undefined {
    return undefined;
  }
}

const noBody = Buffer.alloc(0);
const refusalBytesMax = 256 * 1024;
