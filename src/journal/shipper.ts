import { type CompletedExchange, chargedLeases, leaseCharge } from './assemble.ts';
import { type Batch, describe, JournalFollower, JournalUnreadable, readBytesMax, type Stream } from './follower.ts';
import { type ShippingBatch, ShippingRefused, type ShippingTarget } from './shipping-target.ts';

export {
  type JournalAlert,
  type ShippingBatch,
  ShippingRefused,
  type ShippingTarget,
  type StreamName,
  type StreamPosition,
} from './shipping-target.ts';

export interface ShipperOptions {
  readonly directory: string;
  readonly target: ShippingTarget;
  /** The policy for orphans at this moment. */
  readonly orphans: () => 'delivered' | 'free';
  readonly nowMs: () => number;
  /** What a worker's exchanges took from each lease, once it is in the ledger. `dead`: the process that wrote them is
   *  gone; a new one may have its number. `generation`: of the run that wrote them. */
  readonly onShipped?: (
    worker: number,
    dead: boolean,
    charged: ReadonlyMap<string, bigint>,
    generation: number,
  ) => void;
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

/** The journal is looked at so often, unless somebody says that it grew or a whole batch waits. A transaction costs some
 *  milliseconds whatever is in it, so what ends within this time shares one. */
const tickMs = 250;
const backoffMinMs = 100;
const backoffMaxMs = 5_000;

/** Moves the journal into the ledger: follows live segments, finishes dead ones, deletes what is shipped.
 *  At the start every segment is dead; later ones live until `markDead`. While the target fails no more is read than one
 *  batch ahead, and nothing is lost: the journal keeps it. */
export class Shipper {
  readonly #options: ShipperOptions;
  readonly #follower: JournalFollower;
  /** Kept until it is shipped, however often that fails. */
  #batch: Batch | undefined;
  #placed = false;
  #running: Promise<void> | undefined;
  #stopped = false;
  #wake: (() => void) | undefined;
  #nudged = false;
  #backoffMs = 0;
  #lastError: string | undefined;
  #shippedTotal = 0;
  #adopted = false;
  #lagBytes = 0;
  /** When the target began to fail. */
  #behindSinceMs: number | undefined;

  constructor(options: ShipperOptions) {
    this.#options = options;
    this.#follower = new JournalFollower({
      directory: options.directory,
      orphans: options.orphans,
      log: (message, details) => options.log?.(message, details),
    });
  }

  /** Begins shipping in the background. What lies in the directory now was written by dead processes. */
  start(): void {
    if (this.#running !== undefined) throw new Error('the shipper runs already');
    this.adopt();
    this.#running = this.#run();
  }

  /** For callers that step by hand instead of `start`. */
  adopt(): void {
    this.#follower.adopt();
  }

  /** The journal grew: look now. */
  nudge(): void {
    this.#nudged = true;
    this.#wake?.();
  }

  /** The process that wrote as this worker is reaped. Call it before another takes the number. */
  markDead(worker: number): void {
    if (this.#follower.markDead(worker)) this.nudge();
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
    const oldest = this.#batch?.exchanges[0] ?? this.#follower.gathered[0];
    // Before the target answers for the first time nothing is read, and the outage is what there is to tell.
    const sinceMs = oldest?.exchange.end.atMs ?? this.#behindSinceMs;
    return {
      state: this.#backoffMs > 0 ? 'backing-off' : oldest === undefined ? 'idle' : 'shipping',
      lagRecords: (this.#batch?.exchanges.length ?? 0) + this.#follower.gathered.length,
      lagBytes: this.#lagBytes + (this.#batch?.bytes ?? 0) + this.#follower.gatheredBytes,
      lagSeconds: sinceMs === undefined ? 0 : Math.max(0, (this.#options.nowMs() - sinceMs) / 1_000),
      openExchanges: this.#follower.openExchanges,
      shippedTotal: this.#shippedTotal,
      lastError: this.#lastError,
    };
  }

  /** Reads one batch and ships it. False when there was nothing to do. Throws only what is no failure of the target. */
  async step(): Promise<boolean> {
    let progressed = false;
    try {
      await this.#place();
      if (this.#batch === undefined) {
        progressed = await this.#read(() => true);
        this.#batch = this.#follower.closeBatch();
        this.#lagBytes = this.#follower.unreadBytes();
      }
      if (this.#batch === undefined) {
        this.#recovered();
        this.#reportAdopted();
        return progressed;
      }
      await this.#shipReadingAhead(this.#batch);
    } catch (error) {
      if (error instanceof JournalUnreadable) throw error;
      this.#backoffMs = Math.min(backoffMaxMs, Math.max(backoffMinMs, this.#backoffMs * 2));
      this.#lastError = describe(error);
      this.#behindSinceMs ??= this.#options.nowMs();
      this.#lagBytes = this.#follower.unreadBytes();
      this.#options.log?.('shipping waits for the database', { error: this.#lastError, retryInMs: this.#backoffMs });
      return true;
    }
    const shipped = this.#batch;
    this.#batch = undefined;
    this.#recovered();
    await this.#finish(shipped);
    return true;
  }

  #recovered(): void {
    this.#backoffMs = 0;
    this.#lastError = undefined;
    this.#behindSinceMs = undefined;
  }

  async #place(): Promise<void> {
    if (this.#placed) return;
    this.#follower.startAt(await this.#options.target.positions());
    this.#placed = true;
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
      await this.#read(() => !over);
    } catch (error) {
      unreadable = error;
    }
    await shipping;
    if (unreadable !== undefined) {
      this.#options.log?.('the journal cannot be read', { error: describe(unreadable) });
    }
  }

  /** Reads on in parts, so that others in this process get their turn, until the batch is full or little is left. A
   *  journal that grows is never read to its end: looking for one more record costs as much as for a thousand. False
   *  when nothing was new. */
  async #read(wanted: () => boolean): Promise<boolean> {
    let progressed = false;
    while (!this.#follower.isFull && wanted()) {
      const before = this.#follower.gatheredBytes;
      if (!this.#follower.fill(readBytesMax)) break;
      progressed = true;
      if (this.#follower.gatheredBytes - before < readBytesMax) break;
      await nextTurn();
    }
    return progressed;
  }

  async #run(): Promise<void> {
    while (!this.#stopped) {
      this.#nudged = false;
      const lookedAtMs = performance.now();
      try {
        await this.step();
      } catch (error) {
        // The disk, not the database. The records are still there; an operator sees it in the log and the lag.
        this.#lastError = describe(error);
        this.#backoffMs = backoffMaxMs;
        this.#options.log?.('the journal cannot be read', { error: this.#lastError });
      }
      if (this.#backoffMs > 0) await this.#sleep(this.#backoffMs);
      else if (!this.#nudged && !this.#follower.isFull)
        await this.#sleep(Math.max(1, lookedAtMs + tickMs - performance.now()));
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
      const dead = stream.deadThrough !== undefined;
      if (charged !== undefined) this.#options.onShipped?.(stream.worker, dead, charged, stream.generation);
      this.#follower.deleteShipped(stream, position);
      if (batch.finished.has(stream)) await this.#close(stream);
    }
    this.#reportAdopted();
  }

  async #close(stream: Stream): Promise<void> {
    const continued = this.#follower.close(stream);
    if (!continued) {
      await this.#options.target.forget(stream).catch(error => {
        // A position without a journal costs one row; nothing reads it.
        this.#options.log?.('a shipped journal position stays', { error: describe(error) });
      });
    }
    if (!this.#follower.hasDead(stream.worker)) this.#options.onSettled?.(stream.worker);
  }

  #reportAdopted(): void {
    if (this.#adopted || this.#follower.isAdopting) return;
    this.#adopted = true;
    this.#options.onAdopted?.();
  }
}

function chargesByStream(batch: Batch): Map<Stream, Map<string, bigint>> {
  const streams = new Map<Stream, Map<string, bigint>>();
  for (const { stream, exchange } of batch.exchanges) {
    if (batch.refused.has(exchange)) continue;
    const charge = leaseCharge(exchange);
    if (charge === 0n) continue;
    let charges = streams.get(stream);
    if (charges === undefined) streams.set(stream, (charges = new Map()));
    for (const { lease } of chargedLeases(exchange)) charges.set(lease, (charges.get(lease) ?? 0n) + charge);
  }
  return streams;
}

function nextTurn(): Promise<void> {
  return new Promise(resolve => setImmediate(resolve));
}
