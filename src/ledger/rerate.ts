import { setImmediate } from 'node:timers/promises';
import type pg from 'pg';
import { formatAtto } from '../pricing/money.ts';
import type { RateCard } from '../pricing/rate-card.ts';
import { rateByCard, ratedAmountJson } from '../pricing/rating.ts';
import { cardAt, parseTimeline, type RateTimeline } from '../pricing/timeline.ts';
import type { SnapshotJson } from '../snapshot/snapshot.ts';
import type { Store } from '../store/connect.ts';
import { inTransaction } from '../store/in-transaction.ts';
import {
  bookPrepared,
  KnownNumbers,
  lockCorrections,
  type NewCharge,
  PreparedCorrections,
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
/** So many are rated before whoever else waits for this process has a turn: the booking of the ones before among them. */
const ratedAtOnce = 200;
const samplesMax = 20;
/** A step answers after so long, at the end of a transaction, and tells where the next one begins. */
const stepMs = 2_000;

/** Numbers of accounts and series that steps hand on to each other, so that not every step reads them anew. One step has
 *  them at a time; those of a step that failed are forgotten. */
export class HandedNumbers {
  #idle: KnownNumbers | undefined;

  take(): KnownNumbers {
    const numbers = this.#idle ?? new KnownNumbers();
    this.#idle = undefined;
    return numbers;
  }

  giveBack(numbers: KnownNumbers): void {
    this.#idle = numbers;
  }
}

/** Goes on for some seconds. Every transaction is whole in itself and every exchange is found as it stands, so a run may be
 *  broken off and begun again anywhere, and two runs at once take turns. */
export async function rerateStep(
  store: Store,
  order: RerateOrder,
  options: {
    readonly stepMs?: number;
    readonly exchangesAtOnce?: number;
    readonly numbers?: HandedNumbers | undefined;
  } = {},
): Promise<RerateReport> {
  const tally = new Tally();
  const { numbers = new HandedNumbers() } = options;
  const known = numbers.take();
  const limit = options.exchangesAtOnce ?? exchangesAtOnce;
  const deadlineMs = performance.now() + (options.stepMs ?? stepMs);
  const read = (after: StandingCursor | undefined) => readNext(store, order, after, limit);
  let batch = await read(order.after);
  for (;;) {
    const { standings } = batch;
    const last = standings.at(-1);
    const next = last === undefined || standings.length < limit ? undefined : { at: last.at, id: last.id };
    const isLast = next === undefined || performance.now() >= deadlineMs;
    // The next ones are read and rated on another connection while these are booked.
    const reading = isLast ? undefined : read(next);
    reading?.catch(() => {});
    await bookBatch(store, order, batch, tally, known);
    if (isLast) break;
    batch = await reading!;
    if (batch.standings.length > 0) continue;
    numbers.giveBack(known);
    return tally.report(undefined);
  }
  numbers.giveBack(known);
  const end = batch.standings.at(-1);
  return tally.report(end === undefined || batch.standings.length < limit ? undefined : { at: end.at, id: end.id });
}

/** Exchanges in their order, rated again, and what is to be booked of it. */
interface Batch {
  readonly standings: readonly Standing[];
  readonly rated: readonly Rerated[];
  readonly prepared: PreparedCorrections;
}

async function readNext(
  store: Store,
  order: RerateOrder,
  after: StandingCursor | undefined,
  limit: number,
): Promise<Batch> {
  const rated = new Map<string, Rerated>();
  // What stays as it is needs no transfers: most of what is rated again is nothing but this.
  const changes = (standing: Standing) => {
    const again = rateAgain(standing, order.prices);
    rated.set(standing.id, again);
    return !order.dryRun && again.charges.length > 0;
  };
  const client = await store.pool.connect();
  let broken: Error | undefined;
  let standings: readonly Standing[];
  try {
    // One view of all its tables: a correction is in all of them or in none.
    await client.query('begin isolation level repeatable read read only');
    standings = await nextStandings(client, order.filter, after, limit, changes);
    await client.query('commit');
  } catch (error) {
    broken = error as Error;
    throw error;
  } finally {
    client.release(broken);
  }
  const results = standings.map(({ id }) => rated.get(id)!);
  const prepared = new PreparedCorrections();
  if (order.dryRun) return { standings, rated: results, prepared };
  for (const [index, standing] of standings.entries()) {
    addCorrection(prepared, order, standing, results[index]!);
    if (index % ratedAtOnce === ratedAtOnce - 1) await setImmediate();
  }
  return { standings, rated: results, prepared };
}

function addCorrection(
  prepared: PreparedCorrections,
  { run, reason }: RerateOrder,
  standing: Standing,
  { charges }: Rerated,
): void {
  if (charges.length > 0) prepared.add({ standing, kind: 'rerate', run, reason, state: standing.state, charges });
}

async function bookBatch(
  store: Store,
  order: RerateOrder,
  { standings, rated, prepared }: Batch,
  tally: Tally,
  known: KnownNumbers,
): Promise<void> {
  if (order.dryRun) {
    for (const [index, standing] of standings.entries()) tally.add(standing, rated[index]!);
    return;
  }
  if (standings.length === 0) return;
  await inTransaction(store, async client => {
    await lockCorrections(client);
    // Read without the lock; whoever corrected one of them meanwhile has left its number.
    const isStale = await areStale(client, standings);
    const current = isStale ? await readAgain(client, order, standings) : { standings, rated, prepared };
    await bookPrepared(client, current.prepared, order.split, known);
    for (const [index, standing] of current.standings.entries()) tally.add(standing, current.rated[index]!);
  });
}

async function readAgain(client: pg.ClientBase, order: RerateOrder, stale: readonly Standing[]): Promise<Batch> {
  const standings = await findStandings(
    client,
    stale.map(({ id }) => id),
  );
  const rated = standings.map(standing => rateAgain(standing, order.prices));
  const prepared = new PreparedCorrections();
  for (const [index, standing] of standings.entries()) addCorrection(prepared, order, standing, rated[index]!);
  return { standings, rated, prepared };
}

/** What rating one exchange again comes to. */
interface Rerated {
  readonly outcome: 'rated' | 'unpriced' | 'quarantined';
  /** Those that come out otherwise than they stand. */
  readonly charges: readonly NewCharge[];
  readonly changes: readonly Change[];
}

interface Change {
  readonly book: 'buy' | 'sell';
  readonly attempt: StandingAttempt;
  readonly before: StandingCharge;
  readonly after: { readonly amountAtto: bigint; readonly currency: string; readonly version: string };
}

const inQuarantine: Rerated = { outcome: 'quarantined', charges: [], changes: [] };

function rateAgain(standing: Standing, prices: PricesOf): Rerated {
  if (standing.state === 'quarantined') return inQuarantine;
  const charges: NewCharge[] = [];
  const changes: Change[] = [];
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
    changes.push({ book, attempt, before: stands, after: rated });
  };
  for (const attempt of standing.attempts) again('buy', attempt, attempt.buy);
  const delivered = standing.attempts.find(({ attempt }) => attempt === standing.deliveredAttempt);
  if (delivered !== undefined) again('sell', delivered, standing.sell);
  return { outcome: unpriced ? 'unpriced' : 'rated', charges, changes };
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

class Tally {
  #examined = 0;
  #corrected = 0;
  #quarantined = 0;
  #unpriced = 0;
  readonly #changes = new Map<string, ChangeSum>();
  readonly #samples: RerateSample[] = [];

  add(standing: Standing, { outcome, charges, changes }: Rerated): void {
    this.#examined += 1;
    if (outcome === 'quarantined') this.#quarantined += 1;
    if (outcome === 'unpriced') this.#unpriced += 1;
    if (charges.length > 0) this.#corrected += 1;
    for (const change of changes) this.#change(standing, change);
  }

  #change(standing: Standing, { book, attempt, before, after }: Change): void {
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
    const changes = [...this.#changes.values()].map(sum => ({
      ...sum,
      before: formatAtto(sum.before),
      after: formatAtto(sum.after),
    }));
    return {
      examined: this.#examined,
      corrected: this.#corrected,
      quarantined: this.#quarantined,
      unpriced: this.#unpriced,
      changes,
      samples: this.#samples,
      next,
    };
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
