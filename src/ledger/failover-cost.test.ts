import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { createTestDatabase, type TestDatabase } from '../../test/support/database.ts';
import { exchangeId, recordsOf } from '../../test/support/exchanges.ts';
import { ExchangeAssembler } from '../journal/assemble.ts';
import type { EndRecord, RatedAmount } from '../journal/record.ts';
import { connect, type Store } from '../store/connect.ts';
import { balanceAtto, readBalances } from './balances.ts';
import { checkLedger } from './check.ts';
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
});
