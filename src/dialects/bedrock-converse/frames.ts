import { crc32 } from 'node:zlib';

/** Frames of an AWS event stream: total length, length of the headers and a CRC-32 of these two, headers, payload, a CRC-32 of
 *  all before it; numbers are big-endian. https://smithy.io/2.0/aws/amazon-eventstream.html (2026-11). */

/** Both lengths and their CRC. */
export const preludeBytes = 12;
export const crcBytes = 4;
/** A frame without headers and payload. */
export const frameBytesMin = preludeBytes + crcBytes;
/** Of one frame, by the same page. */
export const headerBytesMax = 128 * 1024;

/** What a header holds, by the byte before it; only texts mean something here. */
const textType = 7;

/** A frame of an event whose payload is JSON. */
export function eventFrame(eventType: string, json: string): Buffer {
  let head = heads.get(eventType);
  if (head === undefined) {
    head = encodeHeaders([
      [':event-type', eventType],
      [':content-type', 'application/json'],
      [':message-type', 'event'],
    ]);
    // Names are our own, so there are few.
    heads.set(eventType, head);
  }
  return encodeFrame(head, Buffer.from(json));
}

const heads = new Map<string, Buffer>();

/** A frame that ends a stream in an exception. */
export function exceptionFrame(exceptionType: string, json: string): Buffer {
  const headers = encodeHeaders([
    [':exception-type', exceptionType],
    [':content-type', 'application/json'],
    [':message-type', 'exception'],
  ]);
  return encodeFrame(headers, Buffer.from(json));
}

export function encodeHeaders(headers: readonly (readonly [name: string, value: string])[]): Buffer {
  const pieces = headers.map(([name, text]) => {
    const value = Buffer.from(text);
    const piece = Buffer.alloc(1 + name.length + 3 + value.length);
    piece.writeUInt8(name.length, 0);
    piece.write(name, 1, 'latin1');
    piece.writeUInt8(textType, 1 + name.length);
    piece.writeUInt16BE(value.length, 2 + name.length);
    value.copy(piece, 4 + name.length);
    return piece;
  });
  return Buffer.concat(pieces);
}

export function encodeFrame(headers: Buffer, payload: Buffer): Buffer {
  const length = frameBytesMin + headers.length + payload.length;
  const frame = Buffer.allocUnsafe(length);
  frame.writeUInt32BE(length, 0);
  frame.writeUInt32BE(headers.length, 4);
  frame.writeUInt32BE(crc32(frame.subarray(0, 8)), 8);
  headers.copy(frame, preludeBytes);
  payload.copy(frame, preludeBytes + headers.length);
  frame.writeUInt32BE(crc32(frame.subarray(0, length - crcBytes)), length - crcBytes);
  return frame;
}

/** Bytes of the value of each type; -1: two bytes say how many follow. */
const valueBytes: readonly number[] = [0, 0, 1, 2, 4, 8, -1, -1, 8, 16];

/** Goes over the headers between two places. False when they are none. */
export function readHeaders(
  bytes: Buffer,
  start: number,
  end: number,
  see: (nameStart: number, nameEnd: number, valueStart: number, valueEnd: number) => void,
): boolean {
  let at = start;
  while (at < end) {
    const nameEnd = at + 1 + bytes[at]!;
    if (nameEnd === at + 1 || nameEnd >= end) return false;
    const type = bytes[nameEnd]!;
    let length = valueBytes[type];
    if (length === undefined) return false;
    let valueStart = nameEnd + 1;
    if (length === -1) {
      if (valueStart + 2 > end) return false;
      length = bytes.readUInt16BE(valueStart);
      valueStart += 2;
    }
    if (valueStart + length > end) return false;
    if (type === textType) see(at + 1, nameEnd, valueStart, valueStart + length);
    at = valueStart + length;
  }
  return true;
}
