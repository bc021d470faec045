import type { Migration } from '../migration.ts';

/** The audit log, by which tags usage is told apart, and notices for whoever is told of events by webhooks. What is written in the log stays: not even its owner's
 *  statements change or delete a row of the last year. */
export const migration0016: Migration = {
  number: 16,
  name: 'audit',
  requires: 1,
  sql: `
create table audit_event (
  number bigint generated always as identity primary key,
  at timestamptz not null default now(),
  -- admin-key, user:<id>, service-account:<id>, system:<what>; anonymous where nobody was known.
  actor text collate "C" not null,
  -- null: of the installation.
  organisation text collate "C",
  -- <resource>.<verb>, such as keys.rotate.
  action text collate "C" not null,
  -- <kind>:<id>
  target text collate "C" not null,
  -- done: committed with it. asked: about to be done, in a transaction of its own. refused: not done.
  outcome text not null check (outcome in ('done', 'asked', 'refused')),
  -- Secrets in them are replaced.
  before jsonb,
  after jsonb,
  request_id text collate "C",
  address text collate "C"
);
create index audit_event_organisation on audit_event (organisation, number);
create index audit_event_actor on audit_event (actor, number);
create index audit_event_target on audit_event (target, number);
create index audit_event_at on audit_event (at);

create function keep_audit_event() returns trigger language plpgsql as $$
begin
  if tg_op = 'TRUNCATE' then
    -- A restore replaces everything, this table included.
    if current_setting('carrier.restoring', true) = 'on' then return null; end if;
  elsif tg_op = 'DELETE' then
    if old.at < now() - interval '365 days' then return old; end if;
  end if;
  raise exception 'audit_event is append-only' using errcode = 'restrict_violation';
end
$$;
create trigger audit_event_is_kept before update or delete on audit_event
  for each row execute function keep_audit_event();
create trigger audit_event_is_not_emptied before truncate on audit_event
  for each statement execute function keep_audit_event();

create table if not exists notice (
  -- Chosen by who writes it, so that what is written twice is there once.
  id uuid primary key,
  at timestamptz not null default now(),
  kind text collate "C" not null,
  -- null: of the installation.
  organisation text collate "C",
  body jsonb not null
);
create index if not exists notice_at on notice (at, id);

-- Names of those of its tags by which its usage is told apart: what corrects it counts there, too.
alter table exchange add column usage_tags json;
`,
};
