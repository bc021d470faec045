import type pg from 'pg';
import { connectSession, type Store } from '../store/connect.ts';
import { checkJob, type Job, type JobProgress, type JobResult, jobResultBytesMax, jobTimeoutMsDefault } from './job.ts';
import { heldJobKeysSql, jobLockKey, noticeLoss, tryLockJob } from './lock.ts';
import { attemptsMax, nextDueMs, retryDelayMs } from './schedule.ts';

export interface JobRunnerOptions {
  readonly store: Store;
  readonly jobs: readonly Job[];
  /** Shown as the runner: which replica this is. */
  readonly replica: string;
  readonly log: (level: 'debug' | 'warn', message: string, details: Readonly<Record<string, string | number>>) => void;
  /** How often due jobs are looked for. Default 2 s. */
  readonly pollMs?: number;
}

/** What `/metrics` says of one job, as of the last look. */
export interface JobGauge {
  readonly name: string;
  readonly attempts: number;
  /** Milliseconds since 1970; undefined: never. */
  readonly doneAtMs: number | undefined;
  /** Of a job that looks for what must never be: how much its last run found. */
  readonly violations: number | undefined;
}

const pollMsDefault = 2_000;
/** Jobs that run at once in one replica, so that a long one does not hold up the others. */
export const jobsAtOnceMax = 3;
const progressEveryMs = 1_000;
/** An aborted job has so long to end by itself; then its session is closed under it. */
const abortGraceMs = 2_000;
const errorLengthMax = 500;

/** Runs what is due. Every replica has one; a job's advisory lock, held by the session that does its work, decides whose
 *  run it is. State is in the table `job`; the database's clock is the only one. */
export class JobRunner {
  readonly #options: JobRunnerOptions;
  readonly #jobs: ReadonlyMap<string, Job>;
  readonly #running = new Map<string, Promise<void>>();
  readonly #stopping = new AbortController();
  #known = false;
  #timer: NodeJS.Timeout | undefined;
  #looking: Promise<void> | undefined;
  #gauges: readonly JobGauge[] = [];

  constructor(options: JobRunnerOptions) {
    this.#options = options;
    const jobs = new Map<string, Job>();
    const keys = new Set<number>();
    for (const job of options.jobs) {
      checkJob(job);
      if (keys.has(jobLockKey(job.name))) throw new TypeError(`two jobs have the name or the lock of ${job.name}`);
      keys.add(jobLockKey(job.name));
      jobs.set(job.name, job);
    }
    this.#jobs = jobs;
  }

  /** Looks at once, and then again and again. */
  start(): void {
    this.#timer ??= setInterval(() => this.nudge(), this.#options.pollMs ?? pollMsDefault);
    this.nudge();
  }

  /** Something may be due: look now. */
  nudge(): void {
    if (this.#stopping.signal.aborted) return;
    this.#looking ??= this.#look()
      .catch(error => this.#options.log('debug', 'jobs wait for the database', { error: messageOf(error) }))
      .finally(() => {
        this.#looking = undefined;
      });
  }

  /** Starts what is due and waits for it. For those who step by hand instead of `start`. */
  async runDue(): Promise<void> {
    await this.#look();
    await Promise.all(this.#running.values());
  }

  gauges(): readonly JobGauge[] {
    return this.#gauges;
  }

  /** Ends running jobs; whoever looks next begins them anew. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    this.#stopping.abort(new Error('stopping'));
    await this.#looking;
    await Promise.all(this.#running.values());
  }

  async #look(): Promise<void> {
    const { pool } = this.#options.store;
    const names = [...this.#jobs.keys()];
    if (!this.#known) {
      // A new job is due at once: its schedule counts from its first run.
      await pool.query('insert into job (name, due_at) select unnest($1::text[]), now() on conflict do nothing', [
        names,
      ]);
      this.#known = true;
    }
    const { rows } = await pool.query(
      `with held as (${heldJobKeysSql})
       select name, attempts, done_at, (result ->> 'violations')::int as violations, due_at <= now() and not exists (select from held where key = k) as due
         from unnest($1::text[], $2::int[]) as known (n, k) join job on name = n
        order by due_at`,
      [names, names.map(jobLockKey)],
    );
    this.#gauges = rows.map(row => ({
      name: row.name,
      attempts: row.attempts,
      doneAtMs: row.done_at?.getTime(),
      violations: row.violations ?? undefined,
    }));
    for (const { name, due } of rows) {
      if (this.#running.size >= jobsAtOnceMax || this.#stopping.signal.aborted) return;
      if (due === true && !this.#running.has(name)) this.#begin(this.#jobs.get(name)!);
    }
  }

  #begin(job: Job): void {
    const run = this.#run(job)
      .catch(error => this.#options.log('warn', 'a job could not be run', { job: job.name, error: messageOf(error) }))
      .finally(() => this.#running.delete(job.name));
    this.#running.set(job.name, run);
  }

  async #run(job: Job): Promise<void> {
    const timeoutMs = job.timeoutMs ?? jobTimeoutMsDefault;
    const client = connectSession(this.#options.store.url, {
      applicationName: `carrier-job-${job.name}`,
      statementTimeoutMs: timeoutMs,
    });
    try {
      await client.connect();
      if (!(await tryLockJob(client, job.name))) return;
      await noticeLoss(client);
      const begun = await this.#claim(client, job);
      if (begun !== undefined) await this.#attempt(client, job, begun, timeoutMs);
    } finally {
      // Ending the session frees the lock, also when the connection is what failed.
      await client.end().catch(() => {});
    }
  }

  /** Counts the attempt before it is made, so that a job that takes its process with it is not begun without end. */
  async #claim(client: pg.Client, job: Job): Promise<Begun | undefined> {
    const { rows } = await client.query('select attempts, now() as now from job where name = $1 and due_at <= now()', [
      job.name,
    ]);
    const row = rows[0];
    if (row === undefined) return undefined; // Another replica has just run it.
    if (row.attempts >= attemptsMax) {
      await this.#giveUp(client, job, { now: row.now, run: 'crashes', error: 'every run was cut off' });
      return undefined;
    }
    const attempt = Number(row.attempts) + 1;
    const begun = await client.query(
      `update job set attempts = $2, due_at = now() + $3 * interval '1 millisecond', started_at = now(), ended_at = null,
                      runner = $4, run = gen_random_uuid(), progress = null
        where name = $1 returning run`,
      [job.name, attempt, retryDelayMs(attempt), this.#options.replica],
    );
    return { run: begun.rows[0].run as string, attempt };
  }

  async #attempt(client: pg.Client, job: Job, begun: Begun, timeoutMs: number): Promise<void> {
    const over = AbortSignal.timeout(timeoutMs);
    const signal = AbortSignal.any([this.#stopping.signal, over]);
    try {
      const run = job.run({ client, signal, progress: this.#progressOf(begun) });
      const result = await endedBy(run, signal, () => client.end().catch(() => {}));
      await this.#done(client, job, begun, checkResult(job, result));
    } catch (error) {
      if (this.#stopping.signal.aborted) await this.#giveBack(begun);
      else await this.#failed(job, begun, over.aborted ? new Error(`took longer than ${timeoutMs} ms`) : error);
    }
  }

  #progressOf({ run }: Begun): (progress: JobProgress) => void {
    let writtenAtMs = 0;
    return progress => {
      const nowMs = performance.now();
      if (writtenAtMs !== 0 && nowMs - writtenAtMs < progressEveryMs) return;
      writtenAtMs = nowMs;
      // On another connection, since the job's own may be in a transaction; nobody waits for it.
      this.#options.store.pool
        .query('update job set progress = $2 where run = $1 and ended_at is null', [run, JSON.stringify(progress)])
        .catch(() => {});
    };
  }

  async #done(client: pg.Client, job: Job, { run }: Begun, result: JobResult): Promise<void> {
    const { rows } = await client.query('select now() as now');
    const dueAt = new Date(nextDueMs(job.schedule, rows[0].now.getTime()));
    await client.query(
      `update job set attempts = 0, due_at = $2, ended_at = now(), outcome = 'done', result = $3, done_at = now(), error = null
        where run = $1`,
      [run, dueAt, JSON.stringify(result)],
    );
  }

  /** Through the pool: the session may be what failed. */
  async #failed(job: Job, { run, attempt }: Begun, reason: unknown): Promise<void> {
    const error = messageOf(reason);
    this.#options.log('warn', 'a job failed', { job: job.name, attempt, error });
    const { pool } = this.#options.store;
    if (attempt >= attemptsMax) {
      const { rows } = await pool.query('select now() as now');
      await this.#giveUp(pool, job, { now: rows[0].now, run, error });
      return;
    }
    await pool.query(
      `update job set due_at = now() + $2 * interval '1 millisecond', ended_at = now(), outcome = 'failed', error = $3
        where run = $1`,
      [run, retryDelayMs(attempt), error],
    );
  }

  /** Until its regular time; somebody must look. */
  async #giveUp(
    database: pg.Client | pg.Pool,
    job: Job,
    { now, run, error }: { readonly now: Date; readonly run: string; readonly error: string },
  ): Promise<void> {
    const dueAt = new Date(nextDueMs(job.schedule, now.getTime()));
    await database.query(
      `with given_up as (
         update job set attempts = 0, due_at = $2, ended_at = now(), outcome = 'failed', error = $3 where name = $1)
       insert into alert (id, code, message) values ($4, 'job_failed', $5) on conflict do nothing`,
      [
        job.name,
        dueAt,
        error,
        `job_failed:${job.name}:${run}:${now.getTime()}`,
        `Job ${job.name} failed ${attemptsMax} times in a row (${error}); it is tried again at ${dueAt.toISOString()}.`,
      ],
    );
  }

  /** A stop is no failure of the job: it is due at once, for another replica or the next start. */
  async #giveBack({ run }: Begun): Promise<void> {
    await this.#options.store.pool
      .query('update job set due_at = now(), attempts = greatest(attempts - 1, 0) where run = $1', [run])
      .catch(() => {});
  }
}

interface Begun {
  readonly run: string;
  /** From 1. */
  readonly attempt: number;
}

/** What the work gives. Once the signal is aborted it has a short time to end by itself; then `close` is called and the
 *  reason thrown. */
async function endedBy<Value>(work: Promise<Value>, signal: AbortSignal, close: () => Promise<void>): Promise<Value> {
  work.catch(() => {});
  let timer: NodeJS.Timeout | undefined;
  let onAbort = () => {};
  const aborted = new Promise<never>((_, reject) => {
    onAbort = () => {
      timer = setTimeout(() => void close().then(() => reject(signal.reason)), abortGraceMs);
    };
    if (signal.aborted) onAbort();
    else signal.addEventListener('abort', onAbort, { once: true });
  });
  try {
    return await Promise.race([work, aborted]);
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', onAbort);
  }
}

function checkResult(job: Job, result: JobResult): JobResult {
  const bytes = Buffer.byteLength(JSON.stringify(result));
  if (bytes <= jobResultBytesMax) return result;
  throw new Error(`job ${job.name} says more than ${jobResultBytesMax} bytes of itself`);
}

function messageOf(error: unknown): string {
  return (error instanceof Error ? error.message || error.name : String(error)).slice(0, errorLengthMax);
}
