import { crc32 } from 'node:zlib';
import type { EventCutter } from '../event-cutter.ts';
import { NameTable } from '../name-table.ts';
import { eventBytesMaxDefault } from '../sse-cutter.ts';
import { crcBytes, frameBytesMin, headerBytesMax, preludeBytes, readHeaders } from './frames.ts';
import { eventTypes } from './wire.ts';

/** What a frame says it is. `error` is an exception that the service did not foresee. */
export type MessageType = 'event' | 'exception' | 'error';

const eventNames = new NameTable(eventTypes);
const headerNames = new NameTable([':message-type', ':event-type', ':exception-type', ':error-code', ':error-message']);
const messageTypes = new NameTable(['event', 'exception', 'error']);
const nameLettersMax = 128;
const messageLettersMax = 2_000;

/** Finds whole frames in a stream of bytes, whatever the chunks, and checks both CRCs. Nothing is copied while frames lie
 *  whole in their chunks. What is no frame cannot be passed over, since its length is not known: it is one last event with a
 *  `problem`, and nothing is cut after it. */
export class FrameCutter implements EventCutter {
  buffer: Buffer = noBytes;
  eventStart = 0;
  eventEnd = 0;
  dataStart = -1;
  dataEnd = -1;
  /** Place among `eventTypes`; -1 for others, and for what is no event. */
  name = -1;
  messageType: MessageType = 'event';
  /** Of an exception or an error: its type, and what the headers say of it. */
  exceptionType = '';
  exceptionMessage: string | undefined = undefined;
  /** Why the bytes are no frame. */
  problem: string | undefined = undefined;

  readonly #eventBytesMax: number;
  #end = 0;
  /** Is `buffer` ours to append to? */
  #isOwn = false;
  /** Place of the message type; -1 while none is known. */
  #seen = -1;

  constructor(eventBytesMax: number = eventBytesMaxDefault) {
    this.#eventBytesMax = eventBytesMax;
  }

  get dataBuffer(): Buffer {
    return this.buffer;
  }

  get unfinishedBytes(): number {
    return this.#end - this.eventEnd;
  }

  append(chunk: Buffer): void {
    const left = this.#end - this.eventEnd;
    if (left === 0) {
      this.#forgetEvent();
      this.buffer = chunk;
      this.eventStart = 0;
      this.eventEnd = 0;
      this.#end = chunk.length;
      this.#isOwn = false;
      return;
    }
    if (!this.#isOwn || this.#end + chunk.length > this.buffer.length) {
      // Twice what is needed, so that a stream of single bytes is copied a few times only. Bytes already handed out
      // lie in the old memory and are never written again.
      const grown = Buffer.allocUnsafeSlow(2 * (left + chunk.length) + 256);
      this.buffer.copy(grown, 0, this.eventEnd, this.#end);
      this.#forgetEvent();
      this.buffer = grown;
      this.eventStart = 0;
      this.eventEnd = 0;
      this.#end = left;
      this.#isOwn = true;
    }
    chunk.copy(this.buffer, this.#end);
    this.#end += chunk.length;
  }

  next(): boolean {
    if (this.problem !== undefined) return false;
    this.#forgetEvent();
    this.eventStart = this.eventEnd;
    const start = this.eventEnd;
    const available = this.#end - start;
    if (available < preludeBytes) return false;
    const length = this.buffer.readUInt32BE(start);
    const headersLength = this.buffer.readUInt32BE(start + 4);
    const wrong = this.#preludeProblem(start, length, headersLength);
    if (wrong !== undefined) return this.#broken(wrong);
    if (available < length) return false;
    const crcAt = start + length - crcBytes;
    if (crc32(this.buffer.subarray(start, crcAt)) !== this.buffer.readUInt32BE(crcAt)) {
      return this.#broken('a frame whose checksum is wrong');
    }
    const headersAt = start + preludeBytes;
    const headersEnd = headersAt + headersLength;
    if (!readHeaders(this.buffer, headersAt, headersEnd, this.#see)) {
      return this.#broken('a frame whose headers cannot be read');
    }
    if (this.#seen === -1) return this.#broken('a frame without a message type');
    this.messageType = messageTypes.names[this.#seen]!;
    if (this.messageType !== 'event') this.name = -1;
    this.eventEnd = start + length;
    this.dataStart = headersEnd;
    this.dataEnd = crcAt;
    return true;
  }

  takeRest(): Buffer {
    return Buffer.from(this.buffer.subarray(this.eventEnd, this.#end));
  }

  /** A frame says where it ends, so what is left over is none. */
  isWhole(): boolean {
    return false;
  }

  dataText(): string {
    return this.buffer.toString('utf8', this.dataStart, this.dataEnd);
  }

  ended(rest: Buffer): Buffer {
    return rest;
  }

  #preludeProblem(start: number, length: number, headersLength: number): string | undefined {
    if (crc32(this.buffer.subarray(start, start + 8)) !== this.buffer.readUInt32BE(start + 8)) {
      return 'a frame whose prelude has a wrong checksum';
    }
    if (length < frameBytesMin || headersLength > length - frameBytesMin) return 'a frame of an impossible length';
    if (headersLength > headerBytesMax) return `a frame with headers over ${headerBytesMax} bytes`;
    // Known before it has come, so that nothing of it is waited for.
    return length > this.#eventBytesMax ? `a stream event over ${this.#eventBytesMax} bytes` : undefined;
  }

  readonly #see = (nameStart: number, nameEnd: number, valueStart: number, valueEnd: number): void => {
    const { buffer } = this;
    switch (headerNames.find(buffer, nameStart, nameEnd)) {
      case 0:
        this.#seen = messageTypes.find(buffer, valueStart, valueEnd);
        break;
      case 1:
        this.name = eventNames.find(buffer, valueStart, valueEnd);
        break;
      case 2:
      case 3:
        this.exceptionType = buffer.toString('utf8', valueStart, Math.min(valueEnd, valueStart + nameLettersMax));
        break;
      case 4:
        this.exceptionMessage = buffer.toString('utf8', valueStart, Math.min(valueEnd, valueStart + messageLettersMax));
        break;
    }
  };

  /** All that is left is one event, which is told apart by its problem. */
  #broken(problem: string): true {
    this.problem = problem;
    this.eventEnd = this.#end;
    this.dataStart = this.eventStart;
    this.dataEnd = this.eventEnd;
    this.name = -1;
    return true;
  }

  #forgetEvent(): void {
    this.dataStart = -1;
    this.dataEnd = -1;
    this.name = -1;
    this.messageType = 'event';
    this.exceptionType = '';
    this.exceptionMessage = undefined;
    this.#seen = -1;
  }
}

const noBytes = Buffer.alloc(0);
