import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { createTestDatabase, type TestDatabase } from '../../test/support/database.ts';
import { loadLimit } from '../snapshot/limits.ts';
import { connect, type Store } from '../store/connect.ts';
import { type LimitRequest, limitGrant } from './limit-leases.ts';
import { LimitStore } from './limit-store.ts';
import { readLimitWindows } from './limit-views.ts';

describe('limits in the database', () => {
  let database: TestDatabase;
  let store: Store;
  let one: LimitStore;
  let two: LimitStore;
  before(async () => {
    database = await createTestDatabase();
    store = connect(database.url);
    one = new LimitStore(store, 'j1:1');
    two = new LimitStore(store, 'j2:1');
  });
  after(async () => {
    await store.close();
    await database.drop();
  });

  const minute = Date.parse('2026-11-20T12:00:00Z');
  const of = (limit: string, more: Partial<LimitRequest> = {}): LimitRequest => ({
    limit,
    window: minute,
    endsAtMs: minute + 60_000,
    cap: 100,
    claim: 0,
    need: 1,
    due: 0,
    want: 40,
    ...more,
  });
  const atOnce = (limit: string, more: Partial<LimitRequest> = {}) =>
    of(limit, { window: 0, endsAtMs: Number.POSITIVE_INFINITY, cap: 10, want: 0, ...more });

  test('blocks of a window shrink as its limit nears, whoever asks, and come back', async () => {
    const answers = [];
    for (const replica of [one, two, one, two, one]) answers.push(await replica.acquire(of('a')));

    assert.deepEqual(answers, [
      { granted: 40, left: 60 },
      { granted: 30, left: 30 },
      { granted: 15, left: 15 },
      { granted: 7, left: 8 },
      { granted: 4, left: 4 },
    ]);
    assert.deepEqual(await two.acquire(of('a', { need: 5 })), { granted: 0, left: 4 });
    await one.release('a', minute, 9);
    assert.deepEqual(await two.acquire(of('a', { need: 5, due: 30 })), { granted: 13, left: 0 });
    assert.deepEqual(await one.acquire(of('a', { need: 0 })), { granted: 0, left: 0 });
    // Another window, and a limit that was lowered below what is out.
    assert.equal((await one.acquire(of('a', { window: minute + 60_000 }))).granted, 40);
    assert.deepEqual(await one.acquire(of('a', { cap: 50 })), { granted: 0, left: 0 });
  });

  test('what was used without having been granted counts, also above the limit', async () => {
    assert.deepEqual(await one.acquire(of('b', { claim: 90, need: 0, want: 0 })), { granted: 0, left: 10 });
    assert.deepEqual(await two.acquire(of('b', { claim: 30 })), { granted: 0, left: 0 });
    const first = await one.acquire(of('b2', { claim: 120 }));
    assert.deepEqual(first, { granted: 0, left: 0 });
  });

  test('the database grants as the arithmetic of this process does', async () => {
    for (const [free, need, due, want] of [
      [0, 0, 0, 9],
      [9, 10, 0, 0],
      [10, 10, 0, 0],
      [10, 1, 20, 0],
      [9, 0, 0, 100],
      [1, 0, 0, 1],
      [-5, 0, 3, 3],
    ] as const) {
      const { rows } = await store.pool.query('select rate_grant($1, $2, $3, $4) as granted', [free, need, due, want]);
      assert.equal(Number(rows[0].granted), limitGrant(free, { need, due, want }), `${free} ${need} ${due} ${want}`);
    }
  });

  test('however many ask at once, no window and no moment has more than its limit', async () => {
    const windows = await Promise.all(
      Array.from({ length: 60 }, (_, n) => (n % 2 === 0 ? one : two).acquire(of('c', { due: 3, want: 3 }))),
    );
    const leases = await Promise.all(
      Array.from({ length: 30 }, (_, n) => (n % 2 === 0 ? one : two).acquire(atOnce('c', { need: 1 }))),
    );

    assert.equal(
      windows.reduce((sum, { granted }) => sum + granted, 0),
      100,
    );
    assert.equal(
      leases.reduce((sum, { granted }) => sum + granted, 0),
      10,
    );
  });

  test('what a replica holds at once is free when nobody hears of it, and counts again when it comes back', async () => {
    assert.equal((await one.acquire(atOnce('d', { need: 6 }))).granted, 6);
    assert.deepEqual(await two.acquire(atOnce('d', { need: 5 })), { granted: 0, left: 4 });

    await store.pool.query(
      `update concurrency_lease set renewed_at = now() - interval '31 seconds' where holder = 'j1:1'`,
    );
    assert.deepEqual(await two.acquire(atOnce('d', { need: 5 })), { granted: 5, left: 5 });

    // Rows that were long forgotten are deleted; who then comes back says what it holds.
    await store.pool.query(
      `update concurrency_lease set renewed_at = now() - interval '11 minutes' where holder = 'j1:1'`,
    );
    await one.forget();
    await one.renew([{ limit: 'd', amount: 6 }]);
    assert.deepEqual(await two.acquire(atOnce('d')), { granted: 0, left: 0 });
    await one.release('d', 0, 2);
    assert.equal((await two.acquire(atOnce('d'))).granted, 1);
    await one.leave();
    assert.equal((await two.acquire(atOnce('d', { need: 4 }))).granted, 4);
  });

  test('replicas that renew are counted, others are not', async () => {
    assert.equal(await one.renew([]), 1);
    assert.equal(await two.renew([]), 2);
    await store.pool.query(`update limit_replica set seen_at = now() - interval '31 seconds' where holder = 'j1:1'`);
    assert.equal(await two.renew([]), 1);
  });

  test('one replica hears when another asks, and not itself', async () => {
    const { promise, resolve } = Promise.withResolvers<readonly unknown[]>();
    const stop = two.listen((limit, window) => resolve([limit, window]));
    const heard: unknown[] = [];
    const stopOwn = one.listen(limit => heard.push(limit));
    const asking = setInterval(() => void one.askOthers('a b', minute), 20);

    assert.deepEqual(await promise, ['a b', minute]);

    clearInterval(asking);
    await stop();
    await stopOwn();
    assert.deepEqual(heard, []);
  });

  test('counts of all replicas are added up, shown by window, and forgotten in the end', async () => {
    const nowMs = Date.now();
    const startsAtMs = nowMs - (nowMs % 60_000);
    const endsAtMs = startsAtMs + 60_000;
    const count = { limit: 'e', startsAtMs, endsAtMs, used: 5, refused: 2, wouldRefuse: 1 };
    await one.addCounts([count, { ...count, startsAtMs: startsAtMs - 60_000, endsAtMs: startsAtMs }]);
    await two.addCounts([{ ...count, used: 3 }]);
    await one.acquire(of('e', { window: startsAtMs, endsAtMs }));

    const limit = loadLimit({ id: 'e', scope: 'key', subject: 'k', measure: 'requestsPerMinute', limit: 100 });
    const [newest, older, ...others] = await readLimitWindows(store, [limit]);
    assert.deepEqual(newest, {
      limit: 'e',
      from: new Date(startsAtMs).toISOString(),
      to: new Date(endsAtMs).toISOString(),
      used: 8,
      setAside: 40,
      refused: 4,
      wouldHaveRefused: 2,
    });
    assert.deepEqual([older!.used, older!.setAside, others.length], [5, 0, 0]);

    await store.pool.query(`update limit_count set ends_at = now() - interval '21 minutes' where starts_at < $1`, [
      new Date(startsAtMs),
    ]);
    await one.forget();
    assert.equal((await readLimitWindows(store, [limit])).length, 1);
  });
});
