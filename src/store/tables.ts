import type { AccessTables } from './tables/access.ts';
import type { AuditTables } from './tables/audit.ts';
import type { BookkeepingTables } from './tables/bookkeeping.ts';
import type { ControlTables } from './tables/control.ts';
import type { JobTables } from './tables/jobs.ts';
import type { LedgerTables } from './tables/ledger.ts';
import type { LimitTables } from './tables/limits.ts';
import type { UsageEventTables } from './tables/usage-events.ts';
import type { VaultTables } from './tables/vault.ts';

/** Every table, as Kysely sees it. Each file of tables/ belongs to one group of migrations. */
export interface Tables
  extends LedgerTables,
    ControlTables,
    JobTables,
    UsageEventTables,
    BookkeepingTables,
    AuditTables,
    AccessTables,
    LimitTables,
    VaultTables {}
