import type pg from 'pg';
import { formatAtto } from '../pricing/money.ts';
import type { Store } from '../store/connect.ts';
import { type AccountKind, normalSide } from './accounts.ts';

/** Balances are folds of transfers and of nothing else. Whoever writes transfers appends what they add to balance_delta
 *  (a trigger does), and foldBalances adds that up into one row an account and day, so that reading is cheap and writing
 *  updates nothing that others wait for. Both tables together are the balance, at every instant. */

/** One account with what was booked on it. */
export interface AccountBalance {
  readonly account: string;
  readonly currency: string;
  readonly kind: AccountKind;
  readonly debitAtto: bigint;
  readonly creditAtto: bigint;
  /** Set aside by pending transfers. */
  readonly debitPendingAtto: bigint;
  readonly creditPendingAtto: bigint;
  readonly transfers: number;
}

/** Positive on the account's normal side. */
export function balanceAtto({ kind, debitAtto, creditAtto }: AccountBalance): bigint {
  return normalSide[kind] === 'debit' ? debitAtto - creditAtto : creditAtto - debitAtto;
}

/** What is left when everything pending against it is posted: what may still be taken from the account. */
export function availableAtto(balance: AccountBalance): bigint {
  const pending = normalSide[balance.kind] === 'debit' ? balance.creditPendingAtto : balance.debitPendingAtto;
  return balanceAtto(balance) - pending;
}

export interface BalanceFilter {
  /** Whole names. */
  readonly accounts?: readonly string[] | undefined;
  /** Beginning of names. */
  readonly prefix?: string | undefined;
  readonly currency?: string | undefined;
  /** Inclusive, UTC day as 2026-11-20. */
  readonly fromDay?: string | undefined;
  /** Inclusive. */
  readonly toDay?: string | undefined;
  /** Names after this one (and currencies after it within the name). */
  readonly after?: { readonly account: string; readonly currency: string } | undefined;
  readonly limit?: number | undefined;
}

/** Balances of accounts that something was booked on, by name and currency. With days: what these days added. */
export async function readBalances(
  client: pg.ClientBase | Store['pool'],
  filter: BalanceFilter = {},
): Promise<AccountBalance[]> {
  const { rows } = await client.query(
    `with wanted as (
       select id, name, kind from account
        where ($1::text[] is null or name = any($1)) and ($2::text is null or starts_with(name, $2))
          and ($3::text is null or name >= $3)
     ), side as (
       select * from balance_day where account in (select id from wanted)
       union all
       select * from balance_delta where account in (select id from wanted)
     )
     select name, currency, kind, sum(debit_atto) as debit, sum(credit_atto) as credit,
            sum(debit_pending_atto) as debit_pending, sum(credit_pending_atto) as credit_pending,
            sum(transfers)::bigint as transfers
       from side join wanted on wanted.id = side.account
      where ($4::text is null or currency = $4)
        and ($5::date is null or day >= $5) and ($6::date is null or day <= $6)
        and ($3::text is null or (name, currency) > ($3, $7))
      group by name, currency, kind
      order by name, currency
      limit $8`,
    [
      filter.accounts ?? null,
      filter.prefix ?? null,
      filter.after?.account ?? null,
      filter.currency ?? null,
      filter.fromDay ?? null,
      filter.toDay ?? null,
      filter.after?.currency ?? '',
      filter.limit ?? null,
    ],
  );
  return rows.map(row => ({
    account: row.name,
    currency: row.currency,
    kind: row.kind,
    debitAtto: row.debit,
    creditAtto: row.credit,
    debitPendingAtto: row.debit_pending,
    creditPendingAtto: row.credit_pending,
    transfers: Number(row.transfers),
  }));
}

/** Deltas of one fold: what a busy minute leaves, several times over. */
const foldedAtOnce = 200_000;

/** Adds the deltas up by account and day, in one transaction. How many there were. Two at once wait for each other. */
export async function foldBalances(client: pg.ClientBase | Store['pool']): Promise<number> {
  const { rows } = await client.query(
    `with lock as materialized (
       select pg_advisory_xact_lock($1)
     ), taken as (
       delete from balance_delta
        where ctid = any (array(select ctid from balance_delta, lock limit $2))
       returning *
     ), folded as (
       insert into balance_day
       select account, currency, day, sum(debit_atto), sum(credit_atto), sum(debit_pending_atto),
              sum(credit_pending_atto), sum(transfers)
         from taken group by account, currency, day
       on conflict (account, currency, day) do update
         set debit_atto = balance_day.debit_atto + excluded.debit_atto,
             credit_atto = balance_day.credit_atto + excluded.credit_atto,
             debit_pending_atto = balance_day.debit_pending_atto + excluded.debit_pending_atto,
             credit_pending_atto = balance_day.credit_pending_atto + excluded.credit_pending_atto,
             transfers = balance_day.transfers + excluded.transfers
     )
     select count(*) as taken from taken`,
    [foldLock, foldedAtOnce],
  );
  return Number(rows[0].taken);
}

const foldLock = 0x66_6f_6c_64; // "fold"

/** One ledger: everything on its debit sides equals everything on its credit sides. */
export interface TrialBalance {
  /** The currency; `<currency>/memo` off the balance. */
  readonly ledger: string;
  readonly debit: string;
  readonly credit: string;
  readonly accounts: readonly TrialBalanceRow[];
}

export interface TrialBalanceRow {
  readonly account: string;
  readonly kind: AccountKind;
  readonly debit: string;
  readonly credit: string;
  /** Positive on the account's normal side. */
  readonly balance: string;
}

export async function trialBalance(store: Store, filter: BalanceFilter = {}): Promise<TrialBalance[]> {
  const ledgers = Map.groupBy(await readBalances(store.pool, filter), ({ currency, kind }) =>
    kind === 'memo' ? `${currency}/memo` : currency,
  );
  return [...ledgers]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([ledger, balances]) => ({
      ledger,
      debit: formatAtto(balances.reduce((sum, { debitAtto }) => sum + debitAtto, 0n)),
      credit: formatAtto(balances.reduce((sum, { creditAtto }) => sum + creditAtto, 0n)),
      accounts: balances.map(balance => ({
        account: balance.account,
        kind: balance.kind,
        debit: formatAtto(balance.debitAtto),
        credit: formatAtto(balance.creditAtto),
        balance: formatAtto(balanceAtto(balance)),
      })),
    }));
}

/** One ledger by classes of accounts, the first part of their names: as many lines for a thousand customers as for one. */
export interface LedgerSummary {
  readonly ledger: string;
  readonly debit: string;
  readonly credit: string;
  readonly classes: readonly (Omit<TrialBalanceRow, 'account'> & {
    readonly class: string;
    readonly accounts: number;
  })[];
}

interface ClassRow {
  readonly ledger: string;
  readonly class: string;
  readonly kind: AccountKind;
  readonly accounts: number;
  readonly debit: bigint;
  readonly credit: bigint;
}

export async function summariseLedgers(
  client: pg.ClientBase | Store['pool'],
  { toDay }: Pick<BalanceFilter, 'toDay'>,
): Promise<LedgerSummary[]> {
  const { rows } = await client.query(
    `select b.currency || case when account.kind = 'memo' then '/memo' else '' end as ledger,
            split_part(name, ':', 1) as class, account.kind, count(distinct name)::int as accounts,
            sum(debit_atto) as debit, sum(credit_atto) as credit
       from (select account, currency, day, debit_atto, credit_atto from balance_day
             union all
             select account, currency, day, debit_atto, credit_atto from balance_delta) as b
       join account on account.id = b.account
      where $1::date is null or day <= $1
      group by 1, 2, 3
      order by 1, 2`,
    [toDay ?? null],
  );
  return [...Map.groupBy(rows as readonly ClassRow[], row => row.ledger)].map(([ledger, classes]) => ({
    ledger,
    debit: formatAtto(classes.reduce((sum, { debit }) => sum + debit, 0n)),
    credit: formatAtto(classes.reduce((sum, { credit }) => sum + credit, 0n)),
    classes: classes.map(({ class: name, kind, accounts, debit, credit }) => ({
      class: name,
      kind,
      accounts,
      debit: formatAtto(debit),
      credit: formatAtto(credit),
      balance: formatAtto(normalSide[kind] === 'debit' ? debit - credit : credit - debit),
    })),
  }));
}
