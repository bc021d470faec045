import type { Job, JobContext } from '../jobs/job.ts';
import { ensurePartitions } from '../store/partitions.ts';
import { measureColumns } from './usage-columns.ts';

/** One transaction moves so many rows: short enough for progress, long enough to pay. */
const rowsAtOnce = 50_000;
/** What waits is read in full by every report. */
const everyMs = 15_000;

/** Adds what was booked to the roll-ups by hour, day and month. */
export function usageFoldJob(): Job {
  return {
    name: 'usage-roll-up',
    purpose: 'Adds booked usage to the roll-ups by hour, day and month',
    schedule: { everyMs },
    run: async ({ client, progress, signal }) => {
      let rows = 0;
      for (;;) {
        signal.throwIfAborted();
        const moved = await foldUsage(client, rowsAtOnce);
        rows += moved;
        if (moved < rowsAtOnce) return { rows };
        progress({ done: rows, note: 'rows' });
      }
    },
  };
}

/** One step: the rows leave usage_delta in the statement that adds them, so a crash moves all of them or none.
 *  Says how many there were. */
export async function foldUsage(client: JobContext['client'], rowsMax: number): Promise<number> {
  const { rows: months } = await client.query(
    `select distinct date_trunc('month', hour, 'UTC') as month from usage_delta`,
  );
  await ensurePartitions(
    client,
    months.map(({ month }) => month.getTime()),
    ['usage_by_hour', 'usage_by_day'],
  );
  const { rows } = await client.query(foldSql, [rowsMax]);
  return Number(rows[0].moved);
}

const columns = measureColumns.join(', ');
const sums = measureColumns.map(column => `sum(${column})`).join(', ');
const added = (table: string) =>
  measureColumns.map(column => `${column} = ${table}.${column} + excluded.${column}`).join(', ');

const foldSql = `
with taken as (
  delete from usage_delta where ctid = any (array(select ctid from usage_delta limit $1)) returning *
), hours as (
  insert into usage_by_hour (hour, series, ${columns})
  select hour, series, ${sums} from taken group by hour, series
  on conflict (series, hour) do update set ${added('usage_by_hour')}
), days as (
  insert into usage_by_day (day, series, ${columns})
  select date_trunc('day', hour, 'UTC'), series, ${sums} from taken group by 1, 2
  on conflict (series, day) do update set ${added('usage_by_day')}
), months as (
  insert into usage_by_month (month, series, ${columns})
  select date_trunc('month', hour, 'UTC'), series, ${sums} from taken group by 1, 2
  on conflict (month, series) do update set ${added('usage_by_month')}
)
select count(*) as moved from taken`;
