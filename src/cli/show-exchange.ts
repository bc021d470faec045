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
    ['took', `${exchange.durationMs} ms`],
    ['reading', reading === null ? 'none' : formatReading(reading)],
    ['charged', exchange.sell === null ? 'nothing' : formatMoney(exchange.sell)],
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
  return `${lines.join('\n')}\n\n${attempts}`;
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
