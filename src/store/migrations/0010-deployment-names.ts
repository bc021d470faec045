import type { Migration } from '../migration.ts';

/** What each handle was called, and since when: decisions know handles only, and people ask about them after renames. */
export const migration0010: Migration = {
  number: 10,
  name: 'deployment-names',
  requires: 1,
  sql: `
create table deployment_name (
  handle text collate "C" not null,
  since timestamptz not null,
  name text collate "C" not null,
  primary key (handle, since)
);
insert into deployment_name (handle, since, name)
  select document ->> 'handle', '-infinity', id from configuration_resource where kind = 'deployment';
create function note_deployment_name() returns trigger language plpgsql as $$
begin
  if new.kind = 'deployment' and new.document ->> 'handle' is not null then
    insert into deployment_name (handle, since, name)
      select new.document ->> 'handle', now(), new.id
      where new.id is distinct from (
        select name from deployment_name
        where handle = new.document ->> 'handle'
        order by since desc
        limit 1)
      on conflict (handle, since) do update set name = excluded.name;
  end if;
  return null;
end $$;
create trigger configuration_resource_names_deployments after insert or update on configuration_resource
  for each row execute function note_deployment_name();
`,
};
