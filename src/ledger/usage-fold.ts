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
      const fold = new UsageFold();
      for (;;) {
        signal.throwIfAborted();
        const moved = await fold.step(client, rowsAtOnce);
        rows += moved;
        if (moved < rowsAtOnce) return { rows };
        progress({ done: rows, note: 'rows' });
      }
    },
  };
}

/** Rows from the first to the last that were there when it began, whatever is added meanwhile: each step goes on behind the
 *  one before, past the remains of the rows it took. */
export class UsageFold {
  #place = '(0,0)';

  /** The rows leave usage_delta in the statement that adds them, so a crash moves all of them or none; a trigger adds them
   *  to what is kept by customer and by supply. Says how many there were; less than asked for is the end. */
  async step(client: JobContext['client'], rowsMax: number): Promise<number> {
    const { rows: found } = await client.query(
      `select max(ctid)::text as last, array_agg(distinct date_trunc('month', hour, 'UTC')) as months
         from (select ctid, hour from usage_delta where ctid > $1::tid limit $2) as next`,
      [this.#place, rowsMax],
    );
    const { last, months } = found[0];
    if (last === null) return 0;
    await ensurePartitions(
      client,
      months.map((month: Date) => month.getTime()),
      ['usage_by_hour', 'usage_by_day'],
    );
    await client.query('begin');
    try {
      // Sums of fifty thousand groups at once would go to disk; sorted, there is one at a time, and keys come in their order.
      await client.query(`set local work_mem = '64MB'; set local enable_hashagg = off; set local jit = off`);
      const { rows } = await client.query(foldSql, [this.#place, last, rowsMax]);
      await client.query('commit');
      this.#place = last;
      return Number(rows[0].moved);
    } catch (error) {
      await client.query('rollback').catch(() => {});
      throw error;
    }
  }
}

const columns = measureColumns.join(', ');
const sums = measureColumns.map(column => `sum(${column}) as ${column}`).join(', ');
const added = (table: string) =>
  measureColumns.map(column => `${column} = ${table}.${column} + excluded.${column}`).join(', ');

const foldSql = `
with taken as (
  delete from usage_delta
   where ctid = any (array(select ctid from usage_delta where ctid > $1::tid and ctid <= $2::tid limit $3))
  returning *
), hours as materialized (
  select series, hour, ${sums} from taken group by series, hour order by series, hour
), by_hour as (
  insert into usage_by_hour (series, hour, ${columns}) select series, hour, ${columns} from hours
  on conflict (series, hour) do update set ${added('usage_by_hour')}
), days as materialized (
  select series, date_trunc('day', hour, 'UTC') as day, ${sums} from hours group by series, 2 order by series, 2
), by_day as (
  insert into usage_by_day (series, day, ${columns}) select series, day, ${columns} from days
  on conflict (series, day) do update set ${added('usage_by_day')}
), by_month as (
  insert into usage_by_month (series, month, ${columns})
  select series, date_trunc('month', day, 'UTC'), ${sums} from days group by series, 2
  on conflict (month, series) do update set ${added('usage_by_month')}
)
select count(*) as moved from taken`;
