import type { TableOf } from './listings.ts';
import type {
  FactAnswer,
  FactReviewAnswer,
  PricesAnswer,
  PublicationAnswer,
  QuoteAnswer,
  QuotesAnswer,
  RateAnswer,
  RowAnswer,
} from './price-answers.ts';
import { printable } from './table.ts';

export function showPrices(answer: PricesAnswer, table: TableOf): string {
  const rows = answer.books.flatMap(({ book, version, currency, rates, derived, follows, later }) => [
    ...rowsOf(rates).map(row => ({ ...row, book, version, currency, from: '' })),
    ...(derived ?? []).flatMap(rowsOf).map(row => ({
      ...row,
      book,
      version,
      currency,
      from: follows === undefined ? '' : `${follows.book} × ${follows.multiplier}`,
    })),
    ...later.flatMap(({ from, version: id, rates: changed }) =>
      rowsOf(changed).map(row => ({ ...row, book, version: id, currency, from: `from ${from}` })),
    ),
  ]);
  const shown = table(
    rows,
    [
      { title: 'book', cell: row => row.book },
      { title: 'for', cell: row => row.target },
      { title: 'input', right: true, cell: row => rateText(row.rates['input']) },
      { title: 'cached', right: true, cell: row => rateText(row.rates['cacheRead']) },
      { title: 'output', right: true, cell: row => rateText(row.rates['output']) },
      { title: 'currency', cell: row => row.currency },
      { title: 'tiers', right: true, cell: row => countOf(row.tiers) },
      { title: 'depends', right: true, cell: row => countOf(row.cells ?? []) },
      { title: 'version', cell: row => row.version },
      { title: 'note', cell: row => row.from },
    ],
    'No prices, so nothing can be called. Apply a file with prices.',
  );
  const rules = answer.rules
    .filter(rule => rule.version !== null)
    .map(rule => `Rule ${rule.id}: ${rule.state}, ${rule.version}.\n`);
  return `${shown}${rules.join('')}`;
}

function rowsOf(rates: Readonly<Record<string, RowAnswer>>) {
  return Object.entries(rates).map(([target, row]) => ({ target, ...row }));
}

function rateText(rate: RateAnswer | undefined): string {
  if (rate === undefined) return '';
  return typeof rate === 'string' ? rate : `${rate.amount}/${rate.per}`;
}

function countOf(items: readonly unknown[]): string {
  return items.length === 0 ? '' : String(items.length);
}

export function showPublication(
  answer: PublicationAnswer,
  { table, published }: { readonly table: TableOf; readonly published: boolean },
): string {
  const notices = answer.notices.map(notice => `Note: ${printable(notice)}.\n`).join('');
  if (answer.changes.length === 0)
    return `${notices}No price changes; the configuration is at revision ${answer.revision}.\n`;
  const shown = table(
    answer.changes,
    [
      { title: 'book', cell: change => change.book },
      { title: 'for', cell: change => change.target },
      { title: 'where', cell: change => change.where },
      { title: 'meter', cell: change => change.meter },
      { title: 'old', right: true, cell: change => change.before ?? '' },
      { title: 'new', right: true, cell: change => change.after ?? '' },
      { title: '%', right: true, cell: change => change.changePercent ?? '' },
      { title: 'folded in', cell: change => change.factor ?? '' },
      { title: 'from', cell: change => change.from ?? 'at once' },
    ],
    '',
  );
  const more = answer.changesInAll - answer.changes.length;
  const hidden = more > 0 ? `Shown are the first ${answer.changes.length}; ${more} more change.\n` : '';
  const total = `${answer.changesInAll} rate${answer.changesInAll === 1 ? '' : 's'}`;
  const end = published
    ? `Published ${answer.versions.join(', ') || 'no new version'}: ${total}; revision ${answer.revision}.`
    : `${total} would change. Nothing was published.`;
  return `${shown}${hidden}${notices}${end}\n`;
}

export function showQuotes(answer: QuotesAnswer, table: TableOf): string {
  const parts = answer.quotes.flatMap(({ deployment, sell, buy }) => [
    showQuote(`${deployment}, sell`, sell, table),
    showQuote(`${deployment}, buy`, buy, table),
  ]);
  return `At ${answer.at}\n${parts.join('')}`;
}

function showQuote(title: string, quote: QuoteAnswer | { readonly unpriced: string }, table: TableOf): string {
  if ('unpriced' in quote) return `\n${printable(title)}: no price, ${printable(quote.unpriced)}\n`;
  const lines = table(
    quote.lines,
    [
      { title: 'meter', cell: line => line.meter },
      { title: 'units', right: true, cell: line => String(line.quantity) },
      { title: 'rate', right: true, cell: line => line.rate },
      { title: 'per', right: true, cell: line => line.per },
      { title: 'amount', right: true, cell: line => line.amount },
    ],
    'nothing is charged',
  );
  return `\n${printable(title)}: ${quote.amount} ${quote.currency} by ${printable(quote.version)}\n${lines}`;
}

export function showFactReview(answer: FactReviewAnswer, table: TableOf): string {
  const rows = answer.changes.flatMap(({ provider, model, change, lines, reasons }) =>
    lines.map(line => ({ ...line, fact: `${provider}/${model}`, change, odd: reasons.length > 0 })),
  );
  const shown = table(
    rows,
    [
      { title: 'fact', cell: row => row.fact },
      { title: 'is', cell: row => row.change },
      { title: 'meter', cell: row => (row.where === '' ? row.meter : `${row.meter} (${row.where})`) },
      { title: 'old', right: true, cell: row => row.before ?? '' },
      { title: 'new', right: true, cell: row => row.after ?? '' },
      { title: 'from', cell: row => row.from ?? '' },
      { title: 'odd', cell: row => (row.odd ? 'yes' : '') },
    ],
    'Nothing is new.',
  );
  const reasons = answer.changes.flatMap(({ provider, model, reasons: why, snapped }) => [
    ...why.map(reason => `Odd: ${provider}/${model}: ${printable(reason)}.\n`),
    ...snapped.map(text => `Read: ${provider}/${model}: ${printable(text)}.\n`),
  ]);
  const { version, unchanged, excluded } = answer;
  const end = `Facts ${version}: ${answer.changes.length} differ, ${unchanged} are as before, ${excluded.length} cannot be prices.\n`;
  return `${shown}${reasons.join('')}${end}`;
}

export function showFacts(items: readonly FactAnswer[], table: TableOf): string {
  return table(
    items.map(fact => ({ ...fact, shown: (fact.held ?? fact.approved ?? []).at(-1) })),
    [
      { title: 'fact', cell: fact => fact.id },
      { title: 'is', cell: fact => (fact.held === null ? 'let through' : 'held') },
      { title: 'input', right: true, cell: fact => rateText(fact.shown?.rates['input']) },
      { title: 'output', right: true, cell: fact => rateText(fact.shown?.rates['output']) },
      { title: 'why', cell: fact => (fact.reasons ?? []).join('; ') },
    ],
    'No facts. Import some with `carrier prices facts import`.',
  );
}
