import { createHash } from 'node:crypto';
import { canonicalJson } from '../snapshot/hash.ts';
import { deploymentEntry, keyEntry, organisationEntry, projectEntry, providerEntry, routeEntry } from './export.ts';
import {
  type Configuration,
  keyName,
  organisationOf,
  projectName,
  type Resource,
  type ResourceOf,
  resourceOf,
  resourcesOf,
} from './resources.ts';

/** Kinds that are managed one by one. Prices and policies are published and applied. */
export const managedKinds = ['organisation', 'project', 'key', 'provider', 'deployment', 'route'] as const;
export type ManagedKind = (typeof managedKinds)[number];
export type ManagedResource = ResourceOf<ManagedKind>;

/** A resource as a declarative file writes it, without what has resources of its own below it. */
export type ResourceDocument = Readonly<Record<string, unknown>>;

export function documentOf(resource: ManagedResource): ResourceDocument {
  switch (resource.kind) {
    case 'organisation':
      return organisationEntry(resource);
    case 'project':
      return projectEntry(resource);
    case 'key': {
      // In a file it says which key is meant; here the path does.
      const { id: _id, ...document } = keyEntry(resource);
      return document;
    }
    case 'provider':
      return providerEntry(resource);
    case 'deployment':
      return deploymentEntry(resource);
    case 'route':
      return routeEntry(resource);
  }
}

/** Keys are found by id, and by organisation/project/name. */
export function findManaged(
  configuration: Pick<Configuration, 'resources'>,
  kind: ManagedKind,
  id: string,
): ManagedResource | undefined {
  const found = resourceOf(configuration, kind, id);
  if (found !== undefined || kind !== 'key') return found;
  return resourcesOf(configuration, 'key').find(key => keyName(key) === id);
}

/** What a person calls it, and addresses it by where that is possible. */
export function nameOfManaged(resource: ManagedResource): string {
  return resource.kind === 'key' ? keyName(resource) : resource.id;
}

/** Strong: another one whenever anything of the resource is, also what is not shown. */
export function etagOf(resource: Resource): string {
  return `"${createHash('sha256').update(canonicalJson(resource)).digest('hex').slice(0, 32)}"`;
}

/** Where a document stands in a file: the content of a file that says nothing else, and the path to it there. What is above
 *  it is as it is stored, so that applying it changes nothing else. undefined where what is above is not there. */
export function fileOf(
  configuration: Pick<Configuration, 'resources'>,
  place: { readonly kind: ManagedKind; readonly name: string },
  document: unknown,
): { readonly content: unknown; readonly path: readonly string[] } | undefined {
  const { kind, name } = place;
  if (kind === 'provider' || kind === 'deployment' || kind === 'route' || kind === 'organisation') {
    return { content: { [`${kind}s`]: entry(name, document) }, path: [`${kind}s`, name] };
  }
  const project = kind === 'project' ? name : name.slice(0, name.lastIndexOf('/'));
  const inProject = projectName(project);
  const organisation = resourceOf(configuration, 'organisation', organisationOf(project));
  if (organisation === undefined) return undefined;
  const path = ['organisations', organisation.id, 'projects', inProject];
  const within = (projectDocument: unknown) => ({
    organisations: entry(organisation.id, {
      ...organisationEntry(organisation),
      projects: entry(inProject, projectDocument),
    }),
  });
  if (kind === 'project') return { content: within(document), path };
  const stored = resourceOf(configuration, 'project', project);
  if (stored === undefined) return undefined;
  const key = name.slice(project.length + 1);
  return {
    content: within({ ...projectEntry(stored), keys: entry(key, document) }),
    path: [...path, 'keys', key],
  };
}

/** Also for names that an object literal would take for something else. */
function entry(name: string, value: unknown): Record<string, unknown> {
  return Object.fromEntries([[name, value]]);
}
