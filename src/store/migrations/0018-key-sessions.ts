import type { Migration } from '../migration.ts';

/** Logins of pages with the admin key. They have no user, and end when the key is another one. */
export const migration0018: Migration = {
  number: 18,
  name: 'key-sessions',
  requires: 1,
  sql: `
create table access_key_session (
  id text collate "C" primary key,
  digest text not null unique,
  -- HMAC of the admin key that began it.
  key_digest text not null,
  address text not null,
  agent text not null,
  created_at timestamptz not null,
  used_at timestamptz not null,
  expires_at timestamptz not null,
  ended_at timestamptz
);
create index access_key_session_by_expiry on access_key_session (expires_at);
`,
};
