import type { Limit } from '../snapshot/limits.ts';
import type { Store } from '../store/connect.ts';

/** Windows of one limit that are shown. */
const windowsShownMax = 10;
const dayMs = 86_400_000;

/** Where a limit stood in one window, over all replicas; counts are a few seconds old. */
export interface LimitWindowView {
  readonly limit: string;
  /** ISO 8601 instants. */
  readonly from: string;
  readonly to: string;
  /** Counted; of requests at once, those that began in the day. */
  readonly used: number;
  /** Given out to replicas, used or not; of requests at once, what they may have at this moment. */
  readonly setAside: number;
  readonly refused: number;
  /** By a shadow. */
  readonly wouldHaveRefused: number;
}

/** The newest windows of these limits, newest first; none of those that nobody counted against lately. */
export async function readLimitWindows(store: Store, limits: readonly Limit[]): Promise<readonly LimitWindowView[]> {
  if (limits.length === 0) return [];
  const { rows } = await store.pool.query(
    `with named as (select unnest($1::text[]) as limit_id),
     leased as (
       select limit_id, sum(permits) as permits
         from concurrency_lease join named using (limit_id)
        where renewed_at > now() - interval '30 seconds'
        group by limit_id
     ),
     counted as (
       select limit_id, starts_at, taken, used, refused, would_refuse
         from (select * from rate_window join named using (limit_id)) as held
         full join (select * from limit_count join named using (limit_id)) as count using (limit_id, starts_at)
     ),
     ranked as (
       select *, row_number() over (partition by limit_id order by starts_at desc) as age from counted
        where starts_at <= now()
     )
     select limit_id, starts_at, coalesce(used, 0) as used, coalesce(refused, 0) as refused,
            coalesce(would_refuse, 0) as would_refuse, coalesce(taken, permits, 0) as set_aside
       from ranked left join leased using (limit_id)
      where age <= $2
      order by limit_id, starts_at desc`,
    [limits.map(({ id }) => id), windowsShownMax],
  );
  const byId = new Map(limits.map(limit => [limit.id, limit]));
  return rows.map(row => ({
    limit: row.limit_id,
    from: row.starts_at.toISOString(),
    to: new Date(row.starts_at.getTime() + (byId.get(row.limit_id)?.windowMs ?? dayMs)).toISOString(),
    // Counts below 2⁵³: they are sums of what was sent in a day.
    used: Number(row.used),
    setAside: Number(row.set_aside),
    refused: Number(row.refused),
    wouldHaveRefused: Number(row.would_refuse),
  }));
}
