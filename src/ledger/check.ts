import type { Store } from '../store/connect.ts';

/** Something that must never be. */
export interface LedgerViolation {
  readonly rule: LedgerRule;
  /** What it is about: an exchange, a lease, a window, a currency. */
  readonly subject: string;
  readonly detail: string;
}

export type LedgerRule = keyof typeof rules;

/** A sample is enough to begin looking; the whole list could be as long as the ledger. */
const violationsMax = 100;

/** Each rule is a query that finds nothing in a sound ledger. Rules about one exchange look at those whose details
 *  retention has kept. */
const rules = {
  /** Every posting has two sides, so all accounts together are zero in each currency. */
  trial_balance_zero: `
    select currency as subject, 'accounts add up to ' || sum(atto) as detail
      from (select currency, debit as account, amount_atto as atto from transfer
            union all select currency, credit, -amount_atto from transfer) as side
     group by currency
    having sum(atto) <> 0`,
  transfer_accounts_exist: `
    select exchange_id as subject, kind || ' names an account that does not exist' as detail
      from transfer
     where not exists (select from account where id = debit) or not exists (select from account where id = credit)`,
  charge_is_sum_of_lines: `
    select exchange_id as subject, book || ' of attempt ' || attempt || ' is not the sum of its lines' as detail
      from charge
     where amount_atto <> (select coalesce(sum((line ->> 'amountAtto')::numeric), 0) from json_array_elements(lines) as line)
        or exists (select from json_array_elements(lines) as line
                    where (line ->> 'quantity')::numeric * (line ->> 'ratePico')::numeric <> (line ->> 'amountAtto')::numeric)`,
  exchange_has_its_key: `
    select id as subject, 'an exchange without its key' as detail
      from exchange
     where not exists (select from exchange_key k where k.id = exchange.id and k.at = exchange.at)`,
  /** What was charged is what is booked, on the customer's account and no other. */
  sell_is_booked: `
    with booked as (
      select at, exchange_id, sum(amount_atto) filter (where kind = 'sell' or kind like 'burn:%') as sell,
             sum(amount_atto) filter (where kind = 'over-hold') as over_hold
        from transfer group by at, exchange_id)
    select id as subject, 'charged ' || coalesce(sell_atto, 0) || ', booked ' || coalesce(sell, 0) as detail
      from exchange left join booked on booked.at = exchange.at and exchange_id = id
     where coalesce(sell_atto, 0) <> coalesce(sell, 0) or coalesce(over_hold_atto, 0) <> coalesce(over_hold, 0)`,
  sell_is_rated: `
    select id as subject, 'charged and over hold are not the rated amount' as detail
      from exchange left join charge on charge.at = exchange.at and exchange_id = id and book = 'sell'
     where coalesce(sell_atto, 0) + coalesce(over_hold_atto, 0) <> coalesce(amount_atto, 0)`,
  cost_is_booked: `
    select attempt.exchange_id as subject, 'the cost of attempt ' || attempt.attempt || ' is not what is booked' as detail
      from attempt
      left join transfer on transfer.at = attempt.at and transfer.exchange_id = attempt.exchange_id
           and transfer.attempt = attempt.attempt and kind = 'cost'
     where coalesce(buy_atto, 0) <> coalesce(amount_atto, 0)`,
  charge_within_hold: `
    select id as subject, 'charged ' || sell_atto || ' on a hold of ' || hold_atto as detail
      from exchange
     where hold_leases is not null and sell_atto > hold_atto`,
  void_is_free: `
    select id as subject, 'void, and yet charged' as detail
      from exchange
     where state = 'void' and coalesce(sell_atto, 0) <> 0`,
  lease_not_overspent: `
    select id as subject, 'spent ' || spent_atto || ' of ' || amount_atto as detail
      from lease
     where spent_atto > amount_atto`,
  window_holds_its_leases: `
    select budget || ' ' || period as subject, 'leases do not add up to the window' as detail
      from budget_window as w
      left join lateral (
        select coalesce(sum(amount_atto) filter (where state = 'open'), 0) as leased,
               coalesce(sum(case state when 'closed' then spent_atto when 'expired' then amount_atto end), 0) as spent
          from lease where lease.budget = w.budget and lease.period = w.period) as held on true
     where w.leased_atto <> held.leased or w.spent_atto <> held.spent`,
  window_within_limit: `
    select budget || ' ' || period as subject, leased_atto + spent_atto || ' of ' || limit_atto as detail
      from budget_window
     where leased_atto + spent_atto > limit_atto`,
  /** The roll-up is derived: for days whose exchanges are all there, it says the same. */
  usage_is_the_sum: `
    with kept as (select date_trunc('day', min(at), 'UTC') + interval '1 day' as since from exchange),
    rolled as (
      select date_trunc('day', hour, 'UTC') as day, sum(requests) as requests, sum(sell_atto - sell_correction_atto) as sell
        from usage_hourly where meter = '' and class = 'inference' group by 1),
    told as (
      select date_trunc('day', at, 'UTC') as day, count(*) as requests, sum(coalesce(sell_atto, 0)) as sell
        from exchange group by 1)
    select told.day::text as subject, 'usage says ' || coalesce(rolled.requests, 0) || ' requests, exchanges ' || told.requests as detail
      from told left join rolled on rolled.day = told.day, kept
     where (told.day >= kept.since or told.day = (select max(day) from told))
       and (told.requests <> coalesce(rolled.requests, 0) or told.sell <> coalesce(rolled.sell, 0))`,
} as const satisfies Record<string, string>;

/** Looks for what must never be, in one consistent view. Reads everything: not for the request path, nor every minute. */
export async function checkLedger(store: Store): Promise<LedgerViolation[]> {
  const client = await store.pool.connect();
  try {
    await client.query('begin isolation level repeatable read read only');
    await client.query('set local statement_timeout = 0');
    const violations: LedgerViolation[] = [];
    for (const [rule, sql] of Object.entries(rules)) {
      const { rows } = await client.query(`${sql} limit ${violationsMax}`);
      for (const { subject, detail } of rows) violations.push({ rule: rule as LedgerRule, subject, detail });
    }
    return violations;
  } finally {
    await client.query('rollback').catch(() => {});
    client.release();
  }
}
