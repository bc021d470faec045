import type { CompletionEvent, Finish, FinishReason } from '../../completion/event.ts';
import { Fault } from '../../completion/fault.ts';
import type { LossLedger } from '../../completion/loss.ts';
import { AnswerEvents } from '../answer-events.ts';
import { readName } from '../answer-tally.ts';
import type { StreamDecoder } from '../dialect.ts';
import { parseBoundedInexact } from '../exact-json.ts';
import { NameTable } from '../name-table.ts';
import { EventStreamDecoder, type WireEventDecoder } from '../stream-decoder.ts';
import { isEmpty, isRecord } from '../wire-values.ts';
import { decodeStreamFault } from './fault.ts';
import { ReasoningTrail } from './reasoning.ts';
import { readOpenAiChatUsage } from './usage.ts';
import { asWire, type WireCall, type WireCalled, type WireChoice, type WireChunk, type WireDelta } from './wire.ts';

export function decodeAnswer(body: Buffer, losses: LossLedger): CompletionEvent[] {
  const decoder = new ChunkDecoder(losses);
  decoder.decodeWhole(body.toString('utf8'));
  return decoder.events.take();
}

export function decodeStream(losses: LossLedger, eventBytesMax?: number): StreamDecoder {
  return new EventStreamDecoder(new ChunkDecoder(losses), eventBytesMax);
}

const eventNames = new NameTable(['error']);

interface OpenCall {
  readonly id: string;
  /** Undefined until the name is known: then the block opens. */
  block: number | undefined;
  argumentsText: string;
  isClosed: boolean;
  /** How often its arguments were looked at for their end. */
  looks: number;
}

/** A call that is interleaved with others more often stays open until the answer ends: looking at its arguments each time
 *  would take time that grows with the square of their length. */
const looksMax = 16;
/** What a call costs before it has a name. */
const callBytes = 256;

/** Reads chunks, and whole answers as one chunk that has everything. */
class ChunkDecoder implements WireEventDecoder {
  readonly eventNames = eventNames;
  readonly events: AnswerEvents;
  /** The open block of text, refusal or reasoning. */
  #prose: { readonly type: 'text' | 'refusal' | 'reasoning'; readonly block: number } | undefined = undefined;
  /** By the wire's index. */
  readonly #calls = new Map<number, OpenCall>();
  #callIndex = -1;
  #callCount = 0;
  #hasRefusal = false;
  #finishRaw: string | undefined = undefined;
  /** vLLM's `stop_reason` (https://docs.vllm.ai/en/latest/serving, 2026-11). */
  #stopSequence: string | undefined = undefined;
  readonly #trail = new ReasoningTrail();

  constructor(losses: LossLedger) {
    this.events = new AnswerEvents(losses);
  }

  decode(text: string, name: number): undefined {
    if (text.startsWith('[DONE]')) {
      if (this.events.isStarted) this.#end();
      else this.events.malformed('a stream without an answer');
      return;
    }
    const chunk = parsed(text);
    if (name === 0) this.events.fail(decodeStreamFault(chunk));
    else if (isRecord(chunk)) this.#chunk(asWire<WireChunk>(chunk));
    else this.events.malformed('a chunk that is not a JSON object');
  }

  decodeWhole(text: string): undefined {
    const answer = parsed(text);
    if (!isRecord(answer)) return this.events.malformed('an answer that is not a JSON object');
    if (answer['error'] == null && !(Array.isArray(answer['choices']) && answer['choices'].length > 0)) {
      return this.events.malformed('an answer without choices');
    }
    this.#chunk(asWire<WireChunk>(answer));
    if (!this.events.isOver) this.#end();
  }

  #chunk(chunk: WireChunk): undefined {
    const { events } = this;
    if (chunk.error !== undefined && chunk.error !== null) return events.fail(decodeStreamFault(chunk));
    events.tally.serviceTier = readName(chunk.service_tier) ?? events.tally.serviceTier;
    const choices = Array.isArray(chunk.choices) ? chunk.choices : [];
    // Azure's first chunk has no choices, model or id: it tells about the prompt only.
    if (!events.isStarted && (choices.length > 0 || isFilled(chunk.model))) {
      const created = typeof chunk.created === 'number' ? chunk.created * 1000 : undefined;
      events.start(readName(chunk.id) ?? '', readName(chunk.model), created);
    }
    for (const entry of choices) {
      if (!isRecord(entry)) continue;
      const choice = asWire<WireChoice>(entry);
      // Only one answer is asked for across dialects.
      if (typeof choice.index === 'number' && choice.index !== 0) continue;
      const delta = choice.delta ?? choice.message;
      if (isRecord(delta)) this.#delta(asWire<WireDelta>(delta));
      this.#finishRaw = readName(choice.finish_reason) ?? this.#finishRaw;
      this.#stopSequence = readName(choice.stop_reason) ?? this.#stopSequence;
    }
    // Groq's streams carry usage in a member of their own (https://console.groq.com/docs/api-reference, 2026-11).
    const usage = chunk.usage ?? (isRecord(chunk.x_groq) ? chunk.x_groq['usage'] : undefined);
    if (usage !== undefined && usage !== null) events.usage(usage, readOpenAiChatUsage(usage));
  }

  #delta(delta: WireDelta): undefined {
    this.#reasoning(delta);
    this.#content(delta.content);
    this.#say('refusal', delta.refusal);
    if (Array.isArray(delta.tool_calls)) {
      delta.tool_calls.forEach((call, position) => {
        if (isRecord(call)) this.#call(asWire<WireCall>(call), position);
      });
    }
    if (delta.audio != null) this.events.lose('audio-answer-unsupported', 'choices.0.message.audio');
    if (delta.annotations != null && !isEmpty(delta.annotations)) {
      this.events.lose('annotations-unsupported', 'choices.0.message.annotations');
    }
    if (delta.function_call != null) this.events.malformed('a function_call that nobody asked for');
  }

  /** Some hosts say the same by two names; some say it in `reasoning_details` alone. */
  #reasoning(delta: WireDelta): undefined {
    const field = isFilled(delta.reasoning_content) ? 'reasoning_content' : 'reasoning';
    const text = delta[field];
    const details = Array.isArray(delta.reasoning_details) ? this.#trail.add(delta.reasoning_details) : undefined;
    if (details?.isKept === false) this.events.lose('reasoning-state-too-large', 'choices.0.message.reasoning_details');
    if (isFilled(text)) {
      this.#trail.from(field);
      this.#say('reasoning', text);
    } else if (details !== undefined) this.#say('reasoning', details.text);
  }

  /** Text. Mistral sends a list of parts, with its reasoning among them
   *  (https://docs.mistral.ai/capabilities/reasoning, recorded traffic in github.com/vercel/ai, 2026-11). */
  #content(value: unknown): undefined {
    if (!Array.isArray(value)) return this.#say('text', value);
    for (const part of value) {
      if (!isRecord(part)) continue;
      if (part['type'] === 'thinking') {
        this.#trail.from('part');
        this.#say('reasoning', textsOf(part['thinking']));
      } else if (typeof part['text'] === 'string') this.#say('text', part['text']);
      else this.events.lose('part-unsupported', 'choices.0.message.content');
    }
  }

  #say(type: 'text' | 'refusal' | 'reasoning', text: unknown): undefined {
    if (typeof text !== 'string' || text === '') return;
    if (type === 'refusal') this.#hasRefusal = true;
    if (this.#prose?.type !== type) {
      this.#closeProse();
      if (type !== 'reasoning') this.#closeDetails();
      this.#prose = { type, block: this.events.open({ type }) };
    }
    this.events.text(this.#prose.block, text);
  }

  #closeProse(): undefined {
    if (this.#prose === undefined) return;
    const { type, block } = this.#prose;
    if (type === 'reasoning') this.events.state(block, this.#trail.take());
    this.events.close(block);
    this.#prose = undefined;
  }

  /** Reasoning of which the host shows nothing. */
  #closeDetails(): undefined {
    if (!this.#trail.hasDetails) return;
    const block = this.events.open({ type: 'reasoning', redacted: true });
    this.events.state(block, this.#trail.take());
    this.events.close(block);
  }

  #call(wire: WireCall, position: number): undefined {
    this.#closeProse();
    this.#closeDetails();
    const custom = wire.function === undefined && isRecord(wire.custom) ? { custom: true } : undefined;
    const called = calledOf(wire);
    const index = typeof wire.index === 'number' ? wire.index : position;
    const call = this.#callAt(index, isFilled(wire.id) ? wire.id : '', isFilled(called.name));
    if (call.block === undefined && isFilled(called.name)) {
      call.block = this.events.open({ type: 'call', id: call.id, name: called.name, ...custom });
      if (call.argumentsText !== '') this.events.arguments(call.block, call.argumentsText);
    }
    const text = argumentsText(called.arguments);
    if (text === '') return;
    if (call.isClosed) {
      if (text.trim() !== '') this.events.malformed('arguments of a call that was complete');
      return;
    }
    call.argumentsText += text;
    if (call.block !== undefined) this.events.arguments(call.block, text);
    else this.events.weigh(text.length);
  }

  /** The call that a fragment belongs to. Some hosts number every call 0; a new id with a name begins a new one. */
  #callAt(index: number, id: string, hasName: boolean): OpenCall {
    const current = this.#calls.get(index);
    if (current !== undefined && !(hasName && id !== '' && id !== current.id && current.block !== undefined)) {
      this.#callIndex = index;
      return current;
    }
    this.#closeCompleteCall();
    if (current !== undefined) this.#closeCall(current);
    const call: OpenCall = { id, block: undefined, argumentsText: '', isClosed: false, looks: 0 };
    this.events.weigh(callBytes);
    this.#calls.set(index, call);
    this.#callIndex = index;
    this.#callCount += 1;
    return call;
  }

  /** Hosts send one call after the other, so the one before is complete when the next begins. The API allows them to be
   *  interleaved: a call whose arguments are not complete JSON yet stays open. */
  #closeCompleteCall(): undefined {
    const call = this.#calls.get(this.#callIndex);
    if (call === undefined || call.looks >= looksMax) return;
    call.looks += 1;
    if (parsed(call.argumentsText) !== undefined) this.#closeCall(call);
  }

  #closeCall(call: OpenCall): undefined {
    if (call.block !== undefined) this.events.close(call.block);
    call.isClosed = true;
  }

  #end(): undefined {
    if (this.events.isOver) return;
    this.#closeProse();
    this.#closeDetails();
    this.events.tally.finishRaw = this.#finishRaw;
    for (const call of this.#calls.values()) {
      if (call.block === undefined) return this.events.malformed('a tool call without a name');
    }
    if (this.#finishRaw !== undefined && failures.has(this.#finishRaw)) {
      return this.events.fail(new Fault('upstream_error', `The provider broke off (${this.#finishRaw}).`));
    }
    this.events.end(this.#finish());
  }

  #finish(): Finish {
    const raw = this.#finishRaw;
    const reason = this.#reason(raw);
    const isMatched = reason === 'stop' && this.#stopSequence !== undefined;
    return { reason: isMatched ? 'stop-sequence' : reason, raw, stopSequence: this.#stopSequence };
  }

  #reason(raw: string | undefined): FinishReason {
    const reason = (raw === undefined ? undefined : reasons.get(raw)) ?? 'other';
    if (reason !== 'stop') return reason;
    // Some hosts say `stop` after calls.
    if (this.#callCount > 0) return 'tool-call';
    return this.#hasRefusal ? 'refusal' : 'stop';
  }
}

/** An answer that ends so is broken: DeepSeek's (https://api-docs.deepseek.com/api/create-chat-completion, 2026-11) and
 *  Mistral's (https://docs.mistral.ai/api/endpoint/chat, 2026-11). */
const failures: ReadonlySet<string> = new Set(['insufficient_system_resource', 'error']);

const reasons: ReadonlyMap<string, FinishReason> = new Map([
  ['stop', 'stop'],
  ['length', 'length'],
  // Of Mistral (https://docs.mistral.ai/api/endpoint/chat, 2026-11).
  ['model_length', 'context-window'],
  ['tool_calls', 'tool-call'],
  ['function_call', 'tool-call'],
  ['content_filter', 'content-filter'],
]);

function textsOf(parts: unknown): string {
  if (!Array.isArray(parts)) return typeof parts === 'string' ? parts : '';
  return parts.map(part => (isRecord(part) && typeof part['text'] === 'string' ? part['text'] : '')).join('');
}

/** A call of a custom tool has a text where others have arguments. */
function calledOf(wire: WireCall): WireCalled {
  if (isRecord(wire.function)) return asWire<WireCalled>(wire.function);
  return isRecord(wire.custom) ? { name: wire.custom['name'], arguments: wire.custom['input'] } : {};
}

/** Some hosts send arguments as an object. */
function argumentsText(value: unknown): string {
  if (typeof value === 'string') return value;
  return isRecord(value) ? JSON.stringify(value) : '';
}

function isFilled(value: unknown): value is string {
  return typeof value === 'string' && value !== '';
}

function parsed(text: string): unknown {
  try {
    return parseBoundedInexact(text);
  } catch {
    return undefined;
  }
}
