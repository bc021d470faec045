import type { MediaFetcher } from '../media/media-fetcher.ts';
import type { TrustedProxies } from './client-address.ts';
import type { Deadlines } from './deadlines.ts';
import type { DeploymentGate } from './deployment-gate.ts';
import type { ExpectedOutput } from './expected-output.ts';
import type { GatewayPorts } from './ports.ts';
import type { GatewaySettings } from './settings.ts';
import type { SigningKeys } from './sigv4/signing-keys.ts';
import type { Upstreams } from './upstream.ts';
import type { WalkBudgets } from './walk-budgets.ts';
import type { WarmPrefixes } from './warm-prefixes.ts';

/** What every walk shares in one worker. */
export interface GatewayState {
  readonly ports: GatewayPorts;
  readonly settings: GatewaySettings;
  readonly deadlines: Deadlines;
  readonly upstreams: Upstreams;
  readonly media: MediaFetcher;
  /** Whose word about where a request comes from is taken. */
  readonly trustedProxies: TrustedProxies;
  /** What earlier exchanges tell about the cost of the next. */
  readonly learnt: Learnt;
  /** Who may go to a deployment now, and who waits. */
  readonly gate: DeploymentGate;
  readonly budgets: WalkBudgets;
  readonly signingKeys: SigningKeys;
  /** Exchanges whose walk has begun and not ended. */
  openExchanges: number;
  /** The time to drain is over: what is still open is cut, by us. */
  isCutting: boolean;
}

export interface Learnt {
  readonly output: ExpectedOutput;
  readonly warm: WarmPrefixes;
}
