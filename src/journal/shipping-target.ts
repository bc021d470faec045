import type { CompletedExchange, JournalPlace } from './assemble.ts';

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
