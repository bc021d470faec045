import type { Store } from '../store/connect.ts';
import { csvRecord } from './csv.ts';
import { type ReportColumn, reports } from './kinds.ts';
import { type ReportRequest, type ReportRow, streamReport } from './report.ts';

/** The report as CSV: a header with units, then every row; amounts are exact decimal text in the row's `currency`.
 *  Text comes in portions. Throws as streamReport does, before the header. */
export async function* reportCsv(store: Store, request: ReportRequest): AsyncGenerator<string, void> {
  const columns = reportCsvColumns(request);
  const header = csvRecord(columns.map(({ title }) => title));
  let isBegun = false;
  for await (const rows of streamReport(store, request)) {
    let text = isBegun ? '' : header;
    isBegun = true;
    for (const row of rows) text += csvRecord(columns.map(({ value }) => value(row)));
    yield text;
  }
  if (!isBegun) yield header;
}

interface CsvColumn {
  readonly title: string;
  readonly value: (row: ReportRow) => string | null;
}

/** In this order: piece of time, dimensions, currency, what is reported, shares, the period before. */
export function reportCsvColumns({ kind, by, grain, top, compare }: ReportRequest): readonly CsvColumn[] {
  const { columns } = reports[kind];
  return [
    ...(grain === 'total' ? [] : [plain('period', 'period (UTC)')]),
    ...by.map((name, index) =>
      index === 0 && top !== undefined
        ? { title: name, value: (row: ReportRow) => (row['others'] === true ? '(others)' : text(row[name])) }
        : plain(name, name),
    ),
    plain('currency', 'currency'),
    ...columns.map(column => plain(column.name, `${column.name} (${unitOf(column)})`)),
    ...(grain === 'total' && by.length > 0 ? [plain('sharePpm', 'share (parts per million)')] : []),
    ...(compare
      ? [
          ...columns.map(column => ({
            title: `previous ${column.name} (${unitOf(column)})`,
            value: (row: ReportRow) => text((row['previous'] as ReportRow)[column.name]),
          })),
          plain('changePercent', 'change (percent)'),
        ]
      : []),
  ];
}

function plain(name: string, title: string): CsvColumn {
  return { title, value: row => text(row[name]) };
}

function text(value: ReportRow[string] | undefined): string | null {
  return value === null || value === undefined ? null : String(value);
}

function unitOf({ unit }: ReportColumn): string {
  return { count: 'count', tokens: 'tokens', quantity: 'units of the meter', money: 'currency', percent: 'percent' }[
    unit
  ];
}
