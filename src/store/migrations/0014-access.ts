import type { Migration } from '../migration.ts';

/** People, service accounts, what roles they have where, and how they are logged in. Organisations, projects and provider
 *  accounts are named as the configuration names them; a trigger takes roles away with what they were for, so that whoever
 *  makes an organisation of an old name anew does not let its old members in. */
export const migration0014: Migration = {
  number: 14,
  name: 'access',
  requires: 1,
  sql: `
create table access_user (
  id text collate "C" primary key,
  email text collate "C" unique check (email = lower(email)),
  name text not null,
  state text not null default 'active' check (state in ('active', 'disabled')),
  password_hash text,
  password_at timestamptz,
  totp_sealed text,
  totp_step bigint not null default 0,
  issuer text collate "C",
  subject text collate "C",
  groups text[] not null default '{}',
  created_at timestamptz not null default now(),
  unique (issuer, subject),
  check ((issuer is null) = (subject is null))
);
create table access_recovery_code (
  user_id text collate "C" not null references access_user on delete cascade,
  digest text not null,
  primary key (user_id, digest)
);
create table access_service_account (
  id text collate "C" primary key,
  name text not null,
  organisation text collate "C",
  state text not null default 'active' check (state in ('active', 'disabled')),
  created_at timestamptz not null default now(),
  unique nulls not distinct (organisation, name)
);
create table access_token (
  id text collate "C" primary key,
  digest text not null unique,
  service_account text collate "C" not null references access_service_account on delete cascade,
  created_at timestamptz not null default now(),
  expires_at timestamptz not null,
  revoked_at timestamptz,
  used_at timestamptz
);
create index access_token_of_account on access_token (service_account);
create table access_membership (
  id text collate "C" primary key,
  user_id text collate "C" references access_user on delete cascade,
  service_account text collate "C" references access_service_account on delete cascade,
  role text not null,
  place text not null check (place in ('installation', 'organisation', 'provider')),
  organisation text collate "C",
  projects text[] check (cardinality(projects) > 0),
  providers text[] check (cardinality(providers) > 0),
  granted_by text not null,
  created_at timestamptz not null default now(),
  check (num_nonnulls(user_id, service_account) = 1),
  check ((place = 'organisation') = (organisation is not null)),
  check (projects is null or place = 'organisation'),
  check ((place = 'provider') = (providers is not null)),
  unique nulls not distinct (user_id, service_account, role, place, organisation, projects, providers)
);
create index access_membership_of_organisation on access_membership (organisation);
create index access_membership_of_account on access_membership (service_account);
create table access_invitation (
  id text collate "C" primary key,
  digest text not null unique,
  purpose text not null check (purpose in ('join', 'reset')),
  email text collate "C" not null check (email = lower(email)),
  role text,
  place text check (place in ('installation', 'organisation', 'provider')),
  organisation text collate "C",
  projects text[] check (cardinality(projects) > 0),
  providers text[] check (cardinality(providers) > 0),
  invited_by text not null,
  created_at timestamptz not null default now(),
  expires_at timestamptz not null,
  used_at timestamptz,
  revoked_at timestamptz,
  check ((purpose = 'join') = (role is not null and place is not null))
);
create index access_invitation_of_email on access_invitation (email);
create index access_invitation_of_organisation on access_invitation (organisation);
create table access_session (
  id text collate "C" primary key,
  digest text not null unique,
  user_id text collate "C" not null references access_user on delete cascade,
  way text not null check (way in ('password', 'oidc')),
  issuer text collate "C",
  groups text[] not null default '{}',
  address text not null,
  agent text not null,
  created_at timestamptz not null,
  used_at timestamptz not null,
  expires_at timestamptz not null,
  ended_at timestamptz
);
create index access_session_of_user on access_session (user_id);
create index access_session_by_expiry on access_session (expires_at);
create table access_throttle (
  subject text collate "C" not null,
  since timestamptz not null,
  failures int not null,
  primary key (subject, since)
);
create index access_throttle_by_time on access_throttle (since);
create table access_oidc_login (
  state text collate "C" primary key,
  browser text not null,
  nonce text not null,
  verifier text not null,
  return_to text not null,
  expires_at timestamptz not null
);
create index access_oidc_login_by_expiry on access_oidc_login (expires_at);

create function end_access_with_resource() returns trigger language plpgsql as $$
declare
  owner text := split_part(old.id, '/', 1);
  project text := split_part(old.id, '/', 2);
begin
  if old.kind = 'organisation' then
    delete from access_membership where organisation = old.id;
    delete from access_invitation where organisation = old.id;
    delete from access_service_account where organisation = old.id;
  elsif old.kind = 'project' then
    delete from access_membership where organisation = owner and projects = array[project];
    delete from access_invitation where organisation = owner and projects = array[project];
    delete from access_membership m where m.organisation = owner and project = any (m.projects) and exists (
      select from access_membership o
      where o.id <> m.id and o.user_id is not distinct from m.user_id
        and o.service_account is not distinct from m.service_account
        and o.role = m.role and o.organisation = m.organisation
        and o.projects = array_remove(m.projects, project));
    update access_membership set projects = array_remove(projects, project)
      where organisation = owner and project = any (projects);
    update access_invitation set projects = array_remove(projects, project)
      where organisation = owner and project = any (projects);
  elsif old.kind = 'provider' then
    delete from access_membership where providers = array[old.id];
    delete from access_invitation where providers = array[old.id];
    delete from access_membership m where old.id = any (m.providers) and exists (
      select from access_membership o
      where o.id <> m.id and o.user_id is not distinct from m.user_id
        and o.service_account is not distinct from m.service_account
        and o.role = m.role and o.providers = array_remove(m.providers, old.id));
    update access_membership set providers = array_remove(providers, old.id) where old.id = any (providers);
    update access_invitation set providers = array_remove(providers, old.id) where old.id = any (providers);
  end if;
  return null;
end $$;
create trigger configuration_resource_ends_access after delete on configuration_resource
  for each row execute function end_access_with_resource();
`,
};
