import { randomBytes } from 'node:crypto';
import type pg from 'pg';
import type { Store } from '../store/connect.ts';
import { listen } from '../store/listen.ts';
import type { Standing } from './broker-port.ts';

/** Blocks of budget set aside for one supervisor generation. For every budget and window, always:
 *  Σ amounts of open leases + Σ spent by closed ones (expired ones whole) ≤ the largest limit a grant was made under.
 *  A row of budget_window carries both sums, checks them, and is the lock under which they change; it is taken before any
 *  lease row, so that two of these statements never wait for each other. */

export interface LeaseRequest {
  readonly budget: string;
  /** First day of the budget's period, ISO 8601, or `total`. */
  readonly window: string;
  /** The budget's limit now. When it was lowered below what is out, nothing is granted. */
  readonly limitAtto: bigint;
  /** Less is of no use; 0 for whatever can be spared. */
  readonly needAtto: bigint;
  /** What requests wait for now: given whole if there is as much. */
  readonly dueAtto: bigint;
  readonly wantAtto: bigint;
  /** The supervisor generation: `<journal>:<generation>`. */
  readonly holder: string;
}

export interface LeasedBlock {
  /** The holder's one open lease of this window: blocks are added to it. */
  readonly lease: string;
  /** What was added. */
  readonly amountAtto: bigint;
}

/** Holders renew their leases far more often than this. */
export const leaseExpiryHours = 24;
/** Two for questions about two windows, one for what else goes on. */
const connectionsWarm = 3;
const recallChannel = 'carrier_recall';

export class LedgerLeases {
  readonly #store: Store;

  constructor(store: Store) {
    this.#store = store;
  }

  /** Grants between need and want, and at most half of what is left unless that is less than what requests wait for:
   *  blocks shrink as the limit nears, so that other replicas find something, too. */
  async acquire(request: LeaseRequest): Promise<LeasedBlock | 'exhausted'> {
    const { budget, window, limitAtto, needAtto, dueAtto, wantAtto, holder } = request;
    const values = [
      budget,
      window,
      limitAtto.toString(),
      needAtto.toString(),
      wantAtto.toString(),
      holder,
      `lse_${randomBytes(12).toString('base64url')}`,
      dueAtto.toString(),
    ];
    // Named, so that a connection plans it once.
    const statement = { name: acquireName, text: acquireSql, values };
    let { rows } = await this.#store.pool.query(statement);
    if (rows[0].known !== true) {
      await this.#store.pool.query(
        `insert into budget_window (budget, period, limit_atto, leased_atto, spent_atto) values ($1, $2, $3, 0, 0)
         on conflict do nothing`,
        values.slice(0, 3),
      );
      ({ rows } = await this.#store.pool.query(statement));
    }
    const { lease, atto } = rows[0];
    return lease === null ? 'exhausted' : { lease, amountAtto: atto };
  }

  /** Opens some connections and plans the question on each, so that the first request that waits does not pay for that. */
  async warm(): Promise<void> {
    const nobody = ['', '', '0', '0', '0', '', '', '0'];
    const statement = { name: acquireName, text: acquireSql, values: nobody };
    await Promise.all(Array.from({ length: connectionsWarm }, () => this.#store.pool.query(statement)));
  }

  /** Gives back a part that its holder will certainly not spend. What is not known to be free stays leased: false. */
  async release(lease: string, amountAtto: bigint): Promise<boolean> {
    const { rowCount } = await this.#store.pool.query(
      `with held as (
         select w.budget, w.period from budget_window as w
          where (w.budget, w.period) = (select budget, period from lease where id = $1) for update
       ), shrunk as (
         update lease set amount_atto = amount_atto - $2 from held
          where id = $1 and state = 'open' and amount_atto - spent_atto >= $2
         returning lease.budget, lease.period
       )
       update budget_window as w set leased_atto = leased_atto - $2 from shrunk
        where w.budget = shrunk.budget and w.period = shrunk.period`,
      [lease, amountAtto.toString()],
    );
    return rowCount === 1;
  }

  /** Says that the holder is alive. */
  async renew(holder: string): Promise<void> {
    await this.#store.pool.query(`update lease set renewed_at = now() where holder = $1 and state = 'open'`, [holder]);
  }

  /** These are of this holder now, who goes on with what is left of them. */
  async takeOver(leases: readonly string[], holder: string): Promise<void> {
    await this.#store.pool.query(
      `update lease set holder = $2, renewed_at = now() where id = any($1) and state <> 'closed'`,
      [leases, holder],
    );
  }

  /** Ends one lease of a living holder, all of whose charges to it are shipped. */
  async close(lease: string): Promise<void> {
    await this.#close('id = $1', lease);
  }

  /** Ends every lease of a holder whose segments are all shipped; what it did not spend is free again. A lease that had
   *  expired is corrected to what was truly spent. */
  async closeGeneration(holder: string): Promise<void> {
    await this.#close('holder = $1', holder);
  }

  /** Ends the leases of all earlier generations that wrote this journal. Call it when everything they left is shipped. */
  async closeEarlier(journal: string, holder: string): Promise<void> {
    const { rows } = await this.#store.pool.query(
      `select distinct holder from lease where state <> 'closed' and starts_with(holder, $1) and holder <> $2`,
      [`${journal}:`, holder],
    );
    for (const row of rows) await this.closeGeneration(row.holder);
  }

  /** Charges leases whole whose holders were not heard of for a day, and flags them. How many. */
  async expire(): Promise<number> {
    return this.#transaction(async client => {
      const condition = `state = 'open' and renewed_at < now() - interval '${leaseExpiryHours} hours'`;
      await lockWindows(client, condition, []);
      const { rows } = await client.query(
        `update lease set state = 'expired' where ${condition}
         returning id, budget, period, holder, amount_atto`,
      );
      for (const { id, budget, period, holder, amount_atto } of rows) {
        await client.query(
          `update budget_window set leased_atto = leased_atto - $3, spent_atto = spent_atto + $3
            where budget = $1 and period = $2`,
          [budget, period, amount_atto.toString()],
        );
        await client.query(
          `insert into alert (id, code, message) values ($1, 'lease_expired', $2) on conflict do nothing`,
          [
            `lease_expired:${id}`,
            `${holder} was not heard of for ${leaseExpiryHours} hours; its lease of budget ${budget} (${period}) counts ` +
              'as spent until its journal is shipped.',
          ],
        );
      }
      return rows.length;
    });
  }

  /** Asks other replicas for what they hold unused of this budget. False when none holds any: then waiting for them
   *  would be in vain. */
  async askOthers(budget: string, window: string, holder: string): Promise<boolean> {
    const { rowCount } = await this.#store.pool.query(
      `select pg_notify($1, $2) from lease
        where budget = $3 and period = $4 and state = 'open' and holder <> $5
        limit 1`,
      [recallChannel, JSON.stringify([budget, window, holder]), budget, window, holder],
    );
    return rowCount === 1;
  }

  /** Where a budget stands in a window. undefined for one that nothing was ever leased of. */
  async standing(budget: string, window: string): Promise<Standing | undefined> {
    const { rows } = await this.#store.pool.query({
      name: 'lease-standing',
      text: `select w.spent_atto + coalesce(open.spent, 0) as spent, w.leased_atto - coalesce(open.spent, 0) as reserved
               from budget_window as w
               left join lateral (
                 select sum(spent_atto) as spent from lease
                  where lease.budget = w.budget and lease.period = w.period and state = 'open') as open on true
              where w.budget = $1 and w.period = $2`,
      values: [budget, window],
    });
    return rows.length === 0 ? undefined : { spentAtto: rows[0].spent, reservedAtto: rows[0].reserved };
  }

  /** Calls back when another replica asks. Reconnects by itself; returns how to stop. */
  listen(holder: string, onAsked: (budget: string, window: string) => void): () => Promise<void> {
    return listen({
      url: () => this.#store.url,
      channel: recallChannel,
      applicationName: 'carrier-recall',
      onPayload: payload => {
        const asked = readRecall(payload);
        if (asked !== undefined && asked.holder !== holder) onAsked(asked.budget, asked.window);
      },
    });
  }

  async #close(condition: string, value: string): Promise<void> {
    await this.#transaction(async client => {
      const open = `${condition} and state <> 'closed'`;
      await lockWindows(client, open, [value]);
      const { rows } = await client.query(
        `with ended as (select id, state as was from lease where ${open} for update)
         update lease set state = 'closed', closed_at = now() from ended where lease.id = ended.id
         returning budget, period, amount_atto, spent_atto, was`,
        [value],
      );
      for (const { budget, period, amount_atto, spent_atto, was } of rows) {
        const leased = was === 'open' ? amount_atto : 0n;
        const spent = was === 'open' ? spent_atto : spent_atto - amount_atto;
        await client.query(
          `update budget_window set leased_atto = leased_atto - $3, spent_atto = spent_atto + $4
            where budget = $1 and period = $2`,
          [budget, period, leased.toString(), spent.toString()],
        );
      }
    });
  }

  async #transaction<T>(run: (client: pg.ClientBase) => Promise<T>): Promise<T> {
    const client = await this.#store.pool.connect();
    let broken: Error | undefined;
    try {
      await client.query('begin');
      const result = await run(client);
      await client.query('commit');
      return result;
    } catch (error) {
      broken = error as Error;
      throw error;
    } finally {
      client.release(broken);
    }
  }
}

const acquireName = 'lease-acquire';
/** One statement, so that it is one round trip on the way of a request that waits. `known` false: no window row yet. */
const acquireSql = `
with held as (
  select budget, period, $3::numeric - leased_atto - spent_atto as free_atto
    from budget_window where budget = $1 and period = $2 for update
), given as (
  select budget, period,
         least(free_atto, greatest($4::numeric, $8::numeric, least($5::numeric, div(free_atto, 2)))) as atto
    from held where free_atto > 0 and free_atto >= $4::numeric
), taken as (
  update budget_window as w
     set leased_atto = w.leased_atto + given.atto, limit_atto = greatest(w.limit_atto, $3::numeric)
    from given where w.budget = given.budget and w.period = given.period and given.atto > 0
  returning w.budget
), leased as (
  insert into lease (id, budget, period, holder, amount_atto)
  select $7, budget, period, $6, atto from given where atto > 0
  on conflict (budget, period, holder) where state = 'open'
    do update set amount_atto = lease.amount_atto + excluded.amount_atto, renewed_at = now()
  returning id
)
select exists (select from held) as known, (select id from leased) as lease, (select atto from given) as atto`;

/** Locks leases, and before them their windows: whoever locks something else after them begins so. */
export async function lockLeaseWindows(client: pg.ClientBase, leases: readonly string[]): Promise<void> {
  if (leases.length === 0) return;
  await client.query(
    `select from budget_window
      where (budget, period) in (select budget, period from lease where id = any($1))
      order by budget, period for update`,
    [leases],
  );
  await client.query('select from lease where id = any($1) order by id for update', [leases]);
}

async function lockWindows(client: pg.ClientBase, condition: string, values: readonly string[]): Promise<void> {
  await client.query(
    `select from budget_window
      where (budget, period) in (select budget, period from lease where ${condition})
      order by budget, period for update`,
    [...values],
  );
}

function readRecall(payload: string): { budget: string; window: string; holder: string } | undefined {
  try {
    const [budget, window, holder] = JSON.parse(payload) as string[];
    return typeof budget === 'string' && typeof window === 'string' && typeof holder === 'string'
      ? { budget, window, holder }
      : undefined;
  } catch {
    return undefined;
  }
}
