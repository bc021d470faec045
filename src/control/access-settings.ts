import { toGrant, writtenGrant } from '../access/grants.ts';
import { type AccessPolicy, accessPolicyDefault } from '../access/policy.ts';
import type { Store } from '../store/connect.ts';
import type { DeclaredAccess } from './declaration-access.ts';
import type { Desire } from './plan.ts';
import { type AccessResource, type Configuration, resourceOf, resourcesOf } from './resources.ts';
import type { Sealer } from './seal.ts';

/** The `access:` part between the file, what is stored and what people log in by. */

export const accessSecretContext = 'access:oidc';

/** What the file says as it is stored; the secret is sealed anew only when it is another one. */
export function desireAccess(desire: Desire): AccessResource[] {
  const declared = desire.declaration.access;
  if (declared === undefined) return [];
  const { oidc } = declared;
  const resource: AccessResource = {
    kind: 'access',
    id: 'access',
    passwords: declared.passwords,
    publicUrl: declared.publicUrl?.replace(/\/+$/, '') ?? null,
    sessions: declared.sessions ?? accessPolicyDefault.sessions,
    oidc: oidc === undefined ? null : oidcOf(oidc),
    ...desireSecret(desire, oidc?.clientSecret),
  };
  return [resource];
}

function oidcOf({ issuer, clientId, scopes, groupsClaim, trustEmail, groups }: NonNullable<DeclaredAccess['oidc']>) {
  const mapped = groups.map(({ group, ...written }) => ({ group, ...writtenGrant(toGrant(written)) }));
  return { issuer, clientId, scopes: [...new Set(scopes)], groupsClaim, trustEmail, groups: mapped };
}

function desireSecret(desire: Desire, reference: string | undefined) {
  if (reference === undefined) return { reference: null, sealed: null, fingerprint: null };
  const resolved = desire.resolve(reference);
  if ('refusal' in resolved) {
    desire.refuse(['access', 'oidc', 'clientSecret'], resolved.refusal);
    return { reference, sealed: null, fingerprint: null };
  }
  const fingerprint = desire.sealer.fingerprintOf(resolved.value);
  const stored = resourceOf(desire.stored, 'access', 'access');
  const isSame = stored?.fingerprint === fingerprint && stored.sealed !== null;
  return {
    reference,
    sealed: isSame ? stored.sealed : desire.sealer.seal(resolved.value, accessSecretContext),
    fingerprint,
  };
}

/** Whom groups are mapped to is there. */
export function checkAccess(next: Configuration, refuse: Desire['refuse']): void {
  for (const [index, { organisation, projects, providers }] of (
    resourceOf(next, 'access', 'access')?.oidc?.groups ?? []
  ).entries()) {
    const path = ['access', 'oidc', 'groups', index];
    if (organisation !== undefined && resourceOf(next, 'organisation', organisation) === undefined) {
      refuse([...path, 'organisation'], `there is no organisation ${organisation}`);
    }
    for (const project of projects ?? []) {
      if (resourceOf(next, 'project', `${organisation}/${project}`) === undefined) {
        refuse([...path, 'projects'], `there is no project ${organisation}/${project}`);
      }
    }
    for (const provider of providers ?? []) {
      if (resourceOf(next, 'provider', provider) === undefined) {
        refuse([...path, 'providers'], `there is no provider ${provider}`);
      }
    }
  }
}

/** As the file would say it. */
export function accessEntry(configuration: Configuration) {
  const [access] = resourcesOf(configuration, 'access');
  if (access === undefined) return undefined;
  const { passwords, publicUrl, sessions, oidc, reference } = access;
  const { idleMinutes, absoluteHours } = accessPolicyDefault.sessions;
  const isStandard = sessions.idleMinutes === idleMinutes && sessions.absoluteHours === absoluteHours;
  return {
    passwords,
    ...(publicUrl === null ? {} : { publicUrl }),
    ...(isStandard ? {} : { sessions }),
    ...(oidc === null ? {} : { oidc: { ...oidc, ...(reference === null ? {} : { clientSecret: reference }) } }),
  };
}

/** As it holds now: one row, so that a request of somebody who is logged in does not read the whole configuration. */
export async function readAccessPolicy(store: Store, sealer: Sealer): Promise<AccessPolicy> {
  const row = await store.db
    .selectFrom('configuration_resource')
    .select('document')
    .where('kind', '=', 'access')
    .where('id', '=', 'access')
    .executeTakeFirst();
  if (row === undefined) return accessPolicyDefault;
  // The cast is true: only commitConfiguration writes documents, each under its kind.
  const { passwords, publicUrl, sessions, oidc, sealed } = row.document as Omit<AccessResource, 'kind' | 'id'>;
  return {
    passwords,
    publicUrl: publicUrl ?? undefined,
    sessions,
    oidc:
      oidc === null
        ? undefined
        : {
            ...oidc,
            clientSecret: sealed === null ? undefined : sealer.open(sealed, accessSecretContext),
            groups: oidc.groups.map(({ group, ...written }) => ({ group, grant: toGrant(written) })),
          },
  };
}
