import type { UsageDirectory } from './directory.ts';
import type { EventProblem, UsageEvent } from './usage-event.ts';

/** An event with what its names stand for. */
export interface PlacedEvent extends UsageEvent {
  /** Empty when it was the organisation's as a whole. */
  readonly placedProject: string;
  readonly placedProduct: string;
  readonly placedProvider: string;
}

/** Finds what an event names in the configuration. Everything that is not there is said, at `place` in the body. */
export function placeEvent(
  event: UsageEvent,
  directory: UsageDirectory,
  place: string,
): { readonly placed: PlacedEvent } | { readonly problems: readonly EventProblem[] } {
  const problems: EventProblem[] = [];
  const refuse = (path: string, message: string) => problems.push({ path: `${place}data.${path}`, message });
  const { organisation, project, key, deployment, product } = event;
  if (!directory.hasOrganisation(organisation)) refuse('organisation', 'there is no such organisation');
  if (project !== undefined && !directory.hasProject(project)) refuse('project', 'there is no such project');
  const ofKey = key === undefined ? undefined : directory.projectOfKey(key);
  if (key !== undefined && ofKey === undefined) refuse('key', 'there is no such key');
  if (ofKey !== undefined && project !== undefined && ofKey !== project) refuse('key', 'is a key of another project');
  if (ofKey !== undefined && !ofKey.startsWith(`${organisation}/`)) refuse('key', 'is a key of another organisation');
  const served = deployment === undefined ? undefined : directory.findDeployment(deployment);
  if (deployment !== undefined && served === undefined) refuse('deployment', 'there is no such deployment');
  if (problems.length > 0) return { problems };
  const placedProduct = product ?? served!.model; // one of the two was read, and what was not found is refused above
  return {
    placed: {
      ...event,
      placedProject: project ?? ofKey ?? '',
      placedProduct,
      placedProvider: event.provider ?? served?.provider ?? placedProduct.slice(0, placedProduct.indexOf('/')),
    },
  };
}
