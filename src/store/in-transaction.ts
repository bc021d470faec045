import type pg from 'pg';
import type { Store } from './connect.ts';

/** Commits what `run` does, or nothing of it. A connection that failed is closed, which undoes what it had begun. */
export async function inTransaction<T>(store: Store, run: (client: pg.ClientBase) => Promise<T>): Promise<T> {
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
