import type { ColumnType, Generated } from 'kysely';

/** Tables of migrations 0002 and 0004. */
export interface ControlTables {
  installation: InstallationTable;
  configuration_revision: ConfigurationRevisionTable;
  configuration_resource: ConfigurationResourceTable;
  price_version: PriceVersionTable;
  price_book: PriceBookTable;
  price_validity: PriceValidityTable;
  price_fact: PriceFactTable;
  idempotent_answer: IdempotentAnswerTable;
}

/** JSON goes in as text and comes back parsed. */
type Json = ColumnType<unknown, string, string>;

export interface InstallationTable {
  readonly single: Generated<boolean>;
  readonly master_key_fingerprint: string;
  readonly keyring_revision: Generated<bigint>;
  readonly master_key_changed_at: Date | null;
  readonly created_at: Generated<Date>;
}

export interface ConfigurationRevisionTable {
  readonly revision: bigint;
  readonly at: Generated<Date>;
  readonly actor: string;
  readonly changes: Json;
}

export interface ConfigurationResourceTable {
  readonly kind: string;
  readonly id: string;
  readonly document: Json;
  readonly revision: bigint;
}

export interface PriceVersionTable {
  readonly id: string;
  readonly currency: string;
  readonly rates: Json;
  readonly derived: Json | null;
  readonly digest: string;
  readonly origin: string;
  readonly published_at: Generated<Date>;
}

export interface PriceBookTable {
  readonly number: Generated<number>;
  readonly id: string;
}

export interface PriceValidityTable {
  readonly book: number;
  readonly version: string;
  /** A range: read by its bounds. */
  readonly valid: string;
}

export interface PriceFactTable {
  readonly provider: string;
  readonly model: string;
  readonly approved: Json | null;
  readonly held: Json | null;
  readonly reasons: Json | null;
  readonly source: string;
  readonly seen_at: Generated<Date>;
}

export interface IdempotentAnswerTable {
  readonly key: string;
  readonly digest: string;
  readonly status: number;
  readonly body: string;
  readonly at: Generated<Date>;
}
