import type { Migration } from '../migration.ts';

/** Jobs, and the roll-ups that reports are read from (docs/decisions/0033-roll-ups.md). usage_hour of migration 0001 is emptied, not
 *  dropped: releases that write to it are served until none is left. */
export const migration0007: Migration = {
  number: 7,
  name: 'reports',
  requires: 1,
  sql: `
-- One row a job, kept by whoever runs it. Whether it runs now is told by its advisory lock, which ends with its session.
create table job (
  name text collate "C" primary key,
  due_at timestamptz not null,
  -- Runs that were begun since the last one that ended well.
  attempts int not null default 0 check (attempts >= 0),
  -- Of the newest run; ended_at is null while it runs, and stays null when it was cut off.
  started_at timestamptz,
  ended_at timestamptz,
  -- Which replica ran it last.
  runner text,
  -- Tells runs apart: only the newest may write how it ended.
  run uuid,
  progress json,
  outcome text check (outcome in ('done', 'failed')),
  -- What the last run that ended well said, and when.
  result json,
  done_at timestamptz,
  -- Why the last run that failed did.
  error text
) with (fillfactor = 70);

-- What usage is told apart by; one row each combination that occurred. Facts below name it by its number, which keeps them
-- small. route: what the client named. model, provider, deployment: empty when it was sent nowhere. class: of revenue.
-- meter: empty in the row that counts the whole; rows with a meter, such as tool.webSearch, say what of it that meter was.
create table usage_series (
  id int generated always as identity primary key,
  organisation text collate "C" not null,
  project text collate "C" not null,
  key text collate "C" not null,
  route text collate "C" not null,
  model text collate "C" not null,
  provider text collate "C" not null,
  deployment text collate "C" not null,
  class text collate "C" not null,
  meter text collate "C" not null,
  sell_currency text collate "C" not null,
  buy_currency text collate "C" not null,
  sandbox boolean not null,
  unique (organisation, project, key, route, model, provider, deployment, class, meter, sell_currency, buy_currency, sandbox)
);

-- Its number, made when it is new; for those who add usage in SQL. Looks first: an insert that is refused still takes a number.
create function usage_series_of(
  organisation text, project text, key text, route text, model text, provider text, deployment text,
  class text, meter text, sell_currency text, buy_currency text, sandbox boolean) returns int
language plpgsql volatile as $$
declare
  found_id int;
begin
  loop
    select id into found_id from usage_series s
     where s.organisation = $1 and s.project = $2 and s.key = $3 and s.route = $4 and s.model = $5 and s.provider = $6
       and s.deployment = $7 and s.class = $8 and s.meter = $9 and s.sell_currency = $10 and s.buy_currency = $11 and s.sandbox = $12;
    if found then return found_id; end if;
    insert into usage_series as s
      (organisation, project, key, route, model, provider, deployment, class, meter, sell_currency, buy_currency, sandbox)
    values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
    on conflict do nothing
    returning s.id into found_id;
    if found then return found_id; end if;
  end loop;
end
$$;

-- Usage that was booked and not added up yet: whoever books appends, in the same transaction, and nobody waits for anybody.
-- The job usage-roll-up moves rows from here to the three tables below; whoever reads adds what is still here.
create table usage_delta (
  hour timestamptz not null,
  series int not null,
  -- Exchanges, where their answer came from.
  requests bigint not null default 0,
  attempts bigint not null default 0,
  failures bigint not null default 0,
  -- Exchanges charged by a rule, and those that cannot be rated.
  estimated bigint not null default 0,
  quarantined bigint not null default 0,
  -- Corrections made later; they count in the hour of the usage, and only here: the other counts are as they were.
  corrections bigint not null default 0,
  -- Tokens, in disjoint slices.
  input_uncached bigint not null default 0,
  cache_read bigint not null default 0,
  cache_write_5m bigint not null default 0,
  cache_write_1h bigint not null default 0,
  input_audio bigint not null default 0,
  input_image bigint not null default 0,
  input_video bigint not null default 0,
  output bigint not null default 0,
  reasoning bigint not null default 0,
  output_audio bigint not null default 0,
  output_image bigint not null default 0,
  -- Units of the meter, in rows that have one.
  quantity numeric(38,0) not null default 0,
  -- What customers are charged, corrections included.
  sell_atto numeric(38,0) not null default 0,
  -- Rated above the hold: the operator bears it. Not in sell_atto.
  over_hold_atto numeric(38,0) not null default 0,
  -- Of sell_atto, what is estimated; of quarantined exchanges, the holds that are kept.
  estimated_atto numeric(38,0) not null default 0,
  held_atto numeric(38,0) not null default 0,
  -- What providers are owed, corrections included; of it, for attempts whose answer nobody got, and the differences to what a provider says itself.
  buy_atto numeric(38,0) not null default 0,
  buy_failed_atto numeric(38,0) not null default 0,
  buy_variance_atto numeric(38,0) not null default 0,
  -- Of sell_atto and buy_atto, what corrections changed.
  sell_correction_atto numeric(38,0) not null default 0,
  buy_correction_atto numeric(38,0) not null default 0
);

-- Derived, kept for ever; by series first, since the hours of a month lie in one partition anyway.
create table usage_by_hour (
  hour timestamptz not null,
  series int not null,
  -- Exchanges, where their answer came from.
  requests bigint not null default 0,
  attempts bigint not null default 0,
  failures bigint not null default 0,
  -- Exchanges charged by a rule, and those that cannot be rated.
  estimated bigint not null default 0,
  quarantined bigint not null default 0,
  -- Corrections made later; they count in the hour of the usage, and only here: the other counts are as they were.
  corrections bigint not null default 0,
  -- Tokens, in disjoint slices.
  input_uncached bigint not null default 0,
  cache_read bigint not null default 0,
  cache_write_5m bigint not null default 0,
  cache_write_1h bigint not null default 0,
  input_audio bigint not null default 0,
  input_image bigint not null default 0,
  input_video bigint not null default 0,
  output bigint not null default 0,
  reasoning bigint not null default 0,
  output_audio bigint not null default 0,
  output_image bigint not null default 0,
  -- Units of the meter, in rows that have one.
  quantity numeric(38,0) not null default 0,
  -- What customers are charged, corrections included.
  sell_atto numeric(38,0) not null default 0,
  -- Rated above the hold: the operator bears it. Not in sell_atto.
  over_hold_atto numeric(38,0) not null default 0,
  -- Of sell_atto, what is estimated; of quarantined exchanges, the holds that are kept.
  estimated_atto numeric(38,0) not null default 0,
  held_atto numeric(38,0) not null default 0,
  -- What providers are owed, corrections included; of it, for attempts whose answer nobody got, and the differences to what a provider says itself.
  buy_atto numeric(38,0) not null default 0,
  buy_failed_atto numeric(38,0) not null default 0,
  buy_variance_atto numeric(38,0) not null default 0,
  -- Of sell_atto and buy_atto, what corrections changed.
  sell_correction_atto numeric(38,0) not null default 0,
  buy_correction_atto numeric(38,0) not null default 0,
  primary key (series, hour)
) partition by range (hour);
create index usage_by_hour_in_time on usage_by_hour using brin (hour) with (pages_per_range = 16, autosummarize = on);

-- The same by day, UTC.
create table usage_by_day (
  day timestamptz not null,
  series int not null,
  -- Exchanges, where their answer came from.
  requests bigint not null default 0,
  attempts bigint not null default 0,
  failures bigint not null default 0,
  -- Exchanges charged by a rule, and those that cannot be rated.
  estimated bigint not null default 0,
  quarantined bigint not null default 0,
  -- Corrections made later; they count in the hour of the usage, and only here: the other counts are as they were.
  corrections bigint not null default 0,
  -- Tokens, in disjoint slices.
  input_uncached bigint not null default 0,
  cache_read bigint not null default 0,
  cache_write_5m bigint not null default 0,
  cache_write_1h bigint not null default 0,
  input_audio bigint not null default 0,
  input_image bigint not null default 0,
  input_video bigint not null default 0,
  output bigint not null default 0,
  reasoning bigint not null default 0,
  output_audio bigint not null default 0,
  output_image bigint not null default 0,
  -- Units of the meter, in rows that have one.
  quantity numeric(38,0) not null default 0,
  -- What customers are charged, corrections included.
  sell_atto numeric(38,0) not null default 0,
  -- Rated above the hold: the operator bears it. Not in sell_atto.
  over_hold_atto numeric(38,0) not null default 0,
  -- Of sell_atto, what is estimated; of quarantined exchanges, the holds that are kept.
  estimated_atto numeric(38,0) not null default 0,
  held_atto numeric(38,0) not null default 0,
  -- What providers are owed, corrections included; of it, for attempts whose answer nobody got, and the differences to what a provider says itself.
  buy_atto numeric(38,0) not null default 0,
  buy_failed_atto numeric(38,0) not null default 0,
  buy_variance_atto numeric(38,0) not null default 0,
  -- Of sell_atto and buy_atto, what corrections changed.
  sell_correction_atto numeric(38,0) not null default 0,
  buy_correction_atto numeric(38,0) not null default 0,
  primary key (series, day)
) partition by range (day);

-- And by month, which has one row a series.
create table usage_by_month (
  month timestamptz not null,
  series int not null,
  -- Exchanges, where their answer came from.
  requests bigint not null default 0,
  attempts bigint not null default 0,
  failures bigint not null default 0,
  -- Exchanges charged by a rule, and those that cannot be rated.
  estimated bigint not null default 0,
  quarantined bigint not null default 0,
  -- Corrections made later; they count in the hour of the usage, and only here: the other counts are as they were.
  corrections bigint not null default 0,
  -- Tokens, in disjoint slices.
  input_uncached bigint not null default 0,
  cache_read bigint not null default 0,
  cache_write_5m bigint not null default 0,
  cache_write_1h bigint not null default 0,
  input_audio bigint not null default 0,
  input_image bigint not null default 0,
  input_video bigint not null default 0,
  output bigint not null default 0,
  reasoning bigint not null default 0,
  output_audio bigint not null default 0,
  output_image bigint not null default 0,
  -- Units of the meter, in rows that have one.
  quantity numeric(38,0) not null default 0,
  -- What customers are charged, corrections included.
  sell_atto numeric(38,0) not null default 0,
  -- Rated above the hold: the operator bears it. Not in sell_atto.
  over_hold_atto numeric(38,0) not null default 0,
  -- Of sell_atto, what is estimated; of quarantined exchanges, the holds that are kept.
  estimated_atto numeric(38,0) not null default 0,
  held_atto numeric(38,0) not null default 0,
  -- What providers are owed, corrections included; of it, for attempts whose answer nobody got, and the differences to what a provider says itself.
  buy_atto numeric(38,0) not null default 0,
  buy_failed_atto numeric(38,0) not null default 0,
  buy_variance_atto numeric(38,0) not null default 0,
  -- Of sell_atto and buy_atto, what corrections changed.
  sell_correction_atto numeric(38,0) not null default 0,
  buy_correction_atto numeric(38,0) not null default 0,
  primary key (month, series)
);

-- What is in usage_hour moves here; it stays for a release that is still being replaced, whose additions are taken over.
lock table usage_hour in access exclusive mode;
insert into usage_delta (hour, series, requests, attempts, failures, estimated, quarantined, input_uncached, cache_read, cache_write_5m, cache_write_1h, input_audio, input_image, output, reasoning, output_audio, sell_atto, buy_atto)
select hour, usage_series_of(organisation, project, key, '', model, provider, deployment, 'inference', '', sell_currency, buy_currency, sandbox),
       requests, attempts, failures, estimated, quarantined, input_uncached, cache_read, cache_write_5m, cache_write_1h, input_audio, input_image, output, reasoning, output_audio, sell_atto, buy_atto
  from usage_hour;
truncate usage_hour;

create function take_over_usage() returns trigger language plpgsql as $$
begin
  insert into usage_delta (hour, series, requests, attempts, failures, estimated, quarantined, input_uncached, cache_read, cache_write_5m, cache_write_1h, input_audio, input_image, output, reasoning, output_audio, sell_atto, buy_atto)
  values (new.hour, usage_series_of(new.organisation, new.project, new.key, '', new.model, new.provider, new.deployment, 'inference', '',
                                    new.sell_currency, new.buy_currency, new.sandbox),
          new.requests, new.attempts, new.failures, new.estimated, new.quarantined,
          new.input_uncached, new.cache_read, new.cache_write_5m, new.cache_write_1h, new.input_audio, new.input_image, new.output, new.reasoning, new.output_audio, new.sell_atto, new.buy_atto);
  return null;
end
$$;
create trigger usage_is_taken_over before insert on usage_hour for each row execute function take_over_usage();

-- All usage by hour, as it is at this moment: what is added up and what is not yet.
create view usage_hourly as
select hour, s.organisation, s.project, s.key, s.route, s.model, s.provider, s.deployment, s.class, s.meter,
       s.sell_currency, s.buy_currency, s.sandbox,
       requests, attempts, failures, estimated, quarantined, corrections, input_uncached, cache_read, cache_write_5m, cache_write_1h, input_audio, input_image, input_video, output, reasoning, output_audio, output_image, quantity, sell_atto, over_hold_atto, estimated_atto, held_atto, buy_atto, buy_failed_atto, buy_variance_atto, sell_correction_atto, buy_correction_atto
  from (select hour, series, requests, attempts, failures, estimated, quarantined, corrections, input_uncached, cache_read, cache_write_5m, cache_write_1h, input_audio, input_image, input_video, output, reasoning, output_audio, output_image, quantity, sell_atto, over_hold_atto, estimated_atto, held_atto, buy_atto, buy_failed_atto, buy_variance_atto, sell_correction_atto, buy_correction_atto from usage_by_hour
        union all
        select hour, series, requests, attempts, failures, estimated, quarantined, corrections, input_uncached, cache_read, cache_write_5m, cache_write_1h, input_audio, input_image, input_video, output, reasoning, output_audio, output_image, quantity, sell_atto, over_hold_atto, estimated_atto, held_atto, buy_atto, buy_failed_atto, buy_variance_atto, sell_correction_atto, buy_correction_atto from usage_delta) as u
  join usage_series s on s.id = u.series;
`,
};
