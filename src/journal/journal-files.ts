import * as callbacks from 'node:fs';
import { closeSync, ftruncateSync, openSync, writeSync } from 'node:fs';
import { open, readdir, stat, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { parseSegmentName } from './segment.ts';

/** The operating system as the journal uses it. It is an argument, so that tests can make the disk full or broken. */
export interface JournalFiles {
  /** Creates a file that must not exist yet. */
  create(path: string): number;
  /** Returns how many bytes were written, possibly fewer than asked for. */
  write(descriptor: number, bytes: Buffer, from: number, length: number, position: number): number;
  truncate(descriptor: number, length: number): void;
  close(descriptor: number): void;
  /** Contents, and the length needed to read them, are on the device when it resolves. */
  syncContents(descriptor: number): Promise<void>;
  /** Names created in the directory are on the device when it resolves. */
  syncDirectory(directory: string): Promise<void>;
  /** Bytes of all segments in the directory, whichever worker wrote them. */
  segmentBytes(directory: string): Promise<number>;
  freeBytes(directory: string): Promise<number>;
}

const fdatasync = promisify(callbacks.fdatasync);

export const journalFiles: JournalFiles = {
  create: path => openSync(path, 'wx', 0o600),
  write: (descriptor, bytes, from, length, position) => writeSync(descriptor, bytes, from, length, position),
  truncate: (descriptor, length) => ftruncateSync(descriptor, length),
  close: descriptor => closeSync(descriptor),
  syncContents: descriptor => fdatasync(descriptor),
  async syncDirectory(directory) {
    const handle = await open(directory, 'r');
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
  },
  async segmentBytes(directory) {
    let total = 0;
    for (const name of await readdir(directory)) {
      if (parseSegmentName(name) === undefined) continue;
      // A shipped segment may be deleted while we look.
      total += await stat(join(directory, name)).then(
        file => file.size,
        () => 0,
      );
    }
    return total;
  },
  async freeBytes(directory) {
    const disk = await statfs(directory);
    return disk.bavail * disk.bsize;
  },
};
