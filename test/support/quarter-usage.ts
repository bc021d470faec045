import assert from 'node:assert/strict';
import { WalletUsagePayer } from '../../src/billing/pay-usage.ts';
import type { Meter } from '../../src/pricing/meters.ts';
import { cardOfRow, type DecimalRate, normalizeRates } from '../../src/pricing/price-row.ts';
import { parseRateCard } from '../../src/pricing/rate-card.ts';
import { constantTimeline } from '../../src/pricing/timeline.ts';
import type { Store } from '../../src/store/connect.ts';
import type { UsageDirectory } from '../../src/usage-events/directory.ts';
import type { PlacedEvent } from '../../src/usage-events/place-event.ts';
import { recordEvents } from '../../src/usage-events/record-events.ts';
import { rerateUsageStep } from '../../src/usage-events/rerate-events.ts';
import type { QuarterWork } from './quarter-wallets.ts';
import { randomOf } from './traffic.ts';

const dayMs = 86_400_000;
/** Events of one call. */
const toldAtOnce = 200;

/** What each set of prices says: 10⁻¹⁸ USD a unit, after so many free ones of a month; from the next step on as below. */
interface Price {
  readonly free: number;
  readonly first: number;
  /** graduated: units above it cost `beyond`; volume: all of them do once there are more. */
  readonly scope: 'flat' | 'graduated' | 'volume';
  readonly above: number;
  readonly beyond: number;
}

const products = ['storage', 'accelerator', 'seat'] as const satisfies readonly Meter[];
type Product = (typeof products)[number];
const flat = (first: number): Price => ({ free: 0, first, scope: 'flat', above: 0, beyond: 0 });
/** The last ones hold in the end. */
const priceSets: readonly Readonly<Record<Product, Price>>[] = [
  {
    storage: flat(1_000),
    accelerator: { free: 40, first: 3_000, scope: 'graduated', above: 200, beyond: 2_000 },
    seat: { free: 0, first: 5_000, scope: 'volume', above: 60, beyond: 3_000 },
  },
  {
    storage: { free: 100, first: 900, scope: 'graduated', above: 500, beyond: 400 },
    accelerator: flat(2_500),
    seat: { free: 5, first: 4_000, scope: 'volume', above: 40, beyond: 2_500 },
  },
  {
    storage: flat(700),
    accelerator: { free: 10, first: 3_500, scope: 'volume', above: 100, beyond: 1_500 },
    seat: { free: 0, first: 5_000, scope: 'graduated', above: 30, beyond: 1_000 },
  },
];
/** What is bought: another set than what is sold. */
const boughtBy = (set: number) => priceSets[(set + 1) % priceSets.length]!;

export interface QuarterUsageReport {
  usageEvents: number;
  usageLate: number;
  usageDuplicates: number;
  usageConflicts: number;
  usageRerates: number;
}

/** Usage that is no exchange over a simulated quarter: storage, accelerators and seats of organisations with wallets, which
 *  exchanges burn at the same time, and without; late, twice, and with other facts; rated again by other prices while it
 *  comes in. What it costs in the end depends on the last prices only. */
export class QuarterUsage {
  readonly #store: Store;
  readonly #fromMs: number;
  readonly #days: number;
  readonly #events: readonly PlacedEvent[];
  readonly #tellOn = new Map<number, PlacedEvent[]>();
  readonly #seed: number;
  readonly #report: QuarterUsageReport;
  #set = 0;

  constructor(
    store: Store,
    span: { readonly fromMs: number; readonly days: number; readonly seed: number; readonly perDay: number },
    report: QuarterUsageReport,
  ) {
    this.#store = store;
    this.#fromMs = span.fromMs;
    this.#days = span.days;
    this.#seed = span.seed;
    this.#report = report;
    this.#events = Array.from({ length: span.days * span.perDay }, (_, number) =>
      this.#eventOf(number, Math.floor(number / span.perDay)),
    );
    for (const [number, event] of this.#events.entries()) this.#plan(number, Math.floor(number / span.perDay), event);
  }

  /** What is told and rated again on a day, to be tried until each was done. */
  worksOf(day: number): QuarterWork[] {
    const events = this.#tellOn.get(day) ?? [];
    const works: QuarterWork[] = [];
    for (const part of toldTogether(events)) works.push(async () => void (await this.#tell(part)));
    const third = Math.floor(this.#days / 3);
    if (day > 0 && day % third === 0 && this.#set < priceSets.length - 1) {
      this.#set += 1;
      works.push(async () => void (await this.rerate(`day-${day}`)));
      // Two that do the same take turns.
      works.push(async () => void (await this.rerate(`day-${day}-again`)));
    }
    return works;
  }

  async rerate(run: string): Promise<number> {
    this.#report.usageRerates += 1;
    let after: Parameters<typeof rerateUsageStep>[1]['after'];
    let corrected = 0;
    do {
      const step = await rerateUsageStep(
        this.#store,
        {
          filter: { from: new Date(this.#fromMs), to: new Date(this.#fromMs + this.#days * dayMs) },
          directory: directoryOf(this.#set),
          run,
          reason: 'prices',
          dryRun: false,
          payer: new WalletUsagePayer(),
          after,
        },
        { eventsAtOnce: 150 },
      );
      corrected += step.corrected;
      after = step.next;
    } while (after !== undefined);
    return corrected;
  }

  /** By the last prices, whatever came late. */
  async end(): Promise<void> {
    this.#set = priceSets.length - 1;
    await this.rerate('end');
  }

  async tellAgain(): Promise<void> {
    for (let at = 0; at < this.#events.length; at += toldAtOnce) {
      const outcomes = await this.#tell(this.#events.slice(at, at + toldAtOnce));
      assert.ok(outcomes.every(outcome => outcome === 'duplicate'));
    }
    assert.equal(await this.rerate('once more'), 0);
  }

  /** Sold and bought by organisation, from nothing but what was used: the price of the sum of each month. */
  addUp(): ReadonlyMap<string, { readonly sell: bigint; readonly buy: bigint }> {
    const sums = new Map<string, bigint>();
    const result = new Map<string, { sell: bigint; buy: bigint }>();
    for (const { organisation, meter, atMs, quantity } of this.#events) {
      const month = new Date(atMs).toISOString().slice(0, 7);
      const key = `${organisation}\n${meter}\n${month}`;
      sums.set(key, (sums.get(key) ?? 0n) + BigInt(quantity));
    }
    for (const [key, units] of sums) {
      const [organisation, meter] = key.split('\n') as [string, Product, string];
      const total = result.get(organisation) ?? { sell: 0n, buy: 0n };
      total.sell += costOf(units, priceSets.at(-1)![meter]);
      result.set(organisation, total);
    }
    return result;
  }

  /** Of everybody: a provider's sum is over all customers. */
  boughtInAll(): bigint {
    const sums = new Map<string, bigint>();
    for (const { meter, atMs, quantity } of this.#events) {
      const key = `${meter}\n${new Date(atMs).toISOString().slice(0, 7)}`;
      sums.set(key, (sums.get(key) ?? 0n) + BigInt(quantity));
    }
    const set = boughtBy(priceSets.length - 1);
    return [...sums].reduce((sum, [key, units]) => sum + costOf(units, set[key.split('\n')[0] as Product]), 0n);
  }

  async verify(): Promise<void> {
    const { rows } = await this.#store.pool.query(
      `select p.name, sum(p.sign * t.amount_atto) as atto
         from transfer t join account d on d.id = t.debit join account c on c.id = t.credit
        cross join lateral (values (d.name, 1), (c.name, -1)) as p (name, sign)
        where starts_with(t.exchange_id, 'ue_') group by 1`,
    );
    const moved = new Map<string, bigint>(rows.map(({ name, atto }) => [name, atto]));
    assert.equal(0n - (moved.get('provider_accrued:carrier') ?? 0n), this.boughtInAll());
    for (const [organisation, { sell }] of this.addUp()) {
      const ofWallets = [...moved].filter(([name]) => name.startsWith(`wallet:${organisation}:`));
      const paid = ofWallets.reduce((sum, [, atto]) => sum + atto, 0n);
      const unbilled = moved.get(`unbilled:${organisation}`) ?? 0n;
      assert.equal(paid + unbilled, sell, organisation);
      if (isPrepaid(organisation)) assert.equal(unbilled, 0n, organisation);
    }
    const { rows: left } = await this.#store.pool.query('select * from usage_month where replaced and quantity > 0');
    assert.deepEqual(left, []);
    const { rows: replaced } = await this.#store.pool.query(
      'select count(*)::int as count from usage_month where replaced',
    );
    assert.ok(replaced[0].count > 0, 'no month got another price');
  }

  async #tell(events: readonly PlacedEvent[]): Promise<readonly string[]> {
    const told = events.map(event => ({ event, json: { id: event.id } }));
    const results = await recordEvents(this.#store, directoryOf(this.#set), told, new WalletUsagePayer());
    return results.map(({ outcome }) => outcome);
  }

  #eventOf(number: number, day: number): PlacedEvent {
    const random = randomOf(this.#seed + 2, number);
    const meter = products[number % products.length]!;
    const organisation = `org_${Math.floor(random() * 6) * 8 + (random() < 0.5 ? 1 : 0)}`;
    return {
      source: `/meters/${meter}`,
      id: `${number}`,
      atMs: this.#fromMs + day * dayMs + Math.floor(random() * dayMs),
      organisation,
      project: undefined,
      key: undefined,
      meter,
      quantity: Math.floor(random() * 40),
      holders: 1,
      product: `carrier/${meter}`,
      deployment: undefined,
      provider: undefined,
      region: undefined,
      mode: 'sync',
      placedProject: '',
      placedProduct: `carrier/${meter}`,
      placedProvider: 'carrier',
    };
  }

  /** On its day or up to 30 days later; some twice, some with other facts behind it. */
  #plan(number: number, day: number, event: PlacedEvent): void {
    const random = randomOf(this.#seed + 3, number);
    const isLate = random() < 0.1 && day < this.#days - 1;
    const on = isLate ? Math.min(this.#days - 1, day + 1 + Math.floor(random() * 30)) : day;
    const list = this.#tellOn.get(on) ?? [];
    list.push(event);
    this.#report.usageEvents += 1;
    if (isLate) this.#report.usageLate += 1;
    const chance = random();
    if (chance < 0.05) {
      this.#report.usageDuplicates += 1;
      list.push(event);
    } else if (chance < 0.08) {
      this.#report.usageConflicts += 1;
      list.push({ ...event, quantity: event.quantity + 1 });
    }
    this.#tellOn.set(on, list);
  }
}

/** Calls run side by side, so which of two facts of one id counts is only known where one call tells both. */
function toldTogether(events: readonly PlacedEvent[]): PlacedEvent[][] {
  const parts: PlacedEvent[][] = [];
  for (const event of events) {
    const part = parts.at(-1);
    if (part === undefined || (part.length >= toldAtOnce && part.at(-1)!.id !== event.id)) parts.push([event]);
    else part.push(event);
  }
  return parts;
}

/** Those whose wallets have more than is ever needed (quarter-wallets.ts). */
function isPrepaid(organisation: string): boolean {
  return Number(organisation.slice('org_'.length)) % 8 === 1;
}

function costOf(units: bigint, { free, first, scope, above, beyond }: Price): bigint {
  const charged = units > BigInt(free) ? units - BigInt(free) : 0n;
  if (scope === 'flat' || charged <= BigInt(above)) return charged * BigInt(first);
  if (scope === 'volume') return charged * BigInt(beyond);
  return BigInt(above) * BigInt(first) + (charged - BigInt(above)) * BigInt(beyond);
}

function directoryOf(set: number): UsageDirectory {
  const sell = timelineOf(priceSets[set]!, `sell-${set}`);
  const buy = timelineOf(boughtBy(set), `buy-${set}`);
  return {
    hasOrganisation: () => true,
    hasProject: () => true,
    projectOfKey: () => undefined,
    findDeployment: () => undefined,
    pricesOf: () => ({ sell, buy }),
    owesOnLine: () => false,
  };
}

/** The price book's smallest step is 10⁻¹² for so many units: a million of them. */
function timelineOf(set: Readonly<Record<Product, Price>>, version: string) {
  const decimal = (atto: number) => `0.${String(atto).padStart(12, '0')}`;
  const rates = Object.fromEntries(
    products.map(product => {
      const { free, first, scope, above, beyond } = set[product];
      const amount = { amount: decimal(first), per: 1_000_000 };
      const steps =
        scope === 'flat' ? {} : { free: String(free), [scope]: [{ above: String(above), amount: decimal(beyond) }] };
      return [product, { ...amount, ...steps }];
    }),
  ) as Record<string, DecimalRate>;
  return constantTimeline(
    parseRateCard(cardOfRow({ rates: normalizeRates(rates), tiers: [] }, { id: version, currency: 'USD' })),
  );
}
