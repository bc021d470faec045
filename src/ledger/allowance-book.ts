/** Who of one replica holds what of its leases. Pure: the broker moves messages, this moves amounts.
 *
 *  For each lease, always: amount = free + Σ out at living workers + Σ out at dead ones + spent.
 *  - out at a worker: granted and not given back: unused, held by open exchanges, or charged and not shipped yet.
 *  - A dead worker's part stays out until its journal is shipped; what the journal did not charge is free then. */
export class AllowanceBook {
  readonly #windows = new Map<string, Map<string, LeaseAccount>>();

  /** The ledger leased this much more. */
  addBlock({ budget, window }: BudgetWindow, lease: string, amountAtto: bigint): void {
    const leases = getOrMake(this.#windows, windowKey({ budget, window }), () => new Map<string, LeaseAccount>());
    getOrMake(leases, lease, () => new LeaseAccount(lease)).free += amountAtto;
  }

  /** A block for one worker: at least what it needs, all that is due to those who wait there if there is as much, and for
   *  the requests to come a share of what is free that shrinks as the free part does, up to what it wants. undefined when
   *  no lease has it. */
  grant(
    at: BudgetWindow,
    worker: number,
    { needAtto, dueAtto, wantAtto, workers }: AllowanceAmounts & { readonly workers: number },
  ): { lease: string; amountAtto: bigint } | undefined {
    for (const account of this.#accounts(at)) {
      if (account.free < needAtto || account.free === 0n) continue;
      const share = account.free / (2n * BigInt(Math.max(1, workers)));
      const amountAtto = largest(largest(needAtto, smallest(dueAtto, account.free)), smallest(wantAtto, share));
      if (amountAtto === 0n) continue;
      account.free -= amountAtto;
      account.out.set(worker, (account.out.get(worker) ?? 0n) + amountAtto);
      return { lease: account.lease, amountAtto };
    }
    return undefined;
  }

  /** A living worker gave back what it had unused. False when it claims more than it can have; then nothing changes. */
  giveBack(at: BudgetWindow, worker: number, lease: string, amountAtto: bigint): boolean {
    const account = this.#windows.get(windowKey(at))?.get(lease);
    const out = account?.out.get(worker) ?? 0n;
    if (account === undefined || amountAtto < 0n || amountAtto > out) return false;
    setOrDelete(account.out, worker, out - amountAtto);
    account.free += amountAtto;
    return true;
  }

  /** Exchanges of this worker, or of its dead predecessors, were charged so much to the lease, and it is shipped. */
  shipped(worker: number, dead: boolean, lease: string, chargedAtto: bigint): boolean {
    const account = this.#find(lease);
    // Of an earlier generation: not in this book.
    if (account === undefined) return true;
    const side = dead ? account.dead : account.out;
    const out = side.get(worker) ?? 0n;
    if (chargedAtto > out) return false;
    setOrDelete(side, worker, out - chargedAtto);
    account.spent += chargedAtto;
    return true;
  }

  /** The worker's process is gone; another may take its number. */
  died(worker: number): void {
    for (const account of this.#all()) {
      const out = account.out.get(worker);
      if (out === undefined) continue;
      account.out.delete(worker);
      account.dead.set(worker, (account.dead.get(worker) ?? 0n) + out);
    }
  }

  /** Everything that dead processes of this number wrote is shipped. */
  settled(worker: number): void {
    for (const account of this.#all()) {
      account.free += account.dead.get(worker) ?? 0n;
      account.dead.delete(worker);
    }
  }

  /** Takes out what nobody holds, lease by lease, for the ledger. */
  takeFree(at: BudgetWindow): { lease: string; amountAtto: bigint }[] {
    const taken: { lease: string; amountAtto: bigint }[] = [];
    for (const account of this.#accounts(at)) {
      if (account.free === 0n) continue;
      taken.push({ lease: account.lease, amountAtto: account.free });
      account.free = 0n;
    }
    return taken;
  }

  /** Leases of this window that nobody can charge any more; they leave the book. */
  takeFinished(at: BudgetWindow): string[] {
    const leases = this.#windows.get(windowKey(at));
    if (leases === undefined) return [];
    const finished = [...leases.values()].filter(
      each => each.free === 0n && each.out.size === 0 && each.dead.size === 0,
    );
    for (const { lease } of finished) leases.delete(lease);
    if (leases.size === 0) this.#windows.delete(windowKey(at));
    return finished.map(({ lease }) => lease);
  }

  free(at: BudgetWindow): bigint {
    return sum(this.#accounts(at).map(account => account.free));
  }

  /** The most that one grant could be. */
  largestFree(at: BudgetWindow): bigint {
    return this.#accounts(at).reduce((most, { free }) => largest(most, free), 0n);
  }

  /** Held by dead workers until their journals are shipped. */
  unsettled(at: BudgetWindow): bigint {
    return sum(this.#accounts(at).flatMap(account => [...account.dead.values()]));
  }

  /** Living workers that hold something of this window. */
  holders(at: BudgetWindow): number[] {
    return [...new Set(this.#accounts(at).flatMap(account => [...account.out.keys()]))];
  }

  windows(): BudgetWindow[] {
    return [...this.#windows.keys()].map(key => {
      const [budget, window] = JSON.parse(key) as [string, string];
      return { budget, window };
    });
  }

  /** What the ledger leased, by this book. */
  amount(lease: string): bigint {
    const account = this.#find(lease);
    if (account === undefined) return 0n;
    return account.free + account.spent + sum(account.out.values()) + sum(account.dead.values());
  }

  #accounts(at: BudgetWindow): LeaseAccount[] {
    return [...(this.#windows.get(windowKey(at))?.values() ?? [])];
  }

  #all(): LeaseAccount[] {
    return [...this.#windows.values()].flatMap(leases => [...leases.values()]);
  }

  #find(lease: string): LeaseAccount | undefined {
    for (const leases of this.#windows.values()) {
      const account = leases.get(lease);
      if (account !== undefined) return account;
    }
    return undefined;
  }
}

/** What a worker asks for, in atto-currency. */
export interface AllowanceAmounts {
  /** Less is of no use; 0 when nobody waits. */
  readonly needAtto: bigint;
  /** What all that wait would take. */
  readonly dueAtto: bigint;
  readonly wantAtto: bigint;
}

export interface BudgetWindow {
  readonly budget: string;
  readonly window: string;
}

class LeaseAccount {
  readonly lease: string;
  free = 0n;
  spent = 0n;
  readonly out = new Map<number, bigint>();
  readonly dead = new Map<number, bigint>();
  constructor(lease: string) {
    this.lease = lease;
  }
}

function windowKey({ budget, window }: BudgetWindow): string {
  return JSON.stringify([budget, window]);
}

function getOrMake<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  let value = map.get(key);
  if (value === undefined) {
    value = make();
    map.set(key, value);
  }
  return value;
}

function setOrDelete(map: Map<number, bigint>, key: number, amount: bigint): void {
  if (amount === 0n) map.delete(key);
  else map.set(key, amount);
}

function sum(amounts: Iterable<bigint>): bigint {
  let total = 0n;
  for (const amount of amounts) total += amount;
  return total;
}

function largest(a: bigint, b: bigint): bigint {
  return a > b ? a : b;
}

function smallest(a: bigint, b: bigint): bigint {
  return a < b ? a : b;
}
