import type { Migration } from '../migration.ts';
import { migration0001 } from './0001-ledger.ts';
import { migration0002 } from './0002-control.ts';
import { migration0003 } from './0003-trimmed.ts';
import { migration0004 } from './0004-prices.ts';
import { migration0005 } from './0005-bookkeeping.ts';
import { migration0006 } from './0006-wallets.ts';
import { migration0007 } from './0007-reports.ts';
import { migration0008 } from './0008-readings.ts';
import { migration0009 } from './0009-epochs.ts';
import { migration0010 } from './0010-deployment-names.ts';
import { migration0011 } from './0011-usage-parts.ts';
import { migration0012 } from './0012-usage-months.ts';
import { migration0014 } from './0014-access.ts';
import { migration0015 } from './0015-limits.ts';
import { migration0016 } from './0016-audit.ts';
import { migration0017 } from './0017-signing-keys.ts';
import { migration0018 } from './0018-key-sessions.ts';
import { migration0019 } from './0019-vault.ts';
import { migration0020 } from './0020-rerated-usage.ts';

/** In the order of their numbers. */
export const migrations: readonly Migration[] = [
  migration0001,
  migration0002,
  migration0003,
  migration0004,
  migration0005,
  migration0006,
  migration0007,
  migration0008,
  migration0009,
  migration0010,
  migration0011,
  migration0012,
  migration0014,
  migration0015,
  migration0016,
  migration0017,
  migration0018,
  migration0019,
  migration0020,
];
