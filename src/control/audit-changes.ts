import type { Author } from '../audit/author.ts';
import type { AuditEvent } from '../audit/record-audit.ts';
import { contractor, organisationOf, type Resource, type ResourceKind } from './resources.ts';

/** What a resource was and is by one change; one side is there. */
export interface ResourcePair {
  readonly old: Resource | undefined;
  readonly now: Resource | undefined;
}

/** As permissions name them. */
const resourceWords: Readonly<Record<ResourceKind, string>> = {
  organisation: 'organisations',
  project: 'projects',
  key: 'keys',
  provider: 'providers',
  deployment: 'deployments',
  route: 'routes',
  book: 'prices',
  policies: 'policies',
  access: 'access',
  rule: 'rules',
};

/** One event for each resource that is another than it was. */
export function auditEvents(
  pairs: readonly ResourcePair[],
  { actor, requestId, address }: Author,
): readonly AuditEvent[] {
  return pairs.map(({ old, now }) => {
    const resource = (now ?? old)!; // one side is there
    return {
      actor,
      requestId,
      address,
      organisation: organisationOfResource(resource),
      action: `${resourceWords[resource.kind]}.${verbOf(old, now)}`,
      target: `${resource.kind}:${resource.id}`,
      before: old,
      after: now,
    };
  });
}

function verbOf(old: Resource | undefined, now: Resource | undefined): string {
  if (old === undefined) return 'create';
  if (now === undefined) return 'delete';
  if (old.kind !== 'key' || now.kind !== 'key') return 'write';
  if (now.revoked && !old.revoked) return 'revoke';
  return old.digest === now.digest ? 'write' : 'rotate';
}

/** null: the installation's. */
export function organisationOfResource(resource: Resource): string | null {
  switch (resource.kind) {
    case 'organisation':
      return resource.id;
    case 'project':
      return organisationOf(resource.id);
    case 'key':
      return organisationOf(resource.project);
    case 'book':
      return contractor(resource.id) ?? null;
    default:
      return null;
  }
}
