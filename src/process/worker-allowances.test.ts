import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { VirtualTime } from '../../test/support/virtual-time.ts';
import { Fault } from '../completion/fault.ts';
import type { BudgetHold } from '../gateway/ports.ts';
import type { ToSupervisor } from './messages.ts';
import { WorkerAllowances } from './worker-allowances.ts';

const noon = Date.parse('2026-11-20T12:00:00Z');

/** One worker whose messages the test answers by hand. */
class Harness {
  readonly time = new VirtualTime();
  readonly sent: ToSupervisor[] = [];
  readonly known = new Set(['a', 'b']);
  readonly allowances = new WorkerAllowances({
    budget: id => (this.known.has(id) ? { id, period: 'day' } : undefined),
    send: message => this.sent.push(message),
    monotonicMs: this.time.monotonicMs,
    after: this.time.after,
  });

  requests(): Extract<ToSupervisor, { type: 'lease-request' }>[] {
    return this.sent.filter(message => message.type === 'lease-request');
  }

  returns(): Extract<ToSupervisor, { type: 'return' }>[] {
    return this.sent.filter(message => message.type === 'return');
  }

  grant(request: number, lease: string, amountAtto: string): void {
    this.allowances.granted(request, { lease, amountAtto }, undefined);
  }
}

function held(answer: BudgetHold | Fault): BudgetHold {
  assert.ok(!(answer instanceof Fault), answer instanceof Fault ? answer.code : '');
  return answer;
}

function refused(answer: BudgetHold | Fault): string {
  assert.ok(answer instanceof Fault);
  return answer.code;
}

test('a key without hard budgets is never asked to wait', () => {
  const harness = new Harness();

  const answer = harness.allowances.take([], 100n, noon);

  assert.ok(!(answer instanceof Promise) && !(answer instanceof Fault));
  assert.deepEqual(answer.leases, []);
  assert.deepEqual(harness.sent, []);
});

test('the first request of a budget asks for its need, and waits for the grant', async () => {
  const harness = new Harness();

  const answer = harness.allowances.take(['a'], 10n, noon);
  assert.deepEqual(harness.sent, [
    {
      type: 'lease-request',
      request: 1,
      budget: 'a',
      window: '2026-11-20',
      needAtto: '10',
      dueAtto: '10',
      wantAtto: '160',
    },
  ]);
  harness.grant(1, 'L1', '160');

  const hold = held(await answer);
  assert.equal(hold.amount, 10n);
  assert.deepEqual(hold.leases, [{ budget: 'a', window: '2026-11-20', lease: 'L1' }]);
});

test('while an allowance suffices, holds are taken without a promise and without a message', async () => {
  const harness = new Harness();
  const first = harness.allowances.take(['a'], 10n, noon);
  harness.grant(1, 'L1', '160');
  await first;

  const second = harness.allowances.take(['a'], 10n, noon);

  assert.ok(!(second instanceof Promise));
  assert.equal(harness.requests().length, 1);
});

test('an allowance below half a block is refilled before anyone waits', async () => {
  const harness = new Harness();
  const first = harness.allowances.take(['a'], 10n, noon);
  harness.grant(1, 'L1', '160');
  await first;

  for (let i = 0; i < 8; i += 1) harness.allowances.take(['a'], 10n, noon);

  assert.deepEqual(harness.requests().slice(1), [
    {
      type: 'lease-request',
      request: 2,
      budget: 'a',
      window: '2026-11-20',
      needAtto: '0',
      dueAtto: '0',
      wantAtto: '160',
    },
  ]);
});

test('takers that wait for one budget share one request', async () => {
  const harness = new Harness();

  const answers = [5n, 6n, 7n].map(amount => harness.allowances.take(['a'], amount, noon));
  assert.equal(harness.requests().length, 1);
  harness.grant(1, 'L1', '100');

  for (const answer of answers) held(await answer);
});

test('without an answer in 50 ms the budget is unverifiable', async () => {
  const harness = new Harness();

  const answer = harness.allowances.take(['a'], 5n, noon);
  harness.time.advance(49);
  harness.time.advance(1);

  assert.equal(refused(await answer), 'budget_unverifiable');
});

test('a grant that arrives after its taker gave up serves the next one', async () => {
  const harness = new Harness();
  const late = harness.allowances.take(['a'], 5n, noon);
  harness.time.advance(50);
  await late;

  harness.grant(1, 'L1', '80');

  const next = harness.allowances.take(['a'], 5n, noon);
  assert.ok(!(next instanceof Promise));
  held(next);
});

test('a refused need refuses its taker, and a smaller one asks for itself', async () => {
  const harness = new Harness();
  const large = harness.allowances.take(['a'], 50n, noon);
  const small = harness.allowances.take(['a'], 5n, noon);

  harness.allowances.granted(1, undefined, 'exhausted');
  assert.equal(refused(await large), 'budget_exhausted');
  assert.equal(harness.requests()[1]?.needAtto, '5');
  harness.grant(2, 'L1', '5');

  held(await small);
});

test('of two budgets, one that refuses leaves the other untouched', async () => {
  const harness = new Harness();
  const both = harness.allowances.take(['a', 'b'], 10n, noon);
  harness.grant(1, 'LA', '10');

  harness.allowances.granted(2, undefined, 'exhausted');

  assert.equal(refused(await both), 'budget_exhausted');
  held(await harness.allowances.take(['a'], 10n, noon));
});

test('what a settled hold did not use is free again', async () => {
  const harness = new Harness();
  const first = harness.allowances.take(['a'], 10n, noon);
  harness.grant(1, 'L1', '10');
  const hold = held(await first);

  hold.settle(4n);

  const available = harness.allowances.available(['a'], noon);
  harness.allowances.granted(harness.requests().at(-1)!.request, undefined, 'exhausted');
  assert.equal(await available, 6n);
});

test('a hold is settled once, for no more than its amount', async () => {
  const harness = new Harness();
  const answer = harness.allowances.take(['a'], 10n, noon);
  harness.grant(1, 'L1', '10');
  const hold = held(await answer);

  assert.throws(() => hold.settle(11n), RangeError);
  assert.throws(() => hold.settle(-1n), RangeError);
  hold.settle(10n);
  assert.throws(() => hold.settle(10n), /once/);
});

test('who lacks a part asks for that part, since a grant adds to the lease that is here', async () => {
  const harness = new Harness();
  const first = harness.allowances.take(['a'], 6n, noon);
  harness.grant(1, 'L1', '6');
  held(await first).settle(0n);
  harness.allowances.granted(2, undefined, 'exhausted');

  const second = harness.allowances.take(['a'], 10n, noon);
  assert.equal(harness.requests().at(-1)?.needAtto, '4');
  harness.grant(harness.requests().at(-1)!.request, 'L1', '4');

  assert.equal(held(await second).leases[0]?.lease, 'L1');
  assert.deepEqual(harness.returns(), []);
});

test('the remainders of several leases go back before more is asked for', async () => {
  const harness = new Harness();
  const first = harness.allowances.take(['a'], 6n, noon);
  harness.grant(1, 'L1', '6');
  held(await first).settle(0n);
  harness.allowances.granted(2, undefined, 'exhausted');

  const second = harness.allowances.take(['a'], 10n, noon);
  harness.grant(harness.requests().at(-1)!.request, 'L2', '7');
  assert.deepEqual(
    harness.returns().map(({ lease, amountAtto }) => [lease, amountAtto]),
    [
      ['L1', '6'],
      ['L2', '7'],
    ],
  );
  assert.equal(harness.requests().at(-1)?.needAtto, '10');
  harness.grant(harness.requests().at(-1)!.request, 'L3', '13');

  assert.equal(held(await second).leases[0]?.lease, 'L3');
});

test('a budget that was asked for ahead answers its first request at once', () => {
  const harness = new Harness();

  harness.allowances.prefetch([{ id: 'a', limitAtto: 50_000n }], noon);
  assert.deepEqual(harness.sent, [
    {
      type: 'lease-request',
      request: 1,
      budget: 'a',
      window: '2026-11-20',
      needAtto: '0',
      dueAtto: '0',
      wantAtto: '50',
    },
  ]);
  harness.grant(1, 'L1', '50');

  assert.ok(!(harness.allowances.take(['a'], 10n, noon) instanceof Promise));
});

test('a recall returns what is unused and keeps what is held', async () => {
  const harness = new Harness();
  const answer = harness.allowances.take(['a'], 10n, noon);
  harness.grant(1, 'L1', '25');
  await answer;

  harness.allowances.recall('a', '2026-11-20');
  harness.allowances.recall('b', '2026-11-20');

  assert.deepEqual(harness.returns(), [
    { type: 'return', budget: 'a', window: '2026-11-20', lease: 'L1', amountAtto: '15' },
    { type: 'return', budget: 'b', window: '2026-11-20', lease: '', amountAtto: '0' },
  ]);
});

test('when the window is over its unused allowance goes back, and a new one is asked for', async () => {
  const harness = new Harness();
  const answer = harness.allowances.take(['a'], 10n, noon);
  harness.grant(1, 'L1', '20');
  const hold = held(await answer);
  const tomorrow = Date.parse('2026-11-21T00:00:00Z');

  harness.allowances.sweep(tomorrow);
  hold.settle(3n);
  harness.allowances.sweep(tomorrow);
  void harness.allowances.take(['a'], 10n, tomorrow);

  assert.deepEqual(
    harness.returns().map(({ window, amountAtto }) => [window, amountAtto]),
    [
      ['2026-11-20', '10'],
      ['2026-11-20', '7'],
    ],
  );
  assert.equal(harness.requests().at(-1)?.window, '2026-11-21');
});

test('under a lowered limit everything unused goes back, also what holds leave, until there is a new grant', async () => {
  const harness = new Harness();
  const answer = harness.allowances.take(['a'], 10n, noon);
  harness.grant(1, 'L1', '25');
  const hold = held(await answer);

  harness.allowances.limitLowered('a');
  hold.settle(4n);
  void harness.allowances.take(['a'], 3n, noon);
  harness.grant(harness.requests().at(-1)!.request, 'L1', '3');

  assert.deepEqual(
    harness.returns().map(({ lease, amountAtto }) => [lease, amountAtto]),
    [
      ['L1', '15'],
      ['L1', '6'],
    ],
  );
});

test('a budget that is not configured here cannot be verified', () => {
  const harness = new Harness();
  harness.known.delete('a');

  assert.equal(refused(harness.allowances.take(['a'], 1n, noon) as Fault), 'budget_unverifiable');
});

test('over any interleaving the cap holds, every taker is answered in time, and nothing granted is lost', async () => {
  const step = fc.oneof(
    {
      weight: 6,
      arbitrary: fc.record({
        do: fc.constantFrom('take-a' as const, 'take-b' as const, 'take-both' as const),
        n: fc.integer({ min: 1, max: 30 }),
      }),
    },
    { weight: 5, arbitrary: fc.record({ do: fc.constant('settle' as const), n: fc.integer({ min: 0, max: 100 }) }) },
    { weight: 6, arbitrary: fc.record({ do: fc.constant('answer' as const), n: fc.integer({ min: 0, max: 3 }) }) },
    { weight: 2, arbitrary: fc.record({ do: fc.constant('wait' as const), n: fc.integer({ min: 1, max: 60 }) }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('recall' as const), n: fc.integer({ min: 0, max: 1 }) }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('sweep' as const), n: fc.constant(0) }) },
  );
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 20, max: 200 }), fc.array(step, { maxLength: 100 }), async (limit, steps) => {
      const harness = new Harness();
      const vault = new Map([
        ['a', BigInt(limit)],
        ['b', BigInt(limit)],
      ]);
      const out = new Map([
        ['a', 0n],
        ['b', 0n],
      ]);
      const charged = new Map([
        ['a', 0n],
        ['b', 0n],
      ]);
      const holds: { hold: BudgetHold; budgets: string[] }[] = [];
      let waiting = 0;
      let leases = 0;
      // The supervisor's side: in order, exact, and sometimes silent.
      const answerNext = (mood: number): boolean => {
        const message = harness.sent.shift();
        if (message === undefined) return false;
        if (message.type === 'return') {
          const amount = BigInt(message.amountAtto);
          vault.set(message.budget, vault.get(message.budget)! + amount);
          out.set(message.budget, out.get(message.budget)! - amount);
        }
        if (message.type === 'lease-request') {
          const left = vault.get(message.budget)!;
          const need = BigInt(message.needAtto);
          const want = BigInt(message.wantAtto) < left ? BigInt(message.wantAtto) : left;
          if (mood === 3) harness.allowances.granted(message.request, undefined, 'unverifiable');
          else if (left < need || want === 0n) harness.allowances.granted(message.request, undefined, 'exhausted');
          else {
            vault.set(message.budget, left - want);
            out.set(message.budget, out.get(message.budget)! + want);
            if (mood > 0) leases += 1;
            harness.grant(message.request, `L${leases}`, want.toString());
          }
        }
        return true;
      };
      const take = (budgets: string[], amount: bigint) => {
        waiting += 1;
        void Promise.resolve(harness.allowances.take(budgets, amount, noon)).then(answer => {
          waiting -= 1;
          if (!(answer instanceof Fault)) holds.push({ hold: answer, budgets });
        });
      };
      const settle = (percent: bigint) => {
        const next = holds.shift();
        if (next === undefined) return;
        const cost = (next.hold.amount * percent) / 100n;
        for (const budget of next.budgets) charged.set(budget, charged.get(budget)! + cost);
        next.hold.settle(cost);
      };
      for (const { do: what, n } of steps) {
        if (what === 'take-a') take(['a'], BigInt(n));
        if (what === 'take-b') take(['b'], BigInt(n));
        if (what === 'take-both') take(['a', 'b'], BigInt(n));
        if (what === 'settle') settle(BigInt(n));
        if (what === 'answer') answerNext(n);
        if (what === 'wait') harness.time.advance(n);
        if (what === 'recall') harness.allowances.recall(n === 0 ? 'a' : 'b', '2026-11-20');
        if (what === 'sweep') harness.allowances.sweep(noon);
        await new Promise(resolve => setImmediate(resolve));
        for (const budget of ['a', 'b']) {
          let held = 0n;
          for (const { hold, budgets } of holds) if (budgets.includes(budget)) held += hold.amount;
          assert.ok(charged.get(budget)! + held <= out.get(budget)!, 'more is held and charged than was granted');
          assert.ok(out.get(budget)! + vault.get(budget)! === BigInt(limit));
        }
      }

      harness.time.advance(50);
      await new Promise(resolve => setImmediate(resolve));
      assert.equal(waiting, 0, 'a taker was not answered within 50 ms');
      while (holds.length > 0) settle(50n);
      while (answerNext(1));
      harness.allowances.returnAll();
      while (answerNext(1));
      for (const budget of ['a', 'b']) assert.equal(out.get(budget), charged.get(budget), 'granted allowance was lost');
    }),
    { numRuns: 300 },
  );
});

/** A harness whose budget `a` was found exhausted by a taker of ten. */
async function exhaustedHarness(): Promise<Harness> {
  const harness = new Harness();
  const first = harness.allowances.take(['a'], 10n, noon);
  harness.allowances.granted(1, undefined, 'exhausted');
  assert.equal(refused(await first), 'budget_exhausted');
  return harness;
}

test('at a budget that was just found exhausted others are refused at once, without a question', async () => {
  const harness = await exhaustedHarness();

  for (let i = 0; i < 100; i += 1) {
    const answer = harness.allowances.take(['a'], 10n, noon);
    assert.ok(answer instanceof Fault);
    assert.equal(answer.code, 'budget_exhausted');
  }
  assert.equal(harness.requests().length, 1);
});

test('a smaller need, and another budget, are asked about all the same', async () => {
  const harness = await exhaustedHarness();

  const smaller = harness.allowances.take(['a'], 9n, noon);
  const other = harness.allowances.take(['b'], 10n, noon);
  assert.deepEqual(
    harness.requests().map(({ budget, needAtto }) => [budget, needAtto]),
    [
      ['a', '10'],
      ['a', '9'],
      ['b', '10'],
    ],
  );
  harness.grant(2, 'L1', '9');
  harness.grant(3, 'L2', '10');

  held(await smaller);
  held(await other);
});

test('what is settled serves whom it suffices for, however exhausted the budget was', async () => {
  const harness = new Harness();
  const first = harness.allowances.take(['a'], 10n, noon);
  harness.grant(1, 'L1', '10');
  const hold = held(await first);
  const second = harness.allowances.take(['a'], 10n, noon);
  const ask = harness.requests().at(-1)!.request;
  harness.allowances.granted(ask, undefined, 'exhausted');
  if (harness.requests().length > ask) harness.allowances.granted(ask + 1, undefined, 'exhausted');
  assert.equal(refused(await second), 'budget_exhausted');

  hold.settle(4n);

  assert.ok(!(harness.allowances.take(['a'], 6n, noon) instanceof Promise));
});

test('a quarter of a second later one asks anew, and the others are answered by what is known meanwhile', async () => {
  const harness = await exhaustedHarness();
  harness.time.advance(250);

  const asking = harness.allowances.take(['a'], 10n, noon);
  const other = harness.allowances.take(['a'], 10n, noon);

  assert.ok(asking instanceof Promise);
  assert.ok(other instanceof Fault);
  harness.grant(2, 'L1', '100');
  held(await asking);
  assert.ok(!(harness.allowances.take(['a'], 10n, noon) instanceof Fault));
});

test('without an answer a budget known to be exhausted a moment ago is, and one known for a second is unverifiable', async () => {
  const harness = await exhaustedHarness();
  harness.time.advance(900);
  const soon = harness.allowances.take(['a'], 10n, noon);
  harness.time.advance(50);
  assert.equal(refused(await soon), 'budget_exhausted');

  harness.time.advance(50);
  const late = harness.allowances.take(['a'], 10n, noon);
  harness.time.advance(50);
  assert.equal(refused(await late), 'budget_unverifiable');
});

test('a limit that changed is asked about at once, also when the old answer comes after the change', async () => {
  const harness = await exhaustedHarness();

  harness.allowances.limitsChanged();
  const raised = harness.allowances.take(['a'], 10n, noon);
  assert.equal(harness.requests().length, 2);
  harness.allowances.limitsChanged();
  harness.allowances.granted(2, undefined, 'exhausted');
  assert.equal(refused(await raised), 'budget_exhausted');

  assert.ok(harness.allowances.take(['a'], 10n, noon) instanceof Promise);
});

test('what goes back can be asked for again', async () => {
  const harness = new Harness();
  const first = harness.allowances.take(['a'], 4n, noon);
  harness.grant(1, 'L1', '80');
  held(await first);
  const large = harness.allowances.take(['a'], 80n, noon);
  const ask = harness.requests().at(-1)!;
  assert.equal(ask.needAtto, '4');
  harness.allowances.granted(ask.request, undefined, 'exhausted');
  assert.equal(refused(await large), 'budget_exhausted');

  harness.allowances.recall('a', '2026-11-20');

  assert.ok(harness.allowances.take(['a'], 76n, noon) instanceof Promise);
});

test('nobody waits longer than 50 ms where the ledger may be away, and a second while it is known to answer', async () => {
  const harness = new Harness();
  const waited = async (ms: number, waitMsMax?: number) => {
    const answer = harness.allowances.take(['a'], 10n, noon, waitMsMax);
    let over = false;
    void Promise.resolve(answer).then(() => {
      over = true;
    });
    harness.time.advance(ms - 1);
    await Promise.resolve();
    assert.equal(over, false);
    harness.time.advance(1);
    assert.equal(refused(await answer), 'budget_unverifiable');
  };
  await waited(50);
  harness.allowances.ledgerAnswers(true);
  await waited(1_000);
  // What the request's own deadline leaves is less.
  await waited(300, 300);
  harness.allowances.ledgerAnswers(false);
  await waited(50);
});

test('who waits already is told when the ledger goes away, and when it is back', async () => {
  const harness = new Harness();
  harness.allowances.ledgerAnswers(true);
  const gone = harness.allowances.take(['a'], 10n, noon);
  harness.time.advance(400);
  harness.allowances.ledgerAnswers(false);
  harness.time.advance(0);
  assert.equal(refused(await gone), 'budget_unverifiable');

  const back = harness.allowances.take(['b'], 10n, noon);
  harness.time.advance(40);
  harness.allowances.ledgerAnswers(true);
  harness.time.advance(500);
  harness.grant(harness.requests().at(-1)!.request, 'lease', '10');
  assert.equal(held(await back).amount, 10n);
});
