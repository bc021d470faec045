import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { type AdminUnderTest, startAdmin } from '../../test/support/admin.ts';
import { runProgram } from './program.ts';

let admin: AdminUnderTest;

async function run(words: string): Promise<{ code: number; out: string; err: string }> {
  let out = '';
  let err = '';
  const code = await runProgram(words.split(' '), {
    environment: { CARRIER_ADMIN_KEY: admin.adminKey },
    out: { write: text => void (out += text), isTerminal: false },
    err: { write: text => void (err += text), isTerminal: false },
    send: async request => admin.app.request(request),
    readText: () => '',
    writeText: () => {},
  });
  return { code, out, err };
}

suite('carrier jobs', () => {
  before(async () => {
    admin = await startAdmin();
  });
  after(() => admin.stop());

  test('lists jobs with what they are at and how they ended', async () => {
    await admin.store.pool.query(
      `insert into job (name, due_at, attempts, outcome, result, done_at) values
         ('tidy', '2027-01-01', 0, 'done', '{"tidied": 1}', '2026-11-20T03:00:00Z')`,
    );

    assert.equal(
      (await run('jobs')).out,
      [
        'job   runs        state    last done                 due                       result',
        'tidy  every 60 s  waiting  2026-11-20T03:00:00.000Z  2027-01-01T00:00:00.000Z  tidied 1',
        '',
      ].join('\n'),
    );
    await admin.store.pool.query(`update job set attempts = 3, outcome = 'failed', error = 'no room'`);
    assert.match((await run('jobs list')).out, /^tidy +every 60 s +retrying after 3 .* no room$/m);
    const [item] = JSON.parse((await run('jobs --json')).out).items;
    assert.deepEqual([item.name, item.state, item.result, item.error], ['tidy', 'retrying', { tidied: 1 }, 'no room']);
  });

  test('makes a job due, and refuses one that there is not', async () => {
    const done = await run('jobs run tidy');
    assert.deepEqual([done.code, done.out], [0, 'Job tidy is due; `carrier jobs list` shows how it ends.\n']);

    const unknown = await run('jobs run tidier');
    assert.equal(unknown.code, 4);
    assert.match(unknown.err, /There is no job "tidier"/);
    assert.equal((await run('jobs run')).code, 2);
  });
});
