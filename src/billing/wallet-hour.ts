import type pg from 'pg';

export const movementKinds = ['granted', 'used', 'repaid', 'voided', 'refunded', 'expired', 'corrected'] as const;
export type MovementKind = (typeof movementKinds)[number];

/** What moved one grant, or the line (grant 0). */
export interface WalletMovement {
  readonly wallet: number;
  readonly grant: bigint;
  readonly kind: MovementKind;
  /** Above zero adds to what is left. */
  readonly amountAtto: bigint;
  /** Exchanges, or bookings. */
  readonly count: bigint;
}

/** Adds movements to the hour in which they are booked. Rows are taken in one order, so that two who add to the same wait
 *  for each other and never in a circle. One movement a wallet, grant and kind. */
export async function moveWallet(client: pg.ClientBase, movements: readonly WalletMovement[]): Promise<void> {
  if (movements.length === 0) return;
  const sorted = movements.toSorted(
    (one, other) => one.wallet - other.wallet || Number(one.grant - other.grant) || (one.kind < other.kind ? -1 : 1),
  );
  await client.query(
    `insert into wallet_hour (wallet, hour, grant_number, kind, amount_atto, count)
     select wallet, date_trunc('hour', now(), 'UTC'), grant_number, kind, amount, count
       from unnest($1::int[], $2::bigint[], $3::text[], $4::numeric[], $5::bigint[])
            as m (wallet, grant_number, kind, amount, count)
     on conflict (wallet, hour, grant_number, kind) do update
       set amount_atto = wallet_hour.amount_atto + excluded.amount_atto, count = wallet_hour.count + excluded.count`,
    [
      sorted.map(({ wallet }) => wallet),
      sorted.map(({ grant }) => grant.toString()),
      sorted.map(({ kind }) => kind),
      sorted.map(({ amountAtto }) => amountAtto.toString()),
      sorted.map(({ count }) => count.toString()),
    ],
  );
}
