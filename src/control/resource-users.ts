import type { ManagedResource } from './resource-documents.ts';
import {
  type Configuration,
  contractOf,
  entriesOf,
  keyName,
  organisationOf,
  resourceOf,
  resourcesOf,
} from './resources.ts';

/** What would be left without what it needs if this resource went, as people name it. */
export function usersOf(configuration: Configuration, resource: ManagedResource): readonly string[] {
  const { id } = resource;
  switch (resource.kind) {
    case 'organisation': {
      const projects = resourcesOf(configuration, 'project').filter(project => organisationOf(project.id) === id);
      const contract =
        resourceOf(configuration, 'book', contractOf(id)) === undefined ? [] : [`its contract of prices`];
      return [...projects.map(project => `project ${project.id}`), ...contract];
    }
    case 'project':
      return resourcesOf(configuration, 'key')
        .filter(key => key.project === id && !key.revoked)
        .map(key => `key ${keyName(key)}`);
    case 'provider':
      return resourcesOf(configuration, 'deployment')
        .filter(deployment => deployment.provider === id)
        .map(deployment => `deployment ${deployment.id}`);
    case 'deployment':
      return [
        ...resourcesOf(configuration, 'route')
          .filter(route => route.candidates.some(candidate => candidate.deployment === id))
          .map(route => `route ${route.id}`),
        ...resourcesOf(configuration, 'book')
          .filter(book =>
            entriesOf(book).some(({ version }) => Object.hasOwn(configuration.versions.get(version)?.rates ?? {}, id)),
          )
          .map(book => `prices ${book.id}`),
      ];
    case 'key':
    case 'route':
      return [];
  }
}
