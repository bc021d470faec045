import { renameSync, unlinkSync } from 'node:fs';
import { type CompletedExchange, ExchangeAssembler, type JournalPlace } from './assemble.ts';
import { listSegments, readRecords, type SegmentFile } from './segment.ts';
import type { JournalAlert, StreamName, StreamPosition } from './shipping-target.ts';

/** One transaction holds at most so many exchanges: enough to make its fixed cost small, few enough to take a third of a
 *  second. */
const batchExchangesMax = 4_000;
/** One read; parsing it keeps the supervisor's loop busy for some milliseconds. */
export const readBytesMax = 512 * 1024;
/** Journal bytes of one batch, so that memory stays bounded with large records. */
const batchBytesMax = 16 * 1024 * 1024;

/** What one worker's process wrote, over its segments. */
export interface Stream extends StreamName {
  readonly assembler: ExchangeAssembler;
  /** Has its position been looked up? */
  placed: boolean;
  sequence: number;
  offset: number;
  /** The last segment of a dead process; undefined while it lives. */
  deadThrough: number | undefined;
  /** Of a dead one: read to its end and settled. */
  finished: boolean;
  readonly damaged: Set<string>;
}

/** What was read and is not under way yet. */
interface Gathering {
  /** Is there more to say than that an open exchange grew? */
  urgent: boolean;
  readonly exchanges: StreamExchange[];
  readonly alerts: JournalAlert[];
  readonly touched: Set<Stream>;
  bytes: number;
}

export interface StreamExchange {
  readonly stream: Stream;
  readonly exchange: CompletedExchange;
}

/** What is under way, with where its streams stood when it was closed; reading goes on meanwhile. */
export interface Batch {
  readonly exchanges: readonly StreamExchange[];
  readonly alerts: readonly JournalAlert[];
  readonly positions: ReadonlyMap<Stream, StreamPosition>;
  readonly finished: ReadonlySet<Stream>;
  /** Set aside: nothing of them is booked, so nothing of them is charged to a lease. */
  readonly refused: Set<CompletedExchange>;
  readonly bytes: number;
}

export interface FollowerOptions {
  readonly directory: string;
  /** The policy for orphans at this moment. */
  readonly orphans: () => 'delivered' | 'free';
  readonly log: (message: string, details: Readonly<Record<string, unknown>>) => void;
}

export class JournalUnreadable extends Error {}

/** Reads the journals of all workers as they grow, puts exchanges together and closes batches of them. Knows where each
 *  stream stands; the shipper knows what became of a batch, and says which segments are needed no more. */
export class JournalFollower {
  readonly #options: FollowerOptions;
  readonly #streams = new Map<string, Stream>();
  readonly #adopting = new Set<Stream>();
  #positions: Map<string, StreamPosition> = new Map();
  #gathering: Gathering = emptyGathering();
  #turn = 0;
  /** Shipped segments that the file system would not let go; the next start sees them again, to no effect. */
  readonly #undeletable = new Set<string>();

  constructor(options: FollowerOptions) {
    this.#options = options;
  }

  /** What lies there now was written by dead processes. */
  adopt(): void {
    for (const segment of listSegments(this.#options.directory)) {
      const stream = this.#open(segment);
      stream.deadThrough = Math.max(stream.deadThrough ?? 0, segment.sequence);
      this.#adopting.add(stream);
    }
  }

  /** Where reading may begin. Call it once, before anything is read. */
  startAt(positions: readonly StreamPosition[]): void {
    this.#positions = new Map(positions.map(each => [streamKey(each), each]));
  }

  /** The process that wrote as this worker is gone. False when it wrote nothing. */
  markDead(worker: number): boolean {
    let any = false;
    for (const segment of listSegments(this.#options.directory)) {
      if (segment.worker !== worker) continue;
      const stream = this.#open(segment);
      stream.deadThrough = Math.max(stream.deadThrough ?? 0, segment.sequence);
      any = true;
    }
    return any;
  }

  /** Reads on by about so many bytes, until the batch is full or nothing is left. False when nothing was new. */
  fill(bytesMax: number): boolean {
    const until = this.#gathering.bytes + bytesMax;
    const segments = groupByStream(this.#list());
    let progressed = false;
    for (const files of segments.values()) this.#open(files[0]!);
    // Another stream goes first each time, so that a busy worker cannot starve the others.
    const streams = [...this.#streams];
    const first = this.#turn++ % Math.max(1, streams.length);
    for (const [key, stream] of [...streams.slice(first), ...streams.slice(0, first)]) {
      const files = segments.get(key) ?? [];
      this.#place(stream);
      progressed = this.#readStream(stream, files, until) || progressed;
    }
    return progressed;
  }

  /** undefined while there is nothing more to say than that open exchanges grew. */
  closeBatch(): Batch | undefined {
    const { urgent, exchanges, alerts, touched, bytes } = this.#gathering;
    if (!urgent && exchanges.length === 0) return undefined;
    this.#gathering = emptyGathering();
    return {
      exchanges,
      alerts,
      positions: new Map([...touched].map(stream => [stream, positionOf(stream)])),
      finished: new Set([...touched].filter(stream => stream.finished)),
      refused: new Set(),
      bytes,
    };
  }

  /** No more is read before the batch is closed. */
  get isFull(): boolean {
    return isFull(this.#gathering);
  }

  /** Completed exchanges read and not in a batch, the oldest first. */
  get gathered(): readonly StreamExchange[] {
    return this.#gathering.exchanges;
  }

  /** Of what a batch would take now; headers and the records of open exchanges alone are nothing to ship. */
  get gatheredBytes(): number {
    const { urgent, exchanges, bytes } = this.#gathering;
    return urgent || exchanges.length > 0 ? bytes : 0;
  }

  get openExchanges(): number {
    let open = 0;
    for (const stream of this.#streams.values()) open += stream.assembler.openCount;
    return open;
  }

  get isAdopting(): boolean {
    return this.#adopting.size > 0;
  }

  /** Are there dead streams of this worker's number that are not closed? */
  hasDead(worker: number): boolean {
    return [...this.#streams.values()].some(each => each.worker === worker && each.deadThrough !== undefined);
  }

  /** Bytes of the journal that were not read yet. */
  unreadBytes(): number {
    const segments = groupByStream(this.#list());
    return [...segments].reduce((sum, [key, files]) => sum + unreadOf(this.#streams.get(key), files), 0);
  }

  /** Everything of the stream below this place is shipped. */
  deleteShipped(stream: Stream, shipped: JournalPlace): void {
    for (const file of this.#list()) {
      if (streamKey(file) !== streamKey(stream)) continue;
      if (file.sequence >= shipped.sequence || file.sequence > (stream.deadThrough ?? file.sequence)) continue;
      try {
        if (stream.damaged.has(file.path)) renameSync(file.path, `${file.path}.damaged`);
        else unlinkSync(file.path);
      } catch (error) {
        this.#undeletable.add(file.path);
        this.#options.log('a shipped journal segment cannot be deleted', { error: describe(error) });
      }
    }
  }

  /** A finished stream is shipped whole. True when another process goes on under its name. */
  close(stream: Stream): boolean {
    const key = streamKey(stream);
    this.#streams.delete(key);
    this.#adopting.delete(stream);
    this.#positions.delete(key);
    const continued = this.#list().some(file => streamKey(file) === key);
    if (continued) this.#positions.set(key, positionOf(stream));
    return continued;
  }

  #open(name: StreamName): Stream {
    const key = streamKey(name);
    let stream = this.#streams.get(key);
    if (stream === undefined) {
      stream = {
        generation: name.generation,
        worker: name.worker,
        assembler: new ExchangeAssembler(),
        placed: false,
        sequence: 0,
        offset: 0,
        deadThrough: undefined,
        finished: false,
        damaged: new Set(),
      };
      this.#streams.set(key, stream);
    }
    return stream;
  }

  #place(stream: Stream): void {
    if (stream.placed) return;
    stream.placed = true;
    const position = this.#positions.get(streamKey(stream));
    if (position === undefined) return;
    stream.sequence = position.sequence;
    stream.offset = position.offset;
  }

  #list(): SegmentFile[] {
    try {
      return listSegments(this.#options.directory).filter(file => !this.#undeletable.has(file.path));
    } catch (cause) {
      throw new JournalUnreadable('the journal directory cannot be listed', { cause });
    }
  }

  /** `files` were listed before anything is read: when a next one exists, this one grows no more. */
  #readStream(stream: Stream, files: readonly SegmentFile[], untilBytes: number): boolean {
    let progressed = false;
    while (!stream.finished && !isFull(this.#gathering) && this.#gathering.bytes < untilBytes) {
      const through = stream.deadThrough ?? Number.POSITIVE_INFINITY;
      const file = files.find(each => each.sequence >= stream.sequence && each.sequence <= through);
      if (file === undefined) {
        if (stream.deadThrough !== undefined) this.#settle(stream);
        return progressed;
      }
      if (file.sequence > stream.sequence) {
        stream.sequence = file.sequence;
        stream.offset = 0;
      }
      const { end, advanced } = this.#readSegment(stream, file);
      progressed ||= advanced;
      if (end === 'more') continue;
      const sealed = files.some(each => each.sequence > file.sequence) || stream.deadThrough !== undefined;
      if (!sealed) return progressed;
      // A torn tail of a sealed segment was never acknowledged to anyone.
      stream.sequence = file.sequence + 1;
      stream.offset = 0;
      this.#gathering.touched.add(stream);
      this.#gathering.urgent = true;
      progressed = true;
    }
    return progressed;
  }

  #readSegment(stream: Stream, file: SegmentFile): { end: 'more' | 'end'; advanced: boolean } {
    const from = stream.offset;
    const read = readSafely(file.path, from);
    let startOffset = from;
    for (const { record, json, endOffset } of read.records) {
      const result = stream.assembler.accept(record, { sequence: file.sequence, offset: startOffset }, json);
      startOffset = endOffset;
      if (result === 'conflict') this.#alert(conflictAlert(record.id));
      else if (result !== undefined) this.#gathering.exchanges.push({ stream, exchange: result });
    }
    stream.offset = read.offset;
    this.#gathering.bytes += read.offset - from;
    if (read.end === 'corrupt') {
      stream.damaged.add(file.path);
      this.#alert(corruptAlert(file, read.offset, read.resumeOffset));
      this.#options.log('a journal segment is damaged', { path: file.path, offset: read.offset });
      stream.offset = read.resumeOffset ?? file.bytes;
    }
    const advanced = stream.offset > from;
    // The next batch that has something to say moves the position too.
    if (advanced) this.#gathering.touched.add(stream);
    const end = read.end === 'more' || read.end === 'corrupt' ? 'more' : 'end';
    return { end, advanced };
  }

  #alert(alert: JournalAlert): void {
    this.#gathering.alerts.push(alert);
    this.#gathering.urgent = true;
  }

  #settle(stream: Stream): void {
    for (const exchange of stream.assembler.settleAll(this.#options.orphans())) {
      this.#gathering.exchanges.push({ stream, exchange });
    }
    stream.finished = true;
    this.#gathering.touched.add(stream);
    this.#gathering.urgent = true;
  }
}

function readSafely(path: string, from: number): ReturnType<typeof readRecords> {
  try {
    return readRecords(path, from, readBytesMax);
  } catch (cause) {
    throw new JournalUnreadable(`the journal segment ${path} cannot be read`, { cause });
  }
}

function emptyGathering(): Gathering {
  return { urgent: false, exchanges: [], alerts: [], touched: new Set(), bytes: 0 };
}

function isFull(gathering: Gathering): boolean {
  return gathering.exchanges.length >= batchExchangesMax || gathering.bytes >= batchBytesMax;
}

function positionOf(stream: Stream): StreamPosition {
  const { generation, worker, sequence, offset } = stream;
  return { generation, worker, ...(stream.assembler.oldestOpen() ?? { sequence, offset }) };
}

/** Of a stream that was not begun: all of it. */
function unreadOf(stream: Stream | undefined, files: readonly SegmentFile[]): number {
  let bytes = 0;
  for (const file of files) {
    if (stream === undefined || file.sequence > stream.sequence) bytes += file.bytes;
    else if (file.sequence === stream.sequence) bytes += Math.max(0, file.bytes - stream.offset);
  }
  return bytes;
}

function groupByStream(files: readonly SegmentFile[]): Map<string, SegmentFile[]> {
  const groups = new Map<string, SegmentFile[]>();
  for (const file of files) {
    const key = streamKey(file);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [file]);
    else group.push(file);
  }
  return groups;
}

function conflictAlert(exchangeId: string): JournalAlert {
  return {
    id: `journal_conflict:${exchangeId}`,
    code: 'journal_conflict',
    message: 'An open exchange was admitted a second time; the first admission counts.',
    exchangeId,
  };
}

function corruptAlert(file: SegmentFile, from: number, to: number | undefined): JournalAlert {
  const name = `${file.generation}-${file.worker}-${file.sequence}`;
  return {
    id: `journal_corrupt:${name}:${from}`,
    code: 'journal_corrupt',
    message: `Journal segment ${name} is damaged from byte ${from} to ${to ?? file.bytes}; it is kept beside the journal as .damaged.`,
    exchangeId: undefined,
  };
}

function streamKey(name: StreamName): string {
  return `${name.generation}-${name.worker}`;
}

export function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.message || (error as { code?: string }).code || error.name;
}
