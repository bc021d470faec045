import type { AnswerSoFar, EventPlace, OpenItem } from '../answer-so-far.ts';
import { parseBounded } from '../exact-json.ts';
import { NameTable } from '../name-table.ts';
import { SseCutter } from '../sse-cutter.ts';
import { isRecord, type WireRecord } from '../wire-values.ts';
import { closeItem, EventWriter, wholeItem } from './events.ts';
import { startPlace } from './place.ts';

/** Another provider's events, so that they go on with an answer that was begun: one answer has one id, numbers its events and
 *  its items on, and begins once. */
export function resumeStream(soFar: AnswerSoFar, placed?: (place: EventPlace) => void): (events: Buffer) => Buffer {
  const resumption = new Resumption(soFar);
  return events => {
    const bytes = resumption.resume(events);
    placed?.(resumption.place);
    return bytes;
  };
}

const noNames = new NameTable<string>([]);

class Resumption {
  readonly #writer: EventWriter;
  #answerId: string | undefined;
  #left: OpenItem | undefined;
  /** Of the client: the item that this provider's first one goes on with. */
  #joined: OpenItem | undefined = undefined;
  #joinedId: unknown = undefined;
  #nextItem: number;
  /** Items of the answer that came before this provider's. */
  readonly #items: unknown[];
  /** The client's index of each item of this provider. */
  readonly #indexes = new Map<unknown, number>();

  constructor(soFar: AnswerSoFar) {
    const { answerId, nextEvent, nextItem, open, items } = startPlace(soFar);
    this.#answerId = answerId;
    this.#writer = new EventWriter(nextEvent);
    this.#nextItem = nextItem;
    this.#left = open;
    this.#items = [...items];
  }

  get place(): EventPlace {
    return { answerId: this.#answerId, nextEvent: this.#writer.nextEvent };
  }

  resume(events: Buffer): Buffer {
    // What comes is whole events, so nothing of one has to be kept for the next.
    const cutter = new SseCutter(noNames);
    cutter.append(events);
    const pieces: Buffer[] = [];
    while (cutter.next()) {
      const bytes = cutter.buffer.subarray(cutter.eventStart, cutter.eventEnd);
      const event = cutter.dataStart === -1 ? undefined : parsed(cutter.dataText());
      const isTyped = isRecord(event) && typeof event['type'] === 'string';
      pieces.push(isTyped ? Buffer.from(this.#event(event)) : bytes);
    }
    if (cutter.unfinishedBytes > 0) pieces.push(events.subarray(events.length - cutter.unfinishedBytes));
    return pieces.length === 1 ? pieces[0]! : Buffer.concat(pieces);
  }

  #event(event: WireRecord): string {
    switch (event['type']) {
      case 'response.created':
      case 'response.in_progress':
      case 'response.queued':
        // The client has them, or it has nothing.
        return this.#answerId === undefined || this.#isOwn(event) ? this.#begin(event) : '';
      case 'response.output_item.added':
        return this.#added(event);
      case 'response.completed':
      case 'response.incomplete':
      case 'response.failed':
        return this.#closeLeft() + this.#write(this.#whole(event));
      case 'response.content_part.added':
        return this.#hasPart(event) ? '' : this.#write(this.#placed(event));
      default:
        return this.#write(this.#placed(event));
    }
  }

  #isOwn({ response }: WireRecord): boolean {
    return isRecord(response) && response['id'] === this.#answerId;
  }

  #begin(event: WireRecord): string {
    const { response } = event;
    if (isRecord(response) && typeof response['id'] === 'string') this.#answerId ??= response['id'];
    return this.#write(event);
  }

  #added(event: WireRecord): string {
    const item = isRecord(event['item']) ? event['item'] : {};
    const left = this.#left;
    if (left !== undefined && left.type === 'message' && item['type'] === 'message') {
      this.#left = undefined;
      this.#joined = left;
      this.#joinedId = item['id'];
      this.#indexes.set(event['output_index'], left.index);
      return '';
    }
    const closed = this.#closeLeft();
    this.#indexes.set(event['output_index'], this.#nextItem);
    this.#nextItem += 1;
    return closed + this.#write(this.#placed(event));
  }

  /** Has the client the part already, in the item that is gone on with? */
  #hasPart({ item_id: id, content_index: index, part }: WireRecord): boolean {
    if (this.#joined === undefined || id !== this.#joinedId || typeof index !== 'number') return false;
    const known = this.#joined.parts[index];
    return known !== undefined && isRecord(part) && part['type'] === known.type;
  }

  #closeLeft(): string {
    const left = this.#left;
    if (left === undefined) return '';
    this.#left = undefined;
    this.#items.push(wholeItem(left, 'completed'));
    return closeItem(this.#writer, left, 'completed');
  }

  #placed(event: WireRecord): WireRecord {
    const index = this.#indexes.get(event['output_index']);
    const { item } = event;
    return {
      ...event,
      ...(index === undefined ? undefined : { output_index: index }),
      ...(event['item_id'] === undefined ? undefined : { item_id: this.#idOf(event['item_id']) }),
      ...(isRecord(item) ? { item: this.#named(item) } : undefined),
    };
  }

  #whole(event: WireRecord): WireRecord {
    const response = isRecord(event['response']) ? event['response'] : {};
    const output = Array.isArray(response['output']) ? response['output'] : [];
    const named = output.map(item => (isRecord(item) ? this.#named(item) : item));
    const id = this.#answerId ?? response['id'];
    return { ...event, response: { ...response, id, output: [...this.#items, ...named] } };
  }

  #named(item: WireRecord): WireRecord {
    return item['id'] === undefined ? item : { ...item, id: this.#idOf(item['id']) };
  }

  #idOf(id: unknown): unknown {
    return this.#joined !== undefined && id === this.#joinedId ? this.#joined.id : id;
  }

  #write({ type, sequence_number: _, ...fields }: WireRecord): string {
    return this.#writer.write(String(type), fields);
  }
}

function parsed(text: string): unknown {
  try {
    return parseBounded(text);
  } catch {
    return undefined;
  }
}
