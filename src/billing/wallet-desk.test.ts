import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { createTestDatabase, type TestDatabase } from '../../test/support/database.ts';
import { Bank, startMs } from '../../test/support/wallets.ts';
import { connect, type Store } from '../store/connect.ts';
import { createWalletDesk } from './wallet-desk.ts';

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

test('a grant that requests hold is neither voided nor refunded, and says when to come again; let go, it is', async () => {
  const bank = new Bank(store);
  let changes = 0;
  const desk = createWalletDesk({ store, nowMs: () => startMs, changed: () => void (changes += 1) });
  await bank.grant('g1', 25);
  const held = (await bank.lease(9))!;

  const name = { organisation: 'org_acme', id: 'g1' };
  for (const end of [desk.void, desk.refund]) {
    await assert.rejects(end(name), { code: 'wallet_held', retryAfterMs: 5_000 });
  }
  assert.deepEqual(await bank.left(), { g1: 25 });
  assert.equal(changes, 0);

  await bank.ledgerLeases.close(held.lease);
  assert.equal((await desk.void(name)).outcome, 'ended');
  assert.equal(changes, 1);
});
