import { closeSync, fstatSync, openSync, readdirSync, readSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import type { JournalRecord } from './record.ts';

/** The file format of the journal. A segment is a header, then frames to the end of the file, all integers big-endian:
 *
 *    header  magic "CCJOURNL" · u32 format · u32 worker · u64 generation · u64 sequence · u64 created (ms) · u32 CRC-32
 *    frame   u32 length of type and payload · u32 CRC-32 of type and payload · u8 type · payload, JSON in UTF-8
 *
 *  JSON has no byte below 0x20, so no payload can contain something that looks like a frame; that is what makes it safe
 *  to look for the next whole frame behind a broken one. */

export const segmentHeaderBytes = 44;
export const frameHeadBytes = 8;
/** Of type and payload. Above the largest `end` (64 KiB) and anything a bounded request can put into an `admit`. */
export const frameBytesMax = 128 * 1024;
/** Where a segment is sealed and the next one begun. */
export const segmentBytesMax = 64 * 1024 * 1024;

const magic = Buffer.from('CCJOURNL', 'latin1');
const formatVersion = 1;
/** Type and the shortest JSON object. */
const frameBytesMin = 3;

export const frameTypes = { admit: 1, attempt: 2, progress: 3, end: 4 } as const satisfies Record<
  JournalRecord['type'],
  number
>;
const frameTypeMax = 4;

export interface SegmentName {
  /** Grows with every start of the worker's process, so that a restarted worker never appends to an old file. */
  readonly generation: number;
  readonly worker: number;
  /** From 1; order of the segments of one generation and worker. */
  readonly sequence: number;
}

export interface SegmentFile extends SegmentName {
  readonly path: string;
  readonly bytes: number;
}

export interface ReadRecord {
  readonly record: JournalRecord;
  /** As it was written; part of a larger buffer, so not to be kept. */
  readonly json: Buffer;
  readonly endOffset: number;
}

export interface SegmentRead {
  readonly records: readonly ReadRecord[];
  /** Behind the last whole record; where the next read begins, unless `resumeOffset` says otherwise. */
  readonly offset: number;
  /** more: the bound of bytes was reached. end-of-file: everything was whole.
   *  torn: the file ends inside a frame. In a live segment a write is under way; in a dead one it never finished, and
   *  nobody was told that it had.
   *  corrupt: a broken frame with whole ones behind it, or a broken header. Bytes that were once written are damaged. */
  readonly end: 'more' | 'end-of-file' | 'torn' | 'corrupt';
  /** With `corrupt`: where the next whole frame begins. */
  readonly resumeOffset?: number;
}

/** Reads whole records from `offset` (0 is the start), about `bytesMax` bytes of them but at least one record.
 *  Throws when the file cannot be read or was written in another format. */
export function readRecords(path: string, offset: number, bytesMax: number): SegmentRead {
  const descriptor = openSync(path, 'r');
  try {
    const fileBytes = fstatSync(descriptor).size;
    if (offset < segmentHeaderBytes) {
      if (fileBytes < segmentHeaderBytes) return { records: [], offset: 0, end: 'torn' };
      const head = readRange(descriptor, 0, segmentHeaderBytes);
      if (decodeHeader(head, path) === undefined) {
        return { records: [], offset: 0, end: 'corrupt', resumeOffset: segmentHeaderBytes };
      }
    }
    return readFrames(descriptor, Math.max(offset, segmentHeaderBytes), fileBytes, bytesMax);
  } finally {
    closeSync(descriptor);
  }
}

/** The segments of a directory in the order they were written: by generation, worker, sequence. */
export function listSegments(directory: string): SegmentFile[] {
  const found: SegmentFile[] = [];
  for (const fileName of readdirSync(directory)) {
    const name = parseSegmentName(fileName);
    if (name === undefined) continue;
    const path = join(directory, fileName);
    // A shipped segment may be deleted between the two calls.
    const bytes = statSync(path, { throwIfNoEntry: false })?.size;
    if (bytes !== undefined) found.push({ ...name, path, bytes });
  }
  return found.sort((a, b) => a.generation - b.generation || a.worker - b.worker || a.sequence - b.sequence);
}

export function segmentFileName(name: SegmentName): string {
  return `${name.generation}-${name.worker}-${name.sequence.toString().padStart(8, '0')}.log`;
}

export function parseSegmentName(fileName: string): SegmentName | undefined {
  const match = /^(\d{1,15})-(\d{1,6})-(\d{8,15})\.log$/.exec(fileName);
  if (match === null) return undefined;
  return { generation: Number(match[1]), worker: Number(match[2]), sequence: Number(match[3]) };
}

export function encodeHeader(name: SegmentName, createdAtMs: number): Buffer {
  const header = Buffer.alloc(segmentHeaderBytes);
  magic.copy(header, 0);
  header.writeUInt32BE(formatVersion, 8);
  header.writeUInt32BE(name.worker, 12);
  header.writeBigUInt64BE(BigInt(name.generation), 16);
  header.writeBigUInt64BE(BigInt(name.sequence), 24);
  header.writeBigUInt64BE(BigInt(Math.trunc(createdAtMs)), 32);
  header.writeUInt32BE(crc32(header.subarray(0, 40)), 40);
  return header;
}

/** undefined when the header is damaged; throws when it is whole and of a format this release does not know. */
export function decodeHeader(header: Buffer, path: string): (SegmentName & { createdAtMs: number }) | undefined {
  if (!header.subarray(0, 8).equals(magic)) return undefined;
  if (crc32(header.subarray(0, 40)) !== header.readUInt32BE(40)) return undefined;
  const format = header.readUInt32BE(8);
  if (format !== formatVersion) {
    throw new Error(`journal segment ${path} has format ${format}; this release reads ${formatVersion}`);
  }
  return {
    worker: header.readUInt32BE(12),
    generation: Number(header.readBigUInt64BE(16)),
    sequence: Number(header.readBigUInt64BE(24)),
    createdAtMs: Number(header.readBigUInt64BE(32)),
  };
}

/** Writes one frame at `at` and returns where it ends. The caller has checked that `json` fits `frameBytesMax` and
 *  that `target` has room for three bytes a UTF-16 unit. */
export function encodeFrame(target: Buffer, at: number, type: JournalRecord['type'], json: string): number {
  const typeAt = at + frameHeadBytes;
  target[typeAt] = frameTypes[type];
  const end = typeAt + 1 + target.write(json, typeAt + 1);
  target.writeUInt32BE(end - typeAt, at);
  target.writeUInt32BE(crc32(target.subarray(typeAt, end)), at + 4);
  return end;
}

function readFrames(descriptor: number, from: number, fileBytes: number, bytesMax: number): SegmentRead {
  const wanted = Math.max(bytesMax, frameHeadBytes + frameBytesMax);
  const bytes = readRange(descriptor, from, Math.min(wanted, fileBytes - from));
  const atFileEnd = from + bytes.length >= fileBytes;
  const records: ReadRecord[] = [];
  let at = 0;
  while (at < bytes.length) {
    const frame = decodeFrame(bytes, at);
    if (frame === 'cut' && !atFileEnd) return { records, offset: from + at, end: 'more' };
    if (frame === 'cut' || frame === 'broken') {
      const resumeOffset = findFrame(descriptor, from + at, fileBytes);
      // A failed write was cut back and others written in its place since these bytes were read: read them again.
      if (resumeOffset === from + at) return { records, offset: from + at, end: 'more' };
      if (resumeOffset === undefined) return { records, offset: from + at, end: 'torn' };
      return { records, offset: from + at, end: 'corrupt', resumeOffset };
    }
    at = frame.end;
    records.push({ record: frame.record, json: frame.json, endOffset: from + at });
    if (at >= bytesMax) break;
  }
  return { records, offset: from + at, end: at === bytes.length && atFileEnd ? 'end-of-file' : 'more' };
}

/** cut: the bytes end before the frame does, if its length is to be believed. */
function decodeFrame(
  bytes: Buffer,
  at: number,
): { record: JournalRecord; json: Buffer; end: number } | 'cut' | 'broken' {
  if (at + frameHeadBytes > bytes.length) return 'cut';
  const length = bytes.readUInt32BE(at);
  if (length < frameBytesMin || length > frameBytesMax) return 'broken';
  const typeAt = at + frameHeadBytes;
  const end = typeAt + length;
  if (end > bytes.length) return 'cut';
  if (crc32(bytes.subarray(typeAt, end)) !== bytes.readUInt32BE(at + 4)) return 'broken';
  const type = bytes[typeAt]!;
  if (type < 1 || type > frameTypeMax) return 'broken';
  // The checksum says that this is what encodeFrame wrote, and it writes only journal records.
  const json = bytes.subarray(typeAt + 1, end);
  return { record: JSON.parse(json.toString()) as JournalRecord, json, end };
}

/** The first whole frame at or behind `from`. Only walked for damage, so it may read the rest of the segment. */
function findFrame(descriptor: number, from: number, fileBytes: number): number | undefined {
  const bytes = readRange(descriptor, from, Math.max(0, fileBytes - from));
  const brace = '{'.charCodeAt(0);
  for (let at = 0; at + frameHeadBytes + frameBytesMin <= bytes.length; at += 1) {
    // Two cheap looks first: every payload begins with a brace, every length is below 2²⁴.
    if (bytes[at] !== 0 || bytes[at + frameHeadBytes + 1] !== brace) continue;
    const frame = decodeFrame(bytes, at);
    if (typeof frame === 'object') return from + at;
  }
  return undefined;
}

/** Fewer bytes only when the file is shorter by now. */
function readRange(descriptor: number, from: number, length: number): Buffer {
  const bytes = Buffer.allocUnsafe(Math.max(0, length));
  let filled = 0;
  while (filled < bytes.length) {
    const count = readSync(descriptor, bytes, filled, bytes.length - filled, from + filled);
    if (count === 0) break;
    filled += count;
  }
  return bytes.subarray(0, filled);
}
