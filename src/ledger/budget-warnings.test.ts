import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { createTestDatabase, type TestDatabase } from '../../test/support/database.ts';
import { exchangeId, recordsOf } from '../../test/support/exchanges.ts';
import { type CompletedExchange, ExchangeAssembler } from '../journal/assemble.ts';
import type { BudgetEntry } from '../snapshot/snapshot.ts';
import { connect, type Store } from '../store/connect.ts';
import { noteBudgetRefusal, raiseBudgetWarnings } from './budget-warnings.ts';
import { readShadowStandings } from './shadow-budgets.ts';
import { LedgerShipping } from './shipping.ts';

describe('budget warnings', () => {
  let database: TestDatabase;
  let store: Store;
  before(async () => {
    database = await createTestDatabase();
    store = connect(database.url);
    // Twice 0.0007 USD in November, once in October.
    const exchanges = [
      complete(1, Date.UTC(2026, 10, 2)),
      complete(2, Date.UTC(2026, 10, 20, 9)),
      complete(3, Date.UTC(2026, 9, 31, 23)),
    ];
    await new LedgerShipping(store, 'j1').ship({ exchanges, positions: [], alerts: [] });
  });
  after(async () => {
    await store.close();
    await database.drop();
  });

  const budget = (more: Partial<BudgetEntry>): BudgetEntry => ({
    id: 'b1',
    scope: 'project',
    subject: 'prj_web',
    limitAtto: '2000000000000000',
    currency: 'USD',
    period: 'month',
    hard: true,
    warnAtPpm: [500_000, 700_000, 800_000],
    ...more,
  });

  test('come once for each part that is passed in the window, at the part exactly too', async () => {
    const november = { budget: budget({}), window: '2026-11-01' };

    // 0.0014 of 0.002 is 70 %.
    const first = await raiseBudgetWarnings(store, [november]);
    assert.deepEqual(
      first.map(({ atPpm, message }) => [atPpm, message]),
      [
        [500_000, 'Budget b1 of project prj_web has spent 0.0014 of 0.002 USD (2026-11-01), past 50 %.'],
        [700_000, 'Budget b1 of project prj_web has spent 0.0014 of 0.002 USD (2026-11-01), past 70 %.'],
      ],
    );
    assert.deepEqual(await raiseBudgetWarnings(store, [november]), []);
  });

  test('of a narrowed budget look at what it is narrowed to, of the installation at everybody, of a shadow at the whole', async () => {
    await store.pool.query('truncate notice');
    const { rows } = await store.pool.query('select distinct route, model, provider from usage_hourly');
    const [{ route, model, provider }] = rows;
    const half = { limitAtto: '1400000000000000', warnAtPpm: [1_000_000] };
    const cases = [
      budget({ id: 'of model', model, ...half }),
      budget({ id: 'of vendor and route', model: `${model.split('/')[0]}/*`, route, provider, ...half }),
      budget({ id: 'of another model', model: 'nobody/*', ...half }),
      budget({ id: 'of another route', model, route: 'none', ...half }),
      budget({ id: 'everybody', scope: 'installation', subject: '*', ...half }),
      budget({ id: 'shadow', ...half, warnAtPpm: [], shadow: true }),
      budget({ id: 'large shadow', limitAtto: '1500000000000000', warnAtPpm: [], shadow: true }),
    ].map(each => ({ budget: each, window: '2026-11-01', organisation: 'acme' }));

    const warnings = await raiseBudgetWarnings(store, cases);

    assert.deepEqual(warnings.map(({ budget }) => budget.id).sort(), [
      'everybody',
      'of model',
      'of vendor and route',
      'shadow',
    ]);
    const notices = await store.pool.query(
      `select kind, organisation, body ->> 'budget' as budget, body ->> 'spent' as spent, body ->> 'at' as at from notice order by 3`,
    );
    assert.deepEqual(notices.rows, [
      { kind: 'budget.threshold', organisation: 'acme', budget: 'everybody', spent: '0.0014', at: '1' },
      { kind: 'budget.threshold', organisation: 'acme', budget: 'of model', spent: '0.0014', at: '1' },
      { kind: 'budget.threshold', organisation: 'acme', budget: 'of vendor and route', spent: '0.0014', at: '1' },
      { kind: 'budget.would-refuse', organisation: 'acme', budget: 'shadow', spent: '0.0014', at: '1' },
    ]);
    assert.deepEqual(await raiseBudgetWarnings(store, cases), []);
  });

  test('of a shadow it is counted what would have been refused, from the moment when its limit was spent', async () => {
    const [{ model }] = (await store.pool.query('select distinct model from usage_hourly')).rows;
    // 0.0007 on the 2nd and on the 20th of November at nine, and on the last of October.
    const limited = (id: string, limitAtto: string, more: Partial<BudgetEntry> = {}) =>
      budget({ id, limitAtto, shadow: true, ...more });
    const cases = [
      limited('all of it', '0'),
      limited('the second', '700000000000000'),
      limited('within the second', '1000000000000000'),
      limited('exactly', '1400000000000000'),
      limited('total', '700000000000000', { period: 'total' }),
      limited('day', '0', { period: 'day' }),
      limited('week', '0', { period: 'week', scope: 'organisation', subject: 'org_acme' }),
      limited('everybody', '0', { scope: 'installation', subject: '*', model }),
      limited('of another model', '0', { model: 'nobody/*' }),
      limited('of another currency', '0', { currency: 'EUR' }),
      limited('in force', '0', { shadow: false }),
      limited('soft', '0', { shadow: false, hard: false }),
    ];

    const standings = await readShadowStandings(store, cases, Date.UTC(2026, 10, 20, 10));

    const told = [...standings].map(([id, { window, spentAtto, wouldHaveRefused }]) => {
      return [id, window, spentAtto, wouldHaveRefused];
    });
    assert.deepEqual(told.sort(), [
      ['all of it', '2026-11-01', 1_400_000_000_000_000n, 2],
      ['day', '2026-11-20', 700_000_000_000_000n, 1],
      ['everybody', '2026-11-01', 1_400_000_000_000_000n, 2],
      ['exactly', '2026-11-01', 1_400_000_000_000_000n, 0],
      ['of another currency', '2026-11-01', 0n, 0],
      ['of another model', '2026-11-01', 0n, 0],
      ['the second', '2026-11-01', 1_400_000_000_000_000n, 1],
      ['total', 'total', 2_100_000_000_000_000n, 2],
      ['week', '2026-11-16', 700_000_000_000_000n, 1],
      ['within the second', '2026-11-01', 1_400_000_000_000_000n, 0],
    ]);
    assert.equal(
      (await readShadowStandings(store, cases, Date.UTC(2026, 11, 1))).get('all of it')?.wouldHaveRefused,
      0,
    );
  });

  test('that somebody was refused is told once a window', async () => {
    await store.pool.query('truncate notice');
    const refused = { budget: budget({}), window: '2026-11-01' };

    await noteBudgetRefusal(store, refused, { spentAtto: 1_400_000_000_000_000n, reservedAtto: 0n });
    await noteBudgetRefusal(store, refused, undefined);
    await noteBudgetRefusal(store, { ...refused, window: '2026-12-01' }, undefined);

    const { rows } = await store.pool.query(
      `select kind, body ->> 'spent' as spent from notice order by body ->> 'window'`,
    );
    assert.deepEqual(rows, [
      { kind: 'budget.refused', spent: '0.0014' },
      { kind: 'budget.refused', spent: null },
    ]);
  });

  test('look at the budget’s own subject, currency and window', async () => {
    const cases = [
      { budget: budget({ id: 'total', limitAtto: '2100000000000000', warnAtPpm: [1_000_000] }), window: 'total' },
      { budget: budget({ id: 'key', scope: 'key', subject: 'Ab3dEf9h' }), window: '2026-11-20' },
      {
        budget: budget({ id: 'organisation', scope: 'organisation', subject: 'org_acme', hard: false }),
        window: '2026-11-01',
      },
      { budget: budget({ id: 'other', subject: 'prj_other' }), window: '2026-11-01' },
      { budget: budget({ id: 'euro', currency: 'EUR' }), window: '2026-11-01' },
      { budget: budget({ id: 'silent', warnAtPpm: [] }), window: '2026-11-01' },
      { budget: budget({ id: 'later' }), window: '2026-12-01' },
    ];

    const warnings = await raiseBudgetWarnings(store, cases);

    assert.deepEqual(warnings.map(({ budget, atPpm }) => `${budget.id} ${atPpm}`).sort(), [
      'organisation 500000',
      'organisation 700000',
      'total 1000000',
    ]);
  });
});

function complete(number: number, atMs: number): CompletedExchange {
  const assembler = new ExchangeAssembler();
  const results = recordsOf({ id: exchangeId(number), atMs }).map(record =>
    assembler.accept(record, { sequence: 1, offset: 0 }),
  );
  const completed = results.at(-1);
  assert.ok(typeof completed === 'object');
  return completed;
}
