import type { EventCutter } from './event-cutter.ts';
import type { NameTable } from './name-table.ts';

/** A server-sent event larger than this is refused unless another bound is set: it has to be held until it is whole. */
export const eventBytesMaxDefault = 8 * 1024 * 1024;

/** Lines kept apart at most: an event of a million empty lines must not become a million buffers. */
const dataLinesMax = 4096;

/** Finds whole events in a stream of bytes, whatever the chunks: lines end in LF, CRLF or CR; comments and fields that
 *  mean nothing here are passed over; several data lines are joined by LF. Nothing is copied while events lie whole in
 *  their chunks. After `next` said true, the fields describe the event. */
export class SseCutter implements EventCutter {
  /** The bytes that `eventStart` and `eventEnd` point into: valid until the next `append`. */
  buffer: Buffer = noBytes;
  eventStart = 0;
  /** After the blank line. */
  eventEnd = 0;
  /** The event's data: bytes dataStart..dataEnd of `dataBuffer`. -1 when it had none (a comment, say). */
  dataBuffer: Buffer = noBytes;
  dataStart = -1;
  dataEnd = -1;
  /** Place of the event's name in the table given; -1 for none and for others. */
  name = -1;

  readonly #names: NameTable<string>;
  #end = 0;
  #lineStart = 0;
  /** No line ends in lineStart..searchAt. */
  #searchAt = 0;
  /** Is `buffer` ours to append to? */
  #isOwn = false;
  #hasCarriageReturns = false;
  #isFirstLine = true;
  #dataLines: Buffer[] | undefined = undefined;

  constructor(names: NameTable<string>) {
    this.#names = names;
  }

  /** Bytes of the event that is not whole yet. */
  get unfinishedBytes(): number {
    return this.#end - this.eventEnd;
  }

  append(chunk: Buffer): void {
    if (!this.#hasCarriageReturns && chunk.includes(0x0d)) this.#hasCarriageReturns = true;
    const left = this.#end - this.eventEnd;
    if (left === 0) {
      this.#rebase(this.eventEnd);
      this.buffer = chunk;
      this.#end = chunk.length;
      this.#isOwn = false;
      return;
    }
    if (!this.#isOwn || this.#end + chunk.length > this.buffer.length) {
      // Twice what is needed, so that a stream of single bytes is copied a few times only. Bytes already handed out
      // lie in the old memory and are never written again.
      const grown = Buffer.allocUnsafeSlow(2 * (left + chunk.length) + 256);
      this.buffer.copy(grown, 0, this.eventEnd, this.#end);
      this.#rebase(this.eventEnd);
      if (this.dataStart !== -1) this.dataBuffer = grown;
      this.buffer = grown;
      this.#end = left;
      this.#isOwn = true;
    }
    chunk.copy(this.buffer, this.#end);
    this.#end += chunk.length;
  }

  /** Goes to the next whole event. */
  next(): boolean {
    if (this.eventStart !== this.eventEnd) this.#forgetEvent();
    for (;;) {
      const lineEnd = this.#lineEnd();
      if (lineEnd === -1) return false;
      const lineStart = this.#lineStart;
      let after = lineEnd + 1;
      if (this.buffer[lineEnd] === 0x0d && this.buffer[after] === 0x0a && after < this.#end) after += 1;
      this.#lineStart = after;
      this.#searchAt = after;
      if (lineEnd === lineStart) {
        this.eventEnd = after;
        if (this.#dataLines !== undefined) this.#joinData(this.#dataLines);
        return true;
      }
      this.#line(lineStart, lineEnd);
    }
  }

  /** At the end of the stream: the bytes left over, as an event if they are one but for the blank line.
   *  `next` must have said false before. */
  takeRest(): Buffer {
    const rest = Buffer.from(this.buffer.subarray(this.eventEnd, this.#end));
    this.append(blankLine);
    this.next();
    return rest;
  }

  /** Is the event's data all there? Asked of the rest of a stream, which may be half an event. */
  isWhole(): boolean {
    if (this.dataStart === -1) return false;
    const text = this.dataText();
    if (text === '[DONE]') return true;
    try {
      JSON.parse(text);
      return true;
    } catch {
      return false;
    }
  }

  /** The event's data as text; it has some. */
  dataText(): string {
    return this.dataBuffer.toString('utf8', this.dataStart, this.dataEnd);
  }

  /** With its blank line. */
  ended(rest: Buffer): Buffer {
    const last = rest.at(-1);
    // A carriage return may be half of a line end. After a line feed it is half of the blank line itself.
    const blankBegun = last === 0x0a || (last === 0x0d && rest.at(-2) === 0x0a);
    return Buffer.concat([rest, blankBegun ? lineFeed : blankLine]);
  }

  /** The end of the next line, or -1. A CR at the very end waits, since LF may follow. */
  #lineEnd(): number {
    if (!this.#isOwn && !this.#hasCarriageReturns) {
      const found = this.buffer.indexOf(0x0a, this.#searchAt);
      if (found === -1) this.#searchAt = this.#end;
      return found;
    }
    const buffer = this.buffer;
    const end = this.#end;
    let at = this.#searchAt;
    while (at < end) {
      const byte = buffer[at];
      if (byte === 0x0a) return at;
      if (byte === 0x0d) {
        if (at + 1 < end) return at;
        break;
      }
      at += 1;
    }
    this.#searchAt = at;
    return -1;
  }

  #line(lineStart: number, lineEnd: number): void {
    const buffer = this.buffer;
    let start = lineStart;
    if (this.#isFirstLine) {
      this.#isFirstLine = false;
      if (buffer[start] === 0xef && buffer[start + 1] === 0xbb && buffer[start + 2] === 0xbf) start += 3;
    }
    if (buffer[start] === 0x64 && isField(buffer, start, lineEnd, dataField)) {
      this.#data(valueStart(buffer, start + dataField.length, lineEnd), lineEnd);
    } else if (buffer[start] === 0x65 && isField(buffer, start, lineEnd, eventField)) {
      this.name = this.#names.find(buffer, valueStart(buffer, start + eventField.length, lineEnd), lineEnd);
    }
  }

  #data(start: number, end: number): void {
    if (this.dataStart === -1) {
      this.dataBuffer = this.buffer;
      this.dataStart = start;
      this.dataEnd = end;
      return;
    }
    this.#dataLines ??= [Buffer.from(this.buffer.subarray(this.dataStart, this.dataEnd))];
    this.#dataLines.push(lineFeed, Buffer.from(this.buffer.subarray(start, end)));
    if (this.#dataLines.length > dataLinesMax) this.#dataLines = [Buffer.concat(this.#dataLines)];
  }

  #joinData(lines: Buffer[]): void {
    this.dataBuffer = Buffer.concat(lines);
    this.dataStart = 0;
    this.dataEnd = this.dataBuffer.length;
  }

  #forgetEvent(): void {
    this.eventStart = this.eventEnd;
    this.dataStart = -1;
    this.dataEnd = -1;
    this.name = -1;
    this.#dataLines = undefined;
  }

  /** Offsets are counted from `origin` from now on; what lay before it is forgotten. */
  #rebase(origin: number): void {
    if (this.eventStart !== this.eventEnd) this.#forgetEvent();
    this.eventStart = 0;
    this.eventEnd = 0;
    this.#lineStart -= origin;
    this.#searchAt -= origin;
    if (this.dataStart !== -1) {
      this.dataStart -= origin;
      this.dataEnd -= origin;
    }
  }
}

function isField(buffer: Buffer, start: number, lineEnd: number, field: Buffer): boolean {
  const end = start + field.length;
  if (end > lineEnd || (end < lineEnd && buffer[end] !== 0x3a)) return false;
  for (let offset = 1; offset < field.length; offset += 1) if (buffer[start + offset] !== field[offset]) return false;
  return true;
}

/** After the colon and one space. */
function valueStart(buffer: Buffer, nameEnd: number, lineEnd: number): number {
  const start = nameEnd + 1;
  if (start >= lineEnd) return lineEnd;
  return buffer[start] === 0x20 ? start + 1 : start;
}

const noBytes = Buffer.alloc(0);
const dataField = Buffer.from('data');
const eventField = Buffer.from('event');
const lineFeed = Buffer.from('\n');
const blankLine = Buffer.from('\n\n');
