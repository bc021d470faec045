import { ConfigurationError, type Problem } from '../config/problem.ts';
import type { Change } from '../control/changes.ts';
import type { Control } from '../control/control.ts';
import { readDeclaration } from '../control/read-declaration.ts';
import { resourceOf } from '../control/resources.ts';
import { routePolicyDefault } from '../snapshot/snapshot.ts';
import type { AskedChange } from './simulate-route.ts';

/** What recorded decisions can be decided again under. */
const simulated = /^(?:policy\.policy|policy\.costMax|candidates\..+)$/;

/** The change that applying a declarative file would make to a route. Whatever else the file would change is refused by
 *  name: a simulation without it would be of something else. Throws ConfigurationError. */
export async function readSimulatedFile(
  control: Control,
  { route, file }: { readonly route: string; readonly file: string },
): Promise<AskedChange> {
  const { declaration, locate } = readDeclaration(file);
  const declared = declaration.routes?.[route];
  if (declared === undefined) {
    throw new ConfigurationError([{ path: 'routes', ...invalid(`the file says nothing of the route ${route}`) }]);
  }
  const [{ changes }, configuration] = await Promise.all([
    control.apply({ file, dryRun: true, prune: false, actor: 'simulation' }),
    control.readConfiguration(),
  ]);
  const problems = changes.flatMap(change =>
    unsimulated(change, route).map(([path, why]) => locate(path, invalid(why))),
  );
  if (problems.length > 0) throw new ConfigurationError(problems);

  const stored = resourceOf(configuration, 'route', route)?.policy ?? routePolicyDefault;
  const policy = declared.policy ?? routePolicyDefault.policy;
  return {
    // What the file leaves as it is stays as it was recorded: a request may have asked for a policy of its own.
    policy: policy === stored.policy ? undefined : policy,
    costMax: declared.costMax === stored.costMax ? undefined : (declared.costMax ?? null),
    candidates: Object.fromEntries(
      declared.candidates.map(({ deployment, weight, priority }) => [deployment, { weight, priority }]),
    ),
    only: true,
  };
}

function unsimulated({ kind, name, action, fields }: Change, route: string): (readonly [readonly string[], string])[] {
  if (kind !== 'route' || name !== route) {
    const path = [`${kind}s`, ...name.split('/')];
    return [
      [path, `the file changes it, too; apply that first, or leave it out: only the route ${route} is simulated`],
    ];
  }
  const isDefault = (path: string, after: string | undefined) =>
    action === 'create' && String(valueAt({ policy: routePolicyDefault }, path.split('.'))) === after;
  return fields
    .filter(({ path, after }) => !simulated.test(path) && path !== 'origin' && !isDefault(path, after))
    .map(({ path }) => [
      ['routes', route, ...path.replace(/^policy\./, '').split('.')],
      'cannot be simulated: it decides nothing about who is asked first. Leave it as it is stored',
    ]);
}

/** What a route that is not stored yet has without saying it. */
function valueAt(value: unknown, [key, ...rest]: readonly string[]): unknown {
  if (key === undefined) return value;
  return typeof value === 'object' && value !== null
    ? valueAt(Object.entries(value).find(([name]) => name === key)?.[1], rest)
    : undefined;
}

function invalid(message: string): Omit<Problem, 'path'> {
  return { code: 'configuration_invalid', message };
}
