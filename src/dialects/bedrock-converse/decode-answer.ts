import type { BlockHead, CompletionEvent } from '../../completion/event.ts';
import type { LossLedger } from '../../completion/loss.ts';
import { AnswerEvents } from '../answer-events.ts';
import { readName } from '../answer-tally.ts';
import type { StreamDecoder } from '../dialect.ts';
import { parseBounded } from '../exact-json.ts';
import { NameTable } from '../name-table.ts';
import { EventStreamDecoder, type WireEventDecoder } from '../stream-decoder.ts';
import { isEmpty, isRecord, type WireRecord } from '../wire-values.ts';
import { decodeStreamFault } from './fault.ts';
import { FrameCutter } from './frame-cutter.ts';
import { servedTierOf } from './served-tier.ts';
import { finishReasonOf } from './stop-reasons.ts';
import { readBedrockUsage } from './usage.ts';
import {
  asWire,
  eventTypes,
  type WireAnswer,
  type WireBlock,
  type WireEvent,
  type WireReasoning,
  type WireToolUse,
} from './wire.ts';

export function decodeAnswer(body: Buffer, losses: LossLedger): CompletionEvent[] {
  const decoder = new ConverseDecoder(losses, undefined);
  decoder.decodeWhole(body.toString('utf8'));
  return decoder.events.take();
}

export function decodeStream(losses: LossLedger, eventBytesMax?: number): StreamDecoder {
  const cutter = new FrameCutter(eventBytesMax);
  return new EventStreamDecoder(new ConverseDecoder(losses, cutter), eventBytesMax, cutter);
}

/** A block of ours that is being filled. */
interface OpenBlock {
  readonly index: number;
  readonly type: BlockHead['type'];
  readonly redacted: boolean;
  /** State so far. */
  readonly states: string[];
  /** Of a call. */
  hasArguments: boolean;
}

class ConverseDecoder implements WireEventDecoder {
  readonly eventNames = new NameTable(eventTypes);
  readonly events: AnswerEvents;
  /** Knows what the frame is whose payload is read; undefined for a whole answer. */
  readonly #cutter: FrameCutter | undefined;
  /** By the wire's index, while open. */
  readonly #blocks = new Map<number, OpenBlock>();
  /** The wire's indexes of blocks that are not carried. */
  readonly #skipped = new Set<number>();
  #stopReason: string | undefined = undefined;
  #stopSequence: string | undefined = undefined;
  #explanation: string | undefined = undefined;
  #sawStop = false;
  #sawMetadata = false;

  constructor(losses: LossLedger, cutter: FrameCutter | undefined) {
    this.events = new AnswerEvents(losses);
    this.#cutter = cutter;
  }

  decode(text: string, name: number): undefined {
    const { problem, messageType, exceptionType, exceptionMessage } = this.#cutter!; // Streams have one.
    if (problem !== undefined) return this.events.malformed(problem);
    const record = parsed(text);
    if (messageType !== 'event') {
      const body = exceptionMessage === undefined ? record : { message: exceptionMessage };
      return this.events.fail(decodeStreamFault(body, exceptionType));
    }
    if (!isRecord(record)) return this.events.malformed('an event that is not a JSON object');
    const event = asWire<WireEvent>(record);
    const type = eventTypes[name];
    if (type === undefined) return;
    if (type === 'messageStart') return this.#start();
    // Metadata may come before anything else does.
    if (!this.events.isStarted && type !== 'metadata') return this.events.malformed('an event before messageStart');
    switch (type) {
      case 'contentBlockStart':
        return this.#open(wireIndex(event.contentBlockIndex), event.start);
      case 'contentBlockDelta':
        return this.#delta(wireIndex(event.contentBlockIndex), event.delta);
      case 'contentBlockStop':
        return this.#close(wireIndex(event.contentBlockIndex));
      case 'messageStop':
        this.#sawStop = true;
        this.#stop(event);
        break;
      case 'metadata':
        this.#sawMetadata = true;
        this.#metadata(event);
    }
    // Either may come first: the end is the later of the two.
    if (this.#sawStop && this.#sawMetadata) this.#end();
  }

  /** Metadata may be missing; then the body ends the answer. */
  atEnd(): void {
    if (this.#sawStop) this.#end();
  }

  decodeWhole(text: string): undefined {
    const record = parsed(text);
    if (!isRecord(record)) return this.events.malformed('an answer that is not a JSON object');
    const answer = asWire<WireAnswer>(record);
    const message = isRecord(answer.output) ? answer.output['message'] : undefined;
    const content = isRecord(message) ? message['content'] : undefined;
    if (!Array.isArray(content)) return this.events.malformed('an answer without content');
    this.events.start('', undefined, undefined);
    for (const [index, block] of content.entries()) this.#whole(index, block);
    this.#metadata(answer);
    this.#stop(answer);
    this.#end();
  }

  #start(): undefined {
    if (this.events.isStarted) {
      if (this.events.hasBlocks) this.events.malformed('a second messageStart');
      return;
    }
    this.events.start('', undefined, undefined);
  }

  #metadata(from: WireEvent | WireAnswer): undefined {
    const tier = servedTierOf(from.serviceTier, from.performanceConfig);
    if (tier !== undefined) this.events.tally.serviceTier = tier;
    if (from.usage !== undefined && from.usage !== null) this.events.usage(from.usage, readBedrockUsage(from.usage));
  }

  #stop(from: WireEvent | WireAnswer): undefined {
    this.#stopReason = readName(from.stopReason) ?? this.#stopReason;
    // What Claude says of its end, where the request asked for it (`additionalModelResponseFieldPaths`).
    const more = from.additionalModelResponseFields;
    if (!isRecord(more)) return;
    this.#stopSequence = filled(more['stop_sequence']);
    this.#explanation = filled(more['explanation']);
  }

  /** A block of a whole answer. */
  #whole(index: number, value: unknown): undefined {
    if (!isRecord(value)) return this.events.malformed('a content block that is not an object');
    const block = asWire<WireBlock>(value);
    if (isRecord(block.citationsContent)) return this.#cited(index, block.citationsContent);
    if (isRecord(block.toolUse)) {
      const call = asWire<WireToolUse>(block.toolUse);
      this.#open(index, value);
      const open = this.#blocks.get(index);
      if (open !== undefined && call.input !== undefined && call.input !== null && !isEmptyRecord(call.input)) {
        open.hasArguments = true;
        this.events.arguments(open.index, JSON.stringify(call.input));
      }
      return this.#close(index);
    }
    if (isRecord(block.reasoningContent)) {
      const { reasoningText, redactedContent } = asWire<WireReasoning>(block.reasoningContent);
      const delta = isRecord(reasoningText) ? reasoningText : { redactedContent };
      this.#reasoning(index, delta);
      return this.#close(index);
    }
    if (typeof block.text === 'string') {
      const opened = this.events.open({ type: 'text' });
      if (block.text !== '') this.events.text(opened, block.text);
      this.events.close(opened);
      return;
    }
    this.#lose(index);
  }

  /** Text with what it is taken from: the text is carried. */
  #cited(index: number, cited: WireRecord): undefined {
    if (cited['citations'] != null && !isEmpty(cited['citations'])) {
      this.events.lose('citations-unsupported', `content.${index}.citationsContent`);
    }
    const { content } = cited;
    if (!Array.isArray(content)) return;
    const opened = this.events.open({ type: 'text' });
    for (const part of content) {
      const text = isRecord(part) ? filled(part['text']) : undefined;
      if (text !== undefined) this.events.text(opened, text);
    }
    this.events.close(opened);
  }

  /** Texts and reasoning need no start: their first delta is one. */
  #open(index: number, value: unknown): undefined {
    // A provider that forgets to close a block, or counts anew, begins another one.
    this.#close(index);
    this.#skipped.delete(index);
    if (value === undefined || value === null || isEmptyRecord(value)) return;
    const start = isRecord(value) ? asWire<WireBlock>(value) : {};
    if (!isRecord(start.toolUse)) {
      this.#skipped.add(index);
      return this.#lose(index);
    }
    const call = asWire<WireToolUse>(start.toolUse);
    if (call.type !== undefined && call.type !== null) {
      this.#skipped.add(index);
      return this.#lose(index);
    }
    const name = filled(call.name);
    if (name === undefined) return this.events.malformed('a tool call without a name');
    this.#begin(index, { type: 'call', id: filled(call.toolUseId) ?? '', name });
  }

  #lose(index: number): undefined {
    this.events.weigh(skippedBytes);
    this.events.lose('block-unsupported', `content.${index}`);
  }

  #begin(index: number, head: BlockHead): OpenBlock {
    const redacted = head.type === 'reasoning' && head.redacted === true;
    const opened: OpenBlock = {
      index: this.events.open(head),
      type: head.type,
      redacted,
      states: [],
      hasArguments: false,
    };
    this.#blocks.set(index, opened);
    return opened;
  }

  /** The open block at the wire's index, if it is of the kind; else one of the kind that begins now. */
  #filling(index: number, type: 'text' | 'reasoning', redacted = false): OpenBlock {
    const open = this.#blocks.get(index);
    if (open?.type === type && open.redacted === redacted) return open;
    this.#close(index);
    return this.#begin(index, type === 'text' ? { type } : redacted ? { type, redacted } : { type });
  }

  #delta(index: number, value: unknown): undefined {
    if (this.#skipped.has(index)) return;
    if (!isRecord(value)) return this.events.malformed('a delta that is not an object');
    const delta = asWire<WireBlock>(value);
    if (typeof delta.text === 'string') {
      if (delta.text !== '') this.events.text(this.#filling(index, 'text').index, delta.text);
      return;
    }
    if (isRecord(delta.toolUse)) {
      const open = this.#blocks.get(index);
      if (open?.type !== 'call') return this.events.malformed('arguments of no open call');
      const input = filled(delta.toolUse['input']);
      if (input === undefined) return;
      open.hasArguments = true;
      return this.events.arguments(open.index, input);
    }
    if (isRecord(delta.reasoningContent)) return this.#reasoning(index, delta.reasoningContent);
    if (isRecord(value['citation'])) return this.events.lose('citations-unsupported', `content.${index}.citation`);
    this.events.lose('delta-unsupported', `content.${index}`);
  }

  #reasoning(index: number, value: WireRecord): undefined {
    const { text, signature, redactedContent } = asWire<WireReasoning>(value);
    if (typeof redactedContent === 'string')
      return this.#sign(this.#filling(index, 'reasoning', true), redactedContent);
    if (typeof text === 'string') {
      const open = this.#filling(index, 'reasoning');
      if (text !== '') this.events.text(open.index, text);
    }
    if (typeof signature === 'string' && signature !== '') this.#sign(this.#filling(index, 'reasoning'), signature);
  }

  #sign(open: OpenBlock, state: string): undefined {
    this.events.weigh(state.length);
    open.states.push(state);
  }

  #close(index: number): undefined {
    const open = this.#blocks.get(index);
    if (open === undefined) return;
    if (open.states.length > 0) this.events.state(open.index, joined(open));
    // A call without arguments has an empty text of them, or none.
    if (open.type === 'call' && !open.hasArguments) this.events.arguments(open.index, '{}');
    this.events.close(open.index);
    this.#blocks.delete(index);
  }

  #end(): undefined {
    if (this.events.isOver) return;
    for (const index of this.#blocks.keys()) this.#close(index);
    this.events.tally.finishRaw = this.#stopReason;
    this.events.end({
      reason: finishReasonOf(this.#stopReason),
      raw: this.#stopReason,
      stopSequence: this.#stopSequence,
      detail: this.#explanation,
    });
  }
}

/** What it costs to know that a block is not carried. */
const skippedBytes = 256;

/** Pieces of a signature are text; pieces of redacted content are bytes in base64, each with its own padding. */
function joined({ states, redacted }: OpenBlock): string {
  if (states.length === 1) return states[0]!;
  if (!redacted) return states.join('');
  return Buffer.concat(states.map(state => Buffer.from(state, 'base64'))).toString('base64');
}

/** What is no number is one place: a provider that does not count has one block at a time. */
function wireIndex(value: unknown): number {
  return typeof value === 'number' ? value : -1;
}

function isEmptyRecord(value: unknown): boolean {
  return isRecord(value) && Object.keys(value).length === 0;
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
