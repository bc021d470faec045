import { formatAtto } from '../pricing/money.ts';
import type { Store } from '../store/connect.ts';

/** One booking, as people read it. */
export interface LedgerTransfer {
  /** As it was ordered; of an exchange `ex_…/attempt/kind`. */
  readonly id: string;
  readonly at: string;
  readonly kind: string;
  readonly debit: string;
  readonly credit: string;
  readonly amount: string;
  readonly currency: string;
  readonly reference: string | null;
  readonly batch: string | null;
}

export interface TransferFilter {
  /** Whole name of one side. */
  readonly account?: string | undefined;
  readonly currency?: string | undefined;
  readonly kind?: string | undefined;
  /** What it is about, or the exchange. */
  readonly reference?: string | undefined;
  /** Inclusive. */
  readonly from: Date;
  /** Exclusive. */
  readonly to: Date;
}

export interface TransferPage {
  readonly transfers: readonly LedgerTransfer[];
  /** Give it back for the next page; undefined at the end. */
  readonly next: string | undefined;
}

export const transferPageMax = 500;

/** Newest first. Throws RangeError for a cursor that no page gave. */
export async function listTransfers(
  store: Store,
  filter: TransferFilter,
  page: { readonly limit: number; readonly after?: string | undefined },
): Promise<TransferPage> {
  if (!Number.isInteger(page.limit) || page.limit < 1 || page.limit > transferPageMax) {
    throw new RangeError(`a page has 1 to ${transferPageMax} transfers`);
  }
  const after = page.after === undefined ? undefined : readCursor(page.after);
  const rows =
    filter.account === undefined
      ? await readSpan(store, filter, after, page.limit + 1, undefined)
      : await readAccount(store, filter, filter.account, after, page.limit + 1);
  const shown = rows.slice(0, page.limit);
  const last = shown.at(-1);
  return {
    transfers: shown.map(toTransfer),
    next: rows.length > page.limit && last !== undefined ? writeCursor(last) : undefined,
  };
}

/** The days on which something was booked on an account are known from its balances; the others are passed over, so that
 *  the few transfers of a quiet account are found among millions. */
async function readAccount(
  store: Store,
  filter: TransferFilter,
  name: string,
  after: Cursor | undefined,
  limit: number,
): Promise<readonly Row[]> {
  const { rows: accounts } = await store.pool.query('select id from account where name = $1', [name]);
  const ids = accounts.map(({ id }) => id as number);
  const { rows: days } = await store.pool.query(
    `select distinct to_char(day, 'YYYY-MM-DD') as day
       from (select account, currency, day from balance_day union all select account, currency, day from balance_delta) as b
      where account = any($1) and ($2::text is null or currency = $2)
        and day >= ($3::timestamptz at time zone 'UTC')::date and day <= ($4::timestamptz at time zone 'UTC')::date
      order by 1 desc`,
    [ids, filter.currency ?? null, filter.from, after?.at ?? filter.to],
  );
  const found: Row[] = [];
  for (const { day } of days) {
    const from = new Date(Math.max(filter.from.getTime(), Date.parse(day)));
    const to = new Date(Math.min(filter.to.getTime(), Date.parse(day) + 86_400_000));
    found.push(...(await readSpan(store, { ...filter, from, to }, after, limit - found.length, ids)));
    if (found.length >= limit) break;
  }
  return found;
}

async function readSpan(
  store: Store,
  filter: TransferFilter,
  after: Cursor | undefined,
  limit: number,
  accounts: readonly number[] | undefined,
): Promise<readonly Row[]> {
  const { rows } = await store.pool.query(
    `select t.at, t.exchange_id, t.attempt, t.kind, d.name as debit, c.name as credit, t.amount_atto, t.currency,
            k.reference, k.batch
       from transfer t
       join account d on d.id = t.debit
       join account c on c.id = t.credit
       left join transfer_key k on k.id = t.exchange_id
      where t.at >= $1 and t.at < $2
        and ($3::int[] is null or t.debit = any($3) or t.credit = any($3))
        and ($4::text is null or t.currency = $4)
        and ($5::text is null or t.kind = $5)
        and ($6::text is null or t.exchange_id = $6 or k.reference = $6)
        and ($7::timestamptz is null or (t.at, t.exchange_id, t.attempt, t.kind) < ($7, $8, $9::smallint, $10))
      order by t.at desc, t.exchange_id desc, t.attempt desc, t.kind desc
      limit $11`,
    [
      filter.from,
      filter.to,
      accounts ?? null,
      filter.currency ?? null,
      filter.kind ?? null,
      filter.reference ?? null,
      after?.at ?? null,
      after?.id ?? null,
      after?.attempt ?? null,
      after?.kind ?? null,
      limit,
    ],
  );
  return rows;
}

interface Row {
  readonly at: Date;
  readonly exchange_id: string;
  readonly attempt: number;
  readonly kind: string;
  readonly debit: string;
  readonly credit: string;
  readonly amount_atto: bigint;
  readonly currency: string;
  readonly reference: string | null;
  readonly batch: string | null;
}

function toTransfer(row: Row): LedgerTransfer {
  const isExchange = row.exchange_id.startsWith('ex_');
  return {
    id: isExchange ? `${row.exchange_id}/${row.attempt}/${row.kind}` : row.exchange_id,
    at: row.at.toISOString(),
    kind: row.kind,
    debit: row.debit,
    credit: row.credit,
    amount: formatAtto(row.amount_atto),
    currency: row.currency,
    reference: isExchange ? row.exchange_id : row.reference,
    batch: row.batch,
  };
}

interface Cursor {
  readonly at: Date;
  readonly id: string;
  readonly attempt: number;
  readonly kind: string;
}

function writeCursor({ at, exchange_id, attempt, kind }: Row): string {
  return Buffer.from(JSON.stringify([at.getTime(), exchange_id, attempt, kind])).toString('base64url');
}

function readCursor(cursor: string): Cursor {
  try {
    const [atMs, id, attempt, kind] = JSON.parse(Buffer.from(cursor, 'base64url').toString()) as unknown[];
    if (
      Number.isSafeInteger(atMs) &&
      typeof id === 'string' &&
      typeof attempt === 'number' &&
      Number.isInteger(attempt) &&
      Math.abs(attempt) < 32_768 &&
      typeof kind === 'string'
    ) {
      return { at: new Date(atMs as number), id, attempt, kind };
    }
  } catch {
    // Falls through to the one answer for every cursor that is not ours.
  }
  throw new RangeError('this is not a cursor that a page of transfers gave');
}

/** An id that was ordered twice with different contents: the first is booked, the second is not. */
export interface TransferConflict {
  readonly id: string;
  readonly seenAt: string;
  readonly first: unknown;
  readonly second: unknown;
}

/** The newest. */
export async function listConflicts(store: Store, limit: number): Promise<TransferConflict[]> {
  const { rows } = await store.pool.query(
    'select id, seen_at, first, second from transfer_conflict order by seen_at desc, id limit $1',
    [Math.min(limit, transferPageMax)],
  );
  return rows.map(({ id, seen_at, first, second }) => ({ id, seenAt: seen_at.toISOString(), first, second }));
}

/** A transfer that waits to be posted. */
export interface PendingView {
  readonly id: string;
  readonly at: string;
  readonly kind: string;
  readonly debit: string;
  readonly credit: string;
  readonly amount: string;
  readonly currency: string;
  readonly expiresAt: string | null;
}

/** By id, those that are open. */
export async function listPending(
  store: Store,
  page: { readonly limit: number; readonly after?: string | undefined },
): Promise<{ readonly pending: readonly PendingView[]; readonly next: string | undefined }> {
  const { rows } = await store.pool.query(
    `select p.id, p.at, p.kind, d.name as debit, c.name as credit, p.amount_atto, p.currency, p.expires_at
       from pending_open o
       join pending_transfer p using (id)
       join account d on d.id = p.debit
       join account c on c.id = p.credit
      where $1::text is null or o.id > $1
      order by o.id
      limit $2`,
    [page.after ?? null, page.limit + 1],
  );
  const shown = rows.slice(0, page.limit);
  return {
    pending: shown.map(row => ({
      id: row.id,
      at: row.at.toISOString(),
      kind: row.kind,
      debit: row.debit,
      credit: row.credit,
      amount: formatAtto(row.amount_atto),
      currency: row.currency,
      expiresAt: row.expires_at?.toISOString() ?? null,
    })),
    next: rows.length > shown.length ? shown.at(-1)?.id : undefined,
  };
}
