import type { RateTimeline } from '../pricing/timeline.ts';
import { usagePricesOf } from './price-book.ts';
import { type Configuration, resourceOf } from './resources.ts';

/** What usage events name, by one configuration. Fills usage-events/directory.ts. */
export function usageDirectory(configuration: Configuration) {
  return {
    hasOrganisation: (organisation: string) => resourceOf(configuration, 'organisation', organisation) !== undefined,
    hasProject: (project: string) => resourceOf(configuration, 'project', project) !== undefined,
    projectOfKey: (key: string) => resourceOf(configuration, 'key', key)?.project,
    findDeployment: (id: string) => resourceOf(configuration, 'deployment', id),
    pricesOf: ({
      organisation,
      id,
      product,
      provider,
    }: {
      readonly organisation: string;
      readonly id: string;
      readonly product: string;
      readonly provider: string;
    }): { readonly sell: RateTimeline | undefined; readonly buy: RateTimeline | undefined } => {
      const priced = { id, model: product, provider };
      return {
        sell: usagePricesOf(configuration, { book: 'sell', organisation }, priced),
        buy: usagePricesOf(configuration, { book: 'buy', organisation }, priced),
      };
    },
  };
}
