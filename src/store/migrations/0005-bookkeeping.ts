import type { Migration } from '../migration.ts';

/** One ledger a currency, transfers that callers name, pending transfers, balances that are derived, corrections.
 *
 *  - An account belongs to one currency, and a transfer is refused when its accounts are of another, or when one of them
 *    is on the memo ledger and the other is not. The trigger looks at the pairs of accounts of a whole statement, so a
 *    batch of thousands pays for some hundred pairs. Accounts that an older release opens have no currency; they take any.
 *  - balance_delta is appended to by the same trigger, whoever inserts transfers, so a balance is always the fold of its
 *    transfers, and shipping updates no row that another replica wants. A job folds it into balance_day.
 *  - transfer_key is the gate for transfers that no exchange caused, as exchange_key is for exchanges: not partitioned. */
export const migration0005: Migration = {
  number: 5,
  name: 'bookkeeping',
  requires: 1,
  sql: `
alter table account add column currency text check (currency ~ '^[A-Z]{3}$');
alter table account drop constraint account_kind_check;
alter table account add constraint account_kind_check
  check (kind in ('asset', 'liability', 'income', 'expense', 'memo'));
alter table account drop constraint account_name_key;
create unique index account_by_name on account (name, coalesce(currency, ''));

-- What an account was used in is its currency. One that was used in several keeps none; each currency gets its own from now on.
update account
   set currency = used.currency
  from (select account, min(currency) as currency
          from (select distinct debit as account, currency from transfer
                union select distinct credit, currency from transfer) as side
         where currency ~ '^[A-Z]{3}$'
         group by account
        having count(*) = 1) as used
 where account.id = used.account;

create table transfer_key (
  -- Chosen by the caller; what it was chosen for is in the digest.
  id text collate "C" primary key,
  at timestamptz not null,
  digest bytea not null,
  -- The order itself, for people and for conflicts.
  content json not null,
  -- Booked whole or not at all.
  batch text collate "C",
  -- What it is about: a grant, an exchange, an invoice.
  reference text collate "C",
  booked_at timestamptz not null default now()
);
create index transfer_key_by_reference on transfer_key (reference) where reference is not null;
create trigger transfer_key_is_immutable before update or delete on transfer_key
  for each row execute function refuse_change('transfer_key');

-- The same id with other content: the first is booked, the other is kept here and books nothing.
create table transfer_conflict (
  id text collate "C" not null,
  digest bytea not null,
  first json not null,
  second json not null,
  seen_at timestamptz not null default now(),
  primary key (id, digest)
);

create table pending_transfer (
  id text collate "C" primary key,
  at timestamptz not null,
  kind text collate "C" not null,
  debit int not null,
  credit int not null check (credit <> debit),
  amount_atto numeric(38,0) not null check (amount_atto > 0),
  currency text not null,
  -- By the database's clock; null never expires.
  expires_at timestamptz
);
-- Which of them wait, and until when: derived, and the lock under which each is resolved once.
create table pending_open (
  id text collate "C" primary key references pending_transfer,
  expires_at timestamptz
);
create index pending_open_by_expiry on pending_open (expires_at);
create table pending_outcome (
  id text collate "C" primary key references pending_transfer,
  outcome text not null check (outcome in ('posted', 'voided', 'expired')),
  -- What was posted; zero otherwise. The rest of the pending amount is free again.
  amount_atto numeric(38,0) not null check (amount_atto >= 0),
  at timestamptz not null default now(),
  check ((outcome = 'posted') = (amount_atto > 0))
);
create trigger pending_transfer_is_immutable before update or delete on pending_transfer
  for each row execute function refuse_change('pending_transfer');
create trigger pending_outcome_is_immutable before update or delete on pending_outcome
  for each row execute function refuse_change('pending_outcome');

-- Derived. Numbers without a bound: what is added up may have more digits than any transfer.
create table balance_day (
  account int not null,
  currency text collate "C" not null,
  day date not null,
  debit_atto numeric not null,
  credit_atto numeric not null,
  debit_pending_atto numeric not null,
  credit_pending_atto numeric not null,
  transfers bigint not null,
  primary key (account, currency, day)
) with (fillfactor = 80);
create table balance_delta (
  account int not null,
  currency text collate "C" not null,
  day date not null,
  debit_atto numeric not null,
  credit_atto numeric not null,
  debit_pending_atto numeric not null,
  credit_pending_atto numeric not null,
  transfers bigint not null
);
create index balance_delta_by_account on balance_delta (account, currency);

insert into balance_day
select account, currency, day, sum(debit), sum(credit), 0, 0, count(*)
  from (select debit as account, currency, (at at time zone 'UTC')::date as day, amount_atto as debit, 0 as credit from transfer
        union all
        select credit, currency, (at at time zone 'UTC')::date, 0, amount_atto from transfer) as side
 group by account, currency, day;

create function check_pairs(debits int[], credits int[], currencies text[]) returns void language plpgsql as $$
declare
  wrong record;
begin
  select d.name as debit, c.name as credit, pair.currency
    into wrong
    from unnest(debits, credits, currencies) as pair (debit, credit, currency)
    left join account d on d.id = pair.debit
    left join account c on c.id = pair.credit
   where d.id is null or c.id is null
      or coalesce(d.currency, pair.currency) <> pair.currency
      or coalesce(c.currency, pair.currency) <> pair.currency
      or (d.kind = 'memo') <> (c.kind = 'memo')
   limit 1;
  if not found then
    return;
  end if;
  -- Not of the classes that shipping takes for a fault of one exchange: waiting loses nothing, quarantining might.
  raise exception 'a transfer in % from % to % leaves its ledger',
    wrong.currency, coalesce(wrong.credit, 'no account'), coalesce(wrong.debit, 'no account')
    using errcode = 'object_not_in_prerequisite_state';
end
$$;

create function fold_transfers() returns trigger language plpgsql as $$
declare
  debits int[];
  credits int[];
  currencies text[];
begin
  with pair as materialized (
    select debit, credit, currency, (at at time zone 'UTC')::date as day, sum(amount_atto) as atto, count(*) as transfers
      from fresh
     group by 1, 2, 3, 4
  ), added as (
    insert into balance_delta
    select side.account, pair.currency, pair.day, sum(side.debit), sum(side.credit), 0, 0, sum(pair.transfers)
      from pair
     cross join lateral (values (pair.debit, pair.atto, 0), (pair.credit, 0, pair.atto)) as side (account, debit, credit)
     group by 1, 2, 3
  )
  select array_agg(debit), array_agg(credit), array_agg(currency) into debits, credits, currencies from pair;
  perform check_pairs(debits, credits, currencies);
  return null;
end
$$;
create trigger transfer_is_folded after insert on transfer
  referencing new table as fresh
  for each statement execute function fold_transfers();

create function fold_pending() returns trigger language plpgsql as $$
declare
  debits int[];
  credits int[];
  currencies text[];
begin
  select array_agg(debit), array_agg(credit), array_agg(currency) into debits, credits, currencies
    from (select distinct debit, credit, currency from fresh) as pair;
  perform check_pairs(debits, credits, currencies);
  insert into balance_delta
  select side.account, currency, (at at time zone 'UTC')::date, 0, 0, sum(side.debit), sum(side.credit), 0
    from fresh
   cross join lateral (values (fresh.debit, amount_atto, 0), (fresh.credit, 0, amount_atto)) as side (account, debit, credit)
   group by 1, 2, 3;
  return null;
end
$$;
create trigger pending_transfer_is_folded after insert on pending_transfer
  referencing new table as fresh
  for each statement execute function fold_pending();

create function release_pending() returns trigger language plpgsql as $$
begin
  insert into balance_delta
  select side.account, currency, (pending_transfer.at at time zone 'UTC')::date, 0, 0, -sum(side.debit), -sum(side.credit), 0
    from fresh join pending_transfer using (id)
   cross join lateral (values (debit, pending_transfer.amount_atto, 0), (credit, 0, pending_transfer.amount_atto))
         as side (account, debit, credit)
   group by 1, 2, 3;
  return null;
end
$$;
create trigger pending_outcome_is_released after insert on pending_outcome
  referencing new table as fresh
  for each statement execute function release_pending();

-- What became of an exchange after it was booked. The rows of the exchange stay as they are; its transfers are reversed
-- by further ones, and what holds now is the newest corrected_charge of each (book, attempt), else the charge.
create table correction (
  exchange_id text collate "C" not null,
  -- From 1, for each exchange.
  number int not null check (number > 0),
  -- The exchange's own instant.
  at timestamptz not null,
  kind text not null check (kind in ('rerate', 'true-up', 'resolve', 'void')),
  -- What it was a part of, named by whoever ordered it.
  run text collate "C" not null,
  reason text not null,
  -- What the exchange is from here on.
  state text not null check (state in ('settled', 'estimated', 'void', 'quarantined')),
  booked_at timestamptz not null default now(),
  primary key (exchange_id, number)
);
create index correction_by_time on correction (at, exchange_id);
create index correction_by_run on correction (run, exchange_id);

create table corrected_charge (
  at timestamptz not null,
  exchange_id text collate "C" not null,
  number int not null,
  book text not null check (book in ('buy', 'sell')),
  attempt smallint not null,
  -- The rated amount, the sum of its lines, and of a sell charge the part that the operator bears.
  amount_atto numeric(38,0) not null check (amount_atto >= 0),
  over_hold_atto numeric(38,0) not null check (over_hold_atto >= 0 and over_hold_atto <= amount_atto),
  currency text not null,
  version text not null,
  lines json not null,
  -- What the provider billed beside what was rated; below zero when it billed less.
  variance_atto numeric(38,0) not null default 0,
  -- null: as it was read before.
  reading json,
  -- What held before: what was charged or owed (without what was over the hold), and over the hold. null: nothing was.
  before_atto numeric(38,0),
  before_over_hold_atto numeric(38,0),
  before_currency text,
  before_version text,
  primary key (at, exchange_id, number, book, attempt)
) partition by range (at);
create trigger correction_is_immutable before update or delete on correction
  for each row execute function refuse_change('correction');
create trigger corrected_charge_is_immutable before update or delete on corrected_charge
  for each row execute function refuse_change('corrected_charge');

create index exchange_quarantined on exchange (at, id) where state = 'quarantined';

-- The last looks for what must never be, newest first for people.
create table ledger_check (
  id bigint generated always as identity primary key,
  scope text not null check (scope in ('recent', 'full')),
  since timestamptz,
  started_at timestamptz not null,
  finished_at timestamptz not null default now(),
  violations json not null
);
`,
};
