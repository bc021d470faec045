import assert from 'node:assert/strict';
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { after, afterEach, before, beforeEach, describe, test } from 'node:test';
import { createTestDatabase, type TestDatabase } from '../../test/support/database.ts';
import { insertSteps } from '../../test/support/job-replica.ts';
import { repositoryRoot } from '../../test/support/test-groups.ts';
import { connect, type Store } from '../store/connect.ts';
import type { Job, JobContext, JobResult } from './job.ts';
import { readJobs, requestJob } from './queries.ts';
import { JobRunner } from './runner.ts';
import { nextDueMs, retryDelayMs } from './schedule.ts';

const everyHour = { everyMs: 3_600_000 };

describe('a job runner', () => {
  let database: TestDatabase;
  let store: Store;
  const runners: JobRunner[] = [];
  before(async () => {
    database = await createTestDatabase();
    store = connect(database.url);
    await store.pool.query('create table probe (id int generated always as identity, said text)');
  });
  after(async () => {
    await store.close();
    await database.drop();
  });
  beforeEach(async () => {
    await store.pool.query('truncate job, alert, probe');
  });
  afterEach(async () => {
    await Promise.all(runners.splice(0).map(runner => runner.stop()));
  });

  const runnerOf = (jobs: readonly Job[], replica = 'a') => {
    const runner = new JobRunner({ store, jobs, replica, log: () => {} });
    runners.push(runner);
    return runner;
  };
  const jobOf = (run: (context: JobContext) => Promise<JobResult>, parts: Partial<Job> = {}): Job => ({
    name: 'tidy',
    purpose: 'Tidies up',
    schedule: everyHour,
    run,
    ...parts,
  });
  const makeDue = () => store.pool.query('update job set due_at = now()');
  const said = async () =>
    (await store.pool.query('select said from probe order by id')).rows.map(row => row.said as string);
  const view = async (job: Job) => (await readJobs(store, [job]))[0]!;

  test('runs a new job at once, then waits for its schedule, and shows what it said', async () => {
    const job = jobOf(async ({ client }) => {
      await client.query(`insert into probe (said) values ('ran')`);
      return { tidied: 3 };
    });
    const runner = runnerOf([job]);

    await runner.runDue();
    await runner.runDue();

    assert.deepEqual(await said(), ['ran']);
    const { state, outcome, result, attempts, error, runner: by } = await view(job);
    assert.deepEqual(
      { state, outcome, result, attempts, error, by },
      { state: 'waiting', outcome: 'done', result: { tidied: 3 }, attempts: 0, error: null, by: 'a' },
    );
    const { rows } = await store.pool.query(`select extract(epoch from due_at - ended_at)::int as seconds from job`);
    assert.equal(rows[0].seconds, 3_600);
  });

  test('of two replicas that look at once, one runs it', async () => {
    const job = jobOf(async ({ client }) => {
      await client.query(`insert into probe (said) values ('ran')`);
      return {};
    });
    const both = [runnerOf([job], 'a'), runnerOf([job], 'b')];

    for (let round = 0; round < 10; round += 1) {
      await Promise.all(both.map(runner => runner.runDue()));
      await makeDue();
    }

    assert.equal((await said()).length, 10);
  });

  test('while one replica is at it, another does not begin, due or not; progress is seen by both', async () => {
    const begun = Promise.withResolvers<void>();
    const finish = Promise.withResolvers<void>();
    const job = jobOf(async ({ progress }) => {
      progress({ done: 2, total: 5, note: 'days' });
      begun.resolve();
      await finish.promise;
      return {};
    });
    const first = runnerOf([job], 'a').runDue();
    await begun.promise;
    await makeDue();
    const other = jobOf(() => assert.fail('a second run of the same job'));

    await runnerOf([other], 'b').runDue();

    assert.equal((await view(job)).state, 'running');
    await until(async () => (await view(job)).progress !== null);
    assert.deepEqual((await view(job)).progress, { done: 2, total: 5, note: 'days' });
    finish.resolve();
    await first;
    assert.deepEqual([(await view(job)).state, (await view(job)).outcome], ['waiting', 'done']);
  });

  test('a job whose session is cut off is begun anew by another replica, and only there', async () => {
    const begun = Promise.withResolvers<void>();
    const job = jobOf(async ({ client }) => {
      begun.resolve();
      await client.query('select pg_sleep(30)');
      return {};
    });
    const first = runnerOf([job], 'a').runDue();
    await begun.promise;
    await store.pool.query(
      `select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'carrier-job-tidy'`,
    );
    await first;

    const failed = await view(job);
    assert.deepEqual([failed.state, failed.attempts, failed.outcome], ['retrying', 1, 'failed']);
    assert.match(failed.error ?? '', /terminat/i);
    await makeDue();
    await runnerOf([jobOf(async () => ({ again: true }))], 'b').runDue();
    const done = await view(job);
    assert.deepEqual([done.outcome, done.attempts, done.runner, done.error], ['done', 0, 'b', null]);
  });

  test('a replica that is killed at any point loses its lock within a second or so; the next run finishes the work', async () => {
    await store.pool.query('truncate probe restart identity');
    const steps = 12;
    for (const killAfter of [0, 1, 5, 11]) {
      await store.pool.query('truncate job, probe');
      const child = startReplica(database.url, steps);
      await once(child, 'message');
      await until(async () => (await said()).length >= killAfter);
      child.kill('SIGKILL');
      await once(child, 'exit');

      const job = jobOf(context => insertSteps(context, steps), { name: 'steps' });
      const runner = runnerOf([job], 'b');
      await until(async () => {
        await makeDue();
        await runner.runDue();
        return (await view(job)).outcome === 'done';
      });

      assert.deepEqual(
        await said(),
        Array.from({ length: steps }, (_, step) => `step ${step}`),
      );
    }
  });

  test('a job that fails is tried again after 1 s, 2 s, 4 s …; after the eighth time it waits, and an alert says so', async () => {
    const job = jobOf(() => Promise.reject(new Error('the ledger is in the way')));
    const runner = runnerOf([job]);
    const delays: number[] = [];

    for (let attempt = 1; attempt <= 8; attempt += 1) {
      await runner.runDue();
      const { rows } = await store.pool.query(
        `select extract(epoch from due_at - ended_at)::int as s, attempts from job`,
      );
      delays.push(rows[0].s);
      await makeDue();
    }

    assert.deepEqual(delays, [1, 2, 4, 8, 16, 32, 64, 3_600]);
    const { rows } = await store.pool.query('select code, message from alert');
    assert.equal(rows.length, 1);
    assert.equal(rows[0].code, 'job_failed');
    assert.match(
      rows[0].message,
      /^Job tidy failed 8 times in a row \(the ledger is in the way\); it is tried again at /,
    );
    const shown = await view(job);
    assert.deepEqual([shown.attempts, shown.outcome, shown.error], [0, 'failed', 'the ledger is in the way']);
  });

  test('a job that takes its process with it every time is given up, too', async () => {
    const job = jobOf(() => assert.fail('begun a ninth time'));
    const runner = runnerOf([job]);
    await store.pool.query(`insert into job (name, due_at, attempts) values ('tidy', now(), 8)`);

    await runner.runDue();

    const shown = await view(job);
    assert.deepEqual([shown.state, shown.error], ['waiting', 'every run was cut off']);
    assert.equal((await store.pool.query('select from alert')).rowCount, 1);
  });

  test('a job that takes too long is ended with its statement', async () => {
    const job = jobOf(
      async ({ client }) => {
        await client.query('set statement_timeout = 0; select pg_sleep(60)');
        return {};
      },
      { timeoutMs: 100 },
    );

    await runnerOf([job]).runDue();

    const shown = await view(job);
    assert.deepEqual([shown.outcome, shown.error], ['failed', 'took longer than 100 ms']);
    await until(async () => (await view(job)).state !== 'running');
  });

  test('a stop ends what runs, counts no attempt, and leaves the job due', async () => {
    const begun = Promise.withResolvers<void>();
    const job = jobOf(({ signal }) => {
      begun.resolve();
      return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
    });
    const runner = runnerOf([job]);
    runner.start();
    await begun.promise;

    await runner.stop();

    const shown = await view(job);
    assert.deepEqual([shown.state, shown.attempts, shown.outcome], ['due', 0, null]);
  });

  test('a result that is not small is a failure, and a job of no such name cannot be asked for', async () => {
    const job = jobOf(() => Promise.resolve({ text: 'x'.repeat(4_096) }));
    await runnerOf([job]).runDue();

    assert.match((await view(job)).error ?? '', /more than 4096 bytes/);
    assert.equal(await requestJob(store, [job], 'tidier'), false);
    assert.equal(await requestJob(store, [job], 'tidy'), true);
    assert.deepEqual([(await view(job)).state, (await view(job)).attempts], ['due', 0]);
  });

  test('the database going away is waited for', async () => {
    const gone = connect('postgres://nobody@127.0.0.1:1/nothing');
    const runner = new JobRunner({ store: gone, jobs: [jobOf(() => assert.fail())], replica: 'a', log: () => {} });

    await assert.rejects(runner.runDue(), /ECONNREFUSED/);
    runner.start();
    await runner.stop();
    await gone.close();
  });
});

describe('a schedule', () => {
  const at = (text: string) => Date.parse(text);

  test('counts from the end of a run, or is a time of day in UTC', () => {
    assert.equal(nextDueMs({ everyMs: 500 }, 1_000), 1_500);
    const daily = { at: '03:15' };
    assert.equal(nextDueMs(daily, at('2026-11-20T03:14:59.999Z')), at('2026-11-20T03:15:00Z'));
    assert.equal(nextDueMs(daily, at('2026-11-20T03:15:00Z')), at('2026-11-21T03:15:00Z'));
    assert.equal(nextDueMs(daily, at('2026-12-31T23:59:00Z')), at('2027-01-01T03:15:00Z'));
  });

  test('tries again later and later, at most five minutes later', () => {
    assert.deepEqual([1, 2, 8, 9, 10, 1_000].map(retryDelayMs), [1_000, 2_000, 128_000, 256_000, 300_000, 300_000]);
  });

  test('that could never come is refused when the process starts', () => {
    const refused = (parts: object, message: RegExp) =>
      assert.throws(
        () =>
          new JobRunner({
            store: connect('postgres://nobody@127.0.0.1:1/nothing'),
            jobs: [{ name: 'tidy', purpose: '', schedule: everyHour, run: async () => ({}), ...parts }],
            replica: 'a',
            log: () => {},
          }),
        message,
      );
    refused({ name: 'Tidy up' }, /not a name/);
    refused({ schedule: { everyMs: 0 } }, /everyMs/);
    refused({ schedule: { everyMs: Number.NaN } }, /everyMs/);
    refused({ schedule: { at: '24:00' } }, /time of day/);
    refused({ timeoutMs: 0 }, /timeoutMs/);
    const twice = { name: 'tidy', purpose: '', schedule: everyHour, run: async () => ({}) };
    assert.throws(
      () => new JobRunner({ store: connect('postgres://h/d'), jobs: [twice, twice], replica: 'a', log: () => {} }),
      /two jobs/,
    );
  });
});

function startReplica(url: string, steps: number): ChildProcess {
  return fork(join(repositoryRoot, 'test/support/job-replica.ts'), [url, String(steps)], {
    execArgv: [],
    stdio: 'inherit',
  });
}

/** Looks again and again, without a sleep of its own: each look is a round trip. */
async function until(holds: () => Promise<boolean>): Promise<void> {
  const endMs = performance.now() + 20_000;
  while (!(await holds())) assert.ok(performance.now() < endMs, 'it did not come to pass within 20 s');
}
