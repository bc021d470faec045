import type { LedgerRuleText } from './rules.ts';

const advice =
  'Nothing is booked otherwise because of it. Keep the database as it is, take a backup, and report what this says.';

/** Grants that moved since $1. */
const moved = `
  select w.organisation, w.currency, g.id, g.number, g.wallet, b.remaining_atto, b.ended
    from wallet_balance b
    join wallet_grant g on g.number = b.grant_number
    join wallet w on w.id = g.wallet
   where exists (select from wallet_hour h
                  where h.wallet = g.wallet and h.grant_number = g.number and h.hour >= $1::timestamptz - interval '1 hour')`;

/** What is derived of wallets is what their transfers say, and nothing of them is promised twice. */
export const walletRules = {
  grant_is_the_fold: {
    scope: 'whole',
    keeps: 'What is left of a grant is the balance of its account.',
    advice,
    sql: `
      select organisation || ' ' || id as subject,
             'has ' || remaining_atto || ', its account ' || coalesce(booked.atto, 0) as detail
        from (${moved}) as g
        left join lateral (
          select sum(b.credit_atto - b.debit_atto) as atto
            from account a
            join (select account, currency, debit_atto, credit_atto from balance_day
                  union all select account, currency, debit_atto, credit_atto from balance_delta) as b on b.account = a.id
           where a.name = 'wallet:' || g.organisation || ':' || g.id and b.currency = g.currency) as booked on true
       where remaining_atto <> coalesce(booked.atto, 0)`,
  },
  wallet_has_its_grant: {
    scope: 'whole',
    keeps: 'Every account of a wallet is that of a grant, in its currency.',
    advice,
    sql: `
      select a.name || ' ' || coalesce(a.currency, '') as subject, 'is no grant''s account, and has ' || sum(b.credit_atto - b.debit_atto) as detail
        from account a
        join (select account, currency, debit_atto, credit_atto from balance_day
              union all select account, currency, debit_atto, credit_atto from balance_delta) as b on b.account = a.id
        left join wallet_grant g on 'wallet:' || g.organisation || ':' || g.id = a.name
        left join wallet w on w.id = g.wallet and w.currency = b.currency
       where starts_with(a.name, 'wallet:') and w.id is null
       group by a.name, a.currency`,
  },
  grant_is_its_statement: {
    scope: 'whole',
    keeps: 'What is left of a grant is what its statement comes to.',
    advice,
    sql: `
      select organisation || ' ' || id as subject, 'has ' || remaining_atto || ', its statement ' || coalesce(told.atto, 0) as detail
        from (${moved}) as g
        left join lateral (select sum(amount_atto) as atto from wallet_hour h
                            where h.wallet = g.wallet and h.grant_number = g.number) as told on true
       where remaining_atto <> coalesce(told.atto, 0)`,
  },
  grant_promised_once: {
    scope: 'whole',
    keeps: 'What requests hold of a grant is not more than what is left of it.',
    advice,
    sql: `
      select w.organisation || ' ' || g.id as subject, 'has ' || b.remaining_atto || ', and ' || r.atto || ' is held' as detail
        from (select grant_number, sum(atto) as atto from wallet_reserve where grant_number <> 0 group by grant_number) as r
        join wallet_balance b using (grant_number)
        join wallet_grant g on g.number = b.grant_number
        join wallet w on w.id = g.wallet
       where r.atto > b.remaining_atto`,
  },
  grant_held_by_somebody: {
    scope: 'whole',
    keeps:
      'What is held of a wallet is held by an open lease, or for a quarantined exchange, and by a lease not beyond its amount.',
    advice,
    sql: `
      select r.holder as subject, 'holds ' || sum(r.atto) || ' of ' || coalesce(max(l.amount_atto - l.spent_atto), 0) as detail
        from wallet_reserve r
        left join lease l on l.id = r.holder and l.state <> 'closed'
       where not starts_with(r.holder, 'exchange:')
       group by r.holder
      having coalesce(max(l.amount_atto - l.spent_atto), 0) < sum(r.atto)`,
  },
} as const satisfies Record<string, LedgerRuleText>;
