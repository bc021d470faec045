import { slices } from '../completion/usage.ts';
import type { CompletedExchange } from '../journal/assemble.ts';
import { chargedAtto } from '../journal/charged.ts';
import type { RatedAmount } from '../journal/record.ts';
import { isTokenMeter } from '../pricing/meters.ts';
import { deliveredAttempt } from './postings.ts';
import { type MeasureColumn, sliceColumns } from './usage-columns.ts';
import type { UsageDelta, UsageSeries } from './usage-series.ts';
import { tagParts } from './usage-tags.ts';

type Sums = Partial<Record<MeasureColumn, bigint>>;

const hourMs = 3_600_000;

/** Adds up a batch by hour and series. An exchange counts once, where its answer came from (else at its last attempt);
 *  each attempt's cost counts where it was caused. Any way of cutting the same exchanges into batches adds up to the same. */
export function rollUp(exchanges: readonly CompletedExchange[]): UsageDelta[] {
  const rows = new Map<string, UsageDelta & { readonly measures: Sums }>();
  for (const exchange of exchanges) addExchange(rows, exchange);
  return [...rows.values()];
}

type Rows = Map<string, UsageDelta & { readonly measures: Sums }>;
type Place = { readonly model: string; readonly provider: string; readonly deployment: string };

const nowhere: Place = { model: '', provider: '', deployment: '' };

/** The whole of it, and beside that the same for each of its tags by which usage is told apart. */
function addExchange(rows: Rows, exchange: CompletedExchange): void {
  addPart(rows, exchange, '');
  for (const part of tagParts(exchange.admit)) addPart(rows, exchange, part);
}

function addPart(rows: Rows, exchange: CompletedExchange, part: string): void {
  const { admit, end } = exchange;
  const last = end.attempts.at(-1);
  const delivered = deliveredAttempt(exchange);
  let row: Sums | undefined;
  for (const attempt of end.attempts) {
    const sellCurrency = attempt === last ? (end.sell?.currency ?? '') : '';
    const buyCurrency = attempt.buy?.currency ?? '';
    row = findRow(rows, exchange, attempt, { sellCurrency, buyCurrency, meter: part });
    add(row, 'attempts', 1n);
    if (attempt.buy !== undefined) {
      const cost = BigInt(attempt.buy.amountAtto);
      add(row, 'buy_atto', cost);
      if (attempt.attempt !== delivered) add(row, 'buy_failed_atto', cost);
      if (part === '') addMeters(rows, exchange, attempt, attempt.buy, 'buy');
    }
  }
  row ??= findRow(rows, exchange, nowhere, { sellCurrency: end.sell?.currency ?? '', buyCurrency: '', meter: part });
  add(row, 'requests', 1n);
  if (end.outcome !== 'ok') add(row, 'failures', 1n);
  const reading = end.reading ?? (delivered === undefined ? undefined : last?.reading);
  if (reading !== undefined) {
    for (const slice of slices) {
      const quantity = reading.slices[slice];
      if (quantity !== undefined && quantity !== 0) add(row, sliceColumns[slice], BigInt(quantity));
    }
  }
  const charged = end.sell === undefined ? 0n : chargedAtto(end.sell);
  if (end.sell !== undefined) {
    add(row, 'sell_atto', charged);
    if (end.sell.overHoldAtto !== '0') add(row, 'over_hold_atto', BigInt(end.sell.overHoldAtto));
    if (part === '') addMeters(rows, exchange, last ?? nowhere, end.sell, 'sell');
  }
  if (end.state === 'estimated') {
    add(row, 'estimated', 1n);
    add(row, 'estimated_atto', charged);
  } else if (end.state === 'quarantined') {
    add(row, 'quarantined', 1n);
    add(row, 'held_atto', BigInt(admit.hold.amountAtto));
  }
}

/** What of a rated amount was not tokens, by meter: beside the whole, never added to it. Quantities are counted with the
 *  sale, or with the cost where nothing is sold, so that one is not counted twice. */
function addMeters(
  rows: Rows,
  exchange: CompletedExchange,
  place: Place,
  rated: RatedAmount,
  book: 'sell' | 'buy',
): void {
  for (const { meter, quantity, amountAtto } of rated.lines) {
    // Tokens and requests are columns of the whole.
    if (isTokenMeter(meter) || meter === 'request') continue;
    const currencies =
      book === 'sell'
        ? { sellCurrency: rated.currency, buyCurrency: '' }
        : { sellCurrency: '', buyCurrency: rated.currency };
    const row = findRow(rows, exchange, place, { ...currencies, meter });
    if (book === 'sell' || exchange.end.sell === undefined) add(row, 'quantity', BigInt(quantity));
    add(row, book === 'sell' ? 'sell_atto' : 'buy_atto', BigInt(amountAtto));
  }
}

function findRow(
  rows: Rows,
  { admit }: CompletedExchange,
  place: Place,
  parts: Pick<UsageSeries, 'sellCurrency' | 'buyCurrency' | 'meter'>,
): Sums {
  const { organisation, project, sandbox } = admit;
  // Series of tags tell less apart (usage-tags.ts).
  const isTag = parts.meter.startsWith('tag:');
  const [keyId, requestedModel] = isTag ? ['', ''] : [admit.key, admit.requestedModel];
  const deployment = isTag ? '' : place.deployment;
  const { model, provider } = place;
  const atMs = admit.atMs - (admit.atMs % hourMs);
  const { sellCurrency, buyCurrency, meter } = parts;
  const key =
    `${atMs}\0${organisation}\0${project}\0${keyId}\0${requestedModel}\0${model}\0${provider}\0${deployment}\0` +
    `${meter}\0${sellCurrency}\0${buyCurrency}\0${sandbox}`;
  let row = rows.get(key);
  if (row === undefined) {
    const series: UsageSeries = {
      organisation,
      project,
      key: keyId,
      route: requestedModel,
      model,
      provider,
      deployment,
      class: 'inference',
      meter,
      sellCurrency,
      buyCurrency,
      sandbox,
    };
    row = { atMs, series, measures: {} };
    rows.set(key, row);
  }
  return row.measures;
}

function add(row: Sums, column: MeasureColumn, value: bigint): void {
  row[column] = (row[column] ?? 0n) + value;
}
