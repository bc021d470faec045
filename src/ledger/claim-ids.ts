import type pg from 'pg';
import { type ClaimedOrder, contentOf, digestOf, type PendingOrder } from './transfer-order.ts';

/** What became of an order. `exists`: it was booked before, just so. `conflict`: its id was, with other content; both are
 *  kept and nothing is booked. `batch-refused`: it is in order, and another of its batch is a conflict. */
export type BookingOutcome = 'booked' | 'exists' | 'conflict' | 'batch-refused';

export interface BookingResult {
  readonly id: string;
  readonly outcome: BookingOutcome;
}

interface Claim {
  readonly order: PendingOrder;
  readonly content: string;
  readonly digest: string;
}

/** One statement takes so many ids. */
const claimedAtOnce = 10_000;

/** Takes the ids that are new, in the caller's transaction: whoever gets one books its order in the same transaction.
 *  Waits for others that are taking the same ids. Conflicts are kept in transfer_conflict and raised as alerts. */
export async function claimIds(
  client: pg.ClientBase,
  orders: readonly PendingOrder[],
  pending: boolean,
): Promise<{ readonly fresh: readonly ClaimedOrder[]; readonly results: readonly BookingResult[] }> {
  const claims = orders.map(order => {
    const content = contentOf(order, pending);
    return { order, content, digest: digestOf(content) };
  });
  const refused = new Set<string>();
  for (;;) {
    await client.query('savepoint claim_ids');
    const { fresh, taken, outcomes, conflicts } = await claimOnce(client, claims, refused);
    const broken = conflicts.flatMap(({ order }) => order.batch ?? []).filter(batch => !refused.has(batch));
    const half = fresh.some(({ order }) => order.batch !== undefined && broken.includes(order.batch));
    for (const batch of broken) refused.add(batch);
    if (half) {
      // Part of a batch was taken before its conflict was seen; without the batch, there is one conflict fewer to find.
      await client.query('rollback to savepoint claim_ids');
      continue;
    }
    await client.query('release savepoint claim_ids');
    await keepConflicts(client, conflicts);
    const results = claims.map(({ order }, index) => {
      const outcome = outcomes[index]!;
      const inRefused = order.batch !== undefined && refused.has(order.batch) && outcome !== 'conflict';
      return { id: order.id, outcome: inRefused && outcome !== 'exists' ? ('batch-refused' as const) : outcome };
    });
    return { fresh: fresh.map(({ order }) => ({ ...order, atMs: taken.get(order.id)! })), results };
  }
}

async function claimOnce(
  client: pg.ClientBase,
  claims: readonly Claim[],
  refused: ReadonlySet<string>,
): Promise<{
  fresh: Claim[];
  /** The instant of each id that was taken. */
  taken: ReadonlyMap<string, number>;
  outcomes: BookingOutcome[];
  conflicts: Claim[];
}> {
  const first = new Map<string, Claim>();
  for (const claim of claims) if (!first.has(claim.order.id)) first.set(claim.order.id, claim);
  const wanted = [...first.values()].filter(({ order }) => order.batch === undefined || !refused.has(order.batch));
  // In one order, so that two who take the same ids never wait for each other in a circle.
  wanted.sort((a, b) => (a.order.id < b.order.id ? -1 : 1));
  const taken = new Map<string, number>();
  for (let start = 0; start < wanted.length; start += claimedAtOnce) {
    for (const { id, at } of await insertKeys(client, wanted.slice(start, start + claimedAtOnce))) {
      taken.set(id, at.getTime());
    }
  }
  const present = await readDigests(
    client,
    [...first.keys()].filter(id => !taken.has(id)),
  );

  const fresh: Claim[] = [];
  const conflicts: Claim[] = [];
  const outcomes = claims.map(claim => {
    const { id } = claim.order;
    const booked = taken.has(id) ? first.get(id)!.digest : present.get(id);
    // Not there, and not taken: only a refused batch is passed over.
    if (booked === undefined && first.get(id)!.digest === claim.digest) return 'batch-refused';
    if (booked === claim.digest && taken.has(id) && first.get(id) === claim) {
      fresh.push(claim);
      return 'booked';
    }
    if (booked === claim.digest) return 'exists';
    conflicts.push(claim);
    return 'conflict';
  });
  return { fresh, taken, outcomes, conflicts };
}

async function insertKeys(
  client: pg.ClientBase,
  claims: readonly Claim[],
): Promise<readonly { readonly id: string; readonly at: Date }[]> {
  const { rows } = await client.query(
    `insert into transfer_key (id, at, digest, content, batch, reference)
     select id, coalesce(at, date_trunc('milliseconds', now())), decode(digest, 'hex'), content, batch, reference
       from unnest($1::text[], $2::timestamptz[], $3::text[], $4::json[], $5::text[], $6::text[])
            as k (id, at, digest, content, batch, reference)
     on conflict do nothing
     returning id, at`,
    [
      claims.map(({ order }) => order.id),
      claims.map(({ order }) => (order.atMs === undefined ? null : new Date(order.atMs).toISOString())),
      claims.map(({ digest }) => digest),
      claims.map(({ content }) => content),
      claims.map(({ order }) => order.batch ?? null),
      claims.map(({ order }) => order.reference ?? null),
    ],
  );
  return rows;
}

async function readDigests(client: pg.ClientBase, ids: readonly string[]): Promise<Map<string, string>> {
  if (ids.length === 0) return new Map();
  const { rows } = await client.query(
    `select id, encode(digest, 'hex') as digest from transfer_key where id = any($1)`,
    [ids],
  );
  return new Map(rows.map(({ id, digest }) => [id, digest]));
}

/** Both contents are kept: which of them is right is for people to say. */
async function keepConflicts(client: pg.ClientBase, conflicts: readonly Claim[]): Promise<void> {
  if (conflicts.length === 0) return;
  const columns = [
    conflicts.map(({ order }) => order.id),
    conflicts.map(({ digest }) => digest),
    conflicts.map(({ content }) => content),
  ];
  await client.query(
    `with second as (select * from unnest($1::text[], $2::text[], $3::json[]) as c (id, digest, content)),
     kept as (
       insert into transfer_conflict (id, digest, first, second)
       select id, decode(second.digest, 'hex'), transfer_key.content, second.content
         from second join transfer_key using (id)
       on conflict do nothing
     )
     insert into alert (id, code, message, detail)
     select 'transfer_conflict:' || id || ':' || second.digest, 'transfer_conflict',
            'Transfer ' || id || ' was ordered again with other content; the first is booked, the other is kept beside it.',
            json_build_object('first', transfer_key.content, 'second', second.content)
       from second join transfer_key using (id)
     on conflict do nothing`,
    columns,
  );
}
