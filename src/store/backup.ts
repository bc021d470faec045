import { createHash } from 'node:crypto';
import { link, rm, stat } from 'node:fs/promises';
import type pg from 'pg';
import { ArchiveDamaged, ArchiveWriter, type Frame, frameBytesMax, readArchive } from './archive.ts';
import { connectSession } from './connect.ts';
import { copyInStream, copyOut } from './copy.ts';
import { checkSchema } from './migrate.ts';
import { ensurePartitions } from './partitions.ts';

/** The whole database in one file, as it was at one instant, without a program of Postgres. What lies in journals and is
 *  not shipped yet is not in it; shipping it later adds it, once. */

export interface BackupManifest {
  readonly format: 1;
  readonly createdAt: string;
  /** The newest migration of the database. */
  readonly schema: number;
  /** Sealed credentials and key digests are of use only under this master key; null when the caller did not say. */
  readonly masterKeyFingerprint: string | null;
  /** Days, as milliseconds since 1970, that partitions begin at. */
  readonly partitionsMs: readonly number[];
  readonly tables: readonly string[];
}

export interface BackupProgress {
  readonly table: string;
  /** From 1. */
  readonly position: number;
  readonly tables: number;
  readonly rows: number;
}

/** The backup cannot be taken, or not be restored here; the message says what to do. */
export class BackupRefusal extends Error {
  override readonly name = 'BackupRefusal';
  readonly code: 'backup_exists' | 'backup_too_new' | 'other_master_key' | 'database_not_empty' | 'backup_unreadable';
  constructor(code: BackupRefusal['code'], message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

export interface BackupResult {
  readonly rows: number;
  readonly bytes: number;
}

interface TableHead {
  readonly table: string;
  readonly columns: readonly string[];
}

interface TableEnd {
  readonly table: string;
  readonly rows: number;
  readonly sha256: string;
}

/** Rows are collected to about this size before they are compressed. */
const chunkBytes = 512 * 1024;

/** Writes the file (mode 600) whole or not at all. Readers and writers of the database are not held up.
 *  Throws SchemaRefusal for a database that this release does not run on, as restore does. */
export async function backup({
  url,
  path,
  masterKeyFingerprint,
  onProgress,
}: {
  readonly url: string;
  readonly path: string;
  readonly masterKeyFingerprint?: string;
  readonly onProgress?: (progress: BackupProgress) => void;
}): Promise<BackupResult> {
  const partial = `${path}.partial`;
  await refuseExisting(path);
  // Left by a backup that was killed.
  await rm(partial, { force: true });
  const archive = await ArchiveWriter.create(partial);
  const client = connectSession(url, { applicationName: 'carrier-backup', statementTimeoutMs: 0 });
  try {
    await client.connect();
    await checkSchema(client);
    await client.query('begin isolation level repeatable read read only');
    const tables = await readTables(client);
    await archive.write('manifest', {
      format: 1,
      createdAt: new Date().toISOString(),
      schema: await readSchema(client),
      masterKeyFingerprint: masterKeyFingerprint ?? null,
      partitionsMs: await readPartitions(client),
      tables: tables.map(({ table }) => table),
    } satisfies BackupManifest);
    let total = 0;
    for (const [index, head] of tables.entries()) {
      const rows = await writeTable(client, archive, head, written =>
        onProgress?.({ table: head.table, position: index + 1, tables: tables.length, rows: written }),
      );
      total += rows;
    }
    await archive.write('end', { tables: tables.length, rows: total });
    const bytes = await archive.finish();
    await publish(partial, path);
    return { rows: total, bytes };
  } catch (error) {
    await archive.abandon();
    throw error;
  } finally {
    await rm(partial, { force: true });
    await client.end().catch(() => {});
  }
}

/** Fills a migrated database from a backup, in one transaction. Refuses one that has rows unless `force`, which empties it
 *  first; stop every supervisor before. Throws ArchiveDamaged, having changed nothing, when the file is not whole. */
export async function restore({
  url,
  path,
  masterKeyFingerprint,
  force = false,
  onProgress,
}: {
  readonly url: string;
  readonly path: string;
  readonly masterKeyFingerprint?: string;
  readonly force?: boolean;
  readonly onProgress?: (progress: BackupProgress) => void;
}): Promise<{ readonly rows: number }> {
  const client = connectSession(url, { applicationName: 'carrier-restore', statementTimeoutMs: 0 });
  const frames = readArchive(path);
  try {
    await client.connect();
    const manifest = readManifest(await nextFrame(frames));
    checkMasterKey(manifest, masterKeyFingerprint);
    await checkSchema(client);
    const schema = await readSchema(client);
    if (manifest.schema > schema) {
      throw new BackupRefusal(
        'backup_too_new',
        `the backup has migration ${manifest.schema}, the database ${schema}; restore it with the release that made it, or a newer one`,
      );
    }
    await ensurePartitions(client, manifest.partitionsMs);
    await client.query('begin');
    const tables = await readTables(client);
    await emptyTables(client, tables, force);
    const rows = await readIntoTables(client, frames, manifest, onProgress);
    await continueSequences(client);
    await client.query('select add_up_usage_parts()');
    await client.query('commit');
    return { rows };
  } catch (error) {
    await client.query('rollback').catch(() => {});
    throw explain(error);
  } finally {
    await frames.return().catch(() => {});
    await client.end().catch(() => {});
  }
}

/** The manifest of a backup, without restoring it. */
export async function readBackupManifest(path: string): Promise<BackupManifest> {
  const frames = readArchive(path);
  try {
    return readManifest(await nextFrame(frames));
  } finally {
    await frames.return();
  }
}

async function refuseExisting(path: string): Promise<void> {
  const found = await stat(path).catch(error => {
    if ((error as { code?: unknown }).code !== 'ENOENT') throw error;
    return undefined;
  });
  if (found !== undefined) throw existsRefusal(path);
}

/** Gives the whole file its name, unless another took it meanwhile. */
async function publish(partial: string, path: string): Promise<void> {
  try {
    await link(partial, path);
  } catch (error) {
    throw (error as { code?: unknown }).code === 'EEXIST' ? existsRefusal(path) : error;
  }
}

function existsRefusal(path: string): BackupRefusal {
  return new BackupRefusal('backup_exists', `${path} exists; a backup never overwrites another`);
}

async function writeTable(
  client: pg.Client,
  archive: ArchiveWriter,
  head: TableHead,
  onRows: (rows: number) => void,
): Promise<number> {
  await archive.write('table', head);
  const columns = head.columns.map(quote).join(', ');
  const hash = createHash('sha256');
  let rows = 0;
  let chunk: Buffer[] = [];
  let bytes = 0;
  const flush = async () => {
    const content = Buffer.concat(chunk, bytes);
    chunk = [];
    bytes = 0;
    hash.update(content);
    await archive.write('rows', content);
    onRows(rows);
  };
  for await (const row of copyOut(client, `copy (select ${columns} from ${quote(head.table)}) to stdout`)) {
    // One row is one chunk; alone it may be as large as a frame, and no larger.
    if (bytes > 0 && bytes + row.length > frameBytesMax) await flush();
    chunk.push(row);
    bytes += row.length;
    rows += 1;
    if (bytes >= chunkBytes) await flush();
  }
  if (bytes > 0) await flush();
  await archive.write('table-end', { table: head.table, rows, sha256: hash.digest('hex') } satisfies TableEnd);
  onRows(rows);
  return rows;
}

async function readIntoTables(
  client: pg.Client,
  frames: AsyncGenerator<Frame, void, void>,
  manifest: BackupManifest,
  onProgress: ((progress: BackupProgress) => void) | undefined,
): Promise<number> {
  let total = 0;
  for (let position = 1; ; position += 1) {
    const frame = await nextFrame(frames);
    if (frame.type === 'end') return total;
    if (frame.type !== 'table') throw new ArchiveDamaged(`expected a table, found ${frame.type}`);
    // The checksum says that backup() wrote it.
    const { table, columns } = JSON.parse(frame.payload.toString()) as TableHead;
    const hash = createHash('sha256');
    let end: TableEnd | undefined;
    const rows = async function* () {
      for (;;) {
        const next = await nextFrame(frames);
        if (next.type === 'table-end') {
          end = JSON.parse(next.payload.toString()) as TableEnd;
          return;
        }
        if (next.type !== 'rows') throw new ArchiveDamaged(`expected rows, found ${next.type}`);
        hash.update(next.payload);
        yield next.payload;
      }
    };
    await copyInStream(client, `copy ${quote(table)} (${columns.map(quote).join(', ')}) from stdin`, rows());
    if (end === undefined || end.sha256 !== hash.digest('hex')) {
      throw new ArchiveDamaged(`the rows of ${table} are not those that were written`);
    }
    total += end.rows;
    onProgress?.({ table, position, tables: manifest.tables.length, rows: end.rows });
  }
}

/** Made anew from the transfers as they are restored, and from usage by series afterwards, also from a backup that is older than these tables. */
const derivedTables = [
  'balance_day',
  'balance_delta',
  'usage_part',
  'usage_customer',
  'usage_customer_by_day',
  'usage_customer_by_month',
  'usage_supply',
  'usage_supply_by_hour',
  'usage_supply_by_day',
  'usage_supply_by_month',
];

/** Every table but partitions, the record of migrations and what is derived; those that others refer to first. */
async function readTables(client: pg.Client): Promise<TableHead[]> {
  const { rows } = await client.query(
    `select c.relname as table,
            array_agg(a.attname::text order by a.attnum) as columns,
            (select coalesce(array_agg(distinct r.relname::text), '{}')
               from pg_constraint f join pg_class r on r.oid = f.confrelid
              where f.conrelid = c.oid and f.contype = 'f' and f.confrelid <> c.oid) as needs
       from pg_class c join pg_attribute a on a.attrelid = c.oid
      where c.relnamespace = current_schema()::regnamespace and c.relkind in ('r', 'p') and not c.relispartition
        and c.relname <> 'schema_migration' and c.relname <> all ($1) and a.attnum > 0 and not a.attisdropped and a.attgenerated = ''
      group by c.oid, c.relname
      order by c.relname`,
    [derivedTables],
  );
  const waiting = new Map<string, { table: string; columns: string[]; needs: string[] }>(
    rows.map(row => [row.table, row]),
  );
  const ordered: TableHead[] = [];
  while (waiting.size > 0) {
    const ready = [...waiting.values()].find(({ needs }) => !needs.some(need => waiting.has(need)));
    if (ready === undefined)
      throw new Error(`tables refer to each other in a circle: ${[...waiting.keys()].join(', ')}`);
    waiting.delete(ready.table);
    ordered.push({ table: ready.table, columns: ready.columns });
  }
  return ordered;
}

async function readSchema(client: pg.Client): Promise<number> {
  const { rows } = await client.query('select coalesce(max(number), 0) as newest from schema_migration');
  return rows[0].newest;
}

async function readPartitions(client: pg.Client): Promise<number[]> {
  const { rows } = await client.query(
    `select distinct substring(relname from '_(\\d{6,8})$') as start
       from pg_class
      where relispartition and relkind = 'r' and relnamespace = current_schema()::regnamespace`,
  );
  return rows.flatMap(({ start }) => {
    if (typeof start !== 'string') return [];
    const day = start.length === 8 ? Number(start.slice(6, 8)) : 1;
    return [Date.UTC(Number(start.slice(0, 4)), Number(start.slice(4, 6)) - 1, day)];
  });
}

async function emptyTables(client: pg.Client, tables: readonly TableHead[], force: boolean): Promise<void> {
  if (force) {
    // The audit log lets itself be emptied for this alone.
    await client.query(`set carrier.restoring = 'on'`);
    await client.query(`truncate ${[...tables.map(({ table }) => table), ...derivedTables].map(quote).join(', ')}`);
    return;
  }
  for (const { table } of tables) {
    const { rows } = await client.query(`select exists (select from ${quote(table)}) as filled`);
    if (rows[0].filled !== true) continue;
    throw new BackupRefusal(
      'database_not_empty',
      `table ${table} has rows; restore into an empty database, or use --force to replace everything in this one`,
    );
  }
}

/** COPY fills identity columns without telling their sequences. */
async function continueSequences(client: pg.Client): Promise<void> {
  const { rows } = await client.query(
    `select c.relname as table, a.attname as column, pg_get_serial_sequence(quote_ident(c.relname), a.attname) as sequence
       from pg_class c join pg_attribute a on a.attrelid = c.oid
      where c.relnamespace = current_schema()::regnamespace and c.relkind in ('r', 'p') and not c.relispartition
        and a.attnum > 0 and not a.attisdropped
        and pg_get_serial_sequence(quote_ident(c.relname), a.attname) is not null`,
  );
  for (const { table, column, sequence } of rows) {
    await client.query(
      `select setval($1, coalesce(max(${quote(column)}), 1), max(${quote(column)}) is not null) from ${quote(table)}`,
      [sequence],
    );
  }
}

async function nextFrame(frames: AsyncGenerator<Frame, void, void>): Promise<Frame> {
  const { value, done } = await frames.next();
  if (done === true || value === undefined) throw new ArchiveDamaged('the backup ends too early; it is not whole');
  return value;
}

function readManifest(frame: Frame): BackupManifest {
  if (frame.type !== 'manifest') throw new ArchiveDamaged('the backup does not begin with its manifest');
  // The checksum says that backup() wrote it.
  const manifest = JSON.parse(frame.payload.toString()) as BackupManifest;
  if (manifest.format !== 1) {
    throw new BackupRefusal('backup_too_new', `the backup has format ${manifest.format}; this release reads 1`);
  }
  return manifest;
}

function checkMasterKey(manifest: BackupManifest, fingerprint: string | undefined): void {
  if (fingerprint === undefined || manifest.masterKeyFingerprint === null) return;
  if (fingerprint === manifest.masterKeyFingerprint) return;
  throw new BackupRefusal(
    'other_master_key',
    'the backup was made under another master key, so its credentials and keys would be useless; start with that key',
  );
}

function explain(error: unknown): unknown {
  const code = String((error as { code?: unknown }).code ?? '');
  // 42: a table or column that this release's database does not have.
  if (!code.startsWith('42')) return error;
  return new BackupRefusal(
    'backup_unreadable',
    `the backup does not fit this release's tables (${(error as Error).message}); restore it with the release that made it`,
    { cause: error },
  );
}

function quote(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}
