import { matchesPattern } from '../snapshot/allow.ts';
import {
  describeLimit,
  type LimitEntry,
  type LimitMeasure,
  type LimitScope,
  limitId,
  limitMeasures,
} from '../snapshot/limits.ts';
import type { DeclaredLimits } from './declaration-limits.ts';
import { type Configuration, type Limits, type NarrowedLimits, resourcesOf } from './resources.ts';

/** One spelling for one block: what is not said is absent. */
export function toLimits(
  declared: (Omit<DeclaredLimits, 'of'> & Pick<DeclaredLimits, 'of'>) | undefined,
): Limits | undefined {
  if (declared === undefined) return undefined;
  const { of, ...own } = declared;
  const numbers = toNumbers(own);
  if (of === undefined) return numbers;
  const narrowed = of.map(
    ({ model, provider, route, ...numbers }): NarrowedLimits => ({
      ...(model === undefined ? {} : { model }),
      ...(provider === undefined ? {} : { provider }),
      ...(route === undefined ? {} : { route }),
      ...toNumbers(numbers),
    }),
  );
  return { ...numbers, of: narrowed };
}

type DeclaredNumbers = { readonly [Measure in LimitMeasure]?: number | undefined } & {
  readonly shadow: boolean;
  readonly onExhausted?: { readonly route: string } | undefined;
};

function toNumbers(declared: DeclaredNumbers): Omit<Limits, 'of'> {
  const said = limitMeasures.flatMap(measure => {
    const count = declared[measure];
    return count === undefined ? [] : [[measure, count] as const];
  });
  return {
    ...Object.fromEntries(said),
    ...(declared.shadow ? { shadow: true } : {}),
    ...(declared.onExhausted === undefined ? {} : { onExhausted: { route: declared.onExhausted.route } }),
  };
}

/** All limits, whoever they bind; sorted by scope and subject, narrowed ones after the others. */
export function compileLimits(configuration: Configuration): LimitEntry[] {
  return (['organisation', 'project', 'key', 'provider', 'deployment', 'route'] as const).flatMap(scope =>
    resourcesOf(configuration, scope).flatMap(({ id, limits }) => entriesOf(scope, id, limits)),
  );
}

function entriesOf(scope: LimitScope, subject: string, limits: Limits | undefined): LimitEntry[] {
  if (limits === undefined) return [];
  return [limits, ...(limits.of ?? [])].flatMap(block =>
    limitMeasures.flatMap(measure => {
      const limit = block[measure];
      if (limit === undefined) return [];
      const { model, provider, route }: NarrowedLimits = block;
      const named = {
        scope,
        subject,
        measure,
        ...(model === undefined ? {} : { model }),
        ...(provider === undefined ? {} : { provider }),
        ...(route === undefined ? {} : { route }),
        ...(block.shadow === true ? { shadow: true } : {}),
      };
      const cheaper = block.onExhausted === undefined ? {} : { onExhausted: block.onExhausted.route };
      return [{ id: limitId(named), ...named, limit, ...cheaper }];
    }),
  );
}

export interface LimitProblem {
  readonly scope: LimitScope;
  readonly subject: string;
  readonly message: string;
}

/** Limits that are said twice, name a route that is not there, or send requests in a circle. */
export function checkLimits(configuration: Configuration): readonly LimitProblem[] {
  const limits = compileLimits(configuration);
  const seen = new Set<string>();
  const problems: LimitProblem[] = [];
  const refuse = ({ scope, subject }: LimitEntry, message: string) => problems.push({ scope, subject, message });
  const names = namesOf(configuration);
  for (const limit of limits) {
    if (seen.has(limit.id)) refuse(limit, `${describeLimit(limit)} is said twice for the same requests`);
    seen.add(limit.id);
    const { onExhausted } = limit;
    if (onExhausted !== undefined && !names.has(onExhausted)) {
      refuse(limit, `onExhausted names ${onExhausted}, and no route, deployment or model has this name`);
    }
  }
  const ways = waysOf(limits);
  for (const { of, to, said } of ways) {
    const circle = circleFrom(of, to, ways);
    if (circle !== undefined) refuse(said, `onExhausted goes in a circle: ${circle.join(', then ')}`);
  }
  return problems;
}

/** What a client may put where a model goes. */
export function namesOf(configuration: Configuration): ReadonlySet<string> {
  const deployments = resourcesOf(configuration, 'deployment');
  return new Set([
    ...resourcesOf(configuration, 'route').map(({ id }) => id),
    ...deployments.map(({ id }) => id),
    ...deployments.map(({ model }) => model),
  ]);
}

/** Where requests for a route go when a limit is used up. */
interface Way {
  /** Name or pattern. */
  readonly of: string;
  readonly to: string;
  readonly said: LimitEntry;
}

/** A limit that is of no route in particular leads away once: who took its way is not held to it again. */
function waysOf(limits: readonly LimitEntry[]): readonly Way[] {
  const ways = new Map<string, Way>();
  for (const limit of limits) {
    const of = limit.scope === 'route' ? limit.subject : limit.route;
    if (limit.onExhausted !== undefined && of !== undefined) {
      ways.set(`${of} ${limit.onExhausted}`, { of, to: limit.onExhausted, said: limit });
    }
  }
  return [...ways.values()];
}

/** Every route that a request can come to from `first`, until one is what it left. */
function circleFrom(of: string, first: string, ways: readonly Way[]): readonly string[] | undefined {
  const paths: (readonly string[])[] = [[first]];
  const seen = new Set([first]);
  for (const path of paths) {
    const at = path.at(-1)!; // No path is empty.
    if (matchesPattern(of, at)) return path;
    for (const { of: pattern, to } of ways) {
      if (seen.has(to) || !matchesPattern(pattern, at)) continue;
      seen.add(to);
      paths.push([...path, to]);
    }
  }
  return undefined;
}
