import { Fault } from '../../completion/fault.ts';
import type { UsageCounts } from '../../completion/usage.ts';
import { AnswerReading, answerScan as scan } from '../answer-reading.ts';
import type { EventPlace } from '../answer-so-far.ts';
import { readName } from '../answer-tally.ts';
import type { AnswerFacts, ObserveOptions, StreamObserver } from '../dialect.ts';
import type { EventCutter } from '../event-cutter.ts';
import { NameTable } from '../name-table.ts';
import { type EventMeaning, type EventReader, PassingObserver } from '../stream-observer.ts';
import { isRecord, type WireRecord } from '../wire-values.ts';
import { decodeStreamFault } from './fault.ts';
import { meterOfItem } from './hosted-tools.ts';
import { readResponsesUsage } from './usage.ts';

export function observeAnswer(body: Buffer): AnswerFacts {
  const reading = new ResponseReading(true);
  const isResponse = reading.read(body, 0, body.length) && reading.sawOutput;
  if (!isResponse && reading.tally.fault === undefined) {
    reading.tally.fault = new Fault('upstream_malformed', 'The answer of the provider is not a response.');
  }
  return reading.facts;
}

/** Usage comes with every stream here, so nothing is ever stripped. */
export function observeStream(options?: Pick<ObserveOptions, 'eventBytesMax'>): StreamObserver {
  return new PassingObserver(new ResponseEventReader(), { ...options, stripUsage: false });
}

/** Types that end a stream, then those that begin it; in what comes between, a delta is content, and so is an item that is
 *  neither a message nor reasoning. */
const types = new NameTable([
  'response.completed',
  'response.incomplete',
  'response.failed',
  'error',
  'response.created',
  'response.in_progress',
  'response.queued',
  'response.output_item.done',
]);
const typeFailed = 2;
const typeError = 3;
const typeCreated = 4;
const typeItemDone = 7;

class ResponseEventReader implements EventReader {
  readonly eventNames = types;
  readonly #reading = new ResponseReading(false);

  get facts(): AnswerFacts {
    return this.#reading.facts;
  }
  get contentBytesSinceUsage(): number {
    return this.#reading.tally.contentBytesSinceUsage;
  }
  get place(): EventPlace {
    const { answerId, nextEvent } = this.#reading;
    return { answerId, nextEvent };
  }

  read(event: EventCutter): EventMeaning {
    const reading = this.#reading;
    const data = event.dataBuffer;
    // Some hosts end as they end chat completions; by then the answer is over.
    if (data[event.dataStart] === 0x5b && data.compare(done, 0, 6, event.dataStart, event.dataEnd) === 0)
      return 'quiet';
    reading.name = event.name;
    const isRead = reading.read(data, event.dataStart, event.dataEnd);
    if (reading.tally.fault !== undefined) return 'failure';
    const type = reading.type === -1 ? event.name : reading.type;
    if (type === typeFailed || type === typeError) {
      reading.tally.fault = decodeStreamFault(undefined);
      return 'failure';
    }
    if (!isRead) {
      reading.tally.malformedEvents += 1;
      return 'quiet';
    }
    if (type !== -1 && type < typeFailed) return 'end';
    return reading.sawContent ? 'content' : 'quiet';
  }
}

const done = Buffer.from('[DONE]');

const topFields = new NameTable([
  'type',
  'delta',
  'response',
  'item',
  'sequence_number',
  'error',
  'code',
  'message',
  'output',
  'usage',
  'model',
  'status',
  'service_tier',
  'incomplete_details',
  'id',
  'tool_usage',
]);
/** From here on they are those of a response; in an event they stand inside `response`. */
const fieldOutput = 8;
const fieldError = 5;

const itemTypes = new NameTable(['message', 'reasoning']);

/** Reads stream events, or a whole response, of which only these fields matter. Plain deltas build nothing. */
class ResponseReading extends AnswerReading {
  /** Of the last event: place of its type among `types`. */
  type = -1;
  /** The same by its `event:` line. */
  name = -1;
  sawOutput = false;
  answerId: string | undefined = undefined;
  nextEvent = 0;
  readonly #isWhole: boolean;
  /** Of items that ended, for a stream that does not come to its end. */
  #itemCounts: Record<string, number> | undefined = undefined;
  /** Of the answer's own list, which is all of them. */
  #outputCounts: Record<string, number> | undefined = undefined;
  #searches: number | undefined = undefined;

  constructor(isWhole: boolean) {
    super();
    this.#isWhole = isWhole;
  }

  /** What the provider counts itself comes first. */
  override get facts(): AnswerFacts {
    const { facts } = this.tally;
    const counts = facts.counts ?? this.#counts();
    return counts === undefined ? facts : { ...facts, counts };
  }

  #counts(): UsageCounts | undefined {
    const counts = this.#outputCounts ?? this.#itemCounts;
    if (this.#searches === undefined) return counts;
    const { 'tool.webSearch': _, ...others } = counts ?? {};
    const all = this.#searches === 0 ? others : { ...others, 'tool.webSearch': this.#searches };
    return Object.keys(all).length === 0 ? undefined : all;
  }

  protected override reset(): void {
    super.reset();
    this.type = -1;
  }

  protected override object(): void {
    let error: unknown;
    let code: unknown;
    let message: unknown;
    let responseAt: number | undefined;
    scan.enter();
    while (scan.nextMember()) {
      const field = scan.key(topFields);
      if (this.#isWhole && (field === fieldError || field >= fieldOutput)) {
        this.#responseField(field, true);
        continue;
      }
      switch (field) {
        case 0:
          this.type = scan.name(types);
          break;
        case 1:
          this.count(scan.textBytes());
          break;
        case 2:
          if (!scan.isObject) scan.skip();
          else if (this.type === -1 && this.name === -1) {
            // What it means is known when the type is.
            responseAt = scan.at;
            scan.skip();
          } else this.#response();
          break;
        case 3:
          if (scan.isObject) this.#item();
          else scan.skip();
          break;
        case 4:
          this.#number(scan.parse());
          break;
        case fieldError:
          error = scan.parse() ?? undefined;
          break;
        case 6:
          code = scan.parse();
          break;
        case 7:
          message = scan.parse();
          break;
        default:
          scan.skip();
      }
    }
    if (responseAt !== undefined) {
      const end = scan.at;
      scan.at = responseAt;
      this.#response();
      scan.at = end;
    }
    const isError = (this.type === -1 ? this.name : this.type) === typeError;
    if (error !== undefined) this.tally.fault = decodeStreamFault({ error });
    else if (isError && !this.#isWhole) this.tally.fault = decodeStreamFault({ code, message });
  }

  #number(value: unknown): void {
    this.nextEvent = typeof value === 'number' && Number.isSafeInteger(value) ? value + 1 : this.nextEvent + 1;
  }

  /** What a response says while it is made is what was asked for: only at its end it says what came of it. */
  #response(): void {
    const type = this.type === -1 ? this.name : this.type;
    const isOver = type !== -1 && type < typeCreated;
    scan.enter();
    while (scan.nextMember()) this.#responseField(scan.key(topFields), isOver);
  }

  #responseField(field: number, isOver: boolean): void {
    const { tally } = this;
    switch (field) {
      case fieldError: {
        const error = scan.parse() ?? undefined;
        if (error !== undefined) tally.fault = decodeStreamFault({ error });
        return;
      }
      case fieldOutput:
        if (isOver && scan.isArray) this.#output(scan.parse());
        else scan.skip();
        return;
      case 9: {
        const raw = scan.parse();
        if (isOver) tally.usage(raw, readResponsesUsage(raw));
        return;
      }
      case 10:
        tally.servedModel = readName(scan.parse()) ?? tally.servedModel;
        return;
      case 11: {
        const status = readName(scan.parse());
        if (isOver) this.#status(status);
        return;
      }
      case 12: {
        const tier = readName(scan.parse());
        if (isOver) tally.serviceTier = tier ?? tally.serviceTier;
        return;
      }
      case 13: {
        const details = scan.parse();
        if (isOver && isRecord(details)) tally.finishRaw = readName(details['reason']) ?? tally.finishRaw;
        return;
      }
      case 14:
        if (this.answerId === undefined) this.answerId = readName(scan.parse());
        else scan.skip();
        return;
      case 15:
        this.#toolUsage(scan.parse());
        return;
      default:
        scan.skip();
    }
  }

  /** Why an answer is incomplete says more than that it is. */
  #status(status: string | undefined): void {
    const { tally } = this;
    if (status === 'failed' || status === 'cancelled') {
      tally.fault ??= decodeStreamFault({ error: { code: 'server_error', message: `The response is ${status}.` } });
    } else if (this.#isWhole && (status === 'queued' || status === 'in_progress')) {
      tally.fault ??= new Fault('upstream_malformed', `The provider sent a response that is ${status}.`);
    } else tally.finishRaw ??= status;
  }

  /** Searches, as the API counts them itself (openai-node 7.55, responses.ts, 2026-11). */
  #toolUsage(value: unknown): void {
    const search = isRecord(value) ? value['web_search'] : undefined;
    const count = isRecord(search) ? search['num_requests'] : undefined;
    if (typeof count === 'number' && Number.isSafeInteger(count) && count >= 0) this.#searches = count;
  }

  /** Of an event: its item. Only its end says all of it. */
  #item(): void {
    const item = scan.parse() as WireRecord; // It is an object.
    const isKnownQuiet = itemTypes.names.some(name => name === item['type']);
    if (!isKnownQuiet) this.sawContent = true;
    const type = this.type === -1 ? this.name : this.type;
    const meter = type === typeItemDone ? meterOfItem(item) : undefined;
    if (meter !== undefined) this.#itemCounts = counted(this.#itemCounts, meter);
  }

  #output(items: unknown): void {
    this.sawOutput = true;
    if (!Array.isArray(items) || (items.length === 0 && !this.#isWhole)) return;
    const countsText = this.tally.contentBytes === 0;
    for (const item of items) {
      if (!isRecord(item)) continue;
      if (countsText) this.#countItem(item);
      const meter = meterOfItem(item);
      if (meter !== undefined) this.#outputCounts = counted(this.#outputCounts, meter);
    }
  }

  #countItem(item: WireRecord): void {
    for (const name of ['arguments', 'input'] as const) this.#countText(item[name]);
    for (const name of ['content', 'summary'] as const) {
      const parts = item[name];
      if (!Array.isArray(parts)) continue;
      for (const part of parts) {
        if (!isRecord(part)) continue;
        this.#countText(part['text']);
        this.#countText(part['refusal']);
      }
    }
  }

  #countText(text: unknown): void {
    if (typeof text === 'string') this.count(Buffer.byteLength(text));
  }
}

function counted(counts: Record<string, number> | undefined, meter: string): Record<string, number> {
  const all = counts ?? {};
  all[meter] = (all[meter] ?? 0) + 1;
  return all;
}
