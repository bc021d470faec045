import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, beforeEach, describe, test } from 'node:test';
import { createTestDatabase, type TestDatabase } from '../../test/support/database.ts';
import { ArchiveDamaged } from './archive.ts';
import { type BackupProgress, BackupRefusal, backup, readBackupManifest, restore } from './backup.ts';
import { connect, type Store } from './connect.ts';
import { SchemaRefusal } from './migrate.ts';
import { ensurePartitions } from './partitions.ts';

const atMs = Date.UTC(2026, 2, 14, 15, 9);

describe('backup and restore', () => {
  let directory: string;
  let source: TestDatabase;
  let target: TestDatabase;
  let from: Store;
  let to: Store;
  before(async () => {
    source = await createTestDatabase();
    from = connect(source.url);
    await fill(from);
  });
  after(async () => {
    await from.close();
    await source.drop();
  });
  beforeEach(async () => {
    directory = mkdtempSync(join(tmpdir(), 'carrier-backup-'));
    target = await createTestDatabase();
    to = connect(target.url);
  });
  afterEach(async () => {
    await to.close();
    await target.drop();
    rmSync(directory, { recursive: true, force: true });
  });

  const path = () => join(directory, 'carrier.backup');

  test('bring every row back, with the partitions it needs and the numbers that come next', async () => {
    const progress: BackupProgress[] = [];
    const made = await backup({ url: source.url, path: path(), onProgress: each => progress.push(each) });
    const { rows } = await restore({ url: target.url, path: path() });

    assert.equal(rows, made.rows);
    assert.equal(rows, 5_206);
    assert.equal(made.bytes, statSync(path()).size);
    assert.ok(progress.some(({ table, rows }) => table === 'decision' && rows === 200));
    for (const table of ['account', 'exchange_key', 'decision', 'budget_window', 'lease']) {
      assert.deepEqual(await contents(to, table), await contents(from, table), table);
    }
    const next = await to.pool.query(`insert into account (name, kind) values ('next', 'asset') returning id`);
    assert.deepEqual(next.rows, [{ id: 4 }]);
  });

  test('make usage by side anew from usage by series, which is all that is kept of it', async () => {
    const own = await createTestDatabase();
    const used = connect(own.url);
    const client = await used.pool.connect();
    await ensurePartitions(client, [atMs], ['usage_by_hour', 'usage_by_day']);
    client.release();
    await used.pool.query(`
      insert into usage_series (organisation, project, key, route, model, provider, deployment, class, meter, sell_currency, buy_currency, sandbox)
      select 'o', 'o/p', 'k', 'r' || n, 'm', 'p', 'd', 'inference', '', 'USD', 'USD', false from generate_series(1, 3) as n;
      insert into usage_by_hour (hour, series, requests) select '2026-03-14T15:00:00Z', n, n from generate_series(1, 3) as n;
      insert into usage_by_day (day, series, requests) select '2026-03-14', n, n from generate_series(1, 3) as n;
      select add_up_usage_parts()`);
    await backup({ url: own.url, path: path() });
    await used.close();
    await own.drop();

    await restore({ url: target.url, path: path() });

    assert.ok(!(await readBackupManifest(path())).tables.some(table => /^usage_(part|customer|supply)/.test(table)));
    const requests = async (table: string) =>
      (await to.pool.query(`select requests from ${table} order by 1`)).rows.map(row => row.requests);
    assert.deepEqual(await requests('usage_customer_by_day'), [6n]);
    assert.deepEqual(await requests('usage_customer_by_month'), [6n]);
    assert.deepEqual(await requests('usage_supply_by_hour'), [1n, 2n, 3n]);
    assert.deepEqual(await requests('usage_supply_by_month'), [1n, 2n, 3n]);
  });

  test('the file is for its owner only, says what it is, and appears whole or not at all', async () => {
    await backup({ url: source.url, path: path(), masterKeyFingerprint: 'fp-1' });

    assert.equal(statSync(path()).mode & 0o777, 0o600);
    assert.deepEqual(readdirSync(directory), ['carrier.backup']);
    const manifest = await readBackupManifest(path());
    assert.equal(manifest.masterKeyFingerprint, 'fp-1');
    assert.ok(manifest.tables.indexOf('budget_window') < manifest.tables.indexOf('lease'));
    await assert.rejects(backup({ url: source.url, path: path() }), refusal('backup_exists'));
    await assert.rejects(backup({ url: `${source.url}_gone`, path: join(directory, 'other') }));
    assert.deepEqual(readdirSync(directory), ['carrier.backup']);
  });

  test('a database with rows is refused, unless it is to be replaced', async () => {
    await backup({ url: source.url, path: path() });
    await to.pool.query(`insert into account (name, kind) values ('mine', 'asset')`);

    await assert.rejects(restore({ url: target.url, path: path() }), refusal('database_not_empty'));
    assert.equal((await contents(to, 'account')).length, 1);

    await restore({ url: target.url, path: path(), force: true });
    assert.deepEqual(await contents(to, 'account'), await contents(from, 'account'));
  });

  test('another master key is refused', async () => {
    await backup({ url: source.url, path: path(), masterKeyFingerprint: 'fp-1' });

    await assert.rejects(
      restore({ url: target.url, path: path(), masterKeyFingerprint: 'fp-2' }),
      refusal('other_master_key'),
    );
    await restore({ url: target.url, path: path(), masterKeyFingerprint: 'fp-1' });
  });

  test('a file that is cut or changed anywhere changes nothing', async () => {
    await backup({ url: source.url, path: path() });
    const whole = readFileSync(path());
    const spots = Array.from({ length: 12 }, (_, index) => Math.floor(((index + 0.5) * whole.length) / 12));

    for (const spot of [...spots, whole.length - 1]) {
      writeFileSync(path(), whole.subarray(0, spot));
      await assert.rejects(restore({ url: target.url, path: path() }), ArchiveDamaged, `cut at ${spot}`);
      const flipped = Buffer.from(whole);
      flipped[spot]! ^= 0x10;
      writeFileSync(path(), flipped);
      await assert.rejects(restore({ url: target.url, path: path() }), ArchiveDamaged, `flipped at ${spot}`);
    }
    assert.deepEqual(await contents(to, 'account'), []);
    assert.deepEqual(await contents(to, 'decision'), []);
  });

  test('a backup of a newer schema is refused', async () => {
    await from.pool.query(`insert into schema_migration values (99, 'later', 1, 'x')`);
    await backup({ url: source.url, path: path() });
    await from.pool.query('delete from schema_migration where number = 99');

    await assert.rejects(restore({ url: target.url, path: path() }), refusal('backup_too_new'));
    await to.pool.query('truncate schema_migration');
    await assert.rejects(restore({ url: target.url, path: path() }), SchemaRefusal);
  });
});

/** 3 accounts, 5,000 keys, 200 decisions of 20 kB with awkward text, a window, a lease, an alert. */
async function fill(store: Store): Promise<void> {
  const client = await store.pool.connect();
  await ensurePartitions(client, [atMs]);
  client.release();
  await store.pool.query(`insert into account (name, kind) values ('a', 'asset'), ('b', 'income'), ('c', 'expense')`);
  await store.pool.query(
    `insert into exchange_key select 'ex_' || n, $1, decode(md5(n::text), 'hex') from generate_series(1, 5000) as n`,
    [new Date(atMs)],
  );
  await store.pool.query(
    `insert into decision select $1, 'ex_' || n, json_build_object('n', n, 'text', E'tab\\t line\\n back\\\\ ' || repeat(md5(n::text), 600))
       from generate_series(1, 200) as n`,
    [new Date(atMs)],
  );
  await store.pool.query(`insert into budget_window values ('b1', 'total', 100, 10, 0)`);
  await store.pool.query(
    `insert into lease (id, budget, period, holder, amount_atto) values ('l1', 'b1', 'total', 'j:1', 10)`,
  );
  await store.pool.query(`insert into alert (id, code, message) values ('a1', 'c', 'm')`);
}

async function contents(store: Store, table: string): Promise<unknown[]> {
  const { rows } = await store.pool.query(`select t::text as row from ${table} as t order by 1`);
  return rows;
}

function refusal(code: BackupRefusal['code']): (error: unknown) => boolean {
  return error => error instanceof BackupRefusal && error.code === code;
}
