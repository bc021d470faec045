import type { JobContext, JobResult } from '../../src/jobs/job.ts';
import { JobRunner } from '../../src/jobs/runner.ts';
import { connect } from '../../src/store/connect.ts';

/** A replica in a process of its own, to be killed: `node job-replica.ts <database url> <steps>`. */
if (import.meta.main) {
  const [url, steps] = process.argv.slice(2) as [string, string];
  const run = (context: JobContext) => insertSteps(context, Number(steps));
  const jobs = [{ name: 'steps', purpose: 'Steps', schedule: { everyMs: 3_600_000 }, run }];
  new JobRunner({ store: connect(url), jobs, replica: 'child', log: () => {} }).start();
  process.send?.('started');
}

/** Each step once, whatever was done before: what every job must be like. */
export async function insertSteps({ client }: JobContext, steps: number): Promise<JobResult> {
  for (let step = 0; step < steps; step += 1) {
    await client.query('insert into probe (said) select $1 where not exists (select from probe where said = $1)', [
      `step ${step}`,
    ]);
    await client.query('select pg_sleep(0.01)');
  }
  return { steps };
}
