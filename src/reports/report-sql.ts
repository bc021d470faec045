import type { MeasureColumn } from '../ledger/usage-columns.ts';
import { type UsageSumsQuery, usageSumsSql } from '../ledger/usage-sums.ts';
import { isPurchase } from './kinds.ts';

export interface ReportSqlQuery extends UsageSumsQuery {
  /** The largest values of the first dimension by `rank`; the rest is added up in rows without a value. */
  readonly top: number | undefined;
  readonly rank: MeasureColumn;
}

/** Rows of a report by period, place, d1, d2, currency, in this order without ties; place is 0 for all unless there is a
 *  top. `mixed`: something was sold and bought in different currencies, and this is one of the two.
 *  Sales count in the currency of the sale, purchases in that of the purchase; what has no currency of its own, such as an
 *  exchange that was refused, joins the first one of its neighbours. */
export function reportSql(query: ReportSqlQuery, values: unknown[]): string {
  const { measures } = query;
  const wanted = [...new Set([...measures, query.rank])];
  const part = usageSumsSql({ ...query, measures: wanted }, values);
  const sided = wanted
    .map(measure => {
      const side = isPurchase(measure) ? 'c.currency = buy_currency' : 'is_sale';
      return `coalesce(sum(${measure}) filter (where ${side}), 0) as ${measure}`;
    })
    .join(', ');
  const sums = wanted.map(measure => `sum(${measure}) as ${measure}`).join(', ');
  const rows = `
with part as (${part}),
side as (
  select period, d1, d2, c.currency, bool_or(sell_currency <> '' and buy_currency <> '' and sell_currency <> buy_currency) as mixed,
         ${sided}
    from part
    cross join lateral (values (case when sell_currency <> '' then sell_currency else buy_currency end, true),
                               (buy_currency, false)) as c (currency, is_sale)
   where is_sale or (sell_currency <> '' and buy_currency <> '' and sell_currency <> buy_currency)
   group by 1, 2, 3, 4),
named as (
  select *, coalesce(nullif(currency, ''), min(nullif(currency, '')) over (partition by period, d1, d2), '') as spoken
    from side)`;
  const { top, rank } = query;
  if (top === undefined) {
    return `${rows}
select period, 0 as place, d1, d2, spoken as currency, bool_or(mixed) as mixed, ${sums}
  from named group by 1, 2, 3, 4, 5`;
  }
  return `${rows},
ranked as (select d1, row_number() over (order by sum(${rank}) desc, d1) as place from named group by d1)
select period, least(place, ${top + 1})::int as place, case when place <= ${top} then d1 end as d1, d2, spoken as currency,
       bool_or(mixed) as mixed, ${sums}
  from named join ranked using (d1) group by 1, 2, 3, 4, 5`;
}

/** For comparing places in that order: nothing is null. */
export const orderSql = `coalesce(period, '-infinity'), place, coalesce(d1, ''), d2, currency`;
