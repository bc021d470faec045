import type pg from 'pg';
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
  'usage_event_key',
  'usage_event',
  'usage_event_rating',
  'usage_event_conflict',
  'true_up',
];

export async function emptyLedger(store: Store, except: readonly string[] = []): Promise<void> {
  const tables = ledgerTables.filter(table => !except.includes(table));
  await store.pool.query(`truncate ${tables.join(', ')} restart identity`);
}

/** Commits what it does, or nothing of it. */
export async function inTransaction<T>(store: Store, run: (client: pg.PoolClient) => Promise<T>): Promise<T> {
  const client = await store.pool.connect();
  let broken: Error | undefined;
  try {
    await client.query('begin');
    const result = await run(client);
    await client.query('commit');
    return result;
  } catch (error) {
    broken = error as Error;
    throw error;
  } finally {
    client.release(broken);
  }
}
