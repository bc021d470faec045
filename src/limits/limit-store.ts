import type { Store } from '../store/connect.ts';
import { listen } from '../store/listen.ts';
import { type Notice, writeNotice } from '../store/notice.ts';
import { type LimitAnswer, type LimitLeases, type LimitRequest, limitGrant } from './limit-leases.ts';

/** What was counted of one limit in one window since it was last written. */
export interface CountedWindow {
  readonly limit: string;
  readonly startsAtMs: number;
  readonly endsAtMs: number;
  readonly used: number;
  readonly refused: number;
  readonly wouldRefuse: number;
}

const channel = 'carrier_limits';
/** A replica that was not heard of for so long has no part, and what it held is free; lease_concurrency says the same. */
const silentSeconds = 30;
/** Rows of holders that nobody heard of for so long are deleted. */
const goneMinutes = 10;
/** What windows counted is shown for so long after they ended. */
export const countsKeptMinutes = 20;
/** Rows deleted at once. */
const deletedMax = 10_000;

/** Limits in Postgres. A row of rate_window is what all replicas together were given of a window, and the lock under which
 *  it changes; requests at once are leases that expire unless their holder renews them. */
export class LimitStore implements LimitLeases {
  readonly #store: Store;
  readonly #holder: string;

  /** `holder`: the supervisor generation. */
  constructor(store: Store, holder: string) {
    this.#store = store;
    this.#holder = holder;
  }

  async acquire(request: LimitRequest): Promise<LimitAnswer> {
    const { limit, window, endsAtMs, cap, claim, need, due, want } = request;
    if (endsAtMs === Number.POSITIVE_INFINITY) {
      const { rows } = await this.#store.pool.query({
        name: 'limit-lease',
        text: 'select granted, remaining from lease_concurrency($1, $2, $3, $4, $5, $6, $7)',
        values: [limit, this.#holder, cap, claim, need, due, want],
      });
      return { granted: Number(rows[0].granted), left: Math.max(0, Number(rows[0].remaining)) };
    }
    const first = limitGrant(cap - claim, request);
    const { rows } = await this.#store.pool.query({
      name: 'limit-window',
      text: acquireSql,
      values: [limit, new Date(window), new Date(endsAtMs), claim, first, cap, need, due, want],
    });
    return { granted: Number(rows[0].granted), left: Math.max(0, cap - Number(rows[0].taken)) };
  }

  async release(limit: string, window: number, amount: number): Promise<void> {
    if (window === 0) {
      await this.#store.pool.query(
        `update concurrency_lease set permits = greatest(0, permits - $3) where limit_id = $1 and holder = $2`,
        [limit, this.#holder, amount],
      );
      return;
    }
    await this.#store.pool.query(
      `update rate_window set taken = greatest(0, taken - $3) where limit_id = $1 and starts_at = $2`,
      [limit, new Date(window), amount],
    );
  }

  async askOthers(limit: string, window: number): Promise<void> {
    await this.#store.pool.query('select pg_notify($1, $2)', [channel, JSON.stringify([limit, window, this.#holder])]);
  }

  /** Calls back when another replica asks. Returns how to stop. */
  listen(onAsked: (limit: string, window: number) => void): () => Promise<void> {
    return listen({
      url: () => this.#store.url,
      channel,
      applicationName: 'carrier-limits',
      onPayload: payload => {
        const asked = readAsked(payload);
        if (asked !== undefined && asked.holder !== this.#holder) onAsked(asked.limit, asked.window);
      },
    });
  }

  /** Says that this replica is alive, and what it holds; how many replicas are. */
  async renew(held: readonly { readonly limit: string; readonly amount: number }[]): Promise<number> {
    const { rows } = await this.#store.pool.query(renewSql, [
      this.#holder,
      held.map(({ limit }) => limit),
      held.map(({ amount }) => amount),
    ]);
    return Math.max(1, Number(rows[0].replicas));
  }

  async addCounts(counts: readonly CountedWindow[]): Promise<void> {
    if (counts.length === 0) return;
    await this.#store.pool.query(
      `insert into limit_count as count (limit_id, starts_at, ends_at, used, refused, would_refuse)
       select * from unnest($1::text[], $2::timestamptz[], $3::timestamptz[], $4::bigint[], $5::bigint[], $6::bigint[])
           as new (limit_id, starts_at, ends_at, used, refused, would_refuse)
        order by limit_id, starts_at
       on conflict (limit_id, starts_at) do update
          set used = count.used + excluded.used, refused = count.refused + excluded.refused,
              would_refuse = count.would_refuse + excluded.would_refuse`,
      [
        counts.map(({ limit }) => limit),
        counts.map(({ startsAtMs }) => new Date(startsAtMs)),
        counts.map(({ endsAtMs }) => new Date(endsAtMs)),
        counts.map(({ used }) => used),
        counts.map(({ refused }) => refused),
        counts.map(({ wouldRefuse }) => wouldRefuse),
      ],
    );
  }

  /** False: it was told already. */
  tell(notice: Notice): Promise<boolean> {
    return writeNotice(this.#store.db, notice);
  }

  /** Deletes what is over. Call it every minute or so. */
  async forget(): Promise<void> {
    for (const [table, kept] of [
      ['rate_window', 1],
      ['limit_count', countsKeptMinutes],
    ] as const) {
      await this.#store.pool.query(
        `delete from ${table} where ctid = any(array(
           select ctid from ${table} where ends_at < now() - interval '${kept} minutes' limit ${deletedMax}))`,
      );
    }
    await this.#store.pool.query(
      `with gone as (delete from concurrency_lease where renewed_at < now() - interval '${goneMinutes} minutes')
       delete from limit_replica where seen_at < now() - interval '${goneMinutes} minutes'`,
    );
  }

  /** Nothing is held here any more. */
  async leave(): Promise<void> {
    await this.#store.pool.query(
      `with gone as (delete from concurrency_lease where holder = $1) delete from limit_replica where holder = $1`,
      [this.#holder],
    );
  }
}

/** One statement, so one round trip while somebody waits. The row is its lock. */
const acquireSql = `
insert into rate_window as held (limit_id, starts_at, ends_at, taken, granted)
values ($1, $2, $3, $4::bigint + $5::bigint, $5)
on conflict (limit_id, starts_at) do update
   set granted = rate_grant($6::bigint - held.taken - $4::bigint, $7::bigint, $8::bigint, $9::bigint),
       taken = held.taken + $4::bigint
             + rate_grant($6::bigint - held.taken - $4::bigint, $7::bigint, $8::bigint, $9::bigint)
returning granted, taken`;

/** A lease that was forgotten meanwhile is written anew: its holder lives. */
const renewSql = `
with seen as (
  insert into limit_replica (holder, seen_at) values ($1, now())
  on conflict (holder) do update set seen_at = now()
), leased as (
  insert into concurrency_lease (limit_id, holder, permits, renewed_at)
  select limit_id, $1, permits, now() from unnest($2::text[], $3::bigint[]) as held (limit_id, permits)
   order by limit_id
  on conflict (limit_id, holder) do update set renewed_at = now()
)
select 1 + count(*) as replicas
  from limit_replica where seen_at > now() - interval '${silentSeconds} seconds' and holder <> $1`;

function readAsked(payload: string): { limit: string; window: number; holder: string } | undefined {
  try {
    const [limit, window, holder] = JSON.parse(payload) as unknown[];
    return typeof limit === 'string' && typeof window === 'number' && typeof holder === 'string'
      ? { limit, window, holder }
      : undefined;
  } catch {
    return undefined;
  }
}
