import type pg from 'pg';
import { Fault } from '../completion/fault.ts';
import { type BookAccount, cash, promoExpense, revenue, unbilled, wallet } from '../ledger/accounts.ts';
import { book, type TransferOrder } from '../ledger/book.ts';
import type { Store } from '../store/connect.ts';
import { inTransaction } from '../store/in-transaction.ts';
import { smallest } from './burn.ts';
import { type GrantOrder, grantDigest, isHoldable, normalScope, scopeId } from './grant.ts';
import { moveWallet } from './wallet-hour.ts';

/** Open grants of one wallet, and different scopes among them: what holds must know of a wallet is bounded by these. */
export const openGrantsMax = 1_000;
export const scopesMax = 16;

/** What became of an order; `exists`: it was made before, just so. */
export type GrantOutcome = 'granted' | 'exists';

/** What a grant's first transfer debits. What is included in a fee is taken out of the fee's revenue until it is used. */
const sourceOf: Readonly<Record<GrantOrder['kind'], BookAccount>> = {
  paid: cash,
  promotional: promoExpense,
  included: revenue('seats'),
};

/** Makes grants, all or none of them. The same id with the same content is made once; with other content nothing is made.
 *  A paid grant without a scope first pays back what was charged to the wallet's line. Throws Fault `grant_conflict`,
 *  `grant_expired` or `wallet_full`. */
export async function makeGrants(
  store: Store,
  orders: readonly GrantOrder[],
  nowMs: number,
): Promise<readonly GrantOutcome[]> {
  return inTransaction(store, async client => {
    const outcomes: GrantOutcome[] = new Array(orders.length);
    // Wallets are locked in one order, whoever makes grants of several.
    const inOrder = [...orders.entries()].sort(([, one], [, other]) => (walletKey(one) < walletKey(other) ? -1 : 1));
    for (const [index, order] of inOrder) outcomes[index] = await makeGrant(client, order, nowMs);
    return outcomes;
  });
}

async function makeGrant(client: pg.ClientBase, order: GrantOrder, nowMs: number): Promise<GrantOutcome> {
  const { organisation, id, currency, amountAtto } = order;
  const held = await lockWallet(client, organisation, currency);
  const digest = grantDigest(order);
  const known = await client.query(
    `select encode(digest, 'hex') as digest from wallet_grant where organisation = $1 and id = $2`,
    [organisation, id],
  );
  if (known.rows.length > 0) {
    if (known.rows[0].digest === digest) return 'exists';
    throw new Fault(
      'grant_conflict',
      `Grant ${id} of ${organisation} is there with other content; nothing was granted.`,
    );
  }
  const effectiveAtMs = order.effectiveAtMs ?? nowMs;
  if (order.expiresAtMs !== undefined && order.expiresAtMs <= Math.max(nowMs, effectiveAtMs)) {
    throw new Fault('grant_expired', `Grant ${id} of ${organisation} would expire before it could be used.`);
  }
  await refuseFull(client, held.id, order);
  const scope = normalScope(order.scope);
  const inserted = await client.query(
    `insert into wallet_grant (wallet, organisation, id, digest, kind, amount_atto, priority, effective_at, expires_at,
                               scope_id, scope, holdable, source)
     values ($1, $2, $3, decode($4, 'hex'), $5, $6, $7, $8, $9, $10, $11, $12, $13)
     on conflict (organisation, id) do nothing
     returning number`,
    [
      held.id,
      organisation,
      id,
      digest,
      order.kind,
      amountAtto.toString(),
      order.priority,
      instant(effectiveAtMs),
      order.expiresAtMs === undefined ? null : instant(order.expiresAtMs),
      scopeId(scope),
      scope === undefined ? null : JSON.stringify(scope),
      isHoldable(scope),
      order.source ?? null,
    ],
  );
  // The same id in another currency, by somebody else at this moment.
  if (inserted.rows.length === 0)
    throw new Fault('grant_conflict', `Grant ${id} of ${organisation} is made elsewhere.`);
  const number: bigint = inserted.rows[0].number;

  const mayRepay = order.kind === 'paid' && scope === undefined && effectiveAtMs <= nowMs;
  const repaidAtto = mayRepay ? smallest(held.owedAtto, amountAtto) : 0n;
  const facts = { currency, atMs: nowMs, reference: id, batch: `grant:${organisation}:${id}` } as const;
  const account = wallet(organisation, id);
  const transfers: TransferOrder[] = [
    {
      ...facts,
      id: `grant:${organisation}:${id}`,
      kind: order.kind === 'paid' ? 'purchase' : 'grant',
      debit: sourceOf[order.kind],
      credit: account,
      amountAtto,
    },
  ];
  if (repaidAtto > 0n) {
    transfers.push({
      ...facts,
      id: `grant:${organisation}:${id}:repay`,
      kind: 'repayment',
      debit: account,
      credit: unbilled(organisation),
      amountAtto: repaidAtto,
    });
  }
  await bookFresh(client, transfers);
  await client.query('insert into wallet_balance (grant_number, wallet, remaining_atto) values ($1, $2, $3)', [
    number,
    held.id,
    (amountAtto - repaidAtto).toString(),
  ]);
  await client.query('update wallet set changes = changes + 1, owed_atto = owed_atto - $2 where id = $1', [
    held.id,
    repaidAtto.toString(),
  ]);
  await moveWallet(client, [
    { wallet: held.id, grant: number, kind: 'granted', amountAtto, count: 1n },
    ...(repaidAtto === 0n
      ? []
      : [
          { wallet: held.id, grant: number, kind: 'repaid', amountAtto: -repaidAtto, count: 1n } as const,
          { wallet: held.id, grant: 0n, kind: 'repaid', amountAtto: repaidAtto, count: 1n } as const,
        ]),
  ]);
  return 'granted';
}

/** Which grant ends, and how. */
export interface GrantName {
  readonly organisation: string;
  readonly id: string;
}

/** `ended`: just now. `exists`: it had ended so before. `held`: requests under way hold a part of it; ask them to let go
 *  and try again. */
export type EndOutcome =
  | { readonly outcome: 'ended' | 'exists'; readonly amountAtto: bigint }
  | { readonly outcome: 'held'; readonly currency: string };

/** Takes back a grant of which nothing was used. Throws Fault `resource_not_found` or `grant_not_unused`. */
export async function voidGrant(store: Store, name: GrantName, nowMs: number): Promise<EndOutcome> {
  return endGrant(store, name, nowMs, 'voided');
}

/** Gives back what is left of a paid grant, and ends it. Throws Fault `resource_not_found` or `grant_not_refundable`. */
export async function refundGrant(store: Store, name: GrantName, nowMs: number): Promise<EndOutcome> {
  return endGrant(store, name, nowMs, 'refunded');
}

async function endGrant(
  store: Store,
  { organisation, id }: GrantName,
  nowMs: number,
  end: 'voided' | 'refunded',
): Promise<EndOutcome> {
  return inTransaction(store, async client => {
    const found = await client.query(
      `select w.id, w.currency from wallet w join wallet_grant g on g.wallet = w.id
        where g.organisation = $1 and g.id = $2 for no key update of w`,
      [organisation, id],
    );
    if (found.rows.length === 0) throw new Fault('resource_not_found', `There is no grant ${id} of ${organisation}.`);
    const { id: walletId, currency } = found.rows[0];
    const { rows } = await client.query(
      `select g.number, g.kind, g.amount_atto, g.expires_at, b.remaining_atto, b.ended, b.ends,
              exists (select from wallet_reserve r where r.wallet = g.wallet and r.grant_number = g.number) as held,
              (select coalesce(sum(-h.amount_atto), 0) from wallet_hour h
                where h.wallet = g.wallet and h.grant_number = g.number and h.kind = $3) as taken
         from wallet_grant g join wallet_balance b on b.grant_number = g.number
        where g.organisation = $1 and g.id = $2 for update of b`,
      [organisation, id, end],
    );
    const grant = rows[0];
    if (grant.ended === end) return { outcome: 'exists', amountAtto: grant.taken };
    const whole = grant.remaining_atto === grant.amount_atto;
    if (end === 'voided' && (grant.ended !== null || !whole)) {
      throw new Fault(
        'grant_not_unused',
        `Grant ${id} of ${organisation} was used, or has ended; refund what is left.`,
      );
    }
    const isSpent = grant.ended !== null || grant.remaining_atto === 0n;
    if (end === 'refunded' && (grant.kind !== 'paid' || isSpent || isPast(grant.expires_at, nowMs))) {
      throw new Fault('grant_not_refundable', `Grant ${id} of ${organisation} has nothing left that was paid.`);
    }
    if (grant.held) return { outcome: 'held', currency };
    const amountAtto: bigint = grant.remaining_atto;
    await bookFresh(client, [
      {
        id: endId({ organisation, id }, end, grant.ends),
        kind: end === 'voided' ? 'void' : 'refund',
        debit: wallet(organisation, id),
        credit: sourceOf[grant.kind as GrantOrder['kind']],
        amountAtto,
        currency,
        atMs: nowMs,
        reference: id,
      },
    ]);
    await closeBalance(client, { wallet: walletId, grant: grant.number, end, amountAtto });
    return { outcome: 'ended', amountAtto };
  });
}

/** Ends a grant whose rest is booked away; the caller holds the lock of its wallet. */
export async function closeBalance(
  client: pg.ClientBase,
  closing: {
    readonly wallet: number;
    readonly grant: bigint;
    readonly end: 'voided' | 'refunded' | 'expired' | 'used';
    readonly amountAtto: bigint;
  },
): Promise<void> {
  const { wallet: walletId, grant, end, amountAtto } = closing;
  await client.query(
    'update wallet_balance set remaining_atto = 0, ended = $2, ended_at = now(), ends = ends + 1 where grant_number = $1',
    [grant.toString(), end],
  );
  await client.query('update wallet set changes = changes + 1 where id = $1', [walletId]);
  if (end === 'used' || amountAtto === 0n) return;
  await moveWallet(client, [{ wallet: walletId, grant, kind: end, amountAtto: -amountAtto, count: 1n }]);
}

/** Of the transfer that books away what is left. A grant that a correction opened again ends again. */
export function endId({ organisation, id }: GrantName, end: 'voided' | 'refunded' | 'expired', ends: number): string {
  const first = `grant:${organisation}:${id}:${end}`;
  return ends === 0 ? first : `${first}:${ends + 1}`;
}

/** Books what the state of a grant says was never booked. Anything else is a broken invariant, and stops the work. */
export async function bookFresh(client: pg.ClientBase, transfers: readonly TransferOrder[]): Promise<void> {
  for (const { id, outcome } of await book(client, transfers)) {
    if (outcome !== 'booked') throw new Error(`transfer ${id} should be new, and is: ${outcome}`);
  }
}

interface LockedWallet {
  readonly id: number;
  readonly owedAtto: bigint;
}

async function lockWallet(client: pg.ClientBase, organisation: string, currency: string): Promise<LockedWallet> {
  await client.query('insert into wallet (organisation, currency) values ($1, $2) on conflict do nothing', [
    organisation,
    currency,
  ]);
  const { rows } = await client.query(
    'select id, owed_atto from wallet where organisation = $1 and currency = $2 for no key update',
    [organisation, currency],
  );
  return { id: rows[0].id, owedAtto: rows[0].owed_atto };
}

async function refuseFull(client: pg.ClientBase, walletId: number, order: GrantOrder): Promise<void> {
  const { rows } = await client.query(
    `select count(*)::int as grants, count(distinct nullif(scope_id, ''))::int as scopes,
            coalesce(bool_or(scope_id = $2), false) as known
       from wallet_balance b join wallet_grant g on g.number = b.grant_number
      where b.wallet = $1 and b.ended is null`,
    [walletId, scopeId(order.scope)],
  );
  const { grants, scopes, known } = rows[0];
  const isNewScope = order.scope !== undefined && !known;
  if (grants < openGrantsMax && !(isNewScope && scopes >= scopesMax)) return;
  throw new Fault(
    'wallet_full',
    `A wallet has at most ${openGrantsMax} open grants of ${scopesMax} different scopes; that of ${order.organisation} has them.`,
  );
}

function walletKey({ organisation, currency, id }: GrantOrder): string {
  return `${organisation}/${currency}/${id}`;
}

function isPast(at: Date | null, nowMs: number): boolean {
  return at !== null && at.getTime() <= nowMs;
}

function instant(atMs: number): string {
  return new Date(atMs).toISOString();
}
