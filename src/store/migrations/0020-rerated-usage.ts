import type { Migration } from '../migration.ts';

/** Usage events that are rated again, and how long exchanges waited for a place.
 *
 *  A rating that takes the place of another names it. What is priced by the sum of a month leaves that sum as the last that
 *  was added to it; the difference to what it had been charged stays with the event as its shift, so that what the others
 *  were charged is right without touching them. A sum whose price was replaced is emptied into a new one of the same month. */
export const migration0020: Migration = {
  number: 20,
  name: 'rerated-usage',
  requires: 1,
  sql: `
-- Of a rating that corrects: the number of the one whose place it takes, and which piece of work it was, and why.
alter table usage_event_rating add column replaces int check (replaces > 0 and replaces < number);
alter table usage_event_rating add column run text;
alter table usage_event_rating add column cause text;
-- Of the amount: what an earlier place in the sum of a month cost otherwise than the last one.
alter table usage_event_rating add column sell_shift_atto numeric(38,0) not null default 0;
alter table usage_event_rating add column buy_shift_atto numeric(38,0) not null default 0;
alter table usage_event_rating add check ((replaces is null) = (run is null) and (replaces is null) = (cause is null));
-- Without a month and a shift nothing is below zero.
do $$
declare old record;
begin
  for old in
    select conname from pg_constraint
     where conrelid = 'usage_event_rating'::regclass and contype = 'c'
       and (pg_get_constraintdef(oid) like '%sell_atto >=%' or pg_get_constraintdef(oid) like '%buy_atto >=%')
  loop
    execute format('alter table usage_event_rating drop constraint %I', old.conname);
  end loop;
end $$;
alter table usage_event_rating add check ((sell_month is null) = (sell_units is null));
alter table usage_event_rating add check ((buy_month is null) = (buy_units is null));
alter table usage_event_rating add check (sell_month is not null or sell_atto >= sell_shift_atto);
alter table usage_event_rating add check (buy_month is not null or buy_atto >= buy_shift_atto);

-- A sum that gave its place to one of another price; it is empty when all of its events were rated again.
alter table usage_month add column replaced boolean not null default false;
alter table usage_month drop constraint usage_month_book_subject_priced_meter_place_currency_month_key;
create unique index usage_month_in_force on usage_month (book, subject, priced, meter, place, currency, month) where not replaced;
create index usage_month_left on usage_month (id) where replaced and quantity > 0;

-- Milliseconds in the waiting line, all attempts together; null: it did not wait, or an older release wrote it.
alter table exchange add column queued_ms int;
`,
};
