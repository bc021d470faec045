import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { createTestDatabase, type TestDatabase } from '../../test/support/database.ts';
import { exchangeId, recordsOf } from '../../test/support/exchanges.ts';
import { completeExchange, crashAtStatement, emptyLedger } from '../../test/support/ledger.ts';
import { connect, type Store } from '../store/connect.ts';
import { inTransaction } from '../store/in-transaction.ts';
import { cash, commitCredit } from './accounts.ts';
import { foldBalances, readBalances, trialBalance } from './balances.ts';
import { book, type PendingOrder } from './book.ts';
import { checkLedger } from './check.ts';
import { expirePending, openPending, postPending, voidPending } from './pending.ts';
import { rules } from './rules.ts';
import { LedgerShipping } from './shipping.ts';

const atMs = Date.UTC(2026, 10, 20, 9, 30);
const dollar = 10n ** 18n;

function order(id: string, more: Partial<PendingOrder> = {}): PendingOrder {
  const sides = { debit: cash, credit: commitCredit('c1') };
  return { id, kind: 'purchase', ...sides, amountAtto: dollar, currency: 'USD', atMs, ...more } as PendingOrder;
}

describe('the ledger, when its process is killed', () => {
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

  const expired = { expiresAtMs: Date.UTC(2026, 0, 1) };
  const works: readonly {
    readonly name: string;
    readonly prepare: (store: Store) => Promise<unknown>;
    readonly work: (store: Store) => Promise<unknown>;
    /** Balance and pending of cash before and after, in dollars. */
    readonly before: readonly bigint[];
    readonly after: readonly bigint[];
  }[] = [
    {
      name: 'booking',
      prepare: async () => {},
      work: of =>
        inTransaction(of, client => book(client, [order('a'), order('b', { batch: 'x' }), order('c', { batch: 'x' })])),
      before: [0n, 0n],
      after: [3n, 0n],
    },
    {
      name: 'opening what is pending',
      prepare: async () => {},
      work: of => inTransaction(of, client => openPending(client, [order('a'), order('b')])),
      before: [0n, 0n],
      after: [0n, 2n],
    },
    {
      name: 'posting',
      prepare: of => inTransaction(of, client => openPending(client, [order('a'), order('b')])),
      work: of =>
        inTransaction(of, client =>
          postPending(client, [
            { id: 'a', atMs },
            { id: 'b', atMs },
          ]),
        ),
      before: [0n, 2n],
      after: [2n, 0n],
    },
    {
      name: 'voiding',
      prepare: of => inTransaction(of, client => openPending(client, [order('a'), order('b')])),
      work: of => inTransaction(of, client => voidPending(client, ['a', 'b'])),
      before: [0n, 2n],
      after: [0n, 0n],
    },
    {
      name: 'expiry',
      prepare: of => inTransaction(of, client => openPending(client, [order('a', expired), order('b', expired)])),
      work: of => inTransaction(of, client => expirePending(client)),
      before: [0n, 2n],
      after: [0n, 0n],
    },
    {
      name: 'folding',
      prepare: of => inTransaction(of, client => book(client, [order('a'), order('b')])),
      work: of => foldBalances(of.pool),
      before: [2n, 0n],
      after: [2n, 0n],
    },
  ];

  for (const { name, prepare, work, before, after } of works) {
    test(`${name} is done whole or not at all, and trying again does it once`, async () => {
      for (let statement = 0, crashed = true; crashed; statement += 1) {
        await emptyLedger(store);
        await prepare(store);
        const failing = connect(database.url, { connectionsMax: 1 });
        crashed = await crashAtStatement(statement, () => work(failing));
        await failing.close();

        const found = await standing();
        assert.ok(
          [before, after].some(whole => whole.every((value, index) => value === found[index])),
          `${found}`,
        );
        // The server may not have noticed yet that the first one is gone, and keep its rows locked: a job comes again.
        for (let again = 0; again < 100; again += 1) {
          await work(store);
          if (String(await standing()) === String(after)) break;
        }
        assert.deepEqual(await standing(), after);
        for (const { debit, credit } of await trialBalance(store)) assert.equal(debit, credit);
        assert.deepEqual(await checkLedger(store), []);
      }
    });
  }

  async function standing(): Promise<readonly bigint[]> {
    const [balance] = await readBalances(store.pool, { accounts: ['cash'] });
    return balance === undefined ? [0n, 0n] : [balance.debitAtto / dollar, balance.debitPendingAtto / dollar];
  }

  /** A grant of five that nobody booked, and somebody's promise of six. */
  const strayGrant = `
    insert into wallet (organisation, currency) values ('org_acme', 'USD');
    insert into wallet_grant (wallet, organisation, id, digest, kind, amount_atto, priority, effective_at, scope_id, holdable)
      values (1, 'org_acme', 'stray', '', 'paid', 5, 0, now(), '', true);
    insert into wallet_balance (grant_number, wallet, remaining_atto) values (1, 1, 5);
    insert into wallet_hour (wallet, grant_number, hour, kind, amount_atto, count)
      values (1, 1, date_trunc('hour', now()), 'granted', 4, 1);
    insert into wallet_reserve (holder, wallet, grant_number, atto) values ('nobody', 1, 1, 6)`;
  const damages: Readonly<Record<string, string>> = {
    grant_is_the_fold: strayGrant,
    grant_is_its_statement: strayGrant,
    grant_promised_once: strayGrant,
    grant_held_by_somebody: strayGrant,
    trial_balance_zero: `update balance_delta set debit_atto = debit_atto + 1 where debit_atto > 0`,
    balance_is_the_fold: `delete from balance_delta`,
    transfer_stays_in_its_ledger: `update transfer set credit = 999 where kind = 'sell'`,
    transfer_has_its_key: `delete from transfer_key where id = 'a'`,
    key_has_its_transfer: `delete from transfer where exchange_id = 'a'`,
    charge_is_sum_of_lines: `update charge set lines = '[]' where book = 'sell'`,
    exchange_has_its_key: `delete from exchange_key`,
    key_has_its_exchange: `delete from exchange where id = '${exchangeId(2)}'`,
    sell_is_booked: `update exchange set sell_atto = sell_atto + 1`,
    sell_is_rated: `update exchange set over_hold_atto = 1`,
    cost_is_booked: `update attempt set buy_atto = buy_atto + 1`,
    charge_within_hold: `update exchange set hold_leases = '[]'`,
    void_is_free: `update exchange set state = 'void'`,
    corrections_follow_each_other: `insert into correction (exchange_id, number, at, kind, run, reason, state)
      select id, 2, at, 'rerate', 'x', 'x', 'settled' from exchange`,
    lease_not_overspent: `alter table lease drop constraint lease_check;
      insert into budget_window values ('b', 'total', 9, 1, 0);
      insert into lease (id, budget, period, holder, amount_atto, spent_atto) values ('l', 'b', 'total', 'h', 1, 2)`,
    window_holds_its_leases: `insert into budget_window values ('b', 'total', 9, 1, 0)`,
    window_within_limit: `alter table budget_window drop constraint budget_window_check;
      insert into budget_window values ('b', 'total', 9, 0, 10)`,
    pending_is_resolved_once: `delete from pending_open`,
    pending_expires: `update pending_open set expires_at = '2026-01-01'`,
    wallet_not_negative: `update balance_delta set credit_atto = credit_atto - 5000000000000000000
      where account = (select id from account where name = 'commit_credit:c1');
      update account set name = 'wallet:org_acme:g1' where name = 'commit_credit:c1'`,
    wallet_has_its_grant: `update account set name = 'wallet:org_acme:g1' where name = 'commit_credit:c1'`,
    month_is_the_sum: `insert into usage_month (book, subject, priced, meter, place, currency, month, version, price, quantity)
      values ('sell', 'org_acme', 'v/a', 'egress', '||', 'USD', '2026-11-01', 'v1', '{}', 1)`,
    usage_is_the_sum: `delete from usage_delta`,
    usage_is_the_ledger: `update usage_delta set buy_atto = buy_atto + 1`,
    usage_sides_agree: `insert into usage_customer_by_day (day, customer, requests)
      select date_trunc('day', min(at), 'UTC'), 1, 1 from exchange`,
  };

  test('every rule has a damage that it finds', () => {
    const shared = Object.keys(rules).filter(rule => !(rule in damages) && !rule.startsWith('usage_event'));
    assert.deepEqual(shared, []);
  });

  for (const [rule, damage] of Object.entries(damages)) {
    test(`a look finds what breaks ${rule}`, async () => {
      const own = await createTestDatabase();
      const damaged = connect(own.url);
      try {
        const exchanges = [1, 2].map(number =>
          completeExchange(recordsOf({ id: exchangeId(number), atMs: atMs + number })),
        );
        await new LedgerShipping(damaged, 'j1').ship({ exchanges, positions: [], alerts: [] });
        await inTransaction(damaged, client => book(client, [order('a')]));
        await inTransaction(damaged, client => openPending(client, [order('p')]));
        assert.deepEqual(await checkLedger(damaged), []);
        // As only somebody with the server's own rights can.
        await damaged.pool.query(`begin; set local session_replication_role = replica; ${damage}; commit`);

        const found = (await checkLedger(damaged)).map(violation => violation.rule as string);

        assert.ok(found.includes(rule), `found ${found.join(', ')}`);
      } finally {
        await damaged.close();
        await own.drop();
      }
    });
  }
});
