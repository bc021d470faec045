import type { Fault } from '../completion/fault.ts';
import { intersect, placeOf } from '../governance/zones.ts';
import { parseTimeline, type RateTimeline } from '../pricing/timeline.ts';
import type { PolicyName } from '../routing/decision.ts';
import { matchesAny } from './allow.ts';
import { isNarrowed, refuses } from './budgets.ts';
import { snapshotHash } from './hash.ts';
import { guardFactory, type KeyGuard, originMatcher } from './key-guard.ts';
import { type Limit, type LimitScope, loadLimit } from './limits.ts';
import { buildNameTable } from './names.ts';
import type {
  BudgetEntry,
  DeploymentEntry,
  ProviderEntry,
  RoutePolicy,
  SnapshotJson,
  SnapshotSettings,
} from './snapshot.ts';
import { loadWallet, parsePoolId, type Wallet, type WalletWindows } from './wallets.ts';

/** A snapshot ready to serve: indexes over the JSON, rates parsed, patterns compiled. Immutable. */
export interface Snapshot {
  readonly hash: string;
  readonly revision: bigint;
  readonly settings: SnapshotSettings;
  /** By HMAC digest of the presented secret; undefined when unknown. Revoked and expired keys are found too. */
  findKey(digest: string): Principal | undefined;
  /** By the id that a key shows, for signed requests; undefined when unknown. */
  findSigner(id: string): Signer | undefined;
  /** What a name in the model's place means: route, deployment id, vendor/name, bare name. Also `vendor%2Fname`. */
  resolve(requestedModel: string): ResolvedRoute | Fault;
  /** May this principal use the route and every candidate's model? */
  allows(principal: Principal, route: ResolvedRoute): boolean;
  deployment(handle: string): Deployment;
  readonly deployments: readonly Deployment[];
  readonly budgets: ReadonlyMap<string, BudgetEntry>;
  /** What a hold is taken from: a budget, or a pool of a wallet. undefined when it is not there, or no longer. */
  findBudget(id: string): HeldBudget | undefined;
  readonly wallets: readonly Wallet[];
  /** May pages of this web origin call with some key? */
  allowsOrigin(origin: string): boolean;
  /** Names that a principal may put in the model's place, sorted, for GET /v1/models. */
  modelNames(principal: Principal): readonly ModelName[];
}

export interface Signer {
  readonly principal: Principal;
  /** What it may have signed with, the newest first; empty when the key is none that signs. */
  readonly secrets: readonly SigningSecret[];
}

export interface SigningSecret {
  /** Who calls when it signed. */
  readonly principal: Principal;
  readonly digest: string;
  readonly sealed: string;
}

export interface ModelName {
  readonly name: string;
  readonly kind: 'route' | 'model';
  /** `vendor` of the model, or `common-carrier` for a route. */
  readonly owner: string;
}

export interface HeldBudget {
  readonly id: string;
  readonly period: BudgetEntry['period'] | WalletWindows;
  readonly limitAtto: bigint;
  /** Whose wallet it is, where it is one. */
  readonly walletOf: string | undefined;
  /** What it says, where it is a budget. */
  readonly entry?: BudgetEntry | undefined;
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
  /** It came with a secret that was replaced by a newer one, and is good until then. */
  readonly isReplaced: boolean;
  /** From where it may be used; undefined is anywhere. */
  readonly guard: KeyGuard | undefined;
  /** Its own; a request cannot say other values. */
  readonly tags: Readonly<Record<string, string>> | undefined;
  /** Names of tags that requests bring and usage is told apart by. */
  readonly usageTags: readonly string[] | undefined;
  /** Zones its prompts may be processed in; undefined is anywhere. The intersection of project and key. */
  readonly zones: readonly string[] | undefined;
  /** Ids of the hard budgets that bind it, whatever is asked for: key, project, organisation, installation, and the wallet
   *  when all its money can pay for everything. */
  readonly hardBudgets: readonly string[];
  /** Hard budgets that bind it for some routes or deployments only; absent when there are none. */
  readonly narrowedBudgets?: readonly BudgetEntry[] | undefined;
  /** Policies that a request may ask for; undefined: all. */
  readonly policies: readonly PolicyName[] | undefined;
  /** The wallet, when some of its money can pay for some deployments only: which pool binds depends on them. */
  readonly scopedWallet: Wallet | undefined;
  readonly lowerOutputToFit: boolean;
  /** May media be fetched for it? What the key says, else the project. */
  readonly mediaFetch: boolean;
  /** What its organisation agreed on, by handle of the deployment; undefined when it pays list prices. */
  readonly contract: Contract | undefined;
  /** Limits of the key, its project and its organisation; absent when there are none. */
  readonly limits?: readonly Limit[] | undefined;
}

/** undefined among its values: no complete price was agreed on. */
export type Contract = ReadonlyMap<string, RateTimeline | undefined>;

export interface ResolvedRoute {
  readonly name: string;
  readonly candidates: readonly {
    readonly deployment: Deployment;
    readonly weight: number;
    readonly priority: number;
  }[];
  readonly policy: RoutePolicy;
  /** That all its callers share; absent when there are none. */
  readonly limits?: readonly Limit[] | undefined;
}

export interface Deployment extends Omit<DeploymentEntry, 'sell' | 'buy' | 'provider'> {
  readonly provider: ProviderEntry;
  /** List prices; of a principal: sellPrices. */
  readonly sell: RateTimeline | undefined;
  readonly buy: RateTimeline | undefined;
  /** Of attempts at it and at its provider account; absent when there are none. */
  readonly limits?: readonly Limit[] | undefined;
}

/** What a caller pays for a deployment. */
export function sellPrices(
  deployment: Deployment,
  { contract }: Pick<Principal, 'contract'>,
): RateTimeline | undefined {
  return contract?.has(deployment.handle) ? contract.get(deployment.handle) : deployment.sell;
}

/** Verdicts of `allows` remembered in all; past it they are forgotten together and found again. */
const verdictsMax = 1_000_000;

/** Reads the text of a snapshot as it lies on disk. Throws when it is not one, or not whole. */
export function parseSnapshot(text: string): Snapshot {
  // The cast is true when the hash is right: only a compiled snapshot carries the hash of its own content.
  return loadSnapshot(JSON.parse(text) as SnapshotJson);
}

/** Builds the indexes over a compiled snapshot. Throws when the format is another one, the hash does not fit the content,
 *  or something is named that is not there: a worker then keeps what it has. */
export function loadSnapshot(json: SnapshotJson): Snapshot {
  if (json.format !== 1) throw new Error(`snapshot: format ${JSON.stringify(json.format)} is not known here, 1 is`);
  if (snapshotHash(json) !== json.hash) throw new Error('snapshot: the content does not have the hash it names');

  const providers = new Map(json.providers.map(provider => [provider.name, provider]));
  const limits = loadLimits(json);
  const deployments = json.deployments.map(entry =>
    loadDeployment(entry, need(providers, entry.provider, 'provider'), limits),
  );
  const byHandle = new Map(deployments.map(deployment => [deployment.handle, deployment]));
  const names = buildNameTable(json.routes, deployments, name => limits.of(['route', name]));
  const wallets = new Map((json.wallets ?? []).map(entry => [entry.organisation, loadWallet(entry)]));
  const { principals, patternsOf } = loadPrincipals(json, wallets, limits);
  const keys = new Map(json.keys.map(key => [key.id, key]));
  const budgets = new Map(json.budgets.map(budget => [budget.id, budget]));
  const held = new Map<string, HeldBudget>(json.budgets.map(budget => [budget.id, heldBudget(budget)]));

  // Principals with the same patterns share their verdicts, so thousands of keys of one kind cost one table.
  const verdicts = new Map<string, Map<ResolvedRoute, boolean>>();
  const verdictsOf = new Map<Principal, Map<ResolvedRoute, boolean>>();
  let verdictCount = 0;

  function allows(principal: Principal, route: ResolvedRoute): boolean {
    const remembered = verdictsOf.get(principal)?.get(route);
    return remembered ?? judge(principal, route);
  }

  function judge(principal: Principal, route: ResolvedRoute): boolean {
    const lists = patternsOf.get(principal);
    if (lists === undefined) return false;
    const allowed = lists.every(patterns => isCovered(route, patterns));
    if (verdictCount++ >= verdictsMax) {
      verdicts.clear();
      verdictsOf.clear();
      verdictCount = 1;
    }
    const shared = getOrMake(verdicts, JSON.stringify(lists), () => new Map());
    verdictsOf.set(principal, shared);
    shared.set(route, allowed);
    return allowed;
  }

  function modelNames(principal: Principal): readonly ModelName[] {
    const routes = names.routes.map(route => ({ route, kind: 'route' as const, owner: 'common-carrier' }));
    const models = names.models
      .filter(model => names.resolve(model.name) === model)
      .map(route => ({ route, kind: 'model' as const, owner: route.name.slice(0, route.name.indexOf('/')) }));
    return [...routes, ...models]
      .filter(({ route }) => allows(principal, route))
      .map(({ route, kind, owner }) => ({ name: route.name, kind, owner }))
      .sort((left, right) => (left.name < right.name ? -1 : 1));
  }

  function findSigner(id: string): Signer | undefined {
    const key = keys.get(id);
    if (key === undefined) return undefined;
    const secrets = [key, ...(key.previous ?? [])].flatMap(({ digest, secretSealed: sealed }) =>
      sealed === undefined ? [] : [{ principal: need(principals, digest, 'key'), digest, sealed }],
    );
    return { principal: need(principals, key.digest, 'key'), secrets };
  }

  /** Pools are found by their ids, which say whose they are; those in use are few, and remembered. */
  function findBudget(id: string): HeldBudget | undefined {
    const known = held.get(id);
    if (known !== undefined) return known;
    const pool = parsePoolId(id);
    const wallet = pool === undefined ? undefined : wallets.get(pool.organisation);
    if (wallet === undefined || wallet.currency !== pool?.currency) return undefined;
    const { limitAtto, windows: period, organisation: walletOf } = wallet;
    const found = { id, period, limitAtto, walletOf };
    held.set(id, found);
    return found;
  }

  return {
    hash: json.hash,
    revision: BigInt(json.revision),
    settings: json.settings,
    findKey: digest => principals.get(digest),
    findSigner,
    resolve: names.resolve,
    allows,
    deployment: handle => need(byHandle, handle, 'deployment'),
    deployments,
    budgets,
    findBudget,
    wallets: [...wallets.values()],
    allowsOrigin: originMatcher([...new Set(json.keys.flatMap(({ origins }) => origins ?? []))]),
    modelNames,
  };
}

function isCovered(route: ResolvedRoute, patterns: readonly string[]): boolean {
  return (
    matchesAny(patterns, route.name) &&
    route.candidates.every(candidate => matchesAny(patterns, candidate.deployment.model))
  );
}

/** `patternsOf`: the lists a name must match, each of them: the project's, and the key's own where it has one, so that a
 *  key can narrow its project and never widen it. A principal that is not of this snapshot may use nothing. */
function loadPrincipals(json: SnapshotJson, wallets: ReadonlyMap<string, Wallet>, limits: LoadedLimits) {
  const organisations = new Map(json.organisations.map(organisation => [organisation.id, organisation]));
  const projects = new Map(json.projects.map(project => [project.id, project]));
  const hardBudgets = Map.groupBy(json.budgets.filter(refuses), budget => subjectKey(budget.scope, budget.subject));
  const contracts = loadContracts(json);
  const guardOf = guardFactory();
  const principals = new Map<string, Principal>();
  const patternsOf = new Map<Principal, readonly (readonly string[])[]>();
  for (const key of json.keys) {
    const project = need(projects, key.project, 'project');
    const organisation = need(organisations, project.organisation, 'organisation');
    const subjects = [`key:${key.id}`, `project:${project.id}`, `organisation:${organisation.id}`, 'installation:*'];
    const wallet = wallets.get(organisation.id);
    const binding = subjects.flatMap(subject => hardBudgets.get(subject) ?? []);
    const budgets = binding.filter(budget => !isNarrowed(budget)).map(({ id }) => id);
    const narrowed = binding.filter(isNarrowed);
    const principal: Principal = {
      organisation: organisation.id,
      project: project.id,
      key: key.id,
      keyName: key.name,
      revoked: key.revoked,
      expiresAtMs: key.expiresAt === null ? undefined : parseInstant(key.expiresAt),
      isReplaced: false,
      guard: guardOf(key),
      tags: key.tags,
      usageTags: organisation.usageTags,
      zones: intersect(project.zones ?? undefined, key.zones ?? undefined),
      // Absent in a snapshot that an older release left on disk.
      policies: key.policies ?? undefined,
      hardBudgets: wallet?.onlyPool === undefined ? budgets : [...budgets, wallet.onlyPool],
      narrowedBudgets: narrowed.length === 0 ? undefined : narrowed,
      scopedWallet: wallet?.onlyPool === undefined ? wallet : undefined,
      lowerOutputToFit: key.lowerOutputToFit,
      mediaFetch: key.mediaFetch ?? project.mediaFetch ?? false,
      contract: contracts.get(organisation.id),
      limits: limits.of(['key', key.id], ['project', project.id], ['organisation', organisation.id]),
    };
    const patterns = key.allow === null ? [project.allow] : [project.allow, key.allow];
    principals.set(key.digest, principal);
    patternsOf.set(principal, patterns);
    for (const { digest, until } of key.previous ?? []) {
      const untilMs = Math.min(parseInstant(until), principal.expiresAtMs ?? Number.POSITIVE_INFINITY);
      const before = { ...principal, expiresAtMs: untilMs, isReplaced: untilMs !== principal.expiresAtMs };
      principals.set(digest, before);
      patternsOf.set(before, patterns);
    }
  }
  return { principals, patternsOf };
}

function heldBudget(entry: BudgetEntry): HeldBudget {
  const { id, period, limitAtto } = entry;
  return { id, period, limitAtto: BigInt(limitAtto), walletOf: undefined, entry };
}

function loadContracts(json: SnapshotJson): ReadonlyMap<string, Contract> {
  const handles = new Set(json.deployments.map(({ handle }) => handle));
  return new Map(
    (json.contracts ?? []).map(({ organisation, sell }) => {
      const timelines = Object.entries(sell).map(([handle, timeline]) => {
        if (!handles.has(handle)) throw new Error(`snapshot: a contract of ${organisation} names an unknown handle`);
        return [handle, timeline === null ? undefined : parseTimeline(timeline)] as const;
      });
      return [organisation, new Map(timelines)] as const;
    }),
  );
}

function loadDeployment(entry: DeploymentEntry, provider: ProviderEntry, limits: LoadedLimits): Deployment {
  return {
    ...entry,
    zones: { processing: placeOf(entry.zones.processing) },
    provider,
    sell: entry.sell === null ? undefined : parseTimeline(entry.sell),
    buy: entry.buy === null ? undefined : parseTimeline(entry.buy),
    limits: limits.of(['deployment', entry.id], ['provider', provider.name]),
  };
}

interface LoadedLimits {
  /** Of all these. undefined rather than an empty list. */
  of(...subjects: readonly (readonly [scope: LimitScope, subject: string])[]): readonly Limit[] | undefined;
}

function loadLimits(json: SnapshotJson): LoadedLimits {
  const bySubject = Map.groupBy((json.limits ?? []).map(loadLimit), limit => subjectKey(limit.scope, limit.subject));
  return {
    of: (...subjects) => {
      if (bySubject.size === 0) return undefined;
      const found = subjects.flatMap(([scope, subject]) => bySubject.get(subjectKey(scope, subject)) ?? []);
      return found.length === 0 ? undefined : found;
    },
  };
}

function subjectKey(scope: LimitScope | BudgetEntry['scope'], subject: string): string {
  return `${scope}:${subject}`;
}

function parseInstant(text: string): number {
  const instantMs = Date.parse(text);
  if (Number.isNaN(instantMs)) throw new Error(`snapshot: not an instant: ${text}`);
  return instantMs;
}

function need<Value>(map: ReadonlyMap<string, Value>, name: string, kind: string): Value {
  const value = map.get(name);
  if (value === undefined) throw new Error(`snapshot: ${kind} ${name} is named but not there`);
  return value;
}

function getOrMake<Key, Value>(map: Map<Key, Value>, key: Key, make: () => Value): Value {
  const present = map.get(key);
  if (present !== undefined) return present;
  const made = make();
  map.set(key, made);
  return made;
}
