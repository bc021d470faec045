import { join } from 'node:path';
import { Fault } from '../completion/fault.ts';
import { boundEnd } from './end-bound.ts';
import { type JournalFiles, journalFiles } from './journal-files.ts';
import type { AdmitRecord, AttemptRecord, EndRecord, JournalRecord, ProgressRecord } from './record.ts';
import { JournalRoom } from './room.ts';
import {
  encodeFrame,
  encodeHeader,
  frameBytesMax,
  segmentBytesMax,
  segmentFileName,
  segmentHeaderBytes,
} from './segment.ts';
import { SegmentSync } from './segment-sync.ts';
import type { ExchangeJournal } from './writer.ts';

export interface JournalOptions {
  readonly directory: string;
  /** Larger than that of any earlier start of this worker, such as the start's milliseconds since 1970. */
  readonly generation: number;
  readonly worker: number;
  readonly fsync: 'always' | 'interval' | 'never';
  /** With `interval`: the age at which written records are synced. */
  readonly fsyncIntervalMs: number;
  /** Bound of all segments in the directory together. */
  readonly bytesMax: number;
  readonly clock: { nowMs(): number; monotonicMs(): number };
  /** Something an operator must look at. Called once for each change, not for each record. */
  readonly onAlarm: (alarm: JournalAlarm) => void;
  readonly files?: JournalFiles;
  readonly segmentBytesMax?: number;
}

export interface JournalAlarm {
  /** full: the disk took no more. failed: a write or sync failed. recovered: records are written and synced again. */
  readonly code: 'journal_full' | 'journal_failed' | 'journal_recovered';
  readonly message: string;
  readonly cause?: unknown;
}

/** Smaller segments are not worth sealing early: they are not what fills a journal. */
const releasedBytesMin = 256 * 1024;
/** A full or failed disk is tried again after the first, then twice as long each time, up to the second. */
const retryFirstMs = 250;
const retryLastMs = 5_000;
/** Room for two frames of the largest number of UTF-16 units, three bytes each. */
const stagingBytes = 6 * frameBytesMax + 4096;

interface Segment {
  readonly path: string;
  readonly descriptor: number;
  readonly sync: SegmentSync;
  /** Length of the whole frames in it; the next one goes here. */
  bytes: number;
}

interface OpenExchange {
  /** JSON of its `admit`, until the first attempt or the end takes it along. */
  stagedAdmit: string | undefined;
}

/** An end that the disk did not take yet. */
interface WaitingEnd {
  readonly id: string;
  readonly stagedAdmit: string | undefined;
  readonly json: string;
  readonly done: PromiseWithResolvers<void>;
}

/** The journal of one worker, in files. One write(2) an attempt (the staged admit goes with it), one an end. */
export class FileJournal implements ExchangeJournal {
  readonly #options: JournalOptions;
  readonly #files: JournalFiles;
  readonly #segmentBytesMax: number;
  readonly #room: JournalRoom;
  readonly #staging = Buffer.allocUnsafeSlow(stagingBytes);
  readonly #open = new Map<string, OpenExchange>();
  /** Bounded by admission: each is an admitted exchange whose reserve is kept. */
  readonly #waitingEnds: WaitingEnd[] = [];
  /** Syncs and closes of sealed segments, for close(). */
  readonly #sealing = new Set<Promise<void>>();
  #segment: Segment | undefined;
  #sequence = 0;
  #trouble: 'journal_full' | 'journal_failed' | undefined;
  #retryTimer: NodeJS.Timeout | undefined;
  #retryMs = retryFirstMs;
  #syncTimer: NodeJS.Timeout | undefined;
  #closed = false;

  /** Measures the directory and begins a segment, so that a directory that cannot be written fails the start. */
  static async open(options: JournalOptions): Promise<FileJournal> {
    const journal = new FileJournal(options);
    await journal.#room.measure();
    journal.#segment = journal.#beginSegment();
    return journal;
  }

  private constructor(options: JournalOptions) {
    this.#options = options;
    this.#files = options.files ?? journalFiles;
    this.#segmentBytesMax = options.segmentBytesMax ?? segmentBytesMax;
    this.#room = new JournalRoom({
      directory: options.directory,
      files: this.#files,
      bytesMax: options.bytesMax,
      monotonicMs: options.clock.monotonicMs,
    });
  }

  admit(record: AdmitRecord): void {
    this.#assertUsable();
    if (this.#open.has(record.id)) throw new Error(`exchange ${record.id} is admitted already`);
    if (this.#trouble !== undefined) throw new Fault(this.#trouble, undefined, { retryAfterMs: 1_000 });
    if (!this.#fits()) throw new Fault('journal_full', undefined, { retryAfterMs: 1_000 });
    this.#open.set(record.id, { stagedAdmit: frameJson(record) });
  }

  attempt(record: AttemptRecord): undefined | Promise<void> {
    const exchange = this.#exchangeOf(record);
    if (this.#trouble !== undefined) throw new Fault(this.#trouble, undefined, { retryAfterMs: 1_000 });
    const segment = this.#write(exchange.stagedAdmit, 'attempt', frameJson(record));
    exchange.stagedAdmit = undefined;
    return this.#afterWrite(segment);
  }

  progress(record: ProgressRecord): void {
    this.#exchangeOf(record);
    if (this.#trouble !== undefined) return;
    try {
      this.#afterWrite(this.#write(undefined, 'progress', frameJson(record)))?.catch(() => {});
    } catch (error) {
      // Progress only sharpens the estimate for an exchange that never ends; the write raised the alarm already.
      if (!(error instanceof Fault)) throw error;
    }
  }

  end(record: EndRecord): undefined | Promise<void> {
    const { stagedAdmit } = this.#exchangeOf(record);
    const json = boundEnd(record);
    this.#open.delete(record.id);
    if (this.#trouble !== undefined) return this.#waitWithEnd(record.id, stagedAdmit, json);
    try {
      return this.#afterWrite(this.#write(stagedAdmit, 'end', json));
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      return this.#waitWithEnd(record.id, stagedAdmit, json);
    }
  }

  hasRoom(): boolean {
    return !this.#closed && this.#trouble === undefined && this.#fits();
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#tryAgain();
    this.#closed = true;
    clearTimeout(this.#retryTimer);
    clearTimeout(this.#syncTimer);
    for (const waiting of this.#waitingEnds.splice(0)) {
      waiting.done.reject(new Fault(this.#trouble ?? 'journal_failed'));
    }
    if (this.#segment !== undefined) this.#seal(this.#segment);
    this.#segment = undefined;
    await Promise.all(this.#sealing);
  }

  #fits(): boolean {
    if (this.#room.fits(this.#openCount)) return true;
    this.#releaseSegment();
    return false;
  }

  /** A segment is deleted when it is sealed and shipped. Without room nothing is admitted that would fill this one up to
   *  where it is sealed, so that everything could be shipped and the journal stay full for ever. */
  #releaseSegment(): void {
    if (this.#segment === undefined || this.#segment.bytes < releasedBytesMin) return;
    const full = this.#segment;
    try {
      this.#segment = this.#beginSegment();
    } catch {
      // The next write finds out what is wrong with the disk, and says so.
      return;
    }
    this.#seal(full);
  }

  get #openCount(): number {
    return this.#open.size + this.#waitingEnds.length;
  }

  #assertUsable(): void {
    if (this.#closed) throw new Error('the journal is closed');
  }

  #exchangeOf(record: AttemptRecord | ProgressRecord | EndRecord): OpenExchange {
    this.#assertUsable();
    const exchange = this.#open.get(record.id);
    if (exchange === undefined) throw new Error(`exchange ${record.id} is not open; its ${record.type} has no place`);
    return exchange;
  }

  /** Durability of what was just written to `segment`, as the setting promises. */
  #afterWrite(segment: Segment): undefined | Promise<void> {
    if (this.#options.fsync === 'never') return undefined;
    if (this.#options.fsync === 'always') return this.#syncNow(segment);
    this.#syncTimer ??= setTimeout(() => {
      this.#syncTimer = undefined;
      if (this.#segment !== undefined) this.#syncNow(this.#segment).catch(() => {});
    }, this.#options.fsyncIntervalMs).unref();
    return undefined;
  }

  async #syncNow(segment: Segment): Promise<void> {
    try {
      await segment.sync.request();
    } catch (cause) {
      // What is in the segment may be lost; nothing more is written to it.
      if (this.#segment === segment) this.#abandonSegment();
      this.#enterTrouble('journal_failed', 'a sync of the journal failed', cause);
      throw new Fault('journal_failed', undefined, { cause });
    }
  }

  /** Appends the staged admit, if any, and one record in one write(2). Throws Fault; then the record is not there. Its
   *  admit may be, in a segment that is left, and the next write of the exchange writes it again: whether what a failing
   *  device still shows will be there after a power failure nobody knows, and records without an admit would be passed
   *  over. A reader takes the same admit twice for one. */
  #write(stagedAdmit: string | undefined, type: JournalRecord['type'], json: string): Segment {
    const admitBytes = stagedAdmit === undefined ? 0 : encodeFrame(this.#staging, 0, 'admit', stagedAdmit);
    const length = encodeFrame(this.#staging, admitBytes, type, json);
    let cause: unknown;
    // A device that fails in one place may work in another: a new segment is tried once before giving up.
    for (let attempt = 1; attempt <= 2; attempt += 1) {
      try {
        const segment = this.#segmentFor(length);
        this.#append(segment, { admitBytes, length });
        return segment;
      } catch (error) {
        cause = error;
        if (isFull(error)) break;
        this.#abandonSegment();
      }
    }
    const code = isFull(cause) ? 'journal_full' : 'journal_failed';
    this.#enterTrouble(code, code === 'journal_full' ? 'the disk of the journal is full' : 'a write failed', cause);
    throw new Fault(code, undefined, { cause, retryAfterMs: 1_000 });
  }

  /** Writes the staged bytes behind the last whole frame. On failure the file is as long as before, or abandoned.
   *  `admitBytes`: so many of them are a frame of their own, 0 when the record is alone. */
  #append(segment: Segment, { admitBytes, length }: { readonly admitBytes: number; readonly length: number }): void {
    let written = 0;
    try {
      while (written < length) {
        const count = this.#files.write(
          segment.descriptor,
          this.#staging,
          written,
          length - written,
          segment.bytes + written,
        );
        if (count === 0) throw new Error('a write of the journal wrote nothing');
        written += count;
      }
    } catch (error) {
      this.#cutBack(segment);
      // Who reads along may have passed a whole admit already, and would miss what is written in its place.
      if (admitBytes > 0 && written >= admitBytes) this.#abandonSegment();
      throw error;
    }
    segment.bytes += length;
    this.#room.wrote(length);
  }

  #cutBack(segment: Segment): void {
    try {
      this.#files.truncate(segment.descriptor, segment.bytes);
    } catch {
      // The broken frame stays as a torn tail, behind which nothing is written.
      this.#abandonSegment();
    }
  }

  #segmentFor(length: number): Segment {
    const current = this.#segment;
    if (current !== undefined && current.bytes + length <= this.#segmentBytesMax) return current;
    // The old one is sealed only when the new one exists.
    const next = this.#beginSegment();
    if (current !== undefined) this.#seal(current);
    this.#segment = next;
    return next;
  }

  #beginSegment(): Segment {
    this.#sequence += 1;
    const { generation, worker, directory } = this.#options;
    const name = { generation, worker, sequence: this.#sequence };
    const path = join(directory, segmentFileName(name));
    const descriptor = this.#files.create(path);
    try {
      const header = encodeHeader(name, this.#options.clock.nowMs());
      const count = this.#files.write(descriptor, header, 0, header.length, 0);
      // 44 bytes into an empty file: a short write of them means that the disk is full.
      if (count !== header.length) throw Object.assign(new Error('the header was written in part'), { code: 'ENOSPC' });
    } catch (error) {
      // A file with half a header reads as an empty torn segment. It is there, so the one before it counts as sealed.
      this.#files.close(descriptor);
      this.#abandonSegment();
      throw error;
    }
    this.#room.wrote(segmentHeaderBytes);
    const sync = new SegmentSync({ descriptor, directory, files: this.#files });
    return { path, descriptor, sync, bytes: segmentHeaderBytes };
  }

  #abandonSegment(): void {
    if (this.#segment === undefined) return;
    this.#seal(this.#segment);
    this.#segment = undefined;
  }

  /** No more is written to it; it is synced once more and closed. */
  #seal(segment: Segment): void {
    const sealed = (async () => {
      try {
        if (this.#options.fsync !== 'never') await this.#syncNow(segment);
      } catch {
        // syncNow raised the alarm, and told those who wait.
      } finally {
        this.#files.close(segment.descriptor);
      }
    })();
    this.#sealing.add(sealed);
    void sealed.finally(() => this.#sealing.delete(sealed));
  }

  #waitWithEnd(id: string, stagedAdmit: string | undefined, json: string): Promise<void> {
    const done = Promise.withResolvers<void>();
    this.#waitingEnds.push({ id, stagedAdmit, json, done });
    return done.promise;
  }

  #enterTrouble(code: 'journal_full' | 'journal_failed', message: string, cause: unknown): void {
    if (this.#closed) return;
    if (this.#trouble !== code) this.#options.onAlarm({ code, message, cause });
    this.#trouble = code;
    if (this.#retryTimer !== undefined) return;
    this.#retryTimer = setTimeout(() => {
      this.#retryTimer = undefined;
      this.#tryAgain();
    }, this.#retryMs).unref();
    this.#retryMs = Math.min(this.#retryMs * 2, retryLastMs);
  }

  /** Writes the ends that wait, proves the disk with a sync, and only then ends the trouble. */
  #tryAgain(): void {
    if (this.#trouble === undefined || this.#closed) return;
    try {
      while (this.#waitingEnds.length > 0) {
        const [waiting] = this.#waitingEnds;
        const segment = this.#write(waiting!.stagedAdmit, 'end', waiting!.json);
        this.#waitingEnds.shift();
        const durable = this.#afterWrite(segment) ?? Promise.resolve();
        durable.then(waiting!.done.resolve, waiting!.done.reject);
      }
      this.#segment ??= this.#beginSegment();
    } catch (cause) {
      // A Fault comes from #write, which has set the next try itself.
      if (!(cause instanceof Fault)) {
        this.#enterTrouble(isFull(cause) ? 'journal_full' : 'journal_failed', 'a segment cannot be begun', cause);
      }
      return;
    }
    this.#syncNow(this.#segment).then(
      () => {
        if (this.#trouble === undefined) return;
        // What came to wait during the sync is written by another round.
        if (this.#waitingEnds.length > 0) return this.#tryAgain();
        this.#trouble = undefined;
        this.#retryMs = retryFirstMs;
        clearTimeout(this.#retryTimer);
        this.#retryTimer = undefined;
        void this.#room.measure();
        this.#options.onAlarm({ code: 'journal_recovered', message: 'the journal is written and synced again' });
      },
      () => {},
    );
  }
}

/** JSON of a record that our own bounds keep small: headers, names, tags. */
function frameJson(record: AdmitRecord | AttemptRecord | ProgressRecord): string {
  const json = JSON.stringify(record);
  // One byte of the frame is its type.
  if (json.length * 3 > frameBytesMax - 1 && Buffer.byteLength(json) > frameBytesMax - 1) {
    throw new RangeError(`the ${record.type} of exchange ${record.id.slice(0, 64)} is over ${frameBytesMax} bytes`);
  }
  return json;
}

function isFull(error: unknown): boolean {
  if (error instanceof Fault) return error.code === 'journal_full';
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  // EFBIG is not among them: where one file may not grow, the next segment may.
  return code === 'ENOSPC' || code === 'EDQUOT';
}
