import type pg from 'pg';
import type { Store } from './connect.ts';
import { ensurePartitions, partitionedTables } from './partitions.ts';

export interface RetentionSettings {
  /** Days that exchanges and their attempts are kept after the day they began. Default 30. */
  readonly exchangesDays: number;
  /** Days that decision records are kept. Default 30. */
  readonly decisionsDays: number;
}

export const retentionDefault: RetentionSettings = { exchangesDays: 30, decisionsDays: 30 };

export interface MaintenanceReport {
  /** false: another replica was at it. */
  readonly ran: boolean;
  /** Partitions dropped, by name. */
  readonly dropped: readonly string[];
}

const maintenanceLock = 0x6d_61_69_6e; // "main"
const dayMs = 86_400_000;
/** Partitions exist this long before the first row needs them, so that making one never meets a shipment. */
const partitionsAheadDays = 7;
/** A repeat of an exchange is known as one for so long. No journal waits anywhere near as long. */
const keysKeptDays = 400;
/** One statement deletes so many keys, and one run so often: short locks, and a run that ends. */
const keysDeletedAtOnce = 50_000;
const keyDeletionsMax = 40;
/** Alerts are read by people; older ones have been. */
const alertsKeptDays = 90;

/** Makes partitions ahead, drops those past their retention, and forgets what is older than anybody asks. Any number of replicas may call it at any time; one does
 *  the work. Dropping is a matter of whole days, so nothing younger than its setting is ever lost. */
export async function maintain(store: Store, retention: RetentionSettings, nowMs: number): Promise<MaintenanceReport> {
  const client = await store.pool.connect();
  try {
    const { rows } = await client.query('select pg_try_advisory_lock($1) as mine', [maintenanceLock]);
    if (rows[0]?.mine !== true) return { ran: false, dropped: [] };
    try {
      const instantsMs = Array.from({ length: partitionsAheadDays + 1 }, (_, day) => nowMs + day * dayMs);
      await ensurePartitions(client, instantsMs);
      const dropped = await dropExpired(client, retention, nowMs);
      await client.query('delete from alert where at < $1', [new Date(nowMs - alertsKeptDays * dayMs)]);
      await deleteOldKeys(client, new Date(nowMs - keysKeptDays * dayMs));
      return { ran: true, dropped };
    } finally {
      await client.query('select pg_advisory_unlock($1)', [maintenanceLock]);
    }
  } finally {
    client.release();
  }
}

async function dropExpired(client: pg.ClientBase, retention: RetentionSettings, nowMs: number): Promise<string[]> {
  const dropped: string[] = [];
  for (const { table, retention: setting } of partitionedTables) {
    if (setting === undefined) continue;
    const days = setting === 'exchanges' ? retention.exchangesDays : retention.decisionsDays;
    const keptFromMs = nowMs - days * dayMs;
    for (const name of await partitionNames(client, table)) {
      if (partitionEndMs(name) > keptFromMs) continue;
      if (setting === 'exchanges' && (await holdsUnsettled(client, name, nowMs))) continue;
      await client.query(`drop table if exists ${name}`);
      dropped.push(name);
    }
  }
  return dropped;
}

/** A day is kept while an exchange of it waits in quarantine, but no longer than the keys by which it would be corrected. */
async function holdsUnsettled(client: pg.ClientBase, partition: string, nowMs: number): Promise<boolean> {
  const endMs = partitionEndMs(partition);
  if (endMs < nowMs - (keysKeptDays - 1) * dayMs) return false;
  const { rows } = await client.query(
    `select exists (
       select from exchange e
        where e.at >= $1 and e.at < $2 and e.state = 'quarantined'
          and coalesce((select c.state from correction c where c.exchange_id = e.id order by number desc limit 1),
                       'quarantined') = 'quarantined') as waits`,
    [new Date(endMs - dayMs), new Date(endMs)],
  );
  return rows[0].waits === true;
}

async function deleteOldKeys(client: pg.ClientBase, before: Date): Promise<void> {
  for (let deletion = 0; deletion < keyDeletionsMax; deletion += 1) {
    const { rowCount } = await client.query(
      `delete from exchange_key
        where ctid = any (array(select ctid from exchange_key where at < $1 limit ${keysDeletedAtOnce}))`,
      [before],
    );
    if ((rowCount ?? 0) < keysDeletedAtOnce) return;
  }
}

async function partitionNames(client: pg.ClientBase, table: string): Promise<string[]> {
  const { rows } = await client.query(
    `select child.relname as name
       from pg_inherits join pg_class child on child.oid = inhrelid
      where inhparent = $1::regclass
      order by 1`,
    [table],
  );
  return rows.map(row => row.name as string).filter(name => /_\d{8}$/.test(name));
}

/** exchange_20261120 ends where the 21st of November 2026 begins, UTC. */
function partitionEndMs(name: string): number {
  const digits = name.slice(-8);
  return Date.UTC(Number(digits.slice(0, 4)), Number(digits.slice(4, 6)) - 1, Number(digits.slice(6, 8))) + dayMs;
}
