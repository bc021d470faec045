import { type Command, Option } from 'commander';
import type { Page } from './answers.ts';
import { CommandFailure, exitCodes } from './outcome.ts';
import type { Server } from './server.ts';
import type { Surroundings } from './surroundings.ts';
import { type Column, formatTable, printable } from './table.ts';

interface WalletAnswer {
  readonly organisation: string;
  readonly currency: string;
  readonly balance: string;
  readonly held: string;
  readonly line: string;
  readonly owed: string;
  readonly available: string;
  readonly expiringNext: { readonly id: string; readonly expiresAt: string; readonly remaining: string } | null;
  readonly used?: readonly { readonly day: string; readonly amount: string; readonly payments: number }[];
}

interface GrantAnswer {
  readonly organisation: string;
  readonly id: string;
  readonly kind: string;
  readonly currency: string;
  readonly amount: string;
  readonly remaining: string;
  readonly held: string;
  readonly priority: number;
  readonly effectiveAt: string;
  readonly expiresAt: string | null;
  readonly scope: Readonly<Record<string, readonly string[]>> | null;
  readonly state: string;
}

interface StatementAnswer {
  readonly organisation: string;
  readonly currency: string;
  readonly from: string;
  readonly to: string;
  readonly opening: string;
  readonly closing: string;
  readonly totals: Readonly<Record<string, string>>;
  readonly rounded: Readonly<Record<string, string>>;
  readonly owed: { readonly opening: string; readonly closing: string };
  readonly movements: readonly MovementAnswer[];
  readonly next?: string;
}

interface MovementAnswer {
  readonly day: string;
  readonly grant: string | null;
  readonly kind: string;
  readonly amount: string;
  readonly count: number;
}

const pageSize = 500;
/** Pages that a command reads at most; then it says that there is more. */
const pagesMax = 200;
/** Grants of a file that go into one call. */
const grantsAtOnce = 500;

/** `carrier wallets …`. `leaf` makes a command with --json. */
export function addWallets(
  program: Command,
  leaf: (parent: Command, words: string, description: string) => Command,
  surroundings: Surroundings,
  server: () => Server,
): void {
  const { out, err } = surroundings;
  const print = (options: { json: boolean }, answer: unknown, text: () => string) =>
    out.write(options.json ? `${JSON.stringify(answer, null, 2)}\n` : text());
  const table = <Row>(rows: readonly Row[], columns: readonly Column<Row>[], empty: string) =>
    formatTable(rows, columns, { isTerminal: out.isTerminal, empty });
  const wallets = program.command('wallets').description('Prepaid value of organisations').exitOverride();
  const pathOf = (organisation: string, rest = '') => `/api/v1/wallets/${encodeURIComponent(organisation)}${rest}`;

  leaf(wallets, 'list', 'Every wallet: balance, held, available').action(async options => {
    const items = await readPages<WalletAnswer>('/api/v1/wallets', {});
    print(options, { items }, () => table(items, walletColumns, 'No wallet yet; `carrier wallets grant` makes one.'));
  });

  leaf(wallets, 'show <organisation>', 'What an organisation has, grant by grant, and what it used by day')
    .option('--all', 'also grants that are over', false)
    .action(async (organisation: string, options) => {
      const view = (await server().get(pathOf(organisation))) as {
        readonly terms: string;
        readonly wallets: readonly WalletAnswer[];
      };
      const grants = await readPages<GrantAnswer>(pathOf(organisation, '/grants'), { all: String(options.all) });
      print(options, { ...view, grants }, () => showWallet(organisation, view, grants));
    });

  leaf(wallets, 'grant [organisation]', 'Grant to an organisation, or what a file says; the same id grants once')
    .option('--id <id>', 'yours: ordering it again grants nothing more')
    .option('--amount <decimal>', 'such as 25.00')
    .addOption(new Option('--kind <kind>', 'who pays for it').choices(['paid', 'promotional', 'included']))
    .option('--currency <code>', 'that of the sell book unless said')
    .option('--priority <number>', 'lower is used first; 0 unless said')
    .option('--effective-at <instant>', 'first instant at which it pays; now unless said')
    .option('--expires-at <instant>', 'first instant at which it pays no more; never unless said')
    .option('--models <patterns>', 'pays only for these, such as openai/*, with a comma between')
    .option('--providers <patterns>', 'pays only for these provider accounts')
    .option('--meters <patterns>', 'pays only for these meters; requests are not admitted on it')
    .option('--source <text>', 'where it came from: an order, a contract')
    .option('-f, --file <path>', 'a JSON document a line, each a grant with its organisation; - reads standard input')
    .action(async (organisation: string | undefined, options) => {
      if ((organisation === undefined) === (options.file === undefined)) {
        throw usage('Name an organisation, or a file with --file.');
      }
      if (options.file !== undefined) {
        const items = await grantFile(surroundings.readText(options.file));
        const made = items.filter(({ outcome }) => outcome === 'granted').length;
        print(options, { items }, () => `${made} granted, ${items.length - made} were there already.\n`);
        return;
      }
      const answer = (await server().post(pathOf(organisation!, '/grants'), grantBody(options))) as {
        readonly outcome: string;
        readonly grant: GrantAnswer;
      };
      const { grant, outcome } = answer;
      const what = `${grant.amount} ${grant.currency} to ${grant.organisation} as ${grant.id}`;
      print(options, answer, () => (outcome === 'granted' ? `Granted ${what}.\n` : `There already: ${what}.\n`));
    });

  for (const [word, description, done] of [
    ['void', 'Take back a grant of which nothing was used', 'Voided'],
    ['refund', 'Give back what is left of a paid grant, and end it', 'Refunded'],
  ] as const) {
    leaf(wallets, `${word} <organisation> <id>`, description).action(
      async (organisation: string, id: string, options) => {
        const path = `/api/v1/grants/${encodeURIComponent(organisation)}/${encodeURIComponent(id)}/${word}`;
        const answer = (await server().post(path, {})) as { readonly outcome: string; readonly amount: string };
        const again = answer.outcome === 'exists' ? ' before' : '';
        print(options, answer, () => `${done}${again}: ${answer.amount} of ${id}.\n`);
      },
    );
  }

  leaf(wallets, 'statement <organisation>', 'Opening, movements and closing of a time, by when they were booked')
    .requiredOption('--from <instant>', 'first hour, such as 2026-09-01')
    .requiredOption('--to <instant>', 'first hour after, such as 2026-10-01')
    .option('--currency <code>', 'that of the sell book unless said')
    .option('--csv', 'movements as CSV, all digits', false)
    .action(async (organisation: string, options) => {
      if (options.csv && options.json) throw usage('--json and --csv do not go together.');
      const { from, to, currency } = options;
      const statement = await readStatement(pathOf(organisation, '/statement'), { from, to, currency });
      if (options.csv) out.write(statementCsv(statement));
      else print(options, statement, () => showStatement(statement));
    });

  async function readPages<Item>(path: string, query: Readonly<Record<string, string>>): Promise<Item[]> {
    const items: Item[] = [];
    let after: string | undefined;
    for (let page = 0; page < pagesMax; page += 1) {
      const answer = (await server().get(path, { ...query, limit: String(pageSize), after })) as Page<Item>;
      items.push(...answer.items);
      after = answer.next;
      if (after === undefined) return items;
    }
    err.write(`Shown are the first ${items.length}; there are more.\n`);
    return items;
  }

  async function readStatement(
    path: string,
    query: Readonly<Record<string, string | undefined>>,
  ): Promise<StatementAnswer> {
    const ask = async (after?: string) =>
      (await server().get(path, { ...query, limit: String(pageSize), after })) as StatementAnswer;
    const { next, ...first } = await ask();
    const movements = [...first.movements];
    let after = next;
    for (let page = 1; after !== undefined && page < pagesMax; page += 1) {
      const answer = await ask(after);
      movements.push(...answer.movements);
      after = answer.next;
    }
    if (after !== undefined) err.write(`Shown are the first ${movements.length} movements; there are more.\n`);
    return { ...first, movements };
  }

  /** Everything is read before anything is granted; what was granted before a failure exists when the file is sent again. */
  async function grantFile(text: string): Promise<{ readonly outcome: string }[]> {
    const grants = text.split('\n').flatMap((line, index) => {
      if (line.trim() === '') return [];
      try {
        return [JSON.parse(line) as unknown];
      } catch {
        throw usage(`Line ${index + 1} of the file is no JSON.`);
      }
    });
    const items: { readonly outcome: string }[] = [];
    for (let start = 0; start < grants.length; start += grantsAtOnce) {
      const part = grants.slice(start, start + grantsAtOnce);
      const answer = (await server().post('/api/v1/grants', { grants: part })) as Page<{ readonly outcome: string }>;
      items.push(...answer.items);
      if (err.isTerminal) err.write(`\r\x1b[2K${items.length} of ${grants.length}`);
    }
    if (err.isTerminal) err.write('\r\x1b[2K');
    return items;
  }

  function showWallet(
    organisation: string,
    view: { readonly terms: string; readonly wallets: readonly WalletAnswer[] },
    grants: readonly GrantAnswer[],
  ): string {
    const head = `${printable(organisation)} is ${view.terms}.\n`;
    const used = view.wallets.flatMap(({ currency, used: days = [] }) => days.map(day => ({ ...day, currency })));
    return [
      head,
      table(view.wallets, walletColumns.slice(1), 'No wallet yet.'),
      table(grants, grantColumns, 'No grant.'),
      ...(used.length === 0 ? [] : [table(used, usedColumns, '')]),
    ].join('\n');
  }

  function showStatement(statement: StatementAnswer): string {
    const { organisation, currency, from, to, rounded, owed, movements } = statement;
    const totals = Object.entries(statement.totals).filter(([, amount]) => amount !== '0');
    const lines = [
      { name: 'opening', exact: statement.opening, shown: rounded['opening'] ?? '' },
      ...totals.map(([kind, exact]) => ({ name: kind, exact, shown: rounded[kind] ?? '' })),
      { name: 'closing', exact: statement.closing, shown: rounded['closing'] ?? '' },
    ];
    const owing =
      owed.opening === '0' && owed.closing === '0' ? '' : `Owed: ${owed.opening} before, ${owed.closing} after.\n`;
    return [
      `${printable(organisation)}, ${currency}, ${from} to ${to}\n`,
      table(
        lines,
        [
          { title: '', cell: ({ name }) => name },
          { title: currency, right: true, cell: ({ shown }) => shown },
          { title: 'exactly', right: true, cell: ({ exact }) => exact },
        ],
        '',
      ),
      owing,
      table(movements, movementColumns, 'Nothing moved.'),
    ]
      .filter(text => text !== '')
      .join('\n');
  }
}

const walletColumns: readonly Column<WalletAnswer>[] = [
  { title: 'organisation', cell: ({ organisation }) => organisation },
  { title: 'currency', cell: ({ currency }) => currency },
  { title: 'balance', right: true, cell: ({ balance }) => balance },
  { title: 'held', right: true, cell: ({ held }) => held },
  { title: 'line', right: true, cell: ({ line }) => line },
  { title: 'owed', right: true, cell: ({ owed }) => owed },
  { title: 'available', right: true, cell: ({ available }) => available },
  {
    title: 'expires next',
    cell: ({ expiringNext }) =>
      expiringNext === null ? '' : `${expiringNext.remaining} of ${expiringNext.id}, ${expiringNext.expiresAt}`,
  },
];

const grantColumns: readonly Column<GrantAnswer>[] = [
  { title: 'grant', cell: ({ id }) => id },
  { title: 'kind', cell: ({ kind }) => kind },
  { title: 'state', cell: ({ state }) => state },
  { title: 'remaining', right: true, cell: ({ remaining, currency }) => `${remaining} ${currency}` },
  { title: 'of', right: true, cell: ({ amount }) => amount },
  { title: 'held', right: true, cell: ({ held }) => held },
  { title: 'priority', right: true, cell: ({ priority }) => String(priority) },
  { title: 'from', cell: ({ effectiveAt }) => effectiveAt },
  { title: 'until', cell: ({ expiresAt }) => expiresAt ?? '' },
  {
    title: 'for',
    cell: ({ scope }) =>
      scope === null
        ? 'anything'
        : Object.entries(scope)
            .map(([what, list]) => `${what} ${list.join(', ')}`)
            .join('; '),
  },
];

const usedColumns: readonly Column<{ day: string; amount: string; payments: number; currency: string }>[] = [
  { title: 'day', cell: ({ day }) => day },
  { title: 'used', right: true, cell: ({ amount, currency }) => `${amount} ${currency}` },
  { title: 'payments', right: true, cell: ({ payments }) => String(payments) },
];

const movementColumns: readonly Column<MovementAnswer>[] = [
  { title: 'day', cell: ({ day }) => day },
  { title: 'grant', cell: ({ grant }) => grant ?? '(line)' },
  { title: 'what', cell: ({ kind }) => kind },
  { title: 'amount', right: true, cell: ({ amount }) => amount },
  { title: 'count', right: true, cell: ({ count }) => String(count) },
];

/** RFC 4180. No field can be read as a formula: days, ids and kinds begin with a letter or digit, amounts are numbers. */
function statementCsv({ currency, opening, closing, movements }: StatementAnswer): string {
  const rows = [
    ['day', 'grant', 'kind', `amount (${currency})`, 'count'],
    ['', '', 'opening', opening, ''],
    ...movements.map(({ day, grant, kind, amount, count }) => [day, grant ?? '', kind, amount, String(count)]),
    ['', '', 'closing', closing, ''],
  ];
  return rows.map(row => `${row.join(',')}\r\n`).join('');
}

function grantBody(options: Readonly<Record<string, string | undefined>>): Record<string, unknown> {
  const { id, amount, kind, currency, priority, effectiveAt, expiresAt, source } = options;
  if (id === undefined || amount === undefined) throw usage('--id and --amount are needed.');
  if (priority !== undefined && !/^-?\d{1,7}$/.test(priority)) throw usage('--priority must be a whole number.');
  const scope = Object.fromEntries(
    ['models', 'providers', 'meters'].flatMap(name => {
      const list = options[name];
      return list === undefined ? [] : [[name, list.split(',')] as const];
    }),
  );
  return {
    id,
    amount,
    kind,
    currency,
    priority: priority === undefined ? undefined : Number(priority),
    effectiveAt,
    expiresAt,
    scope: Object.keys(scope).length === 0 ? undefined : scope,
    source,
  };
}

function usage(message: string): CommandFailure {
  return new CommandFailure(exitCodes.usage, 'usage', message);
}
