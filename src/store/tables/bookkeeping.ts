import type { ColumnType, GeneratedAlways } from 'kysely';

/** Tables of migration 0005. */
export interface BookkeepingTables {
  transfer_key: TransferKeyTable;
  transfer_conflict: TransferConflictTable;
  correction: CorrectionTable;
  corrected_charge: CorrectedChargeTable;
  ledger_check: LedgerCheckTable;
}

/** Written once, never updated. */
type Immutable<T> = ColumnType<T, never, never>;

export interface TransferKeyTable {
  readonly id: Immutable<string>;
  readonly at: Immutable<Date>;
  readonly digest: Immutable<Buffer>;
  readonly content: Immutable<unknown>;
  readonly batch: Immutable<string | null>;
  readonly reference: Immutable<string | null>;
  readonly booked_at: Immutable<Date>;
}

export interface TransferConflictTable {
  readonly id: Immutable<string>;
  readonly digest: Immutable<Buffer>;
  readonly first: Immutable<unknown>;
  readonly second: Immutable<unknown>;
  readonly seen_at: Immutable<Date>;
}

export interface CorrectionTable {
  readonly exchange_id: Immutable<string>;
  readonly number: Immutable<number>;
  readonly at: Immutable<Date>;
  readonly kind: Immutable<'rerate' | 'true-up' | 'resolve' | 'void'>;
  readonly run: Immutable<string>;
  readonly reason: Immutable<string>;
  readonly state: Immutable<'settled' | 'estimated' | 'void' | 'quarantined'>;
  readonly booked_at: Immutable<Date>;
}

export interface CorrectedChargeTable {
  readonly at: Immutable<Date>;
  readonly exchange_id: Immutable<string>;
  readonly number: Immutable<number>;
  readonly book: Immutable<'buy' | 'sell'>;
  readonly attempt: Immutable<number>;
  readonly amount_atto: Immutable<bigint>;
  readonly over_hold_atto: Immutable<bigint>;
  readonly currency: Immutable<string>;
  readonly version: Immutable<string>;
  readonly lines: Immutable<unknown>;
  readonly variance_atto: Immutable<bigint>;
  readonly reading: Immutable<unknown>;
  readonly before_atto: Immutable<bigint | null>;
  readonly before_over_hold_atto: Immutable<bigint | null>;
  readonly before_currency: Immutable<string | null>;
  readonly before_version: Immutable<string | null>;
}

export interface LedgerCheckTable {
  readonly id: GeneratedAlways<bigint>;
  readonly scope: 'recent' | 'full';
  readonly since: Date | null;
  readonly started_at: Date;
  readonly finished_at: Date;
  readonly violations: unknown;
}
