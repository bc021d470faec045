import type { BookkeepingTables } from './tables/bookkeeping.ts';
import type { ControlTables } from './tables/control.ts';
import type { JobTables } from './tables/jobs.ts';
import type { LedgerTables } from './tables/ledger.ts';

/** Every table, as Kysely sees it. Each file of tables/ belongs to one group of migrations. */
export interface Tables extends LedgerTables, BookkeepingTables, ControlTables, JobTables {}
