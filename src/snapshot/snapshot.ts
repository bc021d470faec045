import type { DialectName } from '../completion/request.ts';
import type { RateTimelineJson } from '../pricing/timeline.ts';
import type { Capability, PolicyName } from '../routing/decision.ts';
import type { RetryBudgetSettings } from '../routing/health/budgets.ts';
import type { QueueClass } from '../routing/queue/waiting-line.ts';
import type { LimitEntry } from './limits.ts';

/** The compiled, immutable, content-hashed configuration, as JSON: made by control/, kept on disk by the supervisor,
 *  read by every worker. It is complete: a worker needs nothing else to serve. It holds no secret in the clear. */
export interface SnapshotJson {
  readonly format: 1;
  /** SHA-256, hex, of the canonical JSON of everything but `hash` and `compiledAt`. */
  readonly hash: string;
  /** The store's configuration revision that was compiled; grows with every change. */
  readonly revision: string;
  /** ISO 8601 instant. */
  readonly compiledAt: string;
  readonly organisations: readonly OrganisationEntry[];
  readonly projects: readonly ProjectEntry[];
  readonly keys: readonly KeyEntry[];
  readonly budgets: readonly BudgetEntry[];
  /** Of organisations whose spending stops where their money does; absent in snapshots of releases without wallets. */
  readonly wallets?: readonly WalletEntry[];
  readonly providers: readonly ProviderEntry[];
  readonly deployments: readonly DeploymentEntry[];
  readonly routes: readonly RouteEntry[];
  /** Absent when no organisation has prices of its own. */
  readonly contracts?: readonly ContractEntry[];
  /** Absent when nothing is limited. */
  readonly limits?: readonly LimitEntry[];
  readonly settings: SnapshotSettings;
}

/** Sell prices that an organisation agreed on: they win over those of the deployment. */
export interface ContractEntry {
  readonly organisation: string;
  /** By handle; null: what was agreed on is no complete price, and the organisation cannot call the deployment. */
  readonly sell: Readonly<Record<string, RateTimelineJson | null>>;
}

export interface SnapshotSettings {
  /** What a customer pays for an attempt that never ended because a process died. Default `delivered`. */
  readonly orphans: 'delivered' | 'free';
}

export interface OrganisationEntry {
  readonly id: string;
  readonly name: string;
  /** Names of tags that requests bring and usage is told apart by. Absent: none. */
  readonly usageTags?: readonly string[];
}

export interface ProjectEntry {
  readonly id: string;
  readonly name: string;
  readonly organisation: string;
  /** Patterns over route names and `vendor/name`; `*` within a segment, `**` all. */
  readonly allow: readonly string[];
  /** Zones the project's prompts may be processed in; null is anywhere. */
  readonly zones: readonly string[] | null;
  /** Absent: no. */
  readonly mediaFetch?: boolean;
}

export interface KeyEntry {
  /** The eight characters that are always shown, or a short id for imported secrets. */
  readonly id: string;
  readonly name: string;
  readonly project: string;
  /** HMAC-SHA-256, hex, of the secret under the key derived from the master key. */
  readonly digest: string;
  /** The secret, sealed (control/seal.ts): of keys that sign with SigV4. Absent: it cannot sign. */
  readonly secretSealed?: string;
  /** ISO 8601 instant, exclusive; null is never. */
  readonly expiresAt: string | null;
  readonly revoked: boolean;
  /** null: as the project. */
  readonly allow: readonly string[] | null;
  readonly zones: readonly string[] | null;
  /** When a hold does not fit a hard budget: may the output limit be lowered (declared) instead of refusing? */
  /** Policies that a request may ask for; null: all. */
  readonly policies: readonly PolicyName[] | null;
  readonly lowerOutputToFit: boolean;
  /** May media that it names by their address be fetched for providers that need bytes? Absent: as the project. */
  readonly mediaFetch?: boolean;
  /** Networks with their prefixes; absent: from anywhere. */
  readonly addresses?: readonly string[];
  /** Absent: from any web origin, and from programs that have none. */
  readonly origins?: readonly string[];
  readonly tags?: Readonly<Record<string, string>>;
  /** Secrets that it had before: HMACs as `digest`, each good until an ISO 8601 instant. */
  readonly previous?: readonly { readonly digest: string; readonly until: string; readonly secretSealed?: string }[];
}

export interface BudgetEntry {
  readonly id: string;
  readonly scope: 'key' | 'project' | 'organisation' | 'installation';
  /** Id of the key, project or organisation; `*` of the installation, whose budgets bind everybody together. */
  readonly subject: string;
  /** Decimal integer string of atto-currency. */
  readonly limitAtto: string;
  readonly currency: string;
  /** UTC calendar periods; weeks start on Monday. */
  readonly period: 'day' | 'week' | 'month' | 'total';
  readonly hard: boolean;
  /** Parts per million of the limit at which to warn. */
  readonly warnAtPpm: readonly number[];
  /** Patterns: only what such a model or provider account answers, or what names such a route. */
  readonly model?: string;
  readonly provider?: string;
  readonly route?: string;
  /** Of a hard one: refuses nothing. Absent: no. */
  readonly shadow?: boolean;
  /** The route that a request takes instead of being refused. */
  readonly onExhausted?: string;
}

/** What its holds need to know of a wallet; how much is left only the ledger knows. */
export interface WalletEntry {
  readonly organisation: string;
  readonly currency: string;
  /** What may be charged beyond all grants: decimal integer string of atto-currency. */
  readonly lineAtto: string;
  /** That, and what its open grants were made for; another one whenever those are others. */
  readonly limitAtto: string;
  /** ISO 8601 instants, ascending, at which a grant begins or expires. */
  readonly boundaries: readonly string[];
  /** Of grants that pay for some deployments only. Patterns over `vendor/name` and over names of provider accounts; null
   *  is any. */
  readonly scopes: readonly {
    readonly id: string;
    readonly models: readonly string[] | null;
    readonly providers: readonly string[] | null;
  }[];
}

export interface ProviderEntry {
  /** Name of the account in the configuration. */
  readonly name: string;
  /** Name of the provider kind in providers/, such as `openai`; decides credential header and quirks. */
  readonly kind: string;
  /** In order of the provider's preference; the client's own is chosen when it is among them. */
  readonly dialects: readonly DialectName[];
  /** `https://…`, `http://…`, or `unix:<socket path>` for the emulator. */
  readonly baseUrl: string;
  /** Credential sealed under the master key (governance of secrets: control/seal.ts); null for none. */
  readonly credential: string | null;
  readonly sandbox: boolean;
}

export interface DeploymentEntry {
  /** The name in the configuration. */
  readonly id: string;
  /** Random, opaque, minted at creation, survives renames. The only name routing sees. */
  readonly handle: string;
  /** `vendor/name` */
  readonly model: string;
  readonly targetModel: string;
  readonly provider: string;
  readonly zones: { readonly processing: string };
  /** At most so many attempts at once in this replica; null is unbounded. */
  readonly concurrencyMax: number | null;
  /** Of it, in percent, for requests that another deployment failed. Absent: `inflowPercentDefault` of routing. */
  readonly inflowPercent?: number;
  readonly outputTokensMax: number;
  /** Tokens that one image may cost at most, for holds; metering/media-bounds.ts has the formula. */
  readonly mediaTokensMax: number;
  /** null: nobody says, and then everything is tried. */
  readonly capabilities: readonly Capability[] | null;
  /** null: nobody says. */
  readonly contextTokensMax: number | null;
  /** Absent: the default of metering/media-bounds.ts, as for the two below. */
  readonly documentPagesMax?: number;
  readonly documentTokensPerPage?: number;
  readonly audioTokensPerSecond?: number;
  /** Absent: the defaults of metering/tool-bounds.ts. */
  readonly toolCallsMax?: number;
  readonly toolTokensPerCall?: number;
  /** null: no complete price; such a deployment is excluded as PRICE_UNKNOWN. */
  readonly sell: RateTimelineJson | null;
  readonly buy: RateTimelineJson | null;
}

export interface RouteEntry {
  readonly name: string;
  readonly candidates: readonly CandidateEntry[];
  readonly policy: RoutePolicy;
}

export interface CandidateEntry {
  /** Handle of the deployment. */
  readonly handle: string;
  readonly weight: number;
  /** Lower first. */
  readonly priority: number;
}

export interface RoutePolicy {
  /** How candidates are put in order. Default `priority`. */
  readonly policy: PolicyName;
  /** The most that a request may be expected to cost its customer at a candidate: decimal string in the currency of the
   *  sell book, at most nine decimals. Absent: whatever it costs. */
  readonly costMax?: string;
  /** Further attempts after the first. Default 2. */
  readonly retries: number;
  readonly connectTimeoutMs: number;
  readonly firstByteTimeoutMs: number;
  readonly idleTimeoutMs: number;
  readonly totalTimeoutMs: number;
  /** On a client abort: cancel the upstream at once, or drain it within the idle deadline and 60 s. */
  readonly abort: 'cancel' | 'drain';
  /** Whose turn comes first where requests wait for room. Absent: `queueClassDefault`. */
  readonly class?: QueueClass;
  /** Longest wait for room, 0 for none. Absent: `queueMsDefault`. */
  readonly queueMs?: number;
  /** Absent: `retryBudgetDefaults` of routing. */
  readonly retryBudget?: RetryBudgetSettings;
  /** Absent: no request is sent twice at once. */
  readonly hedge?: HedgePolicy;
  /** What follows when an answer breaks off after its first content, for requests that do not say. Absent: the error. */
  readonly onFailure?: 'restart' | 'continue';
  /** How much of a stream's first content is held back, so that a failure inside is not seen. Absent: nothing. */
  readonly holdBack?: HoldBack;
}

/** Whichever is reached first. */
export interface HoldBack {
  /** By estimate, four bytes each. */
  readonly tokens: number;
  readonly ms: number;
}

export const queueClassDefault: QueueClass = 'standard';
export const queueMsDefault = 1_000;

/** When a second deployment is asked although the first one has not failed. One of `afterMs` and `percentile` is said. */
export interface HedgePolicy {
  /** So long without a byte of the answer. */
  readonly afterMs?: number;
  /** So long as that many in a hundred answers of the first deployment to requests of this size take to begin. */
  readonly percentile?: number;
  /** Most requests in a hundred that are sent twice. */
  readonly percent: number;
}

export const hedgePercentDefault = 2;

export const routePolicyDefault: RoutePolicy = {
  policy: 'priority',
  retries: 2,
  connectTimeoutMs: 5_000,
  firstByteTimeoutMs: 120_000,
  idleTimeoutMs: 120_000,
  totalTimeoutMs: 1_800_000,
  abort: 'cancel',
};
