/** Tables of migration 0015. */
export interface LimitTables {
  rate_window: RateWindowTable;
  concurrency_lease: ConcurrencyLeaseTable;
  limit_replica: LimitReplicaTable;
  limit_count: LimitCountTable;
}

export interface RateWindowTable {
  readonly limit_id: string;
  readonly starts_at: Date;
  readonly ends_at: Date;
  readonly taken: bigint;
  readonly granted: bigint;
}

export interface ConcurrencyLeaseTable {
  readonly limit_id: string;
  /** The supervisor generation: `<journal>:<generation>`. */
  readonly holder: string;
  readonly permits: bigint;
  readonly renewed_at: Date;
}

export interface LimitReplicaTable {
  readonly holder: string;
  readonly seen_at: Date;
}

export interface LimitCountTable {
  readonly limit_id: string;
  readonly starts_at: Date;
  readonly ends_at: Date;
  readonly used: bigint;
  readonly refused: bigint;
  readonly would_refuse: bigint;
}
