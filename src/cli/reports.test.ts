import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { type AdminUnderTest, startAdmin } from '../../test/support/admin.ts';
import { addUsage, usageDelta } from '../../test/support/usage.ts';
import { runProgram } from './program.ts';

const unit = 10n ** 18n;
const september = '--from 2026-09-01 --to 2026-10-01';
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

suite('carrier reports', () => {
  before(async () => {
    admin = await startAdmin();
    await addUsage(admin.store, [
      usageDelta('2026-09-01T00:10Z', {}, { requests: 4n, output: 20n, sell_atto: 30n * unit, buy_atto: 12n * unit }),
      usageDelta(
        '2026-09-02T10:10Z',
        { provider: 'mistral', organisation: '=cmd|x', project: '=cmd|x/p' },
        { requests: 1n, sell_atto: unit / 10n, buy_atto: unit / 4n },
      ),
    ]);
  });
  after(() => admin.stop());

  test('a margin is a table with totals and what depends on one', async () => {
    const { code, out, err } = await run(`reports margin --by provider ${september}`);

    assert.equal(code, 0, err);
    assert.equal(
      out,
      [
        'provider  requests  revenue  cogs  margin  marginPercent  sharePpm  currency',
        'mistral          1      0.1  0.25   -0.15        -150.00      3322  USD',
        'openai           4       30    12      18          60.00    996678  USD',
        'Total in USD: requests 5, revenue 30.1, cogs 12.25, margin 17.85, marginPercent 59.30',
        'Of revenue in USD, openai has 99.67 % among 2 (provider); HHI 993378 parts per million.',
        'Of cost in USD, openai has 97.96 % among 2 (provider); HHI 960017 parts per million.',
        '',
      ].join('\n'),
    );
  });

  test('CSV is exact, has units in its header, and runs nothing in a spreadsheet', async () => {
    const { code, out } = await run(`reports spend --by organisation --grain day --csv ${september}`);

    assert.equal(code, 0);
    assert.equal(
      out,
      [
        'period (UTC),organisation,currency,requests (count),sell (currency),estimated (count),estimatedSell (currency),' +
          'quarantined (count),held (currency),overHold (currency),corrections (count),sellCorrection (currency)',
        '2026-09-01,acme,USD,4,30,0,0,0,0,0,0,0',
        "2026-09-02,'=cmd|x,USD,1,0.1,0,0,0,0,0,0,0",
        '',
      ].join('\r\n'),
    );
    assert.match(
      (await run(`reports usage --csv --from 2026-01-01 --to 2026-01-02`)).out,
      /^currency,requests \(count\),[^\n]*\r\n$/,
    );
  });

  test('JSON is the answer of the API, rows of all pages in one', async () => {
    const answer = JSON.parse((await run(`reports usage --by key,model --json ${september}`)).out);

    assert.deepEqual(answer.by, ['key', 'model']);
    assert.deepEqual(
      answer.rows.map((row: { requests: number; output: number }) => [row.requests, row.output]),
      [[5, 20]],
    );
  });

  test('who asks for minutes is told that whole hours are shown', async () => {
    const part = await run('reports spend --from 2026-09-01T00:30Z --to 2026-09-01T00:40Z');
    assert.equal(
      part.err,
      'Usage is kept by whole hours, UTC: shown is 2026-09-01T00:00:00.000Z to 2026-09-01T01:00:00.000Z.\n',
    );
    assert.match(part.out, /30 {2}USD/);
    const usage = await run('usage --by provider --from 2026-09-01T00:30Z --to 2026-09-01T00:40Z');
    assert.equal(usage.err, part.err);
    assert.match(usage.out, /^openai +4 /m);
    const { from, to, asked } = JSON.parse(
      (await run('usage --json --from 2026-09-01T00:30Z --to 2026-09-01T00:40Z')).out,
    );
    assert.deepEqual(
      [from, to, asked],
      [
        '2026-09-01T00:00:00.000Z',
        '2026-09-01T01:00:00.000Z',
        { from: '2026-09-01T00:30:00.000Z', to: '2026-09-01T00:40:00.000Z' },
      ],
    );
    assert.equal((await run('usage --from 2026-09-01 --to 2026-09-02')).err, '');
  });

  const refusals: readonly (readonly [string, number, RegExp])[] = [
    ['reports', 2, /reports/],
    ['reports profit', 2, /unknown command|profit/],
    ['reports margin --by price', 4, /by/],
    ['reports margin --by key,key', 4, /different dimensions/],
    ['reports margin --by key,model,route', 4, /at most 2/],
    ['reports margin --grain week', 2, /week/],
    ['reports margin --from yesterday', 4, /must be a date/],
    ['reports margin --from 2026-09-01 --to 2026-09-01', 4, /before/],
    ['reports margin --from 2026-01-01 --to 2026-09-01 --grain hour', 4, /100 days/],
    ['reports margin --from 2026-01-01 --to 2026-09-01 --grain hour --csv', 4, /100 days/],
    ['reports margin --top 1000 --by key', 4, /top/],
    ['reports margin --top 3', 4, /dimension/],
    ['reports margin --compare --grain day', 4, /totals/],
    ['reports margin --sandbox maybe', 2, /maybe/],
    ['reports margin --json --csv', 2, /do not go together/],
  ];
  for (const [words, exitCode, message] of refusals) {
    test(`${words} is refused`, async () => {
      const { code, out, err } = await run(words);
      assert.equal(code, exitCode, err);
      assert.match(err + out, message);
    });
  }

  test('a reader who leaves a stream early frees its report', async () => {
    for (let round = 0; round < 6; round += 1) {
      const response = await admin.app.request('/api/v1/reports/usage.csv', {
        headers: { authorization: `Bearer ${admin.adminKey}` },
      });
      assert.equal(response.status, 200);
      assert.equal(response.headers.get('content-type'), 'text/csv; charset=utf-8; header=present');
      await response.body?.cancel();
    }
    assert.equal((await run('reports usage')).code, 0);
  });
});
