import type pg from 'pg';
import { revenueBreakage, wallet } from '../ledger/accounts.ts';
import { formatAtto } from '../pricing/money.ts';
import { bookFresh, closeBalance, endId } from './grants.ts';

const dayMs = 86_400_000;
const hourMs = 3_600_000;

export interface BreakageSettings {
  /** What was admitted before a grant expired may end and be shipped so much later, without a hold. Longer than an
   *  exchange takes. */
  readonly graceMs: number;
  /** And what waits so long that nobody need expect it: a journal or a lease that was not heard of since keeps a grant no
   *  longer. */
  readonly waitMsMax: number;
}

export const breakageDefault: BreakageSettings = { graceMs: hourMs, waitMsMax: 3 * dayMs };

/** Before a grant expires somebody is told so often. */
const warnedBeforeMs = [7 * dayMs, dayMs];
/** One run looks at so many grants, and the next at more. */
const grantsMax = 10_000;
/** A grant that was used up stays open for corrections so long. */
const usedUpDays = 1;

export interface BreakageReport {
  readonly expired: number;
  /** Expired, and waiting for journals or requests under way. */
  readonly waiting: number;
  readonly usedUp: number;
  readonly warned: number;
}

export interface BreakageContext {
  readonly client: pg.ClientBase;
  readonly nowMs: number;
  readonly settings: BreakageSettings;
  readonly progress: (progress: { readonly done: number; readonly total: number }) => void;
  readonly signal: AbortSignal;
}

/** Ends grants that expired and books what was left of them as revenue:breakage, exactly once each, a transaction a grant:
 *  ended at any point and begun again, it goes on. A grant waits until everything it may have to pay for is in the
 *  ledger: what holds it, and every journal beyond its expiry; both bounded by `waitMsMax`. */
export async function endExpiredGrants(context: BreakageContext): Promise<BreakageReport> {
  const { client, nowMs, settings, progress, signal } = context;
  const warned = await warnOfExpiry(client, nowMs);
  const { rows } = await client.query(
    `select b.grant_number from wallet_balance b join wallet_grant g on g.number = b.grant_number
      where b.ended is null and g.expires_at <= $1
      order by g.expires_at, b.grant_number limit ${grantsMax}`,
    [new Date(nowMs - settings.graceMs)],
  );
  let expired = 0;
  for (const [index, { grant_number }] of rows.entries()) {
    if (signal.aborted) break;
    if (await inOwnTransaction(client, () => endExpired(client, grant_number, nowMs, settings))) expired += 1;
    progress({ done: index + 1, total: rows.length });
  }
  const usedUp = await endUsedUp(client);
  return { expired, waiting: rows.length - expired, usedUp, warned };
}

/** false: it waits, or somebody else has ended it. */
async function endExpired(
  client: pg.ClientBase,
  grant: bigint,
  nowMs: number,
  settings: BreakageSettings,
): Promise<boolean> {
  await client.query(
    'select from wallet where id = (select wallet from wallet_balance where grant_number = $1) for no key update',
    [grant.toString()],
  );
  const { rows } = await client.query(
    `select g.id, g.organisation, g.expires_at, w.currency, b.wallet, b.remaining_atto, b.ends,
            exists (select from wallet_reserve r where r.wallet = b.wallet and r.grant_number = b.grant_number) as held,
            exists (select from journal_watermark j
                     where j.shipped_through < g.expires_at and j.seen_at > $2) as unshipped
       from wallet_balance b
       join wallet_grant g on g.number = b.grant_number
       join wallet w on w.id = b.wallet
      where b.grant_number = $1 and b.ended is null
        for update of b`,
    [grant.toString(), new Date(nowMs - settings.waitMsMax)],
  );
  const [found] = rows;
  if (found === undefined) return false;
  const isOverdue = found.expires_at.getTime() <= nowMs - settings.waitMsMax;
  if ((found.held || found.unshipped) && !isOverdue) return false;
  const { organisation, id, currency, wallet: walletId, remaining_atto: amountAtto } = found;
  // Whoever still holds it is paid by what is free, or not at all; its lease has nothing of this grant any more.
  if (found.held) {
    await client.query('delete from wallet_reserve where wallet = $1 and grant_number = $2', [
      walletId,
      grant.toString(),
    ]);
  }
  if (amountAtto > 0n) {
    await bookFresh(client, [
      {
        id: endId({ organisation, id }, 'expired', found.ends),
        kind: 'breakage',
        debit: wallet(organisation, id),
        credit: revenueBreakage,
        amountAtto,
        currency,
        atMs: found.expires_at.getTime(),
        reference: id,
      },
    ]);
  }
  await closeBalance(client, { wallet: walletId, grant, end: 'expired', amountAtto });
  return true;
}

/** Grants without an expiry of which nothing is left: holds need not know of them any more. */
async function endUsedUp(client: pg.ClientBase): Promise<number> {
  return inOwnTransaction(client, async () => {
    const { rows } = await client.query(
      `select b.grant_number, b.wallet
         from wallet_balance b
        where b.ended is null and b.remaining_atto = 0
          and not exists (select from wallet_reserve r where r.wallet = b.wallet and r.grant_number = b.grant_number)
          and not exists (select from wallet_hour h
                           where h.wallet = b.wallet and h.grant_number = b.grant_number
                             and h.hour > now() - interval '${usedUpDays} days')
        order by b.wallet, b.grant_number limit ${grantsMax}`,
    );
    const wallets = [...new Set(rows.map(({ wallet: id }) => id))];
    await client.query('select from wallet where id = any($1) order by id for no key update', [wallets]);
    const { rowCount } = await client.query(
      `update wallet_balance set ended = 'used', ended_at = now(), ends = ends + 1
        where grant_number = any($1) and ended is null and remaining_atto = 0`,
      [rows.map(({ grant_number }) => grant_number.toString())],
    );
    await client.query('update wallet set changes = changes + 1 where id = any($1)', [wallets]);
    return rowCount ?? 0;
  });
}

/** An alert for each grant and each time it is warned of, once. */
async function warnOfExpiry(client: pg.ClientBase, nowMs: number): Promise<number> {
  let warned = 0;
  for (const beforeMs of warnedBeforeMs) {
    const { rows } = await client.query(
      `select g.id, g.organisation, g.expires_at, b.remaining_atto, w.currency
         from wallet_balance b join wallet_grant g on g.number = b.grant_number join wallet w on w.id = b.wallet
        where b.ended is null and b.remaining_atto > 0 and g.expires_at > $1 and g.expires_at <= $2
          and g.created_at < g.expires_at - $3 * interval '1 millisecond'
        limit ${grantsMax}`,
      [new Date(nowMs), new Date(nowMs + beforeMs), beforeMs],
    );
    if (rows.length === 0) continue;
    const inserted = await client.query(
      `insert into alert (id, code, message) select id, 'grant_expiring', message
         from unnest($1::text[], $2::text[]) as a (id, message) on conflict do nothing`,
      [
        rows.map(({ organisation, id }) => `grant_expiring:${organisation}:${id}:${beforeMs / dayMs}`),
        rows.map(
          ({ organisation, id, expires_at, remaining_atto, currency }) =>
            `Grant ${id} of ${organisation} expires at ${expires_at.toISOString()} with ` +
            `${formatAtto(remaining_atto)} ${currency} left.`,
        ),
      ],
    );
    warned += inserted.rowCount ?? 0;
  }
  return warned;
}

async function inOwnTransaction<Result>(client: pg.ClientBase, run: () => Promise<Result>): Promise<Result> {
  await client.query('begin');
  try {
    const result = await run();
    await client.query('commit');
    return result;
  } catch (error) {
    await client.query('rollback').catch(() => {});
    throw error;
  }
}
