import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { VirtualTime } from '../../test/support/virtual-time.ts';
import { Fault } from '../completion/fault.ts';
import type { BudgetHold } from '../gateway/ports.ts';
import { AllowanceBroker, type BrokerLeases } from '../ledger/broker.ts';
import type { ToSupervisor, ToWorker } from './messages.ts';
import { WorkerAllowances } from './worker-allowances.ts';

const noon = Date.parse('2026-11-20T12:00:00Z');
const window = '2026-11-20';

/** The ledger's arithmetic of one budget, which may stop answering. */
class Ledger implements BrokerLeases {
  answers = true;
  leased = 0n;
  readonly limit: bigint;
  constructor(limit: bigint) {
    this.limit = limit;
  }
  async acquire({ needAtto, wantAtto }: { needAtto: bigint; wantAtto: bigint }) {
    if (!this.answers) throw new Error('the ledger does not answer');
    const free = this.limit - this.leased;
    if (free === 0n || free < needAtto) return 'exhausted' as const;
    const share = wantAtto < free / 2n ? wantAtto : free / 2n;
    const amountAtto = share > needAtto ? share : needAtto;
    if (amountAtto === 0n) return 'exhausted' as const;
    this.leased += amountAtto;
    return { lease: 'lse_1', amountAtto };
  }
  async release(_lease: string, amountAtto: bigint) {
    if (!this.answers) throw new Error('the ledger does not answer');
    this.leased -= amountAtto;
    return true;
  }
  async renew() {}
  async close() {}
  async askOthers() {
    return true;
  }
}

interface Exchange {
  readonly worker: number;
  readonly hold: BudgetHold;
}

/** A replica's whole chain of budgets: ledger, broker, channels that deliver when told, workers. */
class Chain {
  readonly time = new VirtualTime();
  readonly ledger: Ledger;
  readonly broker: AllowanceBroker;
  readonly workers = new Map<number, WorkerAllowances>();
  readonly up = new Map<number, ToSupervisor[]>();
  readonly down = new Map<number, ToWorker[]>();
  readonly open: Exchange[] = [];
  /** Ended and journaled, not shipped: by worker. */
  readonly journaled = new Map<number, bigint>();
  readonly dead: number[] = [];
  charged = 0n;
  waiting = 0;
  #lastWorker = 0;

  constructor(limit: bigint) {
    this.ledger = new Ledger(limit);
    this.broker = new AllowanceBroker({
      leases: this.ledger,
      holder: 'replica:1',
      limitAtto: () => limit,
      isCurrent: () => true,
      workers: () => [...this.workers.keys()],
      settlingEarlier: () => false,
      send: (worker, message) => this.down.get(worker)?.push(message),
      after: this.time.after,
      nowMs: this.time.monotonicMs,
      log: message => {
        throw new Error(message);
      },
    });
    this.addWorker();
    this.addWorker();
  }

  addWorker(): void {
    this.#lastWorker += 1;
    const worker = this.#lastWorker;
    this.up.set(worker, []);
    this.down.set(worker, []);
    this.workers.set(
      worker,
      new WorkerAllowances({
        budget: id => ({ id, period: 'day' }),
        send: message => this.up.get(worker)?.push(message),
        monotonicMs: this.time.monotonicMs,
        after: this.time.after,
      }),
    );
  }

  nth(index: number): number {
    return [...this.workers.keys()][index % this.workers.size]!;
  }

  take(worker: number, amount: bigint): void {
    this.waiting += 1;
    void Promise.resolve(this.workers.get(worker)!.take(['b'], amount, noon)).then(answer => {
      // Whoever waited in a worker that died is gone with it.
      if (!this.workers.has(worker)) return;
      this.waiting -= 1;
      if (!(answer instanceof Fault)) this.open.push({ worker, hold: answer });
    });
  }

  settle(percent: bigint): void {
    const exchange = this.open.shift();
    if (exchange === undefined) return;
    const cost = (exchange.hold.amount * percent) / 100n;
    this.#journal(exchange.worker, cost);
    exchange.hold.settle(cost);
  }

  deliver(worker: number, direction: 'up' | 'down'): boolean {
    const message = direction === 'up' ? this.up.get(worker)?.shift() : this.down.get(worker)?.shift();
    if (message?.type === 'lease-request') this.broker.request(worker, message);
    if (message?.type === 'return') this.broker.returned(worker, message);
    if (message?.type === 'grant') this.workers.get(worker)?.granted(message.request, message.grant, message.refusal);
    if (message?.type === 'recall') this.workers.get(worker)?.recall(message.budget, message.window);
    return message !== undefined;
  }

  ship(worker: number): void {
    const atto = this.journaled.get(worker) ?? 0n;
    if (atto === 0n) return;
    this.journaled.delete(worker);
    this.broker.shipped(worker, !this.workers.has(worker), new Map([['lse_1', atto]]));
  }

  /** What it held open is charged whole, as an orphan can be; it is settled once its journal is shipped. */
  async kill(worker: number): Promise<void> {
    this.workers.delete(worker);
    this.up.delete(worker);
    this.down.delete(worker);
    for (const exchange of this.open.filter(each => each.worker === worker)) {
      this.open.splice(this.open.indexOf(exchange), 1);
      this.#journal(worker, exchange.hold.amount);
    }
    this.broker.workerDied(worker);
    this.dead.push(worker);
    this.addWorker();
  }

  settleDead(): void {
    const worker = this.dead.shift();
    if (worker === undefined) return;
    this.ship(worker);
    this.broker.workerSettled(worker);
  }

  #journal(worker: number, cost: bigint): void {
    this.charged += cost;
    this.journaled.set(worker, (this.journaled.get(worker) ?? 0n) + cost);
  }

  get held(): bigint {
    return this.open.reduce((sum, { hold }) => sum + hold.amount, 0n);
  }

  /** Delivers everything and lets time pass until nobody waits. */
  async quiet(): Promise<void> {
    for (let round = 0; round < 40; round += 1) {
      for (const worker of [...this.workers.keys()]) {
        while (this.deliver(worker, 'up') || this.deliver(worker, 'down')) await turn();
      }
      this.time.advance(5);
      await turn();
    }
  }
}

test('over any interleaving of takes, ends, crashes and shipments the cap holds and no budget is lost', async () => {
  const index = fc.integer({ min: 0, max: 3 });
  const step = fc.oneof(
    { weight: 8, arbitrary: fc.record({ do: fc.constant('take' as const), n: fc.integer({ min: 1, max: 40 }) }) },
    { weight: 6, arbitrary: fc.record({ do: fc.constant('settle' as const), n: fc.integer({ min: 0, max: 100 }) }) },
    { weight: 8, arbitrary: fc.record({ do: fc.constant('up' as const), n: index }) },
    { weight: 8, arbitrary: fc.record({ do: fc.constant('down' as const), n: index }) },
    { weight: 3, arbitrary: fc.record({ do: fc.constant('wait' as const), n: fc.integer({ min: 1, max: 30 }) }) },
    { weight: 3, arbitrary: fc.record({ do: fc.constant('ship' as const), n: index }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('kill' as const), n: index }) },
    { weight: 2, arbitrary: fc.record({ do: fc.constant('settle-dead' as const), n: index }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('asked' as const), n: index }) },
  );
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 10, max: 300 }), fc.array(step, { maxLength: 80 }), async (limit, steps) => {
      const chain = new Chain(BigInt(limit));
      for (const { do: what, n } of steps) {
        if (what === 'take') chain.take(chain.nth(n), BigInt(n));
        if (what === 'settle') chain.settle(BigInt(n));
        if (what === 'up' || what === 'down') chain.deliver(chain.nth(n), what);
        if (what === 'wait') chain.time.advance(n);
        if (what === 'ship') chain.ship(chain.nth(n));
        if (what === 'kill') await chain.kill(chain.nth(n));
        if (what === 'settle-dead') chain.settleDead();
        if (what === 'asked') chain.broker.asked('b', window);
        await turn();
        assert.ok(chain.charged + chain.held <= chain.ledger.leased, 'more is charged and held than is leased');
        assert.ok(chain.ledger.leased <= BigInt(limit), 'more is leased than the limit');
      }

      // Everything ends, everything is shipped: what was not charged can be taken whole by whoever asks.
      await chain.quiet();
      while (chain.open.length > 0) chain.settle(30n);
      while (chain.dead.length > 0) chain.settleDead();
      for (const worker of [...chain.workers.keys()]) chain.ship(worker);
      await chain.quiet();
      const left = BigInt(limit) - chain.charged;
      if (left > 0n) {
        chain.take(chain.nth(0), left);
        await chain.quiet();
        assert.equal(chain.held, left, `${left} left of ${limit}, but it cannot be taken`);
      }
      chain.take(chain.nth(1), 1n);
      await chain.quiet();
      assert.equal(chain.held, left, 'something can be taken that is not there');
    }),
    { numRuns: 150 },
  );
});

test('with the ledger away, allowance that is here is used and nothing beyond it', async () => {
  const chain = new Chain(1_000n);
  chain.take(1, 10n);
  await chain.quiet();
  chain.ledger.answers = false;

  // What the broker logs about a ledger that is away is no error here.
  for (let i = 0; i < 8; i += 1) chain.take(1, 10n);
  await turn();

  assert.equal(chain.held, 90n);
});

function turn(): Promise<void> {
  return new Promise(resolve => setImmediate(resolve));
}
