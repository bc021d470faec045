import type { JournalFiles } from './journal-files.ts';

/** Group commit of one segment: however many wait, one fdatasync runs at a time, and the next one covers all that
 *  were written before it began. The first also makes the segment's name durable. */
export class SegmentSync {
  readonly #descriptor: number;
  readonly #directory: string;
  readonly #files: JournalFiles;
  #nameIsDurable = false;
  #next: PromiseWithResolvers<void> | undefined;
  #running: Promise<void> | undefined;
  #failure: unknown;

  constructor(options: { readonly descriptor: number; readonly directory: string; readonly files: JournalFiles }) {
    this.#descriptor = options.descriptor;
    this.#directory = options.directory;
    this.#files = options.files;
  }

  /** Resolves when everything written to the segment before this call is on the device. Once a sync has failed, all
   *  later ones fail too: the kernel may have dropped the pages and would answer the next sync with success. */
  request(): Promise<void> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    this.#next ??= Promise.withResolvers<void>();
    const { promise } = this.#next;
    this.#running ??= this.#run();
    return promise;
  }

  async #run(): Promise<void> {
    while (this.#next !== undefined) {
      const batch = this.#next;
      this.#next = undefined;
      try {
        if (this.#failure !== undefined) throw this.#failure;
        if (!this.#nameIsDurable) await this.#files.syncDirectory(this.#directory);
        this.#nameIsDurable = true;
        await this.#files.syncContents(this.#descriptor);
        batch.resolve();
      } catch (error) {
        this.#failure = error;
        batch.reject(error);
      }
    }
    this.#running = undefined;
  }
}
