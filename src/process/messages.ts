import type { OpenKeys } from '../control/seal.ts';
import type { DataPlaneLimits } from '../gateway/settings.ts';
import type { AnswerSums, AttemptFailure, HealthEntry } from '../routing/health/health-book.ts';

export type { DataPlaneLimits };

/** What supervisor and workers say to each other over the IPC channel. Small, JSON, versioned by the release:
 *  both sides are always of the same one. Amounts are decimal integer strings of atto-currency. */
export type ToWorker =
  /** The first message. */
  | { readonly type: 'start'; readonly settings: WorkerSettings }
  /** Other keys open and seal from now on; always before a snapshot that needs them. */
  | { readonly type: 'keys'; readonly keys: OpenKeys }
  /** A new snapshot is on disk; answer with snapshot-applied once requests use it. */
  | { readonly type: 'snapshot'; readonly path: string; readonly hash: string }
  | {
      readonly type: 'grant';
      readonly request: number;
      readonly grant: Grant | undefined;
      readonly refusal: 'exhausted' | 'unverifiable' | undefined;
      /** With `exhausted`, where it is known. */
      readonly standing?: GrantStanding | undefined;
    }
  /** Give back what you hold unused of this budget; answer with return. */
  | { readonly type: 'recall'; readonly budget: string; readonly window: string }
  /** Is the ledger known to answer? Then an allowance is worth a longer wait. */
  | { readonly type: 'ledger'; readonly answers: boolean }
  | { readonly type: 'permits'; readonly request: number; readonly handle: string; readonly granted: number }
  | { readonly type: 'recall-permits'; readonly handle: string }
  /** Answers a limit-request. `left`: what the replica and the database have beyond it. `short`: nobody had enough. */
  | {
      readonly type: 'limit-grant';
      readonly request: number;
      readonly granted: number;
      readonly left: number;
      readonly short: boolean;
    }
  /** Give back what you hold unused of this limit; answer with limit-return. */
  | { readonly type: 'limit-recall'; readonly limit: string; readonly window: number }
  /** All that is known of deployments' health, and attempts at once at the other workers. */
  | {
      readonly type: 'health';
      readonly entries: readonly HealthEntry[];
      readonly elsewhere: Readonly<Record<string, number>>;
    }
  /** A day's seeds; the next day's comes ahead of time. */
  | { readonly type: 'epochs'; readonly startsAtMs: number; readonly secret: string }
  /** What is still known of the calls asked about. */
  | {
      readonly type: 'reasoning-recalled';
      readonly request: number;
      readonly found: readonly (readonly [callId: string, envelopes: readonly string[]])[];
    }
  | { readonly type: 'metrics-request'; readonly request: number }
  /** Stop accepting, finish what runs, cut what is left after so long, then exit 0. Repeated with a shorter time when
   *  the operator is in a hurry. */
  | { readonly type: 'drain'; readonly withinMs: number };

export type ToSupervisor =
  | { readonly type: 'ready'; readonly port: number }
  | { readonly type: 'snapshot-applied'; readonly hash: string }
  | {
      readonly type: 'lease-request';
      readonly request: number;
      readonly budget: string;
      readonly window: string;
      /** Less is of no use; "0" when nobody waits. */
      readonly needAtto: string;
      /** What all that wait would take. */
      readonly dueAtto: string;
      /** With what is to be had for the requests to come. */
      readonly wantAtto: string;
    }
  /** Unused allowance given back. */
  | {
      readonly type: 'return';
      readonly budget: string;
      readonly window: string;
      readonly lease: string;
      readonly amountAtto: string;
    }
  | { readonly type: 'permit-request'; readonly request: number; readonly handle: string; readonly want: number }
  | { readonly type: 'return-permits'; readonly handle: string; readonly count: number }
  /** As in lease-request: less than `need` is of no use, `due` is what all that wait would take. */
  | {
      readonly type: 'limit-request';
      readonly request: number;
      readonly limit: string;
      readonly window: number;
      readonly need: number;
      readonly due: number;
      readonly want: number;
    }
  | { readonly type: 'limit-return'; readonly limit: string; readonly window: number; readonly amount: number }
  /** What was counted and refused since the last of these. */
  | { readonly type: 'limit-counts'; readonly counts: readonly LimitCount[] }
  /** What attempts showed of deployments; `inFlight` is this worker's own. */
  | {
      readonly type: 'outcomes';
      readonly answers: readonly AnswerSums[];
      readonly failures: readonly AttemptFailure[];
      readonly inFlight: Readonly<Record<string, number>>;
    }
  /** Envelopes of what a model thought before these calls. */
  | {
      readonly type: 'reasoning-remember';
      readonly organisation: string;
      readonly callIds: readonly string[];
      readonly envelopes: readonly string[];
    }
  | {
      readonly type: 'reasoning-recall';
      readonly request: number;
      readonly organisation: string;
      readonly callIds: readonly string[];
    }
  | { readonly type: 'metrics'; readonly request: number; readonly metrics: unknown }
  | { readonly type: 'fatal'; readonly message: string };

export interface LimitCount {
  readonly limit: string;
  readonly window: number;
  readonly used: number;
  readonly refused: number;
  /** By a shadow. */
  readonly wouldRefuse: number;
}

/** Where a budget stands in its window; atto-currency. */
export interface GrantStanding {
  readonly limitAtto: string;
  readonly spentAtto: string;
  readonly reservedAtto: string;
}

export interface Grant {
  readonly lease: string;
  readonly amountAtto: string;
}

/** Everything a worker needs to start. Keys come here too: never on a command line or in its environment. */
export interface WorkerSettings {
  /** Never used twice in one generation: a restarted worker has a new number, so what names the old one is settled once. */
  readonly worker: number;
  /** Of the supervisor's run; names the journal segments together with the worker. */
  readonly generation: number;
  readonly host: string;
  readonly port: number;
  readonly tls: { readonly certificatePath: string; readonly keyPath: string } | undefined;
  readonly journalDirectory: string;
  readonly fsync: 'always' | 'interval' | 'never';
  readonly fsyncIntervalMs: number;
  readonly journalBytesMax: number;
  readonly snapshotPath: string;
  readonly keys: OpenKeys;
  /** Unix socket of the supervisor's admin server, to which /api, /console and /metrics are passed; undefined when they
   *  have an address of their own (CARRIER_ADMIN_LISTEN) and are not to be reached here. */
  readonly adminSocket: string | undefined;
  readonly proxy: { readonly httpsProxy: string | undefined; readonly noProxy: string | undefined };
  readonly zone: string | undefined;
  readonly trustedProxies: readonly string[];
  readonly mediaFetch: { readonly allowAddresses: readonly string[] };
  readonly limits: DataPlaneLimits;
  /** Workers of this replica: each has its part of what they share without counting it out. */
  readonly sharers: number;
  readonly log: { readonly level: string; readonly format: 'json' | 'pretty' };
  /** Seeds of today, and of tomorrow when that is near. */
  readonly epochs: readonly { readonly startsAtMs: number; readonly secret: string }[];
}
