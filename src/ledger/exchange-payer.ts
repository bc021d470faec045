import type pg from 'pg';
import type { CompletedExchange } from '../journal/assemble.ts';
import type { BookAccount } from './accounts.ts';

/** Who pays what customers are charged for exchanges. billing/ fills it with wallets; what it does not pay, and everything
 *  without it, is unbilled. */
export interface ExchangePayer {
  /** Those of the organisations that have something to pay with. Asked in the shipment's transaction, so that what is
   *  granted meanwhile counts wholly or not at all. */
  organisationsWithMoney(client: pg.ClientBase, organisations: readonly string[]): Promise<ReadonlySet<string>>;
  /** Pays for exchanges of such organisations whose leases are spent, in the same transaction, near its end: it holds
   *  rows that others wait for. By exchange id. */
  pay(client: pg.ClientBase, exchanges: readonly CompletedExchange[]): Promise<ExchangePayments>;
}

export interface ExchangePayments {
  readonly byExchange: ReadonlyMap<string, readonly Payment[]>;
  readonly alerts: readonly {
    readonly id: string;
    readonly code: string;
    readonly message: string;
    readonly exchangeId: string;
  }[];
}

/** A part of one charge; the parts add up to what is charged. */
export interface Payment {
  /** The transfer's: `sell`, or `burn:<grant>`. */
  readonly kind: 'sell' | `burn:${string}`;
  readonly debit: BookAccount;
  /** Above zero. */
  readonly amountAtto: bigint;
}
