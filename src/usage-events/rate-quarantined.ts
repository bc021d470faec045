import type pg from 'pg';
import type { UsagePayer } from '../ledger/usage-payer.ts';
import type { Store } from '../store/connect.ts';
import { type BookedRating, bookRatings } from './book-ratings.ts';
import type { UsageDirectory } from './directory.ts';
import { eventDeltas, foreseenDeltas } from './event-postings.ts';
import type { PlacedEvent } from './place-event.ts';
import { type PricedEvent, rateEvent } from './rate-event.ts';
import { insertRatings, usageSeries } from './record-events.ts';
import { readStored, type StoredEvent, storedColumns } from './stored-event.ts';
import { rateByMonths } from './usage-months.ts';

export interface RatedLater {
  /** Rated and booked now. */
  readonly rated: number;
  /** Still without a price. */
  readonly left: number;
  /** Behind the last one that was looked at; undefined at the end. */
  readonly next: string | undefined;
}

/** One transaction. */
const ratedAtOnce = 1_000;

interface QuarantinedRow extends StoredEvent {
  readonly number: number;
}

/** Rates again what could not be rated, by the prices there are now for the instant of use (a price is never published for
 *  the past, so what was used before its first price takes another instant's): one step, of events whose ref
 *  is behind `after`. Each gets its next rating and its own transfers; what is still without a price stays as it is, so
 *  that asking again changes nothing. Two who do it at once rate each event once. */
export async function rateQuarantined(
  store: Store,
  directory: UsageDirectory,
  {
    after = '',
    limit = ratedAtOnce,
    pricesOfMs,
    payer,
  }: {
    readonly after?: string | undefined;
    readonly limit?: number;
    /** Somebody's decision: prices of this instant, where there were none at the instant of use. */
    readonly pricesOfMs?: number | undefined;
    /** Without one everything is unbilled. */
    readonly payer?: UsagePayer | undefined;
  } = {},
): Promise<RatedLater> {
  const client = await store.pool.connect();
  let broken: Error | undefined;
  try {
    const { rows } = await client.query<QuarantinedRow>(quarantinedSql, [after, limit]);
    const found = rows.map(row => {
      const event = readStored(row);
      return { row, event, priced: rateEvent(event, directory, pricesOfMs) };
    });
    const priced = found.flatMap(({ row, event, priced }) =>
      'quarantine' in priced ? [] : [{ ref: row.ref, number: row.number + 1, event, priced }],
    );
    await usageSeries.prepare(
      client,
      priced.flatMap(({ event, priced }) => foreseenDeltas(event, priced, 'rated-later')),
    );
    await client.query('begin');
    const { rated, unrated } = await book(client, priced, { directory, payer });
    await client.query('commit');
    return {
      rated,
      left: found.length - priced.length + unrated,
      next: rows.length < limit ? undefined : rows.at(-1)?.ref,
    };
  } catch (error) {
    broken = error as Error;
    throw error;
  } finally {
    // Closing the connection undoes the transaction.
    client.release(broken);
  }
}

interface Priced {
  readonly ref: string;
  readonly number: number;
  readonly event: PlacedEvent;
  readonly priced: PricedEvent;
}

async function book(
  client: pg.ClientBase,
  priced: readonly Priced[],
  paying: Parameters<typeof bookRatings>[2],
): Promise<{ readonly rated: number; readonly unrated: number }> {
  const amounts = await rateByMonths(client, await lockUnrated(client, priced));
  const ratings = [...amounts].flatMap(([{ ref, number, event }, rated]): BookedRating[] =>
    'quarantine' in rated ? [] : [{ ref, number, event, rated }],
  );
  await insertRatings(client, ratings);
  await bookRatings(client, ratings, paying);
  await usageSeries.add(
    client,
    ratings.flatMap(({ event, rated }) => eventDeltas(event, rated, 'rated-later')),
  );
  return { rated: ratings.length, unrated: amounts.size - ratings.length };
}

/** Those that nobody else has rated meanwhile, nor can until the transaction ends. */
async function lockUnrated(client: pg.ClientBase, priced: readonly Priced[]): Promise<readonly Priced[]> {
  await client.query('select from usage_event_key where ref = any($1) order by ref for update', [
    priced.map(({ ref }) => ref),
  ]);
  const { rows } = await client.query(
    'select r.ref from usage_event_rating r join unnest($1::text[], $2::int[]) as p (ref, number) using (ref, number)',
    [priced.map(({ ref }) => ref), priced.map(({ number }) => number)],
  );
  const taken = new Set(rows.map(({ ref }) => ref));
  return priced.filter(({ ref }) => !taken.has(ref));
}

/** The partial index finds events that were quarantined once; the newest rating says whether they still are. */
const quarantinedSql = `
select ${storedColumns},
       newest.number
  from (select distinct ref from usage_event_rating where state = 'quarantined' and ref > $1) as once
  join usage_event e on e.ref = once.ref
  join usage_event_key k on k.ref = e.ref
 cross join lateral (
       select number, state from usage_event_rating r where r.ref = e.ref order by number desc limit 1) as newest
 where newest.state = 'quarantined'
 order by e.ref
 limit $2`;
