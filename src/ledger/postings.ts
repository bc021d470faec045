import type { CompletedExchange } from '../journal/assemble.ts';
import { chargedAtto } from '../journal/charged.ts';
import type { RatedAmount } from '../journal/record.ts';
import {
  type AccountName,
  cogs,
  cogsFailedAttempt,
  cogsOrphan,
  overHold,
  providerAccrued,
  revenueInference,
  unbilled,
} from './accounts.ts';
import type { Payment } from './exchange-payer.ts';

/** One immutable booking. Its id is (exchange, attempt, kind). */
export interface Posting {
  readonly attempt: number;
  readonly kind: 'over-hold' | 'cost' | Payment['kind'];
  readonly debit: AccountName;
  readonly credit: AccountName;
  /** Above zero: what costs nothing is not booked. */
  readonly amountAtto: bigint;
  readonly currency: string;
}

/** One rated amount with its lines. */
export interface Charge {
  readonly book: 'buy' | 'sell';
  readonly attempt: number;
  readonly rated: RatedAmount;
}

/** The attempt whose answer the client got: the last one, since nothing is tried after content was sent. */
export function deliveredAttempt({ end }: CompletedExchange): number | undefined {
  if (end.sell === undefined && end.outcome !== 'ok') return undefined;
  return end.attempts.at(-1)?.attempt;
}

/** Every rated amount of an exchange: each attempt's cost, and the delivered one's price. */
export function chargesOf(exchange: CompletedExchange): Charge[] {
  const { end } = exchange;
  const charges: Charge[] = [];
  for (const { attempt, buy } of end.attempts) {
    if (buy !== undefined) charges.push({ book: 'buy', attempt, rated: buy });
  }
  if (end.sell !== undefined) {
    charges.push({ book: 'sell', attempt: deliveredAttempt(exchange) ?? 0, rated: end.sell });
  }
  return charges;
}

/** The double entry of an exchange. Every posting has both sides in one currency, so the whole always sums to zero. */
export function postingsOf(exchange: CompletedExchange): Posting[] {
  const { admit, end } = exchange;
  const delivered = deliveredAttempt(exchange);
  const postings: Posting[] = [];
  for (const { attempt, provider, buy } of end.attempts) {
    if (buy === undefined) continue;
    postings.push({
      attempt,
      kind: 'cost',
      debit: attempt === delivered ? cogs(provider) : exchange.orphan ? cogsOrphan : cogsFailedAttempt,
      credit: providerAccrued(provider),
      amountAtto: BigInt(buy.amountAtto),
      currency: buy.currency,
    });
  }
  if (end.sell !== undefined) {
    const over = BigInt(end.sell.overHoldAtto);
    const sale = { attempt: delivered ?? 0, credit: revenueInference, currency: end.sell.currency } as const;
    postings.push(
      { ...sale, kind: 'sell', debit: unbilled(admit.organisation), amountAtto: chargedAtto(end.sell) },
      { ...sale, kind: 'over-hold', debit: overHold, amountAtto: over },
    );
  }
  return postings.filter(({ amountAtto }) => amountAtto !== 0n);
}

/** The sale of an exchange, as it is paid. */
export function salePostings({ end, ...exchange }: CompletedExchange, payments: readonly Payment[]): Posting[] {
  if (end.sell === undefined) return [];
  const sale = {
    attempt: deliveredAttempt({ end, ...exchange }) ?? 0,
    credit: revenueInference,
    currency: end.sell.currency,
  };
  return payments.map(({ kind, debit, amountAtto }) => ({ ...sale, kind, debit, amountAtto }));
}
