import { sql } from 'kysely';
import { type Slice, slices } from '../completion/usage.ts';
import { formatAtto } from '../pricing/money.ts';
import type { Store } from '../store/connect.ts';

/** Amounts are decimal strings with all digits that matter. */
export interface Money {
  readonly amount: string;
  readonly currency: string;
}

export const usageDimensions = ['key', 'project', 'organisation', 'model', 'provider', 'deployment', 'day'] as const;
export type UsageDimension = (typeof usageDimensions)[number];

export interface UsageRow extends Record<Slice, number> {
  /** The value of the dimension; a day as ISO 8601 date, UTC. Empty for exchanges that were never sent anywhere. */
  readonly by: string;
  readonly requests: number;
  readonly attempts: number;
  readonly failures: number;
  readonly estimated: number;
  readonly quarantined: number;
  /** null: nothing was charged. */
  readonly sell: Money | null;
  readonly buy: Money | null;
}

export interface UsageFilter {
  readonly organisation?: string;
  readonly project?: string;
  readonly key?: string;
}

/** Usage of whole hours, UTC: from the hour that `from` lies in to before the hour after `to`. One row a value of the
 *  dimension; where several currencies meet, one a combination. */
export async function readUsage(
  store: Store,
  { by, from, to, ...filter }: { readonly by: UsageDimension; readonly from: Date; readonly to: Date } & UsageFilter,
): Promise<UsageRow[]> {
  const value =
    by === 'day' ? sql<string>`to_char(hour at time zone 'UTC', 'YYYY-MM-DD')` : sql<string>`${sql.ref(by)}`;
  let query = store.db
    .selectFrom('usage_hour')
    .select([value.as('value'), 'sell_currency', 'buy_currency'])
    .select(({ fn }) => usageSums.map(column => fn.sum<bigint>(column).as(column)))
    .where('hour', '>=', hourOf(from))
    .where('hour', '<', to)
    .groupBy([value, 'sell_currency', 'buy_currency'])
    .orderBy(value)
    .orderBy('sell_currency')
    .orderBy('buy_currency');
  if (filter.organisation !== undefined) query = query.where('organisation', '=', filter.organisation);
  if (filter.project !== undefined) query = query.where('project', '=', filter.project);
  if (filter.key !== undefined) query = query.where('key', '=', filter.key);
  const parts = (await query.execute()) as unknown as readonly UsagePart[];
  const byValue = Map.groupBy(parts, part => part.value);
  return [...byValue.values()].flatMap(mergeCurrencies).map(usageRow);
}

const sliceColumns = {
  inputUncached: 'input_uncached',
  cacheRead: 'cache_read',
  cacheWrite5m: 'cache_write_5m',
  cacheWrite1h: 'cache_write_1h',
  inputAudio: 'input_audio',
  inputImage: 'input_image',
  inputVideo: 'input_video',
  output: 'output',
  reasoning: 'reasoning',
  outputAudio: 'output_audio',
  outputImage: 'output_image',
} as const satisfies Record<Slice, string>;

const usageSums = [
  'requests',
  'attempts',
  'failures',
  'estimated',
  'quarantined',
  ...slices.map(slice => sliceColumns[slice]),
  'sell_atto',
  'buy_atto',
] as const;

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
    inputUncached: Number(part.input_uncached),
    cacheRead: Number(part.cache_read),
    cacheWrite5m: Number(part.cache_write_5m),
    cacheWrite1h: Number(part.cache_write_1h),
    inputAudio: Number(part.input_audio),
    inputImage: Number(part.input_image),
    inputVideo: Number(part.input_video),
    output: Number(part.output),
    reasoning: Number(part.reasoning),
    outputAudio: Number(part.output_audio),
    outputImage: Number(part.output_image),
    sell: money(part.sell_atto, part.sell_currency),
    buy: money(part.buy_atto, part.buy_currency),
  };
}

function hourOf(instant: Date): Date {
  return new Date(instant.getTime() - (instant.getTime() % 3_600_000));
}

function money(amountAtto: bigint, currency: string): Money | null {
  return currency === '' ? null : { amount: formatAtto(amountAtto), currency };
}
