import { crc32 } from 'node:zlib';

// The AWS event stream encoding (https://smithy.io/2.0/aws/amazon-eventstream.html, 2026-11): total length, length of the
// headers, CRC of these; headers; payload; CRC of everything before it. All numbers are big-endian.

const preludeBytes = 12;
const checksumBytes = 4;
/** Header values are texts here. */
const textType = 7;

export function writeFrame(headers: Readonly<Record<string, string>>, payload: Buffer): Buffer {
  const head = Buffer.concat(Object.entries(headers).map(([name, value]) => writeHeader(name, value)));
  const total = preludeBytes + head.length + payload.length + checksumBytes;
  const frame = Buffer.alloc(total);
  frame.writeUInt32BE(total, 0);
  frame.writeUInt32BE(head.length, 4);
  frame.writeUInt32BE(crc32(frame.subarray(0, 8)), 8);
  head.copy(frame, preludeBytes);
  payload.copy(frame, preludeBytes + head.length);
  frame.writeUInt32BE(crc32(frame.subarray(0, total - checksumBytes)), total - checksumBytes);
  return frame;
}

function writeHeader(name: string, value: string): Buffer {
  const text = Buffer.from(value);
  const length = Buffer.alloc(2);
  length.writeUInt16BE(text.length);
  return Buffer.concat([
    Buffer.from([Buffer.byteLength(name)]),
    Buffer.from(name),
    Buffer.from([textType]),
    length,
    text,
  ]);
}

export function eventFrame(type: string, payload: unknown): Buffer {
  return writeFrame(
    { ':event-type': type, ':content-type': 'application/json', ':message-type': 'event' },
    Buffer.from(JSON.stringify(payload)),
  );
}

export function exceptionFrame(type: string, payload: unknown): Buffer {
  return writeFrame(
    { ':exception-type': type, ':content-type': 'application/json', ':message-type': 'exception' },
    Buffer.from(JSON.stringify(payload)),
  );
}

/** What no service models: a code and a message, and no payload. */
export function errorFrame(code: string, message: string): Buffer {
  return writeFrame({ ':error-code': code, ':error-message': message, ':message-type': 'error' }, Buffer.alloc(0));
}

/** The same frame around the first half of its payload: whole by its checksums, and no JSON. */
export function halvePayload(frame: Buffer): Buffer {
  const headBytes = frame.readUInt32BE(4);
  const payload = frame.subarray(preludeBytes + headBytes, frame.length - checksumBytes);
  const kept = payload.subarray(0, payload.length >> 1);
  const headers = frame.subarray(preludeBytes, preludeBytes + headBytes);
  const total = frame.length - payload.length + kept.length;
  const halved = Buffer.alloc(total);
  halved.writeUInt32BE(total, 0);
  halved.writeUInt32BE(headBytes, 4);
  halved.writeUInt32BE(crc32(halved.subarray(0, 8)), 8);
  headers.copy(halved, preludeBytes);
  kept.copy(halved, preludeBytes + headBytes);
  halved.writeUInt32BE(crc32(halved.subarray(0, total - checksumBytes)), total - checksumBytes);
  return halved;
}
