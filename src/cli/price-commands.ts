import { type Command, type CommandOptions, Option } from 'commander';
import { CommandFailure, exitCodes } from './outcome.ts';
import type {
  FactAnswer,
  FactImportAnswer,
  FactReviewAnswer,
  PricesAnswer,
  PublicationAnswer,
  QuotesAnswer,
} from './price-answers.ts';
import { showFactReview, showFacts, showPrices, showPublication, showQuotes } from './price-listings.ts';
import type { Server } from './server.ts';
import type { Surroundings } from './surroundings.ts';
import type { Column } from './table.ts';

/** What the commands of one group need of the program. */
export interface CommandTools {
  readonly surroundings: Surroundings;
  readonly server: () => Server;
  readonly leaf: (parent: Command, words: string, description: string, options?: CommandOptions) => Command;
  readonly print: <Answer>(options: { json: boolean }, answer: Answer, text: (answer: Answer) => string) => void;
  readonly table: <Row>(rows: readonly Row[], columns: readonly Column<Row>[], empty: string) => string;
  readonly readPages: <Item>(path: string, query?: Readonly<Record<string, string | undefined>>) => Promise<Item[]>;
}

/** `carrier prices …` */
export function addPriceCommands(program: Command, tools: CommandTools): void {
  const { surroundings, server, leaf, print, table } = tools;
  const prices = program.command('prices').description('What customers pay and providers are owed').exitOverride();

  // `carrier prices` alone, as before there was more to say.
  leaf(prices, 'show', 'The price versions in force, and what is scheduled; `carrier prices` alone says the same', {
    isDefault: true,
  }).action(async options => {
    const answer = (await server().get('/api/v1/prices')) as PricesAnswer;
    print(options, answer, () => showPrices(answer, table));
  });

  for (const [word, description] of [
    ['diff', 'What publishing a file of prices would change: old, new, per cent, and the factor that was folded in'],
    [
      'publish',
      'Publish a file of prices: at once, or from the instants that it names; what is published stays as it is',
    ],
  ] as const) {
    leaf(prices, word, description)
      .requiredOption('-f, --file <path>', 'a file with a prices: part only; - reads standard input')
      .option('--prune', 'remove rates, books and contracts that the file does not name', false)
      .action(async options => {
        const file = surroundings.readText(options.file);
        const answer = (await server().post(`/api/v1/prices/${word}`, {
          file,
          prune: options.prune,
        })) as PublicationAnswer;
        print(options, answer, () => showPublication(answer, { table, published: word === 'publish' }));
      });
  }

  leaf(prices, 'quote', 'What usage costs at an instant, line by line, with the versions that say so')
    .option('--deployment <name>', 'of one deployment')
    .option('--model <vendor/name>', 'of every deployment of a model')
    .option('--organisation <name>', 'whose contract counts; list prices unless said')
    .option('--at <instant>', 'when it is dispatched, such as 2027-01-01T00:00:00Z; now unless said')
    .requiredOption('--usage <meter=units,…>', 'such as input=1000,cacheRead=8000,output=500,tool.webSearch=2')
    .option('--service-tier <name>', 'as the provider would say it served')
    .addOption(
      new Option('--mode <mode>', 'a single request, or part of a batch').choices(['sync', 'batch']).default('sync'),
    )
    .option('--region <name>', 'as the provider would say it processed the request')
    .option('--holders <number>', 'chips at once, for a rate with a minimum')
    .action(async options => {
      const { deployment, model, organisation, at, mode, region, serviceTier, holders } = options;
      const answer = (await server().post('/api/v1/prices/quote', {
        deployment,
        model,
        organisation,
        at,
        mode,
        region,
        serviceTier,
        holders: holders === undefined ? undefined : wholeNumber(holders, '--holders'),
        usage: readUsage(options.usage),
      })) as QuotesAnswer;
      print(options, answer, () => showQuotes(answer, table));
    });

  addFactCommands(prices, tools);
}

/** `carrier prices facts …` */
function addFactCommands(prices: Command, { surroundings, server, leaf, print, table, readPages }: CommandTools): void {
  const { out } = surroundings;
  const facts = prices.command('facts').description('Public prices as facts: they bill nobody').exitOverride();
  leaf(facts, 'diff', 'What the source of facts says that was not let through, with what is odd about it').action(
    async options => {
      const answer = (await server().get('/api/v1/prices/facts/diff')) as FactReviewAnswer;
      print(options, answer, () => showFactReview(answer, table));
    },
  );
  leaf(facts, 'import', 'Let facts through that are not odd, and those approved by name; hold the others')
    .option('--approve <provider/model…>', 'odd facts to let through all the same', collect, [])
    .action(async options => {
      const answer = (await server().post('/api/v1/prices/facts/import', {
        approve: options.approve,
      })) as FactImportAnswer;
      const { version, approved, held, gone, unchanged } = answer;
      const lines = answer.heldFacts.map(({ fact, reasons }) => `Held ${fact}: ${reasons.join('; ')}.\n`);
      print(
        options,
        answer,
        () =>
          `${lines.join('')}Facts ${version}: ${approved} let through, ${held} held, ${gone} gone, ${unchanged} as before.\n`,
      );
    });
  leaf(facts, 'list', 'Facts that were let through, and those that wait')
    .option('--held', 'only those that wait for a person', false)
    .action(async options => {
      const items = await readPages<FactAnswer>('/api/v1/prices/facts', { held: String(options.held) });
      print(options, { items }, () => showFacts(items, table));
    });
  leaf(facts, 'file', 'Write facts that were let through as a file of prices, to be read and published')
    .addOption(new Option('--book <book>', 'for which book').choices(['buy', 'sell']).default('buy'))
    .option('--all', 'also of models that no deployment serves', false)
    .option('-o, --output <path>', 'write to a file instead of standard output')
    .action(async options => {
      const text = await server().getText(`/api/v1/prices/facts/file?book=${options.book}&all=${options.all}`);
      if (options.output !== undefined) surroundings.writeText(options.output, text);
      else if (options.json) print(options, { file: text }, () => '');
      else out.write(text);
    });
}

/** "input=1000,output=500": whole units by meter. The server knows the meters. */
function readUsage(text: string): Readonly<Record<string, number>> {
  const usage: Record<string, number> = {};
  for (const part of text.split(',')) {
    const [meter = '', units] = part.split('=', 2);
    if (meter.trim() === '' || units === undefined) throw usageFailure(`--usage needs meter=units, not ${part}`);
    if (Object.hasOwn(usage, meter.trim())) throw usageFailure(`--usage says ${meter.trim()} twice`);
    usage[meter.trim()] = wholeNumber(units.trim(), meter.trim());
  }
  return usage;
}

function wholeNumber(text: string, of: string): number {
  const number = Number(text);
  if (/^\d{1,16}$/.test(text) && Number.isSafeInteger(number)) return number;
  throw usageFailure(`${of} must be a whole number up to 9007199254740991, not ${text}`);
}

function usageFailure(message: string): CommandFailure {
  return new CommandFailure(exitCodes.usage, 'usage', message);
}

function collect(value: string, before: readonly string[]): readonly string[] {
  return [...before, ...value.split(',')];
}
