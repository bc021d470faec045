import type pg from 'pg';
import { moveWallet, type WalletMovement } from './wallet-hour.ts';

/** What goes back to grants and lines. */
export class GrantMoves {
  /** Wallets of those among the grants that had ended. */
  async endedGrants(client: pg.ClientBase): Promise<readonly WalletName[]> {
    if (this.grants.size === 0) return [];
    const grants = [...this.grants.values()];
    const { rows } = await client.query(
      `select distinct g.organisation, w.currency
         from unnest($1::text[], $2::text[]) as m (organisation, id)
         join wallet_grant g on g.organisation = m.organisation and g.id = m.id
         join wallet_balance b on b.grant_number = g.number and b.ended is not null
         join wallet w on w.id = g.wallet`,
      [grants.map(({ organisation }) => organisation), grants.map(({ id }) => id)],
    );
    return rows;
  }

  readonly grants = new Map<string, { readonly organisation: string; readonly id: string; amountAtto: bigint }>();
  readonly lines = new Map<string, { readonly organisation: string; readonly currency: string; amountAtto: bigint }>();

  add(organisation: string, id: string, amountAtto: bigint): void {
    if (amountAtto === 0n) return;
    const move = this.grants.get(`${organisation}/${id}`) ?? { organisation, id, amountAtto: 0n };
    move.amountAtto += amountAtto;
    this.grants.set(`${organisation}/${id}`, move);
  }

  addLine(organisation: string, currency: string, amountAtto: bigint): void {
    if (amountAtto === 0n) return;
    const move = this.lines.get(`${organisation}/${currency}`) ?? { organisation, currency, amountAtto: 0n };
    move.amountAtto += amountAtto;
    this.lines.set(`${organisation}/${currency}`, move);
  }
}

/** Adds what goes back to what is left; the caller holds the locks of the wallets of lines and of grants that had ended. */
export async function giveBack(client: pg.ClientBase, moves: GrantMoves, ended: readonly WalletName[]): Promise<void> {
  const movements: WalletMovement[] = [];
  for (const { organisation, currency, amountAtto } of moves.lines.values()) {
    const { rows } = await client.query(
      `update wallet w set owed_atto = w.owed_atto - least(w.owed_atto, $3::numeric) from wallet before
        where w.organisation = $1 and w.currency = $2 and before.id = w.id
       returning w.id, before.owed_atto - w.owed_atto as back`,
      [organisation, currency, amountAtto.toString()],
    );
    for (const { id, back } of rows) {
      if (back > 0n) movements.push({ wallet: id, grant: 0n, kind: 'corrected', amountAtto: back, count: 1n });
    }
  }
  for (const { organisation, currency } of ended) {
    await client.query('update wallet set changes = changes + 1 where organisation = $1 and currency = $2', [
      organisation,
      currency,
    ]);
  }
  const grants = [...moves.grants.values()];
  if (grants.length > 0) {
    // One that had ended is open again; it ends once more when its time is over.
    const { rows } = await client.query(
      `with back as (
         select g.number, m.atto
           from unnest($1::text[], $2::text[], $3::numeric[]) as m (organisation, id, atto)
           join wallet_grant g on g.organisation = m.organisation and g.id = m.id
           join wallet_balance b on b.grant_number = g.number
          order by g.number for update of b
       )
       update wallet_balance b
          set remaining_atto = b.remaining_atto + back.atto, ended = null, ended_at = null
         from back where b.grant_number = back.number
       returning b.grant_number, b.wallet, back.atto`,
      [
        grants.map(({ organisation }) => organisation),
        grants.map(({ id }) => id),
        grants.map(({ amountAtto }) => amountAtto.toString()),
      ],
    );
    for (const { grant_number, wallet, atto } of rows) {
      movements.push({ wallet, grant: grant_number, kind: 'corrected', amountAtto: atto, count: 1n });
    }
  }
  await moveWallet(client, movements);
}

export interface WalletName {
  readonly organisation: string;
  readonly currency: string;
}

/** In the one order of locks. */
export async function lockWallets(client: pg.ClientBase, names: readonly WalletName[]): Promise<void> {
  await client.query(
    `select from wallet
      where (organisation, currency) in (select * from unnest($1::text[], $2::text[]))
      order by id for no key update`,
    [names.map(({ organisation }) => organisation), names.map(({ currency }) => currency)],
  );
}
