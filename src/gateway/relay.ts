import { Fault } from '../completion/fault.ts';
import type { EventPlace } from '../dialects/answer-so-far.ts';
import type { AnswerFacts, StreamObserver } from '../dialects/dialect.ts';
import { relayHeaders } from './answer-headers.ts';
import type { AnswerReceiver, Attempt, AttemptResult, Delivery } from './attempt.ts';
import type { ReceiverContext } from './receiver-context.ts';
import { holdBackBytesMax, StreamFlow } from './stream-flow.ts';

/** How long a stream may take to close its connection after its terminal event. */
export const closeGraceMs = 200;

/** Same dialect, streamed: bytes through. The terminal event waits for the journal. */
export class StreamRelay implements AnswerReceiver {
  readonly #attempt: Attempt;
  readonly #context: ReceiverContext;
  readonly #observer: StreamObserver;
  readonly #flow: StreamFlow;
  /** Changes events so that they go on with what the client has; undefined where they can pass as they are. */
  readonly #resumed: ((events: Buffer) => Buffer) | undefined;
  #resumedPlace: EventPlace | undefined;
  #held: Buffer | undefined;
  #endedAtMs: number | undefined;

  constructor(attempt: Attempt, context: ReceiverContext, status: number, headers: AttemptResult['headers']) {
    this.#attempt = attempt;
    this.#context = context;
    this.#observer = context.dialect.observeStream({
      stripUsage: context.stripUsage,
      streamForm: context.streamForm,
      eventBytesMax: context.limits.eventBytesMax,
    });
    this.#flow = new StreamFlow(context, { status, headers: relayHeaders(headers, false) }, this.#observer);
    if (context.resume !== undefined) {
      this.#resumed = context.dialect.resumeStream?.(context.resume.after, place => {
        this.#resumedPlace = place;
      });
    }
  }

  get committed(): boolean {
    return this.#flow.committed;
  }

  get facts(): AnswerFacts {
    return this.#observer.facts;
  }

  get contentBytesSinceUsage(): number {
    return this.#observer.contentBytesSinceUsage;
  }

  get place(): EventPlace | undefined {
    return this.#resumedPlace ?? this.#observer.place;
  }

  data(chunk: Buffer): void {
    this.#take(this.#observer.push(chunk));
  }

  end(): void {
    if (this.#endedAtMs === undefined) this.#take(this.#observer.finish());
    if (this.#endedAtMs !== undefined) {
      this.#attempt.succeed(this.#flow.delivery(this.#held));
      return;
    }
    this.#attempt.fail(new Fault('upstream_truncated'));
  }

  tick(nowMs: number): void {
    if (this.#endedAtMs !== undefined && nowMs - this.#endedAtMs >= closeGraceMs) {
      this.#attempt.succeed(this.#flow.delivery(this.#held));
    } else this.#flow.tick(nowMs);
  }

  broken(fault: Fault): Delivery | undefined {
    return this.#flow.broken(fault);
  }

  #take(step: ReturnType<StreamObserver['push']>): void {
    const { state } = step;
    if (step.held !== undefined) this.#hold(step.held);
    // Once content is sent, an event that cannot be read passes as it is, unless more than that was asked for; before,
    // another deployment may do better.
    const mayPass = this.committed && !this.#context.recovers;
    if (state !== 'failed' && !mayPass && this.#observer.facts.malformedEvents > 0) {
      this.#attempt.fail(new Fault('upstream_malformed'));
      return;
    }
    if (step.pass !== undefined) {
      const bytes = this.#resumed === undefined ? step.pass : this.#resumed(step.pass);
      if (state === 'content') this.#flow.content(bytes);
      else this.#flow.quiet(bytes);
    }
    if (state === 'failed') this.#failed();
    else if (state === 'ended') this.#ended();
  }

  #hold(bytes: Buffer): void {
    const held = this.#resumed === undefined ? bytes : this.#resumed(bytes);
    this.#held = this.#held === undefined ? held : Buffer.concat([this.#held, held]);
  }

  #failed(): void {
    const fault = this.#observer.facts.fault ?? new Fault('upstream_error');
    // Once content is sent, the provider's own error event is the end of the stream, as it is: unless there is something
    // to say beside it.
    const isOwn = this.committed && this.#held !== undefined && this.#context.showing.salvage === undefined;
    this.#attempt.fail(fault, isOwn ? this.#flow.delivery(this.#held) : this.broken(fault));
  }

  #ended(): void {
    this.#endedAtMs ??= this.#context.deadlines.nowMs;
    // After the terminal event a provider has nothing to say; one that goes on is not waited for.
    if (this.#held !== undefined && this.#held.length > holdBackBytesMax) {
      this.#attempt.succeed(this.#flow.delivery(this.#held));
    }
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
    if (this.#bytes > holdBackBytesMax && !this.#context.recovers) this.#commit();
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
    const { client, progress, showing } = this.#context;
    showing.wholeBegun();
    client.begin(this.#status, this.#context.finishHead(relayHeaders(this.#headers, true), undefined));
    for (const chunk of this.#chunks.slice(0, -1)) client.write(chunk);
    progress.committed(this);
  }
}
