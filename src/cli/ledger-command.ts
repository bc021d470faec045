import type { Command } from 'commander';
import { formatAtto, parseAtto } from '../pricing/money.ts';
import type { Page } from './answers.ts';
import { type LedgerViews, ledgerViews } from './ledger-listings.ts';
import { CommandFailure, exitCodes } from './outcome.ts';
import type { Server } from './server.ts';
import { stepwise } from './stepwise.ts';
import type { Surroundings } from './surroundings.ts';

export interface BalanceAnswer {
  readonly account: string;
  readonly currency: string;
  readonly kind: string;
  readonly balance: string;
  readonly available: string;
  readonly debit: string;
  readonly credit: string;
  readonly transfers: number;
}

export interface TransferAnswer {
  readonly id: string;
  readonly at: string;
  readonly kind: string;
  readonly debit: string;
  readonly credit: string;
  readonly amount: string;
  readonly currency: string;
}

export interface TrialBalanceAnswer {
  readonly ledgers: readonly {
    readonly ledger: string;
    readonly debit: string;
    readonly credit: string;
    readonly classes: readonly {
      readonly class: string;
      readonly kind: string;
      readonly accounts: number;
      readonly debit: string;
      readonly credit: string;
      readonly balance: string;
    }[];
  }[];
}

export interface ViolationAnswer {
  readonly rule: string;
  readonly subject: string;
  readonly detail: string;
  readonly advice: string;
}

export interface RerateAnswer {
  readonly examined: number;
  readonly corrected: number;
  readonly quarantined: number;
  readonly unpriced: number;
  readonly changes: readonly RerateChangeAnswer[];
  readonly samples: readonly object[];
  readonly through: string | null;
  readonly next?: string;
}

export interface RerateChangeAnswer {
  readonly book: string;
  readonly model: string;
  readonly currency: string;
  readonly fromVersion: string;
  readonly toVersion: string;
  readonly charges: number;
  readonly before: string;
  readonly after: string;
}

export interface QuarantinedAnswer {
  readonly id: string;
  readonly at: string;
  readonly organisation: string;
  readonly project: string;
  readonly deployment: string;
  readonly reasons: readonly string[];
  readonly hold: { readonly amount: string; readonly currency: string };
}

export interface SettledAnswer {
  readonly results: readonly {
    readonly id: string;
    readonly outcome: string;
    readonly why?: string;
    readonly charged?: { readonly amount: string; readonly currency: string };
  }[];
}

/** Pages and steps that a command reads at most; then it says that there is more. */
const pagesMax = 200;
const pageSize = 500;
/** Exchanges of one request that settles quarantines. */
const idsAtOnce = 500;

/** `carrier ledger …`. `leaf` makes a command with --json. */
export function addLedger(
  program: Command,
  leaf: (parent: Command, words: string, description: string) => Command,
  surroundings: Surroundings,
  server: () => Server,
): void {
  const { out, err } = surroundings;
  const views = ledgerViews(out.isTerminal);
  const print = (json: boolean, answer: unknown, text: (views: LedgerViews) => string) =>
    out.write(json ? `${JSON.stringify(answer, null, 2)}\n` : text(views));
  const ledger = program.command('ledger').description('Accounts, transfers, checks, corrections').exitOverride();

  leaf(ledger, 'accounts', 'Balances of accounts')
    .option('--prefix <text>', 'accounts whose names begin so, such as wallet:acme:')
    .option('--currency <code>', 'of one ledger')
    .option('--from <day>', 'what was booked since this day, UTC; since ever unless said')
    .option('--to <day>', 'to the end of this day, UTC; until now unless said')
    .action(async ({ json, ...query }) => {
      const items = await pages<BalanceAnswer>('/api/v1/ledger/accounts', query);
      print(json, { items }, ({ accounts }) => accounts(items));
    });
  leaf(ledger, 'balance <account>', 'One account, in each currency it has')
    .option('--to <day>', 'at the end of this day, UTC; now unless said')
    .action(async (account: string, { json, to }) => {
      const items = await pages<BalanceAnswer>('/api/v1/ledger/accounts', { account, to });
      print(json, { items }, ({ balances }) => balances(account, items));
    });
  leaf(ledger, 'trial-balance', 'Every ledger by classes of accounts; both sides are equal')
    .option('--to <day>', 'at the end of this day, UTC; now unless said')
    .action(async ({ json, to }) => {
      const answer = (await server().get('/api/v1/ledger/trial-balance', { to })) as TrialBalanceAnswer;
      print(json, answer, ({ trialBalance }) => trialBalance(answer));
    });
  leaf(ledger, 'transfers', 'Transfers, newest first')
    .option('--account <name>', 'of one account, on either side')
    .option('--currency <code>', 'of one ledger')
    .option('--kind <kind>', 'of one kind, such as sell, cost, payment')
    .option('--reference <id>', 'about one exchange, grant or invoice')
    .option('--from <instant>', 'first instant; 31 days before --to unless said')
    .option('--to <instant>', 'first instant after; now unless said')
    .option('--limit <number>', 'how many', '50')
    .action(async ({ json, ...query }) => {
      const answer = (await server().get('/api/v1/ledger/transfers', query)) as Page<TransferAnswer>;
      print(json, answer, ({ transfers }) => transfers(answer.items));
      if (!json && answer.next !== undefined) err.write('There are more; narrow --from and --to, or raise --limit.\n');
    });

  leaf(ledger, 'check', 'Look for what must never be; exit code 1 when there is any')
    .option('--full', 'everything, not only the last day and what was written to since', false)
    .action(async ({ json, full }) => {
      const violations: ViolationAnswer[] = [];
      await stepwise(surroundings, async after => {
        const step = (await server().post('/api/v1/ledger/check', {
          scope: full ? 'full' : 'recent',
          after,
        })) as { violations: readonly ViolationAnswer[]; done: number; total: number; next?: string };
        violations.push(...step.violations);
        return { next: step.next, progress: `${step.done} of ${step.total} looks` };
      });
      print(json, { violations }, views => views.violations(violations));
      if (violations.length === 0) return;
      const message = `The ledger breaks ${violations.length === 1 ? 'a rule' : `rules ${violations.length} times`}.`;
      throw new CommandFailure(exitCodes.failedCheck, 'check_failed', message);
    });

  leaf(ledger, 'rerate', 'Rate exchanges again by published prices: reverse what comes out otherwise, and book it anew')
    .requiredOption('--from <instant>', 'first instant')
    .requiredOption('--to <instant>', 'first instant after')
    .option('--organisation <id>', 'of one organisation')
    .option('--project <organisation/project>', 'of one project')
    .option('--model <vendor/name>', 'with an attempt of one model')
    .option('--provider <name>', 'with an attempt at one provider')
    .option('--price-version <id>', 'by this price version, whenever it holds; else by those in force at each dispatch')
    .option('--reason <text>', 'kept with every correction', 'prices')
    .option('--run <name>', 'kept with every correction; one is made unless said')
    .option('--after <cursor>', 'go on where a run was broken off')
    .option('--dry-run', 'print what would change, change nothing', false)
    .action(async ({ json, after: begin, priceVersion: version, ...body }) => {
      const run = body.run ?? `rerate-${new Date().toISOString()}`;
      const total = emptyRerate();
      await stepwise(
        surroundings,
        async after => {
          const step = (await server().post('/api/v1/ledger/rerate', { ...body, version, run, after })) as RerateAnswer;
          addRerate(total, step);
          const progress = `${total.examined} looked at, ${total.corrected} ${body.dryRun ? 'to correct' : 'corrected'}`;
          return {
            next: step.next,
            progress: step.through === null ? progress : `${progress}, through ${step.through}`,
          };
        },
        { after: begin },
      );
      const answer = { run, dryRun: body.dryRun, ...total, changes: [...total.changes] };
      print(json, answer, ({ rerate }) => rerate(answer));
    });

  const quarantine = ledger
    .command('quarantine')
    .description('Exchanges that could not be rated; their holds are kept until somebody says what they were')
    .exitOverride();
  leaf(quarantine, 'list', 'Those that wait, oldest first')
    .option('--organisation <id>', 'of one organisation')
    .option('--model <vendor/name>', 'of one model')
    .option('--from <instant>', 'first instant')
    .option('--to <instant>', 'first instant after')
    .action(async ({ json, ...query }) => {
      const items = await pages<QuarantinedAnswer>('/api/v1/ledger/quarantine', query);
      print(json, { items }, ({ quarantined }) => quarantined(items));
    });
  leaf(quarantine, 'resolve [exchanges...]', 'Rate them by published prices, as they were read or as you say')
    .option('--all', 'everything that waits', false)
    .option('--because <text>', 'with --all: only those with this reason, or a part of it')
    .option('--price-version <id>', 'by this price version; else by those in force at each dispatch')
    .option('--slices <json>', 'what was used, such as {"inputUncached":120,"output":40}')
    .requiredOption('--reason <text>', 'kept with the correction')
    .action(async (exchanges: string[], { json, all, because, priceVersion: version, slices, reason }) => {
      const ids = await chosen(exchanges, all, because);
      const said = slices === undefined ? undefined : readJson(slices);
      await settle(json, ids, 'resolve', { reason, version, slices: said });
    });
  leaf(quarantine, 'void [exchanges...]', 'Charge nothing for them, and give their holds back')
    .option('--all', 'everything that waits', false)
    .option('--because <text>', 'with --all: only those with this reason, or a part of it')
    .requiredOption('--reason <text>', 'kept with the correction')
    .action(async (exchanges: string[], { json, all, because, reason }) => {
      await settle(json, await chosen(exchanges, all, because), 'void', { reason });
    });

  async function chosen(exchanges: readonly string[], all: boolean, because: string | undefined): Promise<string[]> {
    if (all === exchanges.length > 0) throw usage('Name exchanges, or say --all.');
    if (!all) return [...exchanges];
    const items = await pages<QuarantinedAnswer>('/api/v1/ledger/quarantine', {});
    return items
      .filter(({ reasons }) => because === undefined || reasons.some(reason => reason.includes(because)))
      .map(({ id }) => id);
  }

  async function settle(json: boolean, ids: readonly string[], word: 'resolve' | 'void', body: object): Promise<void> {
    const run = `quarantine-${new Date().toISOString()}`;
    const results: SettledAnswer['results'][number][] = [];
    for (let start = 0; start < ids.length; start += idsAtOnce) {
      const part = ids.slice(start, start + idsAtOnce);
      const answer = (await server().post(`/api/v1/ledger/quarantine/${word}`, {
        ...body,
        run,
        ids: part,
      })) as SettledAnswer;
      results.push(...answer.results);
    }
    print(json, { run, results }, ({ settled }) => settled(results));
    const left = results.filter(({ outcome }) => outcome !== 'resolved' && outcome !== 'voided').length;
    if (left === 0) return;
    throw new CommandFailure(exitCodes.failedCheck, 'check_failed', `${left} of ${results.length} were not settled.`);
  }

  async function pages<Item>(path: string, query: Readonly<Record<string, string | undefined>>): Promise<Item[]> {
    const items: Item[] = [];
    let after: string | undefined;
    for (let page = 0; page < pagesMax; page++) {
      const answer = (await server().get(path, { ...query, limit: String(pageSize), after })) as Page<Item>;
      items.push(...answer.items);
      after = answer.next;
      if (after === undefined) return items;
    }
    err.write(`Shown are the first ${items.length}; there are more.\n`);
    return items;
  }
}

function emptyRerate() {
  return {
    examined: 0,
    corrected: 0,
    quarantined: 0,
    unpriced: 0,
    changes: [] as RerateChangeAnswer[],
    samples: [] as object[],
  };
}

/** Changes of all steps stay apart by what they are; amounts are added by whoever shows them. */
function addRerate(total: ReturnType<typeof emptyRerate>, step: RerateAnswer): void {
  total.examined += step.examined;
  total.corrected += step.corrected;
  total.quarantined += step.quarantined;
  total.unpriced += step.unpriced;
  for (const change of step.changes) addChange(total.changes, change);
  total.samples.push(...step.samples.slice(0, 20 - total.samples.length));
}

function addChange(changes: RerateChangeAnswer[], added: RerateChangeAnswer): void {
  const at = changes.findIndex(
    ({ book, model, currency, fromVersion, toVersion }) =>
      book === added.book &&
      model === added.model &&
      currency === added.currency &&
      fromVersion === added.fromVersion &&
      toVersion === added.toVersion,
  );
  const before = changes[at];
  if (before === undefined) {
    changes.push(added);
    return;
  }
  changes[at] = {
    ...before,
    charges: before.charges + added.charges,
    before: formatAtto(parseAtto(before.before) + parseAtto(added.before)),
    after: formatAtto(parseAtto(before.after) + parseAtto(added.after)),
  };
}

function readJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw usage('--slices is not JSON, such as {"inputUncached":120,"output":40}.');
  }
}

function usage(message: string): CommandFailure {
  return new CommandFailure(exitCodes.usage, 'usage', message);
}
