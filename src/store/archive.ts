import { type FileHandle, open } from 'node:fs/promises';
import { crc32, zstdCompressSync, zstdDecompressSync } from 'node:zlib';

/** The file format of backups: a magic, then frames to the end, integers big-endian:
 *
 *    frame   u8 type · u32 length · payload · u32 CRC-32 of type and payload
 *
 *  manifest (JSON), then for each table: table (JSON), rows (COPY text, compressed with zstd)…, table-end (JSON); then end
 *  (JSON). A file without `end` is not a whole backup. */

const magic = Buffer.from('CCBACKUP1\n', 'latin1');
const headBytes = 5;
const checksumBytes = 4;
/** Of one payload, compressed or not: what is held in memory at once. */
export const frameBytesMax = 8 * 1024 * 1024;

const frameTypes = ['manifest', 'table', 'rows', 'table-end', 'end'] as const;
export type FrameType = (typeof frameTypes)[number];

export interface Frame {
  readonly type: FrameType;
  /** JSON in UTF-8, or COPY text for `rows`. */
  readonly payload: Buffer;
}

/** The file is not a whole, undamaged backup. */
export class ArchiveDamaged extends Error {
  override readonly name = 'ArchiveDamaged';
}

export class ArchiveWriter {
  readonly #file: FileHandle;
  #bytes = 0;

  /** Fails when the file exists: a backup never overwrites another. */
  static async create(path: string): Promise<ArchiveWriter> {
    const writer = new ArchiveWriter(await open(path, 'wx', 0o600));
    await writer.#write(magic);
    return writer;
  }

  private constructor(file: FileHandle) {
    this.#file = file;
  }

  async write(type: FrameType, content: Buffer | object): Promise<void> {
    const plain = Buffer.isBuffer(content) ? content : Buffer.from(JSON.stringify(content));
    if (plain.length > frameBytesMax) throw new RangeError(`a frame of ${plain.length} bytes`);
    const payload = type === 'rows' ? zstdCompressSync(plain) : plain;
    const frame = Buffer.allocUnsafe(headBytes + payload.length + checksumBytes);
    frame[0] = frameTypes.indexOf(type);
    frame.writeUInt32BE(payload.length, 1);
    payload.copy(frame, headBytes);
    frame.writeUInt32BE(checksum(frame[0], payload), headBytes + payload.length);
    await this.#write(frame);
  }

  /** On disk once this has resolved. */
  async finish(): Promise<number> {
    await this.#file.sync();
    await this.#file.close();
    return this.#bytes;
  }

  async abandon(): Promise<void> {
    await this.#file.close().catch(() => {});
  }

  async #write(bytes: Buffer): Promise<void> {
    let written = 0;
    while (written < bytes.length) {
      const { bytesWritten } = await this.#file.write(bytes, written);
      written += bytesWritten;
    }
    this.#bytes += bytes.length;
  }
}

/** Gives the frames one by one; throws ArchiveDamaged at the first that is not what was written. */
export async function* readArchive(path: string): AsyncGenerator<Frame, void, void> {
  const file = await open(path, 'r');
  try {
    const start = await readBytes(file, magic.length);
    if (!start.equals(magic)) throw new ArchiveDamaged(`${path} is not a backup of this format`);
    for (;;) {
      const head = await readBytes(file, headBytes);
      const length = head.readUInt32BE(1);
      const type = frameTypes[head[0]!];
      if (type === undefined || length > frameBytesMax) throw new ArchiveDamaged(`${path} has a broken frame`);
      const payload = await readBytes(file, length);
      const sum = (await readBytes(file, checksumBytes)).readUInt32BE(0);
      if (sum !== checksum(head[0]!, payload)) throw new ArchiveDamaged(`a checksum in ${path} is wrong`);
      yield { type, payload: type === 'rows' ? decompress(payload, path) : payload };
      if (type === 'end') return;
    }
  } finally {
    await file.close();
  }
}

function decompress(payload: Buffer, path: string): Buffer {
  try {
    return zstdDecompressSync(payload, { maxOutputLength: frameBytesMax });
  } catch (cause) {
    throw new ArchiveDamaged(`rows in ${path} cannot be decompressed`, { cause });
  }
}

function checksum(type: number, payload: Buffer): number {
  return crc32(payload, crc32(Buffer.of(type)));
}

async function readBytes(file: FileHandle, length: number): Promise<Buffer> {
  const bytes = Buffer.allocUnsafe(length);
  let filled = 0;
  while (filled < length) {
    const { bytesRead } = await file.read(bytes, filled, length - filled);
    if (bytesRead === 0) throw new ArchiveDamaged('the backup ends too early; it is not whole');
    filled += bytesRead;
  }
  return bytes;
}
