import type { MediaFetcher } from '../media/media-fetcher.ts';
import type { Draw } from '../routing/decision.ts';
import type { Cooldowns } from './cooldowns.ts';
import type { Deadlines } from './deadlines.ts';
import type { GatewayPorts } from './ports.ts';
import type { GatewaySettings } from './settings.ts';
import type { Upstreams } from './upstream.ts';

/** What every walk shares in one worker. */
export interface GatewayState {
  readonly ports: GatewayPorts;
  readonly settings: GatewaySettings;
  readonly deadlines: Deadlines;
  readonly upstreams: Upstreams;
  readonly media: MediaFetcher;
  readonly cooldowns: Cooldowns;
  readonly draw: Draw;
  /** Exchanges whose walk has begun and not ended. */
  openExchanges: number;
  /** The time to drain is over: what is still open is cut, by us. */
  isCutting: boolean;
}
