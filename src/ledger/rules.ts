import { walletRules } from './wallet-rules.ts';

/** What a sound ledger keeps. Each rule is a query that finds nothing: `subject` and `detail` of what must never be.
 *  Rules of a `day` look at what lies in [$1, $2); a `whole` rule looks at all there is, or at what changed since $1. Rules
 *  about exchanges look at those whose details retention has kept. */
export interface LedgerRuleText {
  readonly scope: 'day' | 'whole';
  /** What is kept, one line for people. */
  readonly keeps: string;
  /** What an operator does about a violation. */
  readonly advice: string;
  readonly sql: string;
}

const readAgain =
  'Nothing is booked otherwise because of it. Keep the database as it is, take a backup, and report what this says.';
const foldAgain =
  'The transfers are right and what is derived from them is not: report it; reading transfers still gives the truth.';

/** A transfer with its sign and what it was before it was taken back: `reverse@2:sell@1` takes `sell@1` back. */
const signed = `
  select t.at, t.exchange_id, t.attempt, t.currency,
         case when t.kind like 'reverse@%' then -t.amount_atto else t.amount_atto end as atto,
         case when t.kind like 'reverse@%' then substr(t.kind, strpos(t.kind, ':') + 1) else t.kind end as kind
    from transfer t
   where t.at >= $1 and t.at < $2 and starts_with(t.exchange_id, 'ex_')`;

/** What is charged for an exchange after its corrections. */
const chargedNow = `
  select e.at, e.id, e.hold_atto, e.hold_leases, coalesce(c.state, e.state) as state,
         case when c.state = 'void' then 0 when s.amount_atto is not null then s.amount_atto - s.over_hold_atto
              else coalesce(e.sell_atto, 0) end as sell,
         case when c.state = 'void' then 0 when s.amount_atto is not null then s.over_hold_atto
              else coalesce(e.over_hold_atto, 0) end as over_hold
    from exchange e
    left join (select distinct on (exchange_id) exchange_id, state from correction
                where at >= $1 and at < $2 order by exchange_id, number desc) as c on c.exchange_id = e.id
    left join (select distinct on (exchange_id) exchange_id, amount_atto, over_hold_atto from corrected_charge
                where at >= $1 and at < $2 and book = 'sell' order by exchange_id, number desc) as s on s.exchange_id = e.id
   where e.at >= $1 and e.at < $2`;

export const rules = {
  trial_balance_zero: {
    scope: 'whole',
    keeps: 'All accounts of a ledger together are zero.',
    advice: readAgain,
    sql: `
      select currency || case when memo then '/memo' else '' end as subject, 'accounts add up to ' || sum(atto) as detail
        from (select b.currency, account.kind = 'memo' as memo, debit_atto - credit_atto as atto
                from (select account, currency, debit_atto, credit_atto from balance_day
                      union all select account, currency, debit_atto, credit_atto from balance_delta) as b
                join account on account.id = b.account) as side
       group by currency, memo
      having sum(atto) <> 0`,
  },
  balance_is_the_fold: {
    scope: 'day',
    keeps: 'What an account gained and lost on a day is what its transfers say.',
    advice: foldAgain,
    sql: `
      with told as (
        select account, currency, day, sum(debit_atto) as debit, sum(credit_atto) as credit, sum(transfers) as transfers
          from (select * from balance_day union all select * from balance_delta) as b
         where day >= ($1::timestamptz at time zone 'UTC')::date and day < ($2::timestamptz at time zone 'UTC')::date
         group by 1, 2, 3),
      folded as (
        select account, currency, day, sum(debit) as debit, sum(credit) as credit, count(*) as transfers
          from (select debit as account, currency, (at at time zone 'UTC')::date as day, amount_atto as debit, 0 as credit
                  from transfer where at >= $1 and at < $2
                union all
                select credit, currency, (at at time zone 'UTC')::date, 0, amount_atto
                  from transfer where at >= $1 and at < $2) as side
         group by 1, 2, 3)
      select (select name from account where id = side.account) || ' ' || side.currency || ' ' || day as subject,
             'balance says debit ' || told_debit || ' credit ' || told_credit || ', transfers ' || debit || ' and ' || credit as detail
        from (select account, currency, day, coalesce(told.debit, 0) as told_debit, coalesce(told.credit, 0) as told_credit,
                     coalesce(folded.debit, 0) as debit, coalesce(folded.credit, 0) as credit,
                     coalesce(told.transfers, 0) <> coalesce(folded.transfers, 0) as other_count
                from told full join folded using (account, currency, day)) as side
       where told_debit <> debit or told_credit <> credit or other_count`,
  },
  transfer_stays_in_its_ledger: {
    scope: 'day',
    keeps: 'Both accounts of a transfer exist, in its currency and on one ledger.',
    advice: readAgain,
    sql: `
      select t.exchange_id || '/' || t.attempt || '/' || t.kind as subject,
             case when d.id is null or c.id is null then 'names an account that does not exist'
                  else 'goes from ' || c.name || ' to ' || d.name || ', which are of other ledgers' end as detail
        from transfer t left join account d on d.id = t.debit left join account c on c.id = t.credit
       where t.at >= $1 and t.at < $2
         and (d.id is null or c.id is null
              or coalesce(d.currency, t.currency) <> t.currency or coalesce(c.currency, t.currency) <> t.currency
              or (d.kind = 'memo') <> (c.kind = 'memo'))`,
  },
  transfer_has_its_key: {
    scope: 'day',
    keeps: 'Every transfer was claimed once, at its own instant; none is there twice.',
    advice: readAgain,
    sql: `
      select t.exchange_id || '/' || t.attempt || '/' || t.kind as subject, 'booked under an id that is not its own' as detail
        from transfer t
       where t.at >= $1 and t.at < $2
         -- Keys of exchanges are forgotten after 400 days; a posted transfer has the key of its pending one.
         and t.at > now() - interval '399 days'
         and case when starts_with(t.exchange_id, 'ex_')
                  then not exists (select from exchange_key k where k.id = t.exchange_id and k.at = t.at)
                  else not exists (select from transfer_key k where k.id = t.exchange_id
                                      and (k.at = t.at or exists (select from pending_outcome o where o.id = k.id))) end`,
  },
  key_has_its_transfer: {
    scope: 'day',
    keeps: 'Every claimed id is booked or pending.',
    advice: readAgain,
    sql: `
      select k.id as subject, 'its id is taken and nothing is booked' as detail
        from transfer_key k
       where k.at >= $1 and k.at < $2
         and not exists (select from transfer t where t.at = k.at and t.exchange_id = k.id and t.attempt = 0)
         and not exists (select from pending_transfer p where p.id = k.id)`,
  },
  charge_is_sum_of_lines: {
    scope: 'day',
    keeps: 'Every charge is the sum of its lines, and every line is quantity times rate.',
    advice: readAgain,
    sql: `
      select exchange_id as subject, book || ' of attempt ' || attempt || ' is not the sum of its lines' as detail
        from (select exchange_id, book, attempt, amount_atto, lines from charge where at >= $1 and at < $2
              union all
              select exchange_id, book, attempt, amount_atto, lines from corrected_charge where at >= $1 and at < $2) as rated
       cross join lateral (
             -- Half to even, as pricing/rate.ts divides.
             select coalesce(sum("amountAtto"), 0) as atto,
                    bool_or("amountAtto" <> div(whole, per)
                            + case when 2 * mod(whole, per) > per then 1
                                   when 2 * mod(whole, per) = per then mod(div(whole, per), 2) else 0 end) as wrong
               from (select "amountAtto", quantity * "ratePico" * 1000000 as whole, coalesce(per, 1000000) as per
                       from json_to_recordset(lines) as l (quantity numeric, "ratePico" numeric, per numeric, "amountAtto" numeric)) as n
             ) as told
       where amount_atto <> told.atto or told.wrong`,
  },
  exchange_has_its_key: {
    scope: 'day',
    keeps: 'Every exchange was claimed once.',
    advice: readAgain,
    sql: `
      select id as subject, 'an exchange without its key' as detail
        from exchange
       where at >= $1 and at < $2
         and not exists (select from exchange_key k where k.id = exchange.id and k.at = exchange.at)`,
  },
  key_has_its_exchange: {
    scope: 'day',
    keeps: 'Every exchange that was claimed ended in exactly one state.',
    advice: readAgain,
    sql: `
      select k.id as subject, 'claimed, and nothing of it is kept' as detail
        from exchange_key k
       where k.at >= $1 and k.at < $2
         and k.at >= (select min(at) from exchange)
         and not exists (select from exchange e where e.at = k.at and e.id = k.id)
         and not exists (select from alert a where a.exchange_id = k.id and a.code = 'exchange_refused')`,
  },
  /** What was charged is what is booked, on the customer's account and no other. */
  sell_is_booked: {
    scope: 'day',
    keeps: 'What a customer is charged is what is booked, with every correction.',
    advice: readAgain,
    sql: `
      with booked as (
        select at, exchange_id,
               sum(atto) filter (where kind not like 'cost%' and kind not like 'over-hold%') as sell,
               sum(atto) filter (where kind like 'over-hold%') as over_hold
          from (${signed}) as t group by at, exchange_id)
      select id as subject, 'charged ' || c.sell || ', booked ' || coalesce(booked.sell, 0) as detail
        from (${chargedNow}) as c left join booked on booked.at = c.at and exchange_id = id
       where c.sell <> coalesce(booked.sell, 0) or c.over_hold <> coalesce(booked.over_hold, 0)`,
  },
  sell_is_rated: {
    scope: 'day',
    keeps: 'What is charged and what is over the hold are the rated amount.',
    advice: readAgain,
    sql: `
      select id as subject, 'charged and over hold are not the rated amount' as detail
        from exchange left join charge on charge.at = exchange.at and exchange_id = id and book = 'sell'
       where exchange.at >= $1 and exchange.at < $2
         and coalesce(sell_atto, 0) + coalesce(over_hold_atto, 0) <> coalesce(amount_atto, 0)`,
  },
  cost_is_booked: {
    scope: 'day',
    keeps: 'What an attempt costs is what is booked, with every correction.',
    advice: readAgain,
    sql: `
      with booked as (
        select at, exchange_id, attempt, sum(case when kind like 'cost-rebate%' then -atto else atto end) as cost
          from (${signed}) as t
         where kind like 'cost%' group by at, exchange_id, attempt),
      corrected as (
        select distinct on (exchange_id, attempt) exchange_id, attempt, amount_atto + variance_atto as cost
          from corrected_charge where at >= $1 and at < $2 and book = 'buy' order by exchange_id, attempt, number desc)
      select a.exchange_id as subject, 'attempt ' || a.attempt || ' costs ' || coalesce(corrected.cost, buy_atto, 0) ||
             ', booked ' || coalesce(booked.cost, 0) as detail
        from attempt a
        left join corrected on corrected.exchange_id = a.exchange_id and corrected.attempt = a.attempt
        left join booked on booked.at = a.at and booked.exchange_id = a.exchange_id and booked.attempt = a.attempt
       where a.at >= $1 and a.at < $2
         and coalesce(corrected.cost, buy_atto, 0) <> coalesce(booked.cost, 0)`,
  },
  charge_within_hold: {
    scope: 'day',
    keeps: 'Under a hard budget nobody is charged more than was held.',
    advice: readAgain,
    sql: `
      select id as subject, 'charged ' || sell || ' on a hold of ' || hold_atto as detail
        from (${chargedNow}) as c
       where hold_leases is not null and sell > hold_atto`,
  },
  void_is_free: {
    scope: 'day',
    keeps: 'What is void or in quarantine is not charged.',
    advice: readAgain,
    sql: `
      select id as subject, state || ', and yet charged' as detail
        from (${chargedNow}) as c
       where state in ('void', 'quarantined') and sell <> 0`,
  },
  corrections_follow_each_other: {
    scope: 'day',
    keeps: 'Corrections are numbered without gaps, and each begins from what the one before left.',
    advice: readAgain,
    sql: `
      select exchange_id as subject, 'corrections are numbered 1 to ' || max(number) || ', and there are ' || count(*) as detail
        from correction where at >= $1 and at < $2
       group by exchange_id having max(number) <> count(*)
      union all
      select exchange_id, book || ' of attempt ' || attempt || ' was corrected from ' || coalesce(before_atto, 0) || ', and stood at ' || stood
        from (select exchange_id, book, attempt, before_atto,
                     lag(amount_atto - over_hold_atto) over (partition by exchange_id, book, attempt order by number) as stood
                from corrected_charge where at >= $1 and at < $2) as c
       where stood is not null and stood <> coalesce(before_atto, 0)`,
  },
  lease_not_overspent: {
    scope: 'whole',
    keeps: 'No lease is spent beyond its amount.',
    advice: readAgain,
    sql: `
      select id as subject, 'spent ' || spent_atto || ' of ' || amount_atto as detail
        from lease
       where renewed_at >= $1 and spent_atto > amount_atto`,
  },
  window_holds_its_leases: {
    scope: 'whole',
    keeps: 'The window of a budget is the sum of its leases.',
    advice: readAgain,
    sql: `
      select budget || ' ' || period as subject, 'leases do not add up to the window' as detail
        from budget_window as w
        left join lateral (
          select coalesce(sum(amount_atto) filter (where state = 'open'), 0) as leased,
                 coalesce(sum(case state when 'closed' then spent_atto when 'expired' then amount_atto end), 0) as spent
            from lease where lease.budget = w.budget and lease.period = w.period) as held on true
       where w.leased_atto <> held.leased or w.spent_atto <> held.spent`,
  },
  window_within_limit: {
    scope: 'whole',
    keeps: 'No budget is spent beyond its limit.',
    advice: readAgain,
    sql: `
      select budget || ' ' || period as subject, leased_atto + spent_atto || ' of ' || limit_atto as detail
        from budget_window
       where leased_atto + spent_atto > limit_atto`,
  },
  pending_is_resolved_once: {
    scope: 'whole',
    keeps: 'A pending transfer waits or has one outcome, and what was posted of it is booked.',
    advice: readAgain,
    sql: `
      select p.id as subject,
             case when o.id is not null and w.id is not null then 'resolved, and still waiting'
                  when o.id is null and w.id is null then 'neither resolved nor waiting'
                  when o.amount_atto > p.amount_atto then 'posted ' || o.amount_atto || ' of ' || p.amount_atto
                  else 'posted ' || o.amount_atto || ', booked ' || coalesce(t.amount_atto, 0) end as detail
        from pending_transfer p
        left join pending_open w using (id)
        left join pending_outcome o using (id)
        left join lateral (select sum(amount_atto) as amount_atto from transfer
                            where o.outcome = 'posted' and exchange_id = p.id and attempt = 0 and transfer.kind = p.kind
                              and transfer.at >= p.at - interval '400 days') as t on true
       where (o.id is null or o.at >= $1)
         and ((o.id is null) = (w.id is null) or o.amount_atto > p.amount_atto
              or (o.outcome = 'posted' and coalesce(t.amount_atto, 0) <> o.amount_atto))`,
  },
  pending_expires: {
    scope: 'whole',
    keeps: 'What was not posted in time expires within the hour.',
    advice: 'The job ledger-upkeep does not run, or not to its end: see `carrier jobs list` and the log.',
    sql: `
      select id as subject, 'expired at ' || expires_at || ' and still waits' as detail
        from pending_open
       where expires_at < now() - interval '1 hour'`,
  },
  wallet_not_negative: {
    scope: 'whole',
    keeps: 'No wallet is spent or promised beyond what is in it.',
    advice: readAgain,
    sql: `
      select name || ' ' || b.currency as subject,
             'holds ' || sum(credit_atto - debit_atto) || ', of it pending ' || sum(debit_pending_atto) as detail
        from account
        join (select account, currency, debit_atto, credit_atto, debit_pending_atto from balance_day
              union all
              select account, currency, debit_atto, credit_atto, debit_pending_atto from balance_delta) as b on b.account = account.id
       where starts_with(name, 'wallet:')
       group by name, b.currency
      having sum(credit_atto - debit_atto - debit_pending_atto) < 0`,
  },
  /** The roll-up is derived: for days whose exchanges are all there, it says the same. */
  usage_is_the_sum: {
    scope: 'day',
    keeps: 'Usage reports are the sum of the exchanges and of the usage events.',
    advice: foldAgain,
    sql: `
      with kept as (select date_trunc('day', min(at), 'UTC') + interval '1 day' as since, max(at) as last from exchange),
      rolled as (
        select date_trunc('day', hour, 'UTC') as day, sum(requests) as requests, sum(sell_atto - sell_correction_atto) as sell
          from usage_hourly where meter = '' and hour >= $1 and hour < $2 group by 1),
      told as (
        select date_trunc('day', at, 'UTC') as day, count(*) as requests, sum(coalesce(sell_atto, 0)) as sell
          from exchange where at >= $1 and at < $2 group by 1),
      events as (
        select date_trunc('day', at, 'UTC') as day, sum(sell_atto) as sell
          from usage_event join usage_event_rating as r using (ref)
         -- What is rated again is a correction.
         where at >= $1 and at < $2 and r.state = 'rated' and r.replaces is null group by 1)
      select told.day::text as subject,
             'usage says ' || coalesce(rolled.requests, 0) || ' requests for ' || coalesce(rolled.sell, 0) || ', exchanges ' ||
             told.requests || ' for ' || told.sell || ', and usage events ' || coalesce(events.sell, 0) as detail
        from told left join rolled on rolled.day = told.day left join events on events.day = told.day, kept
       where (told.day >= kept.since or told.day = date_trunc('day', kept.last, 'UTC'))
         and (told.requests <> coalesce(rolled.requests, 0)
              or told.sell + coalesce(events.sell, 0) <> coalesce(rolled.sell, 0))`,
  },
  usage_is_the_ledger: {
    scope: 'day',
    keeps: 'Revenue and cost in usage reports are those of the ledger, to the last digit.',
    advice: foldAgain,
    sql: `
      with rolled as (
        select currency, sum(sell) as sell, sum(buy) as buy
          from (select sell_currency as currency, sell_atto + over_hold_atto as sell, 0 as buy
                  from usage_hourly where meter = '' and hour >= $1 and hour < $2
                union all
                select buy_currency, 0, buy_atto
                  from usage_hourly where meter = '' and hour >= $1 and hour < $2) as side
         where currency <> '' group by currency),
      booked as (
        select t.currency,
               sum(case when c.name like 'revenue:%' then amount_atto when d.name like 'revenue:%' then -amount_atto else 0 end) as sell,
               sum(case when c.name like 'provider_accrued:%' then amount_atto
                        when d.name like 'provider_accrued:%' then -amount_atto else 0 end) as buy
          from transfer t join account d on d.id = t.debit join account c on c.id = t.credit
         -- Exchanges, and usage events: what else is booked to these accounts is not usage.
         where t.at >= $1 and t.at < $2 and (starts_with(t.exchange_id, 'ex_') or starts_with(t.exchange_id, 'ue_'))
         group by t.currency)
      select $1::timestamptz::date || ' ' || currency as subject,
             'usage says ' || coalesce(rolled.sell, 0) || ' sold and ' || coalesce(rolled.buy, 0) || ' bought, the ledger ' ||
             coalesce(booked.sell, 0) || ' and ' || coalesce(booked.buy, 0) as detail
        from rolled full join booked using (currency)
       where coalesce(rolled.sell, 0) <> coalesce(booked.sell, 0) or coalesce(rolled.buy, 0) <> coalesce(booked.buy, 0)`,
  },
  month_is_the_sum: {
    scope: 'whole',
    keeps: 'The sum of a month, by which usage is priced, is what its ratings counted and came to.',
    advice: readAgain,
    sql: `
      select m.book || ' ' || m.subject || ' ' || m.priced || ' ' || m.meter || ' ' || m.month as subject,
             'says ' || m.quantity || ' for ' || m.amount_atto || ', ratings ' || coalesce(r.units, 0) || ' for ' ||
             coalesce(r.atto, 0) as detail
        from usage_month m
        left join lateral (
          select sum(units) as units, sum(atto) as atto
              from (select sell_units as units, sell_atto - sell_shift_atto as atto
                      from usage_event_rating where m.book = 'sell' and sell_month = m.id
                    union all
                    -- What left it: what stayed of the amount is the shift of the next rating.
                    select -r.sell_units, n.sell_shift_atto - r.sell_atto
                      from usage_event_rating r join usage_event_rating n on n.ref = r.ref and n.replaces = r.number
                     where m.book = 'sell' and r.sell_month = m.id) as sells
          union all
          select sum(units) as units, sum(atto) as atto
              from (select buy_units as units, buy_atto - buy_shift_atto as atto
                      from usage_event_rating where m.book = 'buy' and buy_month = m.id
                    union all
                    -- What left it: what stayed of the amount is the shift of the next rating.
                    select -r.buy_units, n.buy_shift_atto - r.buy_atto
                      from usage_event_rating r join usage_event_rating n on n.ref = r.ref and n.replaces = r.number
                     where m.book = 'buy' and r.buy_month = m.id) as buys) as r
             on r.units is not null
       -- What is older cannot change: events come at most 35 days late.
       where m.month >= $1::timestamptz - interval '100 days'
         and (m.quantity <> coalesce(r.units, 0) or m.amount_atto <> coalesce(r.atto, 0))`,
  },
  /** Both sides follow the series by a trigger; whoever lacks it, or writes past it, is found. */
  usage_sides_agree: {
    scope: 'day',
    keeps: 'Usage by customer and by supply is usage by series, added up.',
    advice: foldAgain,
    sql: `
      with series as (
        select coalesce(sum(requests), 0) as requests, coalesce(sum(sell_atto), 0) as sell, coalesce(sum(buy_atto), 0) as buy
          from usage_by_day where day >= $1 and day < $2),
      side as (
        select 'customers' as name, coalesce(sum(requests), 0) as requests, coalesce(sum(sell_atto), 0) as sell, coalesce(sum(buy_atto), 0) as buy
          from usage_customer_by_day where day >= $1 and day < $2
        union all
        select 'supply', coalesce(sum(requests), 0), coalesce(sum(sell_atto), 0), coalesce(sum(buy_atto), 0)
          from usage_supply_by_hour where hour >= $1 and hour < $2)
      select $1::timestamptz::date || ' ' || name as subject,
             'by series ' || series.requests || ' requests, ' || series.sell || ' sold, ' || series.buy || ' bought; here ' ||
             side.requests || ', ' || side.sell || ', ' || side.buy as detail
        from side, series
       where (side.requests, side.sell, side.buy) is distinct from (series.requests, series.sell, series.buy)`,
  },
  ...walletRules,
} as const satisfies Record<string, LedgerRuleText>;

export type LedgerRule = keyof typeof rules;
