import type { CompletionEvent } from '../completion/event.ts';
import { Fault } from '../completion/fault.ts';
import type { EventPlace } from '../dialects/answer-so-far.ts';
import type { AnswerContext, AnswerFacts, Dialect, StreamDecoder, StreamEncoder } from '../dialects/dialect.ts';
import { plainForm, restoreAnswer, restoreStream } from '../dialects/lower/answer-form.ts';
import type { AnswerReceiver, Attempt, Delivery } from './attempt.ts';
import type { ReceiverContext } from './receiver-context.ts';
import { closeGraceMs } from './relay.ts';
import { type ReasoningSealer, SealingEncoder } from './seal-reasoning.ts';
import { SeamGuard } from './seam-guard.ts';
import { StreamFlow } from './stream-flow.ts';

/** What the answer of one attempt is written with. */
export interface AnswerTranslation {
  readonly answer: AnswerContext;
  readonly sealer: ReasoningSealer;
  /** Of the provider, in the client's words; raw. */
  readonly headers: readonly string[];
}

/** Across dialects, streamed: the provider's events decoded, and each written in the client's dialect. */
export class StreamTranslation implements AnswerReceiver {
  readonly #attempt: Attempt;
  readonly #context: ReceiverContext;
  readonly #decoder: StreamDecoder;
  readonly #encoder: StreamEncoder;
  readonly #flow: StreamFlow;
  readonly #seam: SeamGuard | undefined;
  /** Content came; of what the client's dialect writes only once it is whole, nothing may have been sent of it yet. */
  #sawContent = false;
  #end: Buffer | undefined;
  #endedAtMs: number | undefined;

  constructor(
    attempt: Attempt,
    context: ReceiverContext,
    from: Dialect,
    { answer, sealer, headers }: AnswerTranslation,
  ) {
    this.#attempt = attempt;
    this.#context = context;
    const decoder = from.decodeStream(answer.losses, context.limits.eventBytesMax);
    this.#decoder = restoreStream(decoder, answer.form ?? plainForm);
    this.#encoder = new SealingEncoder(context.dialect.encodeStream(answer), sealer);
    this.#flow = new StreamFlow(
      context,
      { status: 200, headers: [...streamHead(context.dialect, answer), ...headers] },
      this,
    );
    if (context.resume?.seam !== undefined) this.#seam = new SeamGuard(context.resume.seam);
  }

  get committed(): boolean {
    return this.#flow.committed;
  }

  get facts(): AnswerFacts {
    return this.#decoder.facts;
  }

  get contentBytesSinceUsage(): number {
    return this.#decoder.contentBytesSinceUsage;
  }

  get place(): EventPlace | undefined {
    return this.#encoder.place;
  }

  data(chunk: Buffer): void {
    if (this.#end === undefined) this.#take(this.#decoder.push(chunk));
  }

  end(): void {
    if (this.#end === undefined) this.#take(this.#decoder.finish());
    if (this.#end === undefined) {
      this.#attempt.fail(new Fault('upstream_truncated'));
      return;
    }
    this.#attempt.succeed(this.#flow.delivery(this.#end));
  }

  tick(nowMs: number): void {
    if (this.#endedAtMs !== undefined && nowMs - this.#endedAtMs >= closeGraceMs) {
      this.#attempt.succeed(this.#flow.delivery(this.#end)); // set with #endedAtMs
      return;
    }
    this.#flow.tick(nowMs);
  }

  broken(fault: Fault): Delivery | undefined {
    return this.#flow.broken(fault);
  }

  /** All events of one chunk leave in one write. */
  #take(decoded: readonly CompletionEvent[]): void {
    const events = this.#seam === undefined ? decoded : this.#seam.pass(decoded);
    const pieces: Buffer[] = [];
    for (const event of events) {
      if (event.type === 'error') {
        this.#send(pieces);
        this.#attempt.fail(event.fault);
        return;
      }
      const bytes = this.#encoder.push(event);
      // The terminal event of every dialect is what message-end becomes; it waits for the journal.
      if (event.type === 'message-end') {
        this.#end = bytes;
        this.#endedAtMs = this.#context.deadlines.nowMs;
      } else if (bytes.length > 0) pieces.push(bytes);
      this.#sawContent ||= isContent(event);
    }
    this.#send(pieces);
  }

  #send(pieces: readonly Buffer[]): void {
    const bytes = pieces.length === 1 ? pieces[0]! : Buffer.concat(pieces);
    if (this.#sawContent && bytes.length > 0 && this.#end === undefined) this.#flow.content(bytes);
    else this.#flow.quiet(bytes);
  }
}

/** A block of text opens empty; a call opens with its name. */
function isContent(event: CompletionEvent): boolean {
  if (event.type === 'block-open') return event.block.type === 'call';
  return event.type === 'text-delta' || event.type === 'arguments-delta';
}

function streamHead({ streamType }: Dialect, { streamForm }: AnswerContext): string[] {
  let type: string = streamType;
  if (streamForm === 'list') type = 'application/json; charset=utf-8';
  else if (streamType === 'text/event-stream') type = 'text/event-stream; charset=utf-8';
  return ['content-type', type, 'cache-control', 'no-cache'];
}

/** Across dialects, whole: the provider's answer decoded to events, and folded to an answer in the client's dialect. */
export class WholeTranslation implements AnswerReceiver {
  readonly committed = false;
  facts: AnswerFacts | undefined;
  readonly #attempt: Attempt;
  readonly #context: ReceiverContext;
  readonly #from: Dialect;
  readonly #answer: AnswerContext;
  readonly #sealer: ReasoningSealer;
  readonly #head: string[];
  readonly #chunks: Buffer[] = [];
  #bytes = 0;

  constructor(
    attempt: Attempt,
    context: ReceiverContext,
    from: Dialect,
    { answer, sealer, headers }: AnswerTranslation,
  ) {
    this.#head = ['content-type', 'application/json', ...headers];
    this.#sealer = sealer;
    this.#attempt = attempt;
    this.#context = context;
    this.#from = from;
    this.#answer = answer;
  }

  get contentBytesSinceUsage(): number {
    return this.facts?.usage === undefined ? (this.facts?.contentBytes ?? this.#bytes) : 0;
  }

  data(chunk: Buffer): void {
    this.#bytes += chunk.length;
    this.#chunks.push(chunk);
    if (this.#bytes > this.#context.limits.responseBytesMax) {
      this.#attempt.fail(new Fault('upstream_response_too_large'));
    }
  }

  end(): void {
    const body = this.#chunks.length === 1 ? this.#chunks[0]! : Buffer.concat(this.#chunks);
    this.facts = this.#from.observeAnswer(body);
    if (this.facts.fault !== undefined) {
      this.#attempt.fail(this.facts.fault);
      return;
    }
    let last: Buffer;
    try {
      const events = this.#from.decodeAnswer(body, this.#answer.losses);
      const restored = restoreAnswer(events, this.#answer.form ?? plainForm);
      last = this.#context.dialect.encodeAnswer(this.#sealer.passAll(restored), this.#answer);
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      this.#attempt.fail(error);
      return;
    }
    const head = { status: 200, headers: this.#head };
    this.#attempt.succeed({ head, last, whole: true, cut: false });
  }

  tick(): void {}

  broken(): Delivery | undefined {
    return undefined;
  }
}
