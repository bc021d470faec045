import type { CompletionEvent } from '../completion/event.ts';
import { Fault } from '../completion/fault.ts';
import type { AnswerEvents } from './answer-events.ts';
import type { AnswerFacts, StreamDecoder } from './dialect.ts';
import type { EventCutter } from './event-cutter.ts';
import type { NameTable } from './name-table.ts';
import { eventBytesMaxDefault, SseCutter } from './sse-cutter.ts';

/** A dialect's own part of a decoder: turns one wire event into what `events` builds. */
export interface WireEventDecoder {
  readonly eventNames: NameTable<string>;
  readonly events: AnswerEvents;
  /** `name` is the event's place in `eventNames`, or -1. */
  decode(text: string, name: number): void;
  /** The body ended behind a whole event: ends the answer if all has come that must, where a dialect may leave out its
   *  terminal event. */
  atEnd?(): void;
}

/** Reads a provider's stream into events, whatever its chunks. */
export class EventStreamDecoder implements StreamDecoder {
  readonly #decoder: WireEventDecoder;
  readonly #cutter: EventCutter;
  readonly #eventBytesMax: number;

  /** `cutter`: of server-sent events unless said. */
  constructor(
    decoder: WireEventDecoder,
    eventBytesMax: number = eventBytesMaxDefault,
    cutter: EventCutter = new SseCutter(decoder.eventNames),
  ) {
    this.#eventBytesMax = eventBytesMax;
    this.#decoder = decoder;
    this.#cutter = cutter;
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
    if (!events.isOver && this.#cutter.unfinishedBytes > this.#eventBytesMax) {
      events.malformed(`a stream event over ${this.#eventBytesMax} bytes`);
    }
    return events.take();
  }

  finish(): CompletionEvent[] {
    const { events } = this.#decoder;
    if (events.isOver) return [];
    const rest = this.#cutter.takeRest();
    const isWhole = this.#cutter.isWhole();
    // The rest may be half an event: then the stream was cut, which says more than that its last event is malformed.
    if (isWhole) this.#decode();
    if (isWhole || rest.length === 0) this.#decoder.atEnd?.();
    events.fail(new Fault('upstream_truncated'));
    return events.take();
  }

  #decode(): void {
    if (this.#cutter.dataStart !== -1) this.#decoder.decode(this.#cutter.dataText(), this.#cutter.name);
  }
}
