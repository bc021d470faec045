import { Fault } from '../completion/fault.ts';
import type { EventPlace } from './answer-so-far.ts';
import type { AnswerFacts, ObserveOptions, StreamObserver, StreamStep } from './dialect.ts';
import type { EventCutter } from './event-cutter.ts';
import type { NameTable } from './name-table.ts';
import { eventBytesMaxDefault, SseCutter } from './sse-cutter.ts';

/** What one event means for the stream it is in.
 *  quiet: nothing a user would see. content: something is. usage-only: carries usage and nothing else.
 *  end: the terminal event. failure: an error event. broken: no event of the framing, which is not passed; the facts say what
 *  is wrong. */
export type EventMeaning = 'quiet' | 'content' | 'usage-only' | 'end' | 'failure' | 'broken';

/** A dialect's own part of an observer: reads events and gathers facts. */
export interface EventReader {
  readonly eventNames: NameTable<string>;
  /** Of an event with data. Never throws. */
  read(event: EventCutter): EventMeaning;
  readonly facts: AnswerFacts;
  readonly contentBytesSinceUsage: number;
  /** Facts may come behind the terminal event: what is held is read, too. */
  readonly readsOn?: boolean;
  /** Has all come that must? Asked at the end of the body, where a dialect may leave out its terminal event. */
  readonly isComplete?: boolean;
  /** Where the dialect numbers its events. */
  readonly place?: EventPlace | undefined;
}

/** Passes a stream's bytes on, event by event, while a reader gathers facts. */
export class PassingObserver implements StreamObserver {
  readonly #reader: EventReader;
  readonly #stripUsage: boolean;
  readonly #eventBytesMax: number;
  readonly #cutter: EventCutter;
  #state: StreamStep['state'] = 'nothing';
  #fault: Fault | undefined = undefined;

  /** `cutter`: of server-sent events unless said. */
  constructor(
    reader: EventReader,
    { stripUsage, eventBytesMax = eventBytesMaxDefault }: ObserveOptions,
    cutter: EventCutter = new SseCutter(reader.eventNames),
  ) {
    this.#reader = reader;
    this.#stripUsage = stripUsage;
    this.#eventBytesMax = eventBytesMax;
    this.#cutter = cutter;
  }

  get facts(): AnswerFacts {
    const facts = this.#reader.facts;
    return this.#fault === undefined ? facts : { ...facts, fault: this.#fault };
  }

  get contentBytesSinceUsage(): number {
    return this.#reader.contentBytesSinceUsage;
  }

  get place(): EventPlace | undefined {
    return this.#reader.place;
  }

  push(chunk: Buffer): StreamStep {
    if (this.#isOver) {
      if (this.#reader.readsOn === true && this.#state === 'ended') this.#readOn(chunk);
      return { pass: undefined, held: this.#fault === undefined ? chunk : undefined, state: this.#state };
    }
    const cutter = this.#cutter;
    cutter.append(chunk);
    let passFrom = cutter.eventEnd;
    let pieces: Buffer[] | undefined;
    while (cutter.next()) {
      if (cutter.dataStart === -1) continue;
      const meaning = this.#reader.read(cutter);
      if (meaning === 'quiet') continue;
      if (meaning === 'content') {
        this.#state = 'content';
      } else if (meaning === 'usage-only') {
        if (!this.#stripUsage) continue;
        pieces ??= [];
        if (cutter.eventStart > passFrom) pieces.push(cutter.buffer.subarray(passFrom, cutter.eventStart));
        passFrom = cutter.eventEnd;
      } else if (meaning === 'broken') {
        this.#fault = this.#reader.facts.fault;
        this.#state = 'failed';
        const pass = piecesTo(cutter, pieces, passFrom, cutter.eventStart);
        return { pass, held: undefined, state: this.#state };
      } else {
        this.#state = meaning === 'end' ? 'ended' : 'failed';
        const held = cutter.buffer.subarray(cutter.eventStart, cutter.eventEnd + cutter.unfinishedBytes);
        const pass = piecesTo(cutter, pieces, passFrom, cutter.eventStart);
        if (this.#reader.readsOn === true && meaning === 'end') this.#readOn(noBytes);
        return { pass, held, state: this.#state };
      }
    }
    const pass = piecesTo(cutter, pieces, passFrom, cutter.eventEnd);
    if (cutter.unfinishedBytes > this.#eventBytesMax) {
      this.#fault = new Fault(
        'upstream_malformed',
        `The provider sent a stream event over ${this.#eventBytesMax} bytes.`,
      );
      this.#state = 'failed';
    }
    return { pass, held: undefined, state: this.#state };
  }

  finish(): StreamStep {
    if (this.#isOver) return { pass: undefined, held: undefined, state: this.#state };
    const cutter = this.#cutter;
    const rest = cutter.takeRest();
    if (rest.length === 0 && this.#reader.isComplete === true) this.#state = 'ended';
    if (!cutter.isWhole()) return { pass: undefined, held: undefined, state: this.#state };
    const meaning = this.#reader.read(cutter);
    if (meaning === 'end' || meaning === 'failure') {
      this.#state = meaning === 'end' ? 'ended' : 'failed';
      return { pass: undefined, held: cutter.ended(rest), state: this.#state };
    }
    if (meaning === 'content') this.#state = 'content';
    const isStripped = meaning === 'usage-only' && this.#stripUsage;
    return { pass: isStripped ? undefined : cutter.ended(rest), held: undefined, state: this.#state };
  }

  /** Of events behind the terminal one, which are held whatever they say; one that is too long is not waited for. */
  #readOn(chunk: Buffer): void {
    const cutter = this.#cutter;
    if (cutter.unfinishedBytes > this.#eventBytesMax) return;
    if (chunk.length > 0) cutter.append(chunk);
    while (cutter.next()) if (cutter.dataStart !== -1) this.#reader.read(cutter);
  }

  get #isOver(): boolean {
    return this.#state === 'ended' || this.#state === 'failed';
  }
}

const noBytes = Buffer.alloc(0);

function piecesTo(cutter: EventCutter, pieces: Buffer[] | undefined, from: number, to: number): Buffer | undefined {
  if (pieces === undefined || pieces.length === 0) {
    if (from === to) return undefined;
    return from === 0 && to === cutter.buffer.length ? cutter.buffer : cutter.buffer.subarray(from, to);
  }
  if (from < to) pieces.push(cutter.buffer.subarray(from, to));
  return pieces.length === 1 ? pieces[0] : Buffer.concat(pieces);
}
