import type { Author } from '../audit/author.ts';
import { Fault } from '../completion/fault.ts';
import type { ChangeParts } from './change.ts';
import { mintKeyId, mintKeySecret } from './key-secret.ts';
import { compare, type Plan } from './plan.ts';
import { checkPreconditions, type Preconditions } from './preconditions.ts';
import { createResourceControl, type WriteRequest } from './resource-control.ts';
import { findManaged, type ResourceDocument } from './resource-documents.ts';
import { type Configuration, type KeyResource, keyName, type PreviousSecret, resourceOf } from './resources.ts';
import { keySecretContext, type Sealer } from './seal.ts';

/** What only keys have: secrets that are made here, and their end. */
export interface KeyControl {
  /** The secret is in the answer and nowhere else; undefined where the document names one. */
  createKey(request: CreateKeyRequest): Promise<{ readonly key: KeyResource; readonly secret: string }>;
  /** A new secret for the same key; those before are good for `overlapMs` more, at most. */
  rotateKey(request: RotateKeyRequest): Promise<RotatedKey>;
  /** By id, or as organisation/project/name. Revoking twice is revoking. */
  revokeKey(
    name: string,
    author: Author & { readonly preconditions?: Preconditions | undefined },
  ): Promise<KeyResource>;
}

export interface CreateKeyRequest extends Author {
  /** organisation/project */
  readonly project: string;
  readonly name: string;
  readonly expiresAt?: string | null | undefined;
  /** The other fields that a file may say of a key. */
  readonly document?: ResourceDocument | undefined;
  readonly preconditions?: Preconditions | undefined;
  readonly review?: WriteRequest['review'];
}

export interface RotateKeyRequest extends Author {
  /** Its id, or organisation/project/name. */
  readonly name: string;
  readonly overlapMs: number;
  readonly preconditions?: Preconditions | undefined;
}

export interface RotatedKey {
  readonly key: KeyResource;
  readonly secret: string;
  /** Where the secret came from until now, when a file says it. */
  readonly detachedFrom: string | null;
}

/** Secrets of one key that are good at once, beside the newest. */
export const openPreviousMax = 3;
/** Replaced secrets that are remembered, so that a file which still names one is told so. */
const previousKeptMax = 8;

export function createKeyControl({
  change,
  makeContext,
  sealer,
  nowMs,
}: ChangeParts & { readonly sealer: Sealer; readonly nowMs: () => number }): KeyControl {
  const { writeResource } = createResourceControl({ change, makeContext });

  async function createKey({ project, name, expiresAt, document, ...request }: CreateKeyRequest) {
    const id = mintKeyId();
    const secret = mintKeySecret(id);
    const { resource } = await writeResource({
      ...request,
      kind: 'key',
      name: `${project}/${name}`,
      mode: 'create',
      document: { ...document, ...(expiresAt === undefined || expiresAt === null ? {} : { expiresAt }) },
      minted: { id, secret },
    });
    return { key: resource as KeyResource, secret }; // true: of the kind that was written
  }

  async function rotateKey({ name, overlapMs, preconditions, ...author }: RotateKeyRequest): Promise<RotatedKey> {
    let rotated: RotatedKey | undefined;
    await change(author, stored => {
      const key = findKey(stored, name);
      checkPreconditions(key, preconditions ?? {});
      const now = nowMs();
      if (key.revoked || (key.expiresAt !== null && Date.parse(key.expiresAt) <= now)) {
        throw new Fault('key_not_active', `The key ${keyName(key)} ${key.revoked ? 'was revoked' : 'has expired'}.`);
      }
      const secret = mintKeySecret(key.id);
      const digest = sealer.digestSecret(secret);
      const next: KeyResource = {
        ...key,
        digest,
        secretSealed: key.secretSealed === undefined ? undefined : sealer.seal(secret, keySecretContext(digest)),
        reference: null,
        previous: previousAfter(key, { nowMs: now, untilMs: now + overlapMs }),
      };
      rotated = { key: next, secret, detachedFrom: key.reference };
      return planKey(stored, next);
    });
    return rotated!; // planned at least once
  }

  async function revokeKey(name: string, author: Parameters<KeyControl['revokeKey']>[1]): Promise<KeyResource> {
    let revoked: KeyResource | undefined;
    await change(author, stored => {
      const key = findKey(stored, name);
      checkPreconditions(key, author.preconditions ?? {});
      revoked = { ...key, revoked: true };
      return planKey(stored, revoked);
    });
    return revoked!; // planned at least once
  }

  return { createKey, rotateKey, revokeKey };
}

/** No secret from before is good for longer than it was, nor than the overlap. */
function previousAfter(
  key: KeyResource,
  { nowMs, untilMs }: { readonly nowMs: number; readonly untilMs: number },
): readonly PreviousSecret[] {
  const until = (instant: string) => new Date(Math.min(Date.parse(instant), untilMs)).toISOString();
  const all: readonly PreviousSecret[] = [
    { digest: key.digest, secretSealed: key.secretSealed, until: new Date(untilMs).toISOString() },
    ...(key.previous ?? []).map(previous => ({ ...previous, until: until(previous.until) })),
  ];
  const open = all.filter(previous => Date.parse(previous.until) > nowMs);
  if (open.length > openPreviousMax) {
    throw new Fault(
      'key_rotations_open',
      `${openPreviousMax} secrets that the key ${keyName(key)} had before are still good, the first of them until ${open.at(-1)!.until}.`,
    );
  }
  // Of those whose time is over the digest is enough to say so.
  const kept = all.map(each => (open.includes(each) ? each : { digest: each.digest, until: each.until }));
  return kept.slice(0, previousKeptMax);
}

function findKey(stored: Configuration, name: string): KeyResource {
  const key = findManaged(stored, 'key', name);
  if (key?.kind !== 'key') throw new Fault('resource_not_found', `There is no key ${name}.`);
  return key;
}

function planKey(stored: Configuration, key: KeyResource): Plan {
  if (resourceOf(stored, 'key', key.id) === undefined) throw new Error(`key ${key.id} is planned and not stored`);
  const resources = new Map([...stored.resources, [`key:${key.id}`, key] as const]);
  const next = { ...stored, resources };
  return { next, changes: compare(stored, next), publications: [], problems: [] };
}
