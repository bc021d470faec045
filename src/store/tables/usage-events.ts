import type { ColumnType, GeneratedAlways } from 'kysely';

/** Tables of migrations 0008, 0012 and 0020. int8 and numeric are bigint; json comes back parsed. */
export interface UsageEventTables {
  usage_event_key: UsageEventKeyTable;
  usage_event: UsageEventTable;
  usage_event_rating: UsageEventRatingTable;
  usage_event_conflict: UsageEventConflictTable;
  true_up: TrueUpTable;
  usage_month: UsageMonthTable;
}

type Immutable<T> = ColumnType<T, T, never>;

export interface UsageEventKeyTable {
  readonly ref: Immutable<string>;
  readonly source: Immutable<string>;
  readonly id: Immutable<string>;
  readonly digest: Immutable<Buffer>;
  readonly received_at: GeneratedAlways<Date>;
}

export interface UsageEventTable {
  readonly ref: Immutable<string>;
  readonly at: Immutable<Date>;
  readonly organisation: Immutable<string>;
  readonly project: Immutable<string>;
  readonly key: Immutable<string>;
  readonly provider: Immutable<string>;
  readonly product: Immutable<string>;
  readonly deployment: Immutable<string>;
  readonly meter: Immutable<string>;
  readonly revenue_class: Immutable<string>;
  readonly quantity: Immutable<bigint>;
  readonly holders: Immutable<bigint>;
  readonly mode: Immutable<'sync' | 'batch'>;
  readonly region: Immutable<string>;
  readonly event: Immutable<unknown>;
}

export interface UsageEventRatingTable {
  readonly ref: Immutable<string>;
  readonly number: Immutable<number>;
  readonly state: Immutable<'rated' | 'quarantined'>;
  readonly reason: Immutable<string | null>;
  readonly sell_atto: Immutable<bigint | null>;
  readonly sell_currency: Immutable<string | null>;
  readonly sell_version: Immutable<string | null>;
  readonly sell_lines: Immutable<unknown>;
  readonly buy_atto: Immutable<bigint | null>;
  readonly buy_currency: Immutable<string | null>;
  readonly buy_version: Immutable<string | null>;
  readonly buy_lines: Immutable<unknown>;
  readonly sell_month: Immutable<bigint | null>;
  readonly sell_units: Immutable<bigint | null>;
  readonly buy_month: Immutable<bigint | null>;
  readonly buy_units: Immutable<bigint | null>;
  readonly replaces: Immutable<number | null>;
  readonly run: Immutable<string | null>;
  readonly cause: Immutable<string | null>;
  readonly sell_shift_atto: Immutable<bigint>;
  readonly buy_shift_atto: Immutable<bigint>;
  readonly rated_at: GeneratedAlways<Date>;
}

export interface UsageEventConflictTable {
  readonly ref: Immutable<string>;
  readonly digest: Immutable<Buffer>;
  readonly event: Immutable<unknown>;
  readonly seen_at: GeneratedAlways<Date>;
}

export interface TrueUpTable {
  readonly ref: Immutable<string>;
  readonly exchange_id: Immutable<string>;
  readonly attempt: Immutable<number>;
  readonly at: Immutable<Date>;
  readonly provider: Immutable<string>;
  readonly origin: Immutable<string>;
  readonly before_atto: Immutable<bigint>;
  readonly figure_atto: Immutable<bigint>;
  readonly currency: Immutable<string>;
  readonly booked_at: GeneratedAlways<Date>;
}

export interface UsageMonthTable {
  readonly id: GeneratedAlways<bigint>;
  readonly book: Immutable<'sell' | 'buy'>;
  readonly subject: Immutable<string>;
  readonly priced: Immutable<string>;
  readonly meter: Immutable<string>;
  readonly place: Immutable<string>;
  readonly currency: Immutable<string>;
  readonly month: Immutable<string>;
  readonly version: Immutable<string>;
  readonly price: Immutable<unknown>;
  readonly quantity: bigint;
  readonly amount_atto: bigint;
  readonly replaced: boolean;
}
