import { formatAtto, parseAtto } from '../pricing/money.ts';
import type { ExchangeAnswer, MoneyAnswer } from './answers.ts';
import { formatTable, printable } from './table.ts';

type Attempt = ExchangeAnswer['attempts'][number];

/** One exchange on a screen; --json has the rest. */
export function formatExchange(exchange: ExchangeAnswer, isTerminal: boolean): string {
  const { principal, reading } = exchange;
  const facts: readonly (readonly [string, string | undefined])[] = [
    ['exchange', exchange.id],
    ['at', exchange.at],
    ['caller', `${principal.organisation}/${principal.project}, key ${principal.key}`],
    ['dialect', exchange.dialect],
    ['requested', exchange.requestedModel],
    ['served', exchange.servedModel ?? undefined],
    ['outcome', `${exchange.outcome}, ${exchange.status}${exchange.sandbox ? ', sandbox' : ''}`],
    [
      'took',
      `${exchange.durationMs} ms${exchange.queuedMs == null ? '' : `, ${exchange.queuedMs} ms of it waiting for a place`}`,
    ],
    ['reading', reading === null ? 'none' : formatReading(reading)],
    ['charged', exchange.sell === null ? 'nothing' : formatMoney(exchange.sell)],
    ['paid by', formatPayers(exchange.transfers)],
    ['left out', exchange.trimmed.length === 0 ? undefined : `${exchange.trimmed.join(', ')}: over the record’s bound`],
    ...exchange.losses.map(loss => ['loss', `${loss.action} ${loss.code} at ${loss.path}`] as const),
  ];
  const width = Math.max(...facts.map(([name]) => name.length));
  const lines = facts.flatMap(([name, value]) =>
    value === undefined ? [] : [`${name.padEnd(width)}  ${printable(value)}`],
  );
  const attempts = formatTable(
    exchange.attempts,
    [
      { title: 'attempt', right: true, cell: attempt => String(attempt.attempt) },
      { title: 'deployment', cell: attempt => attempt.deployment },
      { title: 'target', cell: attempt => attempt.targetModel },
      { title: 'served', cell: attempt => attempt.servedModel ?? '' },
      { title: 'outcome', cell: attempt => attempt.outcome },
      { title: 'ms', right: true, cell: attempt => String(attempt.durationMs) },
      { title: 'cost', right: true, cell: attempt => formatMoney(attempt.buy) },
      ...(exchange.attempts.some(attempt => attempt.providerCost != null)
        ? [
            {
              title: 'provider says',
              right: true,
              cell: ({ providerCost }: Attempt) => formatMoney(providerCost ?? null),
            },
          ]
        : []),
    ],
    { isTerminal, empty: 'no attempt' },
  );
  return `${lines.join('\n')}\n\n${attempts}${formatCorrections(exchange, isTerminal)}`;
}

/** Who bears what is charged: grants, what is owed, the operator. What was taken back is left out of it. */
function formatPayers(transfers: ExchangeAnswer['transfers']): string | undefined {
  const sums = new Map<string, bigint>();
  const add = (account: string, currency: string, amount: bigint) => {
    const payer = payerOf(account);
    if (payer === undefined) return;
    const key = `${currency} ${payer}`;
    sums.set(key, (sums.get(key) ?? 0n) + amount);
  };
  for (const { debit, credit, amount, currency } of transfers) {
    const atto = parseAtto(amount);
    add(debit, currency, atto);
    add(credit, currency, -atto);
  }
  const parts = [...sums].filter(([, atto]) => atto !== 0n);
  if (parts.length === 0) return undefined;
  return parts.map(([key, atto]) => `${formatAtto(atto)} ${key}`).join(', ');
}

function payerOf(account: string): string | undefined {
  if (account.startsWith('wallet:')) return `of grant ${account.slice(account.indexOf(':', 'wallet:'.length) + 1)}`;
  if (account.startsWith('unbilled:')) return 'owed';
  return account === 'operator:over_hold' ? 'by the operator, above the hold' : undefined;
}

function formatCorrections({ corrections }: ExchangeAnswer, isTerminal: boolean): string {
  if (corrections.length === 0) return '';
  const rows = corrections.flatMap(correction => {
    const charges = correction.charges.length === 0 ? [undefined] : correction.charges;
    return charges.map(charge => ({ correction, charge }));
  });
  const table = formatTable(
    rows,
    [
      { title: 'correction', right: true, cell: ({ correction }) => String(correction.number) },
      { title: 'at', cell: ({ correction }) => correction.at },
      { title: 'kind', cell: ({ correction }) => correction.kind },
      { title: 'book', cell: ({ charge }) => charge?.book ?? '' },
      { title: 'attempt', right: true, cell: ({ charge }) => (charge === undefined ? '' : String(charge.attempt)) },
      { title: 'before', right: true, cell: ({ charge }) => formatMoney(charge?.before ?? null) },
      { title: 'after', right: true, cell: ({ charge }) => formatMoney(charge?.after ?? null) },
      { title: 'run', cell: ({ correction }) => correction.run },
      { title: 'why', cell: ({ correction }) => correction.reason },
    ],
    { isTerminal, empty: '' },
  );
  return `\n${table}`;
}

export function formatMoney(money: MoneyAnswer | null): string {
  return money === null ? '' : `${money.amount} ${money.currency}`;
}

function formatReading(reading: Readonly<Record<string, unknown>>): string {
  const slices = Object.entries(reading).filter(([, value]) => typeof value === 'number');
  const counts = Object.entries(reading['counts'] ?? {});
  return [...[...slices, ...counts].map(([name, count]) => `${name} ${count}`), `by ${String(reading['source'])}`].join(
    ', ',
  );
}
