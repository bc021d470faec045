import type { EventCutter } from '../event-cutter.ts';

/** Finds the entries of one JSON list that grows, whatever the chunks: the form of a stream without `alt=sse`
 *  (https://ai.google.dev/api/generate-content#method:-models.streamgeneratecontent, 2026-11). An entry is an event with what
 *  stands before it; the bracket that ends the list belongs to none. */
export class ListCutter implements EventCutter {
  buffer: Buffer = noBytes;
  eventStart = 0;
  eventEnd = 0;
  dataBuffer: Buffer = noBytes;
  dataStart = -1;
  dataEnd = -1;
  /** Entries have no names. */
  readonly name = -1;

  #end = 0;
  /** What lies before it was looked at. */
  #at = 0;
  #entryStart = -1;
  /** Open brackets of the entry. */
  #depth = 0;
  #inString = false;
  #isEscaped = false;
  /** Is `buffer` ours to append to? */
  #isOwn = false;

  get unfinishedBytes(): number {
    return this.#end - this.eventEnd;
  }

  append(chunk: Buffer): void {
    const left = this.#end - this.eventEnd;
    if (left === 0) {
      this.#rebase(this.eventEnd);
      this.buffer = chunk;
      this.#end = chunk.length;
      this.#isOwn = false;
      return;
    }
    if (!this.#isOwn || this.#end + chunk.length > this.buffer.length) {
      // Twice what is needed, so that a stream of single bytes is copied a few times only.
      const grown = Buffer.allocUnsafeSlow(2 * (left + chunk.length) + 256);
      this.buffer.copy(grown, 0, this.eventEnd, this.#end);
      this.#rebase(this.eventEnd);
      this.buffer = grown;
      this.#end = left;
      this.#isOwn = true;
    }
    chunk.copy(this.buffer, this.#end);
    this.#end += chunk.length;
  }

  next(): boolean {
    this.eventStart = this.eventEnd;
    this.dataStart = -1;
    this.dataEnd = -1;
    while (this.#at < this.#end) {
      if (this.#entryStart === -1) this.#between();
      else if (this.#inString) this.#string();
      else if (this.#value()) return this.#cut();
    }
    return false;
  }

  /** An entry that is not whole is none; what a bare word is shows when something follows it. */
  takeRest(): Buffer {
    const rest = Buffer.from(this.buffer.subarray(this.eventEnd, this.#end));
    this.append(lineFeed);
    this.next();
    return rest;
  }

  isWhole(): boolean {
    return this.dataStart !== -1;
  }

  dataText(): string {
    return this.dataBuffer.toString('utf8', this.dataStart, this.dataEnd);
  }

  /** Entries end where they end. */
  ended(rest: Buffer): Buffer {
    return rest;
  }

  /** White space, commas and the brackets of the list itself. */
  #between(): void {
    const byte = this.buffer[this.#at]!;
    if (isSpace(byte) || byte === comma || byte === openList || byte === closeList) this.#at += 1;
    else this.#entryStart = this.#at;
  }

  #string(): void {
    const { buffer } = this;
    while (this.#at < this.#end) {
      const byte = buffer[this.#at]!;
      this.#at += 1;
      if (this.#isEscaped) this.#isEscaped = false;
      else if (byte === backslash) this.#isEscaped = true;
      else if (byte === quote) {
        this.#inString = false;
        return;
      }
    }
  }

  /** Is the entry over, before or at the byte here? */
  #value(): boolean {
    const byte = this.buffer[this.#at]!;
    if (this.#depth === 0 && (byte === comma || byte === closeList || isSpace(byte))) return true;
    this.#at += 1;
    if (byte === quote) this.#inString = true;
    else if (byte === openObject || byte === openList) this.#depth += 1;
    else if (byte === closeObject || byte === closeList) {
      this.#depth -= 1;
      return this.#depth <= 0;
    }
    return false;
  }

  #cut(): true {
    this.dataBuffer = this.buffer;
    this.dataStart = this.#entryStart;
    this.dataEnd = this.#at;
    this.eventEnd = this.#at;
    this.#entryStart = -1;
    this.#depth = 0;
    return true;
  }

  /** Offsets are counted from `origin` from now on. */
  #rebase(origin: number): void {
    this.#at -= origin;
    if (this.#entryStart !== -1) this.#entryStart -= origin;
    this.eventStart = 0;
    this.eventEnd = 0;
    this.dataStart = -1;
    this.dataEnd = -1;
  }
}

function isSpace(byte: number): boolean {
  return byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;
}

const noBytes = Buffer.alloc(0);
const lineFeed = Buffer.from('\n');
const quote = 0x22;
const backslash = 0x5c;
const comma = 0x2c;
const openList = 0x5b;
const closeList = 0x5d;
const openObject = 0x7b;
const closeObject = 0x7d;
