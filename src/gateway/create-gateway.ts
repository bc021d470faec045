import { AddressPolicy } from '../media/address-policy.ts';
import { MediaFetcher } from '../media/media-fetcher.ts';
import { resolveHost } from '../media/resolve-host.ts';
import { trustedProxiesOf } from './client-address.ts';
import { Deadlines } from './deadlines.ts';
import { DeploymentGate } from './deployment-gate.ts';
import { ExpectedOutput } from './expected-output.ts';
import type { GatewayState } from './gateway.ts';
import { Listener } from './listener.ts';
import type { GatewayPorts } from './ports.ts';
import type { GatewaySettings } from './settings.ts';
import { SigningKeys } from './sigv4/signing-keys.ts';
import { trustedContext } from './trusted-context.ts';
import { isExempt, Upstreams } from './upstream.ts';
import { WalkBudgets } from './walk-budgets.ts';
import { WarmPrefixes } from './warm-prefixes.ts';

/** The data plane of one worker. */
export interface Gateway {
  /** Accepts connections; resolves with the port once it does. */
  listen(): Promise<number>;
  /** Accepts no more, closes idle connections, and waits for open exchanges at most so long; then breaks what is left.
   *  `ports.draining()` should be true by then, so that requests on kept connections are refused. Called again it may
   *  shorten the wait. */
  drain(timeoutMs: number): Promise<void>;
  /** Exchanges whose walk has begun and not ended. */
  readonly openExchanges: number;
  /** Of these, how many wait for room at a deployment. */
  readonly waitingExchanges: number;
  /** Fetches of media that run, and bytes of fetched media in memory, as base64. */
  readonly fetchedMedia: { readonly running: number; readonly heldBytes: number };
}

export function createGateway(ports: GatewayPorts, settings: GatewaySettings): Gateway {
  const state: GatewayState = {
    ports,
    settings,
    deadlines: new Deadlines(ports.clock),
    upstreams: new Upstreams(settings.proxy, settings.limits.exchangesMax),
    media: mediaFetcherOf(settings),
    gate: new DeploymentGate({
      permits: ports.permits,
      health: ports.health,
      monotonicMs: ports.clock.monotonicMs,
      after: (ms, run) => {
        const timer = setTimeout(run, ms);
        return () => clearTimeout(timer);
      },
      sharers: settings.sharers ?? 1,
    }),
    budgets: new WalkBudgets(),
    signingKeys: new SigningKeys(),
    trustedProxies: trustedProxiesOf(settings.trustedProxies ?? []),
    learnt: { output: new ExpectedOutput(), warm: new WarmPrefixes() },
    openExchanges: 0,
    isCutting: false,
  };
  const listener = new Listener(state);

  let drained: Promise<void> | undefined;
  const close = async () => {
    await listener.close();
    await untilQuiet(state);
    state.deadlines.close();
    await state.upstreams.close();
  };

  return {
    listen: () => listener.listen(),
    drain: async timeoutMs => {
      const late = setTimeout(() => {
        state.isCutting = true;
        listener.cut();
      }, timeoutMs);
      drained ??= close();
      await drained;
      clearTimeout(late);
    },
    fetchedMedia: state.media,
    get waitingExchanges() {
      return state.gate.waiting;
    },
    get openExchanges() {
      return state.openExchanges;
    },
  };
}

/** An operator who lets the internet be reached through a proxy does not want it to be reached around it. */
function mediaFetcherOf({ proxy, mediaFetch }: GatewaySettings): MediaFetcher {
  const { httpsProxy, noProxy } = proxy;
  return new MediaFetcher({
    policy: new AddressPolicy(mediaFetch?.allowAddresses),
    resolve: (hostname, signal) => resolveHost(hostname, signal),
    secureContext: trustedContext,
    isDirect: url => httpsProxy === undefined || (noProxy !== undefined && isExempt(url, noProxy)),
  });
}

/** With its connection gone an exchange still has its end to journal. */
async function untilQuiet(state: GatewayState): Promise<void> {
  const endsAtMs = state.deadlines.now() + quietMsMax;
  while (state.openExchanges > 0 && state.deadlines.now() < endsAtMs) {
    await new Promise(resolve => setTimeout(resolve, 5));
  }
}

const quietMsMax = 2_000;
