import type { MeasureColumn } from '../ledger/usage-columns.ts';
import { type UsageSumsQuery, usageSumsSql } from '../ledger/usage-sums.ts';
import { isPurchase } from './kinds.ts';

export interface ReportSqlQuery extends UsageSumsQuery {
  /** The largest values of the first dimension by `rank`; the rest is added up in rows without a value. */
  readonly top?: number | undefined;
  readonly rank: MeasureColumn;
}

/** Rows by period, d1, d2 and currency. `mixed`: something was sold and bought in different currencies, and this is one of
 *  the two.
 *  Sales count in the currency of the sale, purchases in that of the purchase; what has no currency of its own, such as an
 *  exchange that was refused, joins the first one of its neighbours. */
export function reportSql(query: ReportSqlQuery, values: unknown[]): string {
  const wanted = [...new Set([...query.measures, query.rank])];
  const part = usageSumsSql({ ...query, measures: wanted, inPieces: true }, values);
  const sums = wanted
    .map(
      measure =>
        `coalesce(sum(nullif(${measure}, 0)) filter (where ${isPurchase(measure) ? 'is_purchase' : 'is_sale'}), 0) as ${measure}`,
    )
    .join(', ');
  // Rows are named before they are added up, so that this is done once: each time costs as much as reading them.
  return `
with part as (${part}),
side as (
  select part.*, currency, is_sale, currency = buy_currency as is_purchase,
         sell_currency <> '' and buy_currency <> '' and sell_currency <> buy_currency as mixed
    from part
    cross join lateral (values (case when sell_currency <> '' then sell_currency else buy_currency end, true),
                               (buy_currency, false)) as c (currency, is_sale)
   where is_sale or (sell_currency <> '' and buy_currency <> '' and sell_currency <> buy_currency)),
named as (
  select *, coalesce(nullif(currency, ''), min(nullif(currency, '')) over (partition by period, d1, d2), '') as spoken
    from side)
select period, d1, d2, spoken as currency, bool_or(mixed) as mixed, ${sums}
  from named group by 1, 2, 3, 4`;
}

/** Of such rows those of the report, each with its place: 0 for all unless there is a top. */
export function topSql({ top, rank }: ReportSqlQuery, measures: readonly MeasureColumn[], base: string): string {
  if (top === undefined) {
    return `select period, 0 as place, d1, d2, currency, mixed, ${measures.join(', ')} from ${base}`;
  }
  const sums = measures.map(measure => `sum(${measure}) as ${measure}`).join(', ');
  return `
select period, least(place, ${top + 1})::int as place, case when place <= ${top} then d1 end as d1, d2, currency,
       bool_or(mixed) as mixed, ${sums}
  from ${base}
  join (select d1, row_number() over (order by sum(${rank}) desc, d1) as place from ${base} group by d1) as ranked using (d1)
 group by 1, 2, 3, 4, 5`;
}

/** For comparing places in that order: nothing is null. */
export const orderSql = `coalesce(period, '-infinity'), place, coalesce(d1, ''), d2, currency`;
