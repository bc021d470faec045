import type pg from 'pg';
import type { Payment } from './exchange-payer.ts';

/** Who pays what customers are charged for usage that is no exchange. billing/ fills it with wallets; without it everything
 *  is unbilled. */
export interface UsagePayer {
  /** Takes the locks of all that these organisations may pay with, in the one order, before it is both paid and given back
   *  in one transaction. */
  lock(client: pg.ClientBase, organisations: readonly string[]): Promise<void>;
  /** Pays, in the transaction that books the charges and near its end: it holds rows that others wait for. For each charge,
   *  in their order, what adds up to it. */
  pay(client: pg.ClientBase, charges: readonly UsageCharge[]): Promise<readonly (readonly Payment[])[]>;
  /** Gives back what usage of a month had cost too much, now that all of it is cheaper: to those who paid it. What adds up
   *  to the credit; `debit` of each is who gets it. */
  giveBack(client: pg.ClientBase, credit: UsageCredit): Promise<readonly Payment[]>;
}

export interface UsageCredit {
  readonly organisation: string;
  readonly currency: string;
  /** Above zero. */
  readonly amountAtto: bigint;
  /** What grants have paid of the month so far, by their ids, and what of it nobody paid. */
  readonly paid: readonly { readonly grant: string; readonly amountAtto: bigint }[];
  readonly owedAtto: bigint;
  readonly owesRest: boolean;
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
