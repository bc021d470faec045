import type { BreakerState } from './breaker.ts';

/** What a deployment shares with others, from the narrowest to the widest: account, model at the provider, provider,
 *  failure domains. Opaque ids. */
export interface Scoped {
  readonly handle: string;
  readonly scopes: readonly string[];
  readonly state: BreakerState;
  /** Was anything sent to it lately? */
  readonly recent: boolean;
}

/** Fewer deployments of a scope explain nothing: two broken ones may be broken each for itself. */
const witnessesMin = 2;

/** The scopes that are down: those of which at least two deployments were tried lately and every one of these is open. A
 *  deployment of such a scope that was not tried lately is treated as open, too, so that nobody finds out one by one.
 *  A deployment that works acquits all its scopes; so the smallest scope that explains the failures is the one found. */
export function downScopes(deployments: readonly Scoped[]): ReadonlySet<string> {
  const witnesses = new Map<string, { tried: number; open: number }>();
  for (const { scopes, state, recent } of deployments) {
    if (!recent && state === 'closed') continue;
    for (const scope of new Set(scopes)) {
      const seen = witnesses.get(scope) ?? { tried: 0, open: 0 };
      seen.tried += 1;
      // One that is being probed has not shown yet that it works.
      if (state !== 'closed') seen.open += 1;
      witnesses.set(scope, seen);
    }
  }
  const down = new Set<string>();
  for (const [scope, { tried, open }] of witnesses) if (tried >= witnessesMin && tried === open) down.add(scope);
  return down;
}
