import type { Fault } from '../completion/fault.ts';
import type { Dialect, PathFacts, RequestScan } from '../dialects/dialect.ts';
import { type ReadRequest, readRequest } from '../dialects/translate.ts';
import type { AttemptEnd, PreviousAttempt } from '../journal/record.ts';
import type { EstimatedRequest } from '../metering/estimates.ts';
import type { DecisionRecord } from '../routing/decision.ts';
import type { Deployment, Principal, ResolvedRoute, Snapshot } from '../snapshot/load.ts';
import type { Arrival } from './arrival.ts';
import type { CarrierHeaders } from './carrier-headers.ts';
import type { ClientAnswer } from './client-answer.ts';
import type { ExchangeMedia } from './exchange-media.ts';
import type { OnFailure } from './go-on.ts';
import type { Recalled } from './open-reasoning.ts';
import type { Showing } from './showing.ts';

/** A request that was understood and is allowed: what the rest of the walk reads. */
export interface Exchange {
  readonly arrival: Arrival;
  /** The client's dialect. */
  readonly dialect: Dialect;
  readonly carrier: CarrierHeaders;
  readonly snapshot: Snapshot;
  readonly principal: Principal;
  readonly body: Buffer;
  readonly scan: RequestScan;
  readonly route: ResolvedRoute;
  readonly client: ClientAnswer;
  /** Monotonic instant at which all of it must have ended. */
  readonly totalEndsAtMs: number;
  readonly decision: DecisionRecord;
  /** The deployments of its order. */
  readonly order: readonly Deployment[];
  /** Digests of the beginnings of the request; empty where no warm cache was asked for. */
  readonly prefixes: readonly string[];
  /** The request in the middle, where a candidate needs it translated; read at most once. */
  readonly translation: ReadRequest | undefined;
  /** Earlier reasoning that the client did not send back. */
  readonly recalled: Recalled;
  /** Attempts that are over, in the order in which they ended: the one that the client saw something of is the last. */
  readonly attempts: AttemptEnd[];
  /** Attempts that the journal knows of, those under way among them. */
  dispatched: number;
  /** Of attempts that are over: what the journal was not told yet, by the number it knows them by. */
  readonly untold: PreviousAttempt[];
  /** Spent waiting for room. */
  queuedMs: number;
  /** What follows when the answer breaks off after its first content. */
  readonly onFailure: OnFailure;
  /** What the client was shown of a streamed answer. */
  readonly showing: Showing;
  /** What is fetched for providers that need bytes; opened when it first is. */
  media: ExchangeMedia | undefined;
  /** The route that it took because a limit was reached; absent: its own. */
  readonly downgradedTo?: string | undefined;
  /** Where its caller stands with its limits now, as raw headers; absent when it has none. */
  readonly rateLimits?: (() => string[]) | undefined;
}

/** What is known of a request before candidates are chosen for it. */
export type Understood = Pick<
  Exchange,
  'arrival' | 'dialect' | 'carrier' | 'snapshot' | 'principal' | 'body' | 'scan' | 'client'
>;

/** The request as estimates see it. */
export function estimatedRequest({ body, scan }: Pick<Exchange, 'body' | 'scan'>): EstimatedRequest {
  const { images, documents, documentsUnsized, audioBytes, audioUnsized, bytesInBody } = scan.media;
  const mediaParts = images + documents + documentsUnsized + audioUnsized + (audioBytes > 0 ? 1 : 0);
  return { textBytes: body.length - bytesInBody, mediaParts };
}

/** Reads the request into the middle, or says why it cannot be carried to another dialect. */
export function readTranslation(dialect: Dialect, body: Buffer, named?: PathFacts): ReadRequest | Fault {
  try {
    return readRequest(dialect, body, named);
  } catch (error) {
    if (isFault(error)) return error;
    throw error;
  }
}

function isFault(error: unknown): error is Fault {
  return error instanceof Error && error.name === 'Fault';
}
