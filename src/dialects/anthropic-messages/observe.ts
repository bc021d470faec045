import { Fault } from '../../completion/fault.ts';
import { AnswerReading, answerScan as scan } from '../answer-reading.ts';
import { readName } from '../answer-tally.ts';
import type { AnswerFacts, ObserveOptions, StreamObserver } from '../dialect.ts';
import type { EventCutter } from '../event-cutter.ts';
import { NameTable } from '../name-table.ts';
import { type EventMeaning, type EventReader, PassingObserver } from '../stream-observer.ts';
import { decodeStreamFault } from './fault.ts';
import { mergeAnthropicUsage, readAnthropicUsage } from './usage.ts';

export function observeAnswer(body: Buffer): AnswerFacts {
  const reading = new MessageReading();
  const isMessage = reading.read(body, 0, body.length) && reading.sawBlocks;
  if (!isMessage && reading.tally.fault === undefined) {
    reading.tally.fault = new Fault('upstream_malformed', 'The answer of the provider is not a message.');
  }
  return reading.facts;
}

/** Usage comes with every stream here, so nothing is ever stripped. */
export function observeStream(options?: Pick<ObserveOptions, 'eventBytesMax'>): StreamObserver {
  return new PassingObserver(new MessageEventReader(), { ...options, stripUsage: false });
}

const types = new NameTable(['content_block_delta', 'message_stop', 'error']);
const typeStop = 1;
const typeError = 2;

class MessageEventReader implements EventReader {
  readonly eventNames = types;
  readonly #reading = new MessageReading();

  get facts(): AnswerFacts {
    return this.#reading.facts;
  }
  get contentBytesSinceUsage(): number {
    return this.#reading.tally.contentBytesSinceUsage;
  }

  read(event: EventCutter): EventMeaning {
    const reading = this.#reading;
    const isRead = reading.read(event.dataBuffer, event.dataStart, event.dataEnd);
    if (reading.tally.fault !== undefined) return 'failure';
    const type = reading.type === -1 ? event.name : reading.type;
    if (type === typeStop) return 'end';
    if (type === typeError) {
      reading.tally.fault = decodeStreamFault(undefined);
      return 'failure';
    }
    if (!isRead) {
      reading.tally.malformedEvents += 1;
      return 'quiet';
    }
    return reading.sawContent ? 'content' : 'quiet';
  }
}

const topFields = new NameTable([
  'type',
  'delta',
  'content_block',
  'message',
  'usage',
  'error',
  'content',
  'model',
  'stop_reason',
]);
const deltaFields = new NameTable(['text', 'partial_json', 'thinking', 'stop_reason', 'type']);
const deltaTypes = new NameTable(['signature_delta', 'citations_delta']);
const blockFields = new NameTable(['type', 'text', 'thinking', 'input']);
/** Blocks that open empty and are filled by deltas; any other is seen when it opens. */
const emptyBlockTypes = new NameTable(['text', 'thinking']);

/** Reads stream events, or a whole message, of which only these fields matter. Plain deltas build nothing. */
class MessageReading extends AnswerReading {
  /** Of the last text read: place of its type among `types`. */
  type = -1;
  sawBlocks = false;
  #rawUsage: unknown = undefined;

  protected override reset(): void {
    super.reset();
    this.type = -1;
  }

  protected override object(): void {
    this.#message();
  }

  /** Events, whole messages and the message inside message_start differ in their fields, not in what these mean. */
  #message(): void {
    const tally = this.tally;
    scan.enter();
    while (scan.nextMember()) {
      switch (scan.key(topFields)) {
        case 0:
          this.type = scan.name(types);
          break;
        case 1:
          if (scan.isObject) this.#delta();
          else scan.skip();
          break;
        case 2:
          if (scan.isObject) this.#block();
          else scan.skip();
          break;
        case 3:
          if (scan.isObject) this.#inner();
          else scan.skip();
          break;
        case 4:
          if (scan.isNull) scan.skip();
          else this.#usage(scan.parse());
          break;
        case 5:
          if (scan.isNull) scan.skip();
          else tally.fault = decodeStreamFault({ error: scan.parse() });
          break;
        case 6:
          if (scan.isArray) this.#blocks();
          else scan.skip();
          break;
        case 7:
          tally.servedModel = readName(scan.parse()) ?? tally.servedModel;
          break;
        case 8:
          tally.finishRaw = readName(scan.parse()) ?? tally.finishRaw;
          break;
        default:
          scan.skip();
      }
    }
  }

  /** The message inside message_start: its type is not the event's. */
  #inner(): void {
    const outer = this.type;
    this.#message();
    this.type = outer;
  }

  #delta(): void {
    scan.enter();
    while (scan.nextMember()) {
      switch (scan.key(deltaFields)) {
        case 0:
        case 1:
        case 2:
          this.count(scan.textBytes());
          break;
        case 3:
          if (scan.isNull) scan.skip();
          else this.tally.finishRaw = readName(scan.parse()) ?? this.tally.finishRaw;
          break;
        case 4:
          if (scan.name(deltaTypes) !== -1) this.sawContent = true;
          break;
        default:
          scan.skip();
      }
    }
  }

  #blocks(): void {
    this.sawBlocks = true;
    scan.enter();
    while (scan.nextElement()) {
      if (scan.isObject) this.#block();
      else scan.skip();
    }
  }

  #block(): void {
    scan.enter();
    while (scan.nextMember()) {
      switch (scan.key(blockFields)) {
        case 0:
          if (scan.name(emptyBlockTypes) === -1) this.sawContent = true;
          break;
        case 1:
        case 2:
          this.count(scan.textBytes());
          break;
        case 3:
          this.#input();
          break;
        default:
          scan.skip();
      }
    }
  }

  /** Arguments as JSON; `{}` stands for none yet when a block opens. */
  #input(): void {
    const start = scan.at;
    scan.skip();
    if (scan.at - start > 2) this.count(scan.at - start);
  }

  #usage(raw: unknown): void {
    this.#rawUsage = mergeAnthropicUsage(this.#rawUsage, raw);
    this.tally.usage(this.#rawUsage, readAnthropicUsage(this.#rawUsage));
  }
}
