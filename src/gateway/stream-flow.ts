import type { Fault } from '../completion/fault.ts';
import type { EventPlace } from '../dialects/answer-so-far.ts';
import type { AnswerFacts } from '../dialects/dialect.ts';
import type { Delivery } from './attempt.ts';
import type { Progressing } from './progress-notes.ts';
import type { ReceiverContext } from './receiver-context.ts';

/** Bytes of an answer that are held back, so that one which breaks at once can still come from elsewhere. */
export const holdBackBytesMax = 64 * 1024;
/** How long what comes before the content of a stream is held back. */
export const quietMsMax = 250;

interface FlowingAnswer extends Progressing {
  readonly facts: AnswerFacts;
  readonly place?: EventPlace | undefined;
}

/** Gives a streamed answer to its client: status and quiet events once some time has passed, content at once or after the
 *  hold-back of the route, and before it, where the client has an answer that broke off, what is to be said about that. */
export class StreamFlow {
  /** The client has content of this attempt. */
  committed = false;
  readonly #context: ReceiverContext;
  readonly #head: { readonly status: number; readonly headers: string[] };
  readonly #answer: FlowingAnswer;
  readonly #startedAtMs: number;
  #early: Buffer[] = [];
  #earlyBytes = 0;
  /** This attempt's quiet events go to the client as they come. */
  #isBegun = false;
  #holdTimer: NodeJS.Timeout | undefined;

  constructor(
    context: ReceiverContext,
    head: { readonly status: number; readonly headers: string[] },
    answer: FlowingAnswer,
  ) {
    this.#context = context;
    this.#head = head;
    this.#answer = answer;
    this.#startedAtMs = context.deadlines.nowMs;
  }

  /** Bytes in which a user would see nothing yet. */
  quiet(bytes: Buffer): void {
    if (this.committed) this.#write(bytes);
    else if (this.#isBegun) this.#show(bytes);
    else if (this.#keep(bytes)) this.#begin();
  }

  content(bytes: Buffer): void {
    if (this.committed) {
      this.#write(bytes);
      return;
    }
    if (this.#keep(bytes) || this.#isHeldLongEnough()) this.#commit();
  }

  tick(nowMs: number): void {
    if (this.committed) {
      this.#context.progress.tick(nowMs, this.#answer);
    } else if (!this.#isBegun && this.#holdTimer === undefined && this.#earlyBytes > 0) {
      if (nowMs - this.#startedAtMs >= quietMsMax) this.#begin();
    }
  }

  /** The rest of the answer, to be given once its end is in the journal. */
  delivery(last: Buffer | undefined): Delivery {
    this.#stopHolding();
    if (this.committed) return { head: undefined, last, whole: false, cut: false };
    const { client } = this.#context;
    const rest = Buffer.concat([this.#notice() ?? empty, ...this.#early, last ?? empty]);
    if (client.headersSent) return { head: undefined, last: rest, whole: false, cut: false };
    return { head: this.#head, last: rest, whole: true, cut: false };
  }

  /** The error that ends a stream of which the client has content; undefined when it has none of it. */
  broken(fault: Fault): Delivery | undefined {
    this.#stopHolding();
    if (!this.committed) return undefined;
    const { dialect, exchangeId, streamForm, showing } = this.#context;
    const { place } = this.#answer;
    return this.delivery(dialect.encodeStreamFault(fault, { exchangeId, streamForm, salvage: showing.salvage, place }));
  }

  /** Is it more than may be kept? */
  #keep(bytes: Buffer): boolean {
    this.#early.push(bytes);
    this.#earlyBytes += bytes.length;
    return this.#earlyBytes > holdBackBytesMax;
  }

  #isHeldLongEnough(): boolean {
    const { holdBack } = this.#context;
    if (holdBack === undefined || this.#answer.facts.contentBytes >= holdBack.contentBytes) return true;
    this.#holdTimer ??= setTimeout(() => this.#commit(), holdBack.ms);
    return false;
  }

  #stopHolding(): void {
    clearTimeout(this.#holdTimer);
  }

  /** Headers and quiet events. What is still to be announced waits for content, since the attempt may yet fail unseen. */
  #begin(): void {
    if (this.#context.resume?.notice !== undefined) {
      // So many events without content are not waited for any longer.
      if (this.#earlyBytes > holdBackBytesMax) this.#commit();
      return;
    }
    this.#isBegun = true;
    this.#sendHead();
    this.#context.showing.begun();
    this.#show(this.#takeEarly());
  }

  #commit(): void {
    this.#stopHolding();
    this.committed = true;
    this.#sendHead();
    const { showing, progress } = this.#context;
    showing.committed();
    const notice = this.#notice();
    if (notice !== undefined) this.#context.client.write(notice);
    this.#show(this.#takeEarly());
    progress.committed(this.#answer);
  }

  #takeEarly(): Buffer {
    const bytes = this.#early.length === 1 ? this.#early[0]! : Buffer.concat(this.#early);
    this.#early = [];
    this.#earlyBytes = 0;
    return bytes;
  }

  #sendHead(): void {
    const { client, finishHead } = this.#context;
    if (client.headersSent) return;
    client.begin(this.#head.status, finishHead(this.#head.headers, this.#answer.facts.servedModel));
  }

  #notice(): Buffer | undefined {
    const { resume, dialect, exchangeId, streamForm, showing } = this.#context;
    if (resume?.notice === undefined) return undefined;
    const notice = resume.notice(this.#answer.facts.servedModel);
    const { soFar, createdAtMs } = resume;
    const bytes = dialect.encodeNotice(notice, soFar, { exchangeId, streamForm, createdAtMs });
    showing.noticed(notice, bytes);
    return bytes;
  }

  #write(bytes: Buffer): void {
    this.#show(bytes);
    this.#context.progress.passed(bytes.length, this.#answer);
  }

  #show(bytes: Buffer): void {
    this.#context.client.write(bytes);
    this.#context.showing.wrote(bytes);
  }
}

const empty = Buffer.alloc(0);
