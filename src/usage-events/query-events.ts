import { sql } from 'kysely';
import { isWithin, type Within } from '../ledger/within.ts';
import { formatAtto } from '../pricing/money.ts';
import type { Store } from '../store/connect.ts';
import type { EventLine } from './rate-event.ts';

/** What people ask of usage events. Amounts are decimal strings with all digits; instants are ISO 8601. */
export interface UsageEventView {
  readonly ref: string;
  readonly source: string;
  readonly id: string;
  readonly at: string;
  readonly receivedAt: string;
  readonly organisation: string;
  readonly project: string | null;
  readonly key: string | null;
  readonly product: string;
  readonly provider: string;
  readonly deployment: string | null;
  readonly meter: string;
  readonly revenueClass: string;
  readonly quantity: string;
  readonly holders: string;
  readonly state: 'rated' | 'quarantined';
  readonly reason: string | null;
  readonly sell: RatedView | null;
  readonly buy: RatedView | null;
  /** Of one that was rated again: by which work and why, and what it had been sold for before; null otherwise. */
  readonly rerated: {
    /** Of the rating that counts; the first is 1. */
    readonly number: number;
    readonly run: string;
    readonly reason: string;
    readonly before: string;
    readonly currency: string;
  } | null;
}

export interface RatedView {
  readonly amount: string;
  readonly currency: string;
  readonly version: string;
  readonly lines: readonly (EventLine & { readonly amount: string })[];
}

export interface UsageEventFilter {
  /** Nothing beyond it, whatever else is asked for; absent: everything. */
  readonly within?: Within | undefined;
  readonly organisation?: string | undefined;
  readonly project?: string | undefined;
  readonly meter?: string | undefined;
  readonly state?: 'rated' | 'quarantined' | undefined;
  /** Inclusive. */
  readonly from?: Date | undefined;
  /** Exclusive. */
  readonly to?: Date | undefined;
}

/** Newest first. Throws RangeError for a cursor that this function did not make. */
export async function listUsageEvents(
  store: Store,
  filter: UsageEventFilter,
  page: { readonly limit: number; readonly after?: string | undefined },
): Promise<{ readonly items: readonly UsageEventView[]; readonly next: string | undefined }> {
  let query = selectEvents(store)
    .orderBy('e.at', 'desc')
    .orderBy('e.ref', 'desc')
    .limit(page.limit + 1);
  if (filter.within !== undefined) query = query.where(isWithin(filter.within, 'e'));
  if (filter.organisation !== undefined) query = query.where('e.organisation', '=', filter.organisation);
  if (filter.project !== undefined) query = query.where('e.project', '=', filter.project);
  if (filter.meter !== undefined) query = query.where('e.meter', '=', filter.meter);
  if (filter.state !== undefined) query = query.where('r.state', '=', filter.state);
  if (filter.from !== undefined) query = query.where('e.at', '>=', filter.from);
  if (filter.to !== undefined) query = query.where('e.at', '<', filter.to);
  if (page.after !== undefined) {
    const { at, ref } = readCursor(page.after);
    query = query.where(sql<boolean>`(e.at, e.ref) < (${at}, ${ref})`);
  }
  const rows = await query.execute();
  const shown = rows.slice(0, page.limit);
  const last = shown.at(-1);
  return {
    items: shown.map(viewOf),
    next: rows.length > page.limit && last !== undefined ? writeCursor(last.at, last.ref) : undefined,
  };
}

export async function findUsageEvent(store: Store, ref: string): Promise<UsageEventView | undefined> {
  const row = await selectEvents(store).where('e.ref', '=', ref).executeTakeFirst();
  return row === undefined ? undefined : viewOf(row);
}

function selectEvents(store: Store) {
  return store.db
    .selectFrom('usage_event as e')
    .innerJoin('usage_event_key as k', 'k.ref', 'e.ref')
    .innerJoin('usage_event_rating as r', 'r.ref', 'e.ref')
    .leftJoin('usage_event_rating as p', join => join.onRef('p.ref', '=', 'r.ref').onRef('p.number', '=', 'r.replaces'))
    .where(({ eb, selectFrom }) =>
      eb(
        'r.number',
        '=',
        selectFrom('usage_event_rating as n')
          .select(({ fn }) => fn.max('n.number').as('number'))
          .whereRef('n.ref', '=', 'e.ref'),
      ),
    )
    .select([
      'e.ref',
      'k.source',
      'k.id',
      'e.at',
      'k.received_at',
      'e.organisation',
      'e.project',
      'e.key',
      'e.product',
      'e.provider',
      'e.deployment',
      'e.meter',
      'e.revenue_class',
      'e.quantity',
      'e.holders',
      'r.state',
      'r.reason',
      'r.sell_atto',
      'r.sell_currency',
      'r.sell_version',
      'r.sell_lines',
      'r.buy_atto',
      'r.buy_currency',
      'r.buy_version',
      'r.buy_lines',
      'r.number',
      'r.run',
      'r.cause',
      'p.sell_atto as before_atto',
      'p.sell_currency as before_currency',
    ]);
}

type Row = Awaited<ReturnType<ReturnType<typeof selectEvents>['execute']>>[number];

function viewOf(row: Row): UsageEventView {
  return {
    ref: row.ref,
    source: row.source,
    id: row.id,
    at: row.at.toISOString(),
    receivedAt: row.received_at.toISOString(),
    organisation: row.organisation,
    project: row.project === '' ? null : row.project,
    key: row.key === '' ? null : row.key,
    product: row.product,
    provider: row.provider,
    deployment: row.deployment === '' ? null : row.deployment,
    meter: row.meter,
    revenueClass: row.revenue_class,
    quantity: row.quantity.toString(),
    holders: row.holders.toString(),
    state: row.state,
    reason: row.reason,
    sell: ratedView(row.sell_atto, row.sell_currency, row.sell_version, row.sell_lines),
    buy: ratedView(row.buy_atto, row.buy_currency, row.buy_version, row.buy_lines),
    rerated: reratedView(row),
  };
}

function reratedView({ number, run, cause, before_atto, before_currency }: Row): UsageEventView['rerated'] {
  if (run === null || cause === null || before_atto === null || before_currency === null) return null;
  return { number, run, reason: cause, before: formatAtto(before_atto), currency: before_currency };
}

function ratedView(
  amountAtto: bigint | null,
  currency: string | null,
  version: string | null,
  lines: unknown,
): RatedView | null {
  if (amountAtto === null || currency === null || version === null) return null;
  return {
    amount: formatAtto(amountAtto),
    currency,
    version,
    // The column holds what record-events.ts wrote there.
    lines: (lines as readonly EventLine[]).map(line => ({ ...line, amount: formatAtto(BigInt(line.amountAtto)) })),
  };
}

function writeCursor(at: Date, ref: string): string {
  return Buffer.from(JSON.stringify([at.getTime(), ref])).toString('base64url');
}

function readCursor(cursor: string): { readonly at: Date; readonly ref: string } {
  try {
    const [atMs, ref] = JSON.parse(Buffer.from(cursor, 'base64url').toString()) as [unknown, unknown];
    if (typeof atMs === 'number' && Number.isSafeInteger(atMs) && typeof ref === 'string') {
      return { at: new Date(atMs), ref };
    }
  } catch {
    // Falls through to the one answer for every cursor that is not ours.
  }
  throw new RangeError('this is not a cursor that a page of usage events gave');
}
