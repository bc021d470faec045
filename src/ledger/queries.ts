import { type Expression, type SqlBool, sql } from 'kysely';
import type { Loss } from '../completion/loss.ts';
import type { Reading, Slice, UsageCounts } from '../completion/usage.ts';
import type { ChargeLine, EndTrim, HeldLease } from '../journal/record.ts';
import { formatAtto } from '../pricing/money.ts';
import type { Store } from '../store/connect.ts';
import { type Corrected, type CorrectionView, readCorrections } from './exchange-corrections.ts';
import { type ProviderCostView, providerCostView } from './provider-cost.ts';
import type { Money } from './usage-report.ts';
import { isWithin, type Within } from './within.ts';

export {
  type Money,
  readUsage,
  type UsageDimension,
  type UsageFilter,
  type UsageRow,
  usageDimensions,
} from './usage-report.ts';

/** What people ask the ledger. Amounts are decimal strings with all digits that matter; instants are ISO 8601. */

export interface RatedMoney extends Money {
  readonly version: string;
}

export interface ReadingView extends Partial<Record<Slice, number>> {
  readonly source: Reading['source'];
  readonly rule?: string;
  readonly quarantine?: string;
  /** What was used beside tokens, by meter. */
  readonly counts?: UsageCounts;
  /** Where the provider says it served, where that decides the price. */
  readonly region?: string;
}

/** GET /api/v1/exchanges/{id} */
export interface ExchangeView extends ExchangeSummary {
  readonly attempts: readonly AttemptView[];
  readonly reading: ReadingView | null;
  readonly losses: readonly Loss[];
  readonly snapshot: string;
  readonly hold: Money & { readonly leases: readonly HeldLease[] };
  readonly tags: Readonly<Record<string, string>>;
  readonly deliveredBytes: number;
  readonly requestBytes: number;
  readonly responseBytes: number;
  readonly firstByteMs: number | null;
  /** Milliseconds in the waiting line, all attempts together; null: it did not wait. */
  readonly queuedMs: number | null;
  /** The charge's lines, as they were rated. */
  readonly lines: readonly {
    readonly book: 'buy' | 'sell';
    readonly attempt: number;
    readonly lines: readonly LineView[];
  }[];
  readonly transfers: readonly TransferView[];
  /** What became of it after it was booked; everything else here is as it stands now, except `lines` and `transfers`,
   *  which keep what was booked first beside every correction. */
  readonly corrections: readonly CorrectionView[];
  /** null once retention dropped it, or when none was made. */
  readonly decision: unknown;
  /** What was left out because the record was over the journal's bound; empty nearly always. */
  readonly trimmed: readonly EndTrim[];
}

export interface ExchangeSummary {
  readonly id: string;
  readonly at: string;
  readonly endedAt: string;
  readonly principal: { readonly organisation: string; readonly project: string; readonly key: string };
  readonly dialect: string;
  readonly requestedModel: string;
  readonly servedModel: string | null;
  readonly stream: boolean;
  readonly status: 'settled' | 'estimated' | 'void' | 'quarantined';
  /** `ok`, or the code of the fault the client got. */
  readonly outcome: string;
  readonly httpStatus: number;
  /** What the customer is charged; null when nothing. */
  readonly sell: (RatedMoney & { readonly overHold: string }) | null;
  readonly durationMs: number;
  readonly sandbox: boolean;
}

export interface AttemptView {
  readonly attempt: number;
  readonly deployment: string;
  readonly provider: string;
  readonly model: string;
  readonly targetModel: string;
  readonly servedModel: string | null;
  readonly dialect: string;
  readonly outcome: string;
  readonly upstreamStatus: number | null;
  readonly providerRequestId: string | null;
  readonly startedAt: string;
  readonly firstByteMs: number | null;
  readonly durationMs: number;
  readonly reading: ReadingView;
  readonly rawUsage: unknown;
  readonly buy: RatedMoney | null;
  /** What the provider itself says it cost; null where it does not say. */
  readonly providerCost: ProviderCostView | null;
}

export interface LineView extends ChargeLine {
  readonly amount: string;
}

export interface TransferView {
  readonly id: string;
  readonly kind: string;
  readonly debit: string;
  readonly credit: string;
  readonly amount: string;
  readonly currency: string;
}

/** undefined when there is none of this id, or retention has dropped it. */
export async function findExchange(store: Store, id: string): Promise<ExchangeView | undefined> {
  const { db } = store;
  // exchange_key gives the instant, and the instant the partitions.
  const key = await db.selectFrom('exchange_key').select('at').where('id', '=', id).executeTakeFirst();
  if (key === undefined) return undefined;
  const { at } = key;
  const exchange = await db
    .selectFrom('exchange')
    .selectAll()
    .where('at', '=', at)
    .where('id', '=', id)
    .executeTakeFirst();
  if (exchange === undefined) return undefined;
  const [attempts, charges, transfers, decision, corrections] = await Promise.all([
    db
      .selectFrom('attempt')
      .selectAll()
      .where('at', '=', at)
      .where('exchange_id', '=', id)
      .orderBy('attempt')
      .execute(),
    db
      .selectFrom('charge')
      .select(['book', 'attempt', 'lines'])
      .where('at', '=', at)
      .where('exchange_id', '=', id)
      .orderBy('book')
      .orderBy('attempt')
      .execute(),
    db
      .selectFrom('transfer')
      .innerJoin('account as d', 'd.id', 'transfer.debit')
      .innerJoin('account as c', 'c.id', 'transfer.credit')
      .select([
        'attempt',
        'transfer.kind as kind',
        'd.name as debit',
        'c.name as credit',
        'amount_atto',
        'transfer.currency as currency',
      ])
      .where('at', '=', at)
      .where('exchange_id', '=', id)
      .orderBy('attempt')
      .orderBy('transfer.kind')
      .execute(),
    db.selectFrom('decision').select('record').where('at', '=', at).where('exchange_id', '=', id).executeTakeFirst(),
    readCorrections(store, [id]),
  ]);
  const corrected = corrections.get(id);
  const delivered = attempts.find(({ attempt }) => attempt === exchange.delivered_attempt);
  // json columns hold what shipping wrote there: the journal's own types.
  const firstReading = (exchange.reading ?? delivered?.reading ?? null) as Reading | null;
  const reading = corrected?.readings.get(exchange.delivered_attempt ?? 0) ?? firstReading;
  return {
    ...summaryOf(exchange, corrected),
    attempts: attempts.map(attempt => ({
      attempt: attempt.attempt,
      deployment: attempt.deployment,
      provider: attempt.provider,
      model: attempt.model,
      targetModel: attempt.target_model,
      servedModel: attempt.served_model,
      dialect: attempt.dialect,
      outcome: attempt.outcome,
      upstreamStatus: attempt.upstream_status,
      providerRequestId: attempt.provider_request_id,
      startedAt: attempt.started_at.toISOString(),
      firstByteMs: toNumber(attempt.first_byte_ms),
      durationMs: Number(attempt.duration_ms),
      reading: readingView(corrected?.readings.get(attempt.attempt) ?? (attempt.reading as Reading)),
      rawUsage: (attempt.reading as Reading).raw ?? null,
      providerCost: providerCostView(
        (attempt.reading as Reading).providerCost,
        attempt.buy_atto === null || attempt.buy_currency === null
          ? undefined
          : { amountAtto: attempt.buy_atto, currency: attempt.buy_currency },
      ),
      buy:
        withoutOverHold(corrected?.buy.get(attempt.attempt)) ??
        ratedMoney(attempt.buy_atto, attempt.buy_currency, attempt.buy_version),
    })),
    reading: reading === null ? null : readingView(reading),
    losses: (exchange.losses ?? []) as readonly Loss[],
    snapshot: exchange.snapshot,
    hold: {
      amount: formatAtto(exchange.hold_atto),
      currency: exchange.hold_currency,
      leases: (exchange.hold_leases ?? []) as readonly HeldLease[],
    },
    tags: (exchange.tags ?? {}) as Readonly<Record<string, string>>,
    deliveredBytes: Number(exchange.delivered_bytes),
    requestBytes: Number(exchange.request_bytes),
    responseBytes: Number(exchange.response_bytes),
    firstByteMs: toNumber(exchange.first_byte_ms),
    queuedMs: exchange.queued_ms,
    lines: charges.map(({ book, attempt, lines }) => ({
      book,
      attempt,
      lines: (lines as readonly ChargeLine[]).map(line => ({ ...line, amount: formatAtto(BigInt(line.amountAtto)) })),
    })),
    transfers: transfers.map(({ attempt, kind, debit, credit, amount_atto, currency }) => ({
      id: `${id}/${attempt}/${kind}`,
      kind,
      debit,
      credit,
      amount: formatAtto(amount_atto),
      currency,
    })),
    corrections: corrected?.views ?? [],
    decision: decision?.record ?? null,
    trimmed: (exchange.trimmed ?? []) as readonly EndTrim[],
  };
}

export interface ExchangeFilter {
  /** Nothing beyond it, whatever else is asked for; absent: everything. */
  readonly within?: Within;
  readonly organisation?: string;
  readonly project?: string;
  readonly key?: string;
  readonly status?: ExchangeSummary['status'];
  readonly outcome?: string;
  readonly requestedModel?: string;
  /** Inclusive. */
  readonly from?: Date;
  /** Exclusive. */
  readonly to?: Date;
}

export interface ExchangePage {
  readonly exchanges: readonly ExchangeSummary[];
  /** Give it back to get the next page; undefined at the end. */
  readonly next: string | undefined;
}

export const exchangePageMax = 500;

/** Newest first. Throws RangeError for a cursor that this function did not make, and for a page size out of bounds. */
export async function listExchanges(
  store: Store,
  filter: ExchangeFilter,
  page: { readonly limit: number; readonly after?: string },
): Promise<ExchangePage> {
  if (!Number.isInteger(page.limit) || page.limit < 1 || page.limit > exchangePageMax) {
    throw new RangeError(`a page has 1 to ${exchangePageMax} exchanges`);
  }
  let query = store.db.selectFrom('exchange').selectAll().orderBy('at', 'desc').orderBy('id', 'desc');
  if (filter.within !== undefined) query = query.where(isWithin(filter.within, 'exchange'));
  if (filter.organisation !== undefined) query = query.where('organisation', '=', filter.organisation);
  if (filter.project !== undefined) query = query.where('project', '=', filter.project);
  if (filter.key !== undefined) query = query.where('key', '=', filter.key);
  if (filter.status !== undefined) query = query.where('state', '=', filter.status);
  if (filter.outcome !== undefined) query = query.where('outcome', '=', filter.outcome);
  if (filter.requestedModel !== undefined) query = query.where('requested_model', '=', filter.requestedModel);
  if (filter.from !== undefined) query = query.where('at', '>=', filter.from);
  if (filter.to !== undefined) query = query.where('at', '<', filter.to);
  if (page.after !== undefined) {
    const { at, id } = readCursor(page.after);
    query = query.where(before(at, id));
  }
  const rows = await query.limit(page.limit + 1).execute();
  const shown = rows.slice(0, page.limit);
  const last = shown.at(-1);
  const corrections = await readCorrections(
    store,
    shown.map(({ id }) => id),
  );
  return {
    exchanges: shown.map(row => summaryOf(row, corrections.get(row.id))),
    next: rows.length > page.limit && last !== undefined ? writeCursor(last.at, last.id) : undefined,
  };
}

export interface BudgetWindowView {
  readonly budget: string;
  /** First day of the period, or `total`. */
  readonly window: string;
  /** Charged so far, as far as it is shipped. */
  readonly spent: string;
  /** Set aside for replicas and not charged yet. */
  readonly leased: string;
}

/** Where hard budgets stand in their windows. */
export async function readBudgetWindows(store: Store, budgets: readonly string[]): Promise<BudgetWindowView[]> {
  if (budgets.length === 0) return [];
  const rows = await store.db
    .selectFrom('budget_window as w')
    .leftJoin('lease', join =>
      join.onRef('lease.budget', '=', 'w.budget').onRef('lease.period', '=', 'w.period').on('lease.state', '=', 'open'),
    )
    .select(({ fn }) => [
      'w.budget',
      'w.period',
      'w.leased_atto',
      'w.spent_atto',
      fn.coalesce(fn.sum<bigint>('lease.spent_atto'), sql<bigint>`0::numeric`).as('open_spent_atto'),
    ])
    .where('w.budget', 'in', [...budgets])
    .groupBy(['w.budget', 'w.period'])
    .orderBy('w.budget')
    .orderBy('w.period')
    .execute();
  return rows.map(row => ({
    budget: row.budget,
    window: row.period,
    spent: formatAtto(row.spent_atto + row.open_spent_atto),
    leased: formatAtto(row.leased_atto - row.open_spent_atto),
  }));
}

export interface AlertView {
  readonly id: string;
  readonly at: string;
  readonly code: string;
  readonly message: string;
  readonly exchangeId: string | null;
}

/** The newest alerts, without their details: those may hold a whole exchange. */
export async function listAlerts(store: Store, limit: number): Promise<AlertView[]> {
  const rows = await store.db
    .selectFrom('alert')
    .select(['id', 'at', 'code', 'message', 'exchange_id'])
    .orderBy('at', 'desc')
    .orderBy('id')
    .limit(Math.min(limit, exchangePageMax))
    .execute();
  return rows.map(({ id, at, code, message, exchange_id }) => ({
    id,
    at: at.toISOString(),
    code,
    message,
    exchangeId: exchange_id,
  }));
}

interface SummaryRow {
  readonly id: string;
  readonly at: Date;
  readonly ended_at: Date;
  readonly organisation: string;
  readonly project: string;
  readonly key: string;
  readonly dialect: string;
  readonly requested_model: string;
  readonly served_model: string | null;
  readonly stream: boolean;
  readonly state: ExchangeSummary['status'];
  readonly outcome: string;
  readonly status: number;
  readonly sell_atto: bigint | null;
  readonly over_hold_atto: bigint | null;
  readonly sell_currency: string | null;
  readonly sell_version: string | null;
  readonly duration_ms: bigint;
  readonly sandbox: boolean;
}

/** As it stands now. */
function summaryOf(row: SummaryRow, corrected: Corrected | undefined): ExchangeSummary {
  return {
    id: row.id,
    at: row.at.toISOString(),
    endedAt: row.ended_at.toISOString(),
    principal: { organisation: row.organisation, project: row.project, key: row.key },
    dialect: row.dialect,
    requestedModel: row.requested_model,
    servedModel: row.served_model,
    stream: row.stream,
    status: corrected?.state ?? row.state,
    outcome: row.outcome,
    httpStatus: row.status,
    sell: corrected?.sell === undefined ? sellOf(row) : corrected.sell,
    durationMs: Number(row.duration_ms),
    sandbox: row.sandbox,
  };
}

function sellOf(row: SummaryRow): ExchangeSummary['sell'] {
  const sell = ratedMoney(row.sell_atto, row.sell_currency, row.sell_version);
  return sell === null ? null : { ...sell, overHold: formatAtto(row.over_hold_atto ?? 0n) };
}

function withoutOverHold(money: (RatedMoney & { readonly overHold: string }) | undefined): RatedMoney | undefined {
  if (money === undefined) return undefined;
  const { overHold: _none, ...rest } = money;
  return rest;
}

function readingView({ slices, source, rule, quarantine, counts, region }: Reading): ReadingView {
  return {
    ...slices,
    source,
    ...(rule === undefined ? {} : { rule }),
    ...(quarantine === undefined ? {} : { quarantine }),
    ...(counts === undefined ? {} : { counts }),
    ...(region === undefined ? {} : { region }),
  };
}

function ratedMoney(amountAtto: bigint | null, currency: string | null, version: string | null): RatedMoney | null {
  if (amountAtto === null || currency === null || version === null) return null;
  return { amount: formatAtto(amountAtto), currency, version };
}

function toNumber(value: bigint | null): number | null {
  return value === null ? null : Number(value);
}

function before(at: Date, id: string): Expression<SqlBool> {
  return sql<SqlBool>`(at, id) < (${at}, ${id})`;
}

function writeCursor(at: Date, id: string): string {
  return Buffer.from(JSON.stringify([at.getTime(), id])).toString('base64url');
}

function readCursor(cursor: string): { at: Date; id: string } {
  try {
    const [atMs, id] = JSON.parse(Buffer.from(cursor, 'base64url').toString()) as [unknown, unknown];
    if (typeof atMs === 'number' && Number.isSafeInteger(atMs) && typeof id === 'string')
      return { at: new Date(atMs), id };
  } catch {
    // Falls through to the one answer for every cursor that is not ours.
  }
  throw new RangeError('this is not a cursor that a page of exchanges gave');
}
