import type pg from 'pg';

/** Work that the installation does by itself: at most one run of a job at any time, whatever the number of replicas. */
export interface Job {
  /** Its id everywhere: lower case words with dashes, such as `ledger-check`. Never renamed: its state is kept by it. */
  readonly name: string;
  /** One line for people, in `carrier jobs`. */
  readonly purpose: string;
  readonly schedule: JobSchedule;
  /** Longest run; what takes longer is ended and tried again. Default 10 minutes. */
  readonly timeoutMs?: number;
  /** Does the work. It may be ended between any two statements, on purpose or by a crash, and is then run again from its
   *  beginning: every step must change nothing when it was done before.
   *  Resolves with what is worth showing; rejects to be tried again. */
  readonly run: (context: JobContext) => Promise<JobResult>;
}

/** everyMs: so long after the end of the last run. at: every day at this time, UTC, `HH:MM`; a time that passed while
 *  nobody ran is caught up with once. */
export type JobSchedule = { readonly everyMs: number } | { readonly at: string };

export interface JobContext {
  /** The session that holds the job's lock: what is done through it cannot overlap with another run, since the lock ends
   *  with the session. Transactions are the job's own. */
  readonly client: pg.Client;
  /** Says how far the run is; written at most once a second, so call it freely. */
  readonly progress: (progress: JobProgress) => void;
  /** Aborted when the process stops or the time is over; the session is closed shortly after. */
  readonly signal: AbortSignal;
}

export interface JobProgress {
  readonly done: number;
  /** undefined: not known. */
  readonly total?: number | undefined;
  readonly note?: string;
}

/** Plain JSON, small: counts and instants, no rows. */
export type JobResult = Readonly<Record<string, string | number | boolean | null>>;

/** Room for a dozen counts. */
export const jobResultBytesMax = 4_096;

export const jobTimeoutMsDefault = 600_000;

/** Throws TypeError for what could never run: a mistake in the program, found at its start. */
export function checkJob({ name, schedule, timeoutMs }: Job): void {
  if (!/^[a-z][a-z0-9]*(-[a-z0-9]+)*$/.test(name) || name.length > 64) {
    throw new TypeError(`not a name of a job: ${name}`);
  }
  if ('everyMs' in schedule && !(Number.isInteger(schedule.everyMs) && schedule.everyMs >= 100)) {
    throw new TypeError(`job ${name}: everyMs must be a whole number of at least 100`);
  }
  if ('at' in schedule && !/^([01]\d|2[0-3]):[0-5]\d$/.test(schedule.at)) {
    throw new TypeError(`job ${name}: at must be a time of day such as 03:15, UTC`);
  }
  if (timeoutMs !== undefined && !(timeoutMs > 0)) throw new TypeError(`job ${name}: timeoutMs must be above zero`);
}
