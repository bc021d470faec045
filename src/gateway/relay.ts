import { Fault } from '../completion/fault.ts';
import type { AnswerFacts, StreamObserver } from '../dialects/dialect.ts';
import { relayHeaders } from './answer-headers.ts';
import type { AnswerReceiver, Attempt, AttemptResult, Delivery } from './attempt.ts';
import type { ReceiverContext } from './receiver-context.ts';

/** Bytes of an answer that are held back, so that one which breaks at once can still come from elsewhere. */
export const holdBackBytesMax = 64 * 1024;
/** And for how long, when it is a stream. */
export const holdBackMsMax = 250;
/** How long a stream may take to close its connection after its terminal event. */
export const closeGraceMs = 200;

/** Same dialect, streamed: bytes through. The terminal event waits for the journal. */
export class StreamRelay implements AnswerReceiver {
  committed = false;
  readonly #attempt: Attempt;
  readonly #context: ReceiverContext;
  readonly #head: { readonly status: number; readonly headers: string[] };
  readonly #observer: StreamObserver;
  readonly #startedAtMs: number;
  #early: Buffer[] = [];
  #earlyBytes = 0;
  #held: Buffer | undefined;
  #endedAtMs: number | undefined;

  constructor(attempt: Attempt, context: ReceiverContext, status: number, headers: AttemptResult['headers']) {
    this.#attempt = attempt;
    this.#context = context;
    this.#head = { status, headers: relayHeaders(headers, false) };
    this.#observer = context.dialect.observeStream({
      stripUsage: context.stripUsage,
      eventBytesMax: context.limits.eventBytesMax,
    });
    this.#startedAtMs = context.deadlines.nowMs;
  }

  get facts(): AnswerFacts {
    return this.#observer.facts;
  }

  get contentBytesSinceUsage(): number {
    return this.#observer.contentBytesSinceUsage;
  }

  data(chunk: Buffer): void {
    this.#take(this.#observer.push(chunk));
  }

  end(): void {
    if (this.#endedAtMs === undefined) this.#take(this.#observer.finish());
    if (this.#endedAtMs !== undefined) {
      this.#attempt.succeed(this.#delivery(this.#held));
      return;
    }
    this.#attempt.fail(new Fault('upstream_truncated'));
  }

  tick(nowMs: number): void {
    if (this.#endedAtMs !== undefined && nowMs - this.#endedAtMs >= closeGraceMs) {
      this.#attempt.succeed(this.#delivery(this.#held));
    } else if (!this.committed && this.#earlyBytes > 0 && nowMs - this.#startedAtMs >= holdBackMsMax) {
      this.#commit();
    }
    if (this.committed) this.#context.progress.tick(nowMs, this.#observer);
  }

  broken(fault: Fault): Delivery | undefined {
    if (!this.committed) return undefined;
    return this.#delivery(this.#context.dialect.encodeStreamFault(fault, { exchangeId: this.#context.exchangeId }));
  }

  #take(step: ReturnType<StreamObserver['push']>): void {
    if (step.pass !== undefined) this.#pass(step.pass);
    if (step.held !== undefined)
      this.#held = this.#held === undefined ? step.held : Buffer.concat([this.#held, step.held]);
    if (step.state === 'nothing') return;
    if (step.state === 'failed') {
      const fault = this.#observer.facts.fault ?? new Fault('upstream_error');
      // After the commit point the provider's own error event is the end of the stream, as it is.
      const own = this.committed && this.#held !== undefined ? this.#delivery(this.#held) : undefined;
      this.#attempt.fail(fault, own ?? this.broken(fault));
      return;
    }
    // Once committed, an event that cannot be read passes as it is; before, another deployment may do better.
    if (!this.committed && this.#observer.facts.malformedEvents > 0) {
      this.#attempt.fail(new Fault('upstream_malformed'));
      return;
    }
    if (step.state === 'ended') this.#ended();
    else if (!this.committed) this.#commit();
  }

  #ended(): void {
    this.#endedAtMs ??= this.#context.deadlines.nowMs;
    // After the terminal event a provider has nothing to say; one that goes on is not waited for.
    if (this.#held !== undefined && this.#held.length > holdBackBytesMax) {
      this.#attempt.succeed(this.#delivery(this.#held));
    }
  }

  #pass(bytes: Buffer): void {
    if (this.committed) {
      this.#context.client.write(bytes);
      this.#context.progress.passed(bytes.length, this.#observer);
      return;
    }
    this.#early.push(bytes);
    this.#earlyBytes += bytes.length;
    if (this.#earlyBytes > holdBackBytesMax) this.#commit();
  }

  #commit(): void {
    this.committed = true;
    const { client, progress } = this.#context;
    client.begin(this.#head.status, this.#context.finishHead(this.#head.headers, this.#observer.facts.servedModel));
    client.write(this.#early.length === 1 ? this.#early[0]! : Buffer.concat(this.#early));
    this.#early = [];
    progress.committed(this.#observer);
  }

  #delivery(last: Buffer | undefined): Delivery {
    if (this.committed) return { head: undefined, last, whole: false, cut: false };
    return { head: this.#head, last: Buffer.concat([...this.#early, last ?? empty]), whole: true, cut: false };
  }
}

/** Same dialect, whole: bytes through. A small answer is sent with its end; of a large one the last piece waits. */
export class WholeRelay implements AnswerReceiver {
  committed = false;
  facts: AnswerFacts | undefined;
  readonly #attempt: Attempt;
  readonly #context: ReceiverContext;
  readonly #status: number;
  readonly #headers: AttemptResult['headers'];
  readonly #chunks: Buffer[] = [];
  #bytes = 0;

  constructor(attempt: Attempt, context: ReceiverContext, status: number, headers: AttemptResult['headers']) {
    this.#attempt = attempt;
    this.#context = context;
    this.#status = status;
    this.#headers = headers;
  }

  /** Nobody can read a part of a JSON document, so all that came of a broken one counts as not reported. */
  get contentBytesSinceUsage(): number {
    return this.facts?.usage === undefined ? (this.facts?.contentBytes ?? this.#bytes) : 0;
  }

  data(chunk: Buffer): void {
    this.#bytes += chunk.length;
    if (this.#bytes > this.#context.limits.responseBytesMax) {
      this.#attempt.fail(new Fault('upstream_response_too_large'));
      return;
    }
    const previous = this.#chunks.at(-1);
    this.#chunks.push(chunk);
    if (this.committed) {
      this.#context.client.write(previous!);
      this.#context.progress.passed(previous!.length, this);
      return;
    }
    if (this.#bytes > holdBackBytesMax) this.#commit();
  }

  end(): void {
    const body = this.#chunks.length === 1 ? this.#chunks[0]! : Buffer.concat(this.#chunks);
    this.facts = this.#context.dialect.observeAnswer(body);
    const fault = this.facts.fault;
    if (this.committed) {
      const delivery = { head: undefined, last: this.#chunks.at(-1), whole: false, cut: false };
      if (fault === undefined) this.#attempt.succeed(delivery);
      else this.#attempt.fail(fault, delivery);
      return;
    }
    if (fault !== undefined) {
      this.#attempt.fail(fault);
      return;
    }
    const head = { status: this.#status, headers: relayHeaders(this.#headers, false) };
    this.#attempt.succeed({ head, last: body, whole: true, cut: false });
  }

  tick(nowMs: number): void {
    if (this.committed) this.#context.progress.tick(nowMs, this);
  }

  broken(): Delivery | undefined {
    return this.committed ? { head: undefined, last: undefined, whole: false, cut: true } : undefined;
  }

  #commit(): void {
    this.committed = true;
    const { client, progress } = this.#context;
    client.begin(this.#status, this.#context.finishHead(relayHeaders(this.#headers, true), undefined));
    for (const chunk of this.#chunks.slice(0, -1)) client.write(chunk);
    progress.committed(this);
  }
}

const empty = Buffer.alloc(0);
