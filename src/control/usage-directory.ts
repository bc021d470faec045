import type { RateTimeline } from '../pricing/timeline.ts';
import { usagePricesOf } from './price-book.ts';
import { type Configuration, resourceOf } from './resources.ts';

interface PricedUsage {
  readonly organisation: string;
  readonly id: string;
  readonly product: string;
  readonly provider: string;
}

/** What usage events name, by one configuration. Fills usage-events/directory.ts. */
export function usageDirectory(configuration: Configuration) {
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
        const priced = { id, model: product, provider };
        prices = {
          sell: usagePricesOf(configuration, { book: 'sell', organisation }, priced),
          buy: usagePricesOf(configuration, { book: 'buy', organisation }, priced),
        };
        known.set(name, prices);
      }
      return prices;
    },
  };
}
