import type { Loss } from '../completion/loss.ts';
import type { DialectName } from '../completion/request.ts';
import type { Reading, UsageSlices } from '../completion/usage.ts';

/** What the journal holds. Money is decimal integer strings of atto-currency; instants are milliseconds since 1970.
 *  Every record of one exchange is in the journal of one worker, in this order: admit, attempt*, progress*, end. */
export type JournalRecord = AdmitRecord | AttemptRecord | ProgressRecord | EndRecord;

/** The exchange may cost something from here on; its hold is taken. */
export interface AdmitRecord {
  readonly type: 'admit';
  readonly id: string;
  readonly atMs: number;
  readonly organisation: string;
  readonly project: string;
  readonly key: string;
  readonly dialect: DialectName;
  readonly requestedModel: string;
  readonly stream: boolean;
  /** Hash of the snapshot the exchange was admitted under. */
  readonly snapshot: string;
  readonly hold: HoldRecord;
  readonly sandbox: boolean;
  readonly tags?: Readonly<Record<string, string>>;
}

export interface HoldRecord {
  /** Upper bound of the sell charge, in the currency of the sell book; "0" when no hard budget applies. */
  readonly amountAtto: string;
  readonly currency: string;
  /** The leases the hold was taken from, one for each hard budget. */
  readonly leases: readonly HeldLease[];
}

export interface HeldLease {
  readonly budget: string;
  /** Start of the budget's period, ISO 8601 date, or `total`; of a wallet from and until when its grants are the same. */
  readonly window: string;
  readonly lease: string;
  /** Ids of the deployments it is for: it is charged only when one of these answers. Absent: for all. */
  readonly deployments?: readonly string[];
}

/** Written immediately before the attempt's first byte goes to a socket. */
export interface AttemptRecord {
  readonly type: 'attempt';
  readonly id: string;
  /** From 1, in the order in which they began. */
  readonly attempt: number;
  readonly atMs: number;
  readonly deployment: string;
  readonly provider: string;
  readonly model: string;
  readonly targetModel: string;
  readonly dialect: DialectName;
  /** For orphans: what the input is estimated to be, by `estimateRule`. */
  readonly inputTokensEstimate: number;
  readonly estimateRule: string;
  /** Price versions by which an orphan would be charged, with the two rates that matter for it. */
  readonly sell: OrphanRates;
  readonly buy: OrphanRates;
  /** How the attempt before this one ended. Written again in `end`; here for exchanges that never get one. Absent in the
   *  first attempt, and in records of releases that did not know it. */
  readonly previous?: PreviousAttempt;
  /** Further ones that ended since the record before this one. */
  readonly earlier?: readonly PreviousAttempt[];
  /** The number of an attempt that was still under way: this one hedges it. */
  readonly beside?: number;
}

/** What is owed for it, and why. Without the provider's usage object: `end` has that. */
export type PreviousAttempt = Pick<AttemptEnd, 'attempt' | 'outcome' | 'durationMs' | 'reading'> &
  Partial<Pick<AttemptEnd, 'upstreamStatus' | 'buy'>>;

export interface OrphanRates {
  readonly version: string;
  readonly currency: string;
  /** Pico-currency per 10⁶ tokens, decimal integer strings. */
  readonly input: string;
  readonly output: string;
}

/** At the first content byte to the client, then every 256 kB or 10 s. */
export interface ProgressRecord {
  readonly type: 'progress';
  readonly id: string;
  readonly attempt: number;
  readonly atMs: number;
  /** UTF-8 bytes of content (text, arguments, reasoning) relayed so far. */
  readonly contentBytes: number;
  /** Output tokens estimated from them. */
  readonly outputTokensEstimate: number;
  /** The last usage the provider reported, if any. */
  readonly usage?: UsageSlices;
}

/** The exchange is over; nothing follows. */
export interface EndRecord {
  readonly type: 'end';
  readonly id: string;
  readonly atMs: number;
  /** HTTP status the client got, or would have. */
  readonly status: number;
  /** ok: the client has the whole answer. Otherwise the fault's code. */
  readonly outcome: string;
  readonly stream: boolean;
  readonly attempts: readonly AttemptEnd[];
  /** What the customer pays for: the delivered attempt's reading; absent when nothing is charged. In the journal it is
   *  absent, too, when it is just as in `attempts`. */
  readonly reading?: Reading | undefined;
  readonly sell?: SellCharge;
  /** settled: rated from the provider's usage. estimated: by rule. void: nothing charged. quarantined: cannot be rated. */
  readonly state: 'settled' | 'estimated' | 'void' | 'quarantined';
  readonly losses: readonly Loss[];
  readonly servedModel?: string;
  /** Content bytes delivered to the client. */
  readonly deliveredBytes: number;
  readonly requestBytes: number;
  readonly responseBytes: number;
  /** Milliseconds spent waiting for room at a deployment; absent: none. */
  readonly queuedMs?: number;
  /** Milliseconds from admission; absent when it never came. */
  readonly firstByteMs?: number;
  readonly durationMs: number;
  /** The decision record: routing/decision.ts. */
  readonly decision: unknown;
  /** What the journal left out because the record was over its bound (end-bound.ts); written by the journal only. */
  readonly trimmed?: readonly EndTrim[];
}

/** decision: it is null. raw: the provider's usage objects are absent. losses: only the first are there.
 *  texts: names that providers chose are cut. */
export type EndTrim = 'decision' | 'raw' | 'losses' | 'texts';

export interface AttemptEnd {
  /** From 1, in the order in which they ended: another one than in the record of its beginning where a request was sent to
   *  two deployments at once. The one that the client saw something of is the last. */
  readonly attempt: number;
  readonly deployment: string;
  readonly provider: string;
  readonly model: string;
  readonly targetModel: string;
  readonly servedModel?: string | undefined;
  readonly dialect: DialectName;
  /** `ok`, or a fault code. */
  readonly outcome: string;
  readonly upstreamStatus?: number;
  readonly providerRequestId?: string;
  readonly startedAtMs: number;
  readonly firstByteMs?: number;
  readonly durationMs: number;
  readonly reading: Reading;
  /** What the provider is owed for it; absent when nothing or unknown (quarantined). */
  readonly buy?: RatedAmount;
}

export interface RatedAmount {
  readonly amountAtto: string;
  readonly currency: string;
  readonly version: string;
  /** Lines by meter, decimal integer strings. */
  readonly lines: readonly ChargeLine[];
}

export interface ChargeLine {
  readonly meter: string;
  readonly quantity: number;
  /** Pico-currency per `per` units. */
  readonly ratePico: string;
  /** Absent: 10⁶, and amount = quantity × rate. Else amount = quantity × rate × 10⁶ ÷ per, rounded half to even to a
   *  whole atto: whoever checks lines divides once, as pricing/rate.ts does. */
  readonly per?: string;
  readonly amountAtto: string;
}

/** `amountAtto` is what was rated, the sum of its lines; the customer is charged `amountAtto` − `overHoldAtto`. */
export interface SellCharge extends RatedAmount {
  /** The part of the rated amount over the hold, booked to the operator and alerted; "0" when it fits. */
  readonly overHoldAtto: string;
}
