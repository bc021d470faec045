import type { Migration } from '../migration.ts';

const measures = [
  'requests',
  'attempts',
  'failures',
  'estimated',
  'quarantined',
  'corrections',
  'input_uncached',
  'cache_read',
  'cache_write_5m',
  'cache_write_1h',
  'input_audio',
  'input_image',
  'input_video',
  'output',
  'reasoning',
  'output_audio',
  'output_image',
  'quantity',
  'sell_atto',
  'over_hold_atto',
  'estimated_atto',
  'held_atto',
  'buy_atto',
  'buy_failed_atto',
  'buy_variance_atto',
  'sell_correction_atto',
  'buy_correction_atto',
];
const columns = measures.join(', ');
const sums = measures.map(measure => `sum(${measure}) as ${measure}`).join(', ');

/** Adds rows of `from`, which have `unit` and `part`, to the table of that unit. */
const addTo = (part: string, unit: string, from: string) => {
  const table = `usage_${part}_by_${unit}`;
  const added = measures.map(measure => `${measure} = ${table}.${measure} + excluded.${measure}`).join(', ');
  return `insert into ${table} (${unit}, ${part}, ${columns}) ${from} on conflict (${unit}, ${part}) do update set ${added}`;
};

/** Each unit of time from the finer one before it. */
const cut = (part: string, unit: string, finer: string, from: string) =>
  `select date_trunc('${unit}', ${finer}, 'UTC') as ${unit}, ${part}, ${sums} from ${from} group by 1, 2`;

const customerNames = 'organisation, project, key';
const supplyNames = 'route, model, provider, deployment';
const rest = 'class, meter, sell_currency, buy_currency, sandbox';

const table = (part: string, unit: string) => `
create table usage_${part}_by_${unit} (like usage_by_month including defaults);
${unit === 'month' ? '' : `alter table usage_${part}_by_${unit} rename month to ${unit};`}
alter table usage_${part}_by_${unit} rename series to ${part};
alter table usage_${part}_by_${unit} add primary key (${unit}, ${part});
`;

/** Usage by who used it and by what was used, each without the other: fewer rows than series, so that a report by hour or day
 *  that asks for one side only reads these.
 *
 *  - A trigger adds to them what leaves usage_delta, in the statement that adds it to the roll-ups by series, whichever
 *    release runs it. They are derived from those roll-ups and can be made anew at any time.
 *  - Nothing reads corrections by their run; the index cost a re-rate a twentieth. */
export const migration0011: Migration = {
  number: 11,
  name: 'usage-parts',
  requires: 1,
  sql: `
-- Nobody may add up between filling and following.
lock table usage_delta in share row exclusive mode;

drop index correction_by_run;

create table usage_customer (
  id int generated always as identity primary key,
  organisation text collate "C" not null,
  project text collate "C" not null,
  key text collate "C" not null,
  class text collate "C" not null,
  meter text collate "C" not null,
  sell_currency text collate "C" not null,
  buy_currency text collate "C" not null,
  sandbox boolean not null,
  unique (${customerNames}, ${rest})
);
create table usage_supply (
  id int generated always as identity primary key,
  route text collate "C" not null,
  model text collate "C" not null,
  provider text collate "C" not null,
  deployment text collate "C" not null,
  class text collate "C" not null,
  meter text collate "C" not null,
  sell_currency text collate "C" not null,
  buy_currency text collate "C" not null,
  sandbox boolean not null,
  unique (${supplyNames}, ${rest})
);
-- Both sides of a series.
create table usage_part (
  series int primary key,
  customer int not null,
  supply int not null
);
${table('customer', 'day')}${table('customer', 'month')}${table('supply', 'hour')}${table('supply', 'day')}${table('supply', 'month')}
create function number_usage_parts() returns void language sql as $$
  insert into usage_customer (${customerNames}, ${rest})
  select distinct ${customerNames}, ${rest}
    from usage_series s where not exists (select from usage_part p where p.series = s.id)
  on conflict do nothing;
  insert into usage_supply (${supplyNames}, ${rest})
  select distinct ${supplyNames}, ${rest}
    from usage_series s where not exists (select from usage_part p where p.series = s.id)
  on conflict do nothing;
  insert into usage_part (series, customer, supply)
  select s.id, c.id, u.id
    from usage_series s
    join usage_customer c using (${customerNames}, ${rest})
    join usage_supply u using (${supplyNames}, ${rest})
   where not exists (select from usage_part p where p.series = s.id)
  on conflict do nothing;
$$;

create function move_usage_parts() returns trigger language plpgsql as $$
begin
  if exists (select from (select distinct series from moved) as m
              where not exists (select from usage_part p where p.series = m.series)) then
    perform number_usage_parts();
  end if;
  with days as materialized (${cut('customer', 'day', 'hour', 'moved join usage_part using (series)')}),
  by_day as (${addTo('customer', 'day', `select day, customer, ${columns} from days`)})
  ${addTo('customer', 'month', cut('customer', 'month', 'day', 'days'))};
  with hours as materialized (
    select hour, supply, ${sums} from moved join usage_part using (series) group by 1, 2),
  by_hour as (${addTo('supply', 'hour', `select hour, supply, ${columns} from hours`)}),
  by_day as (${addTo('supply', 'day', cut('supply', 'day', 'hour', 'hours'))})
  ${addTo('supply', 'month', cut('supply', 'month', 'hour', 'hours'))};
  return null;
end
$$;

-- For databases that have usage already: here, and after a restore.
create function add_up_usage_parts() returns void language plpgsql as $$
begin
  truncate usage_part, usage_customer, usage_supply, usage_customer_by_day, usage_customer_by_month,
           usage_supply_by_hour, usage_supply_by_day, usage_supply_by_month restart identity;
  perform number_usage_parts();
  insert into usage_customer_by_day (day, customer, ${columns})
  select day, customer, ${sums} from usage_by_day join usage_part using (series) group by 1, 2;
  insert into usage_customer_by_month (month, customer, ${columns})
  ${cut('customer', 'month', 'day', 'usage_customer_by_day')};
  insert into usage_supply_by_hour (hour, supply, ${columns})
  select hour, supply, ${sums} from usage_by_hour join usage_part using (series) group by 1, 2;
  insert into usage_supply_by_day (day, supply, ${columns})
  ${cut('supply', 'day', 'hour', 'usage_supply_by_hour')};
  insert into usage_supply_by_month (month, supply, ${columns})
  ${cut('supply', 'month', 'day', 'usage_supply_by_day')};
end
$$;
select add_up_usage_parts();

create trigger usage_is_moved after delete on usage_delta
  referencing old table as moved
  for each statement execute function move_usage_parts();
`,
};
