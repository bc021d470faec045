import { cogs, providerAccrued, revenue } from '../ledger/accounts.ts';
import type { TransferOrder } from '../ledger/book.ts';
import type { Payment } from '../ledger/exchange-payer.ts';
import type { UsageDelta, UsageSeries } from '../ledger/usage-series.ts';
import { meterRow } from '../pricing/meters.ts';
import type { BookedRating } from './book-ratings.ts';
import type { PlacedEvent } from './place-event.ts';
import { isMonthPriced, type PricedEvent, type RatedEvent } from './rate-event.ts';

/** The double entry of one rating of an event: the sale in the income class of its meter, by whoever pays it, and what is
 *  owed for it. What comes to nothing is not booked. A `credit` is of a sale that gives back, and goes the other way. */
export function eventOrders(
  { ref, number, event, rated: { sell, buy } }: BookedRating,
  payments: readonly Payment[],
  kind: 'charge' | 'credit' = 'charge',
): TransferOrder[] {
  const facts = { atMs: event.atMs, reference: ref };
  const income = revenue(meterRow(event.meter).revenue);
  const sales = payments.map(({ kind: by, debit: payer, amountAtto }): TransferOrder => {
    const order = { ...facts, id: `${ref}:${number}:${by}`, amountAtto, currency: sell.currency };
    const isOwed = by === 'sell';
    return kind === 'charge'
      ? { ...order, kind: isOwed ? 'usage-sell' : 'usage-burn', debit: payer, credit: income }
      : { ...order, kind: isOwed ? 'usage-credit' : 'usage-back', debit: income, credit: payer };
  });
  return kind === 'credit' ? sales : [...sales, ...costOrders(`${ref}:${number}:cost`, facts, event, buy)];
}

function costOrders(
  id: string,
  facts: Pick<TransferOrder, 'atMs' | 'reference'>,
  { placedProvider }: PlacedEvent,
  { amountAtto, currency }: RatedEvent['buy'],
): TransferOrder[] {
  const [cost, accrued] = [cogs(placedProvider), providerAccrued(placedProvider)];
  const order = { ...facts, id, currency };
  if (amountAtto === 0n) return [];
  return amountAtto > 0n
    ? [{ ...order, kind: 'usage-cost', debit: cost, credit: accrued, amountAtto }]
    : [{ ...order, kind: 'usage-rebate', debit: accrued, credit: cost, amountAtto: -amountAtto }];
}

/** What deltas need to know of a rating. */
interface Worth {
  readonly sell: Pick<RatedEvent['sell'], 'amountAtto' | 'currency'>;
  readonly buy: Pick<RatedEvent['buy'], 'amountAtto' | 'currency'>;
}

/** Deltas of the same series as those of the event will have, before anybody knows what it comes to. */
export function foreseenDeltas(event: PlacedEvent, { sell, buy }: PricedEvent, change: 'arrived' | 'rated-later') {
  const some = ({ currency }: { readonly currency: string }) => ({ currency, amountAtto: 1n });
  // Of a price by the month an amount may turn out to be one that cannot be written.
  const mayFail = isMonthPriced(sell) || isMonthPriced(buy);
  return [
    ...eventDeltas(event, { sell: some(sell), buy: some(buy) }, change),
    ...(mayFail ? eventDeltas(event, undefined, change) : []),
  ];
}

/** What the roll-ups add for an event: the whole, and beside it the meter with its quantity. A quarantined event counts
 *  as such until it is rated; its quantity is there from the start. */
export function eventDeltas(
  event: PlacedEvent,
  rated: Worth | undefined,
  change: 'arrived' | 'rated-later',
): UsageDelta[] {
  const series = seriesOf(event, undefined);
  const priced = seriesOf(event, rated);
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

/** What the roll-ups add when an event is rated again: the difference, where it was counted, marked as a correction. */
export function rerateDeltas(event: PlacedEvent, before: Worth, after: Worth): UsageDelta[] {
  const { atMs, meter } = event;
  const isSame = before.sell.currency === after.sell.currency && before.buy.currency === after.buy.currency;
  const series = seriesOf(event, before);
  const deltas: UsageDelta[] = [{ atMs, series, measures: { corrections: 1n } }];
  const add = (place: Worth, sell: bigint, buy: bigint) => {
    const amounts = { sell_atto: sell, sell_correction_atto: sell, buy_atto: buy, buy_correction_atto: buy };
    deltas.push({ atMs, series: seriesOf(event, place), measures: amounts });
    deltas.push({ atMs, series: { ...seriesOf(event, place), meter }, measures: { sell_atto: sell, buy_atto: buy } });
  };
  if (isSame) {
    add(before, after.sell.amountAtto - before.sell.amountAtto, after.buy.amountAtto - before.buy.amountAtto);
  } else {
    add(before, -before.sell.amountAtto, -before.buy.amountAtto);
    add(after, after.sell.amountAtto, after.buy.amountAtto);
  }
  return deltas.filter(({ measures }) => Object.values(measures).some(value => value !== 0n));
}

/** Of the whole. */
function seriesOf(event: PlacedEvent, worth: Worth | undefined): UsageSeries {
  return {
    organisation: event.organisation,
    project: event.placedProject,
    key: event.key ?? '',
    route: '',
    model: event.placedProduct,
    provider: event.placedProvider,
    deployment: event.deployment ?? '',
    class: meterRow(event.meter).revenue,
    meter: '',
    sellCurrency: worth?.sell.currency ?? '',
    buyCurrency: worth?.buy.currency ?? '',
    sandbox: false,
  };
}
