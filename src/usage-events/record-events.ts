import { createHash } from 'node:crypto';
import type pg from 'pg';
import { book } from '../ledger/book.ts';
import { UsageSeriesBook } from '../ledger/usage-series.ts';
import { meterRow } from '../pricing/meters.ts';
import { ratedAmountJson } from '../pricing/rating.ts';
import type { Store } from '../store/connect.ts';
import type { UsageDirectory } from './directory.ts';
import { eventDeltas, eventOrders } from './event-postings.ts';
import type { PlacedEvent } from './place-event.ts';
import { type RatedEvent, rateEvent } from './rate-event.ts';

/** accepted: rated and booked. quarantined: kept, alerted, and booked once there is a rate. duplicate: it was here before,
 *  the same. conflict: its name was here before with other facts; the first counts, this one is kept beside. */
export interface RecordedEvent {
  readonly ref: string;
  readonly outcome: 'accepted' | 'quarantined' | 'duplicate' | 'conflict';
  readonly reason?: string;
  /** Of an accepted one. */
  readonly rated?: RatedEvent;
}

interface Candidate {
  readonly ref: string;
  readonly digest: string;
  readonly event: PlacedEvent;
  readonly json: unknown;
  readonly rated: RatedEvent | { readonly quarantine: string };
}

const series = new UsageSeriesBook();

/** Takes events, all of them in one transaction: what is new is rated and booked, once. One result an event, in order. */
export async function recordEvents(
  store: Store,
  directory: UsageDirectory,
  events: readonly { readonly event: PlacedEvent; readonly json: unknown }[],
): Promise<readonly RecordedEvent[]> {
  const candidates = events.map(({ event, json }): Candidate => {
    return { ref: refOf(event), digest: digestOf(event), event, json, rated: rateEvent(event, directory) };
  });
  const client = await store.pool.connect();
  let broken: Error | undefined;
  try {
    // Outside the transaction: whoever needs the same series would wait for its end.
    await series.prepare(client, candidates.flatMap(deltasOf));
    await client.query('begin');
    const results = await recordAll(client, candidates);
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

async function recordAll(client: pg.ClientBase, candidates: readonly Candidate[]): Promise<readonly RecordedEvent[]> {
  const first = new Map<string, Candidate>();
  for (const candidate of candidates) if (!first.has(candidate.ref)) first.set(candidate.ref, candidate);
  const taken = await claimRefs(client, [...first.values()]);
  const fresh = [...first.values()].filter(({ ref }) => taken.get(ref) === 'fresh');
  await insertEvents(client, fresh);
  await insertRatings(
    client,
    fresh.map(({ ref, rated }) => ({ ref, number: 1, rated })),
  );
  await bookRated(client, fresh);
  await series.add(client, fresh.flatMap(deltasOf));
  const isFirst = new Set(fresh);
  const conflicts = candidates.filter(
    candidate => !isFirst.has(candidate) && digestAt(taken, first, candidate.ref) !== candidate.digest,
  );
  await insertConflicts(client, conflicts);
  await raiseAlerts(client, fresh, conflicts);
  const isConflict = new Set(conflicts);
  return candidates.map((candidate): RecordedEvent => {
    const { ref, rated } = candidate;
    if (isConflict.has(candidate)) {
      return { ref, outcome: 'conflict', reason: 'this source told another event under this id before' };
    }
    if (!isFirst.has(candidate)) return { ref, outcome: 'duplicate' };
    if ('quarantine' in rated) return { ref, outcome: 'quarantined', reason: rated.quarantine };
    return { ref, outcome: 'accepted', rated };
  });
}

/** The digest that counts for a name: what was there before, else the first of this call. */
function digestAt(
  taken: ReadonlyMap<string, string>,
  first: ReadonlyMap<string, Candidate>,
  ref: string,
): string | undefined {
  const before = taken.get(ref);
  return before === 'fresh' ? first.get(ref)?.digest : before;
}

/** By ref: `fresh` where it is ours now, else the digest it was taken with. In one order, so that two callers never wait
 *  for each other in a circle. */
async function claimRefs(
  client: pg.ClientBase,
  candidates: readonly Candidate[],
): Promise<ReadonlyMap<string, string>> {
  const sorted = [...candidates].sort((a, b) => (a.ref < b.ref ? -1 : 1));
  const claimed = await client.query(
    `insert into usage_event_key (ref, source, id, digest)
     select ref, source, id, decode(digest, 'hex')
       from unnest($1::text[], $2::text[], $3::text[], $4::text[]) as t (ref, source, id, digest)
     on conflict do nothing
     returning ref`,
    [
      sorted.map(({ ref }) => ref),
      sorted.map(({ event }) => event.source),
      sorted.map(({ event }) => event.id),
      sorted.map(({ digest }) => digest),
    ],
  );
  const taken = new Map<string, string>(claimed.rows.map(({ ref }) => [ref, 'fresh']));
  const missing = sorted.map(({ ref }) => ref).filter(ref => !taken.has(ref));
  if (missing.length === 0) return taken;
  const present = await client.query(
    `select ref, encode(digest, 'hex') as digest from usage_event_key where ref = any($1)`,
    [missing],
  );
  for (const { ref, digest } of present.rows) taken.set(ref, digest);
  return taken;
}

async function insertEvents(client: pg.ClientBase, fresh: readonly Candidate[]): Promise<void> {
  if (fresh.length === 0) return;
  const rows = fresh.map(({ ref, event, json }) => ({
    ref,
    at: new Date(event.atMs).toISOString(),
    organisation: event.organisation,
    project: event.placedProject,
    key: event.key ?? '',
    provider: event.placedProvider,
    product: event.placedProduct,
    deployment: event.deployment ?? '',
    meter: event.meter,
    revenue_class: meterRow(event.meter).revenue,
    quantity: event.quantity,
    holders: event.holders,
    mode: event.mode,
    region: event.region ?? '',
    event: json,
  }));
  await client.query('insert into usage_event select * from json_populate_recordset(null::usage_event, $1::json)', [
    JSON.stringify(rows),
  ]);
}

/** One rating each. The number is the next one of its event; who comes second with the same one writes nothing. */
export async function insertRatings(
  client: pg.ClientBase,
  ratings: readonly { readonly ref: string; readonly number: number; readonly rated: Candidate['rated'] }[],
): Promise<ReadonlySet<string>> {
  if (ratings.length === 0) return new Set();
  const rows = ratings.map(({ ref, number, rated }) => {
    if ('quarantine' in rated) return { ref, number, state: 'quarantined', reason: rated.quarantine };
    const sell = ratedAmountJson(rated.sell);
    const buy = ratedAmountJson(rated.buy);
    return {
      ref,
      number,
      state: 'rated',
      sell_atto: sell.amountAtto,
      sell_currency: sell.currency,
      sell_version: sell.version,
      sell_lines: sell.lines,
      buy_atto: buy.amountAtto,
      buy_currency: buy.currency,
      buy_version: buy.version,
      buy_lines: buy.lines,
    };
  });
  const columns =
    'ref, number, state, reason, sell_atto, sell_currency, sell_version, sell_lines, ' +
    'buy_atto, buy_currency, buy_version, buy_lines';
  const written = await client.query(
    `insert into usage_event_rating (${columns})
     select ${columns} from json_populate_recordset(null::usage_event_rating, $1::json)
     on conflict do nothing
     returning ref`,
    [JSON.stringify(rows)],
  );
  return new Set(written.rows.map(({ ref }) => ref));
}

async function bookRated(client: pg.ClientBase, fresh: readonly Candidate[]): Promise<void> {
  const orders = fresh.flatMap(({ ref, event, rated }) =>
    'quarantine' in rated ? [] : eventOrders(ref, 1, event, rated),
  );
  await bookAll(client, orders);
}

/** The ids are of an event and a rating that were just taken, so nothing of them can be there. */
export async function bookAll(client: pg.ClientBase, orders: Parameters<typeof book>[1]): Promise<void> {
  const results = await book(client, orders);
  const other = results.find(({ outcome }) => outcome !== 'booked');
  if (other !== undefined) throw new Error(`transfer ${other.id} of a new rating is there already: ${other.outcome}`);
}

async function insertConflicts(client: pg.ClientBase, conflicts: readonly Candidate[]): Promise<void> {
  if (conflicts.length === 0) return;
  await client.query(
    `insert into usage_event_conflict (ref, digest, event)
     select ref, decode(digest, 'hex'), event from unnest($1::text[], $2::text[], $3::json[]) as t (ref, digest, event)
     on conflict do nothing`,
    [
      conflicts.map(({ ref }) => ref),
      conflicts.map(({ digest }) => digest),
      conflicts.map(({ json }) => JSON.stringify(json)),
    ],
  );
}

async function raiseAlerts(
  client: pg.ClientBase,
  fresh: readonly Candidate[],
  conflicts: readonly Candidate[],
): Promise<void> {
  const quarantined = fresh.flatMap(({ ref, event, rated }) =>
    'quarantine' in rated
      ? [
          {
            id: `usage_event_quarantined:${ref}`,
            code: 'usage_event_quarantined',
            message:
              `Usage event ${ref} (${event.source.slice(0, 80)} ${event.id.slice(0, 80)}) cannot be rated: ${rated.quarantine}. ` +
              'Publish the price, then run `carrier usage-events rate`.',
          },
        ]
      : [],
  );
  const told = conflicts.map(({ ref, digest, event }) => ({
    id: `usage_event_conflict:${ref}:${digest}`,
    code: 'usage_event_conflict',
    message:
      `${event.source.slice(0, 80)} told usage event ${event.id.slice(0, 80)} twice with different facts; the first counts, ` +
      'the other is kept and not booked.',
  }));
  const alerts = [...quarantined, ...told];
  if (alerts.length === 0) return;
  await client.query(
    'insert into alert (id, code, message) select * from unnest($1::text[], $2::text[], $3::text[]) on conflict do nothing',
    [alerts.map(({ id }) => id), alerts.map(({ code }) => code), alerts.map(({ message }) => message)],
  );
}

function deltasOf({ event, rated }: Candidate) {
  return eventDeltas(event, 'quarantine' in rated ? undefined : rated, 'arrived');
}

/** Of source and id, which together name an event (CloudEvents 1.0). */
export function refOf({ source, id }: { readonly source: string; readonly id: string }): string {
  return `ue_${createHash('sha256').update(`${source}\n${id}`).digest('hex').slice(0, 32)}`;
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
