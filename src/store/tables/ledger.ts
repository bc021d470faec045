import type { ColumnType, Generated, GeneratedAlways } from 'kysely';

/** Tables of migration 0001. int8 and numeric are bigint; json comes back parsed. */
export interface LedgerTables {
  account: AccountTable;
  exchange_key: ExchangeKeyTable;
  exchange: ExchangeTable;
  attempt: AttemptTable;
  decision: DecisionTable;
  charge: ChargeTable;
  transfer: TransferTable;
  journal_position: JournalPositionTable;
  budget_window: BudgetWindowTable;
  lease: LeaseTable;
  alert: AlertTable;
  schema_migration: SchemaMigrationTable;
}

/** Written only by shipping, with COPY; never updated. */
type Immutable<T> = ColumnType<T, never, never>;

export interface AccountTable {
  readonly id: GeneratedAlways<number>;
  readonly name: string;
  readonly kind: 'asset' | 'liability' | 'income' | 'expense' | 'memo';
  /** null: opened before accounts had currencies, or by an older release; it takes any. */
  readonly currency: string | null;
}

export interface ExchangeKeyTable {
  readonly id: Immutable<string>;
  readonly at: Immutable<Date>;
  readonly digest: Immutable<Buffer>;
}

export interface ExchangeTable {
  readonly at: Immutable<Date>;
  readonly id: Immutable<string>;
  readonly ended_at: Immutable<Date>;
  readonly organisation: Immutable<string>;
  readonly project: Immutable<string>;
  readonly key: Immutable<string>;
  readonly dialect: Immutable<string>;
  readonly requested_model: Immutable<string>;
  readonly served_model: Immutable<string | null>;
  readonly stream: Immutable<boolean>;
  readonly sandbox: Immutable<boolean>;
  readonly snapshot: Immutable<string>;
  readonly hold_atto: Immutable<bigint>;
  readonly hold_currency: Immutable<string>;
  readonly hold_leases: Immutable<unknown>;
  readonly tags: Immutable<unknown>;
  readonly usage_tags: Immutable<unknown>;
  readonly status: Immutable<number>;
  readonly outcome: Immutable<string>;
  readonly state: Immutable<'settled' | 'estimated' | 'void' | 'quarantined'>;
  readonly delivered_attempt: Immutable<number | null>;
  readonly reading: Immutable<unknown>;
  readonly losses: Immutable<unknown>;
  readonly sell_atto: Immutable<bigint | null>;
  readonly over_hold_atto: Immutable<bigint | null>;
  readonly sell_currency: Immutable<string | null>;
  readonly sell_version: Immutable<string | null>;
  readonly delivered_bytes: Immutable<bigint>;
  readonly request_bytes: Immutable<bigint>;
  readonly response_bytes: Immutable<bigint>;
  readonly first_byte_ms: Immutable<bigint | null>;
  readonly duration_ms: Immutable<bigint>;
  /** What the journal left out: names of journal/record.ts EndTrim; null when nothing. */
  readonly trimmed: Immutable<unknown>;
  readonly queued_ms: Immutable<number | null>;
}

export interface AttemptTable {
  readonly at: Immutable<Date>;
  readonly exchange_id: Immutable<string>;
  readonly attempt: Immutable<number>;
  readonly started_at: Immutable<Date>;
  readonly deployment: Immutable<string>;
  readonly provider: Immutable<string>;
  readonly model: Immutable<string>;
  readonly target_model: Immutable<string>;
  readonly served_model: Immutable<string | null>;
  readonly dialect: Immutable<string>;
  readonly outcome: Immutable<string>;
  readonly upstream_status: Immutable<number | null>;
  readonly provider_request_id: Immutable<string | null>;
  readonly first_byte_ms: Immutable<bigint | null>;
  readonly duration_ms: Immutable<bigint>;
  readonly reading: Immutable<unknown>;
  readonly buy_atto: Immutable<bigint | null>;
  readonly buy_currency: Immutable<string | null>;
  readonly buy_version: Immutable<string | null>;
}

export interface DecisionTable {
  readonly at: Immutable<Date>;
  readonly exchange_id: Immutable<string>;
  readonly record: Immutable<unknown>;
}

export interface ChargeTable {
  readonly at: Immutable<Date>;
  readonly exchange_id: Immutable<string>;
  readonly book: Immutable<'buy' | 'sell'>;
  readonly attempt: Immutable<number>;
  readonly amount_atto: Immutable<bigint>;
  readonly currency: Immutable<string>;
  readonly version: Immutable<string>;
  readonly lines: Immutable<unknown>;
}

export interface TransferTable {
  readonly at: Immutable<Date>;
  readonly exchange_id: Immutable<string>;
  readonly attempt: Immutable<number>;
  readonly kind: Immutable<string>;
  readonly debit: Immutable<number>;
  readonly credit: Immutable<number>;
  readonly amount_atto: Immutable<bigint>;
  readonly currency: Immutable<string>;
}

export interface JournalPositionTable {
  readonly journal: string;
  readonly generation: bigint;
  readonly worker: number;
  readonly sequence: bigint;
  readonly position: bigint;
  readonly moved_at: Generated<Date>;
}

export interface BudgetWindowTable {
  readonly budget: string;
  readonly period: string;
  readonly limit_atto: bigint;
  readonly leased_atto: bigint;
  readonly spent_atto: bigint;
}

export interface LeaseTable {
  readonly id: string;
  readonly budget: string;
  readonly period: string;
  readonly holder: string;
  readonly amount_atto: bigint;
  readonly spent_atto: Generated<bigint>;
  readonly state: Generated<'open' | 'expired' | 'closed'>;
  readonly opened_at: Generated<Date>;
  readonly renewed_at: Generated<Date>;
  readonly closed_at: Date | null;
}

export interface AlertTable {
  readonly id: string;
  readonly at: Generated<Date>;
  readonly code: string;
  readonly message: string;
  readonly exchange_id: string | null;
  readonly detail: unknown;
}

export interface SchemaMigrationTable {
  readonly number: number;
  readonly name: string;
  readonly requires: number;
  readonly checksum: string;
  readonly applied_at: Generated<Date>;
}
