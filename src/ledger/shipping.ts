import type pg from 'pg';
import { type CompletedExchange, chargedLeases, leaseCharge } from '../journal/assemble.ts';
import {
  type JournalAlert,
  type ShippingBatch,
  ShippingRefused,
  type ShippingTarget,
  type StreamName,
  type StreamPosition,
} from '../journal/shipper.ts';
import type { Store } from '../store/connect.ts';
import { copyIn } from '../store/copy.ts';
import { dayOf, ensurePartitions } from '../store/partitions.ts';
import { AccountNumbers } from './account-numbers.ts';
import type { ExchangePayer } from './exchange-payer.ts';
import { postingsOf, salePostings } from './postings.ts';
import { rollUp } from './roll-up.ts';
import { type CopiedTable, copiedColumns, copiedTables, copyText, keyRow, saleText } from './rows.ts';
import { type UsageDelta, UsageSeriesBook } from './usage-series.ts';

/** Alerts that come from what was shipped, beside those of the journal. */
type LedgerAlert = {
  readonly id: string;
  readonly code: string;
  readonly message: string;
  readonly exchangeId: string | undefined;
  readonly detail?: unknown;
};

const dayMs = 86_400_000;
/** A batch takes a third of a second; one that takes so long has nobody at the other end. */
const shipTimeoutMs = 60_000;
/** Instants that both Date and Postgres can write. */
const instantMaxMs = Date.UTC(9999, 0, 1);

/** The ledger's side of shipping: one transaction a batch, about a dozen statements whatever its size.
 *  exchange_key decides what is new; only that is booked. `journal` names the data directory the journal lies in. */
export class LedgerShipping implements ShippingTarget {
  readonly #store: Store;
  readonly #journal: string;
  readonly #payer: ExchangePayer | undefined;
  /** Accounts are never renamed or deleted, so what was read once stays true. */
  readonly #accounts = new AccountNumbers();
  readonly #series = new UsageSeriesBook();
  /** Days whose partitions are known to exist, and when that was seen; maintenance drops old ones. */
  readonly #days = new Map<number, number>();

  /** Without a payer everything is unbilled. */
  constructor(store: Store, journal: string, payer?: ExchangePayer) {
    this.#store = store;
    this.#journal = journal;
    this.#payer = payer;
  }

  async ship(batch: ShippingBatch): Promise<void> {
    const client = await this.#store.pool.connect();
    let broken: Error | undefined;
    // Neither COPY nor a dead network has a bound of its own. Ending a client that has a query under way breaks its
    // connection. The cast is true: a pool's clients are Clients.
    const silence = setTimeout(() => void (client as unknown as pg.Client).end(), shipTimeoutMs);
    try {
      const usage = await this.#prepare(client, batch.exchanges);
      await client.query('begin');
      await this.#shipInTransaction(client, batch, usage);
      await client.query('commit');
    } catch (error) {
      broken = error as Error;
      // Retention dropped a partition behind our back; the next try makes it again.
      if (isMissingPartition(error)) this.#days.clear();
      if (!isRefusal(error)) throw error;
      // The connection is sound; only the transaction is lost. Without one, this is a warning.
      await client.query('rollback');
      broken = undefined;
      throw new ShippingRefused((error as Error).message, { cause: error });
    } finally {
      clearTimeout(silence);
      // An error after which nothing is known of the connection's state closes it.
      client.release(broken);
    }
  }

  async quarantine(exchange: CompletedExchange, reason: string): Promise<void> {
    const { admit, digest } = exchange;
    // The instant may be what is wrong with it.
    const atMs = Math.abs(admit.atMs) < instantMaxMs ? admit.atMs : 0;
    await this.#transaction(async client => {
      await claimKeys(client, [{ ...exchange, admit: { ...admit, atMs } }]);
      await raise(client, [
        {
          id: `exchange_refused:${admit.id}:${digest}`,
          code: 'exchange_refused',
          message: `The ledger refuses this exchange: ${reason}. Nothing of it is booked.`,
          exchangeId: admit.id,
          detail: exchange,
        },
      ]);
    });
  }

  async positions(): Promise<readonly StreamPosition[]> {
    const { rows } = await this.#store.pool.query(
      'select generation, worker, sequence, position from journal_position where journal = $1',
      [this.#journal],
    );
    return rows.map(row => ({
      generation: Number(row.generation),
      worker: row.worker,
      sequence: Number(row.sequence),
      offset: Number(row.position),
    }));
  }

  async forget({ generation, worker }: StreamName): Promise<void> {
    await this.#store.pool.query(
      'delete from journal_position where journal = $1 and generation = $2 and worker = $3',
      [this.#journal, generation, worker],
    );
  }

  /** What may be done outside the transaction, because doing it without shipping harms nothing. Gives the usage to add. */
  async #prepare(client: pg.ClientBase, exchanges: readonly CompletedExchange[]): Promise<readonly UsageDelta[]> {
    const usage = rollUp(exchanges);
    await this.#series.prepare(client, usage);
    const nowMs = Date.now();
    const missing = new Map<number, number>();
    for (const { admit } of exchanges) {
      const day = dayOf(admit.atMs);
      if (nowMs - (this.#days.get(day) ?? 0) > dayMs / 24) missing.set(day, admit.atMs);
    }
    await ensurePartitions(client, missing.values());
    for (const day of missing.keys()) this.#days.set(day, nowMs);

    await this.#accounts.open(client, exchanges.flatMap(postingsOf));
    return usage;
  }

  /** `usage`: of all exchanges of the batch. */
  async #shipInTransaction(
    client: pg.ClientBase,
    { exchanges, positions, alerts }: ShippingBatch,
    usage: readonly UsageDelta[],
  ): Promise<void> {
    const claiming = claimKeys(client, exchanges);
    // Should spelling throw meanwhile, that is the error to tell.
    claiming.catch(() => {});
    // Nearly always everything is new: the first table is spelled while Postgres claims the ids.
    let next = this.#spell(copiedTables[0], exchanges);
    const { fresh, conflicts } = await claiming;
    if (fresh.length !== exchanges.length) next = this.#spell(copiedTables[0], fresh);
    const payable = await this.#withMoney(client, fresh);
    for (const [index, table] of copiedTables.entries()) {
      const text = next;
      const copying =
        text === '' ? undefined : copyIn(client, `copy ${table} (${copiedColumns[table]}) from stdin`, text);
      copying?.catch(() => {});
      const following = copiedTables[index + 1];
      if (following !== undefined) next = this.#spell(following, fresh, payable);
      await copying;
    }
    const unknownLeases = await spendLeases(client, fresh);
    const unpaid = await this.#pay(client, fresh, payable);
    await raise(client, [...alerts, ...conflicts, ...unknownLeases, ...unpaid, ...fresh.flatMap(alertsOf)]);
    await this.#movePositions(client, positions);
    await this.#series.add(client, fresh.length === exchanges.length ? usage : rollUp(fresh));
  }

  #spell(table: CopiedTable, exchanges: readonly CompletedExchange[], payable?: ReadonlySet<string>): string {
    return copyText(table, exchanges, (name, currency) => this.#accounts.numberOf(name, currency), payable);
  }

  /** Organisations whose sales are paid by something, as far as it reaches. */
  async #withMoney(client: pg.ClientBase, exchanges: readonly CompletedExchange[]): Promise<ReadonlySet<string>> {
    if (this.#payer === undefined) return new Set();
    const organisations = new Set(exchanges.map(({ admit }) => admit.organisation));
    return this.#payer.organisationsWithMoney(client, [...organisations]);
  }

  async #pay(
    client: pg.ClientBase,
    fresh: readonly CompletedExchange[],
    payable: ReadonlySet<string>,
  ): Promise<readonly LedgerAlert[]> {
    if (this.#payer === undefined || payable.size === 0) return [];
    const exchanges = fresh.filter(({ admit }) => payable.has(admit.organisation));
    const { byExchange, alerts } = await this.#payer.pay(client, exchanges);
    await this.#accounts.open(
      client,
      exchanges.flatMap(exchange => salePostings(exchange, byExchange.get(exchange.admit.id) ?? [])),
    );
    const text = saleText(exchanges, byExchange, (name, currency) => this.#accounts.numberOf(name, currency));
    if (text !== '') await copyIn(client, `copy transfer (${copiedColumns.transfer}) from stdin`, text);
    return alerts;
  }

  async #movePositions(client: pg.ClientBase, positions: readonly StreamPosition[]): Promise<void> {
    if (positions.length === 0) return;
    await client.query(
      `insert into journal_position (journal, generation, worker, sequence, position)
       select $1, * from unnest($2::bigint[], $3::int[], $4::bigint[], $5::bigint[])
       on conflict (journal, generation, worker) do update
         set sequence = excluded.sequence, position = excluded.position, moved_at = now()`,
      [
        this.#journal,
        positions.map(({ generation }) => generation),
        positions.map(({ worker }) => worker),
        positions.map(({ sequence }) => sequence),
        positions.map(({ offset }) => offset),
      ],
    );
  }

  async #transaction(run: (client: pg.ClientBase) => Promise<void>): Promise<void> {
    const client = await this.#store.pool.connect();
    let broken: Error | undefined;
    try {
      await client.query('begin');
      await run(client);
      await client.query('commit');
    } catch (error) {
      broken = error as Error;
      throw error;
    } finally {
      client.release(broken);
    }
  }
}

const uniqueViolation = '23505';

/** Takes the ids of the exchanges that are new. The same id with other facts is a conflict: the first stays, the other is
 *  kept in an alert. */
async function claimKeys(
  client: pg.ClientBase,
  exchanges: readonly CompletedExchange[],
): Promise<{ fresh: CompletedExchange[]; conflicts: LedgerAlert[] }> {
  const conflicts: LedgerAlert[] = [];
  const byId = new Map<string, CompletedExchange>();
  for (const exchange of exchanges) {
    const first = byId.get(exchange.admit.id);
    if (first === undefined) byId.set(exchange.admit.id, exchange);
    else if (first.digest !== exchange.digest) conflicts.push(conflictAlert(exchange));
  }
  if (byId.size === 0) return { fresh: [], conflicts };

  // Nearly always everything is new, and then COPY claims twice as fast.
  const rows = [...byId.values()].map(keyRow).join('');
  await client.query('savepoint claim');
  try {
    await copyIn(client, 'copy exchange_key (at, id, digest) from stdin', rows);
    return { fresh: [...byId.values()], conflicts };
  } catch (error) {
    if ((error as { code?: unknown }).code !== uniqueViolation) throw error;
    await client.query('rollback to savepoint claim');
  }

  const claimed = await client.query(
    `insert into exchange_key (id, at, digest)
     select id, at, decode(digest, 'hex') from unnest($1::text[], $2::timestamptz[], $3::text[]) as k (id, at, digest)
     on conflict do nothing
     returning id`,
    [
      [...byId.keys()],
      [...byId.values()].map(({ admit }) => new Date(admit.atMs).toISOString()),
      [...byId.values()].map(({ digest }) => digest),
    ],
  );
  if (claimed.rows.length === byId.size) return { fresh: [...byId.values()], conflicts };

  const fresh = claimed.rows.map(row => byId.get(row.id)!);
  for (const { admit } of fresh) byId.delete(admit.id);
  const present = await client.query(
    `select id, encode(digest, 'hex') as digest from exchange_key where id = any($1)`,
    [[...byId.keys()]],
  );
  for (const row of present.rows) {
    const again = byId.get(row.id)!;
    if (again.digest !== row.digest) conflicts.push(conflictAlert(again));
  }
  return { fresh, conflicts };
}

/** Books what the exchanges took from their leases. A lease that was closed early is settled in its window too. A lease
 *  cannot be overspent: its row refuses. */
async function spendLeases(client: pg.ClientBase, exchanges: readonly CompletedExchange[]): Promise<LedgerAlert[]> {
  const charges = new Map<string, bigint>();
  const firstExchange = new Map<string, string>();
  for (const exchange of exchanges) {
    if (exchange.admit.hold.leases.length === 0) continue;
    const charge = leaseCharge(exchange);
    if (charge === 0n) continue;
    for (const { lease } of chargedLeases(exchange)) {
      charges.set(lease, (charges.get(lease) ?? 0n) + charge);
      if (!firstExchange.has(lease)) firstExchange.set(lease, exchange.admit.id);
    }
  }
  if (charges.size === 0) return [];
  const ids = [...charges.keys()].sort();
  const { rows } = await client.query(
    `with charge as (select * from unnest($1::text[], $2::numeric[]) as c (id, atto)),
     spent as (
       update lease set spent_atto = spent_atto + charge.atto
         from charge where lease.id = charge.id
       returning lease.id, lease.budget, lease.period, lease.state, charge.atto
     ),
     settled as (
       update budget_window as w set spent_atto = w.spent_atto + late.atto
         from (select budget, period, sum(atto) as atto from spent where state = 'closed' group by 1, 2) as late
        where w.budget = late.budget and w.period = late.period
     )
     select id from spent`,
    [ids, ids.map(id => charges.get(id)!.toString())],
  );
  const known = new Set(rows.map(row => row.id));
  return ids
    .filter(id => !known.has(id))
    .map(id => ({
      id: `lease_unknown:${id}`,
      code: 'lease_unknown',
      message: `Exchanges were charged to lease ${id}, which this database does not know; their budget does not count them.`,
      exchangeId: firstExchange.get(id),
    }));
}

async function raise(client: pg.ClientBase, alerts: readonly (LedgerAlert | JournalAlert)[]): Promise<void> {
  if (alerts.length === 0) return;
  await client.query(
    `insert into alert (id, code, message, exchange_id, detail)
     select * from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::json[])
     on conflict do nothing`,
    [
      alerts.map(({ id }) => id),
      alerts.map(({ code }) => code),
      alerts.map(({ message }) => message),
      alerts.map(({ exchangeId }) => exchangeId ?? null),
      alerts.map(alert => ('detail' in alert && alert.detail !== undefined ? JSON.stringify(alert.detail) : null)),
    ],
  );
}

/** What somebody must look at. */
function alertsOf({ admit, end }: CompletedExchange): LedgerAlert[] {
  const alerts: LedgerAlert[] = [];
  if (end.state === 'quarantined') {
    const reasons = end.attempts.flatMap(({ reading }) => reading.quarantine ?? []);
    alerts.push({
      id: `exchange_quarantined:${admit.id}`,
      code: 'exchange_quarantined',
      message: `Exchange ${admit.id} cannot be rated (${reasons.join(', ') || 'no reason given'}); its hold is kept.`,
      exchangeId: admit.id,
    });
  }
  if (end.sell !== undefined && end.sell.overHoldAtto !== '0') {
    alerts.push({
      id: `charge_over_hold:${admit.id}`,
      code: 'charge_over_hold',
      message: `Exchange ${admit.id} was rated above its hold; the rest is booked to operator:over_hold.`,
      exchangeId: admit.id,
    });
  }
  return alerts;
}

function conflictAlert(exchange: CompletedExchange): LedgerAlert {
  const { admit, digest } = exchange;
  return {
    id: `exchange_conflict:${admit.id}:${digest}`,
    code: 'exchange_conflict',
    message: `Exchange ${admit.id} was journaled twice with different facts; the first is booked, this one is kept here.`,
    exchangeId: admit.id,
    detail: exchange,
  };
}

function isMissingPartition(error: unknown): boolean {
  return (error as { routine?: unknown }).routine === 'ExecFindPartition';
}

/** The content cannot be stored: classes 22 and 23 of SQLSTATE, or a number or instant that is none. Everything else may
 *  pass with time. */
function isRefusal(error: unknown): boolean {
  if (error instanceof RangeError || error instanceof SyntaxError || error instanceof TypeError) return true;
  return !isMissingPartition(error) && /^2[23]/.test(String((error as { code?: unknown }).code ?? ''));
}
