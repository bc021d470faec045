import type { AnswerSoFar, CompleteCall, StreamNotice } from '../dialects/answer-so-far.ts';
import type { Dialect } from '../dialects/dialect.ts';
import { type OnFailure, type WayOn, wayOn } from './go-on.ts';
import { type CommitLevel, ShownAnswer } from './shown-answer.ts';
import { canBeContinued } from './splice-guard.ts';

/** The streamed answer of one exchange as its client sees it, over all attempts that write it. */
export class Showing {
  readonly #dialect: Dialect;
  readonly #onFailure: OnFailure;
  readonly #hasTools: boolean;
  #answer: ShownAnswer | undefined;
  #isBegun = false;
  #isWholeBegun = false;
  #isCommitted = false;
  #next: 'restart' | 'continue' | undefined;
  /** UTF-8 bytes of text that stay shown from attempts before the one that goes on. */
  continuedBytes = 0;

  constructor(dialect: Dialect, onFailure: OnFailure, hasTools: boolean) {
    this.#dialect = dialect;
    this.#onFailure = onFailure;
    this.#hasTools = hasTools;
  }

  /** Has the client the status and the beginning of a stream? */
  get isBegun(): boolean {
    return this.#isBegun;
  }

  /** What the next attempt does that goes on after a failure: nothing but its answer unless said. */
  get next(): 'restart' | 'continue' | undefined {
    return this.#next;
  }

  get level(): CommitLevel {
    if (this.#isWholeBegun) return 'other';
    if (!this.#isBegun) return 'nothing';
    return this.#answer?.level ?? 'other';
  }

  get soFar(): AnswerSoFar | undefined {
    return this.#isBegun ? this.#answer?.soFar : undefined;
  }

  /** The text to go on with. */
  get text(): string {
    return this.#answer?.text.text ?? '';
  }

  /** Complete calls, where there are any: for the error that ends the answer. */
  get salvage(): readonly CompleteCall[] | undefined {
    const calls = this.#answer?.completeCalls ?? [];
    return calls.length === 0 ? undefined : calls;
  }

  /** What may follow the failure of an attempt. Called once for each that failed and may be followed by another. */
  goOn(): WayOn {
    const way = this.#wayOn();
    if (way === 'restart' || way === 'continue') this.#next = way;
    return way;
  }

  #wayOn(): WayOn {
    // Nothing was added since the last failure, so it is still to be gone on as then.
    if (this.#next !== undefined) return this.#next;
    const way = wayOn(this.level, this.#onFailure);
    if (way !== 'continue') return way;
    const { text, isPlain } = this.#answer!.text; // There is a level of text.
    return isPlain && canBeContinued(text) ? way : 'end';
  }

  /** The client gets bytes of the answer. */
  wrote(bytes: Buffer): void {
    this.#answer?.pass(bytes);
  }

  /** Status and headers were sent. Until there is content, another attempt may take over, so what was sent is kept. */
  begun(): void {
    this.#isBegun = true;
    this.#answer ??= this.#newAnswer();
  }

  /** A part of a whole answer is about to be sent: nobody else can write the rest of its document. */
  wholeBegun(): void {
    this.#isWholeBegun = true;
  }

  /** Content is about to be sent. From now on only those need to know what was shown who may do something with it. */
  committed(): void {
    this.#isBegun = true;
    if (this.#isCommitted) return;
    this.#isCommitted = true;
    if (this.#onFailure === 'error' && !this.#hasTools) this.#answer = undefined;
    else this.#answer ??= this.#newAnswer();
  }

  #newAnswer(): ShownAnswer {
    return new ShownAnswer(this.#dialect, { keepsText: this.#onFailure === 'continue' });
  }

  /** The next attempt has something to show: the client is told. */
  noticed(notice: StreamNotice, bytes: Buffer): void {
    this.#answer?.pass(bytes);
    if (notice.type === 'restart') {
      this.#answer?.restarted();
      this.continuedBytes = 0;
    } else {
      // What the next author says again is counted with its own words.
      const again = Buffer.byteLength(this.text.slice(this.text.length - notice.overlap));
      this.continuedBytes = notice.offsetBytes - again;
    }
    this.#next = undefined;
  }
}
