import { Fault } from '../../completion/fault.ts';
import { AnswerReading, answerScan as scan } from '../answer-reading.ts';
import { readName } from '../answer-tally.ts';
import type { AnswerFacts, ObserveOptions, StreamObserver } from '../dialect.ts';
import type { EventCutter } from '../event-cutter.ts';
import { NameTable } from '../name-table.ts';
import { type EventMeaning, type EventReader, PassingObserver } from '../stream-observer.ts';
import { decodeStreamFault } from './fault.ts';
import { readOpenAiChatUsage } from './usage.ts';

export function observeAnswer(body: Buffer): AnswerFacts {
  const reading = new ChatReading();
  const isCompletion = reading.read(body, 0, body.length) && reading.sawChoices;
  if (!isCompletion && reading.tally.fault === undefined) {
    reading.tally.fault = new Fault('upstream_malformed', 'The answer of the provider is not a chat completion.');
  }
  return reading.facts;
}

export function observeStream(options: ObserveOptions): StreamObserver {
  return new PassingObserver(new ChunkReader(), options);
}

const eventNames = new NameTable(['error']);

class ChunkReader implements EventReader {
  readonly eventNames = eventNames;
  readonly #reading = new ChatReading();

  get facts(): AnswerFacts {
    return this.#reading.facts;
  }
  get contentBytesSinceUsage(): number {
    return this.#reading.tally.contentBytesSinceUsage;
  }

  read(event: EventCutter): EventMeaning {
    const data = event.dataBuffer;
    if (isDone(data, event.dataStart, event.dataEnd)) return 'end';
    const reading = this.#reading;
    if (event.name === 0) {
      const text = data.toString('utf8', event.dataStart, event.dataEnd);
      reading.tally.fault = decodeStreamFault(parsedOrUndefined(text));
      return 'failure';
    }
    if (!reading.read(data, event.dataStart, event.dataEnd)) {
      if (reading.tally.fault !== undefined) return 'failure';
      reading.tally.malformedEvents += 1;
      return 'quiet';
    }
    if (reading.sawContent) return 'content';
    return reading.sawUsage && reading.choices === 0 ? 'usage-only' : 'quiet';
  }
}

const topFields = new NameTable(['model', 'choices', 'usage', 'error', 'service_tier', 'x_groq']);
const groqFields = new NameTable(['usage']);
const choiceFields = new NameTable(['delta', 'message', 'finish_reason']);
const deltaFields = new NameTable([
  'content',
  'reasoning_content',
  'reasoning',
  'refusal',
  'tool_calls',
  'function_call',
  'audio',
]);
const partFields = new NameTable(['text', 'thinking']);
const callFields = new NameTable(['function', 'custom']);
const callTextFields = new NameTable(['arguments', 'input']);
const audioFields = new NameTable(['transcript']);
/** Known tiers are recognised by their bytes: most hosts repeat theirs on every chunk. */
const tiers = new NameTable(['auto', 'default', 'flex', 'scale', 'priority', 'fast']);

/** Reads chunks, or a whole answer, of which only these fields matter. Plain deltas build no strings and no objects. */
class ChatReading extends AnswerReading {
  /** Of the last text read. */
  choices = 0;
  sawUsage = false;
  sawChoices = false;

  protected override reset(): void {
    super.reset();
    this.choices = 0;
    this.sawUsage = false;
  }

  protected override object(): void {
    const tally = this.tally;
    scan.enter();
    while (scan.nextMember()) {
      switch (scan.key(topFields)) {
        case 0:
          if (tally.servedModel === undefined) tally.servedModel = readName(scan.parse());
          else scan.skip();
          break;
        case 1:
          if (scan.isArray) this.#choices();
          else scan.skip();
          break;
        case 2:
          this.#usage();
          break;
        case 3:
          if (scan.isNull) scan.skip();
          else tally.fault = decodeStreamFault({ error: scan.parse() });
          break;
        case 4:
          this.#tier();
          break;
        case 5:
          if (scan.isObject) this.#groq();
          else scan.skip();
          break;
        default:
          scan.skip();
      }
    }
  }

  #usage(): void {
    if (scan.isNull) {
      scan.skip();
      return;
    }
    const raw = scan.parse();
    this.tally.usage(raw, readOpenAiChatUsage(raw));
    this.sawUsage = true;
  }

  /** Groq's streams carry usage in here (https://console.groq.com/docs/api-reference, 2026-11). */
  #groq(): void {
    scan.enter();
    while (scan.nextMember()) {
      if (scan.key(groqFields) === 0) this.#usage();
      else scan.skip();
    }
  }

  #tier(): void {
    const start = scan.at;
    const known = scan.name(tiers);
    if (known !== -1) {
      this.tally.serviceTier = tiers.names[known];
      return;
    }
    scan.at = start;
    this.tally.serviceTier = readName(scan.parse()) ?? this.tally.serviceTier;
  }

  #choices(): void {
    this.sawChoices = true;
    scan.enter();
    while (scan.nextElement()) {
      this.choices += 1;
      if (scan.isObject) this.#choice();
      else scan.skip();
    }
  }

  #choice(): void {
    scan.enter();
    while (scan.nextMember()) {
      switch (scan.key(choiceFields)) {
        case 0:
        case 1:
          if (scan.isObject) this.#delta();
          else scan.skip();
          break;
        case 2:
          if (scan.isNull) scan.skip();
          else this.tally.finishRaw = readName(scan.parse()) ?? this.tally.finishRaw;
          break;
        default:
          scan.skip();
      }
    }
  }

  #delta(): void {
    // Some hosts send their reasoning under both names at once: it is counted once.
    let reasoningBytes = 0;
    scan.enter();
    while (scan.nextMember()) {
      switch (scan.key(deltaFields)) {
        case 0:
          this.#content();
          break;
        case 1:
        case 2:
          reasoningBytes = Math.max(reasoningBytes, scan.textBytes());
          break;
        case 3:
          this.count(scan.textBytes());
          break;
        case 4:
          if (scan.isArray) this.#calls();
          else scan.skip();
          break;
        case 5:
          if (scan.isObject) this.#callText(callTextFields);
          else scan.skip();
          break;
        case 6:
          if (scan.isObject) this.#callText(audioFields);
          else scan.skip();
          break;
        default:
          scan.skip();
      }
    }
    this.count(reasoningBytes);
  }

  /** Text; some hosts send a list of parts, in which reasoning is a list again. */
  #content(): void {
    if (!scan.isArray) {
      this.count(scan.textBytes());
      return;
    }
    scan.enter();
    while (scan.nextElement()) {
      if (scan.isObject) this.#part();
      else scan.skip();
    }
  }

  #part(): void {
    scan.enter();
    while (scan.nextMember()) {
      if (scan.key(partFields) === -1) scan.skip();
      else this.#content();
    }
  }

  #calls(): void {
    scan.enter();
    while (scan.nextElement()) {
      this.sawContent = true;
      if (!scan.isObject) {
        scan.skip();
        continue;
      }
      scan.enter();
      while (scan.nextMember()) {
        if (scan.key(callFields) !== -1 && scan.isObject) this.#callText(callTextFields);
        else scan.skip();
      }
    }
  }

  #callText(fields: NameTable<string>): void {
    this.sawContent = true;
    scan.enter();
    while (scan.nextMember()) {
      if (scan.key(fields) === -1) scan.skip();
      else this.count(scan.textBytes());
    }
  }
}

/** `[DONE]`, whatever follows it on the line. */
function isDone(data: Buffer, start: number, end: number): boolean {
  return end - start >= done.length && data[start] === 0x5b && data.compare(done, 0, 6, start, start + 6) === 0;
}

function parsedOrUndefined(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

const done = Buffer.from('[DONE]');
