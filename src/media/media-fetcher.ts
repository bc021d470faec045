import { type FetchedFile, type FetchSurroundings, fetchMedia } from './fetch-media.ts';
import { FetchRefusal, NoRoomForMedia } from './fetch-refusal.ts';

/** What is shared by all fetches of one worker: how many run, and how much memory their files take. */
export class MediaFetcher {
  readonly #surroundings: FetchSurroundings;
  #running = 0;
  #heldBytes = 0;

  constructor(surroundings: FetchSurroundings) {
    this.#surroundings = surroundings;
  }

  /** Bytes of fetched files that are in memory, as base64. */
  get heldBytes(): number {
    return this.#heldBytes;
  }
  get running(): number {
    return this.#running;
  }

  /** Opens the account of one request. Close it when its files are no longer needed. */
  open(bytesMax: number): MediaAccount {
    return new MediaAccount(bytesMax, bytes => this.#hold(bytes));
  }

  /** Throws FetchRefusal, NoRoomForMedia, or what the signal was aborted with. */
  async fetch(address: string, account: MediaAccount, signal: AbortSignal): Promise<FetchedFile> {
    if (this.#running >= fetchesMax) throw new NoRoomForMedia();
    this.#running += 1;
    try {
      return await fetchMedia(address, this.#surroundings, { signal, take: bytes => account.take(bytes) });
    } finally {
      this.#running -= 1;
    }
  }

  #hold(bytes: number): void {
    if (bytes > 0 && this.#heldBytes + bytes > heldBytesMax) throw new NoRoomForMedia();
    this.#heldBytes += bytes;
  }
}

/** Fetches of one worker at once. */
const fetchesMax = 64;
/** Of all fetched files in one worker. */
const heldBytesMax = 256 * 1024 * 1024;

/** The bytes that one request's files take. In base64 they take a third more. */
export class MediaAccount {
  readonly #bytesMax: number;
  readonly #hold: (bytes: number) => void;
  #bytes = 0;

  constructor(bytesMax: number, hold: (bytes: number) => void) {
    this.#bytesMax = bytesMax;
    this.#hold = hold;
  }

  take(fileBytes: number): void {
    const bytes = Math.ceil((fileBytes * 4) / 3);
    if (this.#bytes + bytes > this.#bytesMax)
      throw new FetchRefusal('the media of the request are together over the size of a body');
    this.#hold(bytes);
    this.#bytes += bytes;
  }

  close(): void {
    this.#hold(-this.#bytes);
    this.#bytes = 0;
  }
}
