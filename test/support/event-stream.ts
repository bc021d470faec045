import assert from 'node:assert/strict';
import { crc32 } from 'node:zlib';

/** Frames of `application/vnd.amazon.eventstream`, written and read by its specification and by nothing of ours
 *  (https://smithy.io/2.0/aws/amazon-eventstream.html, 2026-11): total length, length of headers, CRC of both, headers,
 *  payload, CRC of all before. Headers here are strings (type 7). */

/** `{ event: 'messageStop', payload: { … } }` or `{ exception: 'throttlingException', payload: { … } }`; `json` in place of
 *  the payload, for what no value is written as. */
export function binaryEvent(fields: Readonly<Record<string, unknown>>, json?: string): Buffer {
  const { event, exception, payload } = fields;
  const headers = Buffer.concat([
    header(event === undefined ? ':exception-type' : ':event-type', String(event ?? exception)),
    header(':content-type', 'application/json'),
    header(':message-type', event === undefined ? 'exception' : 'event'),
  ]);
  const body = Buffer.from(json ?? JSON.stringify(payload));
  const prelude = Buffer.alloc(12);
  prelude.writeUInt32BE(16 + headers.length + body.length, 0);
  prelude.writeUInt32BE(headers.length, 4);
  prelude.writeUInt32BE(crc32(prelude.subarray(0, 8)), 8);
  const whole = Buffer.concat([prelude, headers, body, Buffer.alloc(4)]);
  whole.writeUInt32BE(crc32(whole.subarray(0, -4)), whole.length - 4);
  return whole;
}

function header(name: string, value: string): Buffer {
  const length = Buffer.alloc(2);
  length.writeUInt16BE(Buffer.byteLength(value));
  return Buffer.concat([
    Buffer.from([Buffer.byteLength(name)]),
    Buffer.from(name),
    Buffer.from([7]),
    length,
    Buffer.from(value),
  ]);
}

/** Fails where a length or a CRC is wrong. */
export function readBinaryEvents(bytes: Buffer): Record<string, unknown>[] {
  const events: Record<string, unknown>[] = [];
  for (let at = 0; at < bytes.length; ) {
    const total = bytes.readUInt32BE(at);
    const headersLength = bytes.readUInt32BE(at + 4);
    assert.ok(at + total <= bytes.length, 'the last frame is whole');
    const frame = bytes.subarray(at, at + total);
    assert.equal(frame.readUInt32BE(8), crc32(frame.subarray(0, 8)), 'the CRC of the prelude');
    assert.equal(frame.readUInt32BE(total - 4), crc32(frame.subarray(0, -4)), 'the CRC of the message');
    const headers = readHeaders(frame.subarray(12, 12 + headersLength));
    assert.equal(headers[':content-type'], 'application/json');
    const payload: unknown = JSON.parse(frame.subarray(12 + headersLength, -4).toString());
    if (headers[':message-type'] === 'event') events.push({ event: headers[':event-type'], payload });
    else events.push({ exception: headers[':exception-type'], payload });
    at += total;
  }
  return events;
}

function readHeaders(bytes: Buffer): Record<string, string> {
  const headers: Record<string, string> = {};
  for (let at = 0; at < bytes.length; ) {
    const nameLength = bytes[at]!;
    const name = bytes.toString('utf8', at + 1, at + 1 + nameLength);
    const from = at + 1 + nameLength;
    assert.equal(bytes[from], 7, `${name} is a string`);
    const length = bytes.readUInt16BE(from + 1);
    headers[name] = bytes.toString('utf8', from + 3, from + 3 + length);
    at = from + 3 + length;
  }
  return headers;
}
