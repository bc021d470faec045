import assert from 'node:assert/strict';
import fs, { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import fc from 'fast-check';
import type { JournalRecord, ProgressRecord } from './record.ts';
import {
  encodeFrame,
  encodeHeader,
  frameBytesMax,
  listSegments,
  parseSegmentName,
  readRecords,
  segmentFileName,
  segmentHeaderBytes,
} from './segment.ts';

const directory = mkdtempSync(join(tmpdir(), 'carrier-segment-'));
after(() => rmSync(directory, { recursive: true }));
const everything = 1 << 30;
let fileNumber = 0;

function progress(id: string, contentBytes: number): ProgressRecord {
  return { type: 'progress', id, attempt: 1, atMs: 1_700_000_000_000, contentBytes, outputTokensEstimate: 0 };
}

function segmentOf(records: readonly JournalRecord[]): { bytes: Buffer; ends: number[] } {
  const bytes = Buffer.alloc(segmentHeaderBytes + records.length * 1024 + 4 * frameBytesMax);
  encodeHeader({ generation: 7, worker: 1, sequence: 1 }, 1_700_000_000_000).copy(bytes);
  let at = segmentHeaderBytes;
  const ends = [];
  for (const record of records) ends.push((at = encodeFrame(bytes, at, record.type, JSON.stringify(record))));
  return { bytes: Buffer.from(bytes.subarray(0, at)), ends };
}

function written(bytes: Buffer): string {
  const path = join(directory, `${(fileNumber += 1)}.log`);
  writeFileSync(path, bytes);
  return path;
}

test('a segment gives back its records in order, with the offset behind each', () => {
  const records = [progress('a', 1), progress('ü€😀', 2), progress('c', 3)];
  const { bytes, ends } = segmentOf(records);
  const path = written(bytes);

  const read = readRecords(path, 0, everything);

  assert.deepEqual(
    read.records.map(entry => entry.record),
    records,
  );
  assert.deepEqual(
    read.records.map(entry => entry.endOffset),
    ends,
  );
  assert.equal(read.end, 'end-of-file');
  assert.deepEqual(readRecords(path, read.offset, everything), { records: [], offset: ends[2], end: 'end-of-file' });
});

test('a bound on bytes gives at least one record a read and loses none', () => {
  const records = Array.from({ length: 400 }, (_, index) => progress('x'.repeat(900), index));
  const path = written(segmentOf(records).bytes);

  const seen: JournalRecord[] = [];
  let offset = 0;
  let reads = 0;
  for (;;) {
    const read = readRecords(path, offset, 1);
    seen.push(...read.records.map(entry => entry.record));
    offset = read.offset;
    reads += 1;
    if (read.end === 'end-of-file') break;
    assert.equal(read.records.length, 1);
  }

  assert.deepEqual(seen, records);
  assert.equal(reads, 400);
});

test('a cut at any byte gives exactly the whole records before it', () => {
  const records = [progress('a', 1), progress('bb', 22), progress('ccc', 333)];
  const { bytes, ends } = segmentOf(records);

  for (let cut = 0; cut <= bytes.length; cut += 1) {
    const path = written(bytes.subarray(0, cut));
    const whole = ends.filter(end => end <= cut).length;

    const read = readRecords(path, 0, everything);

    assert.equal(read.records.length, whole, `cut at ${cut}`);
    const clean = cut === segmentHeaderBytes || ends.includes(cut);
    assert.equal(read.end, clean ? 'end-of-file' : 'torn', `cut at ${cut}`);
    rmSync(path);
  }
});

test('a cut at any byte of random records gives exactly the whole records before it', () => {
  const record = fc.tuple(fc.string({ unit: 'binary', maxLength: 60 }), fc.nat()).map(([id, n]) => progress(id, n));
  fc.assert(
    fc.property(
      fc.array(record, { minLength: 1, maxLength: 12 }),
      fc.double({ min: 0, max: 1, noNaN: true }),
      (records, share) => {
        const { bytes, ends } = segmentOf(records);
        const path = written(bytes);
        const cut = Math.floor(share * bytes.length);
        truncateSync(path, cut);

        const read = readRecords(path, 0, everything);

        const whole = ends.filter(end => end <= cut).length;
        // JSON turns a lone surrogate into U+FFFD on its way through UTF-8; compare what was meant to be stored.
        const stored = records.slice(0, whole).map(entry => JSON.parse(Buffer.from(JSON.stringify(entry)).toString()));
        assert.deepEqual(
          read.records.map(entry => entry.record),
          stored,
        );
        rmSync(path);
      },
    ),
    { numRuns: 150 },
  );
});

test('a flipped bit anywhere is found, and the records behind it are named as reachable', () => {
  const records = [progress('a', 1), progress('bb', 22), progress('ccc', 333), progress('d', 4)];
  const { bytes, ends } = segmentOf(records);

  for (let at = 0; at < bytes.length; at += 1) {
    for (const bit of [0, 3, 7]) {
      const damaged = Buffer.from(bytes);
      damaged[at]! ^= 1 << bit;
      const path = written(damaged);
      const place = `byte ${at}, bit ${bit}`;

      const read = readRecords(path, 0, everything);

      if (at < segmentHeaderBytes) {
        assert.deepEqual(read, { records: [], offset: 0, end: 'corrupt', resumeOffset: segmentHeaderBytes }, place);
      } else {
        const hit = ends.findIndex(end => at < end);
        assert.deepEqual(
          read.records.map(entry => entry.record),
          records.slice(0, hit),
          place,
        );
        assert.equal(read.end, hit === records.length - 1 ? 'torn' : 'corrupt', place);
        if (hit < records.length - 1) assert.equal(read.resumeOffset, ends[hit], place);
      }
      rmSync(path);
    }
  }
});

test('reading goes on behind damage at the offset that was named', () => {
  const records = [progress('a', 1), progress('b', 2), progress('c', 3)];
  const { bytes, ends } = segmentOf(records);
  bytes[ends[0]! + 20]! ^= 0x40;
  const path = written(bytes);
  const first = readRecords(path, 0, everything);

  const second = readRecords(path, first.resumeOffset!, everything);

  assert.equal(first.end, 'corrupt');
  assert.deepEqual(
    second.records.map(entry => entry.record),
    [records[2]],
  );
  assert.equal(second.end, 'end-of-file');
});

test('zeros at the end, as a power cut leaves them, are a torn tail', () => {
  const { bytes, ends } = segmentOf([progress('a', 1)]);
  const path = written(Buffer.concat([bytes, Buffer.alloc(9000)]));

  const read = readRecords(path, 0, everything);

  assert.equal(read.records.length, 1);
  assert.equal(read.offset, ends[0]);
  assert.equal(read.end, 'torn');
});

test('a segment of an unknown format is refused, not guessed', async () => {
  const { crc32 } = await import('node:zlib');
  const { bytes } = segmentOf([progress('a', 1)]);
  bytes.writeUInt32BE(2, 8);
  bytes.writeUInt32BE(crc32(bytes.subarray(0, 40)), 40);
  const path = written(bytes);

  assert.throws(() => readRecords(path, 0, everything), /has format 2; this release reads 1/);
});

test('segments are listed by generation, worker and sequence, whatever else lies there', () => {
  const place = mkdtempSync(join(directory, 'list-'));
  for (const name of [
    '10-1-00000001.log',
    '9-2-00000002.log',
    '9-2-00000001.log',
    '9-1-00000010.log',
    'notes.txt',
    'x-1-1.log',
  ]) {
    writeFileSync(join(place, name), 'abc');
  }

  const found = listSegments(place);

  assert.deepEqual(
    found.map(file => [file.generation, file.worker, file.sequence, file.bytes]),
    [
      [9, 1, 10, 3],
      [9, 2, 1, 3],
      [9, 2, 2, 3],
      [10, 1, 1, 3],
    ],
  );
});

test('the name of a segment is read as it is written', () => {
  const name = { generation: 1_700_000_000_123, worker: 3, sequence: 42 };

  assert.equal(segmentFileName(name), '1700000000123-3-00000042.log');
  assert.deepEqual(parseSegmentName('1700000000123-3-00000042.log'), name);
  assert.equal(parseSegmentName('../1-1-00000001.log'), undefined);
});

test('what was cut back and written anew between two looks at a frame is read anew, not called damage', t => {
  const broken = segmentOf([progress('x'.repeat(600), 1)]).bytes.subarray(0, -10);
  const { bytes, ends } = segmentOf([progress('a', 1), progress('b', 2)]);
  const path = written(broken);
  const readSync = fs.readSync;
  let reads = 0;
  // The header, then the broken frame; before the third read another process writes.
  const mocked = t.mock.method(fs, 'readSync', (...asked: Parameters<typeof readSync>) => {
    reads += 1;
    if (reads === 3) writeFileSync(path, bytes);
    return readSync(...asked);
  });
  syncBuiltinESMExports();

  const first = readRecords(path, 0, everything);
  mocked.mock.restore();
  syncBuiltinESMExports();
  const second = readRecords(path, first.offset, everything);

  assert.deepEqual(first, { records: [], offset: segmentHeaderBytes, end: 'more' });
  assert.deepEqual(
    second.records.map(entry => entry.record.id),
    ['a', 'b'],
  );
  assert.equal(second.offset, ends[1]);
});
