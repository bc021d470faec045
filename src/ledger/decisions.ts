import { sql } from 'kysely';
import type { Store } from '../store/connect.ts';

/** Decision records as they were written, with what became of their exchanges. */
export interface StoredDecision {
  readonly id: string;
  readonly at: Date;
  readonly organisation: string;
  readonly requestedModel: string;
  readonly dialect: string;
  readonly status: string;
  readonly outcome: string;
  readonly durationMs: number;
  /** The record's own bytes; null when it was left out of the journal or retention dropped it. */
  readonly record: string | null;
  readonly attempts: readonly StoredAttempt[];
}

export interface StoredAttempt {
  readonly attempt: number;
  readonly deployment: string;
  readonly outcome: string;
  readonly status: number | null;
  readonly durationMs: number;
  readonly firstByteMs: number | null;
}

export interface DecisionFilter {
  readonly from: Date;
  /** Exclusive. */
  readonly to: Date;
  readonly requestedModel?: string | undefined;
}

/** Records of one page at most. */
export const decisionPageMax = 1_000;

const attemptsJson = sql<StoredAttempt[]>`coalesce((
  select json_agg(json_build_object('attempt', a.attempt, 'deployment', a.deployment, 'outcome', a.outcome,
    'status', a.upstream_status, 'durationMs', a.duration_ms, 'firstByteMs', a.first_byte_ms) order by a.attempt)
  from attempt a where a.at = e.at and a.exchange_id = e.id), '[]')`;

const columns = sql`
  e.id, e.at, e.organisation, e.requested_model as "requestedModel", e.dialect, e.state as status, e.outcome,
  e.duration_ms::int as "durationMs", d.record::text as record, ${attemptsJson} as attempts`;

/** undefined when there is no such exchange, or retention has dropped it. */
export async function findDecision({ db }: Store, id: string): Promise<StoredDecision | undefined> {
  const { rows } = await sql<StoredDecision>`
    select ${columns}
    from exchange_key k
    join exchange e on e.at = k.at and e.id = k.id
    left join decision d on d.at = e.at and d.exchange_id = e.id
    where k.id = ${id}`.execute(db);
  return rows[0];
}

/** Oldest first. `after` is the place of the last one of the page before. */
export async function listDecisions(
  { db }: Store,
  { from, to, requestedModel }: DecisionFilter,
  { limit, after }: { readonly limit: number; readonly after?: { readonly at: Date; readonly id: string } | undefined },
): Promise<readonly StoredDecision[]> {
  const { rows } = await sql<StoredDecision>`
    select ${columns}
    from exchange e
    join decision d on d.at = e.at and d.exchange_id = e.id
    where e.at >= ${from} and e.at < ${to}
      ${requestedModel === undefined ? sql`` : sql`and e.requested_model = ${requestedModel}`}
      ${after === undefined ? sql`` : sql`and (e.at, e.id) > (${after.at}, ${after.id})`}
    order by e.at, e.id
    limit ${Math.min(limit, decisionPageMax)}`.execute(db);
  return rows;
}

export async function countDecisions({ db }: Store, { from, to, requestedModel }: DecisionFilter): Promise<number> {
  const { rows } = await sql<{ count: bigint }>`
    select count(*) as count from exchange e
    where e.at >= ${from} and e.at < ${to}
      ${requestedModel === undefined ? sql`` : sql`and e.requested_model = ${requestedModel}`}`.execute(db);
  return Number(rows[0]?.count ?? 0);
}

/** What handles were called at an instant; one that came later goes by its first name. */
export async function namesAt({ db }: Store, at: Date): Promise<ReadonlyMap<string, string>> {
  const { rows } = await sql<{ handle: string; name: string }>`
    select distinct on (handle) handle, name from deployment_name
    order by handle, since > ${at}, case when since <= ${at} then since end desc, since`.execute(db);
  return new Map(rows.map(({ handle, name }) => [handle, name]));
}

export interface Anchor {
  readonly anchor: string;
  readonly replica: string;
  readonly startsAt: Date;
  readonly committedAt: Date;
}

/** Days of anchors that are told at once at most: a leap year, with some replicas. */
const anchorsMax = 5_000;

export async function listAnchors(
  { db }: Store,
  { from, to }: Pick<DecisionFilter, 'from' | 'to'>,
): Promise<readonly Anchor[]> {
  const { rows } = await sql<Anchor>`
    select anchor, replica, starts_at as "startsAt", committed_at as "committedAt" from epoch_chain
    where starts_at > ${from}::timestamptz - interval '1 day' and starts_at < ${to}
    order by starts_at, anchor
    limit ${anchorsMax}`.execute(db);
  return rows;
}

export interface MeasuredTimes {
  readonly deployment: string;
  readonly attempts: number;
  readonly firstByteMs: number | null;
  readonly durationMs: number;
}

/** Means of the attempts that succeeded, for comparing what might have been. */
export async function measuredTimes(
  { db }: Store,
  { from, to }: Pick<DecisionFilter, 'from' | 'to'>,
): Promise<readonly MeasuredTimes[]> {
  const { rows } = await sql<MeasuredTimes>`
    select deployment, count(*)::int as attempts, avg(first_byte_ms)::float8 as "firstByteMs",
      avg(duration_ms)::float8 as "durationMs"
    from attempt
    where at >= ${from} and at < ${to} and outcome = 'ok'
    group by deployment`.execute(db);
  return rows;
}
