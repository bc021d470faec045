import type { MeasureColumn } from './usage-columns.ts';
import { isTagDimension, type TagDimension, tagSql } from './usage-tags.ts';
import { type Within, withinSql } from './within.ts';

/** What usage can be told by. */
export const usageDimensions = [
  'organisation',
  'project',
  'key',
  'route',
  'model',
  'provider',
  'deployment',
  'class',
  'meter',
] as const;
export type UsageDimension = (typeof usageDimensions)[number] | TagDimension;
type SeriesDimension = (typeof usageDimensions)[number];

export const usageGrains = ['total', 'hour', 'day', 'month'] as const;
/** How time is cut, in UTC; `total` is one piece. */
export type UsageGrain = (typeof usageGrains)[number];

export interface UsageFilter extends Readonly<Partial<Record<SeriesDimension, string>>> {
  readonly sandbox?: boolean;
  /** Nothing beyond it, whatever else is asked for; absent: everything. */
  readonly within?: Within;
  /** Only these provider accounts; none of them, nothing. */
  readonly providers?: readonly string[];
}

/** Whole hours, UTC, half open. */
export interface UsagePeriod {
  readonly fromMs: number;
  readonly toMs: number;
}

export interface UsageSumsQuery {
  readonly by: readonly UsageDimension[];
  readonly grain: UsageGrain;
  readonly period: UsagePeriod;
  readonly filter: UsageFilter;
  readonly measures: readonly MeasureColumn[];
}

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;

/** Usage is kept by hour, so a period covers the hours it touches. */
export function coveredHours({ from, to }: { readonly from: Date; readonly to: Date }): UsagePeriod {
  return {
    fromMs: Math.floor(from.getTime() / hourMs) * hourMs,
    toMs: Math.ceil(to.getTime() / hourMs) * hourMs,
  };
}

/** A query that gives `period` (null for a total), d1 and d2 (the dimensions; empty text where there is none), both
 *  currencies and the measures, summed, as `part`; parameters are appended to `values`.
 *  Whole months and days are read from their roll-ups, the rest by hour, and what is not added up yet from where it waits;
 *  one statement sees them all at the same instant. */
export function usageSumsSql(query: UsageSumsQuery, values: unknown[]): string {
  const { by, grain, filter, measures } = query;
  const parameter = (value: unknown) => `$${values.push(value)}`;
  const wholes = partsSql(by, filter);
  const conditions = filterConditions(filter, parameter);
  // An array that is computed once lets the primary keys, which begin with the series, find few series among many rows.
  const chosen =
    conditions.length === 0
      ? ''
      : ` and series = any (array(select s.id from usage_series s where ${[wholes, ...conditions].join(' and ')}))`;
  const columns = measures.join(', ');
  const facts = sourcesOf(query).map(
    ({ table, column, fromMs, toMs }) =>
      `select ${periodSql(grain, column)} as period, series, ${columns} from ${table}` +
      ` where ${column} >= ${parameter(new Date(fromMs))} and ${column} < ${parameter(new Date(toMs))}${chosen}`,
  );
  const sums = measures.map(measure => `sum(${measure}) as ${measure}`).join(', ');
  const names = `${dimension(by[0])} as d1, ${dimension(by[1])} as d2, s.sell_currency, s.buy_currency`;
  const where = [wholes, ...conditions].join(' and ');
  // Few series have many rows: they are added up by number before anybody looks at names.
  if (grain === 'total' || grain === 'month') {
    return (
      `select period, ${names}, ${sums}` +
      ` from (select period, series, ${sums} from (${facts.join(' union all ')}) as fact group by 1, 2) as by_series` +
      ` join usage_series s on s.id = series where ${where} group by 1, 2, 3, 4, 5`
    );
  }
  // By day or hour each series has one row a piece. Adding up by the number of what a row is told by takes a third of the
  // time that adding up by its texts takes.
  return (
    `with named as materialized (` +
    `select s.id, dense_rank() over (order by ${dimension(by[0])}, ${dimension(by[1])}, s.sell_currency, s.buy_currency) as place, ` +
    `${names} from usage_series s where ${where})` +
    ` select period, d1, d2, sell_currency, buy_currency, ${measures.join(', ')}` +
    ` from (select period, place, ${sums} from (${facts.join(' union all ')}) as fact join named on named.id = series group by 1, 2) as placed` +
    ` join (select distinct place, d1, d2, sell_currency, buy_currency from named) as names using (place)`
  );
}

/** What is kept by this piece of time already is not cut again: that takes longer than adding it up. */
function periodSql(grain: UsageGrain, column: Source['column']): string {
  if (grain === 'total') return 'null::timestamptz';
  return grain === column ? column : `date_trunc('${grain}', ${column}, 'UTC')`;
}

/** Series of the whole, or those of its parts that are asked for: single meters, or the values of a tag. */
function partsSql(by: readonly UsageDimension[], filter: UsageFilter): string {
  const tag = by.find(isTagDimension);
  if (tag !== undefined) return tagSql(tag).where;
  if (filter.meter !== undefined) return `s.meter <> ''`;
  return by.includes('meter') ? `s.meter <> '' and not starts_with(s.meter, 'tag:')` : `s.meter = ''`;
}

function dimension(name: UsageDimension | undefined): string {
  if (name === undefined) return `''`;
  return isTagDimension(name) ? tagSql(name).value : `s.${name}`;
}

function filterConditions(filter: UsageFilter, parameter: (value: unknown) => string): string[] {
  const conditions = usageDimensions
    .filter(name => filter[name] !== undefined)
    .map(name => `s.${name} = ${parameter(filter[name])}`);
  if (filter.sandbox !== undefined) conditions.push(`s.sandbox = ${parameter(filter.sandbox)}`);
  if (filter.providers !== undefined) conditions.push(`s.provider = any(${parameter([...filter.providers])}::text[])`);
  if (filter.within !== undefined) conditions.push(withinSql(filter.within, 's', parameter));
  return conditions;
}

interface Source {
  readonly table: 'usage_by_month' | 'usage_by_day' | 'usage_by_hour' | 'usage_delta';
  readonly column: 'month' | 'day' | 'hour';
  readonly fromMs: number;
  readonly toMs: number;
}

/** From the coarsest; each is read for what of the period it covers whole, the next one for what is left at both ends. */
const rolledUp = [
  { table: 'usage_by_month', column: 'month', startOf: startOfMonth, grains: ['total', 'month'] },
  { table: 'usage_by_day', column: 'day', startOf: startOfDay, grains: ['total', 'month', 'day'] },
  { table: 'usage_by_hour', column: 'hour', startOf: (atMs: number) => atMs, grains: usageGrains },
] as const;

/** Where to read: the fewest rows that cover the period. */
function sourcesOf({ grain, period: { fromMs, toMs } }: UsageSumsQuery): Source[] {
  const sources: Source[] = [];
  let left: readonly (readonly [fromMs: number, toMs: number])[] = [[fromMs, toMs]];
  for (const { table, column, startOf, grains } of rolledUp) {
    if (!(grains as readonly UsageGrain[]).includes(grain)) continue;
    left = left.flatMap(([pieceFromMs, pieceToMs]) => {
      const wholeToMs = startOf(pieceToMs);
      let wholeFromMs = startOf(pieceFromMs);
      if (wholeFromMs < pieceFromMs) wholeFromMs = startOf(wholeFromMs + (column === 'month' ? 32 : 1) * dayMs);
      if (wholeFromMs >= wholeToMs) return [[pieceFromMs, pieceToMs] as const];
      sources.push({ table, column, fromMs: wholeFromMs, toMs: wholeToMs });
      return (
        [
          [pieceFromMs, wholeFromMs],
          [wholeToMs, pieceToMs],
        ] as const
      ).filter(([from, to]) => from < to);
    });
  }
  return [...sources, { table: 'usage_delta', column: 'hour', fromMs, toMs }];
}

function startOfDay(atMs: number): number {
  return Math.floor(atMs / dayMs) * dayMs;
}

function startOfMonth(atMs: number): number {
  const at = new Date(atMs);
  return Date.UTC(at.getUTCFullYear(), at.getUTCMonth(), 1);
}
