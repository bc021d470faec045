import { sql } from 'kysely';
import type { Store } from '../store/connect.ts';

/** How attempts at one deployment went: what a provider may know of its own, so nothing of who asked. */
export interface DeploymentPerformance {
  readonly provider: string;
  readonly deployment: string;
  readonly targetModel: string;
  readonly attempts: number;
  /** `ok`, or the fault that an attempt ended with. */
  readonly outcomes: Readonly<Record<string, number>>;
  readonly firstByteMs: { readonly p50: number; readonly p95: number } | null;
  readonly durationMs: { readonly p50: number; readonly p95: number } | null;
}

/** Attempts are read one by one: a longer time is cut into pieces by whoever asks. */
export const performanceDaysMax = 7;
/** Of one answer; further ones are of providers with more deployments than this. */
const rowsMax = 1_000;

/** Of these provider accounts only; `all` is everybody's. Times are of attempts that went well. */
export async function readPerformance(
  { db }: Store,
  { from, to, providers }: { readonly from: Date; readonly to: Date; readonly providers: 'all' | ReadonlySet<string> },
): Promise<readonly DeploymentPerformance[]> {
  const condition = providers === 'all' ? sql`true` : sql`provider = any(${[...providers]}::text[])`;
  const { rows } = await sql<{
    provider: string;
    deployment: string;
    target_model: string;
    attempts: number;
    outcomes: Readonly<Record<string, number>>;
    first_byte: readonly number[] | null;
    duration: readonly number[] | null;
  }>`
    with told as materialized (
      select provider, deployment, target_model, outcome, first_byte_ms, duration_ms
        from attempt
       where at >= ${from} and at < ${to} and ${condition}
    ), counted as (
      select provider, deployment, target_model, outcome, count(*)::int as attempts
        from told group by 1, 2, 3, 4
    ), timed as (
      select provider, deployment, target_model,
             percentile_disc(array[0.5, 0.95]) within group (order by first_byte_ms)::float8[] as first_byte,
             percentile_disc(array[0.5, 0.95]) within group (order by duration_ms)::float8[] as duration
        from told where outcome = 'ok' group by 1, 2, 3
    )
    select c.provider, c.deployment, c.target_model, sum(c.attempts)::int as attempts,
           json_object_agg(c.outcome, c.attempts) as outcomes, t.first_byte, t.duration
      from counted c left join timed t using (provider, deployment, target_model)
     group by 1, 2, 3, 6, 7
     order by 1, 2, 3
     limit ${rowsMax}`.execute(db);
  return rows.map(row => ({
    provider: row.provider,
    deployment: row.deployment,
    targetModel: row.target_model,
    attempts: row.attempts,
    outcomes: row.outcomes,
    firstByteMs: percentiles(row.first_byte),
    durationMs: percentiles(row.duration),
  }));
}

function percentiles(values: readonly (number | null)[] | null) {
  const [p50, p95] = values ?? [];
  return p50 === undefined || p50 === null || p95 === undefined || p95 === null ? null : { p50, p95 };
}
