import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, test } from 'node:test';
import { createTestDatabase, type TestDatabase } from '../../test/support/database.ts';
import { connect, type Store } from '../store/connect.ts';
import { AllowanceBroker, type BrokerLeases, type BrokerMessage, type BrokerOptions } from './broker.ts';
import { checkLedger } from './check.ts';
import { LedgerLeases } from './leases.ts';

const window = '2026-11-01';

describe('the allowance broker', () => {
  let database: TestDatabase;
  let store: Store;
  before(async () => {
    database = await createTestDatabase();
    store = connect(database.url);
    // The first query of a connection loads catalogues; requests of a running replica do not pay for that.
    await Promise.all(Array.from({ length: 5 }, () => new LedgerLeases(store).release('lse_none', 0n)));
  });
  after(async () => {
    await store.close();
    await database.drop();
  });
  beforeEach(() => store.pool.query('truncate budget_window, lease, alert'));

  test('grants from the ledger, and then from its own book without asking', async () => {
    const replica = new Replica(new LedgerLeases(store), 'j1:1', [1, 2]);

    const first = await replica.ask(1, 10n, 100n);
    assert.ok(first.grant);
    assert.ok(BigInt(first.grant.amountAtto) >= 10n);
    await replica.settledDown();
    const acquires = replica.acquires;
    const second = replica.ask(2, 1n, 1n);
    assert.equal(replica.answeredAtOnce, true);
    assert.equal((await second).grant?.amountAtto, '1');
    assert.ok(replica.acquires - acquires <= 1);
  });

  test('gives the last of the budget to whoever needs it, recalling what other workers do not use', async () => {
    const replica = new Replica(new LedgerLeases(store), 'j1:1', [1, 2]);
    const idle = await replica.ask(1, 600n, 600n);
    assert.equal(idle.grant?.amountAtto, '600');

    const needy = await replica.ask(2, 1_000n, 1_000n);

    assert.equal(needy.refusal, undefined);
    assert.equal(needy.grant?.amountAtto, '1000');
    assert.deepEqual(replica.recalls, [1]);
    // All of it is held by exchanges now, so a recall finds nothing.
    replica.unused.get(2)!.clear();
    assert.equal((await replica.ask(1, 1n, 1n)).refusal, 'exhausted');
    assert.deepEqual(await checkLedger(store), []);
  });

  test('gets from another replica what that one does not use', async () => {
    const leases = new LedgerLeases(store);
    const here = new Replica(leases, 'j1:1', [1]);
    const there = new Replica(leases, 'j2:1', [1]);
    // Notifications, without a second connection: the other replica is told at once.
    here.askOthers = () => there.broker.asked('b1', window);
    await there.ask(1, 900n, 900n);

    const answer = await here.ask(1, 800n, 800n);

    assert.equal(answer.grant?.amountAtto, '800');
    assert.deepEqual(await checkLedger(store), []);
  });

  test('refuses as exhausted only what the limit forbids', async () => {
    const replica = new Replica(new LedgerLeases(store), 'j1:1', [1]);

    assert.equal((await replica.ask(1, 1_001n, 1_001n)).refusal, 'exhausted');
    assert.equal((await replica.ask(1, 1_000n, 1_000n)).grant?.amountAtto, '1000');
    assert.equal((await replica.ask(1, 1n, 1n)).refusal, 'exhausted');
    assert.equal((await replica.ask(1, 1n, 1n, 'unknown')).refusal, 'unverifiable');
  });

  test('under a lowered limit nothing is dealt but what the ledger grants under it', async () => {
    const replica = new Replica(new LedgerLeases(store), 'j1:1', [1, 2]);
    const first = await replica.ask(1, 100n, 100n);
    assert.ok(first.grant);
    await replica.settledDown();

    // 100 are held, the rest comes back by itself; 60 are charged in the end.
    replica.limit = 120n;
    replica.broker.limitsChanged();
    replica.unused.get(1)!.clear();
    assert.equal((await replica.ask(2, 21n, 21n)).refusal, 'exhausted');
    assert.equal((await replica.ask(2, 20n, 20n)).grant?.amountAtto, '20');
    replica.unused.get(2)!.clear();
    replica.limit = 70n;
    replica.broker.limitsChanged();
    replica.broker.returned(1, { budget: 'b1', window, lease: first.grant.lease, amountAtto: '40' });

    assert.equal((await replica.ask(2, 1n, 1n)).refusal, 'exhausted');
    assert.deepEqual(await checkLedger(store), []);
  });

  test('a small need is met though a large one at the same time is not', async () => {
    const replica = new Replica(new LedgerLeases(store), 'j1:1', [1, 2, 3]);
    await replica.ask(3, 990n, 990n);
    replica.unused.get(3)!.clear();

    const [large, small] = await Promise.all([replica.ask(1, 100n, 100n), replica.ask(2, 5n, 5n)]);

    assert.equal(large.refusal, 'exhausted');
    assert.equal(small.grant?.amountAtto, '5');
  });

  test('what was found exhausted is said at once, until something comes back or the limit is raised', async () => {
    const replica = new Replica(new LedgerLeases(store), 'j1:1', [1, 2]);
    const whole = await replica.ask(1, 1_000n, 1_000n);
    replica.unused.get(1)!.clear();
    assert.equal((await replica.ask(2, 10n, 10n)).refusal, 'exhausted');
    const acquires = replica.acquires;

    for (let i = 0; i < 50; i += 1) {
      const again = replica.ask(2, 10n, 10n);
      assert.equal(replica.answeredAtOnce, true);
      assert.equal((await again).refusal, 'exhausted');
    }
    assert.equal(replica.acquires, acquires);

    replica.broker.returned(1, { budget: 'b1', window, lease: whole.grant!.lease, amountAtto: '10' });
    assert.equal((await replica.ask(2, 10n, 10n)).grant?.amountAtto, '10');
    assert.equal((await replica.ask(2, 10n, 10n)).refusal, 'exhausted');
    replica.limit = 1_010n;
    assert.equal((await replica.ask(2, 10n, 10n)).grant?.amountAtto, '10');
  });

  test('a ledger too slow for one request is heard by the next', async () => {
    const leases = new LedgerLeases(store);
    const slow: BrokerLeases = {
      // The test’s clock runs ten times slower, and this is more than fifty of its milliseconds.
      acquire: request => new Promise(resolve => setTimeout(resolve, 700)).then(() => leases.acquire(request)),
      release: (lease, amountAtto) => leases.release(lease, amountAtto),
      renew: async () => {},
      close: async () => {},
      askOthers: async () => false,
    };
    const replica = new Replica(slow, 'j1:1', [1]);

    assert.equal((await replica.ask(1, 1_001n, 1_001n)).refusal, 'unverifiable');
    await replica.settledDown();

    assert.equal((await replica.ask(1, 1_001n, 1_001n)).refusal, 'exhausted');
  });

  test('a dead worker’s part is unverifiable until its journal is shipped, then free again', async () => {
    const replica = new Replica(new LedgerLeases(store), 'j1:1', [1, 2]);
    const lost = await replica.ask(1, 1_000n, 1_000n);
    assert.ok(lost.grant);

    replica.broker.workerDied(1);
    assert.equal((await replica.ask(2, 700n, 700n)).refusal, 'unverifiable');
    replica.broker.shipped(1, true, new Map([[lost.grant.lease, 400n]]));
    replica.broker.workerSettled(1);

    assert.equal((await replica.ask(2, 700n, 700n)).refusal, 'exhausted');
    assert.equal((await replica.ask(2, 600n, 600n)).grant?.amountAtto, '600');
  });

  test('while earlier leases wait for their journals, nothing is called exhausted but what no limit allows', async () => {
    const replica = new Replica(new LedgerLeases(store), 'j1:1', [1]);
    replica.settlingEarlier = true;

    assert.equal((await replica.ask(1, 1_001n, 1_001n)).refusal, 'exhausted');
    assert.ok((await replica.ask(1, 1_000n, 1_000n)).grant);
    assert.equal((await replica.ask(1, 1n, 1n)).refusal, 'unverifiable');
  });

  test('a lone replica refuses without waiting for others, also those who came during the last question', async () => {
    const replica = new Replica(new LedgerLeases(store), 'j1:1', [1, 2]);
    replica.othersHold = false;
    await replica.ask(1, 1_000n, 1_000n);
    replica.unused.get(1)!.clear();

    const refusals = await Promise.all(
      Array.from({ length: 20 }, async (_, n) => {
        for (let turn = 0; turn < n; turn += 1) await new Promise(resolve => setImmediate(resolve));
        return (await replica.ask((n % 2) + 1, 1n, 1n)).refusal;
      }),
    );

    assert.deepEqual(new Set(refusals), new Set(['exhausted']));
  });

  test('answers within 50 ms that nothing can be verified when the ledger does not answer', async () => {
    const silent: BrokerLeases = {
      acquire: () => new Promise(() => {}),
      release: async () => true,
      renew: async () => {},
      close: async () => {},
      askOthers: async () => true,
    };
    // Time passes only from one timer to the next.
    let nowMs = 0;
    const timers = new Map<() => void, number>();
    const replica = new Replica(silent, 'j1:1', [1], (ms, run) => {
      timers.set(run, nowMs + ms);
      return () => timers.delete(run);
    });
    let answer: Awaited<ReturnType<Replica['ask']>> | undefined;
    void replica.ask(1, 1n, 1n).then(each => {
      answer = each;
    });

    while (answer === undefined) {
      const [run, atMs] = [...timers].sort(([, a], [, b]) => a - b)[0]!;
      timers.delete(run);
      nowMs = atMs;
      run();
      await new Promise(resolve => setImmediate(resolve));
    }

    assert.equal(answer.refusal, 'unverifiable');
    assert.equal(nowMs, 45);
  });

  test('a block that comes too late for whoever asked serves the next at once', async () => {
    const late = Promise.withResolvers<void>();
    const leases = new LedgerLeases(store);
    const slow: BrokerLeases = {
      acquire: async request => {
        await late.promise;
        return leases.acquire(request);
      },
      release: (lease, amountAtto) => leases.release(lease, amountAtto),
      renew: async () => {},
      close: async () => {},
      askOthers: async () => true,
    };
    const replica = new Replica(slow, 'j1:1', [1]);

    assert.equal((await replica.ask(1, 10n, 10n)).refusal, 'unverifiable');
    late.resolve();
    await replica.settledDown();
    const next = replica.ask(1, 10n, 10n);

    assert.equal(replica.answeredAtOnce, true);
    assert.equal((await next).grant?.amountAtto, '10');
    // What it asked for ahead must not arrive in the next test.
    await replica.settledDown();
  });

  test('with the ledger away, what other workers do not use still serves', async () => {
    const leases = new LedgerLeases(store);
    const replica = new Replica(leases, 'j1:1', [1, 2]);
    await replica.ask(1, 1_000n, 1_000n);
    await replica.settledDown();
    replica.failing = true;

    assert.equal((await replica.ask(2, 500n, 500n)).grant?.amountAtto, '500');
  });

  test('windows that are over are wound up: nothing stays leased but what was spent', async () => {
    const leases = new LedgerLeases(store);
    const replica = new Replica(leases, 'j1:1', [1]);
    const block = await replica.ask(1, 300n, 300n);
    assert.ok(block.grant);
    await replica.settledDown();
    replica.unused.get(1)!.set(block.grant.lease, 200n);
    await store.pool.query('update lease set spent_atto = 100');
    replica.broker.shipped(1, false, new Map([[block.grant.lease, 100n]]));
    replica.current = false;

    // A sweep leaves alone what a round is under way for; the next one comes back to it.
    const closed = async () => (await store.pool.query("select 1 from lease where state <> 'closed'")).rowCount === 0;
    for (let sweeps = 0; sweeps < 50 && !(await closed()); sweeps += 1) await replica.broker.sweep();

    const { rows } = await store.pool.query('select state, amount_atto, spent_atto from lease');
    assert.deepEqual(rows, [{ state: 'closed', amount_atto: 100n, spent_atto: 100n }]);
    assert.deepEqual(await checkLedger(store), []);
  });

  test('a lease is closed only when all that was given back of it has arrived', async () => {
    const leases = new LedgerLeases(store);
    const slow = Promise.withResolvers<void>();
    const calls: string[] = [];
    const replica = new Replica(
      {
        acquire: request => leases.acquire(request),
        release: async (lease, amountAtto) => {
          await slow.promise;
          calls.push(`release ${amountAtto}`);
          return leases.release(lease, amountAtto);
        },
        renew: async () => {},
        close: async lease => {
          calls.push('close');
          await leases.close(lease);
        },
        askOthers: async () => false,
      },
      'j1:1',
      [1],
    );
    await replica.ask(1, 300n, 300n);
    await replica.settledDown();
    replica.current = false;

    const swept = replica.broker.sweep();
    // Everything is on its way by now, had the sweep not waited.
    for (let turn = 0; turn < 100; turn += 1) await new Promise(resolve => setImmediate(resolve));
    assert.equal(calls.length, 0);
    slow.resolve();
    await swept;
    for (let sweeps = 0; sweeps < 50 && !calls.includes('close'); sweeps += 1) await replica.broker.sweep();

    assert.deepEqual(calls, ['release 500', 'close']);
    assert.deepEqual((await store.pool.query('select state, amount_atto from lease')).rows, [
      { state: 'closed', amount_atto: 0n },
    ]);
  });

  test('many workers of several replicas together spend the whole budget and never more', async () => {
    const leases = new LedgerLeases(store);
    const replicas = [1, 2, 3].map(each => new Replica(leases, `j${each}:1`, [1, 2]));
    for (const replica of replicas) {
      replica.askOthers = () => {
        for (const other of replicas) if (other !== replica) other.broker.asked('b1', window);
      };
    }
    let spent = 0n;
    const spend = async (replica: Replica, worker: number) => {
      for (let refusals = 0; refusals < 2; ) {
        const answer = await replica.ask(worker, 7n, 70n);
        if (answer.grant === undefined) {
          refusals += 1;
          continue;
        }
        // Spends one hold at a time, as exchanges do.
        const held = replica.unused.get(worker)!;
        for (const [lease, unused] of held) {
          const holds = unused / 7n;
          held.set(lease, unused - holds * 7n);
          spent += holds * 7n;
        }
      }
    };

    await Promise.all(replicas.flatMap(replica => [spend(replica, 1), spend(replica, 2)]));

    assert.ok(spent <= 1_000n, `${spent}`);
    assert.ok(spent >= 950n, `${spent}`);
    assert.deepEqual(await checkLedger(store), []);
  });
});

type Answer = Extract<BrokerMessage, { type: 'grant' }>;

/** Ten times slower than life: on a busy machine the database may need longer than a request would wait. */
const slowly: BrokerOptions['after'] = (ms, run) => {
  const timer = setTimeout(run, 10 * ms);
  return () => clearTimeout(timer);
};

/** A broker with workers that answer recalls with everything they have unused. */
class Replica {
  readonly broker: AllowanceBroker;
  readonly recalls: number[] = [];
  /** By worker and lease. */
  readonly unused = new Map<number, Map<string, bigint>>();
  readonly #answers = new Map<number, (answer: Answer) => void>();
  askOthers: () => void = () => {};
  acquires = 0;
  answeredAtOnce = false;
  failing = false;
  settlingEarlier = false;
  othersHold = true;
  limit = 1_000n;
  current = true;
  #requests = 0;
  #underway = 0;

  constructor(
    leases: BrokerLeases,
    holder: string,
    workers: readonly number[],
    after: BrokerOptions['after'] = slowly,
  ) {
    for (const worker of workers) this.unused.set(worker, new Map());
    this.broker = new AllowanceBroker({
      leases: {
        acquire: async request => {
          this.acquires += 1;
          if (this.failing) throw new Error('the database is away');
          this.#underway += 1;
          return leases.acquire(request).finally(() => {
            this.#underway -= 1;
          });
        },
        release: (lease, amountAtto) => leases.release(lease, amountAtto),
        renew: each => leases.renew(each),
        close: lease => leases.close(lease),
        askOthers: async () => {
          this.askOthers();
          return this.othersHold;
        },
      },
      holder,
      limitAtto: budget => (budget === 'b1' ? this.limit : undefined),
      isCurrent: () => this.current,
      workers: () => workers,
      settlingEarlier: () => this.settlingEarlier,
      send: (worker, message) => this.#receive(worker, message),
      after,
      nowMs: Date.now,
    });
  }

  ask(worker: number, needAtto: bigint, wantAtto: bigint, budget = 'b1'): Promise<Answer> {
    const request = ++this.#requests;
    const answer = new Promise<Answer>(resolve => this.#answers.set(request, resolve));
    this.answeredAtOnce = false;
    this.broker.request(worker, {
      request,
      budget,
      window,
      needAtto: needAtto.toString(),
      dueAtto: needAtto.toString(),
      wantAtto: wantAtto.toString(),
    });
    return answer;
  }

  /** Refills that go on in the background are done. */
  async settledDown(): Promise<void> {
    while (this.#underway > 0) await new Promise(resolve => setTimeout(resolve, 5));
    await new Promise(resolve => setImmediate(resolve));
  }

  #receive(worker: number, message: BrokerMessage): void {
    const held = this.unused.get(worker)!;
    if (message.type === 'grant') {
      const { grant } = message;
      if (grant !== undefined) held.set(grant.lease, (held.get(grant.lease) ?? 0n) + BigInt(grant.amountAtto));
      this.answeredAtOnce = true;
      this.#answers.get(message.request)?.(message);
      return;
    }
    this.recalls.push(worker);
    // A worker answers from its own process.
    setImmediate(() => {
      const { budget, window } = message;
      const all = [...held];
      held.clear();
      if (all.length === 0) this.broker.returned(worker, { budget, window, lease: '', amountAtto: '0' });
      for (const [lease, amount] of all) {
        this.broker.returned(worker, { budget, window, lease, amountAtto: amount.toString() });
      }
    });
  }
}
