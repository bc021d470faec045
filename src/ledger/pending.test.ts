import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, test } from 'node:test';
import fc from 'fast-check';
import { createTestDatabase, type TestDatabase } from '../../test/support/database.ts';
import { emptyLedger } from '../../test/support/ledger.ts';
import { connect, type Store } from '../store/connect.ts';
import { inTransaction } from '../store/in-transaction.ts';
import { cash, held, memoContra, wallet } from './accounts.ts';
import { availableAtto, balanceAtto, readBalances } from './balances.ts';
import { book, type PendingOrder, TransferRefused } from './book.ts';
import { expirePending, expirySkewMs, openPending, postPending, type ResolveOutcome, voidPending } from './pending.ts';

const atMs = Date.UTC(2026, 10, 20, 9, 30);
const dollar = 10n ** 18n;

describe('pending transfers', () => {
  let database: TestDatabase;
  let store: Store;
  before(async () => {
    database = await createTestDatabase();
    store = connect(database.url);
  });
  after(async () => {
    await store.close();
    await database.drop();
  });
  beforeEach(() => emptyLedger(store));

  const open = (...orders: PendingOrder[]) => inTransaction(store, client => openPending(client, orders));
  const post = async (id: string, amountAtto?: bigint) => {
    const post = amountAtto === undefined ? { id, atMs } : { id, amountAtto, atMs };
    const [result] = await inTransaction(store, client => postPending(client, [post]));
    return result?.outcome;
  };
  const cancel = async (id: string) => (await inTransaction(store, client => voidPending(client, [id])))[0]?.outcome;
  const expire = () => inTransaction(store, client => expirePending(client));
  /** Balance and what is still available, in dollars, of a wallet that got 25. */
  const standing = async () => {
    const [balance] = await readBalances(store.pool, { accounts: ['wallet:org_acme:gr_1'] });
    return balance === undefined
      ? undefined
      : [balanceAtto(balance) / dollar, availableAtto(balance) / dollar, balance.debitPendingAtto / dollar];
  };
  const fill = () =>
    inTransaction(store, client =>
      book(client, [{ ...order('fill'), debit: cash, credit: wallet('org_acme', 'gr_1'), amountAtto: 25n * dollar }]),
    );

  test('what is pending is set aside and not booked', async () => {
    await fill();

    assert.deepEqual(await open(order('p')), [{ id: 'p', outcome: 'booked' }]);

    assert.deepEqual(await standing(), [25n, 15n, 10n]);
  });

  test('posting books it whole, and nothing is pending any more', async () => {
    await fill();
    await open(order('p'));

    assert.equal(await post('p'), 'posted');

    assert.deepEqual(await standing(), [15n, 15n, 0n]);
  });

  test('posting a part frees the rest', async () => {
    await fill();
    await open(order('p'));

    assert.equal(await post('p', 3n * dollar), 'posted');

    assert.deepEqual(await standing(), [22n, 22n, 0n]);
  });

  test('posting more than was set aside is refused by name, and it stays pending', async () => {
    await fill();
    await open(order('p'));

    assert.equal(await post('p', 10n * dollar + 1n), 'exceeds_pending');

    assert.deepEqual(await standing(), [25n, 15n, 10n]);
    assert.equal(await post('p', 10n * dollar), 'posted');
  });

  test('voiding frees it whole', async () => {
    await fill();
    await open(order('p'));

    assert.equal(await cancel('p'), 'voided');

    assert.deepEqual(await standing(), [25n, 25n, 0n]);
  });

  test('doing the same again exists; doing something else says what was done', async () => {
    await open(order('posted'), order('voided'), order('part'));
    await post('posted');
    await post('part', 1n);
    await cancel('voided');

    assert.equal(await post('posted'), 'exists');
    assert.equal(await post('posted', 10n * dollar), 'exists');
    assert.equal(await post('posted', 1n), 'already-posted');
    assert.equal(await post('part'), 'already-posted');
    assert.equal(await post('part', 1n), 'exists');
    assert.equal(await cancel('posted'), 'already-posted');
    assert.equal(await cancel('voided'), 'exists');
    assert.equal(await post('voided'), 'already-voided');
    assert.equal(await post('nobody'), 'not-found');
    assert.equal(await cancel('nobody'), 'not-found');
    await assert.rejects(post('posted', 0n), RangeError);
    await assert.rejects(post('posted', -1n), RangeError);
  });

  test('opening the same again exists; with another expiry it is a conflict; a booked id is taken, too', async () => {
    await open(order('p'));
    await fill();

    assert.deepEqual(await open(order('p')), [{ id: 'p', outcome: 'exists' }]);
    assert.deepEqual(await open({ ...order('p'), expiresAtMs: atMs }), [{ id: 'p', outcome: 'conflict' }]);
    assert.deepEqual(await open(order('fill')), [{ id: 'fill', outcome: 'conflict' }]);
    await assert.rejects(open({ ...order('q'), amountAtto: 0n }), TransferRefused);
  });

  test('what nobody posts in time expires, once, and is free again', async () => {
    await fill();
    await open({ ...order('p'), expiresAtMs: Date.now() - expirySkewMs - 1_000 }, order('q'));

    assert.equal(await expire(), 1);
    assert.equal(await expire(), 0);

    assert.deepEqual(await standing(), [25n, 15n, 10n]);
    assert.equal(await post('p'), 'already-expired');
    assert.equal(await cancel('p'), 'already-expired');
    assert.equal(await post('q'), 'posted');
  });

  test('within the skew it can neither be posted nor does it expire, and it can be voided', async () => {
    await open({ ...order('p'), expiresAtMs: Date.now() - 1 });

    assert.equal(await post('p'), 'already-expired');
    assert.equal(await expire(), 0);
    assert.equal(await cancel('p'), 'voided');
  });

  test('on the memo ledger a hold is set aside and drawn like any other', async () => {
    await open({ ...order('h'), debit: held('wallet:org_acme:gr_1'), credit: memoContra });

    assert.equal(await post('h', dollar), 'posted');

    const [hold] = await readBalances(store.pool, { accounts: ['hold:wallet:org_acme:gr_1'] });
    assert.equal(balanceAtto(hold!), dollar);
  });

  test('of many who resolve one at once, exactly one does', async () => {
    await fill();
    await open(order('p'));

    const outcomes = await Promise.all([post('p'), cancel('p'), post('p', dollar), cancel('p'), post('p')]);

    const done = outcomes.filter(outcome => outcome === 'posted' || outcome === 'voided');
    assert.equal(done.length, 1);
    assert.equal((await standing())?.[2], 0n);
  });

  test('any sequence of steps leaves every pending transfer resolved at most once, and balances that say so', async () => {
    const step = fc.oneof(
      fc.record({ do: fc.constant('open' as const), id: fc.nat(3), expired: fc.boolean() }),
      fc.record({ do: fc.constant('post' as const), id: fc.nat(3), amount: fc.integer({ min: 1, max: 12 }) }),
      fc.record({ do: fc.constant('void' as const), id: fc.nat(3) }),
      fc.record({ do: fc.constant('expire' as const) }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 20 }), async steps => {
        await emptyLedger(store);
        const model = new Map<string, { expired: boolean; outcome: string; amount: number }>();
        for (const one of steps) {
          if (one.do === 'expire') {
            for (const entry of model.values())
              if (entry.expired && entry.outcome === 'open') entry.outcome = 'expired';
            await expire();
            continue;
          }
          const id = `p${one.id}`;
          const entry = model.get(id);
          if (one.do === 'open') {
            const expiresAtMs = one.expired ? atMs - 86_400_000 : undefined;
            const [result] = await open({ ...order(id), expiresAtMs });
            const expected = entry === undefined ? 'booked' : entry.expired === one.expired ? 'exists' : 'conflict';
            assert.equal(result?.outcome, expected);
            if (entry === undefined) model.set(id, { expired: one.expired, outcome: 'open', amount: 0 });
            continue;
          }
          if (one.do === 'void') {
            const outcomes: Record<string, ResolveOutcome> = {
              open: 'voided',
              voided: 'exists',
              posted: 'already-posted',
              expired: 'already-expired',
            };
            assert.equal(await cancel(id), outcomes[entry?.outcome ?? ''] ?? 'not-found');
            if (entry?.outcome === 'open') entry.outcome = 'voided';
            continue;
          }
          const outcome = await post(id, BigInt(one.amount) * dollar);
          if (entry === undefined) assert.equal(outcome, 'not-found');
          else if (one.amount > 10) assert.equal(outcome, 'exceeds_pending');
          else if (entry.outcome === 'posted') {
            assert.equal(outcome, entry.amount === one.amount ? 'exists' : 'already-posted');
          } else if (entry.outcome !== 'open') assert.equal(outcome, `already-${entry.outcome}`);
          else if (entry.expired) assert.equal(outcome, 'already-expired');
          else {
            assert.equal(outcome, 'posted');
            entry.outcome = 'posted';
            entry.amount = one.amount;
          }
        }
        const entries = [...model.values()];
        const posted = entries.reduce((sum, { amount }) => sum + amount, 0);
        const waiting = entries.filter(({ outcome }) => outcome === 'open').length * 10;
        const found = await standing();
        assert.deepEqual(found ?? [0n, 0n, 0n], [BigInt(-posted), BigInt(-posted - waiting), BigInt(waiting)]);
      }),
      { numRuns: 20 },
    );
  });
});

/** Ten dollars out of the wallet. */
function order(id: string): PendingOrder {
  return {
    id,
    kind: 'adjustment',
    debit: wallet('org_acme', 'gr_1'),
    credit: cash,
    amountAtto: 10n * dollar,
    currency: 'USD',
    atMs,
  };
}
