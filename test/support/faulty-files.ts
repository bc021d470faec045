import { type JournalFiles, journalFiles } from '../../src/journal/journal-files.ts';

/** The real files, with a disk that fails when told to. */
export class FaultyFiles implements JournalFiles {
  /** The next writes give these errors, or write only so many bytes; then the disk works. */
  readonly nextWrites: (NodeJS.ErrnoException | number)[] = [];
  everyWrite: NodeJS.ErrnoException | undefined;
  truncateError: NodeJS.ErrnoException | undefined;
  syncError: NodeJS.ErrnoException | undefined;
  free = 100 * 1024 ** 3;
  writes = 0;
  syncs = 0;
  syncGate: Promise<void> | undefined;
  /** Called before each change of a file, where another process may look at what is there. */
  beforeChange: () => void = () => {};

  create = journalFiles.create;
  close = journalFiles.close;
  syncDirectory = journalFiles.syncDirectory;
  segmentBytes = journalFiles.segmentBytes;

  write(descriptor: number, bytes: Buffer, from: number, length: number, position: number): number {
    this.beforeChange();
    this.writes += 1;
    if (this.everyWrite !== undefined) throw this.everyWrite;
    const next = this.nextWrites.shift();
    if (typeof next === 'object') throw next;
    const allowed = next === undefined ? length : Math.min(next, length);
    return journalFiles.write(descriptor, bytes, from, allowed, position);
  }
  truncate(descriptor: number, length: number): void {
    this.beforeChange();
    if (this.truncateError !== undefined) throw this.truncateError;
    journalFiles.truncate(descriptor, length);
  }
  async syncContents(descriptor: number): Promise<void> {
    this.syncs += 1;
    await this.syncGate;
    if (this.syncError !== undefined) throw this.syncError;
    await journalFiles.syncContents(descriptor);
  }
  async freeBytes(): Promise<number> {
    return this.free;
  }
}

export const noSpace: NodeJS.ErrnoException = Object.assign(new Error('ENOSPC: no space left on device'), {
  code: 'ENOSPC',
});
export const ioError: NodeJS.ErrnoException = Object.assign(new Error('EIO: i/o error'), { code: 'EIO' });
