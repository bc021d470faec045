import type { WalletEntry } from '../snapshot/snapshot.ts';
import type { Store } from '../store/connect.ts';

/** What snapshots say of wallets, but for the terms: by `organisation/currency`. */
export type WalletState = Pick<WalletEntry, 'boundaries' | 'scopes'> & {
  /** What its open grants were made for. */
  readonly grantedAtto: bigint;
};

/** Grows with every grant that is made or ends, whichever wallet it is of. */
export async function readWalletChanges(store: Store): Promise<bigint> {
  const { rows } = await store.pool.query('select coalesce(sum(changes), 0)::bigint as changes from wallet');
  return rows[0].changes;
}

export function walletStateKey(organisation: string, currency: string): string {
  return `${organisation}/${currency}`;
}

/** Of these organisations, as far as they have a wallet. */
export async function readWalletStates(
  store: Store,
  organisations: readonly string[],
): Promise<ReadonlyMap<string, WalletState>> {
  if (organisations.length === 0) return new Map();
  const { rows } = await store.pool.query(
    `select w.organisation, w.currency, g.amount_atto, g.effective_at, g.expires_at, g.scope_id, g.scope
       from wallet w
       join wallet_balance b on b.wallet = w.id and b.ended is null
       join wallet_grant g on g.number = b.grant_number and g.holdable
      where w.organisation = any($1)`,
    [organisations],
  );
  const byWallet = Map.groupBy(rows, row => walletStateKey(row.organisation, row.currency));
  return new Map([...byWallet].map(([key, grants]) => [key, stateOf(grants)]));
}

interface GrantRow {
  readonly amount_atto: bigint;
  readonly effective_at: Date;
  readonly expires_at: Date | null;
  readonly scope_id: string;
  readonly scope: { readonly models?: readonly string[]; readonly providers?: readonly string[] } | null;
}

function stateOf(grants: readonly GrantRow[]): WalletState {
  const instants = grants.flatMap(({ effective_at, expires_at }) => [
    effective_at,
    ...(expires_at ? [expires_at] : []),
  ]);
  const scopes = new Map(
    grants.flatMap(({ scope_id: id, scope }) =>
      scope === null ? [] : [[id, { id, models: scope.models ?? null, providers: scope.providers ?? null }] as const],
    ),
  );
  return {
    grantedAtto: grants.reduce((sum, { amount_atto }) => sum + amount_atto, 0n),
    // Of one width, so that their order as text is that of time.
    boundaries: [...new Set(instants.map(at => at.toISOString()))].sort(),
    scopes: [...scopes.values()].sort((one, other) => (one.id < other.id ? -1 : 1)),
  };
}
