import type { JobGauge } from '../jobs/runner.ts';
import { journalFiles } from '../journal/journal-files.ts';
import type { ShipperStatus } from '../journal/shipper.ts';
import { ProcessMetrics } from '../telemetry/process-metrics.ts';
import { ReplicaMetrics } from '../telemetry/replica-metrics.ts';
import { gauge, type MetricJson } from '../telemetry/tally.ts';
import type { WorkerPool } from './worker-pool.ts';

export interface SupervisorFacts {
  readonly shipper: ShipperStatus;
  readonly databaseUp: boolean;
  readonly revision: bigint;
  /** Where the segments of all workers lie. */
  readonly journalPath: string;
  readonly shelf: { readonly bytes: number; readonly entries: number };
  readonly jobs: readonly JobGauge[];
  readonly limits: readonly MetricJson[];
}

/** `/metrics`: what the workers counted, added up, and what only the supervisor knows. */
export class SupervisorMetrics {
  readonly replica = new ReplicaMetrics();
  readonly #process = new ProcessMetrics();

  async text(pool: WorkerPool, facts: SupervisorFacts): Promise<string> {
    const [workers, journal] = await Promise.all([pool.collectMetrics(), journalBytes(facts.journalPath)]);
    return this.replica.text([[...this.#process.json(), ...ownMetrics(pool, facts), ...journal], ...workers]);
  }

  close(): void {
    this.#process.close();
  }
}

function ownMetrics(
  pool: WorkerPool,
  { shipper, databaseUp, revision, shelf, jobs, limits }: SupervisorFacts,
): MetricJson[] {
  return [
    gauge('carrier_workers_ready', 'Workers that serve.', pool.readyCount),
    counter('carrier_worker_restarts_total', 'Workers that ended and were started again.', pool.restarts),
    gauge('carrier_database_up', '1 when the database answered last time.', databaseUp ? 1 : 0),
    gauge('carrier_configuration_revision', 'Newest configuration revision known here.', Number(revision)),
    gauge('carrier_reasoning_shelf_bytes', 'Opaque reasoning kept for clients that drop it.', shelf.bytes),
    gauge('carrier_reasoning_shelf_entries', 'Answers whose reasoning is kept.', shelf.entries),
    gauge('carrier_shipper_lag_records', 'Exchanges that ended and are not in the ledger yet.', shipper.lagRecords),
    gauge('carrier_shipper_lag_bytes', 'Journal bytes that are not in the ledger yet.', shipper.lagBytes),
    gauge('carrier_shipper_lag_seconds', 'Age of the oldest exchange not in the ledger yet.', shipper.lagSeconds),
    counter('carrier_shipped_exchanges_total', 'Exchanges brought into the ledger.', shipper.shippedTotal),
    ...jobMetrics(jobs),
    ...limits,
  ];
}

/** As of this replica's last look at the table of jobs. */
function jobMetrics(jobs: readonly JobGauge[]): MetricJson[] {
  const done = jobs.flatMap(({ name, doneAtMs }) =>
    doneAtMs === undefined ? [] : [{ value: doneAtMs / 1_000, labels: { job: name } }],
  );
  const violations = jobs.flatMap(({ name, violations }) =>
    violations === undefined ? [] : [{ value: violations, labels: { job: name } }],
  );
  const attempts = jobs.map(({ name, attempts }) => ({ value: attempts, labels: { job: name } }));
  return [
    {
      name: 'carrier_job_done_timestamp_seconds',
      help: 'When a job last ended well, in any replica.',
      type: 'gauge',
      aggregator: 'max',
      values: done,
    },
    {
      name: 'carrier_job_attempts',
      help: 'Runs of a job that were begun since the last that ended well.',
      type: 'gauge',
      aggregator: 'max',
      values: attempts,
    },
    {
      name: 'carrier_ledger_violations',
      help: 'What the last look at the ledger found that must never be; see `carrier ledger check`.',
      type: 'gauge',
      aggregator: 'max',
      values: violations,
    },
  ];
}

/** Absent when the directory cannot be read: no number is better than a wrong one. */
async function journalBytes(path: string): Promise<MetricJson[]> {
  try {
    const bytes = await journalFiles.segmentBytes(path);
    return [gauge('carrier_journal_bytes', 'Size of the journal on disk, all workers together.', bytes)];
  } catch {
    return [];
  }
}

function counter(name: string, help: string, value: number): MetricJson {
  return { name, help, type: 'counter', aggregator: 'sum', values: [{ value, labels: {} }] };
}
