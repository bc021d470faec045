import type { Store } from '../store/connect.ts';
import type { Job, JobProgress, JobResult } from './job.ts';
import { heldJobKeysSql, jobLockKey } from './lock.ts';

/** GET /api/v1/jobs. Instants are ISO 8601. */
export interface JobView {
  readonly name: string;
  readonly purpose: string;
  readonly schedule: string;
  /** running: at work somewhere. due: waits for a free runner. retrying: the last run did not end well, and it will be
   *  tried again at `dueAt`. waiting: until `dueAt`. */
  readonly state: 'running' | 'due' | 'retrying' | 'waiting';
  readonly dueAt: string | null;
  readonly runner: string | null;
  /** Runs begun since the last that ended well. */
  readonly attempts: number;
  readonly startedAt: string | null;
  readonly endedAt: string | null;
  readonly progress: JobProgress | null;
  /** How the newest run that ended did. */
  readonly outcome: 'done' | 'failed' | null;
  readonly result: JobResult | null;
  readonly doneAt: string | null;
  readonly error: string | null;
}

/** What this release's jobs are at, by name. */
export async function readJobs(store: Store, jobs: readonly Job[]): Promise<JobView[]> {
  const { rows } = await store.pool.query(
    `with held as (${heldJobKeysSql})
     select job.*, due_at <= now() as due, exists (select from held where key = k) as held
       from unnest($1::text[], $2::int[]) as known (n, k) join job on name = n`,
    [jobs.map(({ name }) => name), jobs.map(({ name }) => jobLockKey(name))],
  );
  const byName = new Map(rows.map(row => [row.name as string, row]));
  return jobs.map(job => viewOf(job, byName.get(job.name))).sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** Makes a job due now, whatever its schedule; false when this release has none of that name. A run under way is not
 *  disturbed. */
export async function requestJob(store: Store, jobs: readonly Job[], name: string): Promise<boolean> {
  if (!jobs.some(job => job.name === name)) return false;
  await store.pool.query(
    `insert into job (name, due_at) values ($1, now())
     on conflict (name) do update set due_at = now(), attempts = 0`,
    [name],
  );
  return true;
}

// Rows of the table above, as pg gives them.
// biome-ignore lint/suspicious/noExplicitAny: one cast for all columns
function viewOf(job: Job, row: any): JobView {
  const state = row?.held ? 'running' : row?.due !== false ? 'due' : row.attempts > 0 ? 'retrying' : 'waiting';
  return {
    name: job.name,
    purpose: job.purpose,
    schedule: 'at' in job.schedule ? `daily at ${job.schedule.at} UTC` : `every ${job.schedule.everyMs / 1_000} s`,
    state,
    dueAt: instant(row?.due_at),
    runner: row?.runner ?? null,
    attempts: row?.attempts ?? 0,
    startedAt: instant(row?.started_at),
    endedAt: instant(row?.ended_at),
    progress: row?.progress ?? null,
    outcome: row?.outcome ?? null,
    result: row?.result ?? null,
    doneAt: instant(row?.done_at),
    error: row?.error ?? null,
  };
}

function instant(at: Date | null | undefined): string | null {
  return at?.toISOString() ?? null;
}
