import type { RateCardJson } from '../../src/pricing/rate-card.ts';
import type { RateTimelineJson } from '../../src/pricing/timeline.ts';
import { snapshotHash } from '../../src/snapshot/hash.ts';
import type { LimitEntry } from '../../src/snapshot/limits.ts';
import {
  type BudgetEntry,
  type ContractEntry,
  type DeploymentEntry,
  type KeyEntry,
  type ProjectEntry,
  type ProviderEntry,
  type RouteEntry,
  type RoutePolicy,
  routePolicyDefault,
  type SnapshotJson,
} from '../../src/snapshot/snapshot.ts';

/** What a test says of a snapshot; everything else has a plain default. Without anything: organisation `acme`, project
 *  `web` that may use all, key `test0001` of digest `digest-1`, provider `openai` and its priced deployment `gpt-5-us` of
 *  `openai/gpt-5`. */
export interface SnapshotParts {
  readonly revision?: string;
  readonly organisations?: readonly { readonly id: string; readonly usageTags?: readonly string[] }[];
  readonly limits?: readonly LimitEntry[];
  readonly projects?: readonly (Partial<ProjectEntry> & { readonly id: string })[];
  readonly keys?: readonly (Partial<KeyEntry> & { readonly id: string; readonly digest: string })[];
  readonly budgets?: readonly (Partial<BudgetEntry> & { readonly id: string; readonly subject: string })[];
  readonly providers?: readonly (Partial<ProviderEntry> & { readonly name: string })[];
  readonly deployments?: readonly (Partial<DeploymentEntry> & { readonly id: string; readonly model: string })[];
  /** Candidates by deployment id. */
  readonly routes?: readonly {
    readonly name: string;
    readonly candidates: readonly {
      readonly deployment: string;
      readonly weight?: number;
      readonly priority?: number;
    }[];
    readonly policy?: Partial<RoutePolicy>;
  }[];
  readonly contracts?: readonly ContractEntry[];
  readonly orphans?: 'delivered' | 'free';
}

/** Input 1.25, cache reads 0.125, output 10.00 USD per 10⁶ tokens. */
export const rateCard: RateCardJson = {
  version: 'test-1',
  currency: 'USD',
  rates: { input: '1250000000000', cacheRead: '125000000000', output: '10000000000000' },
  tiers: [],
};

/** The one card of prices that never change. */
export function onlyCard(prices: RateTimelineJson | null | undefined): RateCardJson | undefined {
  if (prices === null || prices === undefined) return undefined;
  if ('timeline' in prices) throw new Error('these prices change');
  return prices;
}

export function snapshotJson(parts: SnapshotParts = {}): SnapshotJson {
  const deployments = (parts.deployments ?? [{ id: 'gpt-5-us', model: 'openai/gpt-5' }]).map(fullDeployment);
  const content = {
    format: 1 as const,
    revision: parts.revision ?? '1',
    compiledAt: '2026-09-01T00:00:00.000Z',
    organisations: (parts.organisations ?? [{ id: 'acme' }]).map(organisation => ({
      name: organisation.id,
      ...organisation,
    })),
    projects: (parts.projects ?? [{ id: 'web' }]).map(project => ({
      name: project.id,
      organisation: 'acme',
      allow: ['**'],
      zones: null,
      ...project,
    })),
    keys: (parts.keys ?? [{ id: 'test0001', digest: 'digest-1' }]).map(key => ({
      name: key.id,
      project: 'web',
      expiresAt: null,
      revoked: false,
      allow: null,
      zones: null,
      policies: null,
      lowerOutputToFit: false,
      ...key,
    })),
    budgets: (parts.budgets ?? []).map(budget => ({
      scope: 'project' as const,
      limitAtto: '100000000000000000000',
      currency: 'USD',
      period: 'month' as const,
      hard: true,
      warnAtPpm: [],
      ...budget,
    })),
    providers: (parts.providers ?? [{ name: 'openai' }]).map(provider => ({
      kind: 'openai',
      dialects: ['openai-chat' as const],
      baseUrl: 'http://127.0.0.1:9100/v1',
      credential: null,
      sandbox: false,
      ...provider,
    })),
    deployments,
    routes: (parts.routes ?? []).map(route => fullRoute(route, deployments)),
    ...(parts.limits === undefined ? {} : { limits: parts.limits }),
    ...(parts.contracts === undefined ? {} : { contracts: parts.contracts }),
    settings: { orphans: parts.orphans ?? ('delivered' as const) },
  };
  return { ...content, hash: snapshotHash(content) };
}

function fullDeployment(
  part: Partial<DeploymentEntry> & { readonly id: string; readonly model: string },
): DeploymentEntry {
  return {
    handle: `h-${part.id}`,
    targetModel: part.model.slice(part.model.indexOf('/') + 1),
    provider: 'openai',
    zones: { processing: 'US' },
    concurrencyMax: null,
    outputTokensMax: 16_384,
    mediaTokensMax: 4_096,
    capabilities: null,
    contextTokensMax: null,
    sell: rateCard,
    buy: rateCard,
    ...part,
  };
}

function fullRoute(
  route: NonNullable<SnapshotParts['routes']>[number],
  deployments: readonly DeploymentEntry[],
): RouteEntry {
  return {
    name: route.name,
    policy: { ...routePolicyDefault, ...route.policy },
    candidates: route.candidates.map(({ deployment, weight = 1, priority = 1 }) => ({
      handle: deployments.find(entry => entry.id === deployment)?.handle ?? `h-${deployment}`,
      weight,
      priority,
    })),
  };
}
