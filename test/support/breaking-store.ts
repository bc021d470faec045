import type pg from 'pg';
import type { Store } from '../../src/store/connect.ts';

/** A store whose connection is cut by the server when it is asked for the `nth` statement from now on, from 1. `reached`:
 *  was there such a statement? */
export function breakingStore(store: Store, nth: number): { readonly store: Store; readonly reached: () => boolean } {
  let asked = 0;
  const pool = new Proxy(store.pool, {
    get(target, name, receiver) {
      if (name !== 'connect') return Reflect.get(target, name, receiver);
      return async () => breakingClient(await target.connect(), store, () => ++asked === nth);
    },
  });
  return { store: { ...store, pool }, reached: () => asked >= nth };
}

/** The same of a client. */
export function breakingClient<Client extends pg.ClientBase>(
  client: Client,
  store: Store,
  isNow: () => boolean,
): Client {
  return new Proxy(client, {
    get(target, name) {
      const value = Reflect.get(target, name, target);
      if (typeof value !== 'function') return value;
      if (name !== 'query') return value.bind(target);
      return (...args: unknown[]) => {
        if (!isNow()) return value.apply(target, args);
        // True: pg keeps the id of the server's process there.
        const { processID } = target as unknown as { readonly processID: number };
        const cut = store.pool.query('select pg_terminate_backend($1)', [processID]);
        return cut.then(() => value.apply(target, args));
      };
    },
  });
}
