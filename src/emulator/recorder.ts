/** One request as it came and its answer as it went, byte for byte. */
export interface RecordedExchange {
  /** Counts from 1 in order of arrival; never reused. */
  readonly sequence: number;
  readonly receivedAt: string;
  readonly method: string;
  /** Path and query as received. */
  readonly path: string;
  readonly httpVersion: string;
  /** Names and values in turn, spelling and order as received. */
  readonly rawHeaders: readonly string[];
  readonly body: Buffer;
  /** The script that was applied; empty for none. */
  readonly script: string;
  readonly answer: RecordedAnswer;
}

export interface RecordedAnswer {
  /** 0 when the connection was broken before any response. */
  readonly status: number;
  readonly rawHeaders: readonly string[];
  /** What was written, without chunked framing. */
  readonly body: Buffer;
  /** open: still going on. complete: all of it was written. broken: the script broke it off.
   *  client-aborted: the client closed the connection first. */
  readonly outcome: 'open' | 'complete' | 'broken' | 'client-aborted';
}

export interface OpenRecord {
  began(status: number, rawHeaders: readonly string[]): void;
  wrote(bytes: Buffer): void;
  ended(outcome: 'complete' | 'broken' | 'client-aborted'): void;
}

export interface Recorder {
  open(request: Omit<RecordedExchange, 'sequence' | 'receivedAt' | 'answer'>): OpenRecord;
  list(): RecordedExchange[];
  clear(): void;
}

interface Entry {
  readonly request: Omit<RecordedExchange, 'answer'>;
  status: number;
  rawHeaders: readonly string[];
  written: Buffer[];
  outcome: RecordedAnswer['outcome'];
  bytes: number;
  kept: boolean;
}

/** Keeps the newest exchanges, within both bounds; the newest one is kept even when it alone is over the byte bound. */
export function createRecorder(bounds: { readonly exchangesMax: number; readonly bytesMax: number }): Recorder {
  let entries: Entry[] = [];
  let bytesKept = 0;
  let sequence = 0;

  function trim(): void {
    let dropped = 0;
    while (entries.length - dropped > 1) {
      if (entries.length - dropped <= bounds.exchangesMax && bytesKept <= bounds.bytesMax) break;
      const oldest = entries[dropped]!;
      oldest.kept = false;
      bytesKept -= oldest.bytes;
      dropped += 1;
    }
    if (dropped > 0) entries = entries.slice(dropped);
  }

  function open(request: Omit<RecordedExchange, 'sequence' | 'receivedAt' | 'answer'>): OpenRecord {
    sequence += 1;
    const bytes = request.body.length + request.path.length + request.rawHeaders.join('').length;
    const entry: Entry = {
      request: { ...request, sequence, receivedAt: new Date().toISOString() },
      status: 0,
      rawHeaders: [],
      written: [],
      outcome: 'open',
      bytes,
      kept: true,
    };
    entries.push(entry);
    bytesKept += bytes;
    trim();
    return {
      began(status, rawHeaders) {
        entry.status = status;
        entry.rawHeaders = rawHeaders;
      },
      wrote(piece) {
        if (!entry.kept) return;
        entry.written.push(piece);
        entry.bytes += piece.length;
        bytesKept += piece.length;
        trim();
      },
      ended(outcome) {
        if (entry.outcome === 'open') entry.outcome = outcome;
      },
    };
  }

  return {
    open,
    list: () => entries.map(readEntry),
    clear() {
      for (const entry of entries) entry.kept = false;
      entries = [];
      bytesKept = 0;
    },
  };
}

function readEntry(entry: Entry): RecordedExchange {
  const body = Buffer.concat(entry.written);
  return {
    ...entry.request,
    answer: { status: entry.status, rawHeaders: entry.rawHeaders, body, outcome: entry.outcome },
  };
}

/** Stands in when recording is off. */
export const forgetful: OpenRecord = { began() {}, wrote() {}, ended() {} };
