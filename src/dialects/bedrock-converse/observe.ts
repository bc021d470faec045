import { Fault } from '../../completion/fault.ts';
import { AnswerReading, answerScan as scan } from '../answer-reading.ts';
import { readName } from '../answer-tally.ts';
import type { AnswerFacts, ObserveOptions, StreamObserver } from '../dialect.ts';
import type { EventCutter } from '../event-cutter.ts';
import { parseBoundedInexact } from '../exact-json.ts';
import { NameTable } from '../name-table.ts';
import { type EventMeaning, type EventReader, PassingObserver } from '../stream-observer.ts';
import { decodeStreamFault } from './fault.ts';
import { FrameCutter } from './frame-cutter.ts';
import { servedTierOf } from './served-tier.ts';
import { readBedrockUsage } from './usage.ts';
import { eventTypes } from './wire.ts';

export function observeAnswer(body: Buffer): AnswerFacts {
  const reading = new ConverseReading();
  const isAnswer = reading.read(body, 0, body.length) && reading.sawMessage;
  if (!isAnswer && reading.tally.fault === undefined) {
    reading.tally.fault = new Fault('upstream_malformed', 'The answer of the provider is no answer of Converse.');
  }
  return reading.facts;
}

/** Usage comes with every stream here, so nothing is ever stripped. */
export function observeStream({ eventBytesMax }: Pick<ObserveOptions, 'eventBytesMax'>): StreamObserver {
  const cutter = new FrameCutter(eventBytesMax);
  const options = eventBytesMax === undefined ? {} : { eventBytesMax };
  return new PassingObserver(new ConverseEventReader(cutter), { ...options, stripUsage: false }, cutter);
}

const typeTable = new NameTable(eventTypes);
const messageStop = eventTypes.indexOf('messageStop');
const metadata = eventTypes.indexOf('metadata');

class ConverseEventReader implements EventReader {
  readonly eventNames = typeTable;
  readonly #reading = new ConverseReading();
  readonly #cutter: FrameCutter;
  #sawStop = false;
  #sawMetadata = false;

  constructor(cutter: FrameCutter) {
    this.#cutter = cutter;
  }

  get facts(): AnswerFacts {
    return this.#reading.facts;
  }
  get contentBytesSinceUsage(): number {
    return this.#reading.tally.contentBytesSinceUsage;
  }
  /** Metadata may be missing; then the body ends the answer. */
  get isComplete(): boolean {
    return this.#sawStop;
  }

  read(event: EventCutter): EventMeaning {
    const { tally } = this.#reading;
    const { problem, messageType, exceptionType, exceptionMessage } = this.#cutter;
    if (problem !== undefined) {
      tally.fault = new Fault('upstream_malformed', `The provider sent ${problem}.`);
      return 'broken';
    }
    if (messageType !== 'event') {
      const body = exceptionMessage === undefined ? parsedOrUndefined(event.dataText()) : { message: exceptionMessage };
      tally.fault = decodeStreamFault(body, exceptionType);
      return 'failure';
    }
    if (event.dataStart === event.dataEnd || !this.#reading.read(event.dataBuffer, event.dataStart, event.dataEnd)) {
      tally.malformedEvents += 1;
      return 'quiet';
    }
    if (event.name === messageStop) this.#sawStop = true;
    if (event.name === metadata) this.#sawMetadata = true;
    const isLater = event.name === messageStop || event.name === metadata;
    // Either may come first: the end is the later of the two.
    if (isLater && this.#sawStop && this.#sawMetadata) return 'end';
    return this.#reading.sawContent ? 'content' : 'quiet';
  }
}

const topFields = new NameTable([
  'delta',
  'start',
  'output',
  'usage',
  'stopReason',
  'serviceTier',
  'performanceConfig',
]);
const outputFields = new NameTable(['message']);
const messageFields = new NameTable(['content']);
const contentFields = new NameTable(['text', 'toolUse', 'reasoningContent', 'citationsContent']);
const toolFields = new NameTable(['input', 'name']);
const reasoningFields = new NameTable(['text', 'reasoningText', 'signature', 'redactedContent']);
const citedFields = new NameTable(['content']);

/** Reads payloads of stream events, or a whole answer, of which only these fields matter. Plain deltas build nothing. */
class ConverseReading extends AnswerReading {
  sawMessage = false;
  #serviceTier: unknown = undefined;
  #performance: unknown = undefined;

  protected override object(): void {
    const { tally } = this;
    scan.enter();
    while (scan.nextMember()) {
      switch (scan.key(topFields)) {
        case 0:
        case 1:
          if (scan.isObject) this.#block();
          else scan.skip();
          break;
        case 2:
          this.#within(outputFields, () => this.#within(messageFields, () => this.#blocks()));
          break;
        case 3:
          if (scan.isNull) scan.skip();
          else {
            const raw = scan.parse();
            tally.usage(raw, readBedrockUsage(raw));
          }
          break;
        case 4:
          tally.finishRaw = readName(scan.parse()) ?? tally.finishRaw;
          break;
        case 5:
          this.#serviceTier = scan.parse();
          tally.serviceTier = servedTierOf(this.#serviceTier, this.#performance);
          break;
        case 6:
          this.#performance = scan.parse();
          tally.serviceTier = servedTierOf(this.#serviceTier, this.#performance);
          break;
        default:
          scan.skip();
      }
    }
  }

  /** Steps into the member of the object here that the table names. */
  #within(table: NameTable<string>, read: () => void): void {
    if (!scan.isObject) {
      scan.skip();
      return;
    }
    scan.enter();
    while (scan.nextMember()) {
      if (scan.key(table) === 0) read();
      else scan.skip();
    }
  }

  #blocks(): void {
    if (!scan.isArray) {
      scan.skip();
      return;
    }
    this.sawMessage = true;
    scan.enter();
    while (scan.nextElement()) {
      if (scan.isObject) this.#block();
      else scan.skip();
    }
  }

  /** A block of a message, the start of one, or a delta: they have their members in common. */
  #block(): void {
    scan.enter();
    while (scan.nextMember()) {
      switch (scan.key(contentFields)) {
        case 0:
          this.count(scan.textBytes());
          break;
        case 1:
          this.#toolUse();
          break;
        case 2:
          this.#reasoning();
          break;
        case 3:
          this.#within(citedFields, () => this.#blocks());
          break;
        default:
          this.sawContent = true;
          scan.skip();
      }
    }
  }

  /** In a stream `input` is text, in a whole answer JSON. */
  #toolUse(): void {
    if (!scan.isObject) {
      scan.skip();
      return;
    }
    scan.enter();
    while (scan.nextMember()) {
      const field = scan.key(toolFields);
      if (field === 1) this.sawContent = true;
      if (field !== 0) scan.skip();
      else if (scan.isString || scan.isNull) this.count(scan.textBytes());
      else {
        const start = scan.at;
        scan.skip();
        // `{}` is no argument.
        if (scan.at - start > 2) this.count(scan.at - start);
      }
    }
  }

  #reasoning(): void {
    if (!scan.isObject) {
      scan.skip();
      return;
    }
    scan.enter();
    while (scan.nextMember()) {
      switch (scan.key(reasoningFields)) {
        case 0:
          this.count(scan.textBytes());
          break;
        case 1:
          this.#reasoning();
          break;
        case 2:
        case 3:
          this.sawContent = true;
          scan.skip();
          break;
        default:
          scan.skip();
      }
    }
  }
}

function parsedOrUndefined(text: string): unknown {
  try {
    return parseBoundedInexact(text);
  } catch {
    return undefined;
  }
}
