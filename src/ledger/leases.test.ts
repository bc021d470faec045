import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, test } from 'node:test';
import { createTestDatabase, type TestDatabase } from '../../test/support/database.ts';
import { connect, type Store } from '../store/connect.ts';
import { checkLedger } from './check.ts';
import { type LeaseRequest, LedgerLeases } from './leases.ts';

describe('leases of budgets', () => {
  let database: TestDatabase;
  let store: Store;
  let leases: LedgerLeases;
  before(async () => {
    database = await createTestDatabase();
    store = connect(database.url);
    leases = new LedgerLeases(store);
  });
  after(async () => {
    await store.close();
    await database.drop();
  });
  beforeEach(() => store.pool.query('truncate budget_window, lease, alert'));

  const request = (more: Partial<LeaseRequest> = {}): LeaseRequest => ({
    budget: 'b1',
    window: '2026-11-01',
    limitAtto: 1_000n,
    needAtto: 10n,
    dueAtto: 0n,
    wantAtto: 100n,
    holder: 'j1:1',
    ...more,
  });
  const amount = (block: Awaited<ReturnType<LedgerLeases['acquire']>>) =>
    typeof block === 'string' ? block : block.amountAtto;
  const windowSums = async () => {
    const { rows } = await store.pool.query('select limit_atto, leased_atto, spent_atto from budget_window');
    return rows;
  };

  test('grow in blocks that shrink as the limit nears, down to the need, and no further', async () => {
    const granted = [];
    for (let round = 0; round < 7; round += 1) granted.push(amount(await leases.acquire(request({ wantAtto: 400n }))));
    granted.push(amount(await leases.acquire(request({ needAtto: 200n }))));

    assert.deepEqual(granted, [400n, 300n, 150n, 75n, 37n, 19n, 10n, 'exhausted']);
    assert.equal(amount(await leases.acquire(request({ needAtto: 9n, wantAtto: 9n }))), 9n);
    assert.equal(amount(await leases.acquire(request({ needAtto: 0n, wantAtto: 9n }))), 'exhausted');
    assert.deepEqual(await windowSums(), [{ limit_atto: 1_000n, leased_atto: 1_000n, spent_atto: 0n }]);
    const { rows } = await store.pool.query('select count(*) as leases from lease');
    assert.deepEqual(rows, [{ leases: 1n }]);
  });

  test('give whoever waits all that is there, and keep a share for others only of what nobody waits for', async () => {
    assert.equal(amount(await leases.acquire(request({ dueAtto: 700n }))), 700n);
    assert.equal(amount(await leases.acquire(request({ dueAtto: 700n }))), 300n);
  });

  test('never pass the limit, however many replicas ask at once, the first time too', async () => {
    const answers = await Promise.all(
      Array.from({ length: 60 }, (_, replica) =>
        leases.acquire(request({ holder: `j${replica % 6}:1`, needAtto: 30n, wantAtto: 30n })),
      ),
    );

    const total = answers.reduce((sum, block) => sum + (typeof block === 'string' ? 0n : block.amountAtto), 0n);
    assert.equal(total, 990n);
    assert.deepEqual(await windowSums(), [{ limit_atto: 1_000n, leased_atto: 990n, spent_atto: 0n }]);
    assert.deepEqual(await checkLedger(store), []);
  });

  test('under a lowered limit nothing more is granted, and what is out stays valid', async () => {
    await leases.acquire(request({ needAtto: 600n }));

    assert.equal(await leases.acquire(request({ limitAtto: 500n })), 'exhausted');
    assert.equal(amount(await leases.acquire(request({ limitAtto: 650n, needAtto: 50n }))), 50n);
    assert.deepEqual(await checkLedger(store), []);
  });

  test('what a holder surely does not spend can be released, but not what was spent', async () => {
    const block = await leases.acquire(request({ needAtto: 600n }));
    assert.ok(typeof block !== 'string');
    await store.pool.query('update lease set spent_atto = 200');

    assert.equal(await leases.release(block.lease, 401n), false);
    assert.equal(await leases.release(block.lease, 400n), true);
    assert.equal(await leases.release('lse_none', 1n), false);
    assert.deepEqual(await windowSums(), [{ limit_atto: 1_000n, leased_atto: 200n, spent_atto: 0n }]);
    assert.deepEqual(await checkLedger(store), []);
  });

  test('of earlier generations end when told, leaving what they spent; others stay', async () => {
    const earlier = await leases.acquire(request({ holder: 'j1:1', needAtto: 300n }));
    await leases.acquire(request({ holder: 'j1:2', needAtto: 300n }));
    await leases.acquire(request({ holder: 'j10:1', needAtto: 300n }));
    assert.ok(typeof earlier !== 'string');
    await store.pool.query('update lease set spent_atto = 120 where id = $1', [earlier.lease]);

    await leases.closeEarlier('j1', 'j1:2');
    await leases.closeEarlier('j1', 'j1:2');

    const { rows } = await store.pool.query('select holder, state from lease order by holder');
    assert.deepEqual(rows, [
      { holder: 'j10:1', state: 'open' },
      { holder: 'j1:1', state: 'closed' },
      { holder: 'j1:2', state: 'open' },
    ]);
    assert.deepEqual(await windowSums(), [{ limit_atto: 1_000n, leased_atto: 600n, spent_atto: 120n }]);
    assert.deepEqual(await checkLedger(store), []);
  });

  test('of a holder that was silent for a day count whole and are flagged, until its journal is shipped', async () => {
    const silent = await leases.acquire(request({ holder: 'j1:1', needAtto: 300n }));
    await leases.acquire(request({ holder: 'j2:1', needAtto: 100n }));
    assert.ok(typeof silent !== 'string');
    await store.pool.query(`update lease set renewed_at = now() - interval '25 hours'`);
    await leases.renew('j2:1');

    assert.equal(await leases.expire(), 1);
    assert.equal(await leases.expire(), 0);
    assert.deepEqual(await windowSums(), [{ limit_atto: 1_000n, leased_atto: 100n, spent_atto: 300n }]);
    const { rows } = await store.pool.query('select code from alert');
    assert.deepEqual(rows, [{ code: 'lease_expired' }]);
    assert.deepEqual(await checkLedger(store), []);

    await store.pool.query('update lease set spent_atto = 40 where id = $1', [silent.lease]);
    await leases.closeGeneration('j1:1');
    assert.deepEqual(await windowSums(), [{ limit_atto: 1_000n, leased_atto: 100n, spent_atto: 40n }]);
    assert.deepEqual(await checkLedger(store), []);
  });

  test('a replica whose clock is minutes off spends another window, and neither passes its limit nor loses its lease', async () => {
    // Around midnight of the last of the month: one is in the next window already, the other still in the last.
    const ahead = request({ holder: 'j1:1', window: '2026-12-01', needAtto: 0n, dueAtto: 2_000n, wantAtto: 2_000n });
    const behind = request({ holder: 'j2:1', window: '2026-11-01', needAtto: 0n, dueAtto: 2_000n, wantAtto: 2_000n });

    assert.equal(amount(await leases.acquire(ahead)), 1_000n);
    assert.equal(amount(await leases.acquire(behind)), 1_000n);
    assert.equal(await leases.acquire({ ...ahead, holder: 'j2:1', needAtto: 1n }), 'exhausted');
    assert.equal(await leases.acquire({ ...behind, holder: 'j1:1', needAtto: 1n }), 'exhausted');
    // When a lease was last renewed and when a day is over the database says, by one clock.
    await store.pool.query(`update lease set renewed_at = now() - interval '23 hours 59 minutes'`);
    assert.equal(await leases.expire(), 0);
    assert.deepEqual(await checkLedger(store), []);
  });

  test('of a generation that ended without the ledger go on with the next one, once', async () => {
    const left = await leases.acquire(request({ holder: 'j1:1', needAtto: 300n }));
    const other = await leases.acquire(request({ holder: 'j1:1', budget: 'b2', needAtto: 50n }));
    assert.ok(typeof left !== 'string' && typeof other !== 'string');

    await leases.takeOver([left.lease, 'lse_unknown'], 'j1:2');
    await leases.closeEarlier('j1', 'j1:2');

    const { rows } = await store.pool.query('select budget, holder, state from lease order by budget');
    assert.deepEqual(rows, [
      { budget: 'b1', holder: 'j1:2', state: 'open' },
      { budget: 'b2', holder: 'j1:1', state: 'closed' },
    ]);
    const more = await leases.acquire(request({ holder: 'j1:2', needAtto: 100n }));
    assert.ok(typeof more !== 'string');
    assert.equal(more.lease, left.lease);
    // One that has ended is nobody's any more.
    await leases.takeOver([other.lease], 'j1:2');
    await leases.closeGeneration('j1:2');
    assert.deepEqual(await windowSums(), [
      { limit_atto: 1_000n, leased_atto: 0n, spent_atto: 0n },
      { limit_atto: 1_000n, leased_atto: 0n, spent_atto: 0n },
    ]);
  });

  test('say what of a window is spent and what is only set aside', async () => {
    const block = await leases.acquire(request({ needAtto: 300n }));
    await leases.acquire(request({ holder: 'j2:1', needAtto: 100n }));
    assert.ok(typeof block !== 'string');
    await store.pool.query('update lease set spent_atto = 40 where id = $1', [block.lease]);

    assert.deepEqual(await leases.standing('b1', '2026-11-01'), { spentAtto: 40n, reservedAtto: 360n });
    await leases.closeGeneration('j1:1');
    assert.deepEqual(await leases.standing('b1', '2026-11-01'), { spentAtto: 40n, reservedAtto: 100n });
    assert.equal(await leases.standing('b1', '2026-12-01'), undefined);
  });

  test('other replicas hear the question, the one who asks does not', async () => {
    const heard: string[] = [];
    const hears = Promise.withResolvers<void>();
    const stops = ['j1:1', 'j2:1'].map(holder =>
      leases.listen(holder, (budget, window) => {
        heard.push(`${holder} ${budget} ${window}`);
        hears.resolve();
      }),
    );
    // Until both listen, nobody hears.
    for (let listening = 0; listening < 2; ) {
      const { rows } = await store.pool.query(
        `select count(*)::int as n from pg_stat_activity where query = 'listen carrier_recall' and datname = current_database() and state = 'idle'`,
      );
      listening = rows[0].n;
    }

    // Whoever holds nothing is not asked, and the asker need not wait.
    assert.equal(await leases.askOthers('b1', 'total', 'j1:1'), false);
    const held = { limitAtto: 100n, needAtto: 1n, dueAtto: 1n, wantAtto: 1n };
    await leases.acquire({ budget: 'b1', window: 'total', ...held, holder: 'j1:1' });
    assert.equal(await leases.askOthers('b1', 'total', 'j1:1'), false);
    await leases.acquire({ budget: 'b1', window: 'total', ...held, holder: 'j2:1' });

    assert.equal(await leases.askOthers('b1', 'total', 'j1:1'), true);
    await hears.promise;

    assert.deepEqual(heard, ['j2:1 b1 total']);
    for (const stop of stops) await stop();
  });
});
