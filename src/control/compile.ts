import { intersect } from '../governance/zones.ts';
import { parseAtto } from '../pricing/money.ts';
import { snapshotHash } from '../snapshot/hash.ts';
import type { LimitEntry } from '../snapshot/limits.ts';
import type { ContractEntry, DeploymentEntry, ProviderEntry, SnapshotJson, WalletEntry } from '../snapshot/snapshot.ts';
import { compileBudgets } from './budgets.ts';
import { compileLimits } from './limits.ts';
import { contractPricesOf, currencyOf, isSandbox, pricesOf } from './price-book.ts';
import {
  type Configuration,
  contractor,
  type KeyResource,
  type OrganisationResource,
  organisationOf,
  projectName,
  resourceOf,
  resourcesOf,
  type Terms,
} from './resources.ts';

export interface CompileContext {
  /** ISO 8601 instant. */
  readonly compiledAt: string;
  /** Where this replica's emulator listens, such as `unix:/run/…`; what `sandbox:` stands for. */
  readonly sandboxBaseUrl: string;
  /** Ids of keys revoked on this machine while the database could not be told. */
  readonly revokedLocally?: ReadonlySet<string>;
  /** What wallets have, by `organisation/currency`. */
  readonly wallets?: ReadonlyMap<string, WalletMoney>;
}

/** billing/wallet-states.ts has it. */
export type WalletMoney = Pick<WalletEntry, 'boundaries' | 'scopes'> & { readonly grantedAtto: bigint };

/** Makes the snapshot of a configuration. Pure: the same configuration compiles to the same bytes but for `compiledAt`. */
export function compileSnapshot(configuration: Configuration, context: CompileContext): SnapshotJson {
  const content = {
    format: 1 as const,
    revision: configuration.revision.toString(),
    compiledAt: context.compiledAt,
    organisations: resourcesOf(configuration, 'organisation').map(({ id, usageTags }) => ({
      id,
      name: id,
      ...said('usageTags', usageTags),
    })),
    projects: resourcesOf(configuration, 'project').map(project => ({
      id: project.id,
      name: projectName(project.id),
      organisation: organisationOf(project.id),
      allow: project.allow,
      zones: zonesEntry(project.zones),
      ...said('mediaFetch', project.mediaFetch),
    })),
    keys: resourcesOf(configuration, 'key').map(key => keyEntry(key, context)),
    budgets: compileBudgets(configuration),
    ...walletEntries(configuration, context),
    providers: compileProviders(configuration, context),
    deployments: compileDeployments(configuration),
    routes: resourcesOf(configuration, 'route').map(route => ({
      name: route.id,
      candidates: route.candidates.map(({ deployment, weight, priority }) => ({
        handle: need(resourceOf(configuration, 'deployment', deployment), deployment).handle,
        weight,
        priority,
      })),
      policy: route.policy,
    })),
    ...compileContracts(configuration),
    ...limitEntries(configuration),
    settings: { orphans: resourceOf(configuration, 'policies', 'policies')?.orphans ?? ('delivered' as const) },
  };
  return { ...content, hash: snapshotHash(content) };
}

/** Revokes keys in a compiled snapshot; for `keys revoke --local`, which must not wait for the database. */
export function revokeInSnapshot(snapshot: SnapshotJson, revoked: ReadonlySet<string>): SnapshotJson {
  const keys = snapshot.keys.map(key => (revoked.has(key.id) ? { ...key, revoked: true } : key));
  const content = { ...snapshot, keys };
  return { ...content, hash: snapshotHash(content) };
}

function keyEntry(key: KeyResource, context: CompileContext) {
  return {
    id: key.id,
    name: key.name,
    project: key.project,
    digest: key.digest,
    ...said('secretSealed', key.secretSealed),
    expiresAt: key.expiresAt,
    revoked: key.revoked || (context.revokedLocally?.has(key.id) ?? false),
    allow: key.allow,
    zones: zonesEntry(key.zones),
    policies: key.policies ?? null,
    lowerOutputToFit: key.lowerOutputToFit,
    ...said('mediaFetch', key.mediaFetch),
    ...said('addresses', key.addresses),
    ...said('origins', key.origins),
    ...said('tags', key.tags),
    ...said('previous', key.previous),
  };
}

/** Organisations whose requests stop where their money does. */
export function cappedOrganisations(
  configuration: Configuration,
): readonly (OrganisationResource & { terms: Terms })[] {
  return resourcesOf(configuration, 'organisation').flatMap(({ terms, ...organisation }) =>
    terms === undefined ? [] : [{ ...organisation, terms }],
  );
}

/** Absent where there is none, so that such a snapshot has the hash it always had. */
function walletEntries(
  configuration: Configuration,
  { wallets }: CompileContext,
): { readonly wallets?: readonly WalletEntry[] } {
  const currency = currencyOf(configuration, 'sell');
  const entries = cappedOrganisations(configuration).map(({ id: organisation, terms }) => {
    const money = wallets?.get(`${organisation}/${currency}`);
    const lineAtto = parseAtto(terms.line);
    return {
      organisation,
      currency,
      lineAtto: lineAtto.toString(),
      limitAtto: (lineAtto + (money?.grantedAtto ?? 0n)).toString(),
      boundaries: money?.boundaries ?? [],
      scopes: money?.scopes ?? [],
    };
  });
  return entries.length === 0 ? {} : { wallets: entries };
}

function compileProviders(configuration: Configuration, context: CompileContext): ProviderEntry[] {
  return resourcesOf(configuration, 'provider').map(provider => ({
    name: provider.id,
    kind: provider.providerKind,
    dialects: provider.dialects,
    baseUrl: provider.baseUrl === 'sandbox:' ? context.sandboxBaseUrl : provider.baseUrl,
    credential: provider.sealed,
    sandbox: isSandbox(provider),
  }));
}

function compileDeployments(configuration: Configuration): DeploymentEntry[] {
  return resourcesOf(configuration, 'deployment').map(deployment => ({
    id: deployment.id,
    handle: deployment.handle,
    model: deployment.model,
    targetModel: deployment.targetModel,
    provider: deployment.provider,
    zones: { processing: deployment.processing },
    concurrencyMax: deployment.concurrencyMax,
    ...said('inflowPercent', deployment.inflowPercent),
    outputTokensMax: deployment.outputTokensMax,
    capabilities: deployment.capabilities ?? null,
    contextTokensMax: deployment.contextTokensMax ?? null,
    mediaTokensMax: deployment.mediaTokensMax,
    ...said('documentPagesMax', deployment.documentPagesMax),
    ...said('documentTokensPerPage', deployment.documentTokensPerPage),
    ...said('audioTokensPerSecond', deployment.audioTokensPerSecond),
    ...said('toolCallsMax', deployment.toolCallsMax),
    ...said('toolTokensPerCall', deployment.toolTokensPerCall),
    sell: pricesOf(configuration, 'sell', deployment),
    buy: pricesOf(configuration, 'buy', deployment),
  }));
}

/** Where an organisation agreed on prices; null, which the snapshot does not say, keeps the deployment from it. */
function compileContracts(configuration: Configuration): { readonly contracts?: readonly ContractEntry[] } {
  const deployments = resourcesOf(configuration, 'deployment');
  const contracts = resourcesOf(configuration, 'book').flatMap(book => {
    const organisation = contractor(book.id);
    if (organisation === undefined) return [];
    const sell = deployments.flatMap(deployment => {
      const prices = contractPricesOf(configuration, organisation, deployment);
      return prices === undefined ? [] : [[deployment.handle, prices] as const];
    });
    return [{ organisation, sell: Object.fromEntries(sell) }];
  });
  return contracts.length === 0 ? {} : { contracts };
}

/** Absent where there is none, so that such a snapshot has the hash it always had. */
function limitEntries(configuration: Configuration): { readonly limits?: readonly LimitEntry[] } {
  const limits = compileLimits(configuration);
  return limits.length === 0 ? {} : { limits };
}

function zonesEntry(zones: readonly string[] | null): readonly string[] | null {
  return intersect(zones ?? undefined, undefined) ?? null;
}

function need<Value>(value: Value | undefined, name: string): Value {
  if (value === undefined) throw new Error(`stored configuration: ${name} is named but not there`);
  return value;
}

/** A setting that is not said is absent, so that a snapshot without it is as one of an older version. */
function said<Name extends string, Value>(name: Name, value: Value | undefined): { readonly [Said in Name]?: Value } {
  // The cast is true: a computed key is of the type of its name.
  return value === undefined ? {} : ({ [name]: value } as { readonly [Said in Name]: Value });
}
