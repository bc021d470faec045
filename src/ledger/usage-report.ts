import { type Slice, slices } from '../completion/usage.ts';
import { formatAtto } from '../pricing/money.ts';
import type { Store } from '../store/connect.ts';
import { type MeasureColumn, sliceColumns } from './usage-columns.ts';
import { coveredHours, type UsageDimension as Dimension, usageSumsSql } from './usage-sums.ts';
import { checkTagQuery, isTagDimension, type TagDimension } from './usage-tags.ts';
import type { Within } from './within.ts';

/** Amounts are decimal strings with all digits that matter. */
export interface Money {
  readonly amount: string;
  readonly currency: string;
}

export const usageDimensions = [
  'key',
  'project',
  'organisation',
  'route',
  'model',
  'provider',
  'deployment',
  'class',
  'day',
] as const;
export type UsageDimension = (typeof usageDimensions)[number] | TagDimension;

export interface UsageRow extends Record<Slice, number> {
  /** The value of the dimension; a day as ISO 8601 date, UTC. Empty for exchanges that were never sent anywhere. */
  readonly by: string;
  readonly requests: number;
  readonly attempts: number;
  readonly failures: number;
  readonly estimated: number;
  readonly quarantined: number;
  readonly corrections: number;
  /** null: nothing was charged. */
  readonly sell: Money | null;
  readonly buy: Money | null;
}

export interface UsageFilter {
  readonly within?: Within;
  readonly providers?: readonly string[];
  readonly organisation?: string;
  readonly project?: string;
  readonly key?: string;
}

/** Usage of whole hours, UTC: from the hour that `from` lies in to before the hour after `to` (coveredHours). One row a
 *  value of the dimension; where several currencies meet, one a combination. Corrections are in it. */
export async function readUsage(
  store: Store,
  { by, from, to, ...filter }: { readonly by: UsageDimension; readonly from: Date; readonly to: Date } & UsageFilter,
): Promise<UsageRow[]> {
  checkTagQuery([by], filter);
  const values: unknown[] = [];
  const parts = usageSumsSql(
    {
      by: by === 'day' ? [] : [by satisfies Dimension],
      grain: by === 'day' ? 'day' : 'total',
      period: coveredHours({ from, to }),
      filter,
      measures: usageSums,
    },
    values,
  );
  const value = by === 'day' ? `to_char(period at time zone 'UTC', 'YYYY-MM-DD')` : 'd1';
  // With tags comes the whole, of which what has no such tag is what is left.
  const whole = { by: [], grain: 'total', period: coveredHours({ from, to }), filter, measures: usageSums } as const;
  const wholes = isTagDimension(by)
    ? ` union all select null, part.* from (${usageSumsSql(whole, values)}) as part`
    : '';
  const { rows } = await store.pool.query(
    `select ${value} as value, part.* from (${parts}) as part${wholes}
      order by 1, sell_currency, buy_currency`,
    values,
  );
  const told = isTagDimension(by) ? withUntagged(rows as UsagePart[]) : (rows as UsagePart[]);
  const byValue = Map.groupBy(told, part => part.value);
  return [...byValue.values()].flatMap(mergeCurrencies).map(usageRow);
}

const usageSums = [
  'requests',
  'attempts',
  'failures',
  'estimated',
  'quarantined',
  'corrections',
  ...slices.map(slice => sliceColumns[slice]),
  'sell_atto',
  'buy_atto',
] as const satisfies readonly MeasureColumn[];

/** Rows without a value are of the whole: what the others leave of them gets an empty one. */
function withUntagged(
  rows: readonly (UsagePart | (Omit<UsagePart, 'value'> & { readonly value: null }))[],
): UsagePart[] {
  const tagged = rows.filter((row): row is UsagePart => row.value !== null);
  const untagged = rows.flatMap(row => {
    if (row.value !== null) return [];
    const rest: UsagePart = { ...row, value: '' };
    for (const part of tagged) {
      if (part.sell_currency !== row.sell_currency || part.buy_currency !== row.buy_currency) continue;
      for (const column of usageSums) rest[column] -= part[column];
    }
    return usageSums.every(column => rest[column] === 0n) ? [] : [rest];
  });
  return [...untagged, ...tagged];
}

type UsagePart = Record<(typeof usageSums)[number], bigint> & {
  readonly value: string;
  readonly sell_currency: string;
  readonly buy_currency: string;
};

/** What has no currency (nothing sold, or nothing bought) joins the one currency there is. */
function mergeCurrencies(parts: readonly UsagePart[]): UsagePart[] {
  const sell = new Set(parts.map(part => part.sell_currency).filter(currency => currency !== ''));
  const buy = new Set(parts.map(part => part.buy_currency).filter(currency => currency !== ''));
  if (sell.size > 1 || buy.size > 1) return [...parts];
  const merged = { ...parts[0]!, sell_currency: [...sell][0] ?? '', buy_currency: [...buy][0] ?? '' };
  for (const part of parts.slice(1)) {
    for (const column of usageSums) merged[column] += part[column];
  }
  return [merged];
}

function usageRow(part: UsagePart): UsageRow {
  return {
    by: part.value,
    requests: Number(part.requests),
    attempts: Number(part.attempts),
    failures: Number(part.failures),
    estimated: Number(part.estimated),
    quarantined: Number(part.quarantined),
    corrections: Number(part.corrections),
    ...slicesOf(part),
    sell: money(part.sell_atto, part.sell_currency),
    buy: money(part.buy_atto, part.buy_currency),
  };
}

function slicesOf(part: UsagePart): Record<Slice, number> {
  // True: every slice has an entry.
  return Object.fromEntries(slices.map(slice => [slice, Number(part[sliceColumns[slice]])])) as Record<Slice, number>;
}

function money(amountAtto: bigint, currency: string): Money | null {
  return currency === '' ? null : { amount: formatAtto(amountAtto), currency };
}
