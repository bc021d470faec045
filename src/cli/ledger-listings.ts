import { formatAtto, parseAtto } from '../pricing/money.ts';
import type {
  BalanceAnswer,
  QuarantinedAnswer,
  RerateAnswer,
  SettledAnswer,
  TransferAnswer,
  TrialBalanceAnswer,
  ViolationAnswer,
} from './ledger-command.ts';
import { type Column, formatTable } from './table.ts';

/** What `carrier ledger …` prints. Amounts are decimal with all digits that matter. */
export type LedgerViews = ReturnType<typeof ledgerViews>;

export function ledgerViews(isTerminal: boolean) {
  const table = <Row>(rows: readonly Row[], columns: readonly Column<Row>[], empty: string) =>
    formatTable(rows, columns, { isTerminal, empty });
  return {
    accounts: (items: readonly BalanceAnswer[]) =>
      table(
        items,
        [
          { title: 'account', cell: ({ account }) => account },
          { title: 'kind', cell: ({ kind }) => kind },
          { title: 'balance', right: true, cell: ({ balance }) => balance },
          { title: 'currency', cell: ({ currency }) => currency },
          { title: 'debit', right: true, cell: ({ debit }) => debit },
          { title: 'credit', right: true, cell: ({ credit }) => credit },
          { title: 'transfers', right: true, cell: ({ transfers }) => String(transfers) },
        ],
        'Nothing is booked on any such account.',
      ),
    balances: (account: string, items: readonly BalanceAnswer[]) =>
      items.length === 0
        ? `Nothing is booked on ${account}.\n`
        : items
            .map(({ balance, available, currency }) =>
              available === balance
                ? `${balance} ${currency}\n`
                : `${balance} ${currency}, available ${available} ${currency}\n`,
            )
            .join(''),
    trialBalance: ({ ledgers }: TrialBalanceAnswer) =>
      ledgers.length === 0
        ? 'Nothing is booked yet.\n'
        : ledgers
            .map(({ ledger, classes, debit, credit }) => {
              const total = { class: 'total', kind: '', accounts: 0, debit, credit, balance: '' };
              const shown = table(
                [...classes, total],
                [
                  { title: ledger, cell: row => row.class },
                  { title: 'kind', cell: row => row.kind },
                  { title: 'accounts', right: true, cell: row => (row.accounts === 0 ? '' : String(row.accounts)) },
                  { title: 'debit', right: true, cell: row => row.debit },
                  { title: 'credit', right: true, cell: row => row.credit },
                  { title: 'balance', right: true, cell: row => row.balance },
                ],
                '',
              );
              return `${shown}${debit === credit ? 'Both sides are equal.' : 'The sides differ: run `carrier ledger check --full`.'}\n`;
            })
            .join('\n'),
    transfers: (items: readonly TransferAnswer[]) =>
      table(
        items,
        [
          { title: 'at', cell: ({ at }) => at },
          { title: 'transfer', cell: ({ id }) => id },
          { title: 'kind', cell: ({ kind }) => kind },
          { title: 'debit', cell: ({ debit }) => debit },
          { title: 'credit', cell: ({ credit }) => credit },
          { title: 'amount', right: true, cell: ({ amount }) => amount },
          { title: 'currency', cell: ({ currency }) => currency },
        ],
        'No such transfers.',
      ),
    violations: (items: readonly ViolationAnswer[]) =>
      items.length === 0
        ? 'The ledger keeps all its rules.\n'
        : items.map(({ rule, subject, detail, advice }) => `${rule}: ${subject}: ${detail}\n    ${advice}\n`).join(''),
    rerate: (answer: Omit<RerateAnswer, 'through'> & { readonly run: string; readonly dryRun: boolean }) => {
      const { examined, corrected, quarantined, unpriced, changes, dryRun, run } = answer;
      const shown = table(
        changes,
        [
          { title: 'book', cell: change => change.book },
          { title: 'model', cell: change => change.model },
          { title: 'from', cell: change => change.fromVersion },
          { title: 'to', cell: change => change.toVersion },
          { title: 'charges', right: true, cell: change => String(change.charges) },
          { title: 'before', right: true, cell: change => change.before },
          { title: 'after', right: true, cell: change => change.after },
          { title: 'difference', right: true, cell: change => difference(change.before, change.after) },
          { title: 'currency', cell: change => change.currency },
        ],
        'Every charge comes out as it was booked.',
      );
      const notes = [
        quarantined === 0 ? '' : `${quarantined} are in quarantine: see \`carrier ledger quarantine list\`.\n`,
        unpriced === 0 ? '' : `${unpriced} stay as they are: no price holds for them.\n`,
      ].join('');
      const end = dryRun ? 'to correct. Nothing was changed: this is a dry run.' : `corrected, as ${run}.`;
      return `${shown}${notes}${examined} ${examined === 1 ? 'exchange' : 'exchanges'} looked at, ${corrected} ${end}\n`;
    },
    quarantined: (items: readonly QuarantinedAnswer[]) =>
      table(
        items,
        [
          { title: 'exchange', cell: ({ id }) => id },
          { title: 'at', cell: ({ at }) => at },
          { title: 'project', cell: ({ project }) => project },
          { title: 'deployment', cell: ({ deployment }) => deployment },
          { title: 'hold', right: true, cell: ({ hold }) => `${hold.amount} ${hold.currency}` },
          { title: 'reason', cell: ({ reasons }) => reasons.join('; ') },
        ],
        'Nothing is in quarantine.',
      ),
    settled: (results: SettledAnswer['results']) =>
      table(
        results,
        [
          { title: 'exchange', cell: ({ id }) => id },
          { title: 'outcome', cell: ({ outcome, why }) => (why === undefined ? outcome : `${outcome}: ${why}`) },
          {
            title: 'charged',
            right: true,
            cell: ({ charged }) => (charged === undefined ? '' : `${charged.amount} ${charged.currency}`),
          },
        ],
        'Nothing is in quarantine.',
      ),
  };
}

function difference(before: string, after: string): string {
  return formatAtto(parseAtto(after) - parseAtto(before));
}
