import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkLedger } from '../../src/ledger/check.ts';
import { connect } from '../../src/store/connect.ts';
import { createTestDatabase } from '../support/database.ts';
import { crashRerates } from '../support/rerated-usage.ts';

test('a crash between any two statements of rating usage again leaves it whole, and running again ends it once', async () => {
  const database = await createTestDatabase();
  const store = connect(database.url);
  try {
    assert.ok((await crashRerates(database, store, 1)) > 40);
    assert.deepEqual(await checkLedger(store), []);
  } finally {
    await store.close();
    await database.drop();
  }
});
