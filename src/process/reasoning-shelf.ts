/** How long what a model thought is kept for clients that do not send it back: longer than people let a tool run. */
export const shelfLifeMs = 3_600_000;
/** Of everything kept. */
export const shelfBytesMax = 64 * 1024 * 1024;
export const shelfEntriesMax = 65_536;
/** Of one answer; more is not kept. */
export const shelfEntryBytesMax = 1024 * 1024;

export interface ShelfOptions {
  readonly monotonicMs: () => number;
  readonly bytesMax?: number;
  readonly entriesMax?: number;
}

interface Entry {
  readonly callIds: readonly string[];
  readonly envelopes: readonly string[];
  readonly bytes: number;
  readonly expiresAtMs: number;
}

interface OrganisationShelf {
  readonly byCall: Map<string, Entry>;
  /** The oldest first. */
  readonly entries: Set<Entry>;
  bytes: number;
}

/** Envelopes of opaque reasoning state by organisation and tool call, in memory: they are encrypted already, and gone
 *  with the process. When it is full, who has most gives first, so that no organisation drives out another that keeps less. */
export class ReasoningShelf {
  readonly #options: ShelfOptions;
  readonly #organisations = new Map<string, OrganisationShelf>();
  #bytes = 0;
  #entries = 0;

  constructor(options: ShelfOptions) {
    this.#options = options;
  }

  get bytes(): number {
    return this.#bytes;
  }
  get entries(): number {
    return this.#entries;
  }

  put(organisation: string, callIds: readonly string[], envelopes: readonly string[]): void {
    const bytes = letters(callIds) + letters(envelopes);
    if (bytes > shelfEntryBytesMax || callIds.length === 0) return;
    const shelf = this.#shelf(organisation);
    for (const id of callIds) {
      const earlier = shelf.byCall.get(id);
      if (earlier !== undefined) this.#remove(organisation, shelf, earlier);
    }
    const entry = { callIds, envelopes, bytes, expiresAtMs: this.#options.monotonicMs() + shelfLifeMs };
    for (const id of callIds) shelf.byCall.set(id, entry);
    shelf.entries.add(entry);
    shelf.bytes += bytes;
    this.#bytes += bytes;
    this.#entries += 1;
    // A shelf that was emptied meanwhile was taken down.
    this.#organisations.set(organisation, shelf);
    this.#makeRoom();
  }

  get(organisation: string, callId: string): readonly string[] | undefined {
    const shelf = this.#organisations.get(organisation);
    const entry = shelf?.byCall.get(callId);
    if (shelf === undefined || entry === undefined) return undefined;
    if (entry.expiresAtMs > this.#options.monotonicMs()) return entry.envelopes;
    this.#remove(organisation, shelf, entry);
    return undefined;
  }

  /** Forgets what is past its time. */
  sweep(): void {
    const nowMs = this.#options.monotonicMs();
    for (const [organisation, shelf] of this.#organisations) {
      for (const entry of shelf.entries) {
        if (entry.expiresAtMs > nowMs) break;
        this.#remove(organisation, shelf, entry);
      }
    }
  }

  #makeRoom(): void {
    const { bytesMax = shelfBytesMax, entriesMax = shelfEntriesMax } = this.#options;
    while (this.#bytes > bytesMax || this.#entries > entriesMax) {
      let largest: readonly [string, OrganisationShelf] | undefined;
      for (const one of this.#organisations) {
        if (largest === undefined || weight(one[1]) > weight(largest[1])) largest = one;
      }
      const [organisation, shelf] = largest!; // Something is kept, or there would be room.
      const [oldest] = shelf.entries;
      this.#remove(organisation, shelf, oldest!);
    }
  }

  #shelf(organisation: string): OrganisationShelf {
    return this.#organisations.get(organisation) ?? { byCall: new Map(), entries: new Set(), bytes: 0 };
  }

  #remove(organisation: string, shelf: OrganisationShelf, entry: Entry): void {
    if (!shelf.entries.delete(entry)) return;
    for (const id of entry.callIds) if (shelf.byCall.get(id) === entry) shelf.byCall.delete(id);
    shelf.bytes -= entry.bytes;
    this.#bytes -= entry.bytes;
    this.#entries -= 1;
    if (shelf.entries.size === 0) this.#organisations.delete(organisation);
  }
}

/** What an organisation takes of both bounds. */
function weight(shelf: OrganisationShelf): number {
  return shelf.bytes / shelfBytesMax + shelf.entries.size / shelfEntriesMax;
}

function letters(texts: readonly string[]): number {
  let sum = 0;
  for (const text of texts) sum += text.length;
  return sum;
}
