import type { WalletDesk } from '../billing/wallet-desk.ts';
import type { Control } from '../control/control.ts';
import type { Sealer } from '../control/seal.ts';
import type { SecretDesk } from '../control/secret-desk.ts';
import type { JobView } from '../jobs/queries.ts';
import type { UsageDimension } from '../ledger/queries.ts';
import type { Within } from '../ledger/within.ts';
import type { Store } from '../store/connect.ts';
import type { WebhookContext } from '../webhooks/context.ts';

/** What the management API is made of. */
export interface AdminDependencies {
  readonly adminKey: string;
  readonly control: Control;
  readonly store: Store;
  readonly sealer: Sealer;
  readonly secrets: SecretDesk;
  readonly webhooks: WebhookContext;
  readonly queries: LedgerQueries;
  readonly jobs: JobDesk;
  readonly wallets: WalletDesk;
  /** What the supervisor knows of itself: plain JSON, shown under GET /api/v1/status. */
  readonly status: () => Readonly<Record<string, unknown>>;
  /** Of the deployments, as this replica knows it; sorted by id. Needs no database. */
  readonly health: () => readonly DeploymentHealthView[];
  /** This replica's: health is learnt by each on its own. */
  readonly replica: string;
  /** Of this software. */
  readonly release: string;
  readonly nowMs: () => number;
  /** An error that has no name; its text goes to the log, not to the caller. */
  readonly unexpected: (error: unknown) => void;
}

export const deploymentStates = [
  'idle',
  'well',
  'recovering',
  'saturated',
  'probing',
  'cooling',
  'open',
  'misconfigured',
] as const;

/** One deployment's health, in the units of people. */
export interface DeploymentHealthView {
  readonly id: string;
  readonly provider: string;
  readonly model: string;
  readonly state: (typeof deploymentStates)[number];
  readonly breaker: {
    readonly state: 'closed' | 'half-open' | 'open' | 'misconfigured';
    readonly scope: 'deployment' | 'account' | 'model' | 'provider' | 'domain' | null;
    readonly name: string | null;
    readonly until: string | null;
  };
  readonly coolingUntil: string | null;
  readonly errorRate: number | null;
  readonly latency: {
    readonly firstTokenMs: number;
    readonly perInputTokenMs: number;
    readonly perOutputTokenMs: number;
    readonly uncertainty: number;
  } | null;
  readonly concurrency: { readonly inFlight: number; readonly max: number; readonly configured: boolean };
  readonly share: number;
  readonly triedAt: string | null;
}

/** jobs/queries.ts, bound to the store. */
export interface JobDesk {
  list(): Promise<readonly JobView[]>;
  /** Makes it due now; undefined when nothing has this name. */
  runNow(name: string): Promise<JobView | undefined>;
}

/** ledger/queries.ts, bound to the store. */
export interface LedgerQueries {
  findExchange(id: string): Promise<ExchangeAnswer | undefined>;
  /** Throws RangeError for a cursor that it did not make. */
  listExchanges(
    filter: ExchangeListFilter,
    page: { readonly limit: number; readonly after?: string },
  ): Promise<{ readonly exchanges: readonly ExchangeAnswer[]; readonly next: string | undefined }>;
  readUsage(query: UsageQuery): Promise<readonly UsageAnswerRow[]>;
}

/** An exchange as the ledger shows it; what is in it beyond the principal is passed on as it is. */
export interface ExchangeAnswer {
  readonly id: string;
  readonly principal: { readonly organisation: string; readonly project: string; readonly key: string };
}

export type ExchangeState = 'settled' | 'estimated' | 'void' | 'quarantined';

export interface ExchangeListFilter {
  readonly within?: Within;
  readonly organisation?: string;
  readonly project?: string;
  readonly key?: string;
  readonly status?: ExchangeState;
  readonly outcome?: string;
  readonly requestedModel?: string;
  readonly from?: Date;
  readonly to?: Date;
}

export interface UsageQuery {
  readonly within?: Within;
  readonly by: UsageDimension;
  readonly from: Date;
  readonly to: Date;
  readonly organisation?: string;
  readonly project?: string;
  readonly key?: string;
}

export interface UsageAnswerRow {
  /** The value of the dimension. */
  readonly by: string;
  readonly requests: number;
}
