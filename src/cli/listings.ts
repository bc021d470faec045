import type {
  AlertAnswer,
  BudgetAnswer,
  ExchangeSummaryAnswer,
  JobAnswer,
  KeyAnswer,
  ModelAnswer,
  Page,
  UsageAnswer,
  UsageRowAnswer,
} from './answers.ts';
import { formatMoney } from './show-exchange.ts';
import type { Column } from './table.ts';

/** What listing commands print: the columns of each, in the order people look for them. */
export type TableOf = <Row>(rows: readonly Row[], columns: readonly Column<Row>[], empty: string) => string;

export function showUsage(answer: UsageAnswer, table: TableOf): string {
  const input = (row: UsageRowAnswer) =>
    row.inputUncached + row.cacheRead + row.cacheWrite5m + row.cacheWrite1h + row.inputAudio + row.inputImage;
  const output = (row: UsageRowAnswer) => row.output + row.reasoning + row.outputAudio;
  return table(
    answer.rows,
    [
      {
        title: answer.by,
        cell: row =>
          row.by === ''
            ? answer.by.startsWith('tag:')
              ? '(without)'
              : '(never sent)'
            : row.name === undefined
              ? row.by
              : `${row.by} ${row.name}`,
      },
      { title: 'requests', right: true, cell: row => String(row.requests) },
      { title: 'input', right: true, cell: row => String(input(row)) },
      { title: 'of it cached', right: true, cell: row => String(row.cacheRead) },
      { title: 'output', right: true, cell: row => String(output(row)) },
      { title: 'charged', right: true, cell: row => formatMoney(row.sell) },
      { title: 'cost', right: true, cell: row => formatMoney(row.buy) },
    ],
    `No usage from ${answer.from} to ${answer.to}.`,
  );
}

export function showBudgets(items: readonly BudgetAnswer[], table: TableOf): string {
  return table(
    items,
    [
      { title: 'of', cell: budget => `${budget.scope} ${budget.subject}` },
      { title: 'for', cell: ({ model, provider, route }) => [model, provider, route].filter(Boolean).join(', ') },
      { title: 'period', cell: budget => budget.period },
      { title: 'hard', cell: ({ hard, shadow }) => (shadow ? 'shadow' : hard ? 'yes' : 'no') },
      { title: 'limit', right: true, cell: budget => `${budget.limit} ${budget.currency}` },
      { title: 'window', cell: budget => budget.windows.at(-1)?.window ?? '' },
      { title: 'spent', right: true, cell: budget => budget.windows.at(-1)?.spent ?? '' },
      { title: 'set aside', right: true, cell: budget => budget.windows.at(-1)?.leased ?? '' },
      {
        title: 'would have refused',
        right: true,
        cell: budget => String(budget.windows.at(-1)?.wouldHaveRefused ?? ''),
      },
    ],
    'No budgets.',
  );
}

export function showAlerts(items: readonly AlertAnswer[], table: TableOf): string {
  return table(
    items,
    [
      { title: 'at', cell: alert => alert.at },
      { title: 'code', cell: alert => alert.code },
      { title: 'exchange', cell: alert => alert.exchangeId ?? '' },
      { title: 'message', cell: alert => alert.message },
    ],
    'No alerts.',
  );
}

export function showJobs(items: readonly JobAnswer[], table: TableOf): string {
  return table(
    items,
    [
      { title: 'job', cell: job => job.name },
      { title: 'runs', cell: job => job.schedule },
      { title: 'state', cell: job => stateOf(job) },
      { title: 'last done', cell: job => job.doneAt ?? 'never' },
      { title: 'due', cell: job => job.dueAt ?? 'now' },
      { title: 'result', cell: job => (job.outcome === 'failed' ? (job.error ?? '') : resultOf(job)) },
    ],
    'No jobs.',
  );
}

function stateOf({ state, attempts, progress }: JobAnswer): string {
  if (state === 'retrying') return `retrying after ${attempts}`;
  if (state !== 'running' || progress === null) return state;
  const share = progress.total === undefined ? String(progress.done) : `${progress.done} of ${progress.total}`;
  return `running, ${share}${progress.note === undefined ? '' : ` ${progress.note}`}`;
}

function resultOf({ result }: JobAnswer): string {
  return Object.entries(result ?? {})
    .map(([name, value]) => `${name} ${value}`)
    .join(', ');
}

export function showExchanges(page: Page<ExchangeSummaryAnswer>, table: TableOf): string {
  return table(
    page.items,
    [
      { title: 'exchange', cell: exchange => exchange.id },
      { title: 'at', cell: exchange => exchange.at },
      { title: 'project', cell: exchange => `${exchange.principal.organisation}/${exchange.principal.project}` },
      { title: 'key', cell: exchange => exchange.principal.key },
      { title: 'requested', cell: exchange => exchange.requestedModel },
      { title: 'outcome', cell: exchange => exchange.outcome },
      { title: 'status', cell: exchange => exchange.status },
      { title: 'charged', right: true, cell: exchange => formatMoney(exchange.sell) },
    ],
    'No exchanges yet.',
  );
}

export function showKeys(items: readonly KeyAnswer[], table: TableOf): string {
  return table(
    items,
    [
      { title: 'id', cell: key => key.id },
      { title: 'project', cell: key => key.project },
      { title: 'name', cell: key => key.name },
      { title: 'expires', cell: key => key.expiresAt ?? 'never' },
      { title: 'state', cell: key => key.state },
      { title: 'signs', cell: key => (key.sigv4 === true ? 'sigv4' : '') },
    ],
    'No keys. Create one with `carrier keys create --project organisation/project --name name`.',
  );
}

export function showModels(items: readonly ModelAnswer[], table: TableOf): string {
  return table(
    items,
    [
      { title: 'model', cell: model => model.id },
      { title: 'priced', cell: model => (model.priced ? 'yes' : 'no') },
      { title: 'deployments', cell: model => model.deployments.join(', ') },
    ],
    'No models. Set a provider key in the environment, or apply a file with deployments.',
  );
}
