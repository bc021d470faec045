import type { CompletionEvent, FinishReason } from '../../completion/event.ts';
import { Fault } from '../../completion/fault.ts';
import type { LossLedger } from '../../completion/loss.ts';
import { AnswerEvents } from '../answer-events.ts';
import { readName } from '../answer-tally.ts';
import type { StreamDecoder } from '../dialect.ts';
import { parseBounded } from '../exact-json.ts';
import { NameTable } from '../name-table.ts';
import { EventStreamDecoder, type WireEventDecoder } from '../stream-decoder.ts';
import { isEmpty, isRecord } from '../wire-values.ts';
import { argumentsText } from './decode-turns.ts';
import { brokenOff, decodeStreamFault } from './fault.ts';
import { thinkingState } from './reasoning.ts';
import { readCohereUsage } from './usage.ts';
import {
  asWire,
  type WireAnswer,
  type WireCall,
  type WireContent,
  type WireDelta,
  type WireEvent,
  type WireMessage,
} from './wire.ts';

export function decodeAnswer(body: Buffer, losses: LossLedger): CompletionEvent[] {
  const decoder = new ChatDecoder(losses);
  decoder.decodeWhole(body.toString('utf8'));
  return decoder.events.take();
}

export function decodeStream(losses: LossLedger, eventBytesMax?: number): StreamDecoder {
  return new EventStreamDecoder(new ChatDecoder(losses), eventBytesMax);
}

const eventNames = new NameTable([
  'message-start',
  'content-start',
  'content-delta',
  'content-end',
  'tool-plan-delta',
  'tool-call-start',
  'tool-call-delta',
  'tool-call-end',
  'citation-start',
  'citation-end',
  'message-end',
  'debug',
  'error',
]);

type Prose = 'text' | 'reasoning';

class ChatDecoder implements WireEventDecoder {
  readonly eventNames = eventNames;
  readonly events: AnswerEvents;
  /** Ours by the wire's index, while open. */
  readonly #contents = new Map<number, { readonly block: number; readonly type: Prose }>();
  readonly #calls = new Map<number, number>();
  /** The wire's indexes of contents that are not carried. */
  readonly #skipped = new Set<number>();
  /** The block of the plan, while it is open: its deltas have no start and no end. */
  #plan: number | undefined = undefined;
  #callCount = 0;

  constructor(losses: LossLedger) {
    this.events = new AnswerEvents(losses);
  }

  decode(text: string, name: number): undefined {
    // It may follow the end, and is none.
    if (text.startsWith('[DONE]')) return this.events.fail(new Fault('upstream_truncated'));
    const record = parsed(text);
    const type = isRecord(record) && typeof record['type'] === 'string' ? record['type'] : eventNames.names[name];
    if (type === 'error') return this.events.fail(decodeStreamFault(record));
    if (!isRecord(record)) return this.events.malformed('an event that is not a JSON object');
    // An error as the body of a response has it.
    if (record['type'] === undefined && typeof record['message'] === 'string') {
      return this.events.fail(decodeStreamFault(record));
    }
    const event = asWire<WireEvent>(record);
    const delta = asWire<WireDelta>(isRecord(event.delta) ? event.delta : {});
    const message = asWire<WireMessage>(isRecord(delta.message) ? delta.message : {});
    if (type === 'message-start') return this.#start(event.id);
    if (type === 'message-end') return this.#end(delta);
    if (type === undefined || !(eventNames.names as readonly string[]).includes(type) || type === 'debug') return;
    if (!this.events.isStarted) return this.events.malformed('an event before message-start');
    const index = wireIndex(event.index);
    switch (type) {
      case 'content-start':
        return this.#openContent(index, message.content);
      case 'content-delta':
        return this.#content(index, message.content);
      case 'content-end':
        return this.#closeContent(index);
      case 'tool-plan-delta':
        return this.#planned(message.tool_plan);
      case 'tool-call-start':
        return this.#openCall(index, message.tool_calls);
      case 'tool-call-delta':
        return this.#call(index, message.tool_calls);
      case 'tool-call-end':
        return this.#closeCall(index);
      case 'citation-start':
        return this.events.lose('citations-unsupported', 'message.citations');
    }
  }

  decodeWhole(text: string): undefined {
    const record = parsed(text);
    if (!isRecord(record)) return this.events.malformed('an answer that is not a JSON object');
    const answer = asWire<WireAnswer>(record);
    if (!isRecord(answer.message)) {
      if (typeof answer.message === 'string' || record['error'] != null) {
        return this.events.fail(decodeStreamFault(record));
      }
      return this.events.malformed('an answer without a message');
    }
    const message = asWire<WireMessage>(answer.message);
    this.#start(answer.id);
    const contents = Array.isArray(message.content) ? message.content : [];
    contents.forEach((content, index) => {
      if (isThinking(content)) this.#whole(index, content);
    });
    this.#planned(message.tool_plan);
    contents.forEach((content, index) => {
      if (!isThinking(content)) this.#whole(index, content);
    });
    if (typeof message.content === 'string') this.#whole(0, { type: 'text', text: message.content });
    if (Array.isArray(message.tool_calls)) {
      message.tool_calls.forEach((call, index) => {
        this.#openCall(index, call);
        this.#closeCall(index);
      });
    }
    if (message.citations != null && !isEmpty(message.citations)) {
      this.events.lose('citations-unsupported', 'message.citations');
    }
    this.#end({ finish_reason: answer.finish_reason, usage: answer.usage, error: record['error'] });
  }

  #whole(index: number, content: unknown): undefined {
    this.#openContent(index, content);
    this.#closeContent(index);
  }

  #start(id: unknown): undefined {
    if (this.events.isStarted) {
      if (this.events.hasBlocks) this.events.malformed('a second message-start');
      return;
    }
    this.events.start(readName(id) ?? '', undefined, undefined);
  }

  /** Contents open empty in streams, and come filled in whole answers. */
  #openContent(index: number, value: unknown): undefined {
    this.#closePlan();
    // A provider that forgets to close a content, or counts anew, begins another one.
    this.#closeContent(index);
    this.#skipped.delete(index);
    if (!isRecord(value)) return this.events.malformed('a content that is not an object');
    const content = asWire<WireContent>(value);
    const type = typeOf(content);
    if (type === undefined) {
      this.#skipped.add(index);
      this.events.weigh(skippedBytes);
      return this.events.lose('part-unsupported', 'message.content');
    }
    const block = this.events.open({ type });
    this.#contents.set(index, { block, type });
    this.#say(block, type, content);
  }

  #content(index: number, value: unknown): undefined {
    if (this.#skipped.has(index)) return;
    const open = this.#contents.get(index);
    if (open === undefined) return this.events.malformed('a delta of no open content');
    if (!isRecord(value)) return this.events.malformed('a delta that is not an object');
    this.#say(open.block, open.type, asWire<WireContent>(value));
  }

  #say(block: number, type: Prose, content: WireContent): undefined {
    const text = type === 'text' ? content.text : content.thinking;
    if (typeof text === 'string' && text !== '') this.events.text(block, text);
  }

  #closeContent(index: number): undefined {
    const open = this.#contents.get(index);
    if (open === undefined) return;
    this.#contents.delete(index);
    if (open.type === 'reasoning') this.events.state(open.block, thinkingState);
    this.events.close(open.block);
  }

  /** What the model says before it calls tools is a text like any other. */
  #planned(text: unknown): undefined {
    if (typeof text !== 'string' || text === '') return;
    this.#plan ??= this.events.open({ type: 'text', plan: true });
    this.events.text(this.#plan, text);
  }

  #closePlan(): undefined {
    if (this.#plan !== undefined) this.events.close(this.#plan);
    this.#plan = undefined;
  }

  #openCall(index: number, value: unknown): undefined {
    this.#closePlan();
    this.#closeCall(index);
    const called = calledOf(value);
    const name = filled(called.name);
    if (name === undefined) return this.events.malformed('a tool call without a name');
    this.#callCount += 1;
    const block = this.events.open({ type: 'call', id: filled(called.id) ?? '', name });
    this.#calls.set(index, block);
    this.#argue(block, called.arguments);
  }

  #call(index: number, value: unknown): undefined {
    const block = this.#calls.get(index);
    if (block === undefined) return this.events.malformed('arguments of no open call');
    this.#argue(block, calledOf(value).arguments);
  }

  /** Some hosts send arguments as an object. */
  #argue(block: number, value: unknown): undefined {
    const said = isRecord(value) ? JSON.stringify(value) : filled(value);
    const text = said === undefined ? '' : argumentsText(said);
    if (text !== '') this.events.arguments(block, text);
  }

  #closeCall(index: number): undefined {
    const block = this.#calls.get(index);
    if (block === undefined) return;
    this.#calls.delete(index);
    this.events.close(block);
  }

  #end(delta: WireDelta): undefined {
    if (this.events.isOver) return;
    if (!this.events.isStarted) {
      const fault = brokenOff(readName(delta.finish_reason), delta.error);
      if (fault === undefined) this.events.malformed('an end before message-start');
      else this.events.fail(fault);
      return;
    }
    this.#closePlan();
    for (const index of this.#contents.keys()) this.#closeContent(index);
    const raw = readName(delta.finish_reason);
    this.events.tally.finishRaw = raw;
    if (delta.usage !== undefined && delta.usage !== null) {
      this.events.usage(delta.usage, readCohereUsage(delta.usage));
    }
    const fault = brokenOff(raw, delta.error);
    if (fault !== undefined) return this.events.fail(fault);
    this.events.end({ reason: this.#reason(raw), raw, stopSequence: undefined });
  }

  #reason(raw: string | undefined): FinishReason {
    const reason = (raw === undefined ? undefined : reasons.get(raw)) ?? 'other';
    return reason === 'stop' && this.#callCount > 0 ? 'tool-call' : reason;
  }
}

/** cohere-ai 8.1.0, ChatFinishReason.d.ts; the last two are of its first version, and hosts may still say them (2026-11). */
const reasons: ReadonlyMap<string, FinishReason> = new Map([
  ['COMPLETE', 'stop'],
  ['STOP_SEQUENCE', 'stop-sequence'],
  ['MAX_TOKENS', 'length'],
  ['TOOL_CALL', 'tool-call'],
  ['ERROR_LIMIT', 'context-window'],
  ['ERROR_TOXIC', 'content-filter'],
]);

/** What it costs to know that a content is not carried. */
const skippedBytes = 256;

/** What is no number is one place: a provider that does not count has one of each at a time. */
function wireIndex(value: unknown): number {
  return typeof value === 'number' ? value : -1;
}

/** A content may be known by what it holds alone. */
function typeOf({ type, text, thinking }: WireContent): Prose | undefined {
  if (type === 'text') return 'text';
  if (type === 'thinking') return 'reasoning';
  if (type !== undefined) return undefined;
  if (typeof thinking === 'string') return 'reasoning';
  return typeof text === 'string' ? 'text' : undefined;
}

function isThinking(content: unknown): boolean {
  return isRecord(content) && content['type'] === 'thinking';
}

/** One call, which streams may put in a list. */
function calledOf(value: unknown): {
  readonly id: unknown;
  readonly name: unknown;
  readonly arguments: unknown;
} {
  const one = Array.isArray(value) ? value[0] : value;
  const call = asWire<WireCall>(isRecord(one) ? one : {});
  const called = isRecord(call.function) ? call.function : {};
  return { id: call.id, name: called['name'], arguments: called['arguments'] };
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
