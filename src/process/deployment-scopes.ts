import { createHash } from 'node:crypto';
import { failureScopes } from '../providers/failure-scopes.ts';
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

function known({ handle, targetModel, concurrencyMax }: DeploymentEntry, provider: ProviderEntry): KnownDeployment {
  return {
    handle,
    scopes: failureScopes({ targetModel, provider }),
    concurrencyMax: concurrencyMax ?? undefined,
    version: createHash('sha256')
      .update(JSON.stringify([provider.baseUrl, provider.credential, provider.kind, targetModel]))
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
