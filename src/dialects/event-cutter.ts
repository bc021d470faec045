/** Finds whole events in a stream of bytes, whatever the chunks. After `next` said true, the fields describe the event; its
 *  data is JSON text. Server-sent events (`sse-cutter.ts`) are one framing; a dialect with another brings its own. */
export interface EventCutter {
  /** The bytes that `eventStart` and `eventEnd` point into: valid until the next `append`. */
  readonly buffer: Buffer;
  readonly eventStart: number;
  /** Exclusive. Where nothing is cut yet, the end of what was. */
  readonly eventEnd: number;
  /** The event's data: bytes dataStart..dataEnd of `dataBuffer`. -1 when it has none. */
  readonly dataBuffer: Buffer;
  readonly dataStart: number;
  readonly dataEnd: number;
  /** Place of the event's name in the reader's table; -1 for none and for others. */
  readonly name: number;
  /** Bytes of the event that is not whole yet. */
  readonly unfinishedBytes: number;
  append(chunk: Buffer): void;
  /** Goes to the next whole event. */
  next(): boolean;
  /** At the end of the stream: the bytes left over, as an event if they are one but for what separates it from the next. */
  takeRest(): Buffer;
  /** Is what `takeRest` left an event? */
  isWhole(): boolean;
  /** The event's data as text; it has some. */
  dataText(): string;
  /** The bytes of a last event that lacks only what separates it from the next, with that. */
  ended(rest: Buffer): Buffer;
}
