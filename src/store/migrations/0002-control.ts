import type { Migration } from '../migration.ts';

/** The stored configuration. Every change is one transaction that inserts the next revision; two changes made from the
 *  same revision meet at its primary key, and the second is told. Price versions are never updated or deleted: charges
 *  name them. */
export const migration0002: Migration = {
  number: 2,
  name: 'control',
  requires: 1,
  sql: `
create table installation (
  single boolean primary key default true check (single),
  -- Of the master key: another key could open nothing that is stored here.
  master_key_fingerprint text not null,
  created_at timestamptz not null default now()
);

create table configuration_revision (
  revision bigint primary key check (revision > 0),
  at timestamptz not null default now(),
  actor text not null,
  -- What changed, before and after; secrets in it are sealed.
  changes jsonb not null
);

create table configuration_resource (
  kind text collate "C" not null,
  id text collate "C" not null,
  document jsonb not null,
  revision bigint not null references configuration_revision (revision),
  primary key (kind, id)
);

create table price_version (
  id text collate "C" primary key,
  currency text not null check (currency ~ '^[A-Z]{3}$'),
  -- By deployment id, vendor/name or vendor/*: decimal strings of currency per 10⁶ units.
  rates jsonb not null,
  digest text not null,
  origin text not null,
  published_at timestamptz not null default now()
);

create table idempotent_answer (
  key text collate "C" primary key,
  -- Of the request: the same key with another request is refused.
  digest text not null,
  status int not null,
  -- Sealed under the master key: the answer to a created key holds its secret.
  body text not null,
  at timestamptz not null default now()
);
create index idempotent_answer_at on idempotent_answer (at);
`,
};
