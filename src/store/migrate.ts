import { createHash } from 'node:crypto';
import type pg from 'pg';
import { connectSession } from './connect.ts';
import type { Migration } from './migration.ts';
import { migrations as allMigrations } from './migrations/index.ts';

/** The database cannot be used by this release; the message says what to do. */
export class SchemaRefusal extends Error {
  override readonly name = 'SchemaRefusal';
  readonly code: 'database_too_new' | 'database_too_old' | 'migration_changed';
  constructor(code: SchemaRefusal['code'], message: string) {
    super(message);
    this.code = code;
  }
}

export interface MigrationReport {
  /** Numbers applied now. */
  readonly applied: readonly number[];
  /** The newest migration in the database; above the newest known here while a newer release is being rolled out. */
  readonly newest: number;
}

/** One of several starting replicas migrates, the others wait for it at this lock. */
const migrationLock = 0x63_61_72_72; // "carr"
/** Bound of one migration, and of the wait for another replica's. */
const migrationTimeoutMs = 600_000;

/** Brings the database up to what this release knows. Safe to call from every replica at every start.
 *  Throws SchemaRefusal, having changed nothing, when the database asks for a newer release. */
export async function migrate(url: string, migrations: readonly Migration[] = allMigrations): Promise<MigrationReport> {
  const client = connectSession(url, { applicationName: 'carrier-migrate', statementTimeoutMs: migrationTimeoutMs });
  await client.connect();
  try {
    await client.query('select pg_advisory_lock($1)', [migrationLock]);
    await client.query(recordTable);
    const present = await readApplied(client);
    checkApplied(present, migrations);
    const applied: number[] = [];
    for (const migration of migrations) {
      if (present.has(migration.number)) continue;
      await apply(client, migration);
      applied.push(migration.number);
    }
    return { applied, newest: Math.max(0, ...present.keys(), ...applied) };
  } finally {
    // Ending the session frees the lock, also when the connection is what failed.
    await client.end().catch(() => {});
  }
}

/** Refuses a database this release cannot run on, without changing it: too new (contracted beyond it) or not migrated. */
export async function checkSchema(client: Queryable, migrations: readonly Migration[] = allMigrations): Promise<void> {
  const { rows } = await client.query(`select to_regclass('schema_migration') is not null as present`);
  const present = rows[0]?.present === true ? await readApplied(client) : new Map<number, AppliedMigration>();
  checkApplied(present, migrations);
  const missing = migrations.find(migration => !present.has(migration.number));
  if (missing === undefined) return;
  throw new SchemaRefusal('database_too_old', `migration ${label(missing)} is missing; start this release to apply it`);
}

/** A pool or a connection. */
interface Queryable {
  query(sql: string): Promise<pg.QueryResult>;
}

interface AppliedMigration {
  readonly name: string;
  readonly requires: number;
  readonly checksum: string;
}

const recordTable = `
create table if not exists schema_migration (
  number int primary key,
  name text not null,
  requires int not null,
  checksum text not null,
  applied_at timestamptz not null default now()
)`;

async function readApplied(client: Queryable): Promise<Map<number, AppliedMigration>> {
  const { rows } = await client.query('select number, name, requires, checksum from schema_migration order by number');
  return new Map(rows.map(row => [row.number, row]));
}

function checkApplied(present: ReadonlyMap<number, AppliedMigration>, migrations: readonly Migration[]): void {
  const known = Math.max(0, ...migrations.map(({ number }) => number));
  const byNumber = new Map(migrations.map(migration => [migration.number, migration]));
  for (const [number, applied] of present) {
    if (applied.requires > known) {
      throw new SchemaRefusal(
        'database_too_new',
        `the database has migration ${number} (${applied.name}), which needs a release that knows migration ` +
          `${applied.requires}; this one knows ${known}. Start a newer release`,
      );
    }
    const migration = byNumber.get(number);
    if (migration !== undefined && checksum(migration) !== applied.checksum) {
      throw new SchemaRefusal(
        'migration_changed',
        `migration ${label(migration)} was applied with another text (${applied.name}). ` +
          'Released migrations never change: run the release that applied it, or restore a backup',
      );
    }
  }
}

async function apply(client: pg.Client, migration: Migration): Promise<void> {
  await client.query('begin');
  try {
    await client.query(migration.sql);
    await client.query('insert into schema_migration (number, name, requires, checksum) values ($1, $2, $3, $4)', [
      migration.number,
      migration.name,
      migration.requires,
      checksum(migration),
    ]);
    await client.query('commit');
  } catch (cause) {
    await client.query('rollback').catch(() => {});
    throw new Error(`migration ${label(migration)} failed and was rolled back`, { cause });
  }
}

function checksum(migration: Migration): string {
  return createHash('sha256').update(migration.sql).digest('hex');
}

function label(migration: Migration): string {
  return `${migration.number.toString().padStart(4, '0')}-${migration.name}`;
}
