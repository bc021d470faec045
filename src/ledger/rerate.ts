import { formatAtto } from '../pricing/money.ts';
import type { RateCard } from '../pricing/rate-card.ts';
import { rateByCard, ratedAmountJson } from '../pricing/rating.ts';
import { cardAt, parseTimeline, type RateTimeline } from '../pricing/timeline.ts';
import type { SnapshotJson } from '../snapshot/snapshot.ts';
import type { Store } from '../store/connect.ts';
import { inTransaction } from '../store/in-transaction.ts';
import {
  bookCorrections,
  type Correction,
  KnownNumbers,
  lockCorrections,
  type NewCharge,
  type SplitCharges,
} from './correct.ts';
import {
  areStale,
  findStandings,
  nextStandings,
  type Standing,
  type StandingAttempt,
  type StandingCharge,
  type StandingCursor,
  type StandingFilter,
} from './standing.ts';

/** Rates exchanges again: what comes out otherwise than it was booked is reversed and booked anew. Versions never change,
 *  so what was rated by the version that holds is not even looked at, and rating again is a no-op. */

/** Which prices hold for one attempt. undefined: none are known, and it stays as it is. */
export type PricesOf = (question: {
  readonly book: 'buy' | 'sell';
  readonly organisation: string;
  readonly deployment: string;
}) => RateTimeline | undefined;

/** The prices that are published now, as requests are served by them. `version`: only attempts that this one has prices
 *  for, whenever it holds. Throws RangeError when no deployment has a price of that version. */
export function pricesOfSnapshot(
  { deployments, contracts }: Pick<SnapshotJson, 'deployments' | 'contracts'>,
  version?: string,
): PricesOf {
  const read = (json: Parameters<typeof parseTimeline>[0] | null) => (json === null ? undefined : parseTimeline(json));
  const byHandle = new Map(deployments.map(({ handle, id }) => [handle, id]));
  const books = new Map<string, RateTimeline | undefined>();
  for (const { id, sell, buy } of deployments) {
    books.set(`sell ${id}`, read(sell));
    books.set(`buy ${id}`, read(buy));
  }
  for (const { organisation, sell } of contracts ?? []) {
    for (const [handle, json] of Object.entries(sell)) {
      books.set(`sell ${byHandle.get(handle)} ${organisation}`, read(json));
    }
  }
  if (version !== undefined) {
    for (const [key, timeline] of books) books.set(key, timeline && onlyVersion(timeline, version));
    if ([...books.values()].every(timeline => timeline === undefined)) {
      throw new RangeError(`no deployment has prices of version ${version}`);
    }
  }
  return ({ book, organisation, deployment }) => {
    const contract = `sell ${deployment} ${organisation}`;
    return book === 'sell' && books.has(contract) ? books.get(contract) : books.get(`${book} ${deployment}`);
  };
}

function onlyVersion({ cards, currency }: RateTimeline, version: string): RateTimeline | undefined {
  const found = cards.find(({ card }) => card?.version === version);
  return found === undefined ? undefined : { currency, cards: [{ ...found, fromMs: Number.NEGATIVE_INFINITY }] };
}

export interface RerateOrder {
  readonly filter: StandingFilter;
  readonly prices: PricesOf;
  /** Names this piece of work in every correction. */
  readonly run: string;
  readonly reason: string;
  /** Says what would be booked, and books nothing. */
  readonly dryRun: boolean;
  /** `next` of the step before. */
  readonly after?: StandingCursor | undefined;
  readonly split?: SplitCharges | undefined;
}

export interface RerateReport {
  readonly examined: number;
  readonly corrected: number;
  /** They wait for a price or a person: `carrier ledger quarantine`. */
  readonly quarantined: number;
  /** No price holds for them, so they stay as they are. */
  readonly unpriced: number;
  /** What changes, by book, model and versions. */
  readonly changes: readonly RerateChange[];
  /** The first few, to look at. */
  readonly samples: readonly RerateSample[];
  /** Where the next step begins; undefined at the end. */
  readonly next: StandingCursor | undefined;
}

export interface RerateChange {
  readonly book: 'buy' | 'sell';
  readonly model: string;
  readonly currency: string;
  readonly fromVersion: string;
  readonly toVersion: string;
  readonly charges: number;
  /** Rated amounts, exact. */
  readonly before: string;
  readonly after: string;
}

export interface RerateSample {
  readonly exchange: string;
  readonly book: 'buy' | 'sell';
  readonly attempt: number;
  readonly before: string;
  readonly after: string;
  readonly currency: string;
}

/** Is an exchange of this organisation or project kept? */
export async function wasCharged(store: Store, kind: 'organisation' | 'project', name: string): Promise<boolean> {
  const { rowCount } = await store.pool.query(`select from usage_series where ${kind} = $1 limit 1`, [name]);
  return rowCount !== 0;
}

/** One transaction corrects so many; what a crash repeats of a run. */
const exchangesAtOnce = 4_000;
const samplesMax = 20;
/** A step answers after so long, at the end of a transaction, and tells where the next one begins. */
const stepMs = 2_000;

/** Goes on for some seconds. Every transaction is whole in itself and every exchange is found as it stands, so a run may be
 *  broken off and begun again anywhere, and two runs at once take turns. */
export async function rerateStep(
  store: Store,
  order: RerateOrder,
  options: { readonly stepMs?: number; readonly exchangesAtOnce?: number } = {},
): Promise<RerateReport> {
  const tally = new Tally();
  const known = new KnownNumbers();
  const limit = options.exchangesAtOnce ?? exchangesAtOnce;
  const deadlineMs = performance.now() + (options.stepMs ?? stepMs);
  const read = (after: StandingCursor | undefined) => readNext(store, order, after, limit);
  let standings = await read(order.after);
  for (;;) {
    const last = standings.at(-1);
    const next = last === undefined || standings.length < limit ? undefined : { at: last.at, id: last.id };
    const isLast = next === undefined || performance.now() >= deadlineMs;
    // The next ones are read on another connection while these are booked.
    const reading = isLast ? undefined : read(next);
    reading?.catch(() => {});
    await rerateThese(store, order, standings, tally, known);
    if (isLast) return tally.report(next);
    standings = await reading!;
  }
}

async function readNext(
  store: Store,
  { filter, prices, dryRun }: RerateOrder,
  after: StandingCursor | undefined,
  limit: number,
): Promise<Standing[]> {
  const client = await store.pool.connect();
  let broken: Error | undefined;
  try {
    // One view of all its tables: a correction is in all of them or in none.
    await client.query('begin isolation level repeatable read read only');
    // What stays as it is needs no transfers: most of what is rated again is nothing but this.
    const changes = (standing: Standing) => !dryRun && rateAgain(standing, prices, new Tally()).length > 0;
    const standings = await nextStandings(client, filter, after, limit, changes);
    await client.query('commit');
    return standings;
  } catch (error) {
    broken = error as Error;
    throw error;
  } finally {
    client.release(broken);
  }
}

async function rerateThese(
  store: Store,
  order: RerateOrder,
  standings: readonly Standing[],
  tally: Tally,
  known: KnownNumbers,
): Promise<void> {
  if (order.dryRun) {
    for (const standing of standings) if (rateAgain(standing, order.prices, tally).length > 0) tally.corrected += 1;
    return;
  }
  if (standings.length === 0) return;
  await inTransaction(store, async client => {
    await lockCorrections(client);
    // Read without the lock; whoever corrected one of them meanwhile has left its number.
    const current = (await areStale(client, standings))
      ? await findStandings(
          client,
          standings.map(({ id }) => id),
        )
      : standings;
    const { run, reason } = order;
    const corrections = current.flatMap((standing): Correction[] => {
      const charges = rateAgain(standing, order.prices, tally);
      return charges.length === 0 ? [] : [{ standing, kind: 'rerate', run, reason, state: standing.state, charges }];
    });
    await bookCorrections(client, corrections, order.split, known);
    tally.corrected += corrections.length;
  });
}

/** The charges that come out otherwise than they stand. */
export function rateAgain(standing: Standing, prices: PricesOf, tally: Tally): NewCharge[] {
  tally.examined += 1;
  if (standing.state === 'quarantined') {
    tally.quarantined += 1;
    return [];
  }
  const charges: NewCharge[] = [];
  let unpriced = false;
  const again = (book: 'buy' | 'sell', attempt: StandingAttempt, stands: StandingCharge | undefined) => {
    // Nothing was owed or charged: that does not depend on a price.
    if (stands === undefined) return;
    const card = cardFor(prices, standing, book, attempt);
    if (card?.version === stands.version) return;
    const rated = card === undefined ? undefined : rateByCard(attempt.reading, card, {});
    if (rated === undefined || 'quarantine' in rated) {
      unpriced = true;
      return;
    }
    if (rated.amountAtto === stands.amountAtto && rated.currency === stands.currency) return;
    charges.push({ book, attempt: attempt.attempt, rated: ratedAmountJson(rated) });
    tally.change(standing, { book, attempt, before: stands, after: rated });
  };
  for (const attempt of standing.attempts) again('buy', attempt, attempt.buy);
  const delivered = standing.attempts.find(({ attempt }) => attempt === standing.deliveredAttempt);
  if (delivered !== undefined) again('sell', delivered, standing.sell);
  if (unpriced) tally.unpriced += 1;
  return charges;
}

export function cardFor(
  prices: PricesOf,
  { organisation }: Standing,
  book: 'buy' | 'sell',
  { deployment, startedAtMs }: StandingAttempt,
): RateCard | undefined {
  const timeline = prices({ book, organisation, deployment });
  return timeline === undefined ? undefined : cardAt(timeline, startedAtMs);
}

interface ChangeSum extends Omit<RerateChange, 'before' | 'after' | 'charges'> {
  charges: number;
  before: bigint;
  after: bigint;
}

export class Tally {
  examined = 0;
  corrected = 0;
  quarantined = 0;
  unpriced = 0;
  readonly #changes = new Map<string, ChangeSum>();
  readonly #samples: RerateSample[] = [];

  change(
    standing: Standing,
    change: {
      readonly book: 'buy' | 'sell';
      readonly attempt: StandingAttempt;
      readonly before: StandingCharge;
      readonly after: { readonly amountAtto: bigint; readonly currency: string; readonly version: string };
    },
  ): void {
    const { book, attempt, before, after } = change;
    // Of a change of currency each side is a line of its own.
    const sides =
      before.currency === after.currency
        ? [{ currency: before.currency, before: before.amountAtto, after: after.amountAtto }]
        : [
            { currency: before.currency, before: before.amountAtto, after: 0n },
            { currency: after.currency, before: 0n, after: after.amountAtto },
          ];
    for (const side of sides) {
      const { model } = attempt;
      this.#sum({ book, model, fromVersion: before.version, toVersion: after.version, charges: 1, ...side });
    }
    if (this.#samples.length < samplesMax) {
      this.#samples.push({
        exchange: standing.id,
        book,
        attempt: attempt.attempt,
        before: formatAtto(before.amountAtto),
        after: formatAtto(after.amountAtto),
        currency: after.currency,
      });
    }
  }

  report(next: StandingCursor | undefined): RerateReport {
    const { examined, corrected, quarantined, unpriced } = this;
    const changes = [...this.#changes.values()].map(sum => ({
      ...sum,
      before: formatAtto(sum.before),
      after: formatAtto(sum.after),
    }));
    return { examined, corrected, quarantined, unpriced, changes, samples: this.#samples, next };
  }

  #sum(added: ChangeSum): void {
    const { book, model, currency, fromVersion, toVersion } = added;
    const key = [book, model, currency, fromVersion, toVersion].join('\n');
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
