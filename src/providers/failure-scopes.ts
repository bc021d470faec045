import { providerOf } from './registry.ts';

/** A deployment as far as it can fail together with others. */
export interface Placed {
  readonly targetModel: string;
  readonly provider: { readonly name: string; readonly kind: string; readonly baseUrl: string };
}

/** What a deployment shares with others, from the narrowest to the widest: account, model at the provider, provider,
 *  failure domains. Opaque ids. */
export function failureScopes({ targetModel, provider }: Placed): readonly string[] {
  const kind = providerOf(provider.kind);
  // Kinds without an address of their own are many hosts; there, the host is the provider.
  const host = kind.baseUrl === undefined ? `host ${hostOf(provider.baseUrl)}` : `kind ${kind.name}`;
  return [
    `account ${provider.name}`,
    `model ${targetModel} at ${host}`,
    host,
    ...kind.failureDomains.map(domain => `domain ${domain}`),
  ];
}

/** May one failure hit both? */
export function failTogether(one: Placed, other: Placed): boolean {
  const scopes = failureScopes(one);
  return failureScopes(other).some(scope => scopes.includes(scope));
}

function hostOf(baseUrl: string): string {
  try {
    return new URL(baseUrl).host || baseUrl;
  } catch {
    return baseUrl;
  }
}
