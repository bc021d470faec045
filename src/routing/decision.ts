/** Types of the decision: everything decide() may see, and the record of what it did. Integers and handles only. */

/** What the request asks of a deployment; nothing about who asks or who answers. */
export interface RequestFacts {
  /** Random id of the exchange; the draw is keyed by it. */
  readonly exchangeId: string;
  readonly dialect: string;
  readonly stream: boolean;
  /** Zones the request allows; undefined is anywhere. */
  readonly zones: readonly string[] | undefined;
  readonly inputTokensMax: number;
  readonly outputTokensMax: number | undefined;
  /** True when the request uses something that only its own dialect can carry. */
  readonly sameDialectOnly: boolean;
}

/** One candidate as routing sees it: a handle and numbers. */
export interface CandidateView {
  readonly handle: string;
  readonly weight: number;
  readonly priority: number;
  readonly zone: string;
  readonly dialects: readonly string[];
  readonly priced: boolean;
}

/** Observed health and load at one moment, by handle; integers. */
export interface Observations {
  readonly atMs: number;
  readonly cooldownUntilMs: ReadonlyMap<string, number>;
}

/** Seed of the epoch, hex; lots and the draw come from it. */
export interface Draw {
  readonly epoch: number;
  readonly seed: string;
}

/** Why a candidate is out. Policy reasons fail closed, health reasons fail open. */
export type ExclusionReason =
  | 'ZONE_NOT_ALLOWED'
  | 'ZONE_UNKNOWN'
  | 'PRICE_UNKNOWN'
  | 'DIALECT_UNSUPPORTED'
  | 'COOLING_DOWN';

/** Written in this key order; the same inputs give the same bytes. */
export interface DecisionRecord {
  readonly v: 1;
  readonly epoch: number;
  /** The epoch's seed, without which the lots and the order could not be drawn again. */
  readonly seed: string;
  readonly candidates: readonly {
    readonly h: string;
    readonly p: number;
    readonly w: number;
    readonly lot: string;
    readonly out?: readonly ExclusionReason[];
  }[];
  /** Were health filters ignored because they would have removed everything? */
  readonly panic: boolean;
  /** Handles in the order to try. */
  readonly order: readonly string[];
}
