/** The table of jobs, of migration 0007. */
export interface JobTables {
  job: JobTable;
}

export interface JobTable {
  readonly name: string;
  readonly due_at: Date;
  readonly attempts: number;
  readonly started_at: Date | null;
  readonly ended_at: Date | null;
  readonly runner: string | null;
  readonly run: string | null;
  readonly progress: unknown;
  readonly outcome: 'done' | 'failed' | null;
  readonly result: unknown;
  readonly done_at: Date | null;
  readonly error: string | null;
}
