import type { Author } from '../audit/author.ts';
import { accessSecretContext } from './access-settings.ts';
import type { ChangeParts } from './change.ts';
import { compare, type Plan } from './plan.ts';
import { type ReferenceSources, resolveReference } from './references.ts';
import { type Configuration, type KeyResource, type Resource, resourceKey } from './resources.ts';
import { credentialContext, keySecretContext, type Sealer } from './seal.ts';

/** A resource whose document holds a sealed secret, and where that came from. */
type Holder = Extract<Resource, { readonly sealed: string | null }>;

/** Where a secret of the configuration comes from, and whether it can be read there now. */
export interface ReferenceView {
  /** `provider:openai`, `access:access` */
  readonly usedBy: string;
  readonly reference: string;
  /** Why it cannot be read on this replica; null: it can. What was read last goes on being used. */
  readonly problem: string | null;
  /** Does it hold what was read last? null where it cannot be read. */
  readonly isSame: boolean | null;
}

export interface SecretControl {
  /** Seals anew what is sealed under another key than the one that seals now; gives how many were. */
  resealSecrets(author: Author): Promise<number>;
  /** Takes over what files hold by now that credentials refer to; gives how many were another. A file that cannot be read
   *  changes nothing. */
  followFiles(author: Author): Promise<number>;
  references(): Promise<readonly ReferenceView[]>;
}

export function createSecretControl({
  change,
  readConfiguration,
  sealer,
  sources,
}: Pick<ChangeParts, 'change'> & {
  readonly readConfiguration: () => Promise<Configuration>;
  readonly sealer: Sealer;
  readonly sources: ReferenceSources;
}): SecretControl {
  async function replace(author: Author, next: (resource: Resource) => Resource | undefined): Promise<number> {
    // Only then a change is begun: looking costs no revision.
    const { resources } = await readConfiguration();
    const isNeeded = [...resources.values()].some(resource => next(resource) !== undefined);
    if (!isNeeded) return 0;
    const { plan } = await change(author, stored => planReplacing(stored, next));
    return plan.changes.length;
  }

  return {
    resealSecrets: author =>
      replace(author, resource => {
        if (resource.kind === 'key') return resealKey(resource, sealer);
        if (!isHolder(resource) || resource.sealed === null || sealer.isCurrent(resource.sealed)) return undefined;
        const context = contextOf(resource);
        return { ...resource, sealed: sealer.seal(sealer.open(resource.sealed, context), context) };
      }),
    followFiles: author =>
      replace(author, holder => {
        if (!isHolder(holder) || holder.reference?.startsWith('file:') !== true) return undefined;
        const found = resolveReference(holder.reference, sources);
        if ('refusal' in found) return undefined;
        const fingerprint = sealer.fingerprintOf(found.value);
        if (fingerprint === holder.fingerprint) return undefined;
        return { ...holder, fingerprint, sealed: sealer.seal(found.value, contextOf(holder)) };
      }),
    references: async () =>
      holdersOf(await readConfiguration()).flatMap<ReferenceView>(({ kind, id, reference, fingerprint }) => {
        if (reference === null) return [];
        const found = resolveReference(reference, sources);
        const usedBy = `${kind}:${id}`;
        if ('refusal' in found) return [{ usedBy, reference, problem: found.refusal, isSame: null }];
        return [{ usedBy, reference, problem: null, isSame: sealer.fingerprintOf(found.value) === fingerprint }];
      }),
  };
}

/** The secrets that a key signs with, and signed with before; undefined when none is sealed under another key. */
function resealKey(key: KeyResource, sealer: Sealer): KeyResource | undefined {
  const isOld = ({ secretSealed }: Pick<KeyResource, 'secretSealed'>) =>
    secretSealed !== undefined && !sealer.isCurrent(secretSealed);
  if (!isOld(key) && key.previous?.some(isOld) !== true) return undefined;
  const anew = <Part extends Pick<KeyResource, 'digest' | 'secretSealed'>>(part: Part): Part => {
    if (part.secretSealed === undefined || !isOld(part)) return part;
    const context = keySecretContext(part.digest);
    return { ...part, secretSealed: sealer.seal(sealer.open(part.secretSealed, context), context) };
  };
  return { ...anew(key), previous: key.previous?.map(anew) };
}

function planReplacing(stored: Configuration, next: (resource: Resource) => Resource | undefined): Plan {
  const resources = new Map(stored.resources);
  for (const resource of stored.resources.values()) {
    const replaced = next(resource);
    if (replaced !== undefined) resources.set(resourceKey(replaced), replaced);
  }
  const configuration = { ...stored, resources };
  return { next: configuration, changes: compare(stored, configuration), publications: [], problems: [] };
}

function holdersOf({ resources }: Configuration): readonly Holder[] {
  return [...resources.values()].filter(isHolder);
}

function isHolder(resource: Resource): resource is Holder {
  return 'sealed' in resource;
}

function contextOf({ kind, id }: Holder): string {
  return kind === 'provider' ? credentialContext(id) : accessSecretContext;
}
