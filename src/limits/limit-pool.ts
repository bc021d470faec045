import type { LimitAnswer } from './limit-leases.ts';

/** Who of one replica holds what of one limit in one window. Pure: the desk moves messages, this moves numbers.
 *
 *  Always: granted by the database + lent = free + Σ out at living workers + what was used and will not come back. */
export class LimitPool {
  readonly limit: string;
  readonly window: number;
  /** Does what is used come back? */
  readonly comesBack: boolean;
  free = 0;
  readonly out = new Map<number, number>();
  /** Given out without the database, which did not answer: to be told to it. */
  lent = 0;
  /** What the database had when it last said so; undefined when it never did. */
  left: number | undefined;
  /** Granted by the database, less what was given back. */
  granted = 0;

  constructor(limit: string, window: number, comesBack: boolean) {
    this.limit = limit;
    this.window = window;
    this.comesBack = comesBack;
  }

  /** The database answered; `claimed` of what was lent it now knows of. What it granted replaces what else was lent. */
  answered({ granted, left }: LimitAnswer, claimed: number): void {
    this.lent -= claimed;
    this.granted += granted + claimed;
    this.free += granted;
    this.left = left;
    this.#repay();
  }

  /** A block for one worker: at least what it needs, all that is due there if there is as much, and a share of what is free
   *  for the requests to come. 0 when there is not enough. */
  grant(worker: number, asked: Asked, workers: number): number {
    if (this.free < asked.need || this.free === 0) return 0;
    const share = Math.floor(this.free / (2 * Math.max(1, workers)));
    const amount = Math.max(asked.need, Math.min(asked.due, this.free), Math.min(asked.want, share));
    this.free -= amount;
    this.#give(worker, amount);
    return amount;
  }

  /** Without the database: of this replica's part of what was left when it last answered, and never more. At least what is
   *  needed, all that is due if there is as much; 0 when there is not enough. */
  lend(worker: number, { need, due }: Asked, cap: number, replicas: number): number {
    const share = this.left === undefined ? Math.max(1, Math.floor(cap / replicas)) : Math.floor(this.left / replicas);
    const most = share - this.lent + this.free;
    if (most < need || most <= 0) return 0;
    const amount = Math.max(need, Math.min(due, most));
    const own = Math.min(this.free, amount);
    this.free -= own;
    this.lent += amount - own;
    this.#give(worker, amount);
    return amount;
  }

  /** A living worker gave back what it had unused. False when it claims more than it can have; then nothing changes. */
  giveBack(worker: number, amount: number): boolean {
    const out = this.out.get(worker) ?? 0;
    if (!Number.isSafeInteger(amount) || amount < 0 || amount > out) return false;
    if (amount === out) this.out.delete(worker);
    else this.out.set(worker, out - amount);
    this.free += amount;
    this.#repay();
    return true;
  }

  /** The worker's process is gone, and its exchanges with it. What it had of a window may have been used. */
  died(worker: number): void {
    const out = this.out.get(worker) ?? 0;
    this.out.delete(worker);
    if (!this.comesBack) return;
    this.free += out;
    this.#repay();
  }

  /** What nobody holds, for the database. */
  takeFree(): number {
    const { free } = this;
    this.free = 0;
    this.granted -= free;
    return free;
  }

  /** It could not be told. */
  putBack(amount: number): void {
    this.free += amount;
    this.granted += amount;
  }

  get isEmpty(): boolean {
    return this.free === 0 && this.lent === 0 && this.out.size === 0;
  }

  #give(worker: number, amount: number): void {
    this.out.set(worker, (this.out.get(worker) ?? 0) + amount);
  }

  /** What is free and was never granted is not there. */
  #repay(): void {
    const amount = Math.min(this.lent, this.free);
    this.lent -= amount;
    this.free -= amount;
  }
}

export interface Asked {
  readonly need: number;
  readonly due: number;
  readonly want: number;
}
