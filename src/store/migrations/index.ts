import type { Migration } from '../migration.ts';
import { migration0001 } from './0001-ledger.ts';
import { migration0002 } from './0002-control.ts';
import { migration0003 } from './0003-trimmed.ts';
import { migration0005 } from './0005-bookkeeping.ts';

/** In order; `number` is the place in this list. */
export const migrations: readonly Migration[] = [migration0001, migration0002, migration0003, migration0005];
