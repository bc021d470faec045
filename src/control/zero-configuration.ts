import { GLOBAL } from '../governance/zones.ts';
import type { PriceRow } from '../pricing/price-row.ts';
import { providers } from '../providers/registry.ts';
import { routePolicyDefault } from '../snapshot/snapshot.ts';
import { mediaTokensMaxDefault, outputTokensMaxDefault } from './desire-supply.ts';
import { keySecretPattern } from './key-secret.ts';
import type { PlanContext } from './plan.ts';
import { compare, type Plan } from './plan.ts';
import { versionDigest } from './price-book.ts';
import type { ProviderKind } from './provider-kinds.ts';
import {
  type Configuration,
  type DeploymentResource,
  type KeyResource,
  type PriceVersion,
  type ProviderResource,
  type Resource,
  type RouteResource,
  type RuleResource,
  resourceKey,
  resourceOf,
  resourcesOf,
} from './resources.ts';
import { credentialContext } from './seal.ts';

/** Public prices of models, as facts: what zero configuration publishes when nobody set prices. */
export interface PublicPrices {
  /** Of the source they come from. */
  readonly version: string;
  readonly currency: string;
  readonly models: readonly ModelFact[];
}

export interface ModelFact {
  /** Provider kind. */
  readonly provider: string;
  /** As the provider calls it. */
  readonly model: string;
  readonly row: PriceRow;
  readonly outputTokensMax: number | undefined;
}

export interface ZeroConfiguration extends PlanContext {
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly facts: PublicPrices;
  /** The secret of the first key, made on the first call. */
  firstKeySecret(): string;
}

/** The names of what a fresh installation has. */
export const sandbox = {
  organisation: 'sandbox',
  project: 'sandbox/sandbox',
  key: 'sandbox',
  /** Served by both emulated providers. */
  route: 'sandbox',
  openai: { provider: 'sandbox-openai', deployment: 'sandbox-chat', model: 'sandbox/chat-1' },
  anthropic: { provider: 'sandbox-anthropic', deployment: 'sandbox-messages', model: 'sandbox/messages-1' },
} as const;

/** What an installation has while nobody configured it: accounts for the provider keys in the environment, else the
 *  sandbox; prices from facts; a first key. Run at every start: it keeps its own resources up to date and touches no
 *  other. Once a provider is declared it adds no account any more. Pure but for minting and the first key's secret. */
export function planZeroConfiguration(stored: Configuration, zero: ZeroConfiguration): Plan {
  const isDeclared = resourcesOf(stored, 'provider').some(provider => provider.origin === 'declared');
  const rule = resourceOf(stored, 'rule', 'providers-from-environment');
  if (rule === undefined ? isDeclared : rule.state === 'ended') return nothing(stored);

  const supply = isDeclared ? keepSupply(stored, zero) : deriveSupply(stored, zero);
  const factsVersion = factsVersionOf(stored, zero);
  const hasAccounts = supply.some(resource => resource.kind === 'provider' && resource.providerKind !== 'emulated');
  const rules = desireRules(stored, hasAccounts ? factsVersion.id : null);
  const usesFacts = rules.some(other => other.state === 'active' && other.version === factsVersion.id);

  const resources = new Map([...stored.resources].filter(([, resource]) => !isDerived(resource)));
  for (const resource of [...supply, ...rules, ...firstCaller(stored, zero)]) {
    // What somebody declared under the same name meanwhile is theirs.
    if (!resources.has(resourceKey(resource)) || resource.kind === 'rule')
      resources.set(resourceKey(resource), resource);
  }
  keepNamed(stored, resources);
  const versions = new Map([...stored.versions, ...(usesFacts ? [[factsVersion.id, factsVersion] as const] : [])]);
  const next = { revision: stored.revision, resources, versions };
  return {
    next,
    changes: compare(stored, next),
    publications: usesFacts && !stored.versions.has(factsVersion.id) ? [factsVersion] : [],
    problems: [],
  };
}

/** Keys of providers that cannot be called yet: said rather than ignored (I10). */
const variablesNotAvailable = ['AZURE_OPENAI_API_KEY'];

/** Those that are set and do nothing. */
export function unusedVariables(environment: Readonly<Record<string, string | undefined>>): readonly string[] {
  return variablesNotAvailable.filter(variable => environment[variable]);
}

export function noticesOf(environment: Readonly<Record<string, string | undefined>>): readonly string[] {
  return [
    ...unusedVariables(environment).map(
      variable => `${variable} is set, but its provider cannot be called yet; it is not used`,
    ),
    ...providers.flatMap(provider =>
      provider.environmentAccount === undefined || provider.environmentAccount(environment) !== undefined
        ? []
        : provider.environment
            .filter(variable => environment[variable])
            .map(variable => `${variable} is set, but not ${provider.environmentNeeds}; it is not used`),
    ),
  ];
}

function nothing(stored: Configuration): Plan {
  return { next: stored, changes: [], publications: [], problems: [] };
}

function isDerived(resource: Resource): boolean {
  return 'origin' in resource && resource.origin === 'environment';
}

/** Somebody declared providers since: the accounts from before stay while their variable is set, and so does the sandbox. */
function keepSupply(stored: Configuration, zero: ZeroConfiguration): Resource[] {
  const derived = [...stored.resources.values()].filter(isDerived);
  const gone = new Set(
    derived.flatMap(resource =>
      resource.kind === 'provider' &&
      resource.providerKind !== 'emulated' &&
      keyIn(zero, resource.providerKind) === undefined
        ? [resource.id]
        : [],
    ),
  );
  return derived.flatMap((resource): Resource[] => {
    if (resource.kind === 'provider') return gone.has(resource.id) ? [] : [refresh(resource, stored, zero)];
    return resource.kind === 'deployment' && gone.has(resource.provider) ? [] : [resource];
  });
}

function deriveSupply(stored: Configuration, zero: ZeroConfiguration): Resource[] {
  const kinds = zero.kinds.flatMap(kind => {
    const baseUrl = keyIn(zero, kind.name)?.baseUrl;
    return baseUrl === undefined ? [] : [{ ...kind, baseUrl }];
  });
  if (kinds.length === 0) return sandboxSupply(stored, zero);
  return kinds.flatMap(kind => {
    const account = refresh(
      {
        kind: 'provider',
        id: kind.name,
        providerKind: kind.name,
        dialects: kind.dialects,
        baseUrl: kind.baseUrl.replace(/\/+$/, ''),
        reference: null,
        sealed: null,
        fingerprint: null,
        origin: 'environment',
      },
      stored,
      zero,
    );
    return [account, ...knownDeployments(kind, stored, zero)];
  });
}

function knownDeployments(kind: ProviderKind, stored: Configuration, zero: ZeroConfiguration): DeploymentResource[] {
  return zero.facts.models.flatMap(fact => {
    const id = `${kind.name}-${fact.model.replaceAll('/', '-')}`;
    // Names that no file could spell could not be configured later either.
    if (fact.provider !== kind.name || !/^[A-Za-z0-9][A-Za-z0-9._:-]{0,63}$/.test(id)) return [];
    const model = `${kind.name}/${fact.model}`;
    return [
      derivedDeployment(stored, zero, {
        id,
        provider: kind.name,
        model,
        targetModel: kind.targetModels?.[fact.model] ?? fact.model,
        outputTokensMax: fact.outputTokensMax,
      }),
    ];
  });
}

function derivedDeployment(
  stored: Configuration,
  zero: ZeroConfiguration,
  of: { id: string; provider: string; model: string; targetModel: string; outputTokensMax: number | undefined },
): DeploymentResource {
  return {
    kind: 'deployment',
    id: of.id,
    handle: resourceOf(stored, 'deployment', of.id)?.handle ?? zero.mintHandle(),
    provider: of.provider,
    model: of.model,
    targetModel: of.targetModel,
    processing: GLOBAL,
    concurrencyMax: null,
    outputTokensMax: of.outputTokensMax ?? outputTokensMaxDefault,
    capabilities: null,
    contextTokensMax: null,
    mediaTokensMax: mediaTokensMaxDefault,
    origin: 'environment',
  };
}

function sandboxSupply(stored: Configuration, zero: ZeroConfiguration): Resource[] {
  const supply = [sandbox.openai, sandbox.anthropic].flatMap(({ provider, deployment, model }): Resource[] => [
    {
      kind: 'provider',
      id: provider,
      providerKind: 'emulated',
      dialects: [provider === 'sandbox-openai' ? 'openai-chat' : 'anthropic-messages'],
      baseUrl: 'sandbox:',
      reference: null,
      sealed: null,
      fingerprint: null,
      origin: 'environment',
    } satisfies ProviderResource,
    derivedDeployment(stored, zero, {
      id: deployment,
      provider,
      model,
      targetModel: deployment,
      outputTokensMax: undefined,
    }),
  ]);
  const route: RouteResource = {
    kind: 'route',
    id: sandbox.route,
    candidates: [sandbox.openai, sandbox.anthropic].map(({ deployment }) => ({ deployment, weight: 1, priority: 1 })),
    policy: routePolicyDefault,
    origin: 'environment',
  };
  return [...supply, route];
}

/** The account with the credential that the environment holds now. */
function refresh(provider: ProviderResource, stored: Configuration, zero: ZeroConfiguration): ProviderResource {
  const found = keyIn(zero, provider.providerKind);
  if (found === undefined) return provider;
  const fingerprint = zero.sealer.fingerprintOf(found.value);
  const before = resourceOf(stored, 'provider', provider.id);
  const sealed =
    before?.fingerprint === fingerprint && before.sealed !== null
      ? before.sealed
      : zero.sealer.seal(found.value, credentialContext(provider.id));
  const account = { ...provider, reference: `env:${found.variables.join(':')}`, fingerprint, sealed };
  return found.baseUrl === undefined ? account : { ...account, baseUrl: found.baseUrl.replace(/\/+$/, '') };
}

interface FoundKey {
  readonly variables: readonly string[];
  readonly value: string;
  /** undefined for kinds that have none of their own. */
  readonly baseUrl: string | undefined;
}

function keyIn(zero: ZeroConfiguration, kindName: string): FoundKey | undefined {
  const kind = zero.kinds.find(known => known.name === kindName);
  if (kind?.environmentAccount !== undefined) return kind.environmentAccount(zero.environment);
  for (const variable of kind?.environment ?? []) {
    const value = zero.environment[variable]?.trim();
    if (value) return { variables: [variable], value, baseUrl: kind?.baseUrl };
  }
  return undefined;
}

/** Buy and sell are one version, named after its source. Prices of the same source that differ, because their date has
 *  come or they are read otherwise, get a name of their own: a published version never changes. */
function factsVersionOf(stored: Configuration, zero: ZeroConfiguration): PriceVersion {
  const rates = Object.fromEntries(zero.facts.models.map(fact => [`${fact.provider}/${fact.model}`, fact.row]));
  const content = { currency: zero.facts.currency, rates };
  const digest = versionDigest(content);
  const published = stored.versions.get(resourceOf(stored, 'rule', 'publish-facts-when-unconfigured')?.version ?? '');
  const unchanged =
    published !== undefined && digest === versionDigest({ currency: published.currency, rates: published.rates });
  const first = `facts-${zero.facts.version}`;
  const id = unchanged ? published.id : published === undefined ? first : `${first}-${digest.slice(0, 8)}`;
  return { id, ...content, origin: 'publish-facts-when-unconfigured' };
}

function desireRules(stored: Configuration, factsId: string | null): RuleResource[] {
  const hasBooks = resourcesOf(stored, 'book').length > 0;
  const facts = resourceOf(stored, 'rule', 'publish-facts-when-unconfigured');
  const factsState = facts?.state ?? (hasBooks ? 'ended' : 'active');
  return [
    { kind: 'rule', id: 'providers-from-environment', state: 'active', version: null },
    {
      kind: 'rule',
      id: 'publish-facts-when-unconfigured',
      state: factsState,
      version: factsState === 'active' ? (factsId ?? facts?.version ?? null) : (facts?.version ?? null),
    },
  ];
}

/** An organisation, a project and a key, when there is none of the first. */
function firstCaller(stored: Configuration, zero: ZeroConfiguration): Resource[] {
  if (resourcesOf(stored, 'organisation').length > 0) return [];
  const secret = zero.firstKeySecret();
  const key: KeyResource = {
    kind: 'key',
    id: keySecretPattern.exec(secret)?.[1] ?? zero.mintKeyId(),
    name: sandbox.key,
    project: sandbox.project,
    digest: zero.sealer.digestSecret(secret),
    reference: null,
    expiresAt: null,
    revoked: false,
    allow: null,
    zones: null,
    policies: null,
    lowerOutputToFit: false,
    budget: null,
  };
  return [
    { kind: 'organisation', id: sandbox.organisation, budget: null },
    { kind: 'project', id: sandbox.project, allow: ['**'], zones: null, budget: null },
    key,
  ];
}

/** A derived resource goes when its reason goes, but not from under something declared that names it. */
function keepNamed(stored: Configuration, resources: Map<string, Resource>): void {
  const keep = (key: string) => {
    const resource = stored.resources.get(key);
    if (resource !== undefined && !resources.has(key)) resources.set(key, resource);
  };
  for (const route of resourcesOf({ resources }, 'route')) {
    for (const candidate of route.candidates) keep(`deployment:${candidate.deployment}`);
  }
  for (const deployment of resourcesOf({ resources }, 'deployment')) keep(`provider:${deployment.provider}`);
}
