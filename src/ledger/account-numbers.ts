import type pg from 'pg';
import type { AccountName } from './accounts.ts';

/** Both sides of a transfer, in the one currency it is in. */
export interface Sides {
  readonly debit: AccountName;
  readonly credit: AccountName;
  readonly currency: string;
}

/** The rows of accounts, opened as they are first needed. Accounts are never renamed, closed or moved to another currency,
 *  so what was read once stays true. Opening one that nothing is booked on harms nothing. */
export class AccountNumbers {
  readonly #byCurrency = new Map<string, Map<string, number>>();

  /** Makes the accounts of all these known. Throws when one exists as another kind: then a name means two things. */
  async open(client: pg.ClientBase, transfers: readonly Sides[]): Promise<void> {
    const unknown = new Map<string, { readonly account: AccountName; readonly currency: string }>();
    for (const { debit, credit, currency } of transfers) {
      const known = this.#byCurrency.get(currency);
      for (const account of [debit, credit]) {
        if (known?.has(account.name) !== true) unknown.set(`${currency}\0${account.name}`, { account, currency });
      }
    }
    if (unknown.size === 0) return;
    // In one order, so that two who open the same accounts never wait for each other in a circle.
    const wanted = [...unknown].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, one]) => one);
    const columns = [
      wanted.map(({ account }) => account.name),
      wanted.map(({ currency }) => currency),
      wanted.map(({ account }) => account.kind),
    ];
    await client.query(
      `insert into account (name, currency, kind)
       select * from unnest($1::text[], $2::text[], $3::text[]) order by 1, 2 on conflict do nothing`,
      columns,
    );
    const { rows } = await client.query(
      `select account.id, account.kind, wanted.name, wanted.currency, wanted.kind as wanted
         from unnest($1::text[], $2::text[], $3::text[]) as wanted (name, currency, kind)
         join account on account.name = wanted.name and account.currency = wanted.currency`,
      columns,
    );
    for (const { id, kind, name, currency, wanted: asked } of rows) {
      if (kind !== asked) throw new Error(`account ${name} in ${currency} is of kind ${kind}, not ${asked}`);
      this.#known(currency).set(name, id);
    }
  }

  numberOf(name: string, currency: string): number {
    const id = this.#byCurrency.get(currency)?.get(name);
    if (id === undefined) throw new Error(`account ${name} in ${currency} was not opened`);
    return id;
  }

  #known(currency: string): Map<string, number> {
    let known = this.#byCurrency.get(currency);
    if (known === undefined) {
      known = new Map();
      this.#byCurrency.set(currency, known);
    }
    return known;
  }
}
