import type { AnswerSoFar, OpenItem, OpenPart, StreamPlace, StreamPlaceReader } from '../answer-so-far.ts';
import { NameTable } from '../name-table.ts';
import { SseCutter } from '../sse-cutter.ts';
import { isRecord, type WireRecord } from '../wire-values.ts';
import { argumentsPart, closeItem, EventWriter } from './events.ts';

/** Where a stream stands, read from the bytes that a client was sent. */
export function readPlace(): StreamPlaceReader {
  return new PlaceReader();
}

/** Texts that are kept in all, in letters: no longer ones are gone on with (gateway/splice-guard.ts). */
const keptLettersMax = 256 * 1024;

const noNames = new NameTable<string>([]);

interface MutableItem extends OpenItem {
  readonly parts: { type: string; text: string; isClosed: boolean }[];
}

class PlaceReader implements StreamPlaceReader {
  readonly #cutter = new SseCutter(noNames);
  #answerId: string | undefined = undefined;
  #nextEvent = 0;
  #nextItem = 0;
  #open: MutableItem | undefined = undefined;
  #items: unknown[] = [];
  #letters = 0;

  get place(): StreamPlace {
    return {
      answerId: this.#answerId,
      nextEvent: this.#nextEvent,
      nextItem: this.#nextItem,
      openItem: this.#open,
      items: this.#items,
    };
  }

  push(bytes: Buffer): void {
    this.#cutter.append(bytes);
    while (this.#cutter.next()) {
      if (this.#cutter.dataStart === -1) continue;
      const event = parsed(this.#cutter.dataText());
      if (isRecord(event)) this.#event(event);
    }
  }

  restarted(): void {
    this.#items = [];
    this.#open = undefined;
  }

  #event(event: WireRecord): void {
    const { type, sequence_number: number, response, item, delta } = event;
    this.#nextEvent = typeof number === 'number' && Number.isSafeInteger(number) ? number + 1 : this.#nextEvent + 1;
    if (isRecord(response) && typeof response['id'] === 'string') this.#answerId ??= response['id'];
    switch (type) {
      case 'response.output_item.added':
        if (isRecord(item)) this.#begin(item, event['output_index']);
        return;
      case 'response.output_item.done':
        this.#open = undefined;
        if (this.#keep(JSON.stringify(item ?? null).length)) this.#items.push(item);
        return;
      case 'response.content_part.added':
      case 'response.reasoning_summary_part.added': {
        const { part } = event;
        if (isRecord(part)) this.#open?.parts.push({ type: String(part['type']), text: '', isClosed: false });
        return;
      }
      case 'response.content_part.done':
      case 'response.reasoning_summary_part.done': {
        const last = this.#open?.parts.at(-1);
        if (last !== undefined) last.isClosed = true;
        return;
      }
      default: {
        const last = this.#open?.parts.at(-1);
        if (last !== undefined && typeof delta === 'string' && this.#keep(delta.length)) last.text += delta;
      }
    }
  }

  #begin(item: WireRecord, index: unknown): void {
    const at = typeof index === 'number' && Number.isSafeInteger(index) ? index : this.#nextItem;
    this.#nextItem = at + 1;
    const type = String(item['type']);
    const isCall = type === 'function_call' || type === 'custom_tool_call';
    const parts = isCall ? [{ type: argumentsPart, text: '', isClosed: false }] : [];
    this.#open = { id: String(item['id'] ?? ''), index: at, type, begun: item, parts };
  }

  #keep(letters: number): boolean {
    this.#letters += letters;
    return this.#letters <= keptLettersMax;
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Where an attempt begins that goes on with an answer: behind what was told to the client about that. */
export interface StartPlace {
  /** Undefined: the client has nothing of the answer. */
  readonly answerId: string | undefined;
  readonly nextEvent: number;
  readonly nextItem: number;
  readonly open: OpenItem | undefined;
  /** Of the answer that is gone on with. */
  readonly items: readonly unknown[];
}

export function startPlace({ place, noticed }: AnswerSoFar): StartPlace {
  const { answerId, nextEvent = 0, nextItem = 0, openItem: open, items = [] } = place ?? {};
  if (noticed === undefined) return { answerId, nextEvent, nextItem, open, items };
  const writer = new EventWriter(nextEvent);
  if (noticed === 'seam') return { answerId, nextEvent: nextEvent + noticeEvents, nextItem, open, items };
  if (open !== undefined) closeItem(writer, open, 'incomplete');
  return { answerId, nextEvent: writer.nextEvent + noticeEvents, nextItem, open: undefined, items: [] };
}

/** A notice itself is one event. */
const noticeEvents = 1;

/** The part that another author's first text may stand in. */
export function openText({ type, parts }: OpenItem): OpenPart | undefined {
  const last = parts.at(-1);
  return type === 'message' && last?.type === 'output_text' && !last.isClosed ? last : undefined;
}
