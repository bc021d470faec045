import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { EventStreamCodec } from '@smithy/eventstream-codec';
import fc from 'fast-check';
import { bedrockStreams } from '../../../test/support/write-bedrock-streams.ts';
import { LossLedger } from '../../completion/loss.ts';
import { bedrockConverse as dialect } from './dialect.ts';
import { FrameCutter } from './frame-cutter.ts';
import { encodeFrame, encodeHeaders, eventFrame, exceptionFrame } from './frames.ts';

/** The library of the AWS SDK, which knows nothing of this code. */
const codec = new EventStreamCodec(
  bytes => (typeof bytes === 'string' ? bytes : Buffer.from(bytes).toString('utf8')),
  text => Buffer.from(text),
);

function decoded(frame: Buffer): { headers: Record<string, unknown>; body: string } {
  const { headers, body } = codec.decode(frame);
  return {
    headers: Object.fromEntries(Object.entries(headers).map(([name, { value }]) => [name, value])),
    body: Buffer.from(body).toString(),
  };
}

const text = eventFrame('contentBlockDelta', '{"contentBlockIndex":0,"delta":{"text":"Hi"}}');

function cutter(bytes: Buffer): FrameCutter {
  const made = new FrameCutter();
  made.append(bytes);
  return made;
}

test('frames that are written are those that the AWS SDK reads', () => {
  assert.deepEqual(decoded(text), {
    headers: {
      ':event-type': 'contentBlockDelta',
      ':content-type': 'application/json',
      ':message-type': 'event',
    },
    body: '{"contentBlockIndex":0,"delta":{"text":"Hi"}}',
  });
  assert.deepEqual(decoded(exceptionFrame('throttlingException', '{"message":"slow"}')), {
    headers: {
      ':exception-type': 'throttlingException',
      ':content-type': 'application/json',
      ':message-type': 'exception',
    },
    body: '{"message":"slow"}',
  });
});

test('frames that the AWS SDK writes are read, with headers of every type between', () => {
  const frame = Buffer.from(
    codec.encode({
      headers: {
        a: { type: 'boolean', value: true },
        b: { type: 'byte', value: 3 },
        c: { type: 'short', value: 3 },
        d: { type: 'integer', value: 3 },
        e: { type: 'binary', value: new Uint8Array([1, 2]) },
        f: { type: 'timestamp', value: new Date(0) },
        g: { type: 'uuid', value: '00000000-0000-0000-0000-000000000001' },
        ':event-type': { type: 'string', value: 'messageStop' },
        ':message-type': { type: 'string', value: 'event' },
      },
      body: Buffer.from('{"stopReason":"end_turn"}'),
    }),
  );

  const cut = cutter(frame);

  assert.equal(cut.next(), true);
  assert.equal(cut.problem, undefined);
  assert.equal(cut.name, 4);
  assert.equal(cut.dataText(), '{"stopReason":"end_turn"}');
  assert.equal(cut.next(), false);
});

test('any chunking gives the same frames, and their bytes', () => {
  const frames = fc.array(fc.tuple(fc.constantFrom('messageStart', 'metadata', 'unknown'), fc.string()), {
    maxLength: 8,
  });
  fc.assert(
    fc.property(frames, fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 1 }), (told, sizes) => {
      const bytes = Buffer.concat(told.map(([type, payload]) => eventFrame(type, payload)));
      const cut = new FrameCutter();
      const seen: unknown[] = [];
      const passed: Buffer[] = [];
      for (let at = 0, turn = 0; at < bytes.length; turn += 1) {
        const size = sizes[turn % sizes.length]!;
        cut.append(bytes.subarray(at, at + size));
        at += size;
        while (cut.next()) {
          seen.push(cut.dataText());
          passed.push(Buffer.from(cut.buffer.subarray(cut.eventStart, cut.eventEnd)));
        }
      }
      assert.deepEqual(
        seen,
        told.map(([, payload]) => Buffer.from(payload).toString()),
      );
      assert.deepEqual(Buffer.concat(passed), bytes);
      assert.equal(cut.problem, undefined);
      assert.equal(cut.unfinishedBytes, 0);
    }),
  );
});

test('no bit of a frame can change unseen, and none makes a reader wait for ever', () => {
  const whole = Buffer.concat([text, eventFrame('messageStop', '{"stopReason":"end_turn"}')]);
  for (let bit = 0; bit < text.length * 8; bit += 1) {
    const bytes = Buffer.from(whole);
    bytes[bit >> 3]! ^= 1 << (bit & 7);

    const cut = cutter(bytes);
    const found = cut.next();

    assert.equal(found, true, `bit ${bit}`);
    assert.ok(cut.problem !== undefined, `bit ${bit}`);
    assert.equal(cut.next(), false);
  }
});

function withPrelude(length: number, headersLength: number): Buffer {
  const frame = encodeFrame(Buffer.alloc(0), Buffer.alloc(40));
  frame.writeUInt32BE(length, 0);
  frame.writeUInt32BE(headersLength, 4);
  // The library writes the same CRC over any eight bytes.
  const prelude = encodeFrame(Buffer.alloc(headersLength), Buffer.alloc(Math.max(0, length - 16 - headersLength)));
  prelude.copy(frame, 0, 0, 12);
  return frame;
}

const wrong: readonly (readonly [string, Buffer, RegExp])[] = [
  ['a larger frame than the bound', withPrelude(9 * 1024 * 1024, 0), /over 8388608 bytes/],
  ['headers over their bound', withPrelude(200 * 1024, 130 * 1024 + 1), /headers over 131072 bytes/],
  ['headers that end in the middle', encodeFrame(Buffer.from([5, 97, 98]), Buffer.alloc(0)), /headers cannot be read/],
  ['a header of an unknown type', encodeFrame(Buffer.from([1, 97, 10]), Buffer.alloc(0)), /headers cannot be read/],
  ['a header without a name', encodeFrame(Buffer.from([0, 0]), Buffer.alloc(0)), /headers cannot be read/],
  [
    'a header longer than all',
    encodeFrame(Buffer.from([1, 97, 7, 0xff, 0xff, 97]), Buffer.alloc(0)),
    /headers cannot be read/,
  ],
  [
    'no message type',
    encodeFrame(encodeHeaders([[':event-type', 'metadata']]), Buffer.alloc(0)),
    /without a message type/,
  ],
  [
    'another message type',
    encodeFrame(encodeHeaders([[':message-type', 'something']]), Buffer.alloc(0)),
    /without a message type/,
  ],
  ['text in place of frames', Buffer.from('data: {"choices":[]}\n\n'), /prelude has a wrong checksum/],
];
for (const [title, bytes, problem] of wrong) {
  test(`${title} fails the stream by name, and nothing of it is passed`, () => {
    const observer = dialect.observeStream({ stripUsage: false });
    const started = eventFrame('messageStart', '{"role":"assistant"}');
    const step = observer.push(Buffer.concat([started, bytes]));
    const decoder = dialect.decodeStream(new LossLedger());
    const last = decoder.push(Buffer.concat([started, bytes])).at(-1);

    assert.equal(step.state, 'failed');
    assert.deepEqual(step.pass, started);
    assert.equal(step.held, undefined);
    assert.equal(observer.facts.fault?.code, 'upstream_malformed');
    assert.match(observer.facts.fault?.message ?? '', problem);
    assert.equal(observer.push(text).held, undefined);
    assert.equal(last?.type === 'error' ? last.fault.code : last?.type, 'upstream_malformed');
  });
}

test('lengths that no frame can have are told from the prelude alone', () => {
  const frame = encodeFrame(Buffer.alloc(0), Buffer.alloc(0));
  assert.equal(frame.length, 16);
  for (const [length, headersLength] of [
    [15, 0],
    [16, 1],
    [40, 25],
  ] as const) {
    const head = Buffer.alloc(12);
    head.writeUInt32BE(length, 0);
    head.writeUInt32BE(headersLength, 4);
    head.writeUInt32BE(crcOf(head.subarray(0, 8)), 8);

    const cut = cutter(head);

    assert.equal(cut.next(), true);
    assert.equal(cut.problem, 'a frame of an impossible length');
  }
});

/** As a frame of the library has it over the same bytes would be another length; so by its definition. */
function crcOf(bytes: Buffer): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit += 1) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return (crc ^ 0xffffffff) >>> 0;
}

test('a bound that is set holds before the frame has come', () => {
  const observer = dialect.observeStream({ stripUsage: false, eventBytesMax: 64 });

  const step = observer.push(eventFrame('contentBlockDelta', `{"delta":{"text":"${'x'.repeat(64)}"}}`).subarray(0, 12));

  assert.equal(step.state, 'failed');
  assert.equal(observer.facts.fault?.message, 'The provider sent a stream event over 64 bytes.');
});

test('the binary fixtures are what their readable form says', () => {
  for (const [name, bytes] of bedrockStreams()) {
    assert.deepEqual(readFileSync(new URL(`fixtures/streams/${name}`, import.meta.url)), bytes, name);
  }
});
