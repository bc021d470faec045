import { createServer, type Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { AddressPolicy } from '../media/address-policy.ts';
import { MediaFetcher } from '../media/media-fetcher.ts';
import { resolveHost } from '../media/resolve-host.ts';
import { trustedProxiesOf } from './client-address.ts';
import { answerClientError } from './client-error.ts';
import { hasAsked } from './connections.ts';
import { Deadlines } from './deadlines.ts';
import { DeploymentGate } from './deployment-gate.ts';
import { dialectOfPath, handleRequest } from './edge.ts';
import { mintExchangeId } from './exchange-id.ts';
import { ExpectedOutput } from './expected-output.ts';
import type { GatewayState } from './gateway.ts';
import { readTlsFiles, TlsWatch } from './listener-tls.ts';
import type { GatewayPorts } from './ports.ts';
import type { GatewaySettings } from './settings.ts';
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
    trustedProxies: trustedProxiesOf(settings.trustedProxies ?? []),
    learnt: { output: new ExpectedOutput(), warm: new WarmPrefixes() },
    openExchanges: 0,
    isCutting: false,
  };
  const sockets = new Set<Socket>();
  const server = openServer(state, sockets);
  const tlsWatch = settings.tls === undefined ? undefined : new TlsWatch(settings.tls, server, ports.observe);

  let drained: Promise<void> | undefined;
  const close = async () => {
    tlsWatch?.close();
    await closeServer(server, sockets);
    await untilQuiet(state);
    state.deadlines.close();
    await state.upstreams.close();
  };

  return {
    listen: () => listen(server, settings),
    drain: async timeoutMs => {
      const late = setTimeout(() => {
        state.isCutting = true;
        server.closeAllConnections();
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

function openServer(state: GatewayState, sockets: Set<Socket>): Server {
  const { limits, tls } = state.settings;
  const options = {
    maxHeaderSize: limits.headerBytesMax,
    headersTimeout: limits.headersTimeoutMs,
    // The body has its own idle deadline; this one bounds senders that drip.
    requestTimeout: requestMsMax,
    connectionsCheckingInterval: 1_000,
    keepAliveTimeout: keepAliveMsMax,
    noDelay: true,
    insecureHTTPParser: false,
    // The edge asks for it, and answers in our own form.
    requireHostHeader: false,
    ...(tls === undefined ? undefined : { ...readTlsFiles(tls), handshakeTimeout: limits.headersTimeoutMs }),
  };
  const server: Server = tls === undefined ? createServer(options) : createTlsServer(options);
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  // One more than allowed is kept, so that the excess is seen and refused instead of being cut off in silence.
  server.maxHeadersCount = 201;
  server.maxConnections = limits.connectionsMax;
  server.on('request', (request, response) => handleRequest(state, request, response));
  // The walk asks for the body itself, after what the headers alone can refuse.
  server.on('checkContinue', (request, response) => handleRequest(state, request, response));
  server.on('clientError', (error, socket) => {
    const mint = () => mintExchangeId(state.ports.clock.nowMs());
    const answered = answerClientError(error, socket, mint, path => dialectOfPath(path, false));
    if (answered === undefined) return;
    const { fault, id, path } = answered;
    state.ports.observe.refused({ fault, exchangeId: id, path, durationMs: 0 });
  });
  return server;
}

/** A whole request, however slowly it comes. */
const requestMsMax = 300_000;
/** Longer than the idle time of usual load balancers, so that they close first and never write into a closed socket. */
const keepAliveMsMax = 75_000;

function listen(server: Server, settings: GatewaySettings): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(
      { host: settings.host, port: settings.port, reusePort: settings.reusePort ?? false, backlog: 4096 },
      () => {
        server.off('error', reject);
        // The cast is true: a server that listens on a TCP port has such an address.
        resolve((server.address() as AddressInfo).port);
      },
    );
  });
}

async function closeServer(server: Server, sockets: ReadonlySet<Socket>): Promise<void> {
  const closed = new Promise<void>(resolve => {
    server.close(() => resolve());
  });
  const closeIdle = () => {
    server.closeIdleConnections();
    // Node counts a connection as busy until its first request. One that is kept ready by a client would hold up the end
    // for as long as headers may take.
    for (const socket of sockets) if (socket.bytesRead === 0 && !hasAsked(socket)) socket.destroy();
  };
  closeIdle();
  const idle = setInterval(closeIdle, 100);
  await closed;
  clearInterval(idle);
}

/** With its connection gone an exchange still has its end to journal. */
async function untilQuiet(state: GatewayState): Promise<void> {
  const endsAtMs = state.deadlines.now() + quietMsMax;
  while (state.openExchanges > 0 && state.deadlines.now() < endsAtMs) {
    await new Promise(resolve => setTimeout(resolve, 5));
  }
}

const quietMsMax = 2_000;
