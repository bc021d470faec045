import type { CompletionEvent } from '../completion/event.ts';
import type { Fault } from '../completion/fault.ts';
import type { Loss, LossLedger } from '../completion/loss.ts';
import type { DialectProfile, ReasoningForm } from '../completion/profile.ts';
import type { CompletionRequest, DialectName } from '../completion/request.ts';
import type { ProviderCost, UsageCounts, UsageSlices } from '../completion/usage.ts';
import type { HostedToolCalls } from '../metering/tool-bounds.ts';
import type { AnswerSoFar, CompleteCall, EventPlace, StreamNotice, StreamPlaceReader } from './answer-so-far.ts';
import type { AnswerForm } from './lower/answer-form.ts';
import type { MediaCounts } from './media-bytes.ts';
import type { Edit } from './splice.ts';

/** One wire format, both directions. Every folder in dialects/ exports one of these from dialect.ts; all have the same
 *  files: scan.ts, observe.ts and fault.ts for bytes that pass, decode-request.ts, encode-request.ts, decode-answer.ts and
 *  encode-answer.ts for translation, usage.ts for what was used. */
export interface Dialect {
  readonly name: DialectName;
  /** What the API itself takes, as its maker documents it; providers differ from it. */
  readonly profile: DialectProfile;
  /** Media type of its streams, without parameters. */
  readonly streamType: 'text/event-stream' | 'application/vnd.amazon.eventstream';

  /** Reads what the walk needs from a request body in one pass over its bytes, and checks it: valid UTF-8 and JSON, no
   *  NUL, depth ≤ 128, no duplicate of a field it reads. Throws Fault. Does not look at fields it does not need. `named`: what
   *  the path says, where the dialect has the model there. */
  scanRequest(body: Buffer, named?: PathFacts): RequestScan;
  /** Same dialect: the client's bytes with the model name and, where needed, the usage flag spliced. */
  spliceRequest(body: Buffer, scan: RequestScan, splice: RequestSplice): Buffer;

  /** Tools that the provider runs itself, named in the request. Absent where a request need not name them. */
  hostedTools?(body: Buffer, scan: RequestScan): readonly HostedToolCalls[];

  /** What of a client's bytes is ours and means nothing to a provider of this dialect; undefined when there is none, absent
   *  where a dialect has no place for such. */
  withoutEnvelopes?(body: Buffer, scan: RequestScan, form: () => ReasoningForm): EnvelopeEdits | undefined;

  /** Reads a whole request into the middle. Throws Fault('translation_unsupported') naming a feature the middle cannot
   *  carry yet, Fault('parameter_invalid' | 'parameter_missing') for wrong values. `named` as for its scan. */
  decodeRequest(body: Buffer, losses: LossLedger, named?: PathFacts): CompletionRequest;
  /** Writes a request for a provider of this dialect. What it cannot carry goes to `losses`. */
  encodeRequest(request: CompletionRequest, target: RequestTarget, losses: LossLedger): Buffer;
  /** Headers of the dialect that what `encodeRequest` writes needs, names and values in turn; absent when it has none. */
  requestHeaders?(request: CompletionRequest, target: RequestTarget): readonly string[];

  /** Whole answers: usage, finish and served model, without translating. */
  observeAnswer(body: Buffer): AnswerFacts;
  /** Streams, same dialect: watches bytes pass. */
  observeStream(options: ObserveOptions): StreamObserver;

  /** A provider's whole answer as the event stream it is the fold of; one `error` event when it is none. What the
   *  middle cannot carry goes to `losses`, here and in the streams, once each. */
  decodeAnswer(body: Buffer, losses: LossLedger): CompletionEvent[];
  /** An event over `eventBytesMax` (8 MiB unless said) is malformed. */
  decodeStream(losses: LossLedger, eventBytesMax?: number): StreamDecoder;
  /** Folds events to a whole answer in this dialect. Throws the fault of an `error` event. */
  encodeAnswer(events: readonly CompletionEvent[], context: AnswerContext): Buffer;
  encodeStream(context: AnswerContext): StreamEncoder;

  /** Reads a provider's error response (status ≥ 400, any body, also HTML or nothing). Never throws. */
  decodeFault(response: FaultResponse): Fault;
  /** Writes a fault as this dialect's clients expect it. */
  encodeFault(fault: Fault, context: FaultContext): FaultAnswer;
  /** The terminal event of a stream that fails after it began. */
  encodeStreamFault(fault: Fault, context: FaultContext): Buffer;
  /** A notice inside a stream, as an event that clients who do not know it pass over. A restart closes the open block. */
  encodeNotice(notice: StreamNotice, soFar: AnswerSoFar, context: NoticeContext): Buffer;
  /** Another provider's stream of this dialect, so that it goes on with an answer that was begun: takes whole events, and
   *  gives them changed. Absent where nothing of an event depends on what came before it. `placed` is told where the stream
   *  stands, where the dialect numbers its events. */
  resumeStream?(soFar: AnswerSoFar, placed?: (place: EventPlace) => void): (events: Buffer) => Buffer;
  /** Where the dialect numbers its events and names its items. */
  readPlace?(): StreamPlaceReader;
}

/** What the path of a request says, in dialects that name the model there and not in the body. */
export interface PathFacts {
  readonly requestedModel: string;
  readonly stream: boolean;
  /** Of a stream: one JSON list that grows, where the dialect has that beside its events (Gemini without `alt=sse`). */
  readonly streamForm?: StreamForm | undefined;
}

export type StreamForm = 'events' | 'list';

export interface RequestScan {
  /** As it was given to the scan. */
  readonly named?: PathFacts | undefined;
  readonly requestedModel: string;
  /** Byte offsets of the JSON string that holds the model name, quotes included. Absent when the model is in the path. */
  readonly modelAt: ByteRange | undefined;
  readonly stream: boolean;
  /** Did the client ask for usage in its stream? True for dialects that always send it. */
  readonly streamUsage: boolean;
  /** Of the value of `stream_options`, where the dialect has it and the client sent it. */
  readonly streamOptionsAt: ByteRange | undefined;
  /** The output limit named, of one answer; undefined when none. Where a dialect has two words for it and both are
   *  named, the larger, since hosts differ in which one they obey. */
  readonly outputTokensMax: number | undefined;
  /** Byte offsets of the value (a number or null), for a declared lowering; undefined when none was named. */
  readonly outputTokensMaxAt: ByteRange | undefined;
  /** The same of the second word. */
  readonly outputTokensMaxAlsoAt: ByteRange | undefined;
  /** How many answers are asked for (`n`); 1 unless said. */
  readonly answers: number;
  /** Parts whose tokens their bytes do not bound: images, documents and audio. */
  readonly media: MediaCounts;
  /** Does it define tools? Providers add a hidden prompt for them. */
  readonly hasTools: boolean;
  /** Of the value of `tools`, where the dialect names there what the provider runs itself. */
  readonly toolsAt: ByteRange | undefined;
  readonly serviceTier: string | undefined;
  /** What the client says its requests share a prompt cache by, where the dialect has a word for it. */
  readonly cacheKey?: string | undefined;
  /** Blocks of earlier thinking, where the dialect has such. */
  readonly thinkingBlocks: number;
}

export interface ByteRange {
  readonly start: number;
  /** Exclusive. */
  readonly end: number;
}

export interface EnvelopeEdits {
  readonly edits: readonly Edit[];
  readonly losses: readonly Loss[];
}

export interface RequestSplice {
  readonly targetModel: string;
  /** Ask the provider for usage in the stream although the client did not. */
  readonly askUsage: boolean;
  /** Lower (or set) the output limit, for a hold that would not fit otherwise. */
  readonly outputTokensMax: number | undefined;
  /** Further edits, of places that the others do not touch. */
  readonly more?: readonly Edit[] | undefined;
  /** The word for it where the client named none and the dialect has two; `max_completion_tokens` unless said. */
  readonly outputLimitField?: OutputLimitField;
}

/** The two words of chat completions for an output limit. Hosts differ in which one they know. */
export type OutputLimitField = 'max_completion_tokens' | 'max_tokens';

export interface RequestTarget {
  readonly targetModel: string;
  /** The model's own output bound, for dialects that require one. */
  readonly outputTokensMax: number;
  /** For dialects that have two words for a limit; `max_completion_tokens` unless said. */
  readonly outputLimitField?: OutputLimitField;
  /** Does the provider take `stream_options`? Unless said it does; one that does not sends usage unasked. */
  readonly streamOptions?: boolean;
  /** What this provider takes; the dialect's own profile unless said. */
  readonly profile?: DialectProfile;
}

export interface AnswerFacts {
  readonly servedModel: string | undefined;
  readonly usage: UsageSlices | undefined;
  readonly rawUsage: unknown;
  readonly serviceTier: string | undefined;
  /** Why the usage does not add up; such a reading is quarantined. */
  readonly identityBroken: string | undefined;
  /** What was used beside tokens; where it was served, when that decides the price; what the provider says it cost. */
  readonly counts: UsageCounts | undefined;
  readonly region: string | undefined;
  readonly providerCost: ProviderCost | undefined;
  readonly finishRaw: string | undefined;
  /** UTF-8 bytes of content: text, arguments, reasoning. */
  readonly contentBytes: number;
  /** An error inside a 200, or an answer that is none. */
  readonly fault: Fault | undefined;
  /** Stream events that could not be read. They pass to a client of the same dialect as they are. */
  readonly malformedEvents: number;
}

export interface ObserveOptions {
  /** Usage was asked for by us, not by the client: remove the chunk that carries only usage. */
  readonly stripUsage: boolean;
  /** `events` unless said. */
  readonly streamForm?: StreamForm | undefined;
  /** A larger event is `upstream_malformed`; 8 MiB unless said. */
  readonly eventBytesMax?: number;
}

/** Watches one same-dialect stream. Bytes go out in order and unchanged, but for a stripped usage chunk. */
export interface StreamObserver {
  /** Takes the next upstream bytes and says what may go to the client now. */
  push(chunk: Buffer): StreamStep;
  /** The upstream ended. A last event that lacks only its blank line still counts, and leaves with one. Half an event
   *  is not passed: no client could read it, and it would spoil the error event that follows. The stream was cut
   *  unless the state is `ended` or `failed`. */
  finish(): StreamStep;
  /** What is known so far; after the terminal event, all of it. */
  readonly facts: AnswerFacts;
  /** Output bytes of content relayed after the last usage report, for estimates. */
  readonly contentBytesSinceUsage: number;
  /** Where the stream stands, where the dialect numbers its events. */
  readonly place?: EventPlace | undefined;
}

export interface StreamStep {
  /** Bytes that may go to the client now; undefined when none. */
  readonly pass: Buffer | undefined;
  /** Bytes from the terminal event on: they wait until the journal has the end of the exchange. */
  readonly held: Buffer | undefined;
  /** nothing: only comments, role or head events so far. content: something a user would see has come.
   *  ended: the terminal event is in `held`. failed: facts.fault says why, and the provider's own error event is in
   *  `held`; nothing is held when the stream broke a bound, and the caller writes the error event. */
  readonly state: 'nothing' | 'content' | 'ended' | 'failed';
}

export interface StreamDecoder {
  push(chunk: Buffer): CompletionEvent[];
  /** The upstream ended; a stream without its terminal event yields an `error` event of `upstream_truncated`. */
  finish(): CompletionEvent[];
  readonly facts: AnswerFacts;
  readonly contentBytesSinceUsage: number;
}

export interface StreamEncoder {
  /** The bytes of one event in the client's dialect; empty when the event has none there. */
  push(event: CompletionEvent): Buffer;
  /** Where the stream stands, where the dialect numbers its events. */
  readonly place?: EventPlace | undefined;
}

export interface AnswerContext {
  readonly exchangeId: string;
  /** The model name to show when the provider named none. */
  readonly targetModel: string;
  readonly createdAtMs: number;
  /** The clock, for dialects that tell how long an answer took; without one they do not. */
  readonly nowMs?: (() => number) | undefined;
  readonly streamUsage: boolean;
  /** Of a stream; `events` unless said. */
  readonly streamForm?: StreamForm | undefined;
  /** For dialects that promise input tokens at the start of a stream. */
  readonly inputTokensEstimate: number;
  /** What the client's dialect cannot carry of the answer. */
  readonly losses: LossLedger;
  /** How the client knows its tools; as they were sent unless said. */
  readonly form?: AnswerForm;
  /** Of a stream: what the client has already of this message. */
  readonly resumes?: AnswerSoFar | undefined;
  /** The client's request, for dialects whose answers repeat parts of it. */
  readonly requestBody?: Buffer | undefined;
}

export interface FaultResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  readonly body: Buffer;
  readonly nowMs: number;
}

export interface FaultContext {
  readonly exchangeId: string;
  /** Of a stream; `events` unless said. */
  readonly streamForm?: StreamForm | undefined;
  /** Of a stream: calls that came whole before it broke off. */
  readonly salvage?: readonly CompleteCall[] | undefined;
  /** Of a stream: where it stands, where the dialect numbers its events. */
  readonly place?: EventPlace | undefined;
}

export interface NoticeContext {
  readonly exchangeId: string;
  /** `events` unless said. */
  readonly streamForm?: StreamForm | undefined;
  readonly createdAtMs: number;
}

export interface FaultAnswer {
  readonly status: number;
  readonly contentType: string;
  readonly body: Buffer;
  /** Names and values in turn, where the dialect's clients read more than the body. */
  readonly headers?: readonly string[];
}
