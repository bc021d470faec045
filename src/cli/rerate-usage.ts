import type { Command } from 'commander';
import { formatAtto, parseAtto } from '../pricing/money.ts';
import type { Server } from './server.ts';
import { stepwise } from './stepwise.ts';
import type { Surroundings } from './surroundings.ts';
import { formatTable } from './table.ts';

interface Change {
  readonly book: 'buy' | 'sell';
  readonly product: string;
  readonly meter: string;
  readonly currency: string;
  readonly fromVersion: string;
  readonly toVersion: string;
  readonly charges: number;
  readonly before: string;
  readonly after: string;
}

interface StepAnswer extends Counts {
  readonly changes: readonly Change[];
  readonly samples: readonly object[];
  readonly through: string | null;
  readonly next?: string;
}

interface Counts {
  readonly examined: number;
  readonly corrected: number;
  readonly quarantined: number;
  readonly unpriced: number;
}

/** `carrier usage-events rerate`. */
export function addRerateUsage(
  parent: Command,
  leaf: (parent: Command, words: string, description: string) => Command,
  surroundings: Surroundings,
  server: () => Server,
): void {
  const { out } = surroundings;
  leaf(parent, 'rerate', 'Rate events again by published prices: reverse what comes out otherwise, and book it anew')
    .requiredOption('--from <instant>', 'first instant of use')
    .requiredOption('--to <instant>', 'first instant after; a price by the month changes for the whole month')
    .option('--organisation <id>', 'of one organisation')
    .option('--project <organisation/project>', 'of one project')
    .option('--product <vendor/name>', 'of one product')
    .option('--provider <name>', 'owed to one provider')
    .option('--meter <meter>', 'of one meter')
    .option('--price-version <id>', 'by this price version, whenever it holds; else by those in force at each use')
    .option('--reason <text>', 'kept with every rating', 'prices')
    .option('--run <name>', 'kept with every rating; one is made unless said')
    .option('--after <cursor>', 'go on where a run was broken off')
    .option('--dry-run', 'print what would change, change nothing', false)
    .action(async ({ json, after: begin, priceVersion: version, ...body }) => {
      const run = body.run ?? `rerate-${new Date().toISOString()}`;
      const sums = new Sums();
      await stepwise(
        surroundings,
        async after => {
          const step = (await server().post('/api/v1/usage-events/rerate', {
            ...body,
            version,
            run,
            after,
          })) as StepAnswer;
          sums.add(step);
          const { examined, corrected } = sums.counts;
          const progress = `${examined} looked at, ${corrected} ${body.dryRun ? 'to correct' : 'corrected'}`;
          return {
            next: step.next,
            progress: step.through === null ? progress : `${progress}, through ${step.through}`,
          };
        },
        { after: begin },
      );
      const { counts, changes, samples } = sums;
      const answer = { run, dryRun: body.dryRun, ...counts, changes, samples };
      out.write(
        json ? `${JSON.stringify(answer, null, 2)}\n` : shown(counts, changes, { ...body, run }, out.isTerminal),
      );
    });
}

const samplesMax = 20;

/** Over all steps of a run. */
class Sums {
  counts: Counts = { examined: 0, corrected: 0, quarantined: 0, unpriced: 0 };
  samples: object[] = [];
  readonly #changes = new Map<string, Change>();

  get changes(): readonly Change[] {
    return [...this.#changes.values()];
  }

  add({ changes, samples, ...step }: StepAnswer): void {
    const { counts } = this;
    this.counts = {
      examined: counts.examined + step.examined,
      corrected: counts.corrected + step.corrected,
      quarantined: counts.quarantined + step.quarantined,
      unpriced: counts.unpriced + step.unpriced,
    };
    this.samples = [...this.samples, ...samples].slice(0, samplesMax);
    for (const change of changes) {
      const { book, product, meter, currency, fromVersion, toVersion } = change;
      const key = [book, product, meter, currency, fromVersion, toVersion].join('\n');
      const before = this.#changes.get(key);
      this.#changes.set(key, before === undefined ? change : added(before, change));
    }
  }
}

function added(one: Change, other: Change): Change {
  const sum = (a: string, b: string) => formatAtto(parseAtto(a) + parseAtto(b));
  return {
    ...one,
    charges: one.charges + other.charges,
    before: sum(one.before, other.before),
    after: sum(one.after, other.after),
  };
}

function shown(
  { examined, corrected, quarantined, unpriced }: Counts,
  changes: readonly Change[],
  { dryRun, run }: { readonly dryRun: boolean; readonly run: string },
  isTerminal: boolean,
): string {
  const table = formatTable(
    changes,
    [
      { title: 'book', cell: change => change.book },
      { title: 'product', cell: change => change.product },
      { title: 'meter', cell: change => change.meter },
      { title: 'from', cell: change => change.fromVersion },
      { title: 'to', cell: change => change.toVersion },
      { title: 'charges', right: true, cell: change => String(change.charges) },
      { title: 'before', right: true, cell: change => change.before },
      { title: 'after', right: true, cell: change => change.after },
      {
        title: 'difference',
        right: true,
        cell: change => formatAtto(parseAtto(change.after) - parseAtto(change.before)),
      },
      { title: 'currency', cell: change => change.currency },
    ],
    { isTerminal, empty: 'Every event comes out as it was booked.' },
  );
  const notes = [
    quarantined === 0 ? '' : `${quarantined} wait for their first price: see \`carrier usage-events rate\`.\n`,
    unpriced === 0 ? '' : `${unpriced} stay as they are: no price holds for them that they could be compared by.\n`,
  ].join('');
  const end = dryRun ? 'to correct. Nothing was changed: this is a dry run.' : `corrected, as ${run}.`;
  return `${table}${notes}${examined} ${examined === 1 ? 'event' : 'events'} looked at, ${corrected} ${end}\n`;
}
