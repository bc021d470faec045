import type { Migration } from '../migration.ts';

/** Sums of a month, by which some usage events are priced; wallets that are low.
 *
 *  usage_month is derived: of each month what its ratings counted and came to. It is updated in the transaction that rates
 *  an event, under its own lock, so that whoever comes next begins from it; a rule of the ledger's check folds the ratings
 *  again. What a rating comes to is a difference of two sums, and below zero where all units become cheaper. */
export const migration0012: Migration = {
  number: 12,
  name: 'usage-months',
  requires: 1,
  sql: `
create table usage_month (
  id bigint generated always as identity primary key,
  book text not null check (book in ('sell', 'buy')),
  -- Whose sum it is: of the sell book an organisation, of the buy book who is owed.
  subject text collate "C" not null,
  -- What is priced: vendor/name, or the id of a deployment.
  priced text collate "C" not null,
  meter text collate "C" not null,
  -- Mode and region, where prices depend on them: pricing/price-place.ts cellKey.
  place text collate "C" not null,
  currency text collate "C" not null check (currency ~ '^[A-Z]{3}$'),
  -- Its first day, UTC.
  month date not null,
  -- The price by which the month was begun: it holds throughout.
  version text not null,
  price json not null,
  -- Units counted, free ones included, and what they come to.
  quantity numeric(38,0) not null default 0 check (quantity >= 0),
  amount_atto numeric(38,0) not null default 0 check (amount_atto >= 0),
  unique (book, subject, priced, meter, place, currency, month)
) with (fillfactor = 50);
create index usage_month_by_subject on usage_month (subject, month);

alter table usage_event_rating drop constraint usage_event_rating_sell_atto_check;
alter table usage_event_rating drop constraint usage_event_rating_buy_atto_check;
-- Of a price by the month: whose sum it was added to, and how many units.
alter table usage_event_rating add column sell_month bigint references usage_month;
alter table usage_event_rating add column sell_units numeric(38,0);
alter table usage_event_rating add column buy_month bigint references usage_month;
alter table usage_event_rating add column buy_units numeric(38,0);
alter table usage_event_rating add check ((sell_month is null) = (sell_units is null) and (sell_month is not null or sell_atto >= 0));
alter table usage_event_rating add check ((buy_month is null) = (buy_units is null) and (buy_month is not null or buy_atto >= 0));
create index usage_event_rating_by_sell_month on usage_event_rating (sell_month) where sell_month is not null;
create index usage_event_rating_by_buy_month on usage_event_rating (buy_month) where buy_month is not null;

-- Is it below what somebody asked to be warned of, and how often it came to be: of each time one alert.
alter table wallet add column low boolean not null default false;
alter table wallet add column lows int not null default 0;

-- What happened, for whoever is told of events by webhooks.
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
`,
};
