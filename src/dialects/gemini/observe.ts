import { Fault } from '../../completion/fault.ts';
import { AnswerReading, answerScan as scan } from '../answer-reading.ts';
import { readName } from '../answer-tally.ts';
import type { AnswerFacts, ObserveOptions, StreamObserver } from '../dialect.ts';
import type { EventCutter } from '../event-cutter.ts';
import { NameTable } from '../name-table.ts';
import { type EventMeaning, type EventReader, PassingObserver } from '../stream-observer.ts';
import { isRecord } from '../wire-values.ts';
import { decodeStreamFault } from './fault.ts';
import { cutterOf, noNames } from './form-cutter.ts';
import { readGeminiUsage } from './usage.ts';

export function observeAnswer(body: Buffer): AnswerFacts {
  const reading = new ResponseReading();
  const isAnswer = reading.read(body, 0, body.length) && (reading.sawCandidates || reading.isBlocked);
  if (!isAnswer && reading.tally.fault === undefined) {
    reading.tally.fault = new Fault('upstream_malformed', 'The answer of the provider has no candidates.');
  }
  return reading.facts;
}

/** Usage comes with every stream here, so nothing is ever stripped. */
export function observeStream(options?: Partial<ObserveOptions>): StreamObserver {
  return new PassingObserver(new ChunkReader(), { ...options, stripUsage: false }, cutterOf(options?.streamForm));
}

class ChunkReader implements EventReader {
  readonly eventNames = noNames;
  /** Usage may come behind the chunk that says why the answer ended. */
  readonly readsOn = true;
  readonly #reading = new ResponseReading();

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
    if (!isRead) {
      reading.tally.malformedEvents += 1;
      return 'quiet';
    }
    if (reading.isOver) return 'end';
    return reading.sawContent ? 'content' : 'quiet';
  }
}

const topFields = new NameTable([
  'candidates',
  'usageMetadata',
  'modelVersion',
  'error',
  'promptFeedback',
  'usage_metadata',
  'model_version',
  'prompt_feedback',
]);
const candidateFields = new NameTable(['content', 'finishReason', 'index', 'finish_reason']);
const contentFields = new NameTable(['parts']);
const partFields = new NameTable(['text', 'functionCall', 'thought', 'thoughtSignature']);
const callFields = new NameTable(['args', 'partialArgs']);

/** Reads chunks, or a whole answer, of which only these fields matter. Plain deltas build no strings and no objects. */
class ResponseReading extends AnswerReading {
  sawCandidates = false;
  /** The prompt was refused: no candidate comes. */
  isBlocked = false;
  /** Candidates that have not said why they ended, of those that were seen. */
  readonly #open = new Set<number>();

  /** Did every candidate end? */
  get isOver(): boolean {
    return this.isBlocked || (this.sawCandidates && this.#open.size === 0);
  }

  protected override object(): void {
    scan.enter();
    while (scan.nextMember()) {
      switch (scan.key(topFields)) {
        case 0:
          if (scan.isArray) this.#candidates();
          else scan.skip();
          break;
        case 1:
        case 5:
          this.#usage();
          break;
        case 2:
        case 6:
          if (this.tally.servedModel === undefined) this.tally.servedModel = readName(scan.parse());
          else scan.skip();
          break;
        case 3:
          if (scan.isNull) scan.skip();
          else this.tally.fault = decodeStreamFault({ error: scan.parse() });
          break;
        case 4:
        case 7:
          this.#feedback(scan.parse());
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
    this.tally.usage(raw, readGeminiUsage(raw));
  }

  #feedback(value: unknown): void {
    const reason = isRecord(value) ? readName(value['blockReason'] ?? value['block_reason']) : undefined;
    if (reason === undefined) return;
    this.isBlocked = true;
    this.tally.finishRaw ??= reason;
  }

  #candidates(): void {
    scan.enter();
    while (scan.nextElement()) {
      if (scan.isObject) this.#candidate();
      else scan.skip();
    }
  }

  #candidate(): void {
    this.sawCandidates = true;
    let index = 0;
    let isEnded = false;
    scan.enter();
    while (scan.nextMember()) {
      switch (scan.key(candidateFields)) {
        case 0:
          if (scan.isObject) this.#content();
          else scan.skip();
          break;
        case 1:
        case 3: {
          const reason = readName(scan.parse());
          if (reason === undefined) break;
          this.tally.finishRaw = reason;
          isEnded = true;
          break;
        }
        case 2:
          index = Number(scan.parse());
          break;
        default:
          scan.skip();
      }
    }
    if (isEnded) this.#open.delete(index);
    else if (this.#open.size < candidatesMax) this.#open.add(index);
  }

  #content(): void {
    scan.enter();
    while (scan.nextMember()) {
      if (scan.key(contentFields) === -1 || !scan.isArray) {
        scan.skip();
        continue;
      }
      scan.enter();
      while (scan.nextElement()) {
        if (scan.isObject) this.#part();
        else scan.skip();
      }
    }
  }

  /** Every kind of part but an empty text is something that a user sees. */
  #part(): void {
    scan.enter();
    while (scan.nextMember()) {
      switch (scan.key(partFields)) {
        case 0:
          this.count(scan.textBytes());
          break;
        case 1:
          this.sawContent = true;
          if (scan.isObject) this.#call();
          else scan.skip();
          break;
        case 2:
        case 3:
          scan.skip();
          break;
        default:
          this.sawContent = true;
          scan.skip();
      }
    }
  }

  #call(): void {
    scan.enter();
    while (scan.nextMember()) {
      const start = scan.at;
      const isArguments = scan.key(callFields) !== -1;
      scan.skip();
      if (isArguments && scan.at - start > 2) this.count(scan.at - start);
    }
  }
}

/** More are never asked for (https://ai.google.dev/api/generate-content#generationconfig: at most 8, 2026-11). */
const candidatesMax = 64;
