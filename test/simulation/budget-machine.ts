import assert from 'node:assert/strict';
import { AllowanceBook } from '../../src/ledger/allowance-book.ts';
import { leaseFor } from '../../src/process/allowance-account.ts';

/** Hard budgets as a machine of a few units, walked through in every interleaving: two replicas of two workers, each with the
 *  real book and the real choice of leases, over a ledger in memory with the rules of ledger/leases.ts. A state is
 *  reached by the actions that lead to it, which are run again from the beginning; states that look alike are one. */

const at = { budget: 'busy', window: 'total' };
const idle = { budget: 'idle', window: 'total' };
const limit = 5n;
const hold = 2n;

type LeaseState = 'open' | 'expired' | 'closed';

interface LedgerLease {
  readonly id: string;
  readonly holder: string;
  readonly budget: string;
  amount: bigint;
  spent: bigint;
  state: LeaseState;
}

/** The statements of LedgerLeases, one by one. */
class Ledger {
  readonly leases: LedgerLease[] = [];
  readonly windows = new Map<string, { leased: bigint; spent: bigint }>();

  window(budget: string) {
    let window = this.windows.get(budget);
    if (window === undefined) {
      window = { leased: 0n, spent: 0n };
      this.windows.set(budget, window);
    }
    return window;
  }

  acquire(budget: string, holder: string, need: bigint): { lease: string; amountAtto: bigint } | undefined {
    const window = this.window(budget);
    const free = limit - window.leased - window.spent;
    if (free <= 0n || free < need) return undefined;
    const amountAtto = need > free / 2n ? need : free / 2n;
    window.leased += amountAtto;
    let lease = this.leases.find(each => each.holder === holder && each.budget === budget && each.state === 'open');
    if (lease === undefined) {
      lease = { id: `l${this.leases.length}`, holder, budget, amount: 0n, spent: 0n, state: 'open' };
      this.leases.push(lease);
    }
    lease.amount += amountAtto;
    return { lease: lease.id, amountAtto };
  }

  release(id: string, amount: bigint): void {
    const lease = this.#find(id);
    if (lease.state !== 'open' || lease.amount - lease.spent < amount) return;
    lease.amount -= amount;
    this.window(lease.budget).leased -= amount;
  }

  ship(id: string, charged: bigint): void {
    const lease = this.#find(id);
    lease.spent += charged;
    if (lease.state === 'closed') this.window(lease.budget).spent += charged;
    assert.ok(lease.spent <= lease.amount, 'a lease is spent beyond its amount');
  }

  expire(holder: string): void {
    for (const lease of this.leases) {
      if (lease.holder !== holder || lease.state !== 'open') continue;
      lease.state = 'expired';
      this.window(lease.budget).leased -= lease.amount;
      this.window(lease.budget).spent += lease.amount;
    }
  }

  close(holder: string): void {
    for (const lease of this.leases) {
      if (lease.holder !== holder || lease.state === 'closed') continue;
      const window = this.window(lease.budget);
      if (lease.state === 'open') window.leased -= lease.amount;
      window.spent += lease.state === 'open' ? lease.spent : lease.spent - lease.amount;
      lease.state = 'closed';
    }
  }

  #find(id: string): LedgerLease {
    return this.leases.find(lease => lease.id === id)!; // leases are never forgotten
  }
}

interface Worker {
  readonly number: number;
  readonly free: Map<string, bigint>;
  /** Leases that open exchanges hold `hold` units of. */
  readonly holds: string[];
  /** Journaled and not shipped, by lease. */
  journaled: Map<string, bigint>;
}

interface Replica {
  readonly name: string;
  generation: number;
  book: AllowanceBook;
  workers: Worker[];
  /** Journals of dead workers, not shipped; `generation` is that of their leases. */
  dead: { readonly number: number; readonly generation: number; readonly journaled: Map<string, bigint> }[];
  /** Generations whose leases have not been ended. */
  earlier: number[];
  up: boolean;
}

interface Action {
  readonly type:
    | 'take'
    | 'end'
    | 'end-low'
    | 'ship'
    | 'kill'
    | 'ship-dead'
    | 'give-back'
    | 'crash'
    | 'restart'
    | 'adopt'
    | 'expire';
  readonly replica: number;
  readonly worker: number;
}

/** Most of each that one walk has. */
export interface Bounds {
  readonly takes: number;
  readonly kills: number;
  readonly crashes: number;
  readonly expiries: number;
}

class Machine {
  readonly #bounds: Bounds;
  readonly ledger = new Ledger();
  readonly replicas: Replica[] = ['a', 'b'].map(name => ({
    name,
    generation: 1,
    book: new AllowanceBook(),
    workers: [newWorker(1), newWorker(2)],
    dead: [],
    earlier: [],
    up: true,
  }));
  charged = 0n;
  takes = 0;
  kills = 0;
  crashes = 0;
  expiries = 0;
  #lastWorker = 2;

  constructor(bounds: Bounds) {
    this.#bounds = bounds;
  }

  /** What may happen now. */
  actions(): Action[] {
    return this.replicas.flatMap((replica, index) => {
      const of = (type: Action['type'], worker = 0): Action => ({ type, replica: index, worker });
      const always = [
        ...(this.expiries < this.#bounds.expiries ? [of('expire')] : []),
        ...(replica.up ? [] : [of('restart')]),
      ];
      if (!replica.up) return always;
      return [
        ...always,
        ...(this.crashes < this.#bounds.crashes ? [of('crash')] : []),
        ...(replica.earlier.length > 0 ? [of('adopt')] : []),
        ...(replica.dead.some(({ generation }) => generation === replica.generation) ? [of('ship-dead')] : []),
        ...replica.workers.flatMap(({ free, holds, journaled }, worker) => [
          ...(this.takes < this.#bounds.takes ? [of('take', worker)] : []),
          ...(holds.length > 0 ? [of('end', worker), of('end-low', worker)] : []),
          ...(journaled.size > 0 ? [of('ship', worker)] : []),
          ...(free.size > 0 ? [of('give-back', worker)] : []),
          ...(this.kills < this.#bounds.kills ? [of('kill', worker)] : []),
        ]),
      ];
    });
  }

  run({ type, replica: index, worker: place }: Action): void {
    const replica = this.replicas[index]!;
    const worker = replica.workers[place];
    if (type === 'take') {
      this.takes += 1;
      this.take(replica, worker!, at);
    } else if (type === 'end' || type === 'end-low') this.#end(worker!, type === 'end' ? hold : hold / 2n);
    else if (type === 'ship') this.#ship(replica, worker!);
    else if (type === 'ship-dead') this.#shipDead(replica);
    else if (type === 'give-back') {
      this.#giveBack(replica, worker!);
      this.#giveUp(replica);
    } else if (type === 'kill') {
      this.kills += 1;
      this.#kill(replica, place);
    } else if (type === 'crash') {
      this.crashes += 1;
      this.#crash(replica);
    } else if (type === 'restart') {
      replica.up = true;
      replica.generation += 1;
      replica.workers = [newWorker(++this.#lastWorker), newWorker(++this.#lastWorker)];
    } else if (type === 'adopt') this.#adopt(replica);
    else {
      this.expiries += 1;
      this.ledger.expire(holderOf(replica));
    }
    this.#check();
  }

  /** The steps of worker and broker, one after the other: what is here, the book, the ledger, the other workers, the other
   *  replicas; only then it is refused. */
  take(replica: Replica, worker: Worker, budget: typeof at): boolean {
    const own = () => leaseFor({ free: onlyOf(worker.free, this.ledger, budget.budget) } as never, hold);
    const grant = () => {
      const granted = replica.book.grant(budget, worker.number, {
        needAtto: hold,
        dueAtto: hold,
        wantAtto: 2n * hold,
        workers: 2,
      });
      if (granted !== undefined)
        worker.free.set(granted.lease, (worker.free.get(granted.lease) ?? 0n) + granted.amountAtto);
      return granted !== undefined;
    };
    const acquire = () => {
      const free = replica.book.largestFree(budget);
      const block = this.ledger.acquire(budget.budget, holderOf(replica), free >= hold ? 0n : hold - free);
      if (block !== undefined) replica.book.addBlock(budget, block.lease, block.amountAtto);
      return block !== undefined;
    };
    const recall = () => {
      for (const each of replica.workers) this.#giveBack(replica, each);
    };
    const others = () => {
      for (const each of this.replicas) {
        if (!each.up) continue;
        for (const other of each.workers) this.#giveBack(each, other);
        this.#giveUp(each);
      }
    };
    for (const step of [
      () => {},
      grant,
      () => acquire() && grant(),
      recall,
      grant,
      () => acquire() && grant(),
      others,
      () => acquire() && grant(),
    ]) {
      step();
      const lease = own();
      if (lease === undefined) continue;
      const left = worker.free.get(lease)! - hold;
      if (left === 0n) worker.free.delete(lease);
      else worker.free.set(lease, left);
      worker.holds.push(lease);
      return true;
    }
    return false;
  }

  /** Everybody who is down comes back, all ends, is shipped and given back; nobody ends. What is still leased then. */
  rest(): { readonly leased: bigint; readonly spentOfOpen: bigint; readonly hasExpired: boolean } {
    for (const [index, replica] of this.replicas.entries()) {
      if (!replica.up) this.run({ type: 'restart', replica: index, worker: 0 });
      if (replica.earlier.length > 0) this.#adopt(replica);
      this.#shipDead(replica);
      for (const worker of replica.workers) {
        while (worker.holds.length > 0) this.#end(worker, 0n);
        this.#ship(replica, worker);
        this.#giveBack(replica, worker);
      }
      this.#giveUp(replica);
    }
    const open = this.ledger.leases.filter(({ state, budget }) => state === 'open' && budget === at.budget);
    return {
      leased: this.ledger.window(at.budget).leased,
      spentOfOpen: open.reduce((sum, { spent }) => sum + spent, 0n),
      hasExpired: this.ledger.leases.some(({ state }) => state === 'expired'),
    };
  }

  /** Everybody comes back in peace: all that was not charged can be had again. */
  wakeAll(): void {
    for (const replica of this.replicas) {
      if (!replica.up) this.run({ type: 'restart', replica: this.replicas.indexOf(replica), worker: 0 });
      for (const worker of replica.workers) while (worker.holds.length > 0) this.#end(worker, 0n);
      this.#crash(replica);
      replica.up = true;
      replica.generation += 1;
      this.#adopt(replica);
      replica.workers = [newWorker(++this.#lastWorker), newWorker(++this.#lastWorker)];
    }
  }

  /** The same for states that differ in nothing but names. */
  toString(): string {
    const text = this.replicas.map(replica => {
      const lease = (id: string) => {
        const found = this.ledger.leases.find(each => each.id === id)!; // every lease is the ledger's
        const ofNow = found.holder === holderOf(replica) ? 'now' : 'before';
        return `${ofNow}${found.state}${found.amount}/${found.spent}`;
      };
      const amounts = (map: Map<string, bigint>) =>
        [...map]
          .map(([id, amount]) => `${lease(id)}=${amount}`)
          .sort()
          .join();
      const workers = replica.workers
        .map(({ free, holds, journaled }) => `${amounts(free)};${holds.map(lease).sort().join()};${amounts(journaled)}`)
        .sort();
      const dead = replica.dead
        .map(({ generation, journaled }) => `${generation === replica.generation}${amounts(journaled)}`)
        .sort();
      const leases = this.ledger.leases
        .filter(({ holder, budget }) => holder.startsWith(replica.name) && budget === 'busy')
        .map(({ id }) => `${lease(id)}:${replica.book.amount(id)}`);
      const book = `${replica.book.free(at)} ${replica.book.unsettled(at)}`;
      return [replica.up, replica.earlier.length, ...workers, '|', ...dead, '|', ...leases, book].join(' ');
    });
    const { leased, spent } = this.ledger.window('busy');
    return [...text.sort(), leased, spent, this.charged, this.takes, this.kills, this.crashes, this.expiries].join(
      '\n',
    );
  }

  #end(worker: Worker, charged: bigint): void {
    const lease = worker.holds.shift()!; // only offered where there is one
    this.charged += charged;
    if (charged > 0n) worker.journaled.set(lease, (worker.journaled.get(lease) ?? 0n) + charged);
    if (charged < hold) worker.free.set(lease, (worker.free.get(lease) ?? 0n) + hold - charged);
  }

  #ship(replica: Replica, worker: Worker): void {
    for (const [lease, charged] of worker.journaled) {
      this.ledger.ship(lease, charged);
      assert.ok(replica.book.shipped(worker.number, false, lease, charged), 'more is charged than was granted');
    }
    worker.journaled = new Map();
  }

  /** An orphan is charged its hold, which is the worst. */
  #die(replica: Replica, worker: Worker): void {
    while (worker.holds.length > 0) this.#end(worker, hold);
    const { number, journaled } = worker;
    replica.dead.push({ number, generation: replica.generation, journaled });
  }

  #kill(replica: Replica, place: number): void {
    const worker = replica.workers[place]!;
    replica.book.died(worker.number);
    this.#die(replica, worker);
    replica.workers[place] = newWorker(++this.#lastWorker);
  }

  #shipDead(replica: Replica): void {
    for (const { number, generation, journaled } of replica.dead) {
      if (generation !== replica.generation) continue;
      for (const [lease, charged] of journaled) {
        this.ledger.ship(lease, charged);
        assert.ok(replica.book.shipped(number, true, lease, charged), 'more is charged than was granted');
      }
      replica.book.settled(number);
    }
    replica.dead = replica.dead.filter(({ generation }) => generation !== replica.generation);
  }

  #crash(replica: Replica): void {
    for (const worker of replica.workers) this.#die(replica, worker);
    replica.workers = [];
    replica.earlier.push(replica.generation);
    replica.book = new AllowanceBook();
    replica.up = false;
  }

  #adopt(replica: Replica): void {
    const earlier = new Set(replica.earlier);
    for (const { generation, journaled } of replica.dead) {
      if (earlier.has(generation)) for (const [lease, charged] of journaled) this.ledger.ship(lease, charged);
    }
    replica.dead = replica.dead.filter(({ generation }) => !earlier.has(generation));
    for (const generation of earlier) this.ledger.close(`${replica.name}:${generation}`);
    replica.earlier = [];
  }

  #giveBack(replica: Replica, worker: Worker): void {
    for (const [lease, amount] of worker.free) {
      const budget = this.ledger.leases.find(({ id }) => id === lease)?.budget === 'idle' ? idle : at;
      assert.ok(replica.book.giveBack(budget, worker.number, lease, amount), 'more comes back than was granted');
    }
    worker.free.clear();
  }

  #giveUp(replica: Replica): void {
    for (const { lease, amountAtto } of replica.book.takeFree(at)) this.ledger.release(lease, amountAtto);
  }

  #check(): void {
    const { leased, spent } = this.ledger.window('busy');
    assert.ok(this.charged <= limit, 'the cap is passed');
    assert.ok(leased >= 0n && spent >= 0n && leased + spent <= limit, 'more is leased than there is');
    const outstanding = this.replicas
      .flatMap(({ workers }) => workers)
      .reduce((sum, { holds }) => sum + hold * BigInt(holds.length), 0n);
    assert.ok(this.charged + outstanding <= limit, 'more is held than there is');
  }
}

function newWorker(number: number): Worker {
  return { number, free: new Map(), holds: [], journaled: new Map() };
}

function holderOf({ name, generation }: Replica): string {
  return `${name}:${generation}`;
}

function onlyOf(free: ReadonlyMap<string, bigint>, ledger: Ledger, budget: string): Map<string, bigint> {
  return new Map([...free].filter(([lease]) => ledger.leases.find(({ id }) => id === lease)?.budget === budget));
}

/** Looks at every state that can be reached within these bounds by so many actions, until there is no other; how many. */
export function walkBudgets(bounds: Bounds, depthMax: number): { readonly states: number; readonly isWhole: boolean } {
  const after = (actions: readonly Action[]): Machine => {
    const machine = new Machine(bounds);
    for (const action of actions) machine.run(action);
    return machine;
  };
  const seen = new Set([new Machine(bounds).toString()]);
  let edge: (readonly Action[])[] = [[]];
  for (let depth = 0; depth < depthMax && edge.length > 0; depth += 1) {
    const next: (readonly Action[])[] = [];
    for (const path of edge) {
      for (const action of after(path).actions()) {
        const actions = [...path, action];
        const state = after(actions).toString();
        if (seen.has(state)) continue;
        seen.add(state);
        next.push(actions);
        lookAhead(after, actions);
      }
    }
    edge = next;
  }
  return { states: seen.size, isWhole: edge.length === 0 };
}

/** What must be possible from any state. */
function lookAhead(after: (actions: readonly Action[]) => Machine, actions: readonly Action[]): void {
  const told = () => actions.map(({ type, replica, worker }) => `${type} ${replica}/${worker}`).join(', ');
  const now = after(actions);
  const living = now.replicas.find(({ up }) => up);
  if (living !== undefined)
    assert.ok(now.take(living, living.workers[0]!, idle), `an idle budget is refused: ${told()}`);

  const { leased: left, spentOfOpen, hasExpired } = after(actions).rest();
  // What an expired lease was made of comes back when its generation ends.
  if (!hasExpired) assert.equal(left, spentOfOpen, `what nobody holds stays leased: ${told()}`);

  const later = after(actions);
  later.wakeAll();
  const { leased, spent } = later.ledger.window(at.budget);
  assert.deepEqual([leased, spent], [0n, later.charged], `what was not charged is not free again: ${told()}`);
  const replica = later.replicas[0]!;
  while (later.take(replica, replica.workers[0]!, at)) {}
  const held = hold * BigInt(replica.workers[0]!.holds.length);
  assert.ok(later.charged + held > limit - hold, `what would fit is refused: ${told()}`);
}
