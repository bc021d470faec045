import { renameSync, unlinkSync } from 'node:fs';
import { type CompletedExchange, ExchangeAssembler, type JournalPlace, leaseCharge } from './assemble.ts';
import { listSegments, readRecords, type SegmentFile } from './segment.ts';

/** Where shipments go. ledger/ fills it. */
export interface ShippingTarget {
  /** Everything of the batch in one transaction, or nothing. Shipping an exchange again changes nothing. */
  ship(batch: ShippingBatch): Promise<void>;
  /** Keeps what `ship` can never take (ShippingRefused) where people will look at it, with its exchange's id taken. */
  quarantine(exchange: CompletedExchange, reason: string): Promise<void>;
  /** Where reading may begin, by journal of a worker. */
  positions(): Promise<readonly StreamPosition[]>;
  /** The journal of this worker is gone. */
  forget(stream: StreamName): Promise<void>;
}

/** The target refused the content, not the moment: trying the same again is useless. */
export class ShippingRefused extends Error {
  override readonly name = 'ShippingRefused';
}

export interface StreamName {
  readonly generation: number;
  readonly worker: number;
}

/** Everything below it is shipped. */
export interface StreamPosition extends StreamName, JournalPlace {}

export interface ShippingBatch {
  readonly exchanges: readonly CompletedExchange[];
  readonly positions: readonly StreamPosition[];
  readonly alerts: readonly JournalAlert[];
}

export interface JournalAlert {
  /** Derived from what it is about. */
  readonly id: string;
  readonly code: 'journal_corrupt' | 'journal_conflict';
  readonly message: string;
  readonly exchangeId: string | undefined;
}

export interface ShipperOptions {
  readonly directory: string;
  readonly target: ShippingTarget;
  /** The policy for orphans at this moment. */
  readonly orphans: () => 'delivered' | 'free';
  readonly nowMs: () => number;
  /** What a worker's exchanges took from each lease, once it is in the ledger. `dead`: the process that wrote them is
   *  gone; a new one may have its number. */
  readonly onShipped?: (worker: number, dead: boolean, charged: ReadonlyMap<string, bigint>) => void;
  /** Everything that dead processes of this worker number wrote is in the ledger. */
  readonly onSettled?: (worker: number) => void;
  /** Everything that lay in the directory at the start is in the ledger. */
  readonly onAdopted?: () => void;
  readonly log?: (message: string, details: Readonly<Record<string, unknown>>) => void;
}

export interface ShipperStatus {
  readonly state: 'shipping' | 'idle' | 'backing-off';
  /** Completed exchanges read but not shipped. */
  readonly lagRecords: number;
  /** Journal bytes not shipped yet, those of open exchanges not counted. */
  readonly lagBytes: number;
  /** Age of the oldest exchange that ended and is not shipped; 0 when there is none. */
  readonly lagSeconds: number;
  readonly openExchanges: number;
  readonly shippedTotal: number;
  readonly lastError: string | undefined;
}

/** One transaction holds at most so many exchanges: enough to make its fixed cost small, few enough to take a third of a
 *  second. */
const batchExchangesMax = 4_000;
/** One read; parsing it keeps the supervisor's loop busy for some milliseconds. */
const readBytesMax = 512 * 1024;
/** Journal bytes of one batch, so that memory stays bounded with large records. */
const batchBytesMax = 16 * 1024 * 1024;
/** The journal is looked at so often when nobody says that it grew. */
const tickMs = 200;
const backoffMinMs = 100;
const backoffMaxMs = 5_000;

interface Stream extends StreamName {
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
  readonly exchanges: { readonly stream: Stream; readonly exchange: CompletedExchange }[];
  readonly alerts: JournalAlert[];
  readonly touched: Set<Stream>;
  bytes: number;
}

/** What is under way, with where its streams stood when it was closed; reading goes on meanwhile. */
interface Batch {
  readonly exchanges: Gathering['exchanges'];
  readonly alerts: readonly JournalAlert[];
  readonly positions: ReadonlyMap<Stream, StreamPosition>;
  readonly finished: ReadonlySet<Stream>;
  /** Set aside: nothing of them is booked, so nothing of them is charged to a lease. */
  readonly refused: Set<CompletedExchange>;
  readonly bytes: number;
}

/** Moves the journal into the ledger: follows live segments, finishes dead ones, deletes what is shipped.
 *  At the start every segment is dead; later ones live until `markDead`. While the target fails nothing is read and
 *  nothing is lost: the journal keeps it. */
export class Shipper {
  readonly #options: ShipperOptions;
  readonly #streams = new Map<string, Stream>();
  readonly #adopting = new Set<Stream>();
  #gathering: Gathering = emptyGathering();
  /** Kept until it is shipped, however often that fails. */
  #batch: Batch | undefined;
  #positions: Map<string, StreamPosition> | undefined;
  #running: Promise<void> | undefined;
  #stopped = false;
  #wake: (() => void) | undefined;
  #nudged = false;
  #backoffMs = 0;
  #lastError: string | undefined;
  #shippedTotal = 0;
  #adopted = false;
  #turn = 0;
  /** Shipped segments that the file system would not let go; the next start sees them again, to no effect. */
  readonly #undeletable = new Set<string>();
  #lagBytes = 0;
  /** When the target began to fail. */
  #behindSinceMs: number | undefined;

  constructor(options: ShipperOptions) {
    this.#options = options;
  }

  /** Begins shipping in the background. What lies in the directory now was written by dead processes. */
  start(): void {
    if (this.#running !== undefined) throw new Error('the shipper runs already');
    this.adopt();
    this.#running = this.#run();
  }

  /** For callers that step by hand instead of `start`. */
  adopt(): void {
    for (const segment of listSegments(this.#options.directory)) {
      const stream = this.#open(segment);
      stream.deadThrough = Math.max(stream.deadThrough ?? 0, segment.sequence);
      this.#adopting.add(stream);
    }
  }

  /** The journal grew: look now. */
  nudge(): void {
    this.#nudged = true;
    this.#wake?.();
  }

  /** The process that wrote as this worker is reaped. Call it before another takes the number. */
  markDead(worker: number): void {
    let any = false;
    for (const segment of listSegments(this.#options.directory)) {
      if (segment.worker !== worker) continue;
      const stream = this.#open(segment);
      stream.deadThrough = Math.max(stream.deadThrough ?? 0, segment.sequence);
      any = true;
    }
    if (any) this.nudge();
    else this.#options.onSettled?.(worker);
  }

  /** Resolves when everything readable now is shipped. Rejects when the target fails meanwhile. */
  async drain(): Promise<void> {
    while (await this.step()) {
      if (this.#lastError !== undefined) throw new Error(this.#lastError);
    }
  }

  /** Stops after what is under way; the rest waits in the journal. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#wake?.();
    await this.#running;
  }

  status(): ShipperStatus {
    const oldest = this.#batch?.exchanges[0] ?? this.#gathering.exchanges[0];
    // Before the target answers for the first time nothing is read, and the outage is what there is to tell.
    const sinceMs = oldest?.exchange.end.atMs ?? this.#behindSinceMs;
    let openExchanges = 0;
    for (const stream of this.#streams.values()) openExchanges += stream.assembler.openCount;
    return {
      state: this.#backoffMs > 0 ? 'backing-off' : oldest === undefined ? 'idle' : 'shipping',
      lagRecords: (this.#batch?.exchanges.length ?? 0) + this.#gathering.exchanges.length,
      lagBytes: this.#lagBytes + (this.#batch?.bytes ?? 0) + this.#gathering.bytes,
      lagSeconds: sinceMs === undefined ? 0 : Math.max(0, (this.#options.nowMs() - sinceMs) / 1_000),
      openExchanges,
      shippedTotal: this.#shippedTotal,
      lastError: this.#lastError,
    };
  }

  /** Reads one batch and ships it. False when there was nothing to do. Throws only what is no failure of the target. */
  async step(): Promise<boolean> {
    let progressed = false;
    try {
      this.#positions ??= new Map((await this.#options.target.positions()).map(each => [streamKey(each), each]));
      if (this.#batch === undefined) {
        progressed = this.#fill(batchBytesMax);
        this.#batch = this.#closeBatch();
      }
      if (this.#batch === undefined) {
        this.#reportAdopted();
        return progressed;
      }
      await this.#shipReadingAhead(this.#batch);
    } catch (error) {
      if (error instanceof JournalUnreadable) throw error;
      this.#backoffMs = Math.min(backoffMaxMs, Math.max(backoffMinMs, this.#backoffMs * 2));
      this.#lastError = describe(error);
      this.#behindSinceMs ??= this.#options.nowMs();
      this.#lagBytes = this.#unreadBytes(groupByStream(this.#list()));
      this.#options.log?.('shipping waits for the database', { error: this.#lastError, retryInMs: this.#backoffMs });
      return true;
    }
    const shipped = this.#batch;
    this.#batch = undefined;
    this.#backoffMs = 0;
    this.#lastError = undefined;
    this.#behindSinceMs = undefined;
    await this.#finish(shipped);
    return true;
  }

  /** undefined while there is nothing more to say than that open exchanges grew. */
  #closeBatch(): Batch | undefined {
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

  /** While the database works on one batch, the next is read: neither waits for the other. */
  async #shipReadingAhead(batch: Batch): Promise<void> {
    let over = false;
    const shipping = this.#ship(batch).finally(() => {
      over = true;
    });
    // Its failure is met at the end, not as an unhandled rejection in between.
    shipping.catch(() => {});
    let unreadable: unknown;
    try {
      while (!over && !isFull(this.#gathering) && this.#fill(readBytesMax)) await nextTurn();
    } catch (error) {
      unreadable = error;
    }
    await shipping;
    if (unreadable !== undefined) {
      this.#options.log?.('the journal cannot be read', { error: describe(unreadable) });
    }
  }

  async #run(): Promise<void> {
    while (!this.#stopped) {
      this.#nudged = false;
      let busy = false;
      try {
        busy = await this.step();
      } catch (error) {
        // The disk, not the database. The records are still there; an operator sees it in the log and the lag.
        this.#lastError = describe(error);
        this.#backoffMs = backoffMaxMs;
        this.#options.log?.('the journal cannot be read', { error: this.#lastError });
      }
      if (this.#backoffMs > 0) await this.#sleep(this.#backoffMs);
      else if (!busy && !this.#nudged) await this.#sleep(tickMs);
      // Others in this process must get their turn between batches.
      else await nextTurn();
    }
  }

  #sleep(ms: number): Promise<void> {
    return new Promise(resolve => {
      const timer = setTimeout(done, ms);
      const backingOff = this.#backoffMs > 0;
      this.#wake = () => {
        if (!backingOff || this.#stopped) done();
      };
      const self = this;
      function done(): void {
        clearTimeout(timer);
        self.#wake = undefined;
        resolve();
      }
    });
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

  #unreadBytes(segments: ReadonlyMap<string, readonly SegmentFile[]>): number {
    return [...segments].reduce((sum, [key, files]) => sum + unreadOf(this.#streams.get(key), files), 0);
  }

  /** Reads on by about so many bytes, until the batch is full or nothing is left. False when nothing was new. */
  #fill(bytesMax: number): boolean {
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
    this.#lagBytes = this.#unreadBytes(segments);
    return progressed;
  }

  #place(stream: Stream): void {
    if (stream.placed) return;
    stream.placed = true;
    const position = this.#positions?.get(streamKey(stream));
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
    for (const { record, endOffset } of read.records) {
      const result = stream.assembler.accept(record, { sequence: file.sequence, offset: startOffset });
      startOffset = endOffset;
      if (result === 'conflict') this.#alert(conflictAlert(record.id));
      else if (result !== undefined) this.#gathering.exchanges.push({ stream, exchange: result });
    }
    stream.offset = read.offset;
    this.#gathering.bytes += read.offset - from;
    if (read.end === 'corrupt') {
      stream.damaged.add(file.path);
      this.#alert(corruptAlert(file, read.offset, read.resumeOffset));
      this.#options.log?.('a journal segment is damaged', { path: file.path, offset: read.offset });
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

  async #ship(batch: Batch): Promise<void> {
    await this.#shipSplitting(
      batch,
      batch.exchanges.map(({ exchange }) => exchange),
      { positions: [...batch.positions.values()], alerts: batch.alerts },
    );
    this.#shippedTotal += batch.exchanges.length;
  }

  /** The target refuses one row of a batch as a whole: halve until the culprit is alone, and set it aside. Positions and
   *  alerts go with the last part, so that a crash in between repeats and never skips. */
  async #shipSplitting(
    batch: Batch,
    exchanges: readonly CompletedExchange[],
    rest: Pick<ShippingBatch, 'positions' | 'alerts'>,
  ): Promise<void> {
    try {
      await this.#options.target.ship({ exchanges, ...rest });
    } catch (error) {
      if (!(error instanceof ShippingRefused) || exchanges.length === 0) throw error;
      if (exchanges.length === 1) {
        this.#options.log?.('an exchange cannot be booked', {
          exchange: exchanges[0]!.admit.id,
          error: describe(error),
        });
        await this.#options.target.quarantine(exchanges[0]!, describe(error));
        batch.refused.add(exchanges[0]!);
        return this.#shipSplitting(batch, [], rest);
      }
      const middle = exchanges.length >> 1;
      await this.#shipSplitting(batch, exchanges.slice(0, middle), { positions: [], alerts: [] });
      await this.#shipSplitting(batch, exchanges.slice(middle), rest);
    }
  }

  /** The batch is in the ledger: tell others, delete what nobody needs, forget dead streams. */
  async #finish(batch: Batch): Promise<void> {
    const charges = chargesByStream(batch);
    for (const [stream, position] of batch.positions) {
      const charged = charges.get(stream);
      if (charged !== undefined) this.#options.onShipped?.(stream.worker, stream.deadThrough !== undefined, charged);
      this.#deleteShipped(stream, position);
      if (batch.finished.has(stream)) await this.#close(stream);
    }
    this.#reportAdopted();
  }

  #deleteShipped(stream: Stream, shipped: JournalPlace): void {
    for (const file of this.#list()) {
      if (streamKey(file) !== streamKey(stream)) continue;
      if (file.sequence >= shipped.sequence || file.sequence > (stream.deadThrough ?? file.sequence)) continue;
      try {
        if (stream.damaged.has(file.path)) renameSync(file.path, `${file.path}.damaged`);
        else unlinkSync(file.path);
      } catch (error) {
        this.#undeletable.add(file.path);
        this.#options.log?.('a shipped journal segment cannot be deleted', { error: describe(error) });
      }
    }
  }

  async #close(stream: Stream): Promise<void> {
    const key = streamKey(stream);
    this.#streams.delete(key);
    this.#adopting.delete(stream);
    this.#positions?.delete(key);
    // A later process may go on under this name; then the position is still of use.
    const continued = this.#list().some(file => streamKey(file) === key);
    if (continued) this.#positions?.set(key, positionOf(stream));
    else {
      await this.#options.target.forget(stream).catch(error => {
        // A position without a journal costs one row; nothing reads it.
        this.#options.log?.('a shipped journal position stays', { error: describe(error) });
      });
    }
    const others = [...this.#streams.values()].some(each => each.worker === stream.worker && each.deadThrough);
    if (!others) this.#options.onSettled?.(stream.worker);
  }

  #reportAdopted(): void {
    if (this.#adopted || this.#adopting.size > 0) return;
    this.#adopted = true;
    this.#options.onAdopted?.();
  }
}

class JournalUnreadable extends Error {}

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

function chargesByStream(batch: Batch): Map<Stream, Map<string, bigint>> {
  const streams = new Map<Stream, Map<string, bigint>>();
  for (const { stream, exchange } of batch.exchanges) {
    if (batch.refused.has(exchange)) continue;
    const charge = leaseCharge(exchange);
    if (charge === 0n) continue;
    let charges = streams.get(stream);
    if (charges === undefined) streams.set(stream, (charges = new Map()));
    for (const { lease } of exchange.admit.hold.leases) charges.set(lease, (charges.get(lease) ?? 0n) + charge);
  }
  return streams;
}

function nextTurn(): Promise<void> {
  return new Promise(resolve => setImmediate(resolve));
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

function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.message || (error as { code?: string }).code || error.name;
}
