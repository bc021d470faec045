import type { ColumnType, Generated } from 'kysely';

/** Tables of migration 0019. */
export interface VaultTables {
  sealing_key: SealingKeyTable;
  sealing_replica: SealingReplicaTable;
  webhook_endpoint: WebhookEndpointTable;
  webhook_delivery: WebhookDeliveryTable;
}

/** JSON goes in as text and comes back parsed. */
type Json = ColumnType<unknown, string, never>;

export interface SealingKeyTable {
  readonly id: string;
  readonly wrapped: string;
  readonly state: 'root' | 'active' | 'retiring';
  readonly created_at: Generated<Date>;
  readonly retired_at: Date | null;
}

export interface SealingReplicaTable {
  readonly replica: string;
  readonly master_key_fingerprint: string;
  readonly keyring_revision: bigint;
  readonly seen_at: Generated<Date>;
}

export interface WebhookEndpointTable {
  readonly id: string;
  readonly organisation: string | null;
  readonly url: string;
  readonly description: Generated<string>;
  readonly events: ColumnType<string[], string[], string[]>;
  readonly state: Generated<'active' | 'paused' | 'failed'>;
  readonly secret_sealed: string;
  readonly previous_sealed: string | null;
  readonly previous_until: Date | null;
  readonly failing_since: Date | null;
  readonly created_at: Generated<Date>;
  readonly updated_at: Generated<Date>;
}

export interface WebhookDeliveryTable {
  readonly number: Generated<bigint>;
  readonly id: string;
  readonly endpoint: string;
  readonly notice: string | null;
  readonly kind: string;
  readonly body: Json;
  readonly state: Generated<'waiting' | 'delivered' | 'failed' | 'given-up'>;
  readonly attempts: Generated<number>;
  readonly created_at: Generated<Date>;
  readonly due_at: Generated<Date | null>;
  readonly attempted_at: Date | null;
  readonly status: number | null;
  readonly error: string | null;
}
