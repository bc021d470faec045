import type { CompletionEvent, Finish, FinishReason } from '../../completion/event.ts';
import type { LossLedger } from '../../completion/loss.ts';
import { AnswerEvents } from '../answer-events.ts';
import { readName } from '../answer-tally.ts';
import type { StreamDecoder } from '../dialect.ts';
import { parseBounded } from '../exact-json.ts';
import { NameTable } from '../name-table.ts';
import { EventStreamDecoder, type WireEventDecoder } from '../stream-decoder.ts';
import { isEmpty, isRecord, type WireRecord } from '../wire-values.ts';
import { decodeStreamFault } from './fault.ts';
import { mergeAnthropicUsage, readAnthropicUsage } from './usage.ts';
import { asWire, type WireBlock, type WireDelta, type WireEvent, type WireMessage, type WireStop } from './wire.ts';

export function decodeAnswer(body: Buffer, losses: LossLedger): CompletionEvent[] {
  const decoder = new MessageDecoder(losses);
  decoder.decodeWhole(body.toString('utf8'));
  return decoder.events.take();
}

export function decodeStream(losses: LossLedger, eventBytesMax?: number): StreamDecoder {
  return new EventStreamDecoder(new MessageDecoder(losses), eventBytesMax);
}

const eventNames = new NameTable([
  'message_start',
  'content_block_start',
  'content_block_delta',
  'content_block_stop',
  'message_delta',
  'message_stop',
  'ping',
  'error',
]);

class MessageDecoder implements WireEventDecoder {
  readonly eventNames = eventNames;
  readonly events: AnswerEvents;
  /** Ours by the wire's index, while open. */
  readonly #blocks = new Map<number, number>();
  /** Signatures so far, of blocks of ours that are open. */
  readonly #signatures = new Map<number, string>();
  /** The wire's indexes of blocks that are not carried. */
  readonly #skipped = new Set<number>();
  #rawUsage: unknown = undefined;
  #stopReason: string | undefined = undefined;
  #stopSequence: string | undefined = undefined;
  #explanation: string | undefined = undefined;

  constructor(losses: LossLedger) {
    this.events = new AnswerEvents(losses);
  }

  decode(text: string, name: number): undefined {
    const record = parsed(text);
    const type = isRecord(record) && typeof record['type'] === 'string' ? record['type'] : eventNames.names[name];
    if (type === 'error') return this.events.fail(decodeStreamFault(record));
    if (!isRecord(record)) return this.events.malformed('an event that is not a JSON object');
    const event = asWire<WireEvent>(record);
    if (type === 'message_start') return this.#start(event.message);
    if (type === 'ping') return;
    if (!this.events.isStarted) {
      // Events that are not known yet may come first; those that belong to a message may not.
      if (type !== undefined && (eventNames.names as readonly string[]).includes(type)) {
        this.events.malformed('an event before message_start');
      }
      return;
    }
    switch (type) {
      case 'content_block_start':
        return this.#open(wireIndex(event.index), event.content_block);
      case 'content_block_delta':
        return this.#delta(wireIndex(event.index), event.delta);
      case 'content_block_stop':
        return this.#close(wireIndex(event.index));
      case 'message_delta':
        return this.#messageDelta(event);
      case 'message_stop':
        return this.#end();
    }
  }

  decodeWhole(text: string): undefined {
    const record = parsed(text);
    if (!isRecord(record)) return this.events.malformed('an answer that is not a JSON object');
    if (record['type'] === 'error' || record['error'] != null) return this.events.fail(decodeStreamFault(record));
    const message = asWire<WireMessage>(record);
    if (!Array.isArray(message.content)) return this.events.malformed('an answer without content');
    this.#start({ ...record, usage: undefined });
    message.content.forEach((block, index) => {
      this.#open(index, block);
      this.#close(index);
    });
    this.#usage(message.usage);
    this.#stop(message);
    this.#end();
  }

  #start(value: unknown): undefined {
    if (!isRecord(value)) return this.events.malformed('a message_start without a message');
    const message = asWire<WireMessage>(value);
    this.#usage(message.usage);
    if (this.events.isStarted) {
      // Seen in recorded traffic, before any content; later it would be another message.
      if (this.events.hasBlocks) this.events.malformed('a second message_start');
      return;
    }
    this.events.start(readName(message.id) ?? '', readName(message.model), undefined);
  }

  #usage(raw: unknown): undefined {
    if (raw === undefined || raw === null) return;
    this.#rawUsage = mergeAnthropicUsage(this.#rawUsage, raw);
    this.events.usage(this.#rawUsage, readAnthropicUsage(this.#rawUsage));
  }

  /** Blocks of a stream open empty and are filled by deltas; those of a whole answer come filled. */
  #open(index: number, value: unknown): undefined {
    // A provider that forgets to close a block, or counts anew, begins another one.
    this.#close(index);
    this.#skipped.delete(index);
    if (!isRecord(value)) return this.events.malformed('a content block that is not an object');
    const block = asWire<WireBlock>(value);
    const { events } = this;
    switch (block.type) {
      case 'text': {
        if (block.citations != null && !isEmpty(block.citations)) {
          events.lose('citations-unsupported', `content.${index}.citations`);
        }
        const opened = this.#opened(index, events.open({ type: 'text' }));
        if (filled(block.text) !== undefined) events.text(opened, block.text as string);
        return;
      }
      case 'thinking': {
        const opened = this.#opened(index, events.open({ type: 'reasoning' }));
        if (filled(block.thinking) !== undefined) events.text(opened, block.thinking as string);
        this.#sign(opened, block.signature);
        return;
      }
      case 'tool_use': {
        const name = filled(block.name);
        if (name === undefined) return events.malformed('a tool call without a name');
        const opened = this.#opened(index, events.open({ type: 'call', id: filled(block.id) ?? '', name }));
        if (isRecord(block.input) && !isEmpty(block.input)) events.arguments(opened, argumentsText(block.input));
        return;
      }
      case 'redacted_thinking': {
        const opened = this.#opened(index, events.open({ type: 'reasoning', redacted: true }));
        this.#sign(opened, block.data);
        return;
      }
      default:
        this.#skipped.add(index);
        events.weigh(skippedBytes);
        return events.lose('block-unsupported', `content.${index}`);
    }
  }

  #opened(index: number, block: number): number {
    this.#blocks.set(index, block);
    return block;
  }

  /** Signatures come whole; one in pieces is put together. */
  #sign(block: number, piece: unknown): undefined {
    if (filled(piece) === undefined) return;
    this.events.weigh((piece as string).length);
    this.#signatures.set(block, `${this.#signatures.get(block) ?? ''}${piece as string}`);
  }

  #delta(index: number, value: unknown): undefined {
    if (this.#skipped.has(index)) return;
    const block = this.#blocks.get(index);
    if (block === undefined) return this.events.malformed('a delta of no open block');
    if (!isRecord(value)) return this.events.malformed('a delta that is not an object');
    const delta = asWire<WireDelta>(value);
    switch (delta.type) {
      case 'text_delta':
        if (typeof delta.text === 'string') this.events.text(block, delta.text);
        return;
      case 'thinking_delta':
        if (typeof delta.thinking === 'string') this.events.text(block, delta.thinking);
        return;
      case 'input_json_delta':
        if (filled(delta.partial_json) !== undefined) this.events.arguments(block, delta.partial_json as string);
        return;
      case 'signature_delta':
        return this.#sign(block, delta.signature);
      case 'citations_delta':
        return this.events.lose('citations-unsupported', `content.${index}.citations`);
      default:
        return this.events.lose('delta-unsupported', `content.${index}`);
    }
  }

  #close(index: number): undefined {
    const block = this.#blocks.get(index);
    if (block === undefined) return;
    const signature = this.#signatures.get(block);
    if (signature !== undefined) this.events.state(block, signature);
    this.events.close(block);
    this.#blocks.delete(index);
  }

  #messageDelta(event: WireEvent): undefined {
    if (isRecord(event.delta)) this.#stop(asWire<WireDelta>(event.delta));
    this.#usage(event.usage);
  }

  #stop(from: WireStop): undefined {
    const details = from.stop_details;
    if (isRecord(details)) this.#explanation = filled(details['explanation']) ?? this.#explanation;
    this.#stopReason = readName(from.stop_reason) ?? this.#stopReason;
    this.#stopSequence = filled(from.stop_sequence) ?? this.#stopSequence;
  }

  #end(): undefined {
    if (this.events.isOver) return;
    for (const index of this.#blocks.keys()) this.#close(index);
    this.events.tally.finishRaw = this.#stopReason;
    const reason = (this.#stopReason === undefined ? undefined : reasons.get(this.#stopReason)) ?? 'other';
    // Why the model declined is told beside the content; other dialects have words for it.
    if (reason === 'refusal' && this.#explanation !== undefined) {
      this.events.text(this.events.open({ type: 'refusal' }), this.#explanation);
    }
    const finish: Finish = {
      reason,
      raw: this.#stopReason,
      stopSequence: this.#stopSequence,
      detail: this.#explanation,
    };
    this.events.end(finish);
  }
}

const reasons: ReadonlyMap<string, FinishReason> = new Map([
  ['end_turn', 'stop'],
  ['stop_sequence', 'stop-sequence'],
  ['max_tokens', 'length'],
  ['model_context_window_exceeded', 'context-window'],
  ['tool_use', 'tool-call'],
  ['pause_turn', 'pause'],
  ['refusal', 'refusal'],
]);

/** What it costs to know that a block is not carried. */
const skippedBytes = 256;

/** What is no number is one place: a provider that does not count has one block at a time. */
function wireIndex(value: unknown): number {
  return typeof value === 'number' ? value : -1;
}

function argumentsText(input: WireRecord): string {
  return JSON.stringify(input);
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
