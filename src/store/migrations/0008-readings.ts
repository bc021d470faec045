import type { Migration } from '../migration.ts';

/** Usage that is not an exchange; what became known later of an attempt's cost.
 *
 *  usage_event_key is the gate, as exchange_key is for exchanges: whoever inserts an event's key inserts its other rows in
 *  the same transaction. Events are far fewer than exchanges, and none is dropped: nothing here is partitioned. */
export const migration0008: Migration = {
  number: 8,
  name: 'readings',
  requires: 1,
  sql: `
create table usage_event_key (
  -- Derived from source and id, which together name an event.
  ref text collate "C" primary key,
  source text collate "C" not null,
  id text collate "C" not null,
  -- Of what the event says: the same name with another digest is a conflict.
  digest bytea not null,
  received_at timestamptz not null default now()
);

create table usage_event (
  ref text collate "C" primary key references usage_event_key,
  -- When it was used: it chooses the price.
  at timestamptz not null,
  organisation text collate "C" not null,
  -- Empty when it was the organisation's as a whole.
  project text collate "C" not null,
  key text collate "C" not null,
  provider text collate "C" not null,
  -- What is priced: vendor/name.
  product text collate "C" not null,
  deployment text collate "C" not null,
  meter text collate "C" not null,
  revenue_class text collate "C" not null,
  quantity bigint not null check (quantity >= 0),
  -- Chips, units or seats that were used at once; a rate's minimum is of each.
  holders bigint not null check (holders > 0),
  mode text collate "C" not null check (mode in ('sync', 'batch')),
  region text collate "C" not null,
  -- The whole event as it came, for people.
  event json not null
);
create index usage_event_by_time on usage_event (at, ref);
create index usage_event_by_organisation on usage_event (organisation, at, ref);

-- What it is worth: the newest number counts. From 1, for each event.
create table usage_event_rating (
  ref text collate "C" not null references usage_event_key,
  number int not null check (number > 0),
  state text not null check (state in ('rated', 'quarantined')),
  -- Why it cannot be rated.
  reason text,
  sell_atto numeric(38,0) check (sell_atto >= 0),
  sell_currency text,
  sell_version text,
  sell_lines json,
  buy_atto numeric(38,0) check (buy_atto >= 0),
  buy_currency text,
  buy_version text,
  buy_lines json,
  rated_at timestamptz not null default now(),
  primary key (ref, number),
  check ((state = 'quarantined') = (reason is not null)),
  check ((state = 'rated') = (sell_atto is not null and buy_atto is not null))
);
create index usage_event_quarantined on usage_event_rating (ref) where state = 'quarantined';

-- The same name with other facts: the first counts, the other is kept here and books nothing.
create table usage_event_conflict (
  ref text collate "C" not null references usage_event_key,
  digest bytea not null,
  event json not null,
  seen_at timestamptz not null default now(),
  primary key (ref, digest)
);

-- A later, better figure for what an attempt cost. What is booked is the difference to what was known before.
create table true_up (
  ref text collate "C" primary key references usage_event_key,
  exchange_id text collate "C" not null,
  attempt smallint not null,
  -- The exchange's own instant.
  at timestamptz not null,
  provider text collate "C" not null,
  -- Where the figure is from: the provider's answer, its export, its invoice.
  origin text not null,
  before_atto numeric(38,0) not null check (before_atto >= 0),
  figure_atto numeric(38,0) not null check (figure_atto >= 0),
  currency text not null,
  -- Under the lock of corrections: in the order in which they were booked.
  booked_at timestamptz not null default clock_timestamp()
);
create index true_up_by_exchange on true_up (exchange_id, attempt, booked_at);
create index true_up_by_time on true_up (at);

create trigger usage_event_key_is_immutable before update or delete on usage_event_key
  for each row execute function refuse_change('usage_event_key');
create trigger usage_event_is_immutable before update or delete on usage_event
  for each row execute function refuse_change('usage_event');
create trigger usage_event_rating_is_immutable before update or delete on usage_event_rating
  for each row execute function refuse_change('usage_event_rating');
create trigger usage_event_conflict_is_immutable before update or delete on usage_event_conflict
  for each row execute function refuse_change('usage_event_conflict');
create trigger true_up_is_immutable before update or delete on true_up
  for each row execute function refuse_change('true_up');
`,
};
