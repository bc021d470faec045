import { type Command, Option } from 'commander';
import type { ReportAnswer, ReportRowAnswer } from './answers.ts';
import { CommandFailure, exitCodes } from './outcome.ts';
import type { Server } from './server.ts';
import type { Surroundings } from './surroundings.ts';
import { type Column, formatTable } from './table.ts';

/** Rows of one page, and pages that a command reads; a report of more is for --csv, which streams. */
const pageRows = 5_000;
const pagesMax = 20;

const kinds = {
  usage: 'Requests, tokens and other meters',
  spend: 'What customers are charged, what of it is estimated or corrected, what is held',
  margin: 'Revenue, costs with failed attempts apart, and margin; how much depends on few',
} as const;

const dimensions = 'organisation, project, key, route, model, provider, deployment, class, meter, tag:<name>';
const filters = [
  'organisation',
  'project',
  'key',
  'route',
  'model',
  'provider',
  'deployment',
  'class',
  'meter',
] as const;

/** `carrier reports usage|spend|margin`. `leaf` makes a command with --json. */
export function addReports(
  program: Command,
  leaf: (parent: Command, words: string, description: string) => Command,
  surroundings: Surroundings,
  server: () => Server,
): void {
  const parent = program.command('reports').description('Reports from the roll-ups of usage').exitOverride();
  for (const [kind, description] of Object.entries(kinds)) {
    const command = leaf(parent, kind, description)
      .option('--by <dimensions>', `none, one or two of ${dimensions}, with a comma between`)
      .addOption(
        new Option('--grain <grain>', 'how time is cut, in UTC')
          .choices(['total', 'hour', 'day', 'month'])
          .default('total'),
      )
      .option('--from <instant>', 'first instant, such as 2026-09-01; 30 days before --to unless said')
      .option('--to <instant>', 'first instant after; now unless said')
      .option('--top <number>', 'the largest so many values of the first dimension; the others are added up')
      .option('--compare', 'beside each row the period before: as many whole months, else the same length', false)
      .addOption(new Option('--sandbox <choice>', 'only, or without, emulated providers').choices(['true', 'false']))
      .option('--csv', 'CSV (RFC 4180) on standard output, as it comes', false);
    for (const name of filters) command.option(`--${name} <value>`, `of one ${name}`);
    command.action(async options => {
      const { json, csv, compare, ...rest } = options;
      if (json && csv) throw new CommandFailure(exitCodes.usage, 'usage', '--json and --csv do not go together.');
      const query: Record<string, string | undefined> = { ...rest, compare: compare ? 'previous' : undefined };
      if (csv) await writeCsv(surroundings, server().stream(`/api/v1/reports/${kind}.csv`, query));
      else await printReport(surroundings, await readPages(surroundings, server(), kind, query), json);
    });
  }
}

async function readPages(
  { err }: Surroundings,
  server: Server,
  kind: string,
  query: Readonly<Record<string, string | undefined>>,
): Promise<ReportAnswer> {
  const read = async (after: string | undefined) =>
    (await server.get(`/api/v1/reports/${kind}`, { ...query, limit: String(pageRows), after })) as ReportAnswer;
  const first = await read(undefined);
  const rows = [...first.rows];
  let { next } = first;
  for (let page = 1; next !== undefined; page += 1) {
    if (page >= pagesMax) {
      err.write(`Shown are the first ${rows.length} rows; there are more. --csv gives them all.\n`);
      break;
    }
    if (err.isTerminal) err.write(`\r\x1b[2K… ${rows.length} rows`);
    const answer = await read(next);
    rows.push(...answer.rows);
    next = answer.next;
  }
  if (err.isTerminal && rows.length > pageRows) err.write('\r\x1b[2K');
  const { next: _shown, ...whole } = first;
  return { ...whole, rows, ...(next === undefined ? {} : { next }) };
}

async function writeCsv({ out, err }: Surroundings, texts: AsyncIterable<string>): Promise<void> {
  let bytes = 0;
  let toldAt = performance.now();
  for await (const text of texts) {
    out.write(text);
    bytes += text.length;
    if (!err.isTerminal || out.isTerminal || performance.now() - toldAt < 500) continue;
    toldAt = performance.now();
    err.write(`\r\x1b[2K… ${Math.round(bytes / 1_000)} kB`);
  }
  if (err.isTerminal && !out.isTerminal) err.write('\r\x1b[2K');
}

function printReport({ out, err }: Surroundings, answer: ReportAnswer, asJson: boolean): void {
  tellCoverage(err, answer);
  if (asJson) {
    out.write(`${JSON.stringify(answer, null, 2)}\n`);
    return;
  }
  const keys = [...(answer.grain === 'total' ? [] : ['period']), ...answer.by];
  out.write(
    formatTable(answer.rows, columnsOf(answer, keys), {
      isTerminal: out.isTerminal,
      empty: `Nothing from ${answer.from} to ${answer.to}.`,
    }),
  );
  if (answer.rows.length > 1) {
    for (const total of answer.totals) out.write(`Total${currencyText(total)}: ${valuesText(total)}\n`);
  }
  for (const { of, measure, currency, count, hhiPpm, top } of answer.concentration) {
    if (count < 2) continue;
    const unit = currency === null || measure === 'requests' ? '' : ` in ${currency}`;
    out.write(
      `Of ${measure}${unit}, ${top.value === '' ? '(none)' : top.value} has ${permille(top.sharePpm)} % among ${count} ` +
        `(${of}); HHI ${hhiPpm} parts per million.\n`,
    );
  }
}

/** Whole hours may be more than what was asked for; whoever reads the numbers should know. */
export function tellCoverage(
  err: Surroundings['err'],
  {
    asked,
    from,
    to,
  }: { readonly asked?: { readonly from: string; readonly to: string }; readonly from: string; readonly to: string },
): void {
  if (asked !== undefined) err.write(`Usage is kept by whole hours, UTC: shown is ${from} to ${to}.\n`);
}

/** Dimensions first, then what is not zero everywhere. */
function columnsOf({ rows, comparedWith }: ReportAnswer, keys: readonly string[]): readonly Column<ReportRowAnswer>[] {
  const names = Object.keys(rows[0] ?? {}).filter(
    name => !keys.includes(name) && !['currency', 'others', 'previous', 'changePercent'].includes(name),
  );
  const isTold = (name: string) => rows.some(row => !['0', 'null', '0.00'].includes(String(row[name])));
  const right = (name: string): Column<ReportRowAnswer> => ({ title: name, right: true, cell: row => cell(row[name]) });
  const first = names.find(name => name !== 'requests');
  return [
    ...keys.map(name => ({ title: name, cell: (row: ReportRowAnswer) => keyCell(row, name) })),
    ...names.filter(name => name === 'requests' || name === first || isTold(name)).map(right),
    ...(comparedWith === undefined ? [] : [previousColumn(first ?? 'requests'), right('changePercent')]),
    { title: 'currency', cell: row => cell(row['currency']) },
  ];
}

function previousColumn(name: string): Column<ReportRowAnswer> {
  return {
    title: `previous ${name}`,
    right: true,
    // True: rows of a comparison have it.
    cell: row => cell((row['previous'] as ReportRowAnswer)[name]),
  };
}

function keyCell(row: ReportRowAnswer, name: string): string {
  const value = row[name];
  if (value === null) return '(others)';
  return value === '' ? '(none)' : String(value);
}

function cell(value: ReportRowAnswer[string] | undefined): string {
  return value === null || value === undefined ? '' : String(value);
}

function currencyText({ currency }: ReportRowAnswer): string {
  return currency === null ? '' : ` in ${currency}`;
}

function valuesText(total: ReportRowAnswer): string {
  return Object.entries(total)
    .filter(([name, value]) => name !== 'currency' && !['0', 'null', '0.00'].includes(String(value)))
    .map(([name, value]) => `${name} ${value}`)
    .join(', ');
}

function permille(ppm: number): string {
  return (ppm / 10_000).toFixed(2);
}
