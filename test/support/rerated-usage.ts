import assert from 'node:assert/strict';
import { WalletUsagePayer } from '../../src/billing/pay-usage.ts';
import { formatAtto } from '../../src/pricing/money.ts';
import { cardOfRow, type DecimalUnitRate, normalizeRates } from '../../src/pricing/price-row.ts';
import { parseRateCard } from '../../src/pricing/rate-card.ts';
import { constantTimeline, type RateTimeline } from '../../src/pricing/timeline.ts';
import { connect, type Store } from '../../src/store/connect.ts';
import type { UsageDirectory } from '../../src/usage-events/directory.ts';
import type { PlacedEvent } from '../../src/usage-events/place-event.ts';
import { recordEvents } from '../../src/usage-events/record-events.ts';
import { rerateUsageStep, type UsageRerateOrder } from '../../src/usage-events/rerate-events.ts';
import type { TestDatabase } from './database.ts';
import { crashAtStatement } from './ledger.ts';
import { Bank, startMs } from './wallets.ts';

/** Of egress, a unit; or as it is said. */
export const priced = (amount: string | DecimalUnitRate, version: string, currency = 'USD') => {
  const rate: DecimalUnitRate = typeof amount === 'string' ? { amount, per: 1 } : amount;
  return constantTimeline(
    parseRateCard(cardOfRow({ rates: normalizeRates({ egress: rate }), tiers: [] }, { id: version, currency })),
  );
};
export const freeOfCharge = priced('0', 'buy-1');

/** Where these prices hold. */
export function by(
  sell: RateTimeline | undefined,
  buy: RateTimeline | undefined = freeOfCharge,
  owes = false,
): UsageDirectory {
  return {
    hasOrganisation: () => true,
    hasProject: () => true,
    projectOfKey: () => undefined,
    findDeployment: () => undefined,
    pricesOf: () => ({ sell, buy }),
    owesOnLine: () => owes,
  };
}

/** Egress of so many units. */
export function used(id: string, quantity: number, change: Partial<PlacedEvent> = {}): PlacedEvent {
  return {
    source: '/net/eu-1',
    id,
    atMs: startMs,
    organisation: 'org_acme',
    project: undefined,
    key: undefined,
    meter: 'egress',
    quantity,
    holders: 1,
    product: 'carrier/egress',
    deployment: undefined,
    provider: undefined,
    region: undefined,
    mode: 'sync',
    placedProject: '',
    placedProduct: 'carrier/egress',
    placedProvider: 'carrier',
    ...change,
  };
}

const dayMs = 86_400_000;

export function rerateOrder(directory: UsageDirectory, more: Partial<UsageRerateOrder> = {}): UsageRerateOrder {
  return {
    filter: { from: new Date(startMs - 40 * dayMs), to: new Date(startMs + dayMs) },
    directory,
    run: 'run-1',
    reason: 'prices',
    dryRun: false,
    payer: new WalletUsagePayer(),
    ...more,
  };
}

export const graduated = { amount: '3', per: 1, free: '5', graduated: [{ above: '10', amount: '1' }] };
export const volume = { amount: '2', per: 1, volume: [{ above: '10', amount: '1' }] };

/** Kills the process that rates again before every `stride`th statement, each time another organisation's usage, until one
 *  run is not reached; after each, another run ends it. How many were killed. */
export async function crashRerates(database: TestDatabase, store: Store, stride: number): Promise<number> {
  const bank = new Bank(store);
  let crashes = 0;
  for (let statement = 0, crashed = true; crashed; statement += stride) {
    const organisation = `org_${statement}`;
    const of = (id: string, units: number) =>
      used(`${id}${statement}`, units, { organisation, placedProvider: `carrier-${statement}` });
    await bank.grant('g', 5_000, { organisation });
    const events = [of('a', 6), of('b', 20), of('d', 5)].map(event => ({ event, json: {} }));
    await recordEvents(store, by(priced(graduated, 'v1'), priced('1', 'b1')), events, new WalletUsagePayer());
    const target = by(priced(volume, 'v2'), priced('2', 'b2'));
    const order = rerateOrder(target, { filter: { ...rerateOrder(target).filter, organisation } });
    const months = async () =>
      (
        await store.pool.query(
          'select version, replaced, quantity::int as quantity, amount_atto from usage_month where subject = $1 order by id',
          [organisation],
        )
      ).rows.map(row => `${row.version} ${row.replaced} ${row.quantity} ${formatAtto(row.amount_atto)}`);

    const failing = connect(database.url, { connectionsMax: 1 });
    crashed = await crashAtStatement(statement, () => rerateUsageStep(failing, order, { eventsAtOnce: 2 }));
    await failing.close();
    crashes += crashed ? 1 : 0;
    const halves = (await months()).map(month => Number(month.split(' ')[2]));
    assert.equal(halves[0]! + (halves[1] ?? 0), 31);

    await rerateUsageStep(store, order, { stepMs: 60_000 });
    assert.deepEqual(await months(), ['v1 true 0 0', 'v2 false 31 31']);
    assert.deepEqual(
      await bank.accounts(`unbilled:${organisation}`, `wallet:${organisation}:`, 'provider_accrued:carrier-'),
      {
        ...(await bank.accounts('provider_accrued:carrier-')),
        [`provider_accrued:carrier-${statement}`]: -62_000,
        [`unbilled:${organisation}`]: 26_000,
        [`wallet:${organisation}:g`]: 0,
      },
    );
  }
  return crashes;
}
