import { intersect } from '../governance/zones.ts';
import { plainNetwork, plainOrigin } from '../snapshot/key-guard.ts';
import { plainDecimal as plain, toBudget, toBudgets } from './budgets.ts';
import type { Declaration } from './declaration.ts';
import { keySecretPattern, refuseSecret } from './key-secret.ts';
import { toLimits } from './limits.ts';
import type { Desire } from './plan.ts';
import {
  type KeyResource,
  keyName as keyNameOf,
  type OrganisationResource,
  type PreviousSecret,
  type ProjectResource,
  resourcesOf,
  type Terms,
} from './resources.ts';
import { keySecretContext } from './seal.ts';

type DeclaredOrganisation = NonNullable<Declaration['organisations']>[string];
type DeclaredProject = NonNullable<DeclaredOrganisation['projects']>[string];
type DeclaredKey = NonNullable<DeclaredProject['keys']>[string];

export function desireOrganisations(desire: Desire): (OrganisationResource | ProjectResource | KeyResource)[] {
  const storedKeys = resourcesOf(desire.stored, 'key');
  const takenIds = new Set(storedKeys.map(key => key.id));
  const byName = new Map(storedKeys.map(key => [keyNameOf(key), key]));
  return Object.entries(desire.declaration.organisations ?? {}).flatMap(([organisation, declared]) => [
    {
      kind: 'organisation' as const,
      id: organisation,
      budget: toBudget(declared.budget),
      budgets: toBudgets(declared.budgets),
      usageTags: sortedOrAbsent(declared.usageTags),
      limits: toLimits(declared.limits),
      ...toTerms(declared),
      ...toLowBalance(declared),
    },
    ...Object.entries(declared.projects ?? {}).flatMap(([name, project]) => {
      const id = `${organisation}/${name}`;
      const path = ['organisations', organisation, 'projects', name];
      const keys = Object.entries(project.keys ?? {}).flatMap(([keyName, key]) =>
        desireKey(
          desire,
          {
            project: id,
            name: keyName,
            path: [...path, 'keys', keyName],
            takenIds,
            stored: byName.get(`${id}/${keyName}`),
            signs: key.sigv4,
          },
          key,
        ),
      );
      return [toProject(id, project), ...keys];
    }),
  ]);
}

function toProject(id: string, declared: DeclaredProject): ProjectResource {
  return {
    kind: 'project',
    id,
    allow: sorted(declared.allow),
    zones: intersect(declared.zones, undefined) ?? null,
    mediaFetch: declared.mediaFetch === true ? true : undefined,
    budget: toBudget(declared.budget),
    budgets: toBudgets(declared.budgets),
    limits: toLimits(declared.limits),
  };
}

interface KeyPlace {
  readonly project: string;
  readonly name: string;
  readonly path: readonly string[];
  readonly takenIds: Set<string>;
  readonly stored: KeyResource | undefined;
  readonly signs: boolean;
}

function desireKey(desire: Desire, place: KeyPlace, declared: DeclaredKey): KeyResource[] {
  const stored = place.stored;
  if (declared.id !== undefined && stored?.id !== declared.id) {
    desire.refuse([...place.path, 'id'], `no key ${place.name} with this id is here; ids are given by the server`);
    return [];
  }
  const identity =
    declared.secret === undefined ? keepSecret(desire, place) : importSecret(desire, place, declared.secret);
  if (identity === undefined) return [];
  const key: KeyResource = {
    kind: 'key',
    ...identity,
    name: place.name,
    project: place.project,
    expiresAt: declared.expiresAt === undefined ? null : new Date(declared.expiresAt).toISOString(),
    // A revocation is for good: a file written before it must not undo it. A new secret makes a new key.
    revoked: declared.revoked || (stored?.revoked === true && stored.digest === identity.digest),
    allow: declared.allow === undefined ? null : sorted(declared.allow),
    zones: intersect(declared.zones, undefined) ?? null,
    policies: declared.policies ?? null,
    lowerOutputToFit: declared.lowerOutputToFit,
    mediaFetch: declared.mediaFetch,
    addresses: sortedOrAbsent(declared.addresses?.map(plainNetwork)),
    origins: sortedOrAbsent(declared.origins?.map(plainOrigin)),
    tags: tagsOrAbsent(declared.tags),
    budget: toBudget(declared.budget),
    budgets: toBudgets(declared.budgets),
    createdAt: stored?.id === identity.id ? stored.createdAt : new Date(desire.nowMs).toISOString(),
    // A secret that was rotated away is good for its time as long as the one that took its place is.
    previous: stored?.digest === identity.digest ? previousOf(stored, place.signs) : undefined,
    limits: toLimits(declared.limits),
  };
  return [key];
}

/** Of a key that does not sign nothing is kept but digests. */
function previousOf({ previous }: KeyResource, signs: boolean): readonly PreviousSecret[] | undefined {
  return signs ? previous : previous?.map(({ digest, until }) => ({ digest, until }));
}

type KeyIdentity = Pick<KeyResource, 'id' | 'digest' | 'secretSealed' | 'reference'>;

function keepSecret(desire: Desire, place: KeyPlace): KeyIdentity | undefined {
  const { stored, signs } = place;
  if (stored !== undefined) {
    if (signs && stored.secretSealed === undefined) {
      desire.refuse(
        [...place.path, 'sigv4'],
        'only a digest of its secret is kept, so it cannot sign; make another key with `carrier keys create --sigv4`, or name its secret (secret: env:NAME)',
      );
      return undefined;
    }
    const { id, digest, secretSealed } = stored;
    return { id, digest, secretSealed: signs ? secretSealed : undefined, reference: null };
  }
  const minted = desire.mintedKeys?.get(`${place.project}/${place.name}`);
  if (minted !== undefined) {
    const { id, secret } = minted;
    const digest = desire.sealer.digestSecret(secret);
    return { id, digest, secretSealed: signs ? sealSecret(desire, secret, digest) : undefined, reference: null };
  }
  const command = `carrier keys create --project ${place.project} --name ${place.name}`;
  desire.refuse(
    place.path,
    `this key is not here yet; name its secret (secret: env:NAME), or make it with \`${command}\``,
  );
  return undefined;
}

/** The secret's own id where it has one; else one minted at creation and kept, also when the secret is replaced. */
function importSecret(desire: Desire, place: KeyPlace, reference: string): KeyIdentity | undefined {
  const stored = place.stored;
  const resolved = desire.resolve(reference);
  const refusal = 'refusal' in resolved ? resolved.refusal : refuseSecret(resolved.value);
  if (refusal !== undefined || 'refusal' in resolved) {
    desire.refuse([...place.path, 'secret'], refusal ?? 'cannot be used');
    return undefined;
  }
  const digest = desire.sealer.digestSecret(resolved.value);
  if (stored?.previous?.some(previous => previous.digest === digest)) {
    desire.refuse(
      [...place.path, 'secret'],
      'this secret was replaced by a rotation; take `secret` out to keep the one it has now',
    );
    return undefined;
  }
  const own = keySecretPattern.exec(resolved.value)?.[1];
  const isFree = own !== undefined && (own === stored?.id || !place.takenIds.has(own));
  const id = isFree ? own : (stored?.id ?? mintFreeId(desire, place.takenIds));
  place.takenIds.add(id);
  if (!place.signs) return { id, digest, secretSealed: undefined, reference };
  // Sealed anew it would be another text, and a file that changes nothing would be a change.
  const kept = stored?.digest === digest ? stored.secretSealed : undefined;
  return { id, digest, secretSealed: kept ?? sealSecret(desire, resolved.value, digest), reference };
}

function sealSecret({ sealer }: Desire, secret: string, digest: string): string {
  return sealer.seal(secret, keySecretContext(digest));
}

function mintFreeId(desire: Desire, taken: ReadonlySet<string>): string {
  for (;;) {
    const id = desire.mintKeyId();
    if (!taken.has(id)) return id;
  }
}

function toLowBalance({ lowBalance }: DeclaredOrganisation): { readonly lowBalance?: string } {
  return lowBalance === undefined ? {} : { lowBalance: plain(lowBalance) };
}

/** Nothing where nothing binds: what was stored before there were terms is the same. */
function toTerms({ terms, overdraft, creditLimit }: DeclaredOrganisation): { readonly terms?: Terms } {
  if (terms === 'prepaid') return { terms: { type: 'prepaid', line: plain(overdraft ?? '0') } };
  return creditLimit === undefined ? {} : { terms: { type: 'postpaid', line: plain(creditLimit) } };
}

function sortedOrAbsent(entries: readonly string[] | undefined): string[] | undefined {
  return entries === undefined || entries.length === 0 ? undefined : sorted(entries);
}

/** In one order, so that how it was written does not count as a change. */
function tagsOrAbsent(tags: Readonly<Record<string, string>> | undefined): Record<string, string> | undefined {
  const entries = Object.entries(tags ?? {}).sort(([left], [right]) => (left < right ? -1 : 1));
  return entries.length === 0 ? undefined : Object.fromEntries(entries);
}

function sorted(patterns: readonly string[]): string[] {
  return [...new Set(patterns)].sort();
}
