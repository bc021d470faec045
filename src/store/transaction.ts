import type pg from 'pg';
import type { Store } from './connect.ts';

/** Commits what it does, or nothing of it. After an error the connection is closed: nobody knows what state it is in. */
export async function inTransaction<Result>(
  store: Store,
  run: (client: pg.ClientBase) => Promise<Result>,
): Promise<Result> {
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
