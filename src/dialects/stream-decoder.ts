import type { CompletionEvent } from '../completion/event.ts';
import { Fault } from '../completion/fault.ts';
import type { AnswerEvents } from './answer-events.ts';
import type { AnswerFacts, StreamDecoder } from './dialect.ts';
import type { NameTable } from './name-table.ts';
import { eventBytesMax, SseCutter } from './sse-cutter.ts';

/** A dialect's own part of a decoder: turns one wire event into what `events` builds. */
export interface WireEventDecoder {
  readonly eventNames: NameTable<string>;
  readonly events: AnswerEvents;
  /** `name` is the event's place in `eventNames`, or -1. */
  decode(text: string, name: number): void;
}

/** Reads a provider's stream into events, whatever its chunks. */
export class EventStreamDecoder implements StreamDecoder {
  readonly #decoder: WireEventDecoder;
  readonly #cutter: SseCutter;

  constructor(decoder: WireEventDecoder) {
    this.#decoder = decoder;
    this.#cutter = new SseCutter(decoder.eventNames);
  }

  get facts(): AnswerFacts {
    return this.#decoder.events.facts;
  }
  get contentBytesSinceUsage(): number {
    return this.#decoder.events.tally.contentBytesSinceUsage;
  }

  push(chunk: Buffer): CompletionEvent[] {
    const { events } = this.#decoder;
    if (events.isOver) return [];
    this.#cutter.append(chunk);
    while (!events.isOver && this.#cutter.next()) this.#decode();
    if (!events.isOver && this.#cutter.unfinishedBytes > eventBytesMax) events.malformed('a stream event over 8 MiB');
    return events.take();
  }

  finish(): CompletionEvent[] {
    const { events } = this.#decoder;
    if (events.isOver) return [];
    this.#cutter.takeRest();
    // The rest may be half an event: then the stream was cut, which says more than that its last event is malformed.
    if (this.#isWhole()) this.#decode();
    events.fail(new Fault('upstream_truncated'));
    return events.take();
  }

  #decode(): void {
    const { dataStart, name } = this.#cutter;
    if (dataStart !== -1) this.#decoder.decode(this.#text(), name);
  }

  #isWhole(): boolean {
    if (this.#cutter.dataStart === -1) return false;
    const text = this.#text();
    if (text === '[DONE]') return true;
    try {
      JSON.parse(text);
      return true;
    } catch {
      return false;
    }
  }

  #text(): string {
    const { dataBuffer, dataStart, dataEnd } = this.#cutter;
    return dataBuffer.toString('utf8', dataStart, dataEnd);
  }
}
