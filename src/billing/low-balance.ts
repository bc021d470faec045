import type pg from 'pg';
import type { Job } from '../jobs/job.ts';

/** What somebody asked to be warned of. */
export interface LowBalance {
  readonly organisation: string;
  readonly currency: string;
  readonly belowAtto: bigint;
  /** What may be owed beyond grants. */
  readonly lineAtto: bigint;
}

const everyMs = 60_000;

/** Warns of wallets in which little is left. */
export function lowBalanceJob(lowBalances: () => Promise<readonly LowBalance[]>, nowMs: () => number = Date.now): Job {
  return {
    name: 'wallet-low',
    purpose: 'Warns once each time a wallet falls below its `lowBalance`',
    schedule: { everyMs },
    run: async ({ client }) => ({ warned: await warnOfLowBalances(client, await lowBalances(), nowMs()) }),
  };
}

/** An alert, and a notice `wallet.low`, for each wallet that has fallen below what was asked since the last look: once until
 *  it is above it again. What is left are grants in force, with what requests hold of them, and the line as far as it is not
 *  owed. One statement: who looks at the same time tells nothing twice, and a crash tells all of it or nothing. Gives how
 *  many were told. */
export async function warnOfLowBalances(
  client: pg.ClientBase,
  asked: readonly LowBalance[],
  nowMs: number,
): Promise<number> {
  const { rows } = await client.query(warnSql, [
    asked.map(({ organisation }) => organisation),
    asked.map(({ currency }) => currency),
    asked.map(({ belowAtto }) => belowAtto.toString()),
    asked.map(({ lineAtto }) => lineAtto.toString()),
    new Date(nowMs),
  ]);
  return rows[0].told;
}

/** An amount with all its digits. */
const decimal = (atto: string) => `trim_scale(${atto} * 0.000000000000000001)::text`;

/** Takes locks in the one order of wallets. What nobody asks about any more is not low. */
const warnSql = `
with asked as (
  select * from unnest($1::text[], $2::text[], $3::numeric[], $4::numeric[]) as a (organisation, currency, below_atto, line_atto)
), looked as (
  select w.id, a.below_atto, m.atto + greatest(0, a.line_atto - w.owed_atto) as left_atto
    from wallet w
    left join asked a using (organisation, currency)
    cross join lateral (
      select coalesce(sum(b.remaining_atto), 0) as atto
        from wallet_balance b join wallet_grant g on g.number = b.grant_number
       where b.wallet = w.id and b.ended is null and g.effective_at <= $5 and (g.expires_at is null or g.expires_at > $5)) as m
   where a.organisation is not null or w.low
), changing as (
  select w.id, coalesce(l.left_atto < l.below_atto, false) as low, l.left_atto, l.below_atto
    from wallet w join looked l using (id)
   where w.low <> coalesce(l.left_atto < l.below_atto, false)
   order by w.id for no key update of w
), changed as (
  update wallet w set low = c.low, lows = w.lows + c.low::int
    from changing c
   where w.id = c.id and w.low <> c.low
  returning w.organisation, w.currency, w.low, 'wallet_low:' || w.organisation || ':' || w.currency || ':' || w.lows as name,
            ${decimal('c.left_atto')} as has, ${decimal('c.below_atto')} as below
), alerted as (
  insert into alert (id, code, message)
  select name, 'wallet_low',
         'The wallet of ' || organisation || ' has ' || has || ' ' || currency || ' left, below ' || below || '.'
    from changed where low
  on conflict do nothing
), noticed as (
  insert into notice (id, kind, organisation, body)
  select md5(name)::uuid, 'wallet.low', organisation,
         jsonb_build_object('currency', currency, 'left', has, 'below', below)
    from changed where low
  on conflict do nothing
)
select count(*)::int as told from changed where low`;
