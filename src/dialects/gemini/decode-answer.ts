import type { CompletionEvent, Finish, FinishReason } from '../../completion/event.ts';
import type { LossLedger } from '../../completion/loss.ts';
import { AnswerEvents } from '../answer-events.ts';
import { readName } from '../answer-tally.ts';
import type { StreamDecoder } from '../dialect.ts';
import { parseBounded } from '../exact-json.ts';
import { EventStreamDecoder, type WireEventDecoder } from '../stream-decoder.ts';
import { isEmpty, isRecord, type WireRecord } from '../wire-values.ts';
import { decodeStreamFault } from './fault.ts';
import { cutterOf, noNames } from './form-cutter.ts';
import { PartialArguments } from './partial-args.ts';
import { fieldsOf } from './proto-json.ts';
import { type OwnSignature, writeSignature } from './signatures.ts';
import { readGeminiUsage } from './usage.ts';
import { asWire, type WireCall, type WireCandidate, type WirePart, type WireResponse } from './wire.ts';

export function decodeAnswer(body: Buffer, losses: LossLedger): CompletionEvent[] {
  const decoder = new ResponseDecoder(losses);
  decoder.decodeWhole(body.toString('utf8'));
  return decoder.events.take();
}

/** Events, or one list that grows: the first byte tells. */
export function decodeStream(losses: LossLedger, eventBytesMax?: number): StreamDecoder {
  return new EventStreamDecoder(new ResponseDecoder(losses), eventBytesMax, cutterOf());
}

interface OpenCall {
  readonly block: number;
  readonly pieces: PartialArguments;
}

/** Reads chunks, and whole answers as one chunk that has everything. */
class ResponseDecoder implements WireEventDecoder {
  readonly eventNames = noNames;
  readonly events: AnswerEvents;
  /** The open block of text or of thoughts. */
  #prose: { readonly type: 'text' | 'reasoning'; readonly block: number } | undefined = undefined;
  /** A call whose arguments come in pieces. */
  #call: OpenCall | undefined = undefined;
  #calls = 0;
  /** Of the last chunk. */
  #hasUsage = false;
  /** Why it ended; usage may still come. */
  #finish: Finish | undefined = undefined;

  constructor(losses: LossLedger) {
    this.events = new AnswerEvents(losses);
  }

  decode(text: string): undefined {
    const chunk = parsed(text);
    if (!isRecord(chunk)) return this.events.malformed('a chunk that is not a JSON object');
    this.#hasUsage = false;
    this.#chunk(asWire<WireResponse>(fieldsOf(chunk)));
    // With both, nothing more can come.
    if (this.#finish !== undefined && this.#hasUsage) this.atEnd();
  }

  /** What ended before its usage came has none. */
  atEnd(): void {
    if (this.events.isOver || this.#finish === undefined) return;
    this.#closeOpen();
    this.events.tally.finishRaw = this.#finish.raw;
    this.events.end(this.#finish);
  }

  decodeWhole(text: string): undefined {
    const answer = parsed(text);
    if (!isRecord(answer)) return this.events.malformed('an answer that is not a JSON object');
    this.#chunk(asWire<WireResponse>(fieldsOf(answer)));
    if (this.events.isOver) return;
    if (!this.events.isStarted) return this.events.malformed('an answer without candidates');
    // A whole answer says everything, or nobody will.
    this.#finish ??= this.#finishOf(undefined, undefined);
    this.atEnd();
  }

  #chunk(chunk: WireResponse): undefined {
    const { events } = this;
    if (chunk.error !== undefined && chunk.error !== null) return events.fail(decodeStreamFault(chunk));
    const candidates = Array.isArray(chunk.candidates) ? chunk.candidates : [];
    const feedback = fieldsOf(chunk.promptFeedback);
    const blocked = readName(feedback['blockReason']);
    if (!events.isStarted && (candidates.length > 0 || blocked !== undefined)) {
      events.start(readName(chunk.responseId) ?? '', readName(chunk.modelVersion), instantMs(chunk.createTime));
    }
    for (const entry of candidates) {
      const candidate = asWire<WireCandidate>(fieldsOf(entry));
      // Only one answer is asked for across dialects.
      if (typeof candidate.index === 'number' && candidate.index !== 0) continue;
      this.#candidate(candidate);
    }
    if (chunk.usageMetadata !== undefined && chunk.usageMetadata !== null) {
      const report = readGeminiUsage(chunk.usageMetadata);
      if (report !== undefined) this.#hasUsage = true;
      events.usage(chunk.usageMetadata, report);
    }
    if (blocked !== undefined && this.#finish === undefined && candidates.length === 0) {
      const detail = filled(feedback['blockReasonMessage']);
      this.#finish = { reason: 'content-filter', raw: blocked, stopSequence: undefined, detail };
    }
  }

  #candidate(candidate: WireCandidate): undefined {
    if (this.#finish !== undefined) return;
    const { parts } = fieldsOf(candidate.content);
    if (Array.isArray(parts)) for (const part of parts) this.#part(fieldsOf(part));
    if (!isNothing(candidate.citationMetadata) || !isNothing(candidate.groundingMetadata)) {
      this.events.lose('citations-unsupported', 'candidates.0');
    }
    const raw = readName(candidate.finishReason);
    if (raw !== undefined) this.#finish = this.#finishOf(raw, filled(candidate.finishMessage));
  }

  #part(wire: WireRecord): undefined {
    const part = asWire<WirePart>(wire);
    const signature = filled(part.thoughtSignature);
    if (isRecord(part.functionCall))
      return this.#functionCall(asWire<WireCall>(fieldsOf(part.functionCall)), signature);
    this.#closeCall();
    if (part.thought === true) {
      this.#say('reasoning', part.text);
      if (signature !== undefined) this.#sign({ of: 'thought', call: -1, signature });
      return;
    }
    if (part.text !== undefined && part.text !== null) {
      // What signs an answer whose text is over stands behind it; else it signs the thoughts before it.
      if (signature !== undefined) this.#sign({ of: 'text', call: -1, signature });
      this.#say('text', part.text);
      return;
    }
    if (signature !== undefined) this.#sign({ of: 'text', call: -1, signature });
    if (Object.keys(wire).some(name => !silentFields.has(name))) {
      this.events.lose('part-unsupported', 'candidates.0.content.parts');
    }
  }

  #say(type: 'text' | 'reasoning', text: unknown): undefined {
    if (typeof text !== 'string' || text === '') return;
    if (this.#prose?.type !== type) {
      this.#closeProse();
      this.#prose = { type, block: this.events.open({ type }) };
    }
    this.events.text(this.#prose.block, text);
  }

  /** A signature is the state of the thoughts that it ends; where none are shown, it is all there is of them. */
  #sign(own: OwnSignature): undefined {
    this.events.weigh(own.signature.length);
    const open = this.#prose?.type === 'reasoning' ? this.#prose.block : undefined;
    if (open === undefined) this.#closeProse();
    const block = open ?? this.events.open({ type: 'reasoning', redacted: true });
    this.events.state(block, writeSignature(own));
    this.events.close(block);
    this.#prose = undefined;
  }

  #functionCall(call: WireCall, signature: string | undefined): undefined {
    const name = filled(call.name);
    if (name !== undefined) this.#open(call, name, signature);
    else if (this.#call === undefined) {
      // The end of a call that is closed already.
      return Object.keys(call).length === 0 ? undefined : this.events.malformed('a tool call without a name');
    }
    const open = this.#call;
    if (open === undefined) return;
    if (isRecord(call.args)) open.pieces.merge(call.args);
    const pieces = Array.isArray(call.partialArgs) ? call.partialArgs : [];
    for (const piece of pieces) {
      this.events.weigh(JSON.stringify(piece).length);
      if (!open.pieces.add(piece)) return this.events.malformed('a piece of arguments that has no place');
    }
    if (call.willContinue !== true) this.#closeCall();
  }

  #open(call: WireCall, name: string, signature: string | undefined): void {
    this.#closeCall();
    if (signature !== undefined) this.#sign({ of: 'call', call: this.#calls, signature });
    this.#closeProse();
    this.#calls += 1;
    const block = this.events.open({ type: 'call', id: filled(call.id) ?? '', name });
    this.#call = { block, pieces: new PartialArguments() };
  }

  #closeOpen(): void {
    this.#closeCall();
    this.#closeProse();
  }

  #closeCall(): undefined {
    if (this.#call === undefined) return;
    const { block, pieces } = this.#call;
    this.#call = undefined;
    const text = pieces.text();
    if (text !== '{}') this.events.arguments(block, text);
    this.events.close(block);
  }

  #closeProse(): undefined {
    if (this.#prose === undefined) return;
    this.events.close(this.#prose.block);
    this.#prose = undefined;
  }

  #finishOf(raw: string | undefined, detail: string | undefined): Finish {
    const reason = (raw === undefined ? undefined : reasons.get(raw)) ?? 'other';
    return {
      reason: reason === 'stop' && this.#calls > 0 ? 'tool-call' : reason,
      raw,
      stopSequence: undefined,
      detail,
    };
  }
}

/** Words of https://ai.google.dev/api/generate-content#FinishReason (2026-11). Others say that nothing more can be said. */
const reasons: ReadonlyMap<string, FinishReason> = new Map([
  ['STOP', 'stop'],
  ['MAX_TOKENS', 'length'],
  ['CONTINUATION', 'pause'],
  ['SAFETY', 'content-filter'],
  ['RECITATION', 'content-filter'],
  ['BLOCKLIST', 'content-filter'],
  ['PROHIBITED_CONTENT', 'content-filter'],
  ['SPII', 'content-filter'],
  ['IMAGE_SAFETY', 'content-filter'],
  ['IMAGE_PROHIBITED_CONTENT', 'content-filter'],
  ['IMAGE_RECITATION', 'content-filter'],
]);

/** Of a part: they say nothing by themselves. */
const silentFields: ReadonlySet<string> = new Set(['thought', 'thoughtSignature', 'partMetadata']);

function isNothing(value: unknown): boolean {
  return value === undefined || value === null || isEmpty(value);
}

function instantMs(value: unknown): number | undefined {
  const at = typeof value === 'string' && value.length <= 64 ? Date.parse(value) : Number.NaN;
  return Number.isNaN(at) ? undefined : at;
}

function filled(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}

function parsed(text: string): unknown {
  try {
    return parseBounded(text);
  } catch {
    return undefined;
  }
}
