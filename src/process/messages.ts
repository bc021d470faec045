import type { DataPlaneLimits } from '../gateway/settings.ts';

export type { DataPlaneLimits };

/** What supervisor and workers say to each other over the IPC channel. Small, JSON, versioned by the release:
 *  both sides are always of the same one. Amounts are decimal integer strings of atto-currency. */
export type ToWorker =
  /** The first message. */
  | { readonly type: 'start'; readonly settings: WorkerSettings }
  /** A new snapshot is on disk; answer with snapshot-applied once requests use it. */
  | { readonly type: 'snapshot'; readonly path: string; readonly hash: string }
  | {
      readonly type: 'grant';
      readonly request: number;
      readonly grant: Grant | undefined;
      readonly refusal: 'exhausted' | 'unverifiable' | undefined;
    }
  /** Give back what you hold unused of this budget; answer with return. */
  | { readonly type: 'recall'; readonly budget: string; readonly window: string }
  | { readonly type: 'permits'; readonly request: number; readonly handle: string; readonly granted: number }
  | { readonly type: 'recall-permits'; readonly handle: string }
  | { readonly type: 'metrics-request'; readonly request: number }
  /** Stop accepting, finish what runs, then exit 0. */
  | { readonly type: 'drain' };

export type ToSupervisor =
  | { readonly type: 'ready'; readonly port: number }
  | { readonly type: 'snapshot-applied'; readonly hash: string }
  | {
      readonly type: 'lease-request';
      readonly request: number;
      readonly budget: string;
      readonly window: string;
      readonly needAtto: string;
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
  | { readonly type: 'metrics'; readonly request: number; readonly metrics: unknown }
  /** The journal grew; the shipper may look now instead of at its next tick. */
  | { readonly type: 'journaled' }
  | { readonly type: 'fatal'; readonly message: string };

export interface Grant {
  readonly lease: string;
  readonly amountAtto: string;
}

/** Everything a worker needs to start. The master key comes here too: never on a command line or in its environment. */
export interface WorkerSettings {
  readonly worker: number;
  readonly host: string;
  readonly port: number;
  readonly tls: { readonly certificatePath: string; readonly keyPath: string } | undefined;
  readonly journalDirectory: string;
  readonly fsync: 'always' | 'interval' | 'never';
  readonly fsyncIntervalMs: number;
  readonly journalBytesMax: number;
  readonly snapshotPath: string;
  readonly masterKey: string;
  /** Unix socket of the supervisor's admin server, to which /api, /console and /metrics are passed. */
  readonly adminSocket: string;
  readonly proxy: { readonly httpsProxy: string | undefined; readonly noProxy: string | undefined };
  readonly limits: DataPlaneLimits;
  readonly log: { readonly level: string; readonly format: 'json' | 'pretty' };
}
