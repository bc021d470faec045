import type pg from 'pg';

/** Which tables are cut along time, and how. `retention`: which of the two settings drops old partitions;
 *  undefined keeps them for ever. */
export const partitionedTables = [
  { table: 'exchange', span: 'day', retention: 'exchanges' },
  { table: 'attempt', span: 'day', retention: 'exchanges' },
  { table: 'decision', span: 'day', retention: 'decisions' },
  { table: 'charge', span: 'month', retention: undefined },
  { table: 'transfer', span: 'month', retention: undefined },
  { table: 'corrected_charge', span: 'month', retention: undefined },
  { table: 'usage_hour', span: 'month', retention: undefined },
  { table: 'usage_by_hour', span: 'month', retention: undefined },
  { table: 'usage_by_day', span: 'month', retention: undefined },
] as const satisfies readonly {
  table: string;
  span: 'day' | 'month';
  retention: 'exchanges' | 'decisions' | undefined;
}[];

const dayMs = 86_400_000;
/** Two replicas that make the same partition at once would fail each other. */
const partitionLock = 0x70_61_72_74; // "part"

export type PartitionedTable = (typeof partitionedTables)[number]['table'];

/** Makes every partition that rows at these instants (milliseconds since 1970) need; of all tables unless said. */
export async function ensurePartitions(
  client: pg.ClientBase,
  instantsMs: Iterable<number>,
  only?: readonly PartitionedTable[],
): Promise<void> {
  const statements = new Set<string>();
  for (const atMs of instantsMs) {
    for (const { table, span } of partitionedTables) {
      if (only !== undefined && !only.includes(table)) continue;
      const { name, from, to } = partitionOf(table, span, atMs);
      statements.add(
        `create table if not exists ${name} partition of ${table} for values from ('${from}') to ('${to}')`,
      );
    }
  }
  if (statements.size === 0) return;
  await client.query('begin');
  try {
    await client.query('select pg_advisory_xact_lock($1)', [partitionLock]);
    for (const statement of statements) await client.query(statement);
    await client.query('commit');
  } catch (error) {
    await client.query('rollback').catch(() => {});
    throw error;
  }
}

/** The partitions that bookings at these instants need, within the caller's transaction. Nearly always they are there, made
 *  ahead or by shipping; making one waits for whoever writes to its table, so it is done only when it is missing. */
export async function ensureTransferPartitions(client: pg.ClientBase, instantsMs: readonly number[]): Promise<void> {
  // A batch is of few days; only those are looked at.
  const days = new Map<number, number>();
  for (const atMs of instantsMs) days.set(dayOf(atMs), atMs);
  const months = new Map<string, number>();
  for (const atMs of days.values()) months.set(partitionOf('transfer', 'month', atMs).name, atMs);
  const wanted = [...months.values()].flatMap(atMs =>
    (['transfer', 'corrected_charge'] as const).map(table => ({ table, ...partitionOf(table, 'month', atMs) })),
  );
  const { rows } = await client.query('select name from unnest($1::text[]) as name where to_regclass(name) is null', [
    wanted.map(({ name }) => name),
  ]);
  if (rows.length === 0) return;
  const missing = new Set(rows.map(row => row.name));
  await client.query('select pg_advisory_xact_lock($1)', [partitionLock]);
  for (const { table, name, from, to } of wanted) {
    if (!missing.has(name)) continue;
    await client.query(
      `create table if not exists ${name} partition of ${table} for values from ('${from}') to ('${to}')`,
    );
  }
}

/** UTC day number of an instant; partitions are made by it. */
export function dayOf(atMs: number): number {
  return Math.floor(atMs / dayMs);
}

/** Name and half-open bounds of the partition that holds an instant. */
export function partitionOf(
  table: string,
  span: 'day' | 'month',
  atMs: number,
): { name: string; from: string; to: string } {
  const at = new Date(atMs);
  const year = at.getUTCFullYear();
  const month = at.getUTCMonth();
  const start = new Date(Date.UTC(year, month, span === 'day' ? at.getUTCDate() : 1));
  const end = span === 'day' ? new Date(start.getTime() + dayMs) : new Date(Date.UTC(year, month + 1, 1));
  const digits = start
    .toISOString()
    .slice(0, span === 'day' ? 10 : 7)
    .replaceAll('-', '');
  return { name: `${table}_${digits}`, from: start.toISOString(), to: end.toISOString() };
}
