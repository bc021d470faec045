import type { StreamForm } from '../dialect.ts';
import type { EventCutter } from '../event-cutter.ts';
import { NameTable } from '../name-table.ts';
import { SseCutter } from '../sse-cutter.ts';
import { ListCutter } from './list-cutter.ts';

export const noNames = new NameTable<string>([]);

/** The cutter of a stream whose form is known, or of one that tells it by its first byte. */
export function cutterOf(form?: StreamForm): EventCutter {
  if (form === 'events') return new SseCutter(noNames);
  return form === 'list' ? new ListCutter() : new FormCutter();
}

/** A list begins with a bracket, and one that goes on with a comma; neither begins an event. */
class FormCutter implements EventCutter {
  #cutter: EventCutter = new SseCutter(noNames);
  #isKnown = false;

  append(chunk: Buffer): void {
    if (!this.#isKnown) {
      const first = firstByte(chunk);
      if (first !== undefined) {
        this.#isKnown = true;
        // What came before was white space, of which a list may have any.
        if (first === 0x5b || first === 0x2c) this.#cutter = listAfter(this.#cutter);
      }
    }
    this.#cutter.append(chunk);
  }

  next(): boolean {
    return this.#cutter.next();
  }
  takeRest(): Buffer {
    return this.#cutter.takeRest();
  }
  isWhole(): boolean {
    return this.#cutter.isWhole();
  }
  dataText(): string {
    return this.#cutter.dataText();
  }
  ended(rest: Buffer): Buffer {
    return this.#cutter.ended(rest);
  }
  get buffer(): Buffer {
    return this.#cutter.buffer;
  }
  get eventStart(): number {
    return this.#cutter.eventStart;
  }
  get eventEnd(): number {
    return this.#cutter.eventEnd;
  }
  get dataBuffer(): Buffer {
    return this.#cutter.dataBuffer;
  }
  get dataStart(): number {
    return this.#cutter.dataStart;
  }
  get dataEnd(): number {
    return this.#cutter.dataEnd;
  }
  get name(): number {
    return this.#cutter.name;
  }
  get unfinishedBytes(): number {
    return this.#cutter.unfinishedBytes;
  }
}

function listAfter(cutter: EventCutter): ListCutter {
  const list = new ListCutter();
  if (cutter.unfinishedBytes > 0) {
    list.append(Buffer.from(cutter.buffer.subarray(cutter.eventEnd, cutter.eventEnd + cutter.unfinishedBytes)));
  }
  return list;
}

function firstByte(chunk: Buffer): number | undefined {
  return chunk.find(byte => byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09);
}
