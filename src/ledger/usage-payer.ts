import type pg from 'pg';
import type { Payment } from './exchange-payer.ts';

/** Who pays what customers are charged for usage that is no exchange. billing/ fills it with wallets; without it everything
 *  is unbilled. */
export interface UsagePayer {
  /** Pays, in the transaction that books the charges and near its end: it holds rows that others wait for. For each charge,
   *  in their order, what adds up to it. */
  pay(client: pg.ClientBase, charges: readonly UsageCharge[]): Promise<readonly (readonly Payment[])[]>;
}

export interface UsageCharge {
  /** Of the rating. Charges of one instant are paid in the order of their ids. */
  readonly id: string;
  /** When it was used: grants in force then pay. */
  readonly atMs: number;
  readonly organisation: string;
  /** `vendor/name` */
  readonly product: string;
  readonly provider: string;
  readonly meter: string;
  /** Above zero. */
  readonly amountAtto: bigint;
  readonly currency: string;
  /** What no grant pays is owed on the wallet's line, and paid back by the next paid grant. */
  readonly owesRest: boolean;
}
