import { createHash } from 'node:crypto';
import type pg from 'pg';
import type { UsagePayer } from '../ledger/usage-payer.ts';
import { type UsageDelta, UsageSeriesBook } from '../ledger/usage-series.ts';
import { meterRow } from '../pricing/meters.ts';
import type { Store } from '../store/connect.ts';
import { bookRatings } from './book-ratings.ts';
import type { UsageDirectory } from './directory.ts';
import { claimRefs, insertConflicts, type Named, raiseAlerts, refOf } from './event-keys.ts';
import { eventDeltas, foreseenDeltas } from './event-postings.ts';
import type { PlacedEvent } from './place-event.ts';
import { type PricedEvent, type RatedEvent, type RatedSide, rateEvent } from './rate-event.ts';
import { rateByMonths } from './usage-months.ts';

/** accepted: rated and booked. quarantined: kept, alerted, and booked once there is a rate. duplicate: it was here before,
 *  the same. conflict: its name was here before with other facts; the first counts, this one is kept beside. */
export interface RecordedEvent {
  readonly ref: string;
  readonly outcome: 'accepted' | 'quarantined' | 'duplicate' | 'conflict';
  readonly reason?: string;
  /** Of an accepted one. */
  readonly rated?: RatedEvent;
}

interface Candidate extends Named {
  readonly usage: PlacedEvent;
  readonly priced: PricedEvent | { readonly quarantine: string };
}

/** One that is new, with what it is worth. */
type Fresh = Candidate & { readonly rated: RatedEvent | { readonly quarantine: string } };

/** One rating of an event: the next number of its own. */
export interface Rating {
  readonly ref: string;
  readonly number: number;
  readonly rated: RatedEvent | { readonly quarantine: string };
  /** Of one that takes the place of another: which, and the piece of work it was and why. */
  readonly corrects?: { readonly replaces: number; readonly run: string; readonly cause: string };
}

/** Numbers of series never change, so one book serves all. */
export const usageSeries = new UsageSeriesBook();

/** Takes events, all of them in one transaction: what is new is rated and booked, once. One result an event, in order.
 *  Without a payer everything is unbilled. */
export async function recordEvents(
  store: Store,
  directory: UsageDirectory,
  events: readonly { readonly event: PlacedEvent; readonly json: unknown }[],
  payer?: UsagePayer,
): Promise<readonly RecordedEvent[]> {
  const candidates = events.map(({ event, json }): Candidate => {
    return { ref: refOf(event), digest: digestOf(event), usage: event, json, priced: rateEvent(event, directory) };
  });
  const client = await store.pool.connect();
  let broken: Error | undefined;
  try {
    // Outside the transaction: whoever needs the same series would wait for its end.
    await usageSeries.prepare(
      client,
      candidates.flatMap(({ usage, priced }) =>
        'quarantine' in priced ? eventDeltas(usage, undefined, 'arrived') : foreseenDeltas(usage, priced, 'arrived'),
      ),
    );
    await client.query('begin');
    const results = await recordAll(client, candidates, { directory, payer });
    await client.query('commit');
    return results;
  } catch (error) {
    broken = error as Error;
    throw error;
  } finally {
    // Closing the connection undoes the transaction.
    client.release(broken);
  }
}

async function recordAll(
  client: pg.ClientBase,
  candidates: readonly Candidate[],
  paying: { readonly directory: UsageDirectory; readonly payer: UsagePayer | undefined },
): Promise<readonly RecordedEvent[]> {
  const claims = await claimRefs(client, candidates);
  const fresh = await rateFresh(
    client,
    candidates.filter(candidate => claims.get(candidate) === 'fresh'),
  );
  await insertEvents(client, fresh);
  await insertRatings(
    client,
    fresh.map(({ ref, rated }) => ({ ref, number: 1, rated })),
  );
  await bookRatings(
    client,
    fresh.flatMap(({ ref, usage, rated }) => ('quarantine' in rated ? [] : [{ ref, number: 1, event: usage, rated }])),
    paying,
  );
  await usageSeries.add(client, fresh.flatMap(deltasOf));
  await insertConflicts(
    client,
    candidates.filter(candidate => claims.get(candidate) === 'conflict'),
  );
  await raiseAlerts(client, fresh.flatMap(quarantineAlert));
  const ratedOf = new Map(fresh.map(({ ref, rated }) => [ref, rated]));
  return candidates.map((candidate): RecordedEvent => {
    const { ref } = candidate;
    const claim = claims.get(candidate);
    if (claim === 'duplicate') return { ref, outcome: 'duplicate' };
    if (claim === 'conflict') {
      return { ref, outcome: 'conflict', reason: 'this source told another event under this id before' };
    }
    const rated = ratedOf.get(ref)!; // it is fresh
    if ('quarantine' in rated) return { ref, outcome: 'quarantined', reason: rated.quarantine };
    return { ref, outcome: 'accepted', rated };
  });
}

/** What new events are worth. Only these are added to the sums of their months. */
async function rateFresh(client: pg.ClientBase, fresh: readonly Candidate[]): Promise<readonly Fresh[]> {
  const usages = fresh.flatMap(candidate =>
    'quarantine' in candidate.priced ? [] : [{ candidate, event: candidate.usage, priced: candidate.priced }],
  );
  const byCandidate = new Map<Candidate, Fresh['rated']>(
    [...(await rateByMonths(client, usages))].map(([{ candidate }, rated]) => [candidate, rated]),
  );
  return fresh.map(candidate => {
    const { priced } = candidate;
    return { ...candidate, rated: 'quarantine' in priced ? priced : byCandidate.get(candidate)! }; // it was rated just now
  });
}

async function insertEvents(client: pg.ClientBase, fresh: readonly Candidate[]): Promise<void> {
  if (fresh.length === 0) return;
  const rows = fresh.map(({ ref, usage, json }) => ({
    ref,
    at: new Date(usage.atMs).toISOString(),
    organisation: usage.organisation,
    project: usage.placedProject,
    key: usage.key ?? '',
    provider: usage.placedProvider,
    product: usage.placedProduct,
    deployment: usage.deployment ?? '',
    meter: usage.meter,
    revenue_class: meterRow(usage.meter).revenue,
    quantity: usage.quantity,
    holders: usage.holders,
    mode: usage.mode,
    region: usage.region ?? '',
    event: json,
  }));
  await client.query('insert into usage_event select * from json_populate_recordset(null::usage_event, $1::json)', [
    JSON.stringify(rows),
  ]);
}

/** Ratings of numbers that nobody else can take: of events that are new, or locked. */
export async function insertRatings(client: pg.ClientBase, ratings: readonly Rating[]): Promise<void> {
  if (ratings.length === 0) return;
  const rows = ratings.map(({ ref, number, rated, corrects }) => {
    const facts = { ref, number, ...corrects, sell_shift_atto: '0', buy_shift_atto: '0' };
    if ('quarantine' in rated) return { ...facts, state: 'quarantined', reason: rated.quarantine };
    return { ...facts, state: 'rated', ...sideColumns('sell', rated.sell), ...sideColumns('buy', rated.buy) };
  });
  const columns =
    'ref, number, state, reason, sell_atto, sell_currency, sell_version, sell_lines, sell_month, sell_units, ' +
    'buy_atto, buy_currency, buy_version, buy_lines, buy_month, buy_units, replaces, run, cause, ' +
    'sell_shift_atto, buy_shift_atto';
  await client.query(
    `insert into usage_event_rating (${columns})
     select ${columns} from json_populate_recordset(null::usage_event_rating, $1::json)`,
    [JSON.stringify(rows)],
  );
}

function sideColumns(book: 'sell' | 'buy', side: RatedSide) {
  const { amountAtto, currency, version, lines, month, shiftAtto = 0n } = side;
  return {
    [`${book}_atto`]: amountAtto.toString(),
    [`${book}_currency`]: currency,
    [`${book}_version`]: version,
    [`${book}_lines`]: lines,
    [`${book}_shift_atto`]: shiftAtto.toString(),
    ...(month === undefined
      ? {}
      : { [`${book}_month`]: month.id.toString(), [`${book}_units`]: month.units.toString() }),
  };
}

function quarantineAlert({ ref, usage, rated }: Fresh) {
  if (!('quarantine' in rated)) return [];
  const name = `${usage.source.slice(0, 80)} ${usage.id.slice(0, 80)}`;
  return [
    {
      id: `usage_event_quarantined:${ref}`,
      code: 'usage_event_quarantined',
      message:
        `Usage event ${ref} (${name}) cannot be rated: ${rated.quarantine}. ` +
        'Publish the price, then run `carrier usage-events rate`.',
    },
  ];
}

function deltasOf({ usage, rated }: Fresh): UsageDelta[] {
  return eventDeltas(usage, 'quarantine' in rated ? undefined : rated, 'arrived');
}

/** Of what was told, not of how: another spelling of the same instant, another order of members and another trace of the
 *  way here are the same event. Not of what the configuration makes of it, either. */
function digestOf(event: PlacedEvent): string {
  const facts = [
    event.atMs,
    event.organisation,
    event.project ?? null,
    event.key ?? null,
    event.meter,
    event.quantity,
    event.holders,
    event.product ?? null,
    event.deployment ?? null,
    event.provider ?? null,
    event.region ?? null,
    event.mode,
  ];
  return createHash('sha256').update(JSON.stringify(facts)).digest('hex');
}
