import type pg from 'pg';
import type { UsagePayer } from '../ledger/usage-payer.ts';
import type { Store } from '../store/connect.ts';
import { inTransaction } from '../store/in-transaction.ts';
import type { UsageDirectory } from './directory.ts';
import { rerateDeltas } from './event-postings.ts';
import { MonthMoves } from './month-moves.ts';
import {
  books,
  monthsOf,
  type NewSide,
  type RatedAgain,
  rateAgain,
  type StandingEvent,
  targetsOf,
} from './rate-again.ts';
import { isMonthPriced, type RatedSide } from './rate-event.ts';
import { insertRatings, usageSeries } from './record-events.ts';
import { bookRerated } from './rerate-bookings.ts';
import { type UsageRerateReport, UsageRerateTally } from './rerate-report.ts';
import {
  type EventPlace,
  leftInMonth,
  lockEvents,
  nextRated,
  type RatedRow,
  readRated,
  type UsageRerateFilter,
} from './standing-events.ts';
import { lockMonths } from './usage-months.ts';

/** Rates usage events again: what comes out otherwise than it was booked is reversed and booked anew, as its next rating.
 *  Versions never change, so what was rated by the version that holds is passed over, and rating again is a no-op.
 *
 *  One price holds for a whole month: where events that are looked at get another one, their sum gives its place to one of
 *  that price, and everything else in it follows, whoever was asked for. Until that is done the two stand side by side,
 *  each exact. */
export interface UsageRerateOrder {
  readonly filter: UsageRerateFilter;
  /** With the prices by which it is rated again. */
  readonly directory: UsageDirectory;
  /** Names this piece of work in every rating. */
  readonly run: string;
  readonly reason: string;
  /** Says what would be booked, and books nothing. */
  readonly dryRun: boolean;
  /** `next` of the step before. */
  readonly after?: EventPlace | undefined;
  /** Without one everything is unbilled. */
  readonly payer?: UsagePayer | undefined;
}

/** One transaction corrects so many; what a crash repeats of a run. */
const eventsAtOnce = 1_000;
/** A step answers after so long, at the end of a transaction, and tells where the next one begins. */
const stepMs = 2_000;
/** What would become of sums is only known when all of their events were looked at: a dry run goes on for longer. */
const dryStepMs = 10_000;

/** Goes on for some seconds. Every transaction is whole in itself and events are found as they stand, so a run may be broken
 *  off and begun again anywhere; sums that a run left half moved are finished first by the next one, whatever it is for. */
export async function rerateUsageStep(
  store: Store,
  order: UsageRerateOrder,
  options: { readonly stepMs?: number; readonly eventsAtOnce?: number } = {},
): Promise<UsageRerateReport> {
  const limit = options.eventsAtOnce ?? eventsAtOnce;
  const deadlineMs = performance.now() + (options.stepMs ?? (order.dryRun ? dryStepMs : stepMs));
  const tally = new UsageRerateTally();
  const isLate = () => performance.now() >= deadlineMs;
  const dry = order.dryRun ? new MonthMoves() : undefined;
  let { after } = order;
  for (;;) {
    const finished = dry !== undefined || (await finishMonths(store, order, limit, tally, isLate));
    if (!finished) return tally.report(after ?? { at: new Date(0), ref: '' });
    const rows = await nextRated(store, order.filter, after, limit);
    const found = rows.filter(row => mayChange(row, order.directory));
    const isFound = new Set(found);
    tally.examine(rows, rows.filter(row => !isFound.has(row) && isUnpriced(row, order.directory)).length);
    if (dry !== undefined) await rateDry(store, order, found, dry, tally);
    else if (found.length > 0) await rateAndBook(store, order, found, tally, order.directory);
    const last = rows.at(-1);
    if (last !== undefined) after = { at: last.at, ref: last.ref };
    if (rows.length < limit) break;
    if (isLate()) return tally.report(after);
  }
  if (dry !== undefined) tally.pour(dry);
  const isDone = dry !== undefined || (await finishMonths(store, order, limit, tally, isLate));
  return tally.report(isDone ? undefined : (after ?? { at: new Date(0), ref: '' }));
}

/** A look without locks: most of what is rated again comes out as it was. */
function mayChange({ standing, months }: RatedRow, directory: UsageDirectory): boolean {
  if (standing === undefined) return false;
  const targets = targetsOf(standing, directory);
  return books.some(book => {
    const target = targets[book];
    if ('quarantine' in target) return false;
    if (!isMonthPriced(target)) return standing[book].month !== undefined || standing[book].version !== target.version;
    const month = months[book];
    return month === undefined || month.replaced || month.version !== target.version;
  });
}

function isUnpriced({ standing }: RatedRow, directory: UsageDirectory): boolean {
  return standing !== undefined && Object.values(targetsOf(standing, directory)).some(target => 'quarantine' in target);
}

/** Moves what is left in sums that were replaced. False when the time is over before it is done. */
async function finishMonths(
  store: Store,
  order: UsageRerateOrder,
  limit: number,
  tally: UsageRerateTally,
  isLate: () => boolean,
): Promise<boolean> {
  const { rows: unfinished } = await store.pool.query(
    'select id from usage_month where replaced and quantity > 0 order by id',
  );
  for (const { id } of unfinished) {
    for (;;) {
      const rows = await leftInMonth(store, id, limit);
      const moved = rows.length === 0 ? 0 : await rateAndBook(store, order, rows, tally, undefined);
      // What cannot be moved stays: its month would come to more than can be written.
      if (moved === 0 || rows.length < limit) break;
      if (isLate()) return false;
    }
  }
  return true;
}

async function rateDry(
  store: Store,
  { directory }: UsageRerateOrder,
  rows: readonly RatedRow[],
  moves: MonthMoves,
  tally: UsageRerateTally,
): Promise<void> {
  if (rows.length === 0) return;
  const client = await store.pool.connect();
  try {
    tally.add(await rateAll(client, standingsOf(rows), moves, directory));
  } finally {
    client.release();
  }
}

/** How many were rated otherwise. `directory` undefined: they only follow their sums. */
async function rateAndBook(
  store: Store,
  order: UsageRerateOrder,
  rows: readonly RatedRow[],
  tally: UsageRerateTally,
  directory: UsageDirectory | undefined,
): Promise<number> {
  const client = await store.pool.connect();
  try {
    // Outside the transaction: whoever needs the same series would wait for its end.
    await usageSeries.prepare(
      client,
      standingsOf(rows).flatMap(standing => foreseen(standing, directory)),
    );
  } finally {
    client.release();
  }
  const changed = await inTransaction(store, async client => {
    const refs = rows.map(({ ref }) => ref);
    await lockEvents(client, refs);
    await lockMonths(client, 'alone');
    // Read without the locks; somebody may have rated them meanwhile.
    const standings = standingsOf(await readRated(client, refs));
    const moves = new MonthMoves();
    const rated = await rateAll(client, standings, moves, directory);
    await moves.write(client);
    const changed = rated.filter(isChanged);
    await bookAll(client, order, changed);
    return { rated, changed };
  });
  tally.add(changed.rated);
  return changed.changed.length;
}

function standingsOf(rows: readonly RatedRow[]): readonly StandingEvent[] {
  return rows.flatMap(({ standing }) => standing ?? []);
}

async function rateAll(
  client: pg.ClientBase,
  standings: readonly StandingEvent[],
  moves: MonthMoves,
  directory: UsageDirectory | undefined,
): Promise<readonly RatedAgain[]> {
  const targets = new Map(
    standings.map(standing => [standing, directory === undefined ? undefined : targetsOf(standing, directory)]),
  );
  const none = { sell: { quarantine: '' }, buy: { quarantine: '' } };
  const months = standings.map(standing => monthsOf(standing, targets.get(standing) ?? none));
  await moves.open(client, { ids: months.flatMap(({ ids }) => ids), keys: months.flatMap(({ keys }) => keys) });
  return standings.map(standing => rateAgain(standing, targets.get(standing), moves));
}

function isChanged({ sell, buy }: RatedAgain): boolean {
  return sell !== undefined || buy !== undefined;
}

async function bookAll(
  client: pg.ClientBase,
  { run, reason, directory, payer }: UsageRerateOrder,
  changed: readonly RatedAgain[],
): Promise<void> {
  if (changed.length === 0) return;
  await insertRatings(
    client,
    changed.map(({ standing, sell, buy }) => ({
      ref: standing.ref,
      number: standing.number + 1,
      rated: { sell: written(sell ?? standing.sell), buy: written(buy ?? standing.buy) },
      corrects: { replaces: standing.number, run, cause: reason },
    })),
  );
  await bookRerated(client, changed, { directory, payer });
  await usageSeries.add(
    client,
    changed.flatMap(({ standing, sell, buy }) =>
      rerateDeltas(standing.event, standing, { sell: sell ?? standing.sell, buy: buy ?? standing.buy }),
    ),
  );
}

/** With the number of its sum, which a new one has only now. */
function written(side: NewSide): RatedSide {
  const { sum, ...rest } = side;
  return sum === undefined ? rest : { ...rest, month: { id: sum.id, units: side.month!.units } }; // it is in a sum
}

/** Deltas of the series that another rating may need. */
function foreseen(standing: StandingEvent, directory: UsageDirectory | undefined) {
  const { event, sell, buy } = standing;
  const targets = directory === undefined ? undefined : targetsOf(standing, directory);
  const some = (side: RatedSide, target: object | undefined) => ({
    currency: target !== undefined && 'currency' in target ? (target.currency as string) : side.currency, // of a side it is one
    amountAtto: side.amountAtto + 1n,
  });
  const after = { sell: some(sell, targets?.sell), buy: some(buy, targets?.buy) };
  return [
    ...rerateDeltas(event, { sell, buy }, after),
    ...rerateDeltas(event, { sell, buy }, { sell: after.sell, buy }),
    ...rerateDeltas(event, { sell, buy }, { sell, buy: after.buy }),
  ];
}
