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
  /** Rows of one place may come in pieces, for who adds them up anyway. */
  readonly inPieces?: boolean;
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
 *  one statement sees them all at the same instant. A query that asks for one side only, who used it or what was used, reads
 *  the roll-ups of that side. */
export function usageSumsSql(query: UsageSumsQuery, values: unknown[]): string {
  const parameter = (value: unknown) => `$${values.push(value)}`;
  const blocks = [...Map.groupBy(sourcesOf(query), ({ part }) => part)].map(([part, sources]) =>
    partSql(query, part, sources, parameter),
  );
  if (blocks.length === 1) return blocks[0]!;
  const sums = query.measures.map(measure => `sum(${measure}) as ${measure}`).join(', ');
  const all = blocks.map(block => `select * from (${block}) as side`).join(' union all ');
  if (query.inPieces === true) return all;
  return `select period, d1, d2, sell_currency, buy_currency, ${sums} from (${all}) as sides group by 1, 2, 3, 4, 5`;
}

/** From the roll-ups of one part: all are told apart by its numbers. */
function partSql(
  { by, grain, filter, measures }: UsageSumsQuery,
  part: Part,
  sources: readonly Source[],
  parameter: (value: unknown) => string,
): string {
  const wholes = partsSql(by, filter);
  const conditions = filterConditions(filter, parameter);
  // An array that is computed once lets the primary keys of series, which begin with them, find few among many rows.
  const chosen =
    conditions.length === 0
      ? ''
      : ` and ${part} = any (array(select s.id from usage_${part} s where ${[wholes, ...conditions].join(' and ')}))`;
  const columns = measures.join(', ');
  const facts = sources.map(
    ({ table, column, fromMs, toMs }) =>
      `select ${periodSql(grain, column)} as period, ${part}, ${columns} from ${table}` +
      ` where ${column} >= ${parameter(new Date(fromMs))} and ${column} < ${parameter(new Date(toMs))}${chosen}`,
  );
  // Most measures of most rows are 0, and a sum begins to cost with the first value that is not null.
  const sums = measures.map(measure => `coalesce(sum(nullif(${measure}, 0)), 0) as ${measure}`).join(', ');
  const names = `${dimension(by[0])} as d1, ${dimension(by[1])} as d2, s.sell_currency, s.buy_currency`;
  const where = [wholes, ...conditions].join(' and ');
  const onlyWaiting = sources.every(({ table }) => table === 'usage_delta');
  // Few numbers have many rows: they are added up by number before anybody looks at names.
  if (grain === 'total' || grain === 'month' || onlyWaiting) {
    return (
      `select period, ${names}, ${sums}` +
      ` from (select period, ${part}, ${sums} from (${facts.join(' union all ')}) as fact group by 1, 2) as by_number` +
      ` join usage_${part} s on s.id = by_number.${part} where ${where} group by 1, 2, 3, 4, 5`
    );
  }
  // By day or hour each number has one row a piece. Adding up by the number of what a row is told by takes a third of the
  // time that adding up by its texts takes.
  return (
    `with named as materialized (` +
    `select s.id, dense_rank() over (order by ${dimension(by[0])}, ${dimension(by[1])}, s.sell_currency, s.buy_currency) as place, ` +
    `${names} from usage_${part} s where ${where})` +
    ` select period, d1, d2, sell_currency, buy_currency, ${columns}` +
    ` from (select period, place, ${sums} from (${facts.join(' union all ')}) as fact join named on named.id = fact.${part} group by 1, 2) as placed` +
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

/** What usage is kept by: its series, or one side of them. */
type Part = 'series' | 'customer' | 'supply';
type Unit = 'month' | 'day' | 'hour';

interface Source {
  readonly part: Part;
  readonly table: 'usage_delta' | `usage_by_${Unit}` | `usage_customer_by_${Unit}` | `usage_supply_by_${Unit}`;
  readonly column: Unit;
  readonly fromMs: number;
  readonly toMs: number;
}

/** From the coarsest; each is read for what of the period it covers whole, the next one for what is left at both ends. */
const units = [
  { column: 'month', startOf: startOfMonth, grains: ['total', 'month'] },
  { column: 'day', startOf: startOfDay, grains: ['total', 'month', 'day'] },
  { column: 'hour', startOf: (atMs: number) => atMs, grains: usageGrains },
] as const;

const supplyDimensions: readonly UsageDimension[] = ['route', 'model', 'provider', 'deployment'];
const customerDimensions: readonly UsageDimension[] = ['organisation', 'project', 'key'];

/** The smallest that tells apart what is asked for. One customer's usage is few series, which are found sooner than its
 *  rows among those of all customers. */
export function partFor({ by, filter }: Pick<UsageSumsQuery, 'by' | 'filter'>): Part {
  const filtered: UsageDimension[] = usageDimensions.filter(name => filter[name] !== undefined);
  if (filter.within !== undefined) filtered.push('organisation');
  if (filter.providers !== undefined) filtered.push('provider');
  if (filtered.some(name => customerDimensions.includes(name))) return 'series';
  const asked = [...by, ...filtered];
  if (!asked.some(name => customerDimensions.includes(name))) return 'supply';
  return asked.some(name => supplyDimensions.includes(name)) ? 'series' : 'customer';
}

/** Where to read: the fewest rows that cover the period. */
function sourcesOf({ grain, period: { fromMs, toMs }, ...query }: UsageSumsQuery): Source[] {
  const wanted = partFor(query);
  const sources: Source[] = [];
  let left: readonly (readonly [fromMs: number, toMs: number])[] = [[fromMs, toMs]];
  for (const { column, startOf, grains } of units) {
    if (!(grains as readonly UsageGrain[]).includes(grain)) continue;
    // Customers are not kept by hour: each is in use in most hours, which are nearly as many rows as those of series.
    const part = wanted === 'customer' && column === 'hour' ? 'series' : wanted;
    const table = part === 'series' ? (`usage_by_${column}` as const) : (`usage_${part}_by_${column}` as const);
    left = left.flatMap(([pieceFromMs, pieceToMs]) => {
      const wholeToMs = startOf(pieceToMs);
      let wholeFromMs = startOf(pieceFromMs);
      if (wholeFromMs < pieceFromMs) wholeFromMs = startOf(wholeFromMs + (column === 'month' ? 32 : 1) * dayMs);
      if (wholeFromMs >= wholeToMs) return [[pieceFromMs, pieceToMs] as const];
      sources.push({ part, table, column, fromMs: wholeFromMs, toMs: wholeToMs });
      return (
        [
          [pieceFromMs, wholeFromMs],
          [wholeToMs, pieceToMs],
        ] as const
      ).filter(([from, to]) => from < to);
    });
  }
  return [...sources, { part: 'series', table: 'usage_delta', column: 'hour', fromMs, toMs }];
}

function startOfDay(atMs: number): number {
  return Math.floor(atMs / dayMs) * dayMs;
}

function startOfMonth(atMs: number): number {
  const at = new Date(atMs);
  return Date.UTC(at.getUTCFullYear(), at.getUTCMonth(), 1);
}
