import type { Author } from '../audit/author.ts';
import { Fault } from '../completion/fault.ts';
import { ConfigurationError, type Problem } from '../config/problem.ts';
import type { ChangeParts } from './change.ts';
import { mergePatch } from './merge-patch.ts';
import { checkReferences, compare, type Plan, type PlanContext, planApply } from './plan.ts';
import { checkPreconditions, type Preconditions } from './preconditions.ts';
import { type ReadDeclaration, readContent } from './read-declaration.ts';
import {
  documentOf,
  fileOf,
  findManaged,
  type ManagedKind,
  type ManagedResource,
  nameOfManaged,
  type ResourceDocument,
} from './resource-documents.ts';
import { usersOf } from './resource-users.ts';
import { type Configuration, resourceKey, resourcesOf } from './resources.ts';

/** Changes of single resources. Each is planned as a file would be that says just this: one schema, one set of checks. */
export interface ResourceControl {
  /** Throws ConfigurationError with paths into the body; Fault resource_exists, resource_not_found, precondition_failed. */
  writeResource(request: WriteRequest): Promise<{ readonly resource: ManagedResource; readonly created: boolean }>;
  /** Throws Fault resource_in_use, naming what uses it. */
  deleteResource(request: DeleteRequest): Promise<void>;
}

export interface WriteRequest extends Author {
  readonly kind: ManagedKind;
  /** Of a key that is there also its id. */
  readonly name: string;
  /** create: it must not be there. replace: made where it is not. patch: JSON merge patch of the document. */
  readonly mode: 'create' | 'replace' | 'patch';
  readonly document: unknown;
  readonly preconditions?: Preconditions | undefined;
  /** Of a provider account: stored sealed, shown to nobody. */
  readonly credential?: string | undefined;
  /** Of a key that is created without a secret of its own. */
  readonly minted?: { readonly id: string; readonly secret: string } | undefined;
  /** Throws what keeps the author from this very change. */
  readonly review?: ((change: ReviewedChange) => void) | undefined;
}

export interface ReviewedChange {
  /** undefined: it is created. */
  readonly before: ManagedResource | undefined;
  /** What of the document is another than it was, by the name of its first level. */
  readonly fields: readonly string[];
}

export interface DeleteRequest extends Author {
  readonly kind: Exclude<ManagedKind, 'key'>;
  readonly name: string;
  readonly preconditions?: Preconditions | undefined;
}

/** What lies below a resource and has an address of its own. */
const subResources: Readonly<Partial<Record<ManagedKind, { readonly field: string; readonly why: string }>>> = {
  organisation: { field: 'projects', why: 'projects are written one by one: /api/v1/projects' },
  project: { field: 'keys', why: 'keys are written one by one: /api/v1/keys' },
  key: { field: 'id', why: 'the id is given by the server' },
};
const usersNamedMax = 20;

export function createResourceControl({ change, makeContext }: ChangeParts): ResourceControl {
  async function writeResource(request: WriteRequest) {
    let created = false;
    const done = await change(request, stored => {
      const existing = findManaged(stored, request.kind, request.name);
      created = existing === undefined;
      return planWrite(stored, existing, request, makeContext());
    });
    const resource = findManaged(done.plan.next, request.kind, request.name);
    if (resource === undefined) throw new Error(`${request.kind} ${request.name} was written and is not there`);
    return { resource, created };
  }

  async function deleteResource(request: DeleteRequest) {
    await change(request, stored => planDelete(stored, request));
  }

  return { writeResource, deleteResource };
}

function planWrite(
  stored: Configuration,
  existing: ManagedResource | undefined,
  request: WriteRequest,
  context: PlanContext,
): Plan {
  const { kind, mode } = request;
  checkPreconditions(existing, request.preconditions ?? {});
  if (mode === 'create' && existing !== undefined) {
    throw new Fault('resource_exists', `There is a ${kind} ${nameOfManaged(existing)} already.`);
  }
  if (mode === 'patch' && existing === undefined) throw notFound(kind, request.name);
  const name = existing === undefined ? request.name : nameOfManaged(existing);
  const before = existing === undefined ? {} : documentOf(existing);
  const patched = mode === 'patch' ? mergePatch(before, request.document) : request.document;
  const document = withKeptCredential(before, patched, request);
  refuseOddities(document, request);
  const file = fileOf(stored, { kind, name }, document);
  if (file === undefined)
    throw notFound(kind === 'key' ? 'project' : 'organisation', name.slice(0, name.lastIndexOf('/')));
  const read = readContent(file.content, locateIn(file.path));
  const plan = planApply(
    read,
    stored,
    { prune: false },
    {
      ...context,
      mintedKeys: new Map(request.minted === undefined ? [] : [[name, request.minted]]),
      givenCredentials: new Map(request.credential === undefined ? [] : [[name, request.credential]]),
    },
  );
  const after = findManaged(plan.next, kind, name);
  if (plan.problems.length === 0 && after !== undefined && request.review !== undefined) {
    const fields = changedFields(before, documentOf(after));
    if (request.credential !== undefined && !fields.includes('credential')) fields.push('credential');
    request.review({ before: existing, fields });
  }
  return plan;
}

/** A credential that comes with the request takes the place of the one named in the document. */
function withKeptCredential(before: ResourceDocument, document: unknown, { kind, credential }: WriteRequest): unknown {
  if (kind !== 'provider' || credential === undefined || typeof document !== 'object' || document === null) {
    return document;
  }
  const { credential: named, ...rest } = document as ResourceDocument;
  if (named !== undefined && named !== before['credential']) {
    throw invalid([{ path: ['credential'], message: 'is said beside `credentialValue`; say one of them' }]);
  }
  return rest;
}

function refuseOddities(document: unknown, { kind }: WriteRequest): void {
  if (typeof document !== 'object' || document === null || Array.isArray(document)) {
    throw invalid([{ path: [], message: 'must be an object' }]);
  }
  const below = subResources[kind];
  if (below !== undefined && Object.hasOwn(document, below.field)) {
    throw invalid([{ path: [below.field], message: below.why }]);
  }
}

function invalid(problems: readonly { readonly path: readonly string[]; readonly message: string }[]) {
  return new ConfigurationError(
    problems.map(({ path, message }) => ({
      path: ['body', ...path].join('.'),
      code: 'configuration_invalid' as const,
      message,
    })),
    'the request',
  );
}

/** Paths of a file become paths of the body; what lies outside it is about other resources, and keeps its path. */
function locateIn(place: readonly string[]): ReadDeclaration['locate'] {
  return (path, problem): Problem => {
    const texts = path.map(String);
    const isInBody = place.every((segment, index) => texts[index] === segment);
    return { path: (isInBody ? ['body', ...texts.slice(place.length)] : texts).join('.'), ...problem };
  };
}

function changedFields(before: ResourceDocument, after: ResourceDocument): string[] {
  const names = new Set([...Object.keys(before), ...Object.keys(after)]);
  return [...names].filter(name => JSON.stringify(before[name]) !== JSON.stringify(after[name]));
}

function planDelete(stored: Configuration, request: DeleteRequest): Plan {
  const existing = findManaged(stored, request.kind, request.name);
  checkPreconditions(existing, request.preconditions ?? {});
  if (existing === undefined) throw notFound(request.kind, request.name);
  if ('origin' in existing && existing.origin === 'environment') {
    throw new Fault(
      'resource_in_use',
      `${existing.id} is made from the environment of the server: it goes when its variable is unset, or declare it first.`,
    );
  }
  const users = usersOf(stored, existing);
  if (users.length > 0) throw inUse(existing, users);
  const resources = new Map(stored.resources);
  resources.delete(resourceKey(existing));
  if (existing.kind === 'project') {
    // Only revoked ones are left: they admit nobody, and their usage keeps their ids.
    for (const key of resourcesOf(stored, 'key')) if (key.project === existing.id) resources.delete(resourceKey(key));
  }
  const next = { ...stored, resources };
  const broken: string[] = [];
  checkReferences(next, { refuse: (path, message) => broken.push(`${path.map(String).join('.')} (${message})`) });
  if (broken.length > 0) throw inUse(existing, broken);
  return { next, changes: compare(stored, next), publications: [], problems: [] };
}

function inUse(resource: ManagedResource, users: readonly string[]): Fault {
  const more = users.length - usersNamedMax;
  const named = `${users.slice(0, usersNamedMax).join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
  return new Fault('resource_in_use', `The ${resource.kind} ${nameOfManaged(resource)} is used by ${named}.`);
}

function notFound(kind: ManagedKind, name: string): Fault {
  return new Fault('resource_not_found', `There is no ${kind} ${name}.`);
}
