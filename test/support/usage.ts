import { type UsageDelta, type UsageSeries, UsageSeriesBook } from '../../src/ledger/usage-series.ts';
import type { Store } from '../../src/store/connect.ts';

/** Usage as shipping books it, from few words. */
export function usageDelta(at: string, over: Partial<UsageSeries>, measures: UsageDelta['measures']): UsageDelta {
  return { atMs: Date.parse(at), series: { ...plainSeries, ...over }, measures };
}

const plainSeries: UsageSeries = {
  organisation: 'acme',
  project: 'acme/web',
  key: 'k1',
  route: 'smart',
  model: 'openai/gpt-5',
  provider: 'openai',
  deployment: 'gpt-5-us',
  class: 'inference',
  meter: '',
  sellCurrency: 'USD',
  buyCurrency: 'USD',
  sandbox: false,
};

export async function addUsage(store: Store, rows: readonly UsageDelta[]): Promise<void> {
  const client = await store.pool.connect();
  try {
    const book = new UsageSeriesBook();
    await book.prepare(client, rows);
    await book.add(client, rows);
  } finally {
    client.release();
  }
}
