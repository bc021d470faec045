import type { Migration } from '../migration.ts';

/** Limits of requests, tokens and requests at once, counted for all replicas. Rows of windows that are over are deleted. */
export const migration0015: Migration = {
  number: 15,
  name: 'limits',
  requires: 1,
  sql: `
create table rate_window (
  limit_id text collate "C" not null,
  starts_at timestamptz not null,
  ends_at timestamptz not null,
  -- Given out to replicas and not given back. Above the limit only by what was used while the database was away.
  taken bigint not null check (taken >= 0),
  -- The last answer.
  granted bigint not null,
  primary key (limit_id, starts_at)
);
create index rate_window_by_end on rate_window (ends_at);

create table concurrency_lease (
  limit_id text collate "C" not null,
  holder text collate "C" not null,
  permits bigint not null check (permits >= 0),
  renewed_at timestamptz not null,
  primary key (limit_id, holder)
);
create index concurrency_lease_by_holder on concurrency_lease (holder);

create table limit_replica (
  holder text collate "C" primary key,
  seen_at timestamptz not null
);

create table limit_count (
  limit_id text collate "C" not null,
  starts_at timestamptz not null,
  ends_at timestamptz not null,
  used bigint not null,
  refused bigint not null,
  would_refuse bigint not null,
  primary key (limit_id, starts_at)
);
create index limit_count_by_end on limit_count (ends_at);

create function rate_grant(free bigint, need bigint, due bigint, want bigint) returns bigint
  language sql immutable as $$
  select case when free <= 0 or free < need then 0
              else least(free, greatest(need, due, least(want, free / 2))) end
$$;

-- What a holder that is not heard of for 30 seconds has is free again. Its own row counts however old it is.
create function lease_concurrency(
  the_limit text, the_holder text, cap bigint, claim bigint, need bigint, due bigint, want bigint,
  out granted bigint, out remaining bigint
) language plpgsql as $$
declare
  held bigint;
begin
  perform pg_advisory_xact_lock(hashtextextended(the_limit, 15));
  select coalesce(sum(permits), 0) into held
    from concurrency_lease
    where limit_id = the_limit
      and (holder = the_holder or renewed_at > clock_timestamp() - interval '30 seconds');
  granted := rate_grant(cap - held - claim, need, due, want);
  remaining := cap - held - claim - granted;
  insert into concurrency_lease as lease (limit_id, holder, permits, renewed_at)
    values (the_limit, the_holder, claim + granted, clock_timestamp())
    on conflict (limit_id, holder) do update
      set permits = lease.permits + excluded.permits, renewed_at = excluded.renewed_at;
end $$;
`,
};
