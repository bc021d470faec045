import { createHash } from 'node:crypto';
import { providerOf } from '../providers/registry.ts';
import type { KnownDeployment } from '../routing/health/health-book.ts';
import type { DeploymentEntry, ProviderEntry, SnapshotJson } from '../snapshot/snapshot.ts';

/** The deployments of a snapshot as the health book knows them: with what they share, and what makes them new. */
export function knownDeployments({ deployments, providers }: SnapshotJson): KnownDeployment[] {
  const byName = new Map(providers.map(provider => [provider.name, provider]));
  return deployments.flatMap(deployment => {
    const provider = byName.get(deployment.provider);
    return provider === undefined ? [] : [known(deployment, provider)];
  });
}

function known(deployment: DeploymentEntry, provider: ProviderEntry): KnownDeployment {
  const kind = providerOf(provider.kind);
  // Kinds without an address of their own are many hosts; there, the host is the provider.
  const host = kind.baseUrl === undefined ? `host ${hostOf(provider.baseUrl)}` : `kind ${kind.name}`;
  return {
    handle: deployment.handle,
    scopes: [
      `account ${provider.name}`,
      `model ${deployment.targetModel} at ${host}`,
      host,
      ...kind.failureDomains.map(domain => `domain ${domain}`),
    ],
    concurrencyMax: deployment.concurrencyMax ?? undefined,
    version: createHash('sha256')
      .update(JSON.stringify([provider.baseUrl, provider.credential, provider.kind, deployment.targetModel]))
      .digest('hex'),
  };
}

/** A scope as people call it. */
export function describeScope(scope: string): {
  readonly kind: 'account' | 'model' | 'provider' | 'domain';
  readonly name: string;
} {
  const space = scope.indexOf(' ');
  const [word, name] = [scope.slice(0, space), scope.slice(space + 1)];
  if (word === 'account' || word === 'domain') return { kind: word, name };
  if (word === 'model') return { kind: word, name: name.replace(' at kind ', ' at ').replace(' at host ', ' at ') };
  return { kind: 'provider', name };
}

function hostOf(baseUrl: string): string {
  try {
    return new URL(baseUrl).host || baseUrl;
  } catch {
    return baseUrl;
  }
}
