import { Fault } from '../completion/fault.ts';
import type { Limit } from './limits.ts';
import type { Deployment, ResolvedRoute } from './load.ts';
import { type RouteEntry, routePolicyDefault } from './snapshot.ts';

/** Longest name looked up; nothing in the configuration is longer. */
export const modelNameLengthMax = 256;
/** Most candidates that a `model_ambiguous` fault lists. */
const listingMax = 32;

/** What may stand in the model's place: route, then deployment id, then `vendor/name`, then a bare name. */
export interface NameTable {
  resolve(requestedModel: string): ResolvedRoute | Fault;
  readonly routes: readonly ResolvedRoute[];
  readonly models: readonly ResolvedRoute[];
}

export function buildNameTable(
  routes: readonly RouteEntry[],
  deployments: readonly Deployment[],
  limitsOf: (route: string) => readonly Limit[] | undefined = () => undefined,
): NameTable {
  const byHandle = new Map(deployments.map(deployment => [deployment.handle, deployment]));
  const namedRoutes = routes.map(route => ({ ...resolveCandidates(route, byHandle), limits: limitsOf(route.name) }));
  const pinned = deployments.map(deployment => implicitRoute(deployment.id, [deployment]));
  const models = [...Map.groupBy(deployments, deployment => deployment.model)].map(([model, serving]) =>
    implicitRoute(model, serving),
  );
  const byBareName = Map.groupBy(models, model => model.name.slice(model.name.indexOf('/') + 1));

  const exact = new Map<string, ResolvedRoute>();
  for (const route of [...namedRoutes, ...pinned, ...models]) {
    if (!exact.has(route.name)) exact.set(route.name, route);
  }

  function find(name: string): ResolvedRoute | Fault | undefined {
    const found = exact.get(name);
    if (found !== undefined) return found;
    const sameBareName = byBareName.get(name);
    if (sameBareName === undefined) return undefined;
    return sameBareName.length === 1 ? sameBareName[0] : ambiguous(name, sameBareName);
  }

  function resolve(requestedModel: string): ResolvedRoute | Fault {
    if (requestedModel.length > modelNameLengthMax) {
      return new Fault('model_not_found', `No model has a name longer than ${modelNameLengthMax} characters.`);
    }
    const found = find(requestedModel) ?? find(asInPath(requestedModel));
    return found ?? new Fault('model_not_found', `No route, deployment or model is named ${quote(requestedModel)}.`);
  }

  return { resolve, routes: namedRoutes, models };
}

/** Paths spell `/` as %2F and `:` as %3A, and Gemini's put `models/` before the name. */
function asInPath(name: string): string {
  return name
    .replaceAll(/%2f/gi, '/')
    .replaceAll(/%3a/gi, ':')
    .replace(/^models\//, '');
}

function resolveCandidates(route: RouteEntry, byHandle: ReadonlyMap<string, Deployment>): ResolvedRoute {
  const candidates = route.candidates.map(({ handle, weight, priority }) => {
    const deployment = byHandle.get(handle);
    if (deployment === undefined) throw new Error(`snapshot: route ${route.name} names an unknown handle ${handle}`);
    return { deployment, weight, priority };
  });
  return { name: route.name, candidates, policy: route.policy };
}

function implicitRoute(name: string, deployments: readonly Deployment[]): ResolvedRoute {
  const candidates = deployments.map(deployment => ({ deployment, weight: 1, priority: 1 }));
  return { name, candidates, policy: routePolicyDefault };
}

function ambiguous(name: string, models: readonly ResolvedRoute[]): Fault {
  const listing = models.map(model => model.name).sort();
  const shown = listing.slice(0, listingMax);
  const more = listing.length - shown.length;
  const message = `Several models are named ${quote(name)}: ${shown.join(', ')}${more > 0 ? ` and ${more} more` : ''}.`;
  return new Fault('model_ambiguous', message, { listing: shown });
}

function quote(name: string): string {
  return JSON.stringify(name.length > 100 ? `${name.slice(0, 100)}…` : name);
}
