import { formatAtto } from '../pricing/money.ts';
import { type MonthMoves, pourSum } from './month-moves.ts';
import { books, type RatedAgain } from './rate-again.ts';
import type { EventPlace, RatedRow } from './standing-events.ts';

export interface UsageRerateReport {
  readonly examined: number;
  readonly corrected: number;
  /** They wait for their first price: `carrier usage-events rate`. */
  readonly quarantined: number;
  /** No price holds for them, or one of another currency in a month, so they stay as they are. */
  readonly unpriced: number;
  /** What changes, by book, product, meter and versions. */
  readonly changes: readonly UsageRerateChange[];
  /** The first few, to look at. */
  readonly samples: readonly UsageRerateSample[];
  /** Where the next step begins; undefined at the end. */
  readonly next: EventPlace | undefined;
}

export interface UsageRerateChange {
  readonly book: 'buy' | 'sell';
  readonly product: string;
  readonly meter: string;
  readonly currency: string;
  readonly fromVersion: string;
  readonly toVersion: string;
  /** Ratings. Of a dry run without those that would follow into another sum of their month. */
  readonly charges: number;
  /** Exact. */
  readonly before: string;
  readonly after: string;
}

export interface UsageRerateSample {
  readonly ref: string;
  readonly book: 'buy' | 'sell';
  readonly before: string;
  readonly after: string;
  readonly currency: string;
}

interface ChangeSum extends Omit<UsageRerateChange, 'before' | 'after' | 'charges'> {
  charges: number;
  before: bigint;
  after: bigint;
}

const samplesMax = 20;

export class UsageRerateTally {
  #examined = 0;
  #corrected = 0;
  #quarantined = 0;
  #unpriced = 0;
  readonly #changes = new Map<string, ChangeSum>();
  readonly #samples: UsageRerateSample[] = [];

  /** `unpriced`: of those that are not rated again at all. */
  examine(rows: readonly RatedRow[], unpriced: number): void {
    this.#examined += rows.length;
    this.#unpriced += unpriced;
    this.#quarantined += rows.filter(({ standing }) => standing === undefined).length;
  }

  add(rated: readonly RatedAgain[]): void {
    for (const one of rated) {
      if (one.unpriced) this.#unpriced += 1;
      if (one.sell !== undefined || one.buy !== undefined) this.#corrected += 1;
      for (const book of books) this.#addSide(one, book);
    }
  }

  #addSide({ standing, ...again }: RatedAgain, book: 'buy' | 'sell'): void {
    const after = again[book];
    if (after === undefined) return;
    const before = standing[book];
    const { placedProduct: product, meter } = standing.event;
    const names = { book, product, meter, fromVersion: before.version, toVersion: after.version, charges: 1 };
    if (before.currency === after.currency) {
      this.#sum({ ...names, currency: after.currency, before: before.amountAtto, after: after.amountAtto });
    } else {
      // Each side is a line of its own.
      this.#sum({ ...names, currency: before.currency, before: before.amountAtto, after: 0n });
      this.#sum({ ...names, currency: after.currency, before: 0n, after: after.amountAtto });
    }
    if (this.#samples.length === samplesMax) return;
    this.#samples.push({
      ref: standing.ref,
      book,
      before: formatAtto(before.amountAtto),
      after: formatAtto(after.amountAtto),
      currency: after.currency,
    });
  }

  /** What would follow into the sums that took the place of others. */
  pour(moves: MonthMoves): void {
    for (const from of moves.unfinished()) {
      const into = moves.inForceFor(from);
      const { beforeAtto, afterAtto } = pourSum(from, into);
      const { book, priced: product, meter } = from.key;
      const versions = { fromVersion: from.version, toVersion: into.version };
      const sums = { charges: 0, before: beforeAtto, after: afterAtto };
      this.#sum({ book, product, meter, ...versions, currency: from.currency, ...sums });
    }
  }

  report(next: EventPlace | undefined): UsageRerateReport {
    return {
      examined: this.#examined,
      corrected: this.#corrected,
      quarantined: this.#quarantined,
      unpriced: this.#unpriced,
      changes: [...this.#changes.values()].map(sum => ({
        ...sum,
        before: formatAtto(sum.before),
        after: formatAtto(sum.after),
      })),
      samples: this.#samples,
      next,
    };
  }

  #sum(added: ChangeSum): void {
    const { book, product, meter, currency, fromVersion, toVersion } = added;
    const key = [book, product, meter, currency, fromVersion, toVersion].join('\n');
    const sum = this.#changes.get(key);
    if (sum === undefined) {
      this.#changes.set(key, { ...added });
      return;
    }
    sum.charges += added.charges;
    sum.before += added.before;
    sum.after += added.after;
  }
}
