import { stringify } from 'yaml';
import { routePolicyDefault } from '../snapshot/snapshot.ts';
import { accessEntry } from './access-settings.ts';
import { mediaTokensMaxDefault, outputTokensMaxDefault } from './desire-supply.ts';
import { exportPrices } from './export-prices.ts';
import {
  type Budget,
  type Configuration,
  type DeploymentResource,
  type KeyResource,
  type OrganisationResource,
  organisationOf,
  type ProjectResource,
  type ProviderResource,
  projectName,
  type RouteResource,
  resourceOf,
  resourcesOf,
} from './resources.ts';

/** Writes the stored configuration as a declarative file: applying it changes nothing. What zero configuration keeps up to
 *  date is not written, only named; secrets are written as the references they came from. */
export function exportConfiguration(configuration: Configuration, nowMs: number): string {
  const content = withoutEmpty({
    providers: entries(declared(resourcesOf(configuration, 'provider')), providerEntry),
    deployments: entries(declared(resourcesOf(configuration, 'deployment')), deploymentEntry),
    prices: exportPrices(configuration, nowMs),
    routes: entries(declared(resourcesOf(configuration, 'route')), routeEntry),
    organisations: organisationsEntry(configuration),
    policies: policiesEntry(configuration),
    access: accessEntry(configuration),
  });
  const header = [
    `# The stored configuration at revision ${configuration.revision}. Applying it changes nothing.`,
    ...derivedLines(configuration),
  ];
  const body =
    Object.keys(content).length === 0 ? '' : stringify(content, { lineWidth: 120, aliasDuplicateObjects: false });
  return `${header.join('\n')}\n${body}`;
}

function derivedLines(configuration: Configuration): string[] {
  const derived = resourcesOf(configuration, 'provider').filter(provider => provider.origin === 'environment');
  const facts = resourceOf(configuration, 'rule', 'publish-facts-when-unconfigured');
  const factsLine =
    facts?.state === 'active' && facts.version !== null
      ? [`# Rule publish-facts-when-unconfigured is in force with ${facts.version}; any prices: ends it.`]
      : [];
  const derivedLine =
    derived.length === 0
      ? []
      : [`# From the environment, not written here: ${derived.map(({ id }) => id).join(', ')}.`];
  return [...derivedLine, ...factsLine];
}

function declared<Value extends { readonly origin: string }>(resources: readonly Value[]): Value[] {
  return resources.filter(resource => resource.origin === 'declared');
}

export function providerEntry(provider: ProviderResource) {
  const [dialect, ...others] = provider.dialects;
  return withoutEmpty({
    kind: provider.providerKind,
    dialect: others.length === 0 ? dialect : undefined,
    dialects: others.length === 0 ? undefined : provider.dialects,
    baseUrl: provider.baseUrl,
    credential: provider.reference ?? (provider.fingerprint === null ? undefined : `stored:${provider.fingerprint}`),
    limits: provider.limits,
  });
}

export function deploymentEntry(deployment: DeploymentResource) {
  return withoutEmpty({
    provider: deployment.provider,
    model: deployment.model,
    targetModel: deployment.targetModel,
    zones: { processing: deployment.processing },
    limits: withoutEmpty({
      ...deployment.limits,
      concurrency: deployment.concurrencyMax ?? undefined,
      inflowPercent: deployment.inflowPercent,
    }),
    outputTokensMax: unless(outputTokensMaxDefault, deployment.outputTokensMax),
    capabilities: deployment.capabilities ?? undefined,
    contextTokensMax: deployment.contextTokensMax ?? undefined,
    mediaTokensMax: unless(mediaTokensMaxDefault, deployment.mediaTokensMax),
    documentPagesMax: deployment.documentPagesMax,
    documentTokensPerPage: deployment.documentTokensPerPage,
    audioTokensPerSecond: deployment.audioTokensPerSecond,
    toolCallsMax: deployment.toolCallsMax,
    toolTokensPerCall: deployment.toolTokensPerCall,
  });
}

export function routeEntry(route: RouteResource) {
  const policy = Object.entries(route.policy).filter(
    ([name, value]) => routePolicyDefault[name as 'retries'] !== value,
  );
  return withoutEmpty({ candidates: route.candidates, ...Object.fromEntries(policy), limits: route.limits });
}

function organisationsEntry(configuration: Configuration) {
  const keys = Map.groupBy(resourcesOf(configuration, 'key'), key => key.project);
  const projects = Map.groupBy(resourcesOf(configuration, 'project'), project => organisationOf(project.id));
  return entries(resourcesOf(configuration, 'organisation'), organisation =>
    withoutEmpty({
      projects: Object.fromEntries(
        (projects.get(organisation.id) ?? []).map(project => [
          projectName(project.id),
          withoutEmpty({
            keys: Object.fromEntries((keys.get(project.id) ?? []).map(key => [key.name, keyEntry(key)])),
            ...projectEntry(project),
          }),
        ]),
      ),
      ...organisationEntry(organisation),
    }),
  );
}

/** Without its projects. */
export function organisationEntry(organisation: OrganisationResource) {
  return withoutEmpty({
    usageTags: organisation.usageTags,
    budget: budgetEntry(organisation.budget),
    budgets: budgetEntries(organisation.budgets),
    limits: organisation.limits,
    ...termsEntry(organisation),
    lowBalance: organisation.lowBalance,
  });
}

/** Without its keys. */
export function projectEntry(project: ProjectResource) {
  return withoutEmpty({
    allow: project.allow,
    zones: project.zones ?? undefined,
    mediaFetch: project.mediaFetch,
    budget: budgetEntry(project.budget),
    budgets: budgetEntries(project.budgets),
    limits: project.limits,
  });
}

function termsEntry({ terms }: OrganisationResource) {
  if (terms === undefined) return {};
  if (terms.type === 'postpaid') return { creditLimit: terms.line };
  return { terms: 'prepaid', overdraft: terms.line === '0' ? undefined : terms.line };
}

/** A key whose secret no file knows is named by its id; applied elsewhere it is refused rather than made without one. */
export function keyEntry(key: KeyResource) {
  return withoutEmpty({
    id: key.reference === null ? key.id : undefined,
    secret: key.reference ?? undefined,
    expiresAt: key.expiresAt ?? undefined,
    revoked: key.revoked ? true : undefined,
    sigv4: key.secretSealed === undefined ? undefined : true,
    allow: key.allow ?? undefined,
    zones: key.zones ?? undefined,
    policies: key.policies ?? undefined,
    lowerOutputToFit: key.lowerOutputToFit ? true : undefined,
    mediaFetch: key.mediaFetch,
    addresses: key.addresses,
    origins: key.origins,
    tags: key.tags,
    budget: budgetEntry(key.budget),
    budgets: budgetEntries(key.budgets),
    limits: key.limits,
  });
}

function budgetEntry(budget: Budget | null) {
  if (budget === null) return undefined;
  return { ...budget, warnAt: budget.warnAt.length === 0 ? undefined : budget.warnAt };
}

function budgetEntries(budgets: readonly Budget[] | undefined) {
  return budgets?.map(budget => withoutEmpty(budgetEntry(budget)!));
}

function policiesEntry(configuration: Configuration) {
  const policies = resourceOf(configuration, 'policies', 'policies');
  return policies === undefined
    ? undefined
    : withoutEmpty({ orphans: policies.orphans, budgets: budgetEntries(policies.budgets) });
}

function entries<Value extends { readonly id: string }, Entry>(
  resources: readonly Value[],
  toEntry: (value: Value) => Entry,
) {
  return Object.fromEntries(resources.map(resource => [resource.id, toEntry(resource)]));
}

/** Drops what is not said and maps without entries; an empty list says something and stays. */
function withoutEmpty(content: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(content).filter(([, value]) => {
      if (value === undefined || value === null) return false;
      return Array.isArray(value) || typeof value !== 'object' || Object.keys(value).length > 0;
    }),
  );
}

function unless<Value>(standard: Value, value: Value): Value | undefined {
  return value === standard ? undefined : value;
}
