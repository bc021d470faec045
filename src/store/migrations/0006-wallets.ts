import type { Migration } from '../migration.ts';

/** Wallets: grants, what is left of them, what leases have set aside of them.
 *
 *  - wallet_grant is the fact; nothing of it ever changes. wallet_balance, wallet_hour and wallet.owed_atto are derived
 *    from transfers and kept up in the transactions that book them; rules of the ledger's check compare them.
 *  - wallet_reserve says of which grants a lease was made: what it is charged is paid by just those. So a grant is never
 *    promised twice, whatever the other leases may spend, and whenever they began. The row of a wallet is the lock under
 *    which money is promised or taken away; paying from what is promised needs it not.
 *  - Order of locks, everywhere: budget_window, lease, wallet, wallet_balance. */
export const migration0006: Migration = {
  number: 6,
  name: 'wallets',
  requires: 1,
  sql: `
create table wallet (
  id int generated always as identity primary key,
  organisation text collate "C" not null,
  currency text collate "C" not null check (currency ~ '^[A-Z]{3}$'),
  -- Charged to the line: overdraft or credit limit. Paid grants pay it back.
  owed_atto numeric(38,0) not null default 0 check (owed_atto >= 0),
  -- How often grants were made or ended: holds must hear of it.
  changes bigint not null default 0,
  unique (organisation, currency)
) with (fillfactor = 50);

create table wallet_grant (
  number bigint generated always as identity primary key,
  wallet int not null references wallet,
  organisation text collate "C" not null,
  -- Chosen by the caller; what it was chosen for is in the digest.
  id text collate "C" not null,
  digest bytea not null,
  kind text not null check (kind in ('paid', 'promotional', 'included')),
  amount_atto numeric(38,0) not null check (amount_atto > 0),
  -- Lower first.
  priority int not null,
  effective_at timestamptz(3) not null,
  -- Exclusive; null is never.
  expires_at timestamptz(3),
  -- Empty without a scope; else of the scope's content.
  scope_id text collate "C" not null,
  scope json,
  -- May holds be taken from it? Not where it pays for some meters only: nobody knows before what they will come to.
  holdable boolean not null,
  source text,
  created_at timestamptz not null default clock_timestamp(),
  unique (organisation, id),
  check (expires_at > effective_at),
  check ((scope is null) = (scope_id = ''))
);
create index wallet_grant_by_wallet on wallet_grant (wallet, number);
create trigger wallet_grant_is_immutable before update or delete on wallet_grant
  for each row execute function refuse_change('wallet_grant');

create table wallet_balance (
  grant_number bigint primary key references wallet_grant,
  wallet int not null references wallet,
  remaining_atto numeric(38,0) not null check (remaining_atto >= 0),
  -- null: open.
  ended text check (ended in ('used', 'voided', 'refunded', 'expired')),
  ended_at timestamptz,
  -- How often it ended: a correction may open it again.
  ends int not null default 0,
  check (ended is null or remaining_atto = 0)
) with (fillfactor = 50);
create index wallet_balance_open on wallet_balance (wallet) where ended is null;

create table wallet_reserve (
  -- A lease, or 'exchange:<id>' of one that waits in quarantine.
  holder text collate "C" not null,
  wallet int not null references wallet,
  -- 0 is the line.
  grant_number bigint not null,
  atto numeric(38,0) not null check (atto >= 0),
  primary key (holder, grant_number)
) with (fillfactor = 50);
create index wallet_reserve_by_wallet on wallet_reserve (wallet, grant_number);

-- What moved a grant, by the hour in which it was booked: statements are made of it. Grant 0 is the line.
create table wallet_hour (
  wallet int not null references wallet,
  hour timestamptz not null,
  grant_number bigint not null,
  kind text collate "C" not null
    check (kind in ('granted', 'used', 'repaid', 'voided', 'refunded', 'expired', 'corrected')),
  -- Above zero adds to what is left.
  amount_atto numeric(38,0) not null,
  count bigint not null,
  primary key (wallet, hour, grant_number, kind)
) with (fillfactor = 70);

-- Everything that ended before this instant is in the ledger, of the journal in one data directory.
create table journal_watermark (
  journal text collate "C" primary key,
  shipped_through timestamptz not null,
  seen_at timestamptz not null default now()
);

-- One round trip on the way of a request that waits. p_from and p_until bound the window: only what is in force throughout
-- counts; null is open. Gives no lease when there is less than p_need.
create function wallet_acquire(
  p_organisation text, p_currency text, p_scopes text[], p_line numeric,
  p_budget text, p_period text, p_from timestamptz, p_until timestamptz,
  p_need numeric, p_due numeric, p_want numeric, p_holder text, p_lease text,
  out lease_id text, out leased numeric
) language plpgsql as $$
declare
  v_wallet int;
  v_owed numeric;
  v_line numeric;
  v_free numeric;
  v_left numeric;
  v_part numeric;
  source record;
begin
  -- What bounds a wallet is what its grants have, not its window.
  insert into budget_window (budget, period, limit_atto, leased_atto, spent_atto)
    values (p_budget, p_period, 99999999999999999999999999999999999999, 0, 0) on conflict do nothing;
  perform from budget_window where budget = p_budget and period = p_period for update;
  select id into lease_id from lease
   where budget = p_budget and period = p_period and holder = p_holder and state = 'open' for update;
  select id, owed_atto into v_wallet, v_owed from wallet
   where organisation = p_organisation and currency = p_currency for update;
  if v_wallet is null then
    insert into wallet (organisation, currency) values (p_organisation, p_currency) on conflict do nothing;
    select id, owed_atto into v_wallet, v_owed from wallet
     where organisation = p_organisation and currency = p_currency for update;
  end if;

  select greatest(0, p_line - v_owed - coalesce(sum(atto), 0)) into v_line
    from wallet_reserve where wallet = v_wallet and grant_number = 0;
  select v_line + coalesce(sum(free), 0) into v_free
    from wallet_free(v_wallet, p_scopes, p_from, p_until);
  if v_free <= 0 or v_free < p_need then
    lease_id := null;
    return;
  end if;
  leased := least(v_free, greatest(p_need, p_due, least(p_want, div(v_free, 2))));
  if leased <= 0 then
    lease_id := null;
    leased := null;
    return;
  end if;

  update budget_window set leased_atto = leased_atto + leased where budget = p_budget and period = p_period;
  if lease_id is null then
    insert into lease (id, budget, period, holder, amount_atto) values (p_lease, p_budget, p_period, p_holder, leased)
      returning id into lease_id;
  else
    update lease set amount_atto = amount_atto + leased, renewed_at = now() where id = lease_id;
  end if;
  v_left := leased;
  for source in
    select number, free from wallet_free(v_wallet, p_scopes, p_from, p_until) where free > 0 order by place
  loop
    exit when v_left = 0;
    v_part := least(v_left, source.free);
    insert into wallet_reserve (holder, wallet, grant_number, atto) values (lease_id, v_wallet, source.number, v_part)
      on conflict (holder, grant_number) do update set atto = wallet_reserve.atto + excluded.atto;
    v_left := v_left - v_part;
  end loop;
  if v_left > 0 then
    insert into wallet_reserve (holder, wallet, grant_number, atto) values (lease_id, v_wallet, 0, v_left)
      on conflict (holder, grant_number) do update set atto = wallet_reserve.atto + excluded.atto;
  end if;
end
$$;

-- Open grants that holds may be taken from, what nobody holds of each, and their place in the order in which they are used.
-- p_scopes null: whatever their scope. p_from null: since ever; p_until null: for ever.
create function wallet_free(p_wallet int, p_scopes text[], p_from timestamptz, p_until timestamptz)
returns table (number bigint, free numeric, place bigint) language sql stable as $$
  select g.number, b.remaining_atto - coalesce(r.atto, 0),
         row_number() over (order by g.priority, g.expires_at, g.created_at, g.id)
    from wallet_balance b
    join wallet_grant g on g.number = b.grant_number
    left join (select grant_number, sum(atto) as atto from wallet_reserve where wallet = p_wallet group by 1) r
           on r.grant_number = g.number
   where b.wallet = p_wallet and b.ended is null and b.remaining_atto > 0 and g.holdable
     and (p_scopes is null or g.scope_id = '' or g.scope_id = any(p_scopes))
     and g.effective_at <= coalesce(p_from, '-infinity')
     and (g.expires_at is null or g.expires_at >= coalesce(p_until, 'infinity'))
$$;

-- What a lease gives back, or does not spend before it ends, is free again: of its grants the last to be used first.
create function release_wallet() returns trigger language plpgsql as $$
declare
  v_left numeric;
  v_part numeric;
  held record;
begin
  if new.state = 'closed' then
    delete from wallet_reserve where holder = new.id;
    return null;
  end if;
  v_left := old.amount_atto - new.amount_atto;
  for held in
    select r.grant_number, r.atto
      from wallet_reserve r left join wallet_grant g on g.number = r.grant_number
     where r.holder = new.id
     order by r.grant_number = 0 desc, g.priority desc, g.expires_at desc, g.created_at desc, g.id desc
       for update of r
  loop
    exit when v_left = 0;
    v_part := least(v_left, held.atto);
    if v_part = held.atto then
      delete from wallet_reserve where holder = new.id and grant_number = held.grant_number;
    else
      update wallet_reserve set atto = atto - v_part where holder = new.id and grant_number = held.grant_number;
    end if;
    v_left := v_left - v_part;
  end loop;
  return null;
end
$$;
create trigger lease_releases_wallet after update on lease
  for each row
  when (new.budget like 'wallet/%' and (new.amount_atto < old.amount_atto or (new.state = 'closed' and old.state <> 'closed')))
  execute function release_wallet();
`,
};
