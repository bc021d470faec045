import { parseAtto } from '../pricing/money.ts';
import { currencyOf } from './price-book.ts';
import { type Configuration, resourcesOf } from './resources.ts';

/** Below what of its wallet an organisation asks to be warned; billing/low-balance.ts looks. */
export function lowBalancesOf(configuration: Configuration) {
  const currency = currencyOf(configuration, 'sell');
  return resourcesOf(configuration, 'organisation').flatMap(({ id, lowBalance, terms }) =>
    lowBalance === undefined
      ? []
      : [{ organisation: id, currency, belowAtto: parseAtto(lowBalance), lineAtto: parseAtto(terms?.line ?? '0') }],
  );
}
