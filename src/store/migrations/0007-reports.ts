import type { Migration } from '../migration.ts';

/** Jobs, and the roll-ups that reports are read from. */
export const migration0007: Migration = {
  number: 7,
  name: 'reports',
  requires: 1,
  sql: `
-- One row a job, kept by whoever runs it. Whether it runs now is told by its advisory lock, which ends with its session.
create table job (
  name text collate "C" primary key,
  due_at timestamptz not null,
  -- Runs that were begun since the last one that ended well.
  attempts int not null default 0 check (attempts >= 0),
  -- Of the newest run; ended_at is null while it runs, and stays null when it was cut off.
  started_at timestamptz,
  ended_at timestamptz,
  -- Which replica ran it last.
  runner text,
  -- Tells runs apart: only the newest may write how it ended.
  run uuid,
  progress json,
  outcome text check (outcome in ('done', 'failed')),
  -- What the last run that ended well said, and when.
  result json,
  done_at timestamptz,
  -- Why the last run that failed did.
  error text
) with (fillfactor = 70);
`,
};
