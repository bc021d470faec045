import type { Change } from '../control/changes.ts';

/** Answers of the management API as commands show them. The server is of the same release; its OpenAPI document is the
 *  contract, and docs/reference/cli.md says which fields --json has. */
export interface ApplyAnswer {
  readonly revision: string;
  readonly applied: boolean;
  readonly changes: readonly Change[];
  readonly notices: readonly string[];
}

export interface KeyAnswer {
  readonly id: string;
  readonly name: string;
  readonly project: string;
  readonly state: string;
  readonly createdAt?: string | null;
  readonly expiresAt: string | null;
  readonly revoked: boolean;
  /** Absent in answers of older servers. */
  readonly sigv4?: boolean;
  /** Of secrets that were rotated away and are still good. */
  readonly previousUntil?: readonly string[];
  readonly document?: Readonly<Record<string, unknown>>;
}

export interface AuditAnswer {
  readonly id: string;
  readonly at: string;
  readonly actor: string;
  readonly organisation: string | null;
  readonly action: string;
  readonly target: string;
  readonly outcome: 'done' | 'asked' | 'refused';
  readonly before: unknown;
  readonly after: unknown;
  readonly requestId: string | null;
  readonly address: string | null;
}

export interface ModelAnswer {
  readonly id: string;
  readonly deployments: readonly string[];
  readonly priced: boolean;
}

export interface MoneyAnswer {
  readonly amount: string;
  readonly currency: string;
}

export interface UsageAnswer {
  readonly by: string;
  readonly from: string;
  readonly to: string;
  /** What was asked for, where whole hours are more. */
  readonly asked?: { readonly from: string; readonly to: string };
  readonly rows: readonly UsageRowAnswer[];
}

export interface UsageRowAnswer {
  readonly by: string;
  readonly name?: string;
  readonly requests: number;
  readonly inputUncached: number;
  readonly cacheRead: number;
  readonly cacheWrite5m: number;
  readonly cacheWrite1h: number;
  readonly inputAudio: number;
  readonly inputImage: number;
  readonly output: number;
  readonly reasoning: number;
  readonly outputAudio: number;
  readonly sell: MoneyAnswer | null;
  readonly buy: MoneyAnswer | null;
}

export interface ExchangeSummaryAnswer {
  readonly id: string;
  readonly at: string;
  readonly principal: { readonly organisation: string; readonly project: string; readonly key: string };
  readonly requestedModel: string;
  readonly status: string;
  readonly outcome: string;
  readonly sell: MoneyAnswer | null;
}

export interface ExchangeAnswer extends ExchangeSummaryAnswer {
  readonly dialect: string;
  readonly servedModel: string | null;
  readonly sandbox: boolean;
  readonly durationMs: number;
  readonly reading: Readonly<Record<string, unknown>> | null;
  readonly trimmed: readonly string[];
  readonly queuedMs?: number | null;
  readonly losses: readonly { readonly action: string; readonly code: string; readonly path: string }[];
  readonly attempts: readonly {
    readonly attempt: number;
    readonly deployment: string;
    readonly targetModel: string;
    readonly servedModel: string | null;
    readonly outcome: string;
    readonly durationMs: number;
    readonly buy: MoneyAnswer | null;
    readonly providerCost?: MoneyAnswer | null;
  }[];
  /** As they were booked, those that take others back included. */
  readonly transfers: readonly {
    readonly debit: string;
    readonly credit: string;
    readonly amount: string;
    readonly currency: string;
  }[];
  readonly corrections: readonly CorrectionAnswer[];
}

export interface CorrectionAnswer {
  readonly number: number;
  readonly at: string;
  readonly kind: string;
  readonly run: string;
  readonly reason: string;
  readonly charges: readonly {
    readonly book: string;
    readonly attempt: number;
    readonly before: MoneyAnswer | null;
    readonly after: MoneyAnswer;
  }[];
}

export interface Page<Item> {
  readonly items: readonly Item[];
  readonly next?: string;
}

export interface BudgetAnswer {
  readonly id: string;
  readonly scope: string;
  readonly subject: string;
  readonly limit: string;
  readonly currency: string;
  readonly period: string;
  readonly hard: boolean;
  readonly shadow: boolean;
  readonly model?: string;
  readonly provider?: string;
  readonly route?: string;
  /** Oldest first. */
  readonly windows: readonly {
    readonly window: string;
    readonly spent: string;
    readonly leased: string;
    /** Of a shadow. */
    readonly wouldHaveRefused?: number;
  }[];
}

export interface LimitAnswer {
  readonly id: string;
  readonly scope: string;
  readonly subject: string;
  readonly measure: string;
  readonly limit: number;
  readonly model?: string;
  readonly provider?: string;
  readonly route?: string;
  readonly shadow: boolean;
  readonly onExhausted?: string;
  /** Newest first. */
  readonly windows: readonly {
    readonly from: string;
    readonly to: string;
    readonly used: number;
    readonly setAside: number;
    readonly refused: number;
    readonly wouldHaveRefused: number;
  }[];
}

export interface AlertAnswer {
  readonly id: string;
  readonly at: string;
  readonly code: string;
  readonly message: string;
  readonly exchangeId: string | null;
}

export interface JobAnswer {
  readonly name: string;
  readonly purpose: string;
  readonly schedule: string;
  readonly state: string;
  readonly dueAt: string | null;
  readonly attempts: number;
  readonly progress: { readonly done: number; readonly total?: number; readonly note?: string } | null;
  readonly outcome: string | null;
  readonly result: Readonly<Record<string, unknown>> | null;
  readonly doneAt: string | null;
  readonly error: string | null;
}

type ReportCell = string | number | boolean | null;

export interface ReportAnswer {
  readonly report: string;
  readonly by: readonly string[];
  readonly grain: string;
  readonly from: string;
  readonly to: string;
  readonly asked?: { readonly from: string; readonly to: string };
  readonly comparedWith?: { readonly from: string; readonly to: string };
  readonly rows: readonly ReportRowAnswer[];
  readonly totals: readonly ReportRowAnswer[];
  readonly concentration: readonly {
    readonly of: string;
    readonly measure: string;
    readonly currency: string | null;
    readonly count: number;
    readonly hhiPpm: number;
    readonly top: { readonly value: string; readonly sharePpm: number };
  }[];
  readonly next?: string;
}

export type ReportRowAnswer = Readonly<Record<string, ReportCell | Readonly<Record<string, ReportCell>>>>;

export interface UsageEventResultAnswer {
  readonly source: string;
  readonly id: string;
  readonly ref: string;
  readonly outcome: string;
  readonly reason?: string;
}

export interface UsageEventAnswer {
  readonly ref: string;
  readonly at: string;
  readonly organisation: string;
  readonly product: string;
  readonly meter: string;
  readonly quantity: string;
  readonly state: string;
  readonly reason: string | null;
  readonly sell: MoneyAnswer | null;
  readonly buy: MoneyAnswer | null;
}
