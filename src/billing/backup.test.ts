import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { createTestDatabase } from '../../test/support/database.ts';
import { Bank, completed, sketchOf, startMs } from '../../test/support/wallets.ts';
import { cash, receivable } from '../ledger/accounts.ts';
import { trialBalance } from '../ledger/balances.ts';
import { checkLedger } from '../ledger/check.ts';
import { openPending } from '../ledger/pending.ts';
import { parseTimeline } from '../pricing/timeline.ts';
import { backup, restore } from '../store/backup.ts';
import { connect, type Store } from '../store/connect.ts';
import { inTransaction } from '../store/in-transaction.ts';
import type { UsageDirectory } from '../usage-events/directory.ts';
import type { PlacedEvent } from '../usage-events/place-event.ts';
import { recordEvents } from '../usage-events/record-events.ts';
import { refundGrant } from './grants.ts';
import { WalletUsagePayer } from './pay-usage.ts';

const egress = { pico: '1000000000', per: '1', month: { scope: 'graduated', free: '2', steps: [] } } as const;
const prices = parseTimeline({ version: 'v1', currency: 'USD', rates: { egress }, tiers: [] });
const directory: UsageDirectory = {
  hasOrganisation: () => true,
  hasProject: () => true,
  projectOfKey: () => undefined,
  findDeployment: () => undefined,
  pricesOf: () => ({ sell: prices, buy: prices }),
  owesOnLine: () => false,
};
function used(id: string, quantity: number): PlacedEvent {
  return {
    ...{ source: '/net', id, atMs: startMs, organisation: 'org_acme', meter: 'egress', quantity, holders: 1 },
    ...{ project: undefined, key: undefined, product: 'carrier/egress', deployment: undefined, provider: undefined },
    ...{
      region: undefined,
      mode: 'sync',
      placedProject: '',
      placedProduct: 'carrier/egress',
      placedProvider: 'carrier',
    },
  };
}
const tell = (store: Store, ...events: readonly PlacedEvent[]) =>
  recordEvents(
    store,
    directory,
    events.map(event => ({ event, json: {} })),
    new WalletUsagePayer(),
  );

test('after backup and restore every balance is what it was, and what was done is not done again', async t => {
  const [source, target] = [await createTestDatabase(), await createTestDatabase()];
  const [from, to] = [connect(source.url), connect(target.url)];
  const directoryPath = mkdtempSync(join(tmpdir(), 'carrier-balances-'));
  t.after(async () => {
    await Promise.all([from.close(), to.close()]);
    await Promise.all([source.drop(), target.drop()]);
    rmSync(directoryPath, { recursive: true });
  });
  const bank = new Bank(from);
  await bank.grant('g', 50);
  await bank.grant('promo', 5, { kind: 'promotional', priority: -1 });
  await bank.grant('back', 7);
  await refundGrant(from, { organisation: 'org_acme', id: 'back' }, startMs);
  const held = await bank.lease(10);
  const exchanges = [completed(sketchOf(1, 9)), completed(sketchOf(2, 4, { leases: [held!] }))];
  await bank.ship(...exchanges);
  await tell(from, used('a', 5));
  const sides = { debit: cash, credit: receivable('org_acme'), currency: 'USD', amountAtto: 3n, kind: 'payment' };
  await inTransaction(from, client => openPending(client, [{ ...sides, id: 'p', atMs: startMs }]));

  const path = join(directoryPath, 'carrier.backup');
  await backup({ url: source.url, path });
  await restore({ url: target.url, path });

  const restored = new Bank(to);
  const before = await trialBalance(from);
  assert.ok(before[0]!.accounts.length > 8);
  assert.deepEqual(await trialBalance(to), before);
  assert.deepEqual(await restored.left(), await bank.left());
  assert.deepEqual(await checkLedger(to), []);
  await restored.ship(...exchanges);
  assert.equal(await restored.grant('g', 50), 'exists');
  assert.deepEqual(
    (await tell(to, used('a', 5))).map(({ outcome }) => outcome),
    ['duplicate'],
  );
  assert.deepEqual(await trialBalance(to), before);
  // What is new goes on from there, the same on both.
  for (const store of [from, to]) await tell(store, used('b', 2));
  assert.deepEqual(await trialBalance(to), await trialBalance(from));
  assert.deepEqual(await checkLedger(to), []);
});
