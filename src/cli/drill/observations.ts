import type { ProviderName } from './plan.ts';

/** One request as its client saw it. */
export interface AskedOnce {
  /** Since the load began. */
  readonly atMs: number;
  /** Of the whole answer. */
  readonly durationMs: number;
  /** undefined: answered whole. */
  readonly failure: string | undefined;
  /** Who answered; undefined when nobody did. */
  readonly deployment: string | undefined;
  readonly attempts: number;
}

/** What was seen of the providers at one moment. */
export interface Glimpse {
  readonly atMs: number;
  /** Requests that arrived at each until then. */
  readonly arrived: Readonly<Record<ProviderName, number>>;
  /** As `carrier health` names it. */
  readonly states: Readonly<Record<ProviderName, string>>;
}

/** What the ledger says when all is over. */
export interface Accounts {
  readonly exchanges: number;
  /** Exchanges that have not ended. */
  readonly open: number;
  /** Attempts that failed over beyond the share that a deployment keeps for them. */
  readonly beyondShare: number;
}

/** Everything that a drill saw. */
export interface Observed {
  readonly startedAt: string;
  readonly asked: readonly AskedOnce[];
  /** Requests that the client did not send because too many were open. */
  readonly unsent: number;
  readonly glimpses: readonly Glimpse[];
  readonly accounts: Accounts;
}
