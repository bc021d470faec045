import { type Command, Option } from 'commander';
import type { Page, UsageEventAnswer, UsageEventResultAnswer } from './answers.ts';
import { CommandFailure, exitCodes } from './outcome.ts';
import { addRerateUsage } from './rerate-usage.ts';
import type { Server } from './server.ts';
import type { Surroundings } from './surroundings.ts';
import { type Column, formatTable } from './table.ts';

/** Events of one request; the server takes 1,000 and ten megabytes. */
const sentAtOnce = 500;
const bytesAtOnce = 4_000_000;
/** Results that are listed when something is wrong with them. */
const shownMax = 20;

/** `carrier usage-events send|rate|rerate|true-up|list|months`. `leaf` makes a command with --json. */
export function addUsageEvents(
  program: Command,
  leaf: (parent: Command, words: string, description: string) => Command,
  surroundings: Surroundings,
  server: () => Server,
): void {
  const { out, err, readText } = surroundings;
  const print = <Answer>(options: { json: boolean }, answer: Answer, text: (answer: Answer) => string) =>
    out.write(options.json ? `${JSON.stringify(answer, null, 2)}\n` : text(answer));
  const parent = program
    .command('usage-events')
    .description('Usage that is no exchange: storage, egress, accelerators, capacity, seats')
    .exitOverride();

  leaf(parent, 'send', 'Tell events of a file; sending it again tells nothing twice')
    .requiredOption('-f, --file <path>', 'CloudEvents in JSON, one a line, or one list; - reads standard input')
    .action(async options => {
      const events = readEvents(readText(options.file));
      const results: UsageEventResultAnswer[] = [];
      for (const batch of batchesOf(events)) {
        if (err.isTerminal) err.write(`\r\x1b[2KSent ${results.length} of ${events.length} events`);
        results.push(...(await sendBatch(server(), batch, results.length)));
      }
      if (err.isTerminal) err.write('\r\x1b[2K');
      const counts = countOf(results);
      print(options, { sent: results.length, ...counts, items: results.filter(isWrong) }, () => summary(results));
      const wrong = (counts['conflict'] ?? 0) + (counts['quarantined'] ?? 0);
      if (wrong > 0) {
        const message = `${wrong} of ${results.length} events are not booked.`;
        throw new CommandFailure(exitCodes.failedCheck, 'usage_events_not_booked', message);
      }
    });

  leaf(parent, 'rate', 'Rate again what had no price, by the prices there are now for the instant of use')
    .option('--prices-of <instant>', 'by the prices of this instant, for what was used before there was a price')
    .action(async options => {
      let after: string | undefined;
      let rated = 0;
      let left = 0;
      do {
        const step = (await server().post('/api/v1/usage-events/rate', {
          after,
          pricesOf: options.pricesOf,
        })) as RateAnswer;
        rated += step.rated;
        left += step.left;
        after = step.next;
        if (err.isTerminal) err.write(`\r\x1b[2KRated ${rated}, ${left} still without a price`);
      } while (after !== undefined);
      if (err.isTerminal) err.write('\r\x1b[2K');
      print(options, { rated, left }, () => `Rated ${rated} events; ${left} still have no price.\n`);
    });

  addRerateUsage(parent, leaf, surroundings, server);

  leaf(parent, 'true-up', 'Book what providers’ own answers said attempts cost, beside our own rating')
    .requiredOption('--from <instant>', 'first instant, such as 2026-09-01')
    .requiredOption('--to <instant>', 'first instant after')
    .action(async options => {
      const { from, to } = options;
      let after: TrueUpAnswer['next'];
      let booked = 0;
      let left = 0;
      do {
        const step = (await server().post('/api/v1/true-ups/responses', { from, to, after })) as TrueUpAnswer;
        booked += step.booked;
        left += step.left;
        after = step.next;
        if (err.isTerminal) err.write(`\r\x1b[2KBooked ${booked} figures`);
      } while (after !== undefined);
      if (err.isTerminal) err.write('\r\x1b[2K');
      print(options, { booked, left }, () => `Booked ${booked} figures; ${left} cannot be compared.\n`);
    });

  leaf(parent, 'list', 'The newest events with what they are worth')
    .option('--limit <number>', 'how many', '20')
    .option('--organisation <name>', 'of one organisation')
    .option('--meter <meter>', 'of one meter')
    .addOption(new Option('--state <state>').choices(['rated', 'quarantined']))
    .action(async options => {
      const { limit, organisation, meter, state } = options;
      const query = { limit, organisation, meter, state };
      const page = (await server().get('/api/v1/usage-events', query)) as Page<UsageEventAnswer>;
      print(options, page, () =>
        formatTable(page.items, columns, { isTerminal: out.isTerminal, empty: 'No usage events.' }),
      );
    });

  leaf(parent, 'months', 'Sums of months by which usage is priced: counted, free, and what it comes to')
    .option('--organisation <name>', 'of one organisation')
    .option('--month <day>', 'of the month of this day, UTC')
    .addOption(new Option('--book <book>').choices(['sell', 'buy']).default('sell'))
    .action(async options => {
      const { organisation, month, book } = options;
      const items: UsageMonthAnswer[] = [];
      let after: string | undefined;
      do {
        const query = { subject: organisation, month, book, after, limit: '500' };
        const page = (await server().get('/api/v1/usage-months', query)) as Page<UsageMonthAnswer>;
        items.push(...page.items);
        after = page.next;
      } while (after !== undefined);
      print(options, { items }, () =>
        formatTable(items, monthColumns, { isTerminal: out.isTerminal, empty: 'Nothing is priced by the month.' }),
      );
    });
}

interface UsageMonthAnswer {
  readonly subject: string;
  readonly product: string;
  readonly meter: string;
  readonly month: string;
  readonly quantity: string;
  readonly freeLeft: string;
  readonly amount: string;
  readonly currency: string;
  readonly replaced: boolean;
}

const monthColumns: readonly Column<UsageMonthAnswer>[] = [
  { title: 'month', cell: ({ month }) => month.slice(0, 7) },
  { title: 'for', cell: ({ subject }) => subject },
  { title: 'product', cell: ({ product, replaced }) => (replaced ? `${product} (replaced)` : product) },
  { title: 'meter', cell: ({ meter }) => meter },
  { title: 'quantity', right: true, cell: ({ quantity }) => quantity },
  { title: 'left free', right: true, cell: ({ freeLeft }) => freeLeft },
  { title: 'comes to', right: true, cell: ({ amount, currency }) => `${amount} ${currency}` },
];

interface TrueUpAnswer {
  readonly booked: number;
  readonly left: number;
  readonly next?: { readonly at: string; readonly exchange: string; readonly attempt: number };
}

interface RateAnswer {
  readonly rated: number;
  readonly left: number;
  readonly next?: string;
}

const columns: readonly Column<UsageEventAnswer>[] = [
  { title: 'at', cell: event => event.at },
  { title: 'organisation', cell: event => event.organisation },
  { title: 'product', cell: event => event.product },
  { title: 'meter', cell: event => event.meter },
  { title: 'quantity', right: true, cell: event => event.quantity },
  {
    title: 'sell',
    right: true,
    cell: event => (event.sell === null ? '–' : `${event.sell.amount} ${event.sell.currency}`),
  },
  {
    title: 'buy',
    right: true,
    cell: event => (event.buy === null ? '–' : `${event.buy.amount} ${event.buy.currency}`),
  },
  { title: 'state', cell: event => (event.reason === null ? event.state : `${event.state}: ${event.reason}`) },
];

/** A file of one event a line, or of one JSON document: an event or a list of them. */
function readEvents(text: string): readonly unknown[] {
  const whole = parsed(text);
  if (whole !== undefined) return Array.isArray(whole.value) ? whole.value : [whole.value];
  const events: unknown[] = [];
  for (const [index, line] of text.split('\n').entries()) {
    if (line.trim() === '') continue;
    const event = parsed(line);
    if (event === undefined) throw new CommandFailure(exitCodes.usage, 'usage', `Line ${index + 1} is not JSON.`);
    events.push(event.value);
  }
  if (events.length === 0) throw new CommandFailure(exitCodes.usage, 'usage', 'The file holds no event.');
  return events;
}

function parsed(text: string): { readonly value: unknown } | undefined {
  try {
    return { value: JSON.parse(text) };
  } catch {
    return undefined;
  }
}

function* batchesOf(events: readonly unknown[]): Generator<readonly unknown[]> {
  let batch: unknown[] = [];
  let bytes = 0;
  for (const event of events) {
    const size = Buffer.byteLength(JSON.stringify(event));
    if (batch.length >= sentAtOnce || (batch.length > 0 && bytes + size > bytesAtOnce)) {
      yield batch;
      batch = [];
      bytes = 0;
    }
    batch.push(event);
    bytes += size;
  }
  if (batch.length > 0) yield batch;
}

/** A batch is taken whole or not at all; what was sent before stays, and sending everything again repeats nothing. */
async function sendBatch(
  server: Server,
  batch: readonly unknown[],
  sentBefore: number,
): Promise<readonly UsageEventResultAnswer[]> {
  try {
    return ((await server.post('/api/v1/usage-events', batch)) as Page<UsageEventResultAnswer>).items;
  } catch (error) {
    if (!(error instanceof CommandFailure) || sentBefore === 0) throw error;
    const message = `${error.message}\nThe first ${sentBefore} events are taken; places above count from event ${sentBefore + 1}. Send the file again once it is right.`;
    throw new CommandFailure(error.exitCode, error.code, message, { cause: error, problem: error.problem });
  }
}

function countOf(results: readonly UsageEventResultAnswer[]): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const { outcome } of results) counts[outcome] = (counts[outcome] ?? 0) + 1;
  return counts;
}

function isWrong({ outcome }: UsageEventResultAnswer): boolean {
  return outcome === 'conflict' || outcome === 'quarantined';
}

function summary(results: readonly UsageEventResultAnswer[]): string {
  const counts = Object.entries(countOf(results)).map(([outcome, count]) => `${count} ${outcome}`);
  const wrong = results.filter(isWrong);
  const lines = wrong
    .slice(0, shownMax)
    .map(({ source, id, outcome, reason }) => `  ${outcome}: ${source} ${id}: ${reason}`);
  const more = wrong.length > shownMax ? [`  … and ${wrong.length - shownMax} more`] : [];
  return `${[`${results.length} events: ${counts.join(', ')}.`, ...lines, ...more].join('\n')}\n`;
}
