import type { SellCharge } from './record.ts';

/** What the customer pays, in atto-currency: the rated amount without what is over the hold, which the operator bears. */
export function chargedAtto(sell: Pick<SellCharge, 'amountAtto' | 'overHoldAtto'>): bigint {
  return BigInt(sell.amountAtto) - BigInt(sell.overHoldAtto);
}
