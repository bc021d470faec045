import type { RateTimeline } from '../pricing/timeline.ts';
import { currencyOf, isSandbox } from './price-book.ts';
import type { PriceHistory } from './price-history.ts';
import { type Configuration, resourceOf } from './resources.ts';

interface PricedUsage {
  readonly organisation: string;
  readonly id: string;
  readonly product: string;
  readonly provider: string;
}

/** What usage events name: by one configuration, and by the prices of all time, since events come late. Fills
 *  usage-events/directory.ts. */
export function usageDirectory(configuration: Configuration, history: PriceHistory) {
  // A call tells many events of few products.
  const known = new Map<string, { readonly sell: RateTimeline | undefined; readonly buy: RateTimeline | undefined }>();
  return {
    hasOrganisation: (organisation: string) => resourceOf(configuration, 'organisation', organisation) !== undefined,
    hasProject: (project: string) => resourceOf(configuration, 'project', project) !== undefined,
    projectOfKey: (key: string) => resourceOf(configuration, 'key', key)?.project,
    findDeployment: (id: string) => resourceOf(configuration, 'deployment', id),
    pricesOf: ({ organisation, id, product, provider }: PricedUsage) => {
      const name = [organisation, id, product, provider].join('\n');
      let prices = known.get(name);
      if (prices === undefined) {
        const account = resourceOf(configuration, 'provider', provider);
        const sandbox = account !== undefined && isSandbox(account);
        const asked = { deployment: { id, model: product, sandbox }, partial: true };
        prices = {
          sell: history.timelineOf({ ...asked, book: 'sell', organisation }),
          buy: history.timelineOf({ ...asked, book: 'buy' }),
        };
        known.set(name, prices);
      }
      return prices;
    },
    owesOnLine: ({ organisation, currency }: { readonly organisation: string; readonly currency: string }) =>
      resourceOf(configuration, 'organisation', organisation)?.terms !== undefined &&
      currencyOf(configuration, 'sell') === currency,
  };
}
