import { matchesAny } from './allow.ts';
import type { WalletEntry } from './snapshot.ts';

/** What holds of a wallet need: which of its money can pay for a deployment, and until when what is in force stays so.
 *
 *  A *pool* is the money that can pay for one class of deployments: grants without a scope, the line, and the grants of
 *  those scopes that cover them. It is a hard budget to everybody who takes holds. Its id says which scopes, so that the
 *  ledger needs no snapshot to know what it may lease.
 *  A *window* is a time throughout which the same grants are in force: it ends where one begins or expires. A lease is of
 *  one window, so money that expires is never held for a request that comes after. */
export interface Wallet {
  readonly organisation: string;
  readonly currency: string;
  readonly limitAtto: bigint;
  readonly windows: WalletWindows;
  /** No grant is for some deployments only: there is one pool. */
  readonly onlyPool: string | undefined;
  poolOf(deployment: ScopedDeployment): string;
}

export interface ScopedDeployment {
  /** `vendor/name` */
  readonly model: string;
  readonly provider: { readonly name: string };
}

export interface WalletPool {
  readonly organisation: string;
  readonly currency: string;
  /** Ids of scopes, sorted. */
  readonly scopes: readonly string[];
}

const poolPrefix = 'wallet/';

/** `wallet/acme/USD`, or `wallet/acme/USD/<scope>+<scope>`: no name of an organisation has a slash. */
export function poolId({ organisation, currency, scopes }: WalletPool): string {
  const general = `${poolPrefix}${organisation}/${currency}`;
  return scopes.length === 0 ? general : `${general}/${scopes.toSorted().join('+')}`;
}

/** undefined for the id of any other budget. */
export function parsePoolId(id: string): WalletPool | undefined {
  if (!id.startsWith(poolPrefix)) return undefined;
  const [, organisation, currency, scopes] = id.split('/');
  if (organisation === undefined || currency === undefined) return undefined;
  return { organisation, currency, scopes: scopes === undefined ? [] : scopes.split('+') };
}

/** Budgets whose money is partly the same: the pools of one wallet. Any other budget is alone. */
export function budgetFamily(id: string): string {
  const pool = parsePoolId(id);
  return pool === undefined ? id : poolId({ ...pool, scopes: [] });
}

export function loadWallet(entry: WalletEntry): Wallet {
  const { organisation, currency, scopes } = entry;
  const general = poolId({ organisation, currency, scopes: [] });
  const pools = new Map<string, string>();
  return {
    organisation,
    currency,
    limitAtto: BigInt(entry.limitAtto),
    windows: new WalletWindows(entry.boundaries.map(instant => Date.parse(instant))),
    onlyPool: scopes.length === 0 ? general : undefined,
    poolOf: deployment => {
      if (scopes.length === 0) return general;
      const place = `${deployment.provider.name} ${deployment.model}`;
      let pool = pools.get(place);
      if (pool === undefined) {
        const covering = scopes.filter(scope => covers(scope, deployment)).map(({ id }) => id);
        pool = poolId({ organisation, currency, scopes: covering });
        pools.set(place, pool);
      }
      return pool;
    },
  };
}

function covers({ models, providers }: WalletEntry['scopes'][number], deployment: ScopedDeployment): boolean {
  return (
    (models === null || matchesAny(models, deployment.model)) &&
    (providers === null || matchesAny(providers, deployment.provider.name))
  );
}

/** The windows of one wallet. */
export class WalletWindows {
  readonly #boundariesMs: readonly number[];
  #last: { readonly fromMs: number; readonly untilMs: number; readonly name: string } | undefined;

  /** Ascending. */
  constructor(boundariesMs: readonly number[]) {
    this.#boundariesMs = boundariesMs;
  }

  /** `<from>/<until>` of ISO 8601 instants, until exclusive; `..` where there is no boundary. */
  at(atMs: number): string {
    const last = this.#last;
    if (last !== undefined && atMs >= last.fromMs && atMs < last.untilMs) return last.name;
    const next = this.#boundariesMs.findIndex(boundaryMs => boundaryMs > atMs);
    const until = next === -1 ? undefined : this.#boundariesMs[next];
    const from = next === -1 ? this.#boundariesMs.at(-1) : this.#boundariesMs[next - 1];
    const name = `${instant(from)}/${instant(until)}`;
    this.#last = {
      fromMs: from ?? Number.NEGATIVE_INFINITY,
      untilMs: until ?? Number.POSITIVE_INFINITY,
      name,
    };
    return name;
  }
}

/** undefined for the window of a budget that is no wallet's. Instants as they are written, or undefined for none. */
export function parseWalletWindow(
  window: string,
): { readonly from: string | undefined; readonly until: string | undefined } | undefined {
  const [from, until, ...rest] = window.split('/');
  if (from === undefined || until === undefined || rest.length > 0) return undefined;
  return { from: from === open ? undefined : from, until: until === open ? undefined : until };
}

const open = '..';

function instant(atMs: number | undefined): string {
  return atMs === undefined ? open : new Date(atMs).toISOString();
}
