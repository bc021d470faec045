import type { Problem } from '../config/problem.ts';
import { canonicalJson } from '../snapshot/hash.ts';
import type { LimitScope } from '../snapshot/limits.ts';
import type { BudgetEntry } from '../snapshot/snapshot.ts';
import { checkAccess, desireAccess } from './access-settings.ts';
import { checkBudgets, toBudgets } from './budgets.ts';
import { type Change, changeBetween } from './changes.ts';
import type { Declaration } from './declaration.ts';
import { desireOrganisations } from './desire-organisations.ts';
import { desirePrices } from './desire-prices.ts';
import { desireDeployments, desireProviders, desireRoutes, renamedDeployments } from './desire-supply.ts';
import { checkLimits } from './limits.ts';
import type { ProviderKind } from './provider-kinds.ts';
import type { ReadDeclaration } from './read-declaration.ts';
import type { Resolved } from './references.ts';
import {
  type Configuration,
  contractor,
  entriesOf,
  keyName,
  organisationOf,
  type PriceVersion,
  projectName,
  type Resource,
  type ResourceKind,
  resourceKey,
  resourceOf,
  resourcesOf,
} from './resources.ts';
import type { Sealer } from './seal.ts';

/** Most resources that one installation stores; snapshots are held in memory by every worker. */
const resourcesMax = 200_000;

export interface PlanContext {
  /** When it is planned: what begins at once begins then, and what was before is past. Milliseconds since 1970. */
  readonly nowMs: number;
  readonly sealer: Sealer;
  readonly kinds: readonly ProviderKind[];
  resolve(reference: string): Resolved;
  mintHandle(): string;
  mintKeyId(): string;
  /** Secrets that were made for keys that are not there yet, by `organisation/project/name`. */
  readonly mintedKeys?: ReadonlyMap<string, { readonly id: string; readonly secret: string }>;
  /** Credentials that came with the request, by provider account. */
  readonly givenCredentials?: ReadonlyMap<string, string>;
}

/** What desiring reads and where it says what is wrong. */
export interface Desire extends PlanContext {
  readonly declaration: Declaration;
  readonly stored: Configuration;
  readonly prune: boolean;
  refuse(path: readonly PropertyKey[], message: string, code?: Problem['code']): void;
}

export interface Plan {
  readonly next: Configuration;
  readonly changes: readonly Change[];
  /** Price versions to publish; without those already there. */
  readonly publications: readonly PriceVersion[];
  readonly problems: readonly Problem[];
  /** Factors that were folded into published rates, by `book|target|cell`; absent when none were. */
  readonly factors?: ReadonlyMap<string, string>;
}

/** What a prune removes; policies fall back to their defaults. It ends both rules: what is not in the file shall not be. */
const prunable: readonly ResourceKind[] = [
  'organisation',
  'project',
  'key',
  'provider',
  'deployment',
  'route',
  'book',
  'policies',
  'access',
];

/** Works out what a file changes. Pure but for `resolve` and `mint…`. What the file names replaces what is stored under the
 *  name; what it does not name stays, or with `prune` goes. `next` keeps the stored revision: committing gives it one. */
export function planApply(
  read: ReadDeclaration,
  stored: Configuration,
  options: { readonly prune: boolean; readonly only?: readonly ResourceKind[] },
  context: PlanContext,
): Plan {
  const problems: Problem[] = [];
  const desire: Desire = {
    ...context,
    declaration: read.declaration,
    stored,
    prune: options.prune,
    refuse: (path, message, code = 'configuration_invalid') => problems.push(read.locate(path, { code, message })),
  };
  const prices = desirePrices(desire);
  const desired: Resource[] = [
    ...desireProviders(desire),
    ...desireDeployments(desire),
    ...desireRoutes(desire),
    ...desireOrganisations(desire),
    ...prices.books,
    ...desirePolicies(desire),
    ...desireAccess(desire),
  ];
  const saysNothing = Object.keys(read.declaration).every(part => part === 'process');
  if (saysNothing && options.prune) desire.refuse([], 'the file names no resource, so pruning would remove everything');

  const resources = merge(stored, {
    desired,
    renamed: renamedDeployments(desire),
    pruned: options.prune ? (options.only ?? prunable) : [],
    endsFacts: prices.endsFacts,
  });
  const versions = new Map([...stored.versions, ...prices.versions.map(version => [version.id, version] as const)]);
  const next: Configuration = { revision: stored.revision, resources, versions };
  checkReferences(next, desire);
  return {
    next,
    changes: compare(stored, next),
    publications: prices.versions.filter(version => !stored.versions.has(version.id)),
    problems,
    factors: prices.factors,
  };
}

/** The changes that lead from one configuration to another, in a fixed order. */
export function compare(before: Configuration, after: Configuration): readonly Change[] {
  const keys = [...new Set([...before.resources.keys(), ...after.resources.keys()])].sort();
  return keys.flatMap(key => {
    const old = before.resources.get(key);
    const now = after.resources.get(key);
    if (old !== undefined && now !== undefined && canonicalJson(old) === canonicalJson(now)) return [];
    return [changeBetween(old, now, { before, after })];
  });
}

interface Merging {
  readonly desired: readonly Resource[];
  /** Deployments that go on under another name. */
  readonly renamed: readonly string[];
  /** Kinds of which only what is desired stays. */
  readonly pruned: readonly ResourceKind[];
  readonly endsFacts: boolean;
}

function merge(stored: Configuration, { desired, renamed, pruned, endsFacts }: Merging): ReadonlyMap<string, Resource> {
  const resources = new Map<string, Resource>();
  for (const [key, resource] of stored.resources) {
    if (!pruned.includes(resource.kind)) resources.set(key, resource);
  }
  const replaced = new Set(desired.flatMap(resource => (resource.kind === 'key' ? [keyName(resource)] : [])));
  for (const [key, resource] of resources) {
    // A key whose new secret brings another id takes the place of the one it replaces.
    if (resource.kind === 'key' && replaced.has(keyName(resource))) resources.delete(key);
  }
  for (const name of renamed) resources.delete(`deployment:${name}`);
  for (const resource of desired) resources.set(resourceKey(resource), resource);
  for (const rule of resourcesOf(stored, 'rule')) {
    const ends = pruned.includes('provider') || (endsFacts && rule.id === 'publish-facts-when-unconfigured');
    if (ends && rule.state === 'active') resources.set(resourceKey(rule), { ...rule, state: 'ended' });
  }
  return resources;
}

function desirePolicies(desire: Desire): Resource[] {
  const policies = desire.declaration.policies;
  if (policies === undefined) return [];
  const { orphans = 'delivered', budgets } = policies;
  return [{ kind: 'policies', id: 'policies', orphans, budgets: toBudgets(budgets) }];
}

/** Everything named is there, and no two things have one name. Said of the whole result, since a pruned resource may be
 *  named by one that stayed. */
export function checkReferences(next: Configuration, desire: Pick<Desire, 'refuse'>): void {
  const has = (kind: ResourceKind, id: string) => next.resources.has(`${kind}:${id}`);
  for (const deployment of resourcesOf(next, 'deployment')) {
    if (!has('provider', deployment.provider)) {
      desire.refuse(['deployments', deployment.id, 'provider'], `there is no provider ${deployment.provider}`);
    }
  }
  for (const route of resourcesOf(next, 'route')) {
    if (has('deployment', route.id)) {
      desire.refuse(['routes', route.id], 'a deployment has this name; routes and deployments share one namespace');
    }
    const names = route.candidates.map(candidate => candidate.deployment);
    for (const name of new Set(names)) {
      if (!has('deployment', name)) desire.refuse(['routes', route.id, 'candidates'], `there is no deployment ${name}`);
      if (names.indexOf(name) !== names.lastIndexOf(name)) {
        desire.refuse(['routes', route.id, 'candidates'], `deployment ${name} is named twice`);
      }
    }
  }
  for (const project of resourcesOf(next, 'project')) {
    if (!has('organisation', organisationOf(project.id)))
      desire.refuse(['organisations'], `project ${project.id} has no organisation`);
  }
  for (const book of resourcesOf(next, 'book')) {
    const organisation = contractor(book.id);
    const path = organisation === undefined ? ['prices', book.id] : ['prices', 'contracts', organisation];
    if (organisation !== undefined && !has('organisation', organisation)) {
      desire.refuse(path, `there is no organisation ${organisation}`);
    }
    const targets = entriesOf(book).flatMap(({ version }) => Object.keys(next.versions.get(version)?.rates ?? {}));
    for (const target of new Set(targets)) {
      if (!target.includes('/') && !has('deployment', target)) {
        desire.refuse([...path, 'rates', target], 'there is no deployment of this name; models are vendor/name');
      }
    }
  }
  checkKeys(next, desire);
  checkAccess(next, desire.refuse);
  for (const { scope, subject, message } of checkLimits(next)) desire.refuse(placeOf(scope, subject, next), message);
  for (const { scope, subject, message } of checkBudgets(next)) {
    desire.refuse([...placeOf(scope, subject, next, 'budgets')], message);
  }
  if (next.resources.size > resourcesMax) desire.refuse([], `more than ${resourcesMax} resources`);
}

/** Where a block of limits, or budgets, stands in a file. */
function placeOf(
  scope: LimitScope | BudgetEntry['scope'],
  subject: string,
  next: Configuration,
  block = 'limits',
): readonly string[] {
  const project = (id: string) => ['organisations', organisationOf(id), 'projects', projectName(id)];
  switch (scope) {
    case 'installation':
      return ['policies', block];
    case 'organisation':
      return ['organisations', subject, block];
    case 'project':
      return [...project(subject), block];
    case 'key': {
      const key = resourceOf(next, 'key', subject);
      return key === undefined ? [] : [...project(key.project), 'keys', key.name, block];
    }
    default:
      return [`${scope}s`, subject, block];
  }
}

function checkKeys(next: Configuration, desire: Pick<Desire, 'refuse'>): void {
  const byDigest = new Map<string, string>();
  for (const key of resourcesOf(next, 'key')) {
    const path = [
      'organisations',
      organisationOf(key.project),
      'projects',
      key.project.slice(key.project.indexOf('/') + 1),
      'keys',
      key.name,
    ];
    for (const digest of [key.digest, ...(key.previous ?? []).map(previous => previous.digest)]) {
      const other = byDigest.get(digest);
      if (other !== undefined) desire.refuse(path, `has the same secret as ${other}; each key needs its own`);
      byDigest.set(digest, keyName(key));
    }
  }
}
