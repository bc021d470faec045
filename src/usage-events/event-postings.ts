import { cogs, providerAccrued, revenue } from '../ledger/accounts.ts';
import type { TransferOrder } from '../ledger/book.ts';
import type { Payment } from '../ledger/exchange-payer.ts';
import type { UsageDelta } from '../ledger/usage-series.ts';
import { meterRow } from '../pricing/meters.ts';
import type { PlacedEvent } from './place-event.ts';
import type { RatedEvent } from './rate-event.ts';

/** The double entry of one rating of an event: the sale in the income class of its meter, by whoever pays it, and what is
 *  owed for it. What comes to nothing is not booked. */
export function eventOrders(
  ref: string,
  number: number,
  event: PlacedEvent,
  { sell, buy }: RatedEvent,
  payments: readonly Payment[],
): TransferOrder[] {
  const facts = { atMs: event.atMs, reference: ref };
  const sales = payments.map(
    ({ kind, debit, amountAtto }): TransferOrder => ({
      ...facts,
      id: `${ref}:${number}:${kind}`,
      kind: kind === 'sell' ? 'usage-sell' : 'usage-burn',
      debit,
      credit: revenue(meterRow(event.meter).revenue),
      amountAtto,
      currency: sell.currency,
    }),
  );
  const cost: TransferOrder = {
    ...facts,
    id: `${ref}:${number}:cost`,
    kind: 'usage-cost',
    debit: cogs(event.placedProvider),
    credit: providerAccrued(event.placedProvider),
    amountAtto: buy.amountAtto,
    currency: buy.currency,
  };
  return [...sales, cost].filter(({ amountAtto }) => amountAtto !== 0n);
}

/** What the roll-ups add for an event: the whole, and beside it the meter with its quantity. A quarantined event counts
 *  as such until it is rated; its quantity is there from the start. */
export function eventDeltas(
  event: PlacedEvent,
  rated: RatedEvent | undefined,
  change: 'arrived' | 'rated-later',
): UsageDelta[] {
  const series = {
    organisation: event.organisation,
    project: event.placedProject,
    key: event.key ?? '',
    route: '',
    model: event.placedProduct,
    provider: event.placedProvider,
    deployment: event.deployment ?? '',
    class: meterRow(event.meter).revenue,
    sellCurrency: '',
    buyCurrency: '',
    sandbox: false,
  };
  const priced =
    rated === undefined ? series : { ...series, sellCurrency: rated.sell.currency, buyCurrency: rated.buy.currency };
  const amounts: UsageDelta['measures'] =
    rated === undefined ? {} : { sell_atto: rated.sell.amountAtto, buy_atto: rated.buy.amountAtto };
  const { atMs } = event;
  const deltas: UsageDelta[] = [
    { atMs, series: { ...priced, meter: '' }, measures: amounts },
    { atMs, series: { ...priced, meter: event.meter }, measures: amounts },
  ];
  // Quantity and quarantine stand in the series without currencies, so that a later rating need not move them.
  const quantity = change === 'arrived' ? { quantity: BigInt(event.quantity) } : {};
  const quarantined = rated === undefined ? 1n : change === 'arrived' ? 0n : -1n;
  deltas.push({ atMs, series: { ...series, meter: event.meter }, measures: quantity });
  if (quarantined !== 0n) deltas.push({ atMs, series: { ...series, meter: '' }, measures: { quarantined } });
  return deltas.filter(({ measures }) => Object.values(measures).some(value => value !== 0n));
}
