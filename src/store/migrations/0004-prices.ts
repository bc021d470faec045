import type { Migration } from '../migration.ts';

/** When each price version holds, in which book. A book has one version at any instant: ranges that overlap are refused by
 *  the database. What has begun stays: only its end may be set, and not to an instant that has passed. */
export const migration0004: Migration = {
  number: 4,
  name: 'prices',
  requires: 1,
  sql: `
-- What was folded from another book: rates that a contract's discount or a markup made, in the order they are asked.
alter table price_version add column derived jsonb;
create trigger price_version_is_immutable before update or delete on price_version
  for each row execute function refuse_change('price_version');

create table price_book (
  number int generated always as identity primary key,
  -- sell, buy, contract:<organisation>, facts
  id text collate "C" not null unique
);

create table price_validity (
  book int not null references price_book (number),
  version text collate "C" not null references price_version (id),
  -- Half open; without a lower bound: ever.
  valid tstzrange not null check (not isempty(valid) and (lower_inc(valid) or lower_inf(valid)) and not upper_inc(valid)),
  exclude using gist (int4range(book, book, '[]') with &&, valid with &&)
);

-- The clock is that of the replica that publishes, where it says so, for it dates what it publishes by it; clocks of
-- replicas differ by so much at most.
create function refuse_past_prices() returns trigger language plpgsql as $$
declare
  settled timestamptz :=
    coalesce(nullif(current_setting('carrier.now', true), '')::timestamptz, now()) - interval '5 minutes';
begin
  if tg_op = 'DELETE' then
    if lower_inf(old.valid) or lower(old.valid) < settled then
      raise exception 'prices that were in force are never removed; correct charges by re-rating'
        using errcode = 'object_not_in_prerequisite_state';
    end if;
    return old;
  end if;
  if new.book <> old.book or new.version <> old.version or lower(new.valid) is distinct from lower(old.valid)
    or upper(old.valid) < settled or upper(new.valid) < settled then
    raise exception 'past prices are never changed; correct charges by re-rating'
      using errcode = 'object_not_in_prerequisite_state';
  end if;
  return new;
end
$$;
create trigger past_prices_stay before update or delete on price_validity
  for each row execute function refuse_past_prices();

insert into price_book (id) select id from configuration_resource where kind = 'book' order by id;
insert into price_book (id)
  select 'facts' from configuration_resource
   where kind = 'rule' and id = 'publish-facts-when-unconfigured' and document ->> 'version' is not null;
insert into price_validity (book, version, valid)
  select price_book.number, document ->> 'version', tstzrange(date_trunc('milliseconds', configuration_revision.at), null)
    from configuration_resource as resource
    join configuration_revision using (revision)
    join price_book on price_book.id = case resource.kind when 'book' then resource.id else 'facts' end
   where (resource.kind = 'book' or (resource.kind = 'rule' and resource.id = 'publish-facts-when-unconfigured'
          and document ->> 'state' = 'active'))
     and exists (select from price_version where price_version.id = document ->> 'version');

-- What public sources say of prices. Facts never bill: versions do.
create table price_fact (
  provider text collate "C" not null,
  model text collate "C" not null,
  -- Dated rates in decimals, as they were approved; null while none are.
  approved jsonb,
  -- What the source says by now, where it was not let through, with the reasons.
  held jsonb,
  reasons jsonb,
  source text not null,
  seen_at timestamptz not null default now(),
  primary key (provider, model),
  check (approved is not null or held is not null),
  check ((held is null) = (reasons is null))
);
`,
};
