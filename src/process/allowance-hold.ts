import type { BudgetHold } from '../gateway/ports.ts';
import type { HeldLease } from '../journal/record.ts';

/** An amount taken from one lease of each budget. `Source` is where the lease's allowance lies. */
export class Hold<Source> implements BudgetHold {
  readonly amount: bigint;
  readonly leases: readonly HeldLease[];
  readonly #accounts: readonly Source[];
  readonly #settled: (account: Source, lease: string, unused: bigint) => void;
  #open = true;

  constructor(
    amount: bigint,
    leases: readonly HeldLease[],
    accounts: readonly Source[],
    settled: (account: Source, lease: string, unused: bigint) => void = () => {},
  ) {
    this.amount = amount;
    this.leases = leases;
    this.#accounts = accounts;
    this.#settled = settled;
  }

  settle(chargedAtto: bigint, charged: readonly HeldLease[] = this.leases): void {
    if (!this.#open) throw new Error('a hold is settled once');
    if (chargedAtto < 0n || chargedAtto > this.amount) throw new RangeError('a charge is between nothing and its hold');
    this.#open = false;
    for (const [index, account] of this.#accounts.entries()) {
      const { lease } = this.leases[index]!;
      const isCharged = charged === this.leases || charged.some(each => each.lease === lease);
      this.#settled(account, lease, isCharged ? this.amount - chargedAtto : this.amount);
    }
  }
}
