import { randomBytes } from 'node:crypto';
import type { BrokerLeases } from '../ledger/broker.ts';
import type { LeasedBlock, LeaseRequest, LedgerLeases } from '../ledger/leases.ts';
import { budgetFamily, parsePoolId, parseWalletWindow, type WalletPool } from '../snapshot/wallets.ts';
import type { Store } from '../store/connect.ts';

/** The channel that LedgerLeases listens to. */
const recallChannel = 'carrier_recall';

export interface WalletLeasesOptions {
  readonly store: Store;
  /** Of every other budget. */
  readonly leases: LedgerLeases;
  /** What may be charged to this wallet beyond its grants, by the snapshot at this moment. */
  readonly lineAtto: (pool: WalletPool) => bigint;
}

/** Leases of hard budgets, wallets among them: what a wallet leases is what nobody holds of its grants and its line, as of
 *  the moment it is asked. It cannot be more than there is, whoever asks and with whatever limit in mind. */
export class WalletLeases implements BrokerLeases {
  readonly #options: WalletLeasesOptions;

  constructor(options: WalletLeasesOptions) {
    this.#options = options;
  }

  async acquire(request: LeaseRequest): Promise<LeasedBlock | 'exhausted'> {
    const pool = parsePoolId(request.budget);
    if (pool === undefined) return this.#options.leases.acquire(request);
    const window = parseWalletWindow(request.window);
    if (window === undefined) throw new RangeError(`not a window of a wallet: ${request.window}`);
    const { rows } = await this.#options.store.pool.query({
      // Named, so that a connection plans it once.
      name: 'wallet-acquire',
      text: 'select lease_id, leased from wallet_acquire($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)',
      values: [
        pool.organisation,
        pool.currency,
        pool.scopes,
        this.#options.lineAtto(pool).toString(),
        request.budget,
        request.window,
        window.from ?? null,
        window.until ?? null,
        request.needAtto.toString(),
        request.dueAtto.toString(),
        request.wantAtto.toString(),
        request.holder,
        `lse_${randomBytes(12).toString('base64url')}`,
      ],
    });
    const { lease_id: lease, leased } = rows[0];
    return lease === null || leased === null ? 'exhausted' : { lease, amountAtto: leased };
  }

  release(lease: string, amountAtto: bigint): Promise<boolean> {
    return this.#options.leases.release(lease, amountAtto);
  }

  renew(holder: string): Promise<void> {
    return this.#options.leases.renew(holder);
  }

  close(lease: string): Promise<void> {
    return this.#options.leases.close(lease);
  }

  /** Of a wallet the management API tells. */
  async standing(budget: string, window: string) {
    return parsePoolId(budget) === undefined ? this.#options.leases.standing(budget, window) : undefined;
  }

  async askOthers(budget: string, window: string, holder: string): Promise<boolean> {
    if (parsePoolId(budget) === undefined) return this.#options.leases.askOthers(budget, window, holder);
    return askHolders(this.#options.store, { budget, window, exceptHolder: holder });
  }
}

/** Asks every replica to give back what it holds unused of a wallet, whatever the pool and the window; but for one. False
 *  when nobody holds any. */
export async function askHolders(
  store: Store,
  asked: { readonly budget: string; readonly window: string; readonly exceptHolder: string },
): Promise<boolean> {
  const family = budgetFamily(asked.budget);
  // From `/` to before `0`: what begins with the family's id and a slash.
  const { rowCount } = await store.pool.query(
    `select pg_notify($1, $2) from lease
      where state = 'open' and holder <> $3 and (budget = $4 or (budget > $4 || '/' and budget < $4 || '0'))
      limit 1`,
    [recallChannel, JSON.stringify([asked.budget, asked.window, asked.exceptHolder]), asked.exceptHolder, family],
  );
  return rowCount === 1;
}
