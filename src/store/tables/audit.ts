import type { ColumnType, Generated } from 'kysely';

/** Tables of migration 0016. */
export interface AuditTables {
  audit_event: AuditEventTable;
  notice: NoticeTable;
}

/** JSON goes in as text and comes back parsed. */
type Json = ColumnType<unknown, string, never>;

export interface AuditEventTable {
  readonly number: Generated<bigint>;
  readonly at: Generated<Date>;
  readonly actor: string;
  readonly organisation: string | null;
  readonly action: string;
  readonly target: string;
  readonly outcome: 'done' | 'asked' | 'refused';
  readonly before: Json | null;
  readonly after: Json | null;
  readonly request_id: string | null;
  readonly address: string | null;
}

export interface NoticeTable {
  readonly id: string;
  readonly at: Generated<Date>;
  readonly kind: string;
  readonly organisation: string | null;
  readonly body: Json;
  readonly told_at: Date | null;
}
