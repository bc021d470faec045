import type { Migration } from '../migration.ts';

/** An exchange whose record was over the journal's bound says what was left out of it. */
export const migration0003: Migration = {
  number: 3,
  name: 'trimmed',
  requires: 1,
  sql: `
alter table exchange add column trimmed json;
`,
};
