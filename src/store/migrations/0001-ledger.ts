import type { Migration } from '../migration.ts';

/** Exchanges and what follows from them, the double entry, leases, roll-ups.
 *
 *  Everything that grows with traffic is partitioned on `at`, the instant the exchange was admitted: by day what retention
 *  drops, by month what is kept. exchange_key is not partitioned, because uniqueness over time-partitioned tables would
 *  let the same id in again at another instant. It is the gate of every shipment: whoever inserts an exchange's key
 *  inserts all its other rows in the same transaction, so those need no uniqueness of their own beyond their keys.
 *  Rows of exchange, attempt, charge, transfer and decision are never updated.
 *  `json`, not `jsonb`: a decision record must come back byte for byte. */
export const migration0001: Migration = {
  number: 1,
  name: 'ledger',
  requires: 1,
  sql: `
create table account (
  id int generated always as identity primary key,
  name text collate "C" not null unique,
  kind text not null check (kind in ('asset', 'liability', 'income', 'expense'))
);

create table exchange_key (
  id text collate "C" primary key,
  at timestamptz not null,
  -- Of what the journal says about the exchange: the same id with another digest is a conflict.
  digest bytea not null
);

-- Keys come in the order of time, so an index by blocks finds the oldest and costs nothing to keep.
create index exchange_key_by_time on exchange_key using brin (at);

create table exchange (
  at timestamptz not null,
  id text collate "C" not null,
  ended_at timestamptz not null,
  organisation text collate "C" not null,
  project text collate "C" not null,
  key text collate "C" not null,
  dialect text not null,
  requested_model text not null,
  served_model text,
  stream boolean not null,
  sandbox boolean not null,
  snapshot text not null,
  hold_atto numeric(38,0) not null check (hold_atto >= 0),
  hold_currency text not null,
  hold_leases json,
  tags json,
  status smallint not null,
  outcome text not null,
  state text not null check (state in ('settled', 'estimated', 'void', 'quarantined')),
  -- Number of the attempt whose answer the client got; null when none.
  delivered_attempt smallint,
  -- null: as the delivered attempt's.
  reading json,
  losses json,
  -- The part of the rated amount that was charged, and the part over the hold.
  sell_atto numeric(38,0) check (sell_atto >= 0),
  over_hold_atto numeric(38,0) check (over_hold_atto >= 0),
  sell_currency text,
  sell_version text,
  delivered_bytes bigint not null,
  request_bytes bigint not null,
  response_bytes bigint not null,
  first_byte_ms bigint,
  duration_ms bigint not null,
  primary key (at, id)
) partition by range (at);
create index exchange_by_project on exchange (project, at);

create table attempt (
  at timestamptz not null,
  exchange_id text collate "C" not null,
  attempt smallint not null,
  started_at timestamptz not null,
  deployment text not null,
  provider text not null,
  model text not null,
  target_model text not null,
  served_model text,
  dialect text not null,
  outcome text not null,
  upstream_status smallint,
  provider_request_id text,
  first_byte_ms bigint,
  duration_ms bigint not null,
  reading json not null,
  buy_atto numeric(38,0) check (buy_atto >= 0),
  buy_currency text,
  buy_version text,
  primary key (at, exchange_id, attempt)
) partition by range (at);

create table decision (
  at timestamptz not null,
  exchange_id text collate "C" not null,
  record json not null,
  primary key (at, exchange_id)
) partition by range (at);

create table charge (
  at timestamptz not null,
  exchange_id text collate "C" not null,
  book text not null check (book in ('buy', 'sell')),
  attempt smallint not null,
  -- The rated amount: the sum of its lines.
  amount_atto numeric(38,0) not null check (amount_atto >= 0),
  currency text not null,
  version text not null,
  lines json not null,
  primary key (at, exchange_id, book, attempt)
) partition by range (at);

-- Its id is (exchange_id, attempt, kind): derived, so that booking twice is booking once.
create table transfer (
  at timestamptz not null,
  exchange_id text collate "C" not null,
  attempt smallint not null,
  kind text collate "C" not null,
  -- No foreign keys: accounts are never deleted, and two look-ups a row would cost a tenth of shipping.
  debit int not null,
  credit int not null check (credit <> debit),
  amount_atto numeric(38,0) not null check (amount_atto > 0),
  currency text not null,
  primary key (at, exchange_id, attempt, kind)
) partition by range (at);

-- Derived, kept for ever; the only rows of usage that grow by update.
create table usage_hour (
  hour timestamptz not null,
  organisation text collate "C" not null,
  project text collate "C" not null,
  key text collate "C" not null,
  -- Empty for exchanges that were never sent anywhere.
  model text collate "C" not null,
  provider text collate "C" not null,
  deployment text collate "C" not null,
  sell_currency text collate "C" not null,
  buy_currency text collate "C" not null,
  sandbox boolean not null,
  requests bigint not null,
  attempts bigint not null,
  failures bigint not null,
  estimated bigint not null,
  quarantined bigint not null,
  input_uncached bigint not null,
  cache_read bigint not null,
  cache_write_5m bigint not null,
  cache_write_1h bigint not null,
  input_audio bigint not null,
  input_image bigint not null,
  output bigint not null,
  reasoning bigint not null,
  output_audio bigint not null,
  sell_atto numeric(38,0) not null,
  buy_atto numeric(38,0) not null,
  primary key (hour, organisation, project, key, model, provider, deployment, sell_currency, buy_currency, sandbox)
) partition by range (hour);

create table journal_position (
  -- The data directory the journal lies in.
  journal text collate "C" not null,
  generation bigint not null,
  worker int not null,
  sequence bigint not null,
  -- Everything below it is shipped; what lies above may be, too.
  position bigint not null,
  moved_at timestamptz not null default now(),
  primary key (journal, generation, worker)
);

create table budget_window (
  budget text collate "C" not null,
  -- First day of the budget's period, or 'total'.
  period text collate "C" not null,
  -- The largest limit that a grant was made under.
  limit_atto numeric(38,0) not null check (limit_atto >= 0),
  -- Sum of the amounts of open leases.
  leased_atto numeric(38,0) not null check (leased_atto >= 0),
  -- What closed leases spent; expired ones count whole.
  spent_atto numeric(38,0) not null check (spent_atto >= 0),
  primary key (budget, period),
  check (leased_atto + spent_atto <= limit_atto)
) with (fillfactor = 70);

create table lease (
  id text collate "C" primary key,
  budget text collate "C" not null,
  period text collate "C" not null,
  -- The supervisor generation that may spend it.
  holder text collate "C" not null,
  amount_atto numeric(38,0) not null check (amount_atto >= 0),
  spent_atto numeric(38,0) not null default 0 check (spent_atto >= 0),
  state text not null default 'open' check (state in ('open', 'expired', 'closed')),
  opened_at timestamptz not null default now(),
  renewed_at timestamptz not null default now(),
  closed_at timestamptz,
  check (spent_atto <= amount_atto),
  foreign key (budget, period) references budget_window
) with (fillfactor = 70);
create unique index lease_open on lease (budget, period, holder) where state = 'open';
create index lease_by_holder on lease (holder) where state <> 'closed';

create table alert (
  -- Derived from what it is about, so that raising twice is raising once.
  id text collate "C" primary key,
  at timestamptz not null default now(),
  code text not null,
  message text not null,
  exchange_id text collate "C",
  detail json
);
create index alert_by_time on alert (at);

-- Corrections are more rows. Retention drops partitions, which is neither an update nor a delete.
create function refuse_change() returns trigger language plpgsql as $$
begin
  raise exception 'rows of % are never changed; corrections are further rows', tg_argv[0]
    using errcode = 'object_not_in_prerequisite_state';
end
$$;
create trigger exchange_is_immutable before update or delete on exchange
  for each row execute function refuse_change('exchange');
create trigger attempt_is_immutable before update or delete on attempt
  for each row execute function refuse_change('attempt');
create trigger decision_is_immutable before update or delete on decision
  for each row execute function refuse_change('decision');
create trigger charge_is_immutable before update or delete on charge
  for each row execute function refuse_change('charge');
create trigger transfer_is_immutable before update or delete on transfer
  for each row execute function refuse_change('transfer');
create trigger exchange_key_is_immutable before update on exchange_key
  for each row execute function refuse_change('exchange_key');
`,
};
