import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, test } from 'node:test';
import { createTestDatabase, type TestDatabase } from '../../test/support/database.ts';
import { connect, connectionString, type Store } from './connect.ts';
import { checkSchema, migrate, SchemaRefusal } from './migrate.ts';
import type { Migration } from './migration.ts';
import { migrations as released } from './migrations/index.ts';

const first: Migration = { number: 1, name: 'a', requires: 1, sql: 'create table a (x int)' };
const expands: Migration = { number: 2, name: 'b', requires: 1, sql: 'alter table a add column y int' };
const contracts: Migration = { number: 3, name: 'c', requires: 2, sql: 'alter table a drop column x' };

describe('migrations', () => {
  let database: TestDatabase;
  let store: Store;
  before(async () => {
    database = await createTestDatabase();
    store = connect(database.url);
  });
  after(async () => {
    await store.close();
    await database.drop();
  });
  beforeEach(async () => {
    await store.pool.query('drop schema public cascade');
    await store.pool.query('create schema public');
  });

  test('apply in order, once, and say what was applied', async () => {
    assert.deepEqual(await migrate(database.url, [first]), { applied: [1], newest: 1 });
    assert.deepEqual(await migrate(database.url, [first, expands]), { applied: [2], newest: 2 });
    assert.deepEqual(await migrate(database.url, [first, expands]), { applied: [], newest: 2 });
  });

  test('of several replicas that start at once, one applies each', async () => {
    const reports = await Promise.all(Array.from({ length: 5 }, () => migrate(database.url, [first, expands])));

    assert.deepEqual(reports.flatMap(({ applied }) => applied).sort(), [1, 2]);
  });

  test('an older release runs on an expanded database and refuses a contracted one', async () => {
    await migrate(database.url, [first, expands]);
    await checkSchema(store.pool, [first]);
    assert.deepEqual(await migrate(database.url, [first]), { applied: [], newest: 2 });

    await migrate(database.url, [first, expands, contracts]);
    await assert.rejects(migrate(database.url, [first]), refusal('database_too_new'));
    await assert.rejects(checkSchema(store.pool, [first]), refusal('database_too_new'));
    assert.deepEqual(await migrate(database.url, [first, expands]), { applied: [], newest: 3 });
  });

  test('prices from before books had dates are in force since the change that set them', async () => {
    await migrate(
      database.url,
      released.filter(({ number }) => number <= 3),
    );
    await store.pool.query(`
      insert into configuration_revision (revision, at, actor, changes) values (1, '2026-05-01T00:00:00.123456Z', 'test', '[]');
      insert into price_version (id, currency, rates, digest, origin) values
        ('sell-1', 'USD', '{}', 'd', 'declared'), ('facts-1', 'USD', '{}', 'd', 'rule');
      insert into configuration_resource (kind, id, document, revision) values
        ('book', 'sell', '{"version":"sell-1"}', 1),
        ('rule', 'publish-facts-when-unconfigured', '{"state":"active","version":"facts-1"}', 1),
        ('rule', 'providers-from-environment', '{"state":"active","version":null}', 1);`);
    await migrate(
      database.url,
      released.filter(({ number }) => number <= 4),
    );

    const { rows } = await store.pool.query(
      'select id, version, lower(valid) as since, upper_inf(valid) as open from price_validity join price_book on number = book order by id',
    );
    const since = new Date('2026-05-01T00:00:00.123Z');
    assert.deepEqual(rows, [
      { id: 'facts', version: 'facts-1', since, open: true },
      { id: 'sell', version: 'sell-1', since, open: true },
    ]);
  });

  test('a database that was not migrated is refused by what only checks', async () => {
    await assert.rejects(checkSchema(store.pool, [first]), refusal('database_too_old'));
    await migrate(database.url, [first]);
    await assert.rejects(checkSchema(store.pool, [first, expands]), refusal('database_too_old'));
  });

  test('a released migration with another text is refused', async () => {
    await migrate(database.url, [first]);
    await assert.rejects(migrate(database.url, [{ ...first, sql: 'create table b ()' }]), refusal('migration_changed'));
  });

  test('one that fails is rolled back whole and those before it stay', async () => {
    const broken: Migration = { ...expands, sql: 'create table c (); create table c ()' };

    await assert.rejects(migrate(database.url, [first, broken]), /migration 0002-b failed/);

    const { rows } = await store.pool.query(
      `select to_regclass('a') is not null as a, to_regclass('c') is not null as c`,
    );
    assert.deepEqual(rows, [{ a: true, c: false }]);
    assert.deepEqual(await migrate(database.url, [first, expands]), { applied: [2], newest: 2 });
  });

  test('the released ones are numbered in their order and never require what comes later', () => {
    for (const [index, migration] of released.entries()) {
      assert.ok(migration.number > (released[index - 1]?.number ?? 0));
      assert.ok(migration.requires >= 1 && migration.requires <= migration.number);
    }
  });
});

describe('a database URL', () => {
  test('keeps the meaning that libpq gives sslmode, and takes the root certificate from the environment', () => {
    assert.equal(connectionString('postgres://h/d', '/ca.pem'), 'postgres://h/d');
    assert.equal(connectionString('postgres://h/d?sslmode=disable', '/ca.pem'), 'postgres://h/d?sslmode=disable');
    assert.equal(
      connectionString('postgres://h/d?sslmode=verify-full', '/my ca.pem'),
      'postgres://h/d?sslmode=verify-full&uselibpqcompat=true&sslrootcert=%2Fmy%20ca.pem',
    );
    assert.equal(
      connectionString('postgres://h/d?sslmode=require&sslrootcert=/other', '/ca.pem'),
      'postgres://h/d?sslmode=require&sslrootcert=/other&uselibpqcompat=true',
    );
  });

  test('counts and money come as bigint, to the last digit', async () => {
    const database = await createTestDatabase();
    const store = connect(database.url);
    const { rows } = await store.pool.query(
      `select 9223372036854775807::bigint as count, 99999999999999999999999999999999999999::numeric as money, avg(x) as mean
         from (values (1), (2)) as v (x)`,
    );
    assert.deepEqual(rows, [
      { count: 9223372036854775807n, money: 99999999999999999999999999999999999999n, mean: '1.5000000000000000' },
    ]);
    await store.close();
    await database.drop();
  });
});

function refusal(code: SchemaRefusal['code']): (error: unknown) => boolean {
  return error => error instanceof SchemaRefusal && error.code === code;
}
