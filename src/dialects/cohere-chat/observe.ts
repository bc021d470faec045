import { Fault } from '../../completion/fault.ts';
import { AnswerReading, answerScan as scan } from '../answer-reading.ts';
import { readName } from '../answer-tally.ts';
import type { AnswerFacts, ObserveOptions, StreamObserver } from '../dialect.ts';
import type { EventCutter } from '../event-cutter.ts';
import { NameTable } from '../name-table.ts';
import { type EventMeaning, type EventReader, PassingObserver } from '../stream-observer.ts';
import { brokenOff, decodeStreamFault } from './fault.ts';
import { readCohereUsage } from './usage.ts';

export function observeAnswer(body: Buffer): AnswerFacts {
  const reading = new ChatReading();
  const isAnswer = reading.read(body, 0, body.length) && reading.sawMessage;
  const { tally } = reading;
  tally.fault ??= brokenOff(tally.finishRaw, reading.error);
  if (!isAnswer && tally.fault === undefined) {
    tally.fault = reading.isRefusal
      ? decodeStreamFault({ message: reading.said })
      : new Fault('upstream_malformed', 'The answer of the provider is not a chat message.');
  }
  return reading.facts;
}

/** Usage comes with every stream here, so nothing is ever stripped. */
export function observeStream(options?: Pick<ObserveOptions, 'eventBytesMax'>): StreamObserver {
  return new PassingObserver(new ChatEventReader(), { ...options, stripUsage: false });
}

const types = new NameTable(['message-end', 'error', 'tool-call-start', 'citation-start']);
const typeEnd = 0;
const typeError = 1;

class ChatEventReader implements EventReader {
  readonly eventNames = types;
  readonly #reading = new ChatReading();

  get facts(): AnswerFacts {
    return this.#reading.facts;
  }
  get contentBytesSinceUsage(): number {
    return this.#reading.tally.contentBytesSinceUsage;
  }

  read(event: EventCutter): EventMeaning {
    const reading = this.#reading;
    const { tally } = reading;
    const isRead = reading.read(event.dataBuffer, event.dataStart, event.dataEnd);
    const type = reading.type === -1 ? event.name : reading.type;
    if (type === typeError || reading.isRefusal) {
      tally.fault ??= decodeStreamFault(isRead ? { message: reading.said } : undefined);
      return 'failure';
    }
    if (type === typeEnd) {
      // Half an end says nothing of how it ended, and a client reads none.
      tally.fault = isRead ? brokenOff(tally.finishRaw, reading.error) : malformedEnd();
      return tally.fault === undefined ? 'end' : 'failure';
    }
    if (!isRead) {
      // `[DONE]` may follow the end; before it, it is no end.
      tally.malformedEvents += 1;
      return 'quiet';
    }
    return reading.sawContent || type > typeError ? 'content' : 'quiet';
  }
}

function malformedEnd(): Fault {
  return new Fault('upstream_malformed', 'The provider sent an end that cannot be read.');
}

const topFields = new NameTable(['type', 'delta', 'message', 'usage', 'finish_reason', 'error']);
const messageFields = new NameTable(['content', 'tool_plan', 'tool_calls', 'citations']);
const contentFields = new NameTable(['text', 'thinking']);
const callFields = new NameTable(['function']);
const calledFields = new NameTable(['name', 'arguments']);

/** Reads stream events, or a whole answer, of which only these fields matter. Plain deltas build nothing. */
class ChatReading extends AnswerReading {
  /** Of the last text read: place of its type among `types`. */
  type = -1;
  /** Of a whole answer: has it a message? */
  sawMessage = false;
  /** A message that is a text is an error's. */
  said: string | undefined = undefined;
  /** What the end says of a failure. */
  error: unknown = undefined;
  #hasType = false;

  protected override reset(): void {
    super.reset();
    this.type = -1;
    this.said = undefined;
    this.error = undefined;
    this.#hasType = false;
  }

  /** Is the text read last an error as the body of a response has it? */
  get isRefusal(): boolean {
    return this.said !== undefined && !this.#hasType;
  }

  protected override object(): void {
    this.#fields();
  }

  /** Events and whole answers have the same fields, an event one level deeper. */
  #fields(): void {
    const { tally } = this;
    scan.enter();
    while (scan.nextMember()) {
      switch (scan.key(topFields)) {
        case 0:
          this.#hasType = true;
          this.type = scan.name(types);
          break;
        case 1:
          if (scan.isObject) this.#fields();
          else scan.skip();
          break;
        case 2:
          if (scan.isObject) this.#message();
          else if (scan.isString) this.said = String(scan.parse());
          else scan.skip();
          break;
        case 3:
          if (scan.isNull) scan.skip();
          else this.#usage(scan.parse());
          break;
        case 4:
          tally.finishRaw = readName(scan.parse()) ?? tally.finishRaw;
          break;
        case 5:
          this.error = scan.parse() ?? undefined;
          break;
        default:
          scan.skip();
      }
    }
  }

  #usage(raw: unknown): void {
    this.tally.usage(raw, readCohereUsage(raw));
  }

  #message(): void {
    this.sawMessage = true;
    scan.enter();
    while (scan.nextMember()) {
      switch (scan.key(messageFields)) {
        case 0:
          this.#each(() => this.#content());
          break;
        case 1:
          this.count(scan.textBytes());
          break;
        case 2:
          this.#each(() => this.#call());
          break;
        case 3:
          this.#each(() => {
            this.sawContent = true;
            scan.skip();
          });
          break;
        default:
          scan.skip();
      }
    }
  }

  /** Streams have one of what whole answers have a list of; a content may be a text. */
  #each(one: () => void): void {
    if (scan.isString) this.count(scan.textBytes());
    else if (scan.isObject) one();
    else if (scan.isArray) {
      scan.enter();
      while (scan.nextElement()) {
        if (scan.isObject) one();
        else scan.skip();
      }
    } else scan.skip();
  }

  #content(): void {
    scan.enter();
    while (scan.nextMember()) {
      if (scan.key(contentFields) === -1) scan.skip();
      else this.count(scan.textBytes());
    }
  }

  #call(): void {
    scan.enter();
    while (scan.nextMember()) {
      if (scan.key(callFields) === -1 || !scan.isObject) scan.skip();
      else this.#called();
    }
  }

  /** A name is no content by its bytes, but a call is seen by it. */
  #called(): void {
    scan.enter();
    while (scan.nextMember()) {
      const field = scan.key(calledFields);
      if (field === 1) this.#arguments();
      else {
        if (field === 0) this.sawContent = true;
        scan.skip();
      }
    }
  }

  /** A call without arguments has none in a stream and the text `null` in a whole answer. */
  #arguments(): void {
    const start = scan.at;
    const bytes = scan.textBytes();
    if (scan.at - start !== noArguments) this.count(bytes);
  }
}

/** Bytes of `"null"`. No other four letters are arguments. */
const noArguments = 6;
