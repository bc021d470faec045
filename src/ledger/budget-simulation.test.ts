import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { createTestDatabase } from '../../test/support/database.ts';
import { admitOf, attemptOf, endOf, exchangeId, progressOf } from '../../test/support/exchanges.ts';
import { type CompletedExchange, ExchangeAssembler, leaseCharge } from '../journal/assemble.ts';
import { connect } from '../store/connect.ts';
import { AllowanceBook } from './allowance-book.ts';
import { checkLedger } from './check.ts';
import { LedgerLeases } from './leases.ts';
import { LedgerShipping } from './shipping.ts';

const at = { budget: 'b1', window: '2026-11-01' };
const workers = [1, 2, 3];
/** An exchange of the test costs 0.0007 USD; its hold is 0.0008. */
const holdAtto = 800_000_000_000_000n;
/** Forty exchanges and a rest that none fits into. */
const limitAtto = 40n * 700_000_000_000_000n + 500_000_000_000_000n;

describe('a hard budget over the lives of two replicas', () => {
  for (const seed of [1, 2, 3, 4]) {
    test(`is never passed and can be spent, whoever is killed when (seed ${seed})`, async () => {
      const random = randomFrom(seed);
      const pick = <T>(choices: readonly T[]): T => choices[Math.floor(random() * choices.length)]!;
      const database = await createTestDatabase();
      const store = connect(database.url);
      const leases = new LedgerLeases(store);
      const replicas = ['j1', 'j2'].map(
        journal => new SimulatedReplica(journal, leases, new LedgerShipping(store, journal)),
      );

      for (let step = 0; step < 250; step += 1) {
        const replica = pick(replicas);
        const action = pick([
          'serve',
          'serve',
          'serve',
          'serve',
          'end',
          'end',
          'ship',
          'ship',
          'giveBack',
          'kill',
          'crash',
        ]);
        if (action === 'crash' && random() < 0.7) continue;
        await replica.act(action, pick(workers), random);
        if (step % 50 === 0) assert.deepEqual(await checkLedger(store), []);
      }
      // Everybody restarts in peace; then the rest of the budget is spent, exchange by exchange.
      for (const replica of replicas) await replica.act('crash', 1, random);
      for (const replica of [...replicas, replicas[0]!]) {
        while (await replica.serve(1)) await replica.end(1);
        await replica.act('crash', 1, random);
      }

      assert.deepEqual(await checkLedger(store), []);
      const { rows } = await store.pool.query(
        'select coalesce(sum(sell_atto), 0) as charged, max(over_hold_atto) as over from exchange',
      );
      const charged = rows[0].charged as bigint;
      assert.equal(rows[0].over, 0n);
      assert.ok(charged <= limitAtto, `charged ${charged}`);
      assert.ok(charged > limitAtto - holdAtto, `charged ${charged}: an exchange would have fitted`);
      const windows = await store.pool.query('select leased_atto, spent_atto from budget_window');
      assert.deepEqual(windows.rows, [{ leased_atto: 0n, spent_atto: charged }]);
      await store.close();
      await database.drop();
    });
  }
});

interface SimulatedWorker {
  /** Unused allowance, by lease. */
  readonly unused: Map<string, bigint>;
  readonly journal: ExchangeAssembler;
  readonly open: { readonly id: string; readonly lease: string }[];
  readonly unshipped: CompletedExchange[];
}

let exchanges = 0;

/** A supervisor with its workers, without sockets and files: the book, the leases and the ledger are the real ones. */
class SimulatedReplica {
  readonly #journal: string;
  readonly #leases: LedgerLeases;
  readonly #shipping: LedgerShipping;
  #generation = 1;
  #book = new AllowanceBook();
  #workers = new Map<number, SimulatedWorker>();

  constructor(journal: string, leases: LedgerLeases, shipping: LedgerShipping) {
    this.#journal = journal;
    this.#leases = leases;
    this.#shipping = shipping;
  }

  async act(action: string, number: number, random: () => number): Promise<void> {
    if (action === 'serve') await this.serve(number);
    else if (action === 'end') await this.end(number);
    else if (action === 'ship') await this.#ship(number, false);
    else if (action === 'kill') await this.#kill(number);
    else if (action === 'crash') await this.#crash();
    else if (action === 'giveBack') {
      this.#giveBack(number);
      if (random() < 0.5)
        for (const free of this.#book.takeFree(at)) await this.#leases.release(free.lease, free.amountAtto);
    }
  }

  /** Admits and sends one exchange if the budget holds it. */
  async serve(number: number): Promise<boolean> {
    const worker = this.#worker(number);
    if (unusedOf(worker) < holdAtto) {
      this.#giveBack(number);
      if (this.#book.largestFree(at) < holdAtto) await this.#acquire();
      const granted = this.#book.grant(at, number, {
        needAtto: holdAtto,
        dueAtto: holdAtto,
        wantAtto: 3n * holdAtto,
        workers: workers.length,
      });
      if (granted === undefined) return false;
      worker.unused.set(granted.lease, (worker.unused.get(granted.lease) ?? 0n) + granted.amountAtto);
    }
    const [lease, unused] = [...worker.unused].find(([, amount]) => amount >= holdAtto)!;
    worker.unused.set(lease, unused - holdAtto);
    const id = exchangeId(++exchanges);
    worker.open.push({ id, lease });
    worker.journal.accept(admitOf(this.#sketch(id, lease)), { sequence: 1, offset: 0 });
    worker.journal.accept(attemptOf(this.#sketch(id, lease)), { sequence: 1, offset: 0 });
    worker.journal.accept(progressOf(this.#sketch(id, lease), 10), { sequence: 1, offset: 0 });
    return true;
  }

  /** Ends the oldest open exchange: its hold is settled, what it did not cost is unused again. */
  async end(number: number): Promise<void> {
    const worker = this.#worker(number);
    const ending = worker.open.shift();
    if (ending === undefined) return;
    const completed = worker.journal.accept(endOf(this.#sketch(ending.id, ending.lease)), { sequence: 1, offset: 0 });
    assert.ok(typeof completed === 'object');
    worker.unshipped.push(completed);
    worker.unused.set(ending.lease, worker.unused.get(ending.lease)! + holdAtto - leaseCharge(completed));
  }

  async #acquire(): Promise<void> {
    const block = await this.#leases.acquire({
      ...at,
      limitAtto,
      needAtto: holdAtto - this.#book.largestFree(at),
      dueAtto: 0n,
      wantAtto: 6n * holdAtto,
      holder: `${this.#journal}:${this.#generation}`,
    });
    if (typeof block !== 'string') this.#book.addBlock(at, block.lease, block.amountAtto);
  }

  #giveBack(number: number): void {
    const worker = this.#worker(number);
    for (const [lease, amount] of worker.unused) assert.ok(this.#book.giveBack(at, number, lease, amount));
    worker.unused.clear();
    // An open exchange's lease must stay known, for what it does not cost.
    for (const { lease } of worker.open) worker.unused.set(lease, worker.unused.get(lease) ?? 0n);
  }

  async #ship(number: number, dead: boolean): Promise<void> {
    const worker = this.#worker(number);
    const batch = worker.unshipped.splice(0);
    await this.#shipping.ship({ exchanges: batch, positions: [], alerts: [] });
    for (const exchange of batch) {
      for (const { lease } of exchange.admit.hold.leases) {
        assert.ok(this.#book.shipped(number, dead, lease, leaseCharge(exchange)));
      }
    }
  }

  /** The worker dies; later everything it wrote is shipped, open exchanges by rule. */
  async #kill(number: number): Promise<void> {
    const worker = this.#worker(number);
    this.#book.died(number);
    worker.unshipped.push(...worker.journal.settleAll('delivered'));
    await this.#ship(number, true);
    this.#book.settled(number);
    this.#workers.delete(number);
  }

  /** The supervisor and its workers die; the next generation takes the journal over and ends the leases before it. */
  async #crash(): Promise<void> {
    for (const [number, worker] of this.#workers) {
      worker.unshipped.push(...worker.journal.settleAll('delivered'));
      const batch = worker.unshipped;
      await this.#shipping.ship({ exchanges: batch, positions: [], alerts: [] });
      await this.#shipping.ship({ exchanges: batch, positions: [], alerts: [] });
      this.#workers.delete(number);
    }
    this.#generation += 1;
    this.#book = new AllowanceBook();
    await this.#leases.closeEarlier(this.#journal, `${this.#journal}:${this.#generation}`);
  }

  #worker(number: number): SimulatedWorker {
    let worker = this.#workers.get(number);
    if (worker === undefined) {
      worker = { unused: new Map(), journal: new ExchangeAssembler(), open: [], unshipped: [] };
      this.#workers.set(number, worker);
    }
    return worker;
  }

  #sketch(id: string, lease: string) {
    return { id, atMs: Date.UTC(2026, 10, 20, 9), leases: [{ ...at, lease }], holdAtto: holdAtto.toString() };
  }
}

function unusedOf(worker: SimulatedWorker): bigint {
  let most = 0n;
  for (const amount of worker.unused.values()) most = amount > most ? amount : most;
  return most;
}

/** Mulberry32: small, and the same on every machine. */
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
