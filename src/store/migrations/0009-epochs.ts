import type { Migration } from '../migration.ts';

/** Anchors of the chains of seeds that decisions are drawn with, committed before they are used. Never changed. */
export const migration0009: Migration = {
  number: 9,
  name: 'epochs',
  requires: 1,
  sql: `
create table epoch_chain (
  -- SHA-256 before the first seed of the day, hexadecimal.
  anchor text collate "C" primary key,
  replica text collate "C" not null,
  starts_at timestamptz not null,
  committed_at timestamptz not null default now()
);
create index epoch_chain_by_day on epoch_chain (starts_at);
create trigger epoch_chain_is_immutable before update or delete on epoch_chain
  for each row execute function refuse_change('epoch_chain');
`,
};
