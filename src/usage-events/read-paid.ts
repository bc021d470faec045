import type pg from 'pg';
import { unbilled } from '../ledger/accounts.ts';
import type { UsageCredit } from '../ledger/usage-payer.ts';

/** Who has paid how much so far of usage that is, or was, in these sums of months, in sums that these events were in, or in a
 *  sum of the same month by another price: an event that left a sum took with it the difference between what it had been
 *  charged and what the last place of that sum cost, so that only all of them together came to what they cost. */
export async function readPaid(
  client: pg.ClientBase,
  organisation: string,
  { months, refs = [] }: { readonly months: readonly bigint[]; readonly refs?: readonly string[] },
): Promise<Pick<UsageCredit, 'paid' | 'owedAtto'>> {
  const { rows } = await client.query(
    `select a.name, sum(case when t.debit = a.id then t.amount_atto else -t.amount_atto end) as atto
       from (select distinct ref from usage_event_rating
              where sell_month = any (array(
                    select other.id
                      from usage_month m
                      join usage_month other using (book, subject, priced, meter, place, currency, month)
                     where m.id = any($1)
                        or m.id in (select sell_month from usage_event_rating where ref = any($4))))) as r
       join usage_event e using (ref)
       -- One look into the index for each: of one instant there may be thousands, and a join by it would pair them all.
      cross join lateral (
            select * from transfer where at = e.at and exchange_id > r.ref || ':' and exchange_id < r.ref || ';'
            offset 0) as t
       join account a on a.id in (t.debit, t.credit)
      where (a.name = $2 or starts_with(a.name, $3))
      group by a.name`,
    [months.map(String), unbilled(organisation).name, `wallet:${organisation}:`, refs],
  );
  const paid = rows.filter(({ name, atto }) => name !== unbilled(organisation).name && atto > 0n);
  return {
    paid: paid.map(({ name, atto }) => ({ grant: name.slice(`wallet:${organisation}:`.length), amountAtto: atto })),
    owedAtto: rows.find(({ name }) => name === unbilled(organisation).name)?.atto ?? 0n,
  };
}
