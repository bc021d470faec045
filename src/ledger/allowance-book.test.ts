import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { AllowanceBook } from './allowance-book.ts';

const at = { budget: 'b1', window: '2026-11-01' };

describe('the allowance book', () => {
  test('grants what is needed, and beyond that a share that shrinks with what is free', () => {
    const book = new AllowanceBook();
    book.addBlock(at, 'lse_1', 1_000n);

    assert.deepEqual(book.grant(at, 1, { needAtto: 10n, dueAtto: 10n, wantAtto: 400n, workers: 2 }), {
      lease: 'lse_1',
      amountAtto: 250n,
    });
    assert.equal(book.grant(at, 1, { needAtto: 10n, dueAtto: 10n, wantAtto: 400n, workers: 2 })?.amountAtto, 187n);
    assert.equal(book.grant(at, 2, { needAtto: 10n, dueAtto: 10n, wantAtto: 100n, workers: 2 })?.amountAtto, 100n);
    assert.equal(book.grant(at, 2, { needAtto: 400n, dueAtto: 400n, wantAtto: 400n, workers: 2 })?.amountAtto, 400n);
    assert.equal(book.grant(at, 2, { needAtto: 64n, dueAtto: 64n, wantAtto: 64n, workers: 2 }), undefined);
    assert.equal(book.free(at), 63n);
  });

  test('a worker cannot give back, or be charged, more than it was granted', () => {
    const book = new AllowanceBook();
    book.addBlock(at, 'lse_1', 100n);
    book.grant(at, 1, { needAtto: 60n, dueAtto: 60n, wantAtto: 60n, workers: 1 });

    assert.equal(book.giveBack(at, 1, 'lse_1', 61n), false);
    assert.equal(book.giveBack(at, 2, 'lse_1', 1n), false);
    assert.equal(book.giveBack(at, 1, 'lse_other', 1n), false);
    assert.equal(book.shipped(1, false, 'lse_1', 61n), false);
    assert.equal(book.giveBack(at, 1, 'lse_1', 10n), true);
    assert.equal(book.free(at), 50n);
    assert.equal(book.amount('lse_1'), 100n);
  });

  test('what a dead worker held is free only when its journal is shipped, less what it charged', () => {
    const book = new AllowanceBook();
    book.addBlock(at, 'lse_1', 100n);
    book.grant(at, 1, { needAtto: 100n, dueAtto: 100n, wantAtto: 100n, workers: 1 });

    book.died(1);
    assert.equal(book.free(at), 0n);
    assert.equal(book.unsettled(at), 100n);
    book.shipped(1, true, 'lse_1', 30n);
    book.settled(1);

    assert.equal(book.free(at), 70n);
    assert.equal(book.unsettled(at), 0n);
    assert.deepEqual(book.takeFree(at), [{ lease: 'lse_1', amountAtto: 70n }]);
    assert.deepEqual(book.takeFinished(at), ['lse_1']);
    assert.deepEqual(book.windows(), []);
  });

  test('for any interleaving nothing is charged beyond what was leased, and nothing is lost', () => {
    const step = fc.record({
      action: fc.constantFrom('lease', 'grant', 'charge', 'return', 'ship', 'die', 'settle', 'release'),
      worker: fc.integer({ min: 1, max: 3 }),
      amount: fc.bigInt({ min: 0n, max: 200n }),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80 }), steps => {
        const limit = 1_000n;
        const book = new AllowanceBook();
        let leased = 0n;
        let charged = 0n;
        let shipped = 0n;
        const living = new Map<number, Journal>();
        const dead = new Map<number, Journal>();

        for (const { action, worker, amount } of steps) {
          const journal = living.get(worker) ?? { unused: 0n, unshipped: 0n };
          living.set(worker, journal);
          const gone = dead.get(worker);
          if (action === 'lease' && leased + amount <= limit) {
            book.addBlock(at, 'lse_1', amount);
            leased += amount;
          } else if (action === 'grant') {
            const granted = book.grant(at, worker, {
              needAtto: amount,
              dueAtto: amount,
              wantAtto: amount * 4n,
              workers: 3,
            });
            journal.unused += granted?.amountAtto ?? 0n;
            assert.ok(granted === undefined || granted.amountAtto >= amount);
          } else if (action === 'charge' && amount <= journal.unused) {
            journal.unused -= amount;
            journal.unshipped += amount;
            charged += amount;
          } else if (action === 'return') {
            assert.ok(book.giveBack(at, worker, 'lse_1', journal.unused) || leased === 0n);
            journal.unused = 0n;
          } else if (action === 'ship') {
            for (const [each, isDead] of [
              [gone, true],
              [journal, false],
            ] as const) {
              if (each === undefined || each.unshipped === 0n) continue;
              assert.ok(book.shipped(worker, isDead, 'lse_1', each.unshipped));
              shipped += each.unshipped;
              each.unshipped = 0n;
            }
          } else if (action === 'die') {
            book.died(worker);
            dead.set(worker, {
              unused: journal.unused + (gone?.unused ?? 0n),
              unshipped: journal.unshipped + (gone?.unshipped ?? 0n),
            });
            living.delete(worker);
          } else if (action === 'settle' && gone !== undefined && gone.unshipped === 0n) {
            book.settled(worker);
            dead.delete(worker);
          } else if (action === 'release') {
            for (const { amountAtto } of book.takeFree(at)) leased -= amountAtto;
          }

          const all = [...living.values(), ...dead.values()];
          const out = all.reduce((sum, { unused, unshipped }) => sum + unused + unshipped, 0n);
          assert.equal(book.amount('lse_1'), leased);
          assert.equal(book.free(at) + out + shipped, leased);
          assert.ok(charged <= leased && leased <= limit);
        }
      }),
      { numRuns: 500 },
    );
  });
});

interface Journal {
  unused: bigint;
  unshipped: bigint;
}
