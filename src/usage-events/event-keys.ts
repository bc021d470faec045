import { createHash } from 'node:crypto';
import type pg from 'pg';

/** An event on its way in: what it is called, and what it says. */
export interface Named {
  readonly ref: string;
  /** SHA-256, hex, of its facts. */
  readonly digest: string;
  readonly json: unknown;
}

interface Keyed extends Named {
  readonly usage?: { readonly source: string; readonly id: string };
  readonly trueUp?: { readonly source: string; readonly id: string };
}

export type Claim = 'fresh' | 'duplicate' | 'conflict';

/** Of source and id, which together name an event (CloudEvents 1.0). */
export function refOf({ source, id }: { readonly source: string; readonly id: string }): string {
  return `ue_${createHash('sha256').update(`${source}\n${id}`).digest('hex').slice(0, 32)}`;
}

/** Takes the names of events in the caller's transaction. Of several with one name in one call the first is fresh; what
 *  was taken before is compared by what it said. In one order, so that two callers never wait for each other in a circle. */
export async function claimRefs<Event extends Keyed>(
  client: pg.ClientBase,
  events: readonly Event[],
): Promise<ReadonlyMap<Event, Claim>> {
  const first = new Map<string, Event>();
  for (const event of events) if (!first.has(event.ref)) first.set(event.ref, event);
  const sorted = [...first.values()].sort((a, b) => (a.ref < b.ref ? -1 : 1));
  const names = sorted.map(({ usage, trueUp }) => usage ?? trueUp!); // one of them is there
  const claimed = await client.query(
    `insert into usage_event_key (ref, source, id, digest)
     select ref, source, id, decode(digest, 'hex')
       from unnest($1::text[], $2::text[], $3::text[], $4::text[]) as t (ref, source, id, digest)
     on conflict do nothing
     returning ref`,
    [
      sorted.map(({ ref }) => ref),
      names.map(({ source }) => source),
      names.map(({ id }) => id),
      sorted.map(({ digest }) => digest),
    ],
  );
  const isFresh = new Set<string>(claimed.rows.map(({ ref }) => ref));
  const present = await client.query(
    `select ref, encode(digest, 'hex') as digest from usage_event_key where ref = any($1)`,
    [sorted.map(({ ref }) => ref).filter(ref => !isFresh.has(ref))],
  );
  const digests = new Map<string, string>(present.rows.map(({ ref, digest }) => [ref, digest]));
  return new Map(
    events.map(event => {
      if (isFresh.has(event.ref) && first.get(event.ref) === event) return [event, 'fresh'] as const;
      const known = digests.get(event.ref) ?? first.get(event.ref)?.digest;
      return [event, known === event.digest ? 'duplicate' : 'conflict'] as const;
    }),
  );
}

/** Keeps what a name was told with a second time, and tells people. */
export async function insertConflicts(client: pg.ClientBase, conflicts: readonly Keyed[]): Promise<void> {
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
  await raiseAlerts(
    client,
    conflicts.map(({ ref, digest, usage, trueUp }) => {
      const { source, id } = usage ?? trueUp!; // one of them is there
      return {
        id: `usage_event_conflict:${ref}:${digest}`,
        code: 'usage_event_conflict',
        message:
          `${source.slice(0, 80)} told event ${id.slice(0, 80)} twice with different facts; the first counts, ` +
          'the other is kept and not booked.',
      };
    }),
  );
}

export async function raiseAlerts(
  client: pg.ClientBase,
  alerts: readonly { readonly id: string; readonly code: string; readonly message: string }[],
): Promise<void> {
  if (alerts.length === 0) return;
  await client.query(
    'insert into alert (id, code, message) select * from unnest($1::text[], $2::text[], $3::text[]) on conflict do nothing',
    [alerts.map(({ id }) => id), alerts.map(({ code }) => code), alerts.map(({ message }) => message)],
  );
}
