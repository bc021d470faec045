import type { Migration } from '../migration.ts';

/** Keys under which secrets are sealed, wrapped by the master key; webhooks and what is delivered to them. */
export const migration0019: Migration = {
  number: 19,
  name: 'vault',
  requires: 1,
  sql: `
create table sealing_key (
  -- \`root\`, or what sealed texts name their key by.
  id text collate "C" primary key check (id ~ '^[0-9a-z]{1,16}$'),
  -- Under the master key of installation.master_key_fingerprint.
  wrapped text not null,
  -- root: digests and other keys are derived of it, for ever. active: seals. retiring: only opens.
  state text not null check (state in ('root', 'active', 'retiring')),
  created_at timestamptz not null default now(),
  retired_at timestamptz,
  check ((state = 'retiring') = (retired_at is not null))
);
create unique index sealing_key_single on sealing_key (state) where state <> 'retiring';
alter table installation
  -- Another one whenever anything of sealing_key is.
  add column keyring_revision bigint not null default 0,
  add column master_key_changed_at timestamptz;

-- Which replicas run, and which master key they were started with.
create table sealing_replica (
  replica text collate "C" primary key,
  master_key_fingerprint text not null,
  keyring_revision bigint not null,
  seen_at timestamptz not null default now()
);

create table webhook_endpoint (
  id text collate "C" primary key,
  -- null: the installation's; it is told of every organisation, too.
  organisation text collate "C",
  url text not null,
  description text not null default '',
  -- Kinds of notices: \`key.rotated\`, \`key.*\` or \`*\`.
  events text[] not null check (cardinality(events) between 1 and 50),
  state text not null default 'active' check (state in ('active', 'paused', 'failed')),
  secret_sealed text not null,
  -- Signs, too, until then.
  previous_sealed text,
  previous_until timestamptz,
  -- Of the first attempt that failed since the last that did not.
  failing_since timestamptz,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  check ((previous_sealed is null) = (previous_until is null))
);
create index webhook_endpoint_of_organisation on webhook_endpoint (organisation, id);

create table webhook_delivery (
  number bigint generated always as identity primary key,
  -- The same for every attempt: receivers know by it what they have seen.
  id text collate "C" not null unique,
  endpoint text collate "C" not null references webhook_endpoint on delete cascade,
  -- null: a test.
  notice uuid,
  kind text collate "C" not null,
  body jsonb not null,
  state text not null default 'waiting' check (state in ('waiting', 'delivered', 'failed', 'given-up')),
  attempts int not null default 0,
  created_at timestamptz not null default now(),
  due_at timestamptz default now(),
  attempted_at timestamptz,
  status int,
  error text,
  unique (endpoint, notice),
  check ((state = 'waiting') = (due_at is not null))
);
create index webhook_delivery_due on webhook_delivery (due_at) where state = 'waiting';
create index webhook_delivery_of_endpoint on webhook_delivery (endpoint, number);
create index webhook_delivery_at on webhook_delivery (created_at);

-- null: nobody has looked yet for whom it is to be told.
alter table notice add column told_at timestamptz;
update notice set told_at = at;
create index notice_untold on notice (at) where told_at is null;

create function end_webhooks_with_resource() returns trigger language plpgsql as $$
begin
  if old.kind = 'organisation' then
    delete from webhook_endpoint where organisation = old.id;
  end if;
  return null;
end $$;
create trigger configuration_resource_ends_webhooks after delete on configuration_resource
  for each row execute function end_webhooks_with_resource();
`,
};
