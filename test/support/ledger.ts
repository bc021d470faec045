import assert from 'node:assert/strict';
import pg from 'pg';
import { type CompletedExchange, ExchangeAssembler } from '../../src/journal/assemble.ts';
import type { JournalRecord } from '../../src/journal/record.ts';
import type { Store } from '../../src/store/connect.ts';

/** Every table of the ledger, so that a test begins with an empty one. */
const ledgerTables = [
  'account',
  'exchange_key',
  'exchange',
  'attempt',
  'decision',
  'charge',
  'transfer',
  'usage_delta',
  'usage_by_hour',
  'usage_by_day',
  'usage_by_month',
  'usage_customer_by_day',
  'usage_customer_by_month',
  'usage_supply_by_hour',
  'usage_supply_by_day',
  'usage_supply_by_month',
  'journal_position',
  'budget_window',
  'lease',
  'alert',
  'transfer_key',
  'transfer_conflict',
  'pending_transfer',
  'pending_open',
  'pending_outcome',
  'balance_day',
  'balance_delta',
  'correction',
  'corrected_charge',
  'ledger_check',
  'wallet',
  'wallet_grant',
  'wallet_balance',
  'wallet_reserve',
  'wallet_hour',
  'journal_watermark',
  'usage_event_key',
  'usage_event',
  'usage_event_rating',
  'usage_event_conflict',
  'true_up',
  'usage_month',
  'notice',
];

export async function emptyLedger(store: Store, except: readonly string[] = []): Promise<void> {
  const tables = ledgerTables.filter(table => !except.includes(table));
  await store.pool.query(`truncate ${tables.join(', ')} restart identity`);
}

/** The exchange that these records make; `settle` when its process died after the last. */
export function completeExchange(records: readonly JournalRecord[], last?: 'settle'): CompletedExchange {
  const assembler = new ExchangeAssembler();
  let result: CompletedExchange | undefined;
  for (const record of records) {
    const accepted = assembler.accept(record, { sequence: 1, offset: 0 });
    if (typeof accepted === 'object') result = accepted;
  }
  if (last === 'settle') [result] = assembler.settleAll('delivered');
  assert.ok(result);
  return result;
}

/** Breaks the connection before the n-th statement is sent. False when there were fewer. */
export async function crashAtStatement(n: number, run: () => Promise<unknown>): Promise<boolean> {
  const original = pg.Client.prototype.query as (...args: unknown[]) => unknown;
  let count = 0;
  let crashed = false;
  pg.Client.prototype.query = function (this: pg.Client, ...args: unknown[]) {
    if (count++ === n) {
      crashed = true;
      // As when the process is killed: the server sees the socket close.
      (this as unknown as { connection: { stream: { destroy(): void } } }).connection.stream.destroy();
    }
    return original.apply(this, args);
  } as typeof pg.Client.prototype.query;
  try {
    await run();
  } catch (error) {
    assert.ok(crashed, error as Error);
  } finally {
    pg.Client.prototype.query = original as typeof pg.Client.prototype.query;
  }
  return crashed;
}
