import { endBytesMax } from './end-bound.ts';
import type { JournalFiles } from './journal-files.ts';

/** What one open exchange may still write: its largest `end`, and admit, attempts and progress before it. */
export const exchangeReserveBytes = endBytesMax + 8 * 1024;
/** Left free on the disk for everything else on it, such as the embedded database finishing its own work. */
export const freeBytesMin = 256 * 1024 * 1024;
/** How old a measurement of directory and disk may be. */
const measureEveryMs = 1_000;

/** Is there room to admit one more exchange, so that all open ones can still end?
 *
 *  Segments of all workers in the directory count, measured at most once a second and never waited for; what this
 *  worker wrote since is added at once. Other workers' last second is not seen, so the journal's own bound may be
 *  passed by what they write in that time; the disk's free space is the bound that protects. */
export class JournalRoom {
  readonly #directory: string;
  readonly #files: JournalFiles;
  readonly #bytesMax: number;
  readonly #monotonicMs: () => number;
  #segmentBytes = 0;
  #freeBytes = 0;
  #writtenSince = 0;
  #measuredAtMs = Number.NEGATIVE_INFINITY;
  #measuring: Promise<void> | undefined;

  constructor(options: {
    readonly directory: string;
    readonly files: JournalFiles;
    readonly bytesMax: number;
    readonly monotonicMs: () => number;
  }) {
    this.#directory = options.directory;
    this.#files = options.files;
    this.#bytesMax = options.bytesMax;
    this.#monotonicMs = options.monotonicMs;
  }

  wrote(bytes: number): void {
    this.#writtenSince += bytes;
  }

  fits(openExchanges: number): boolean {
    if (this.#monotonicMs() - this.#measuredAtMs >= measureEveryMs) void this.measure();
    const reserved = (openExchanges + 1) * exchangeReserveBytes;
    return (
      this.#segmentBytes + this.#writtenSince + reserved <= this.#bytesMax &&
      this.#freeBytes - this.#writtenSince - reserved >= freeBytesMin
    );
  }

  /** Looks at directory and disk now; one look at a time. When the look fails, the last one stays valid: a disk that
   *  cannot be asked is found out by the next write, which is handled exactly. */
  measure(): Promise<void> {
    this.#measuring ??= this.#look().finally(() => {
      this.#measuring = undefined;
    });
    return this.#measuring;
  }

  async #look(): Promise<void> {
    this.#measuredAtMs = this.#monotonicMs();
    const writtenBefore = this.#writtenSince;
    try {
      const [segmentBytes, freeBytes] = await Promise.all([
        this.#files.segmentBytes(this.#directory),
        this.#files.freeBytes(this.#directory),
      ]);
      this.#segmentBytes = segmentBytes;
      this.#freeBytes = freeBytes;
      // What was written during the look may be counted twice until the next one: too careful, never too little.
      this.#writtenSince -= writtenBefore;
    } catch {
      // See above.
    }
  }
}
