import type pg from 'pg';
import { Fault } from '../completion/fault.ts';
import type { UsageDimension, UsageFilter, UsageGrain } from '../ledger/usage-sums.ts';
import { checkTagQuery } from '../ledger/usage-tags.ts';
import { divideRoundHalfEven } from '../pricing/money.ts';
import { connectSession, type Store } from '../store/connect.ts';
import { type Concentration, concentrationOf } from './concentration.ts';
import { type ReportKind, reports, type Sums } from './kinds.ts';
import { coverage, nameOfPiece, periodBefore, type ReportPeriod, textOf } from './period.ts';
import { readPlace, writePlace } from './report-place.ts';
import { orderSql, reportSql, topSql } from './report-sql.ts';
import { percentText, type ReportValue, showColumns } from './show-values.ts';

export interface ReportRequest {
  readonly kind: ReportKind;
  /** None, one or two. */
  readonly by: readonly UsageDimension[];
  readonly grain: UsageGrain;
  readonly period: ReportPeriod;
  readonly filter: UsageFilter;
  /** The largest so many values of the first dimension; the others are added up. */
  readonly top?: number | undefined;
  /** Beside each row, what it was in the period before. */
  readonly compare: boolean;
}

export const dimensionsMax = 2;
export const topMax = 100;
/** Rows of one page of JSON; a stream has no pages and more of them. */
export const reportPageMax = 5_000;
export const reportRowsMax = 1_000_000;
/** Rows that a stream asks the database for at once. */
const streamRowsAtOnce = 2_000;
/** Of one process; further ones are told to come again, so that they never take the connections that shipping needs. */
export const reportsAtOnceMax = 4;
/** A report that takes longer is of a kind that should be narrowed. */
const reportTimeoutMs = 30_000;

/** Values are by column name; those of dimensions by the dimension's, null for the rest beyond a top. */
export type ReportRow = Readonly<Record<string, ReportValue | Readonly<Record<string, ReportValue>>>>;

export interface ReportAnswer {
  readonly report: ReportKind;
  readonly by: readonly UsageDimension[];
  readonly grain: UsageGrain;
  /** The whole hours that are covered. */
  readonly from: string;
  readonly to: string;
  /** Present when those are not the ones asked for. */
  readonly asked?: { readonly from: string; readonly to: string };
  readonly comparedWith?: { readonly from: string; readonly to: string };
  readonly rows: readonly ReportRow[];
  /** Of all rows, by currency. */
  readonly totals: readonly ReportRow[];
  /** How much depends on few, by currency and measure; without a dimension there is none. */
  readonly concentration: readonly Concentration[];
  readonly next?: string;
}

/** One page. Throws Fault('report_invalid' | 'report_too_large'). */
export async function readReport(
  store: Store,
  request: ReportRequest,
  page: { readonly limit: number; readonly after?: string | undefined },
): Promise<ReportAnswer> {
  checkRequest(request);
  const values: unknown[] = [];
  const sql = pageSql(request, page, values);
  const found = await inOneView(store, async client => (await client.query(sql, values)).rows as (RawRow & RawTotal)[]);
  const rows = found.filter(({ extra }) => extra === null);
  const totals = found.filter(({ extra }) => extra !== null).map(totalOf);
  const shown = rows.slice(0, page.limit);
  const last = shown.at(-1);
  return {
    report: request.kind,
    by: request.by,
    grain: request.grain,
    ...coverage(request.period),
    ...(request.compare ? { comparedWith: textOf(periodBefore(request.period)) } : {}),
    rows: shown.map(row => rowOf(request, row, totals)),
    totals: totals.map(total => ({
      currency: total.currency === '' ? null : total.currency,
      ...showColumns(reports[request.kind].columns, total, total.mixed),
    })),
    concentration: request.by.length === 0 ? [] : totals.flatMap(total => concentrationOf(request, total)),
    ...(rows.length > page.limit && last !== undefined ? { next: writePlace(last) } : {}),
  };
}

/** Every row, as they come from the database; memory stays that of one portion. What is wrong with the request is thrown
 *  before the first portion. */
export async function* streamReport(store: Store, request: ReportRequest): AsyncGenerator<readonly ReportRow[], void> {
  checkRequest(request);
  const values: unknown[] = [];
  const sql = rowsSql(request, values);
  const close = admitReport(store);
  // Not of the pool: a reader may take its time, and shipping must not wait for it.
  const client = connectSession(store.url, { applicationName: 'carrier-report', statementTimeoutMs: reportTimeoutMs });
  try {
    await client.connect();
    await client.query(beginSql);
    const { rows: counted } = await client.query(
      `select count(*) as rows from (select from (${sql}) as report limit ${reportRowsMax + 1}) as bounded`,
      values,
    );
    if (counted[0].rows > BigInt(reportRowsMax)) {
      throw new Fault('report_too_large', `The report has more than ${reportRowsMax} rows.`);
    }
    const totals = await readTotals(client, request);
    await client.query(
      `declare report no scroll cursor for select * from (${sql}) as report order by ${orderSql}`,
      values,
    );
    for (;;) {
      const { rows } = await client.query(`fetch ${streamRowsAtOnce} from report`);
      if (rows.length === 0) return;
      yield (rows as RawRow[]).map(row => rowOf(request, row, totals));
    }
  } catch (error) {
    throw explain(error);
  } finally {
    // Also when the reader leaves early.
    close();
    await client.end().catch(() => {});
  }
}

export interface TotalRow extends Sums {
  readonly currency: string;
  readonly mixed: boolean;
  readonly parts: number;
  /** For each measure of concentration: the sum of what is above zero, of its squares, the largest and whose it is. */
  readonly shares: readonly {
    readonly sum: bigint;
    readonly squares: bigint;
    readonly largest: bigint;
    readonly top: string;
  }[];
}

type RawRow = Sums & {
  readonly period: Date | null;
  readonly place: number;
  readonly d1: string | null;
  readonly d2: string;
  readonly currency: string;
  readonly mixed: boolean;
} & Readonly<Record<string, unknown>>;

const placeTypes = ['timestamptz', 'int', 'text', 'text', 'text'] as const;

const beginSql =
  // Compiling a report to machine code takes longer than running it; its sums by series should not go to disk.
  `begin isolation level repeatable read read only; set local jit = off; set local work_mem = '32MB'; ` +
  `set local statement_timeout = ${reportTimeoutMs}`;

function checkRequest({ by, top, compare, grain, filter }: ReportRequest): void {
  checkTagQuery(by, { ...filter });
  const refuse = (parameter: string, message: string) => {
    throw new Fault('report_invalid', message, { parameter });
  };
  if (by.length > dimensionsMax || new Set(by).size < by.length) {
    refuse('by', `\`by\` takes at most ${dimensionsMax} different dimensions.`);
  }
  if (top !== undefined && !(Number.isInteger(top) && top >= 1 && top <= topMax)) {
    refuse('top', `\`top\` is a whole number from 1 to ${topMax}.`);
  }
  if (top !== undefined && by.length === 0) refuse('top', '`top` needs a dimension in `by`.');
  if (compare && top !== undefined)
    refuse('compare', '`compare` and `top` do not go together: both change what a row is.');
  if (compare && grain !== 'total') refuse('compare', '`compare` is for totals: leave `grain` out.');
}

function rowsSql(request: ReportRequest, values: unknown[]): string {
  const { base, report } = reportParts(request, values);
  return `with base as (${base}) ${report}`;
}

/** One page, and behind it the totals with what concentration is made of (`extra`): what they have in common is read and
 *  added up once. */
function pageSql(
  request: ReportRequest,
  page: { readonly limit: number; readonly after?: string | undefined },
  values: unknown[],
): string {
  const { base, report, columns } = reportParts(request, values);
  const place = page.after === undefined ? [] : readPlace(page.after);
  const beyond =
    page.after === undefined
      ? ''
      : ` where (${orderSql}) > (${place.map((value, index) => `$${values.push(value)}::${placeTypes[index]}`).join(', ')})`;
  return (
    `with base as materialized (${base}), report as (${report}), ` +
    `page as (select period, place, d1, d2, currency, mixed, ${columns.join(', ')} from report${beyond}` +
    ` order by ${orderSql} limit ${page.limit + 1}), totals as (${totalsSql(request.kind, 'base')}) ` +
    `select *, null::json as extra from page union all ` +
    `select null, 0, null, '', currency, mixed, ` +
    `${columns.map(column => (column.startsWith('before_') ? 'null' : column)).join(', ')}, extra from totals`
  );
}

/** SQL of the rows before the largest are chosen or the period before is joined, and of the report over them. */
function reportParts(
  request: ReportRequest,
  values: unknown[],
): { readonly base: string; readonly report: string; readonly columns: readonly string[] } {
  const { measures, rank } = reports[request.kind];
  const wanted = [...new Set([...measures, rank])];
  const query = { ...request, measures, rank };
  const base = reportSql(query, values);
  if (!request.compare) return { base, report: topSql(query, wanted, 'base'), columns: wanted };
  const before = reportSql({ ...query, period: periodBefore(request.period) }, values);
  const both = wanted.map(
    measure => `coalesce(c.${measure}, 0) as ${measure}, coalesce(b.${measure}, 0) as before_${measure}`,
  );
  return {
    base,
    report:
      `select null::timestamptz as period, 0 as place, d1, d2, currency, coalesce(c.mixed, false) as mixed, ` +
      `coalesce(b.mixed, false) as before_mixed, ${both.join(', ')}` +
      ` from base as c full join (${before}) as b using (d1, d2, currency)`,
    columns: [...wanted, 'before_mixed', ...wanted.map(measure => `before_${measure}`)],
  };
}

/** Of everything, by currency. */
function totalsSql(kind: ReportKind, base: string): string {
  const { measures, rank } = reports[kind];
  const sums = [...new Set([...measures, rank])].map(measure => `sum(${measure}) as ${measure}`).join(', ');
  const shares = concentrationOf.measures(kind).map(
    measure =>
      `json_build_object('sum', coalesce(sum(${measure}) filter (where ${measure} > 0), 0)::text,
         'squares', coalesce(sum(${measure} * ${measure}) filter (where ${measure} > 0), 0)::text,
         'largest', max(${measure})::text, 'top', (array_agg(d1 order by ${measure} desc, d1))[1])`,
  );
  return (
    `select currency, bool_or(mixed) as mixed, ${sums}, ` +
    `json_build_object('parts', count(*), 'shares', json_build_array(${shares.join(', ')})) as extra` +
    ` from (select d1, currency, bool_or(mixed) as mixed, ${sums} from ${base} group by d1, currency) as by_value group by currency`
  );
}

/** For streams, whose rows come apart from them. */
async function readTotals(client: pg.ClientBase, request: ReportRequest): Promise<TotalRow[]> {
  const { measures, rank } = reports[request.kind];
  const values: unknown[] = [];
  const sql = reportSql({ ...request, by: request.by.slice(0, 1), grain: 'total', measures, rank }, values);
  const { rows } = await client.query(totalsSql(request.kind, `(${sql}) as base`), values);
  return rows.map(totalOf);
}

type RawTotal = Sums & {
  readonly currency: string;
  readonly mixed: boolean;
  /** null in rows that are no total. */
  readonly extra: {
    readonly parts: number;
    readonly shares: readonly Readonly<Record<'sum' | 'squares' | 'largest' | 'top', string>>[];
  } | null;
};

function totalOf({ extra, ...total }: RawTotal): TotalRow {
  return {
    ...total,
    parts: extra!.parts,
    // Text, since JSON's numbers would lose digits.
    shares: extra!.shares.map(({ sum, squares, largest, top }) => ({
      sum: BigInt(sum),
      squares: BigInt(squares),
      largest: BigInt(largest),
      top,
    })),
  };
}

function rowOf(request: ReportRequest, raw: RawRow, totals: readonly TotalRow[]): ReportRow {
  const { columns, rank } = reports[request.kind];
  const piece = nameOfPiece(request.grain, raw.period);
  const isRest = request.top !== undefined && raw.d1 === null;
  const total = totals.find(({ currency }) => currency === raw.currency)?.[rank] ?? 0n;
  return {
    ...(piece === null ? {} : { period: piece }),
    ...(request.by[0] === undefined ? {} : { [request.by[0]]: raw.d1 }),
    ...(request.by[1] === undefined ? {} : { [request.by[1]]: raw.d2 }),
    ...(isRest ? { others: true } : {}),
    currency: raw.currency === '' ? null : raw.currency,
    ...showColumns(columns, raw, raw.mixed),
    ...(request.grain === 'total' && request.by.length > 0 ? { sharePpm: shareOf(raw[rank], total) } : {}),
    ...(request.compare ? comparison(request.kind, raw) : {}),
  };
}

function comparison(kind: ReportKind, raw: RawRow): Record<string, ReportValue | Record<string, ReportValue>> {
  const { columns, measures, rank } = reports[kind];
  // True: rowsSql gave a before_ column for each.
  const before = Object.fromEntries(
    [...measures, rank].map(measure => [measure, raw[`before_${measure}`]]),
  ) as unknown as Sums;
  const changed = raw[rank] - before[rank];
  return {
    previous: showColumns(columns, before, raw['before_mixed'] === true),
    changePercent: before[rank] <= 0n ? null : percentText(divideRoundHalfEven(changed * 10_000n, before[rank])),
  };
}

/** Parts in a million of the total; null without one. */
function shareOf(part: bigint, total: bigint): number | null {
  return total <= 0n ? null : Number(divideRoundHalfEven(part * 1_000_000n, total));
}

/** All statements see the same instant. */
async function inOneView<Value>(store: Store, read: (client: pg.ClientBase) => Promise<Value>): Promise<Value> {
  const close = admitReport(store);
  try {
    const client = await store.pool.connect();
    let broken: Error | undefined;
    try {
      await client.query(beginSql);
      return await read(client);
    } catch (error) {
      throw explain(error);
    } finally {
      await client.query('rollback').catch(error => {
        broken = error;
      });
      client.release(broken);
    }
  } finally {
    close();
  }
}

const openReports = new WeakMap<Store, number>();

/** Counts the report in; the answer counts it out. */
function admitReport(store: Store): () => void {
  const open = openReports.get(store) ?? 0;
  if (open >= reportsAtOnceMax) throw new Fault('reports_busy', undefined, { retryAfterMs: 2_000 });
  openReports.set(store, open + 1);
  return () => openReports.set(store, (openReports.get(store) ?? 1) - 1);
}

const statementTimedOut = '57014';

function explain(error: unknown): unknown {
  if ((error as { code?: unknown }).code !== statementTimedOut) return error;
  return new Fault('report_too_large', `The report takes longer than ${reportTimeoutMs / 1_000} s.`, { cause: error });
}
