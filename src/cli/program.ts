import { readFileSync } from 'node:fs';
import { Command, CommanderError, type CommandOptions, Option } from 'commander';
import { Fault } from '../completion/fault.ts';
import { settingTable } from '../config/setting-table.ts';
import type {
  AlertAnswer,
  ApplyAnswer,
  BudgetAnswer,
  ExchangeAnswer,
  ExchangeSummaryAnswer,
  JobAnswer,
  LimitAnswer,
  ModelAnswer,
  Page,
  UsageAnswer,
} from './answers.ts';
import { addAudit } from './audit-command.ts';
import { backUp, restoreFrom } from './database-copy.ts';
import { formatFindings } from './doctor/finding.ts';
import { thisMachine } from './doctor/machine.ts';
import { diagnose } from './doctor.ts';
import { addDrill } from './drill-command.ts';
import { addHealth } from './health-command.ts';
import { addKeys } from './key-commands.ts';
import { addLedger } from './ledger-command.ts';
import { showAlerts, showBudgets, showExchanges, showJobs, showModels, showUsage } from './listings.ts';
import { addLogin } from './login-commands.ts';
import { addMembers } from './member-commands.ts';
import { CommandFailure, exitCodes } from './outcome.ts';
import { addPriceCommands } from './price-commands.ts';
import { addReplay } from './replay-command.ts';
import { addReports, tellCoverage } from './report-command.ts';
import { addRoutes } from './route-commands.ts';
import { addSecrets } from './secret-commands.ts';
import { connectServer } from './server.ts';
import { countChanges, formatChanges } from './show-changes.ts';
import { formatExchange } from './show-exchange.ts';
import { showLimits } from './show-limits.ts';
import type { Surroundings } from './surroundings.ts';
import { type Column, formatTable } from './table.ts';
import { addUsageEvents } from './usage-event-commands.ts';
import { addWallets } from './wallet-command.ts';
import { addWebhooks } from './webhook-commands.ts';

const usageDimensions = ['key', 'project', 'organisation', 'route', 'model', 'provider', 'deployment', 'class', 'day'];
/** Pages that a listing command reads at most; then it says that there is more. */
const pagesMax = 200;
const pageSize = 500;

/** Every command. Help, docs/reference/cli.md and completion of words all come from this tree. */
export function createProgram(surroundings: Surroundings): Command {
  const { out, err } = surroundings;
  const server = connectLazily(surroundings);
  const program = new Command('carrier')
    .description('Every model, carried on equal terms: a self-hosted gateway, meter and ledger for AI models.')
    .version(readRelease(), '--version', 'print the release')
    .addHelpText('after', '\n`carrier <command> --help` says more; --json prints one JSON document.')
    .showSuggestionAfterError()
    .configureOutput({ writeOut: text => out.write(text), writeErr: text => err.write(text) })
    .exitOverride();

  /** `--json` on everything that prints: one document on standard output. */
  const leaf = (parent: Command, words: string, description: string, options?: CommandOptions) =>
    parent
      .command(words, options)
      .description(description)
      .addOption(new Option('--json', 'print one JSON document').default(false))
      .allowExcessArguments(false)
      .exitOverride();
  const print = <Answer>(options: { json: boolean }, answer: Answer, text: (answer: Answer) => string) =>
    out.write(options.json ? `${JSON.stringify(answer, null, 2)}\n` : text(answer));
  const table = <Row>(rows: readonly Row[], columns: readonly Column<Row>[], empty: string) =>
    formatTable(rows, columns, { isTerminal: out.isTerminal, empty });

  const parts = { surroundings, server, leaf, print, table, readPages };

  program.commandsGroup('Serve:');
  addServe(program);

  leaf(program, 'doctor', 'Look at everything that a start needs, with the server down or up').action(async options => {
    const { environment, send } = surroundings;
    const findings = await diagnose({ environment, send, machine: thisMachine() });
    print(options, { findings }, () => formatFindings(findings, out.isTerminal));
    const failed = findings.filter(finding => finding.outcome === 'fail').length;
    if (failed === 0) return;
    throw new CommandFailure(exitCodes.failedCheck, 'check_failed', `${failed} of ${findings.length} checks failed.`);
  });

  leaf(
    program,
    'backup <path>',
    'Write the whole database to a new file, as it is at one instant; the server may run',
  ).action(async (path: string, options) => {
    const result = await backUp(surroundings, path);
    const text = `Wrote ${result.rows} rows, ${result.bytes} bytes, to ${path}. Keep the master key with it: without it the secrets in it are lost.\n`;
    print(options, result, () => text);
  });
  leaf(program, 'restore <path>', 'Fill an empty database from a backup; stop every server before')
    .option('--force', 'empty the database first', false)
    .action(async (path: string, options) => {
      const result = await restoreFrom(surroundings, path, options.force);
      print(
        options,
        result,
        () => `Restored ${result.rows} rows. Start the server with the master key of the backup.\n`,
      );
    });
  leaf(program, 'emulate', 'Run emulated providers on loopback: OpenAI, Anthropic, Gemini, Bedrock and Cohere')
    .option('--port <number>', 'where to listen', '9100')
    .action(async options => {
      const port = Number(options.port);
      if (!/^\d{1,5}$/.test(options.port) || port > 65_535)
        throw usage('--port must be a whole number from 0 to 65535');
      const { runEmulatorProcess } = await import('../emulator/run-process.ts');
      await runEmulatorProcess({ port }, ({ url }) =>
        print(options, { url }, () => `Emulated providers answer at ${url}\n`),
      );
    });
  addDrill(program, leaf, surroundings);

  program.commandsGroup('Configure:');
  leaf(program, 'apply', 'Apply a declarative file: idempotent; what it does not name stays')
    .requiredOption('-f, --file <path>', 'the file; - reads standard input')
    .option('--dry-run', 'print what would change, change nothing', false)
    .option('--prune', 'remove what the file does not name', false)
    .option('--expected-revision <number>', 'refuse when the configuration is at another revision')
    .action(async options => {
      const { dryRun, prune, expectedRevision } = options;
      const file = surroundings.readText(options.file);
      const answer = (await server().post('/api/v1/apply', { file, dryRun, prune, expectedRevision })) as ApplyAnswer;
      print(options, answer, showApply);
    });

  leaf(program, 'export', 'Write the stored configuration as a declarative file')
    .option('-o, --output <path>', 'write to a file instead of standard output')
    .action(async options => {
      const text = await server().getText('/api/v1/export');
      if (options.output !== undefined) surroundings.writeText(options.output, text);
      else if (options.json) print(options, { file: text }, () => '');
      else out.write(text);
    });
  addKeys(program, parts);
  leaf(program, 'models', 'List models with the deployments that serve them').action(async options => {
    const items = await readPages<ModelAnswer>('/api/v1/models');
    print(options, { items }, () => showModels(items, table));
  });
  addPriceCommands(program, parts);
  addWebhooks(program, parts);
  addSecrets(program, parts);

  program.commandsGroup('See what happens:');
  leaf(program, 'usage', 'Requests, tokens and amounts, added up')
    .option('--by <dimension>', `what to add up by: ${usageDimensions.join(', ')}, or a tag such as tag:team`, 'model')
    .option('--from <instant>', 'first instant, such as 2026-09-01; 30 days before --to unless said')
    .option('--to <instant>', 'first instant after; now unless said')
    .option('--project <organisation/project>', 'of one project')
    .action(async options => {
      const { by, from, to, project } = options;
      if (!usageDimensions.includes(by) && !/^tag:./.test(by)) {
        throw usage(`--by is one of ${usageDimensions.join(', ')}, or tag:<name>`);
      }
      const answer = (await server().get('/api/v1/usage', { by, from, to, project })) as UsageAnswer;
      tellCoverage(err, answer);
      print(options, answer, () => showUsage(answer, table));
    });
  const exchanges = program.command('exchanges').description('What was asked and answered').exitOverride();
  leaf(exchanges, 'show <id>', 'One exchange: attempts, reading, charge').action(async (id: string, options) => {
    const answer = (await server().get(`/api/v1/exchanges/${encodeURIComponent(id)}`)) as ExchangeAnswer;
    print(options, answer, exchange => formatExchange(exchange, out.isTerminal));
  });
  leaf(exchanges, 'list', 'The newest exchanges')
    .option('--limit <number>', 'how many', '20')
    .option('--project <organisation/project>', 'of one project')
    .option('--key <id>', 'of one key')
    .addOption(new Option('--status <status>').choices(['settled', 'estimated', 'void', 'quarantined']))
    .action(async options => {
      const { limit, project, key, status } = options;
      const page = (await server().get('/api/v1/exchanges', {
        limit,
        project,
        key,
        status,
      })) as Page<ExchangeSummaryAnswer>;
      print(options, page, () => showExchanges(page, table));
    });
  addRoutes(program, leaf, surroundings, server);
  addReplay(program, leaf, surroundings, server);
  addHealth(program, leaf, surroundings, server);
  leaf(program, 'alerts', 'What an operator should look at, newest first')
    .option('--limit <number>', 'how many', '20')
    .action(async options => {
      const answer = (await server().get('/api/v1/alerts', { limit: options.limit })) as Page<AlertAnswer>;
      print(options, answer, () => showAlerts(answer.items, table));
    });
  const jobs = program.command('jobs').description('What the installation does by itself').exitOverride();
  leaf(jobs, 'list', 'Jobs: when they run, what they are at, how the last run ended', {
    isDefault: true,
  }).action(async options => {
    const answer = (await server().get('/api/v1/jobs')) as Page<JobAnswer>;
    print(options, answer, () => showJobs(answer.items, table));
  });
  leaf(jobs, 'run <name>', 'Make a job due now; some replica begins it within seconds').action(
    async (name: string, options) => {
      const job = (await server().post(`/api/v1/jobs/${encodeURIComponent(name)}/run`, {})) as JobAnswer;
      print(options, job, () => `Job ${job.name} is ${job.state}; \`carrier jobs list\` shows how it ends.\n`);
    },
  );

  program.commandsGroup('Money and limits:');
  leaf(program, 'budgets', 'Budgets, and what hard ones have spent in their newest window').action(async options => {
    const items = await readPages<BudgetAnswer>('/api/v1/budgets');
    print(options, { items }, () => showBudgets(items, table));
  });

  leaf(program, 'limits', 'Limits, what their newest window has used, and what the newest ones refused').action(
    async options => {
      const items = await readPages<LimitAnswer>('/api/v1/limits');
      print(options, { items }, () => showLimits(items, table));
    },
  );
  addReports(program, leaf, surroundings, server);
  addUsageEvents(program, leaf, surroundings, server);
  addLedger(program, leaf, surroundings, server);
  addWallets(program, leaf, surroundings, server);

  program.commandsGroup('People and programs:');
  addAudit(program, parts);
  addLogin(program, parts);
  addMembers(program, parts);

  return program;

  async function readPages<Item>(
    path: string,
    query: Readonly<Record<string, string | undefined>> = {},
  ): Promise<Item[]> {
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

  function showApply(answer: ApplyAnswer): string {
    const notices = answer.notices.map(notice => `Note: ${notice}.\n`).join('');
    if (answer.changes.length === 0)
      return `${notices}No change; the configuration is at revision ${answer.revision}.\n`;
    const words = answer.applied
      ? { create: 'created', update: 'changed', delete: 'deleted' }
      : { create: 'to create', update: 'to change', delete: 'to delete' };
    const total = countChanges(answer.changes, words);
    const end = answer.applied
      ? `${total}; revision ${answer.revision}.`
      : `${total}. Nothing was changed: this is a dry run.`;
    return `${formatChanges(answer.changes, out.isTerminal)}${notices}${end}\n`;
  }
}

/** Runs words and gives the exit code; everything that goes wrong is said on standard error. */
export async function runProgram(words: readonly string[], surroundings: Surroundings): Promise<number> {
  const program = createProgram(surroundings);
  try {
    if (words.length === 0) {
      program.outputHelp();
      return exitCodes.done;
    }
    await program.parseAsync([...words], { from: 'user' });
    return exitCodes.done;
  } catch (error) {
    if (error instanceof CommanderError) {
      // Help and version are no failures; everything else that commander throws is wrong usage, and it has said so.
      return error.exitCode === 0 ? exitCodes.done : exitCodes.usage;
    }
    const failure = toFailure(error);
    if (words.includes('--json')) {
      // What a check found is the one document there is.
      if (failure.exitCode === exitCodes.failedCheck) return failure.exitCode;
      const problem = failure.problem ?? { code: failure.code, detail: failure.message };
      surroundings.out.write(`${JSON.stringify(problem, null, 2)}\n`);
    } else surroundings.err.write(`carrier: ${failure.message}\n`);
    return failure.exitCode;
  }
}

function toFailure(error: unknown): CommandFailure {
  if (error instanceof CommandFailure) return error;
  if (error instanceof Fault) return new CommandFailure(exitCodes.refused, error.code, error.message, { cause: error });
  throw error;
}

function readRelease(): string {
  // Two levels up in a checkout and in the installed package alike.
  const manifest: { version: string } = JSON.parse(
    readFileSync(new URL('../../package.json', import.meta.url), 'utf8'),
  );
  return manifest.version;
}

function addServe(program: Command): void {
  const commands = {
    serve: 'Serve: a supervisor, workers and, unless DATABASE_URL is set, a database',
    start: 'Serve, and tell whoever typed it where, and how to try it',
  };
  for (const [word, description] of Object.entries(commands)) {
    const serve = program
      .command(word)
      .description(description)
      .option('--config <path>', 'declarative file, applied at start; its process: part holds settings')
      .exitOverride();
    for (const row of Object.values(settingTable)) {
      if (row.flag !== null) serve.option(`${row.flag} <value>`, row.consequence);
    }
    serve.action(() => {
      throw usage(`\`${word}\` must be the first word`);
    });
  }
}

function connectLazily(surroundings: Surroundings) {
  let server: ReturnType<typeof connectServer> | undefined;
  return () => {
    server ??= connectServer(surroundings);
    return server;
  };
}

function usage(message: string): CommandFailure {
  return new CommandFailure(exitCodes.usage, 'usage', message);
}
