import type { Fault } from '../completion/fault.ts';
import type { RateCard } from '../pricing/rate-card.ts';
import type { BudgetEntry, DeploymentEntry, ProviderEntry, RoutePolicy, SnapshotSettings } from './snapshot.ts';

/** A snapshot ready to serve: indexes over the JSON, rates parsed, patterns compiled. Immutable. */
export interface Snapshot {
  readonly hash: string;
  readonly revision: bigint;
  readonly settings: SnapshotSettings;
  /** By HMAC digest of the presented secret; undefined when unknown. Revoked and expired keys are found too. */
  findKey(digest: string): Principal | undefined;
  /** What a name in the model's place means: route, deployment id, vendor/name, bare name. Also `vendor%2Fname`. */
  resolve(requestedModel: string): ResolvedRoute | Fault;
  /** May this principal use the route and every candidate's model? */
  allows(principal: Principal, route: ResolvedRoute): boolean;
  deployment(handle: string): Deployment;
  readonly deployments: readonly Deployment[];
  readonly budgets: ReadonlyMap<string, BudgetEntry>;
  /** Names that a principal may put in the model's place, sorted, for GET /v1/models. */
  modelNames(principal: Principal): readonly ModelName[];
}

export interface ModelName {
  readonly name: string;
  readonly kind: 'route' | 'model';
  /** `vendor` of the model, or `common-carrier` for a route. */
  readonly owner: string;
}

/** Who calls: resolved from the key. */
export interface Principal {
  readonly organisation: string;
  readonly project: string;
  readonly key: string;
  readonly keyName: string;
  readonly revoked: boolean;
  /** Milliseconds since 1970, exclusive; undefined is never. */
  readonly expiresAtMs: number | undefined;
  /** Zones its prompts may be processed in; undefined is anywhere. The intersection of project and key. */
  readonly zones: readonly string[] | undefined;
  /** Ids of the hard budgets that bind it: key, project, organisation. */
  readonly hardBudgets: readonly string[];
  readonly lowerOutputToFit: boolean;
}

export interface ResolvedRoute {
  readonly name: string;
  readonly candidates: readonly {
    readonly deployment: Deployment;
    readonly weight: number;
    readonly priority: number;
  }[];
  readonly policy: RoutePolicy;
}

export interface Deployment extends Omit<DeploymentEntry, 'sell' | 'buy' | 'provider'> {
  readonly provider: ProviderEntry;
  readonly sell: RateCard | undefined;
  readonly buy: RateCard | undefined;
}
