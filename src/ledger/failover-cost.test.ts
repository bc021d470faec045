import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { createTestDatabase, type TestDatabase } from '../../test/support/database.ts';
import { exchangeId, recordsOf } from '../../test/support/exchanges.ts';
import { ExchangeAssembler } from '../journal/assemble.ts';
import type { EndRecord, RatedAmount } from '../journal/record.ts';
import { connect, type Store } from '../store/connect.ts';
import { balanceAtto, readBalances } from './balances.ts';
import { checkLedger } from './check.ts';
import { findExchange } from './queries.ts';
import { LedgerShipping } from './shipping.ts';

const atMs = Date.UTC(2026, 10, 20, 9, 30);

/** Rates are pico-currency per 10⁶ tokens. */
function rated(input: number, output: number, rates: { readonly input: bigint; readonly output: bigint }): RatedAmount {
  const line = (meter: string, quantity: number, pico: bigint) => ({
    meter,
    quantity,
    ratePico: pico.toString(),
    amountAtto: (BigInt(quantity) * pico).toString(),
  });
  const lines = [line('input', input, rates.input), line('output', output, rates.output)];
  const amountAtto = lines.reduce((sum, { amountAtto: atto }) => sum + BigInt(atto), 0n).toString();
  return { amountAtto, currency: 'USD', version: 'v', lines };
}

describe('a provider that dies in the middle and the one that answers instead', () => {
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

  // https://github.com/theopenco/llmgateway/pull/3505, 2026-11
  test('are both owed, and the customer pays once', async () => {
    const records = recordsOf({ id: exchangeId(1), atMs, failedAttempts: 1 });
    const end = records.at(-1) as EndRecord;
    // 1.50 and 9.00 at the one, 5.00 and 25.00 at the other, per 10⁶ tokens.
    const failed = rated(400, 15_000, { input: 1_500_000_000_000n, output: 9_000_000_000_000n });
    const answered = rated(400, 900, { input: 5_000_000_000_000n, output: 25_000_000_000_000n });
    const [first, second] = end.attempts;
    const whole: EndRecord = {
      ...end,
      attempts: [
        { ...first!, provider: 'a', outcome: 'upstream_rate_limited', buy: failed },
        { ...second!, provider: 'b', buy: answered },
      ],
      sell: { ...answered, overHoldAtto: '0' },
    };
    const assembler = new ExchangeAssembler();
    for (const record of [...records.slice(0, -1), whole]) {
      const done = assembler.accept(record, { sequence: 1, offset: 0 });
      if (done === undefined || done === 'conflict') continue;
      await new LedgerShipping(store, 'j1').ship({ exchanges: [done], positions: [], alerts: [] });
    }

    const balances = Object.fromEntries(
      (await readBalances(store.pool)).map(balance => [balance.account, balanceAtto(balance)]),
    );
    assert.deepEqual(balances, {
      'cogs:b': 24_500_000_000_000_000n,
      'cogs:failed_attempt': 135_600_000_000_000_000n,
      'provider_accrued:a': 135_600_000_000_000_000n,
      'provider_accrued:b': 24_500_000_000_000_000n,
      'revenue:inference': 24_500_000_000_000_000n,
      'unbilled:org_acme': 24_500_000_000_000_000n,
    });
    assert.deepEqual(await checkLedger(store), []);
  });

  test('three that break on one tight hold: the customer pays the hold, the operator the rest and what was wasted', async () => {
    const leases = [{ budget: 'b1', window: 'total', lease: 'l1' }];
    const atto = (micro: bigint) => micro * 10n ** 12n;
    const id = exchangeId(2);
    const records = recordsOf({
      id,
      atMs,
      failedAttempts: 3,
      leases,
      holdAtto: atto(807_500n).toString(),
      organisation: 'tight',
    });
    const end = records.at(-1) as EndRecord;
    const wasted = rated(30, 6, { input: 1_250_000_000_000_000n, output: 10_000_000_000_000_000n });
    const answered = rated(400, 90, { input: 1_250_000_000_000_000n, output: 10_000_000_000_000_000n });
    const whole: EndRecord = {
      ...end,
      attempts: end.attempts.map((attempt, index) => ({
        ...attempt,
        provider: 'd',
        ...(index < 3 ? { outcome: 'upstream_truncated', buy: wasted } : { buy: answered }),
      })),
      sell: { ...answered, overHoldAtto: atto(592_500n).toString() },
      queuedMs: 37,
    };
    const assembler = new ExchangeAssembler();
    for (const record of [...records.slice(0, -1), whole]) {
      const done = assembler.accept(record, { sequence: 2, offset: 0 });
      if (done === undefined || done === 'conflict') continue;
      await new LedgerShipping(store, 'j1').ship({ exchanges: [done], positions: [], alerts: [] });
    }

    const { rows } = await store.pool.query(
      `select d.name as debit, c.name as credit, sum(t.amount_atto) as atto
         from transfer t join account d on d.id = t.debit join account c on c.id = t.credit
        where t.exchange_id = $1 group by d.name, c.name order by d.name collate "C"`,
      [id],
    );
    assert.deepEqual(
      rows.map(row => [row.debit, row.credit, row.atto]),
      [
        ['cogs:d', 'provider_accrued:d', atto(1_400_000n)],
        ['cogs:failed_attempt', 'provider_accrued:d', atto(292_500n)],
        ['operator:over_hold', 'revenue:inference', atto(592_500n)],
        ['unbilled:tight', 'revenue:inference', atto(807_500n)],
      ],
    );
    assert.equal((await findExchange(store, id))?.queuedMs, 37);
    assert.equal((await findExchange(store, exchangeId(1)))?.queuedMs, null);
  });
});
