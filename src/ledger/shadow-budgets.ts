import { counts, refuses } from '../snapshot/budgets.ts';
import type { BudgetEntry } from '../snapshot/snapshot.ts';
import type { Store } from '../store/connect.ts';

/** Where a shadow stands in the window that is now. */
export interface ShadowStanding {
  readonly window: string;
  readonly spentAtto: bigint;
  /** Requests that cost something and came when the limit was spent. In the hour, or the day, in which that happened they
   *  are estimated by its share of money that lay beyond. */
  readonly wouldHaveRefused: number;
}

/** Those among these budgets that are shadows, by id. Read from usage, so that a changed limit counts for the whole window:
 *  by the hour within a day, by the day within longer periods. At most one query a scope. */
export async function readShadowStandings(
  store: Store,
  budgets: readonly BudgetEntry[],
  nowMs: number,
): Promise<ReadonlyMap<string, ShadowStanding>> {
  const standings = new Map<string, ShadowStanding>();
  for (const scope of ['key', 'project', 'organisation', 'installation'] as const) {
    const shadows = budgets.filter(budget => budget.scope === scope && budget.hard && !refuses(budget));
    if (shadows.length === 0) continue;
    const used = Map.groupBy(await readUse(store, shadows, nowMs), ({ id }) => id);
    for (const shadow of shadows) standings.set(shadow.id, standingOf(shadow, used.get(shadow.id) ?? []));
  }
  return standings;
}

/** What one model of one provider was used for on one route in an hour or a day, oldest first. A budget without
 *  usage has one that only names the window. */
interface Use {
  readonly id: string;
  readonly window: string;
  readonly begins: Date | null;
  readonly route: string;
  readonly model: string;
  readonly provider: string;
  readonly requests: bigint;
  readonly atto: bigint;
}

async function readUse(store: Store, shadows: readonly BudgetEntry[], nowMs: number): Promise<readonly Use[]> {
  const whose = shadows[0]!.scope === 'installation' ? 'true' : `u.${shadows[0]!.scope} = b.subject`;
  const { rows } = await store.pool.query(
    `with b as (
       select id, subject, currency, case period when 'day' then 'hour' else 'day' end as step,
              case period when 'total' then '-infinity'::timestamp
                          else date_trunc(period, to_timestamp($5::float8) at time zone 'utc') end as since
         from unnest($1::text[], $2::text[], $3::text[], $4::text[]) as b (id, subject, currency, period)
     )
     select b.id, case when b.since = '-infinity' then 'total' else to_char(b.since, 'YYYY-MM-DD') end as window,
            date_trunc(b.step, u.hour, 'utc') as begins, coalesce(u.route, '') as route, coalesce(u.model, '') as model,
            coalesce(u.provider, '') as provider, coalesce(sum(u.requests), 0)::bigint as requests,
            coalesce(sum(u.sell_atto), 0) as atto
       from b
       left join usage_hourly as u on ${whose} and u.sell_currency = b.currency and u.meter = ''
                                  and u.hour >= b.since at time zone 'utc' and u.hour <= to_timestamp($5::float8)
      group by 1, 2, 3, 4, 5, 6
      order by begins`,
    [
      shadows.map(({ id }) => id),
      shadows.map(({ subject }) => subject),
      shadows.map(({ currency }) => currency),
      shadows.map(({ period }) => period),
      nowMs / 1000,
    ],
  );
  return rows;
}

function standingOf(shadow: BudgetEntry, used: readonly Use[]): ShadowStanding {
  const limitAtto = BigInt(shadow.limitAtto);
  const counted = used.filter(({ begins, atto, route, model, provider }) => {
    return begins !== null && atto > 0n && counts(shadow, route, { model, provider: { name: provider } });
  });
  let spentAtto = 0n;
  let refused = 0n;
  for (const step of Map.groupBy(counted, ({ begins }) => begins!.getTime()).values()) {
    let requests = 0n;
    let atto = 0n;
    for (const use of step) {
      requests += BigInt(use.requests);
      atto += use.atto;
    }
    spentAtto += atto;
    const beyondAtto = spentAtto - limitAtto;
    if (beyondAtto > 0n) refused += beyondAtto >= atto ? requests : (requests * beyondAtto) / atto;
  }
  return { window: used[0]?.window ?? '', spentAtto, wouldHaveRefused: Number(refused) };
}
