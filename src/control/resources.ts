import type { WrittenGrant } from '../access/grants.ts';
import type { DialectName } from '../completion/request.ts';
import type { VersionContent } from '../pricing/price-row.ts';
import type { Capability, PolicyName } from '../routing/decision.ts';
import type { LimitMeasure } from '../snapshot/limits.ts';
import type { RoutePolicy } from '../snapshot/snapshot.ts';

/** The stored configuration: resources by kind and id. Documents are plain JSON and hold no secret in the clear. */
export type Resource =
  | OrganisationResource
  | ProjectResource
  | KeyResource
  | ProviderResource
  | DeploymentResource
  | RouteResource
  | BookResource
  | PoliciesResource
  | AccessResource
  | RuleResource;

export type ResourceKind = Resource['kind'];
export type ResourceOf<Kind extends ResourceKind> = Extract<Resource, { kind: Kind }>;

export interface Budget {
  /** Decimal string in the currency of the sell book. */
  readonly limit: string;
  readonly period: 'day' | 'week' | 'month' | 'total';
  readonly hard: boolean;
  /** Ascending parts of the limit. */
  readonly warnAt: readonly string[];
  /** Patterns: only what such a model or provider account answers, or what names such a route. Absent: everything. */
  readonly model?: string;
  readonly provider?: string;
  readonly route?: string;
  /** Absent: no. */
  readonly shadow?: boolean;
  readonly onExhausted?: { readonly route: string };
}

/** What is not said is absent. */
export type Limits = LimitNumbers & { readonly of?: readonly NarrowedLimits[] };

type LimitNumbers = { readonly [Measure in LimitMeasure]?: number } & {
  readonly shadow?: boolean;
  readonly onExhausted?: { readonly route: string };
};

/** Of requests that may go to such a model or provider account, or that name such a route: patterns. */
export type NarrowedLimits = LimitNumbers & {
  readonly model?: string;
  readonly provider?: string;
  readonly route?: string;
};

export interface OrganisationResource {
  readonly kind: 'organisation';
  /** The name. */
  readonly id: string;
  readonly budget: Budget | null;
  /** Beside it; absent: none. */
  readonly budgets?: readonly Budget[] | undefined;
  /** Names of tags that requests bring and usage is told apart by. Absent: none. */
  readonly usageTags?: readonly string[] | undefined;
  /** Absent: postpaid, without a limit. */
  readonly terms?: Terms;
  /** Absent, as everywhere: none. */
  readonly limits?: Limits | undefined;
  /** Decimal string in the currency of the sell book. Absent: nobody is warned. */
  readonly lowBalance?: string;
}

/** Under these, requests stop where the money does: what grants have, and the line. */
export interface Terms {
  readonly type: 'prepaid' | 'postpaid';
  /** What may be owed: decimal string in the currency of the sell book. */
  readonly line: string;
}

export interface ProjectResource {
  readonly kind: 'project';
  /** `organisation/name` */
  readonly id: string;
  readonly allow: readonly string[];
  readonly zones: readonly string[] | null;
  /** Absent: no. */
  readonly mediaFetch?: boolean | undefined;
  readonly budget: Budget | null;
  /** Beside it; absent: none. */
  readonly budgets?: readonly Budget[] | undefined;
  readonly limits?: Limits | undefined;
}

export interface KeyResource {
  readonly kind: 'key';
  /** Eight characters, minted when the key was; part of the secret unless that was imported. */
  readonly id: string;
  readonly name: string;
  readonly project: string;
  readonly digest: string;
  /** The secret itself, sealed: of keys that sign with SigV4, since a signature is verified with it. Absent: it cannot sign. */
  readonly secretSealed?: string | undefined;
  /** Where an imported secret came from. */
  readonly reference: string | null;
  readonly expiresAt: string | null;
  readonly revoked: boolean;
  readonly allow: readonly string[] | null;
  readonly zones: readonly string[] | null;
  /** null, or absent in what was stored before there were any: all. */
  readonly policies?: readonly PolicyName[] | null;
  readonly lowerOutputToFit: boolean;
  /** Absent: as the project. */
  readonly mediaFetch?: boolean | undefined;
  /** Networks that it may be used from, each with its prefix. Absent: anywhere. */
  readonly addresses?: readonly string[] | undefined;
  /** Web origins that it may be used from. Absent: any, and programs that are no browser. */
  readonly origins?: readonly string[] | undefined;
  readonly tags?: Readonly<Record<string, string>> | undefined;
  readonly budget: Budget | null;
  /** Beside it; absent: none. */
  readonly budgets?: readonly Budget[] | undefined;
  /** ISO 8601 instant; absent in what older releases stored. */
  readonly createdAt?: string | undefined;
  /** Secrets that it had before, the newest first; each is good until its instant. Absent: it never was rotated. */
  readonly previous?: readonly PreviousSecret[] | undefined;
  readonly limits?: Limits | undefined;
}

export interface PreviousSecret {
  readonly digest: string;
  /** As of the key; absent once its time was over when the key was rotated again. */
  readonly secretSealed?: string | undefined;
  /** ISO 8601 instant, exclusive. */
  readonly until: string;
}

/** declared: by a file or the management API. environment: by zero configuration, which keeps it up to date. */
export type Origin = 'declared' | 'environment';

export interface ProviderResource {
  readonly kind: 'provider';
  readonly id: string;
  /** Of providers/. */
  readonly providerKind: string;
  readonly dialects: readonly DialectName[];
  /** `sandbox:` stands for the emulator of this replica. */
  readonly baseUrl: string;
  readonly reference: string | null;
  /** The credential under the master key, and what tells whether it changed. */
  readonly sealed: string | null;
  readonly fingerprint: string | null;
  readonly limits?: Limits | undefined;
  readonly origin: Origin;
}

export interface DeploymentResource {
  readonly kind: 'deployment';
  readonly id: string;
  readonly handle: string;
  readonly provider: string;
  readonly model: string;
  readonly targetModel: string;
  readonly processing: string;
  readonly concurrencyMax: number | null;
  /** Absent: the default. */
  readonly inflowPercent?: number | undefined;
  readonly outputTokensMax: number;
  /** null, or absent: nobody says. */
  readonly capabilities?: readonly Capability[] | null;
  readonly contextTokensMax?: number | null;
  readonly mediaTokensMax: number;
  /** Absent: the default. Documents of older versions have none of the four. */
  readonly documentPagesMax?: number | undefined;
  readonly documentTokensPerPage?: number | undefined;
  readonly audioTokensPerSecond?: number | undefined;
  readonly toolCallsMax?: number | undefined;
  /** But for `concurrencyMax`. */
  readonly limits?: Limits | undefined;
  readonly toolTokensPerCall?: number | undefined;
  readonly origin: Origin;
}

export interface RouteResource {
  readonly kind: 'route';
  readonly id: string;
  /** Sorted by deployment. */
  readonly candidates: readonly { readonly deployment: string; readonly weight: number; readonly priority: number }[];
  readonly policy: RoutePolicy;
  readonly limits?: Limits | undefined;
  readonly origin: Origin;
}

/** Which price versions a book uses, and from when. */
export interface BookResource {
  readonly kind: 'book';
  readonly id: BookId;
  /** Of the first entry; all that documents of older releases say. */
  readonly version: string;
  /** What is in force, then what is scheduled, in order. Absent: `version` for ever. */
  readonly entries?: readonly BookEntry[];
  /** The book that what is not said here follows, and the factor on its rates. */
  readonly base?: { readonly book: 'buy' | 'sell'; readonly multiplier: string };
}

export interface BookEntry {
  /** ISO 8601 instant; null is ever. */
  readonly from: string | null;
  /** In force as soon as it was published, not at an instant that somebody named. */
  readonly atOnce: boolean;
  readonly version: string;
  /** Targets that were said for this very instant; the others are as they were before. */
  readonly set: readonly string[];
}

export type BookName = 'sell' | 'buy';
/** List prices, or what an organisation agreed on. */
export type BookId = BookName | `contract:${string}`;

export function contractOf(organisation: string): BookId {
  return `contract:${organisation}`;
}

/** The organisation whose contract a book is; undefined for list prices. */
export function contractor(book: string): string | undefined {
  return book.startsWith('contract:') ? book.slice('contract:'.length) : undefined;
}

export function entriesOf(book: BookResource): readonly BookEntry[] {
  return book.entries ?? [{ from: null, atOnce: true, version: book.version, set: [] }];
}

export interface PoliciesResource {
  readonly kind: 'policies';
  readonly id: 'policies';
  readonly orphans: 'delivered' | 'free';
  /** Of all customers together. Absent: none. */
  readonly budgets?: readonly Budget[] | undefined;
}

/** How people log in. */
export interface AccessResource {
  readonly kind: 'access';
  readonly id: 'access';
  readonly passwords: boolean;
  readonly publicUrl: string | null;
  readonly sessions: { readonly idleMinutes: number; readonly absoluteHours: number };
  readonly oidc: {
    readonly issuer: string;
    readonly clientId: string;
    readonly scopes: readonly string[];
    readonly groupsClaim: string;
    readonly trustEmail: boolean;
    readonly groups: readonly ({ readonly group: string } & WrittenGrant)[];
  } | null;
  /** Where the client's secret came from, itself under the master key, and what tells whether it changed. */
  readonly reference: string | null;
  readonly sealed: string | null;
  readonly fingerprint: string | null;
}

/** What zero configuration does while nobody says otherwise. A rule that ended stays, so that it does not begin again. */
export interface RuleResource {
  readonly kind: 'rule';
  readonly id: 'publish-facts-when-unconfigured' | 'providers-from-environment';
  readonly state: 'active' | 'ended';
  /** The price version in force by the first rule; null when there is none. */
  readonly version: string | null;
}

/** Immutable once published. */
export interface PriceVersion extends VersionContent {
  readonly id: string;
  /** `declared`, or the rule that published it. */
  readonly origin: string;
}

export interface Configuration {
  /** 0 before the first change. */
  readonly revision: bigint;
  /** By `kind:id`. */
  readonly resources: ReadonlyMap<string, Resource>;
  /** Every version that a book or a rule names. */
  readonly versions: ReadonlyMap<string, PriceVersion>;
}

export const emptyConfiguration: Configuration = { revision: 0n, resources: new Map(), versions: new Map() };

export function resourceKey(resource: Pick<Resource, 'kind' | 'id'>): string {
  return `${resource.kind}:${resource.id}`;
}

/** All of one kind, sorted by id. */
export function resourcesOf<Kind extends ResourceKind>(
  configuration: Pick<Configuration, 'resources'>,
  kind: Kind,
): ResourceOf<Kind>[] {
  const found: ResourceOf<Kind>[] = [];
  for (const resource of configuration.resources.values()) {
    if (isOfKind(resource, kind)) found.push(resource);
  }
  return found.sort((left, right) => (left.id < right.id ? -1 : 1));
}

export function resourceOf<Kind extends ResourceKind>(
  configuration: Pick<Configuration, 'resources'>,
  kind: Kind,
  id: string,
): ResourceOf<Kind> | undefined {
  const found = configuration.resources.get(`${kind}:${id}`);
  return found !== undefined && isOfKind(found, kind) ? found : undefined;
}

/** `organisation/project/name`, as a person names a key. */
export function keyName(key: KeyResource): string {
  return `${key.project}/${key.name}`;
}

export function organisationOf(project: string): string {
  return project.slice(0, project.indexOf('/'));
}

export function projectName(project: string): string {
  return project.slice(project.indexOf('/') + 1);
}

function isOfKind<Kind extends ResourceKind>(resource: Resource, kind: Kind): resource is ResourceOf<Kind> {
  return resource.kind === kind;
}
