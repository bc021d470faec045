import { createHash, timingSafeEqual } from 'node:crypto';
import { rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { getRequestListener } from '@hono/node-server';
import type { RequestOrigin } from '../admin/request-origin.ts';
import { localHeader, secureHeader } from '../gateway/admin-pass-through.ts';
import { clientAddress, type TrustedProxies, trustedProxiesOf } from '../gateway/client-address.ts';
import { mintExchangeId } from '../gateway/exchange-id.ts';
import { isLocalRequest, type SeenRequest } from '../gateway/local-request.ts';
import { StartFailure } from './start-failure.ts';

/** Answers one management request. */
export type AdminHandler = (request: Request, origin: RequestOrigin) => Response | Promise<Response>;

export interface AdminServer {
  /** Once the database is there; until then everything but `early` is answered 503. */
  serve(handler: AdminHandler): void;
  /** Of the listeners on TCP. */
  readonly addresses: readonly { readonly host: string; readonly port: number }[];
  close(): Promise<void>;
}

export interface AdminServerOptions {
  /** Where workers pass /api, /console and /metrics to. */
  readonly socketPath: string;
  /** A TCP address of its own, as CARRIER_ADMIN_LISTEN asks. */
  readonly listen: { readonly host: string; readonly port: number } | undefined;
  /** Networks of the proxies in front of that address. */
  readonly trustedProxies?: readonly string[];
  /** What can be answered without the database; undefined for what cannot. */
  readonly early: (request: Request, isLocal: boolean) => Response | Promise<Response> | undefined;
}

/** Time a client may take to send a management request. */
const requestTimeoutMs = 30_000;
const headersTimeoutMs = 10_000;

export async function startAdminServer(options: AdminServerOptions): Promise<AdminServer> {
  let handler: AdminHandler | undefined;
  const trusted = trustedProxiesOf(options.trustedProxies ?? []);
  const listener = getRequestListener(
    (request, { incoming }) =>
      options.early(request, isLocal(incoming)) ??
      (handler === undefined ? databaseUnavailable() : handler(request, originOf(incoming, trusted))),
    { overrideGlobalObjects: false },
  );
  const servers: Server[] = [];
  const open = async (where: { path: string } | { host: string; port: number }) => {
    const server = createServer({ requestTimeout: requestTimeoutMs, headersTimeout: headersTimeoutMs }, listener);
    servers.push(server);
    await listen(server, where);
  };
  rmSync(options.socketPath, { force: true });
  try {
    await open({ path: options.socketPath });
    if (options.listen !== undefined) await open(options.listen);
  } catch (error) {
    await Promise.all(servers.map(close));
    throw error;
  }
  return {
    serve: next => {
      handler = next;
    },
    addresses: servers.flatMap(server => tcpAddress(server) ?? []),
    close: async () => {
      await Promise.all(servers.map(close));
    },
  };
}

function listen(server: Server, where: { path: string } | { host: string; port: number }): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', cause => {
      const place = 'path' in where ? where.path : `${where.host} port ${where.port}`;
      const inUse = (cause as NodeJS.ErrnoException).code === 'EADDRINUSE';
      const code = inUse ? 'port_in_use' : 'address_unusable';
      reject(new StartFailure(code, `The management API cannot listen on ${place}: ${cause.message}`, { cause }));
    });
    server.listen(where, () => resolve());
  });
}

function tcpAddress(server: Server): { host: string; port: number } | undefined {
  const address = server.address();
  return address === null || typeof address === 'string' ? undefined : { host: address.address, port: address.port };
}

function close(server: Server): Promise<void> {
  return new Promise(resolve => {
    server.close(() => resolve());
    // Those that wait for an answer too: the process is about to end.
    server.closeAllConnections();
  });
}

/** Over the unix socket workers say it; over TCP everybody could. */
function isLocal(request: SeenRequest): boolean {
  if (request.socket.remoteAddress === undefined) return request.headers[localHeader] === '1';
  return isLocalRequest(request);
}

/** Over the unix socket workers say where a request comes from; over TCP its own connection does. */
function originOf(request: SeenRequest, trusted: TrustedProxies): RequestOrigin {
  const { socket, headers } = request;
  if (socket.remoteAddress !== undefined) {
    const address = clientAddress(request, trusted) ?? socket.remoteAddress;
    return { requestId: mintExchangeId(Date.now()), address };
  }
  const [address, requestId] = [headers['x-forwarded-for'], headers['x-carrier-exchange-id']];
  return {
    requestId: typeof requestId === 'string' ? requestId : undefined,
    address: typeof address === 'string' && address !== '' ? address : undefined,
    secure: headers[secureHeader] === '1',
  };
}

/** Does the request carry this key? Takes as long for a wrong key as for the right one. */
export function isBearer(request: Request, key: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(request.headers.get('authorization') ?? ''), digest(`Bearer ${key}`));
}

/** RFC 9457. */
function databaseUnavailable(): Response {
  const problem = {
    type: 'about:blank',
    title: 'The database does not answer',
    status: 503,
    code: 'database_unavailable',
    detail: 'Requests are served from the last snapshot; the management API is back when the database is.',
  };
  return new Response(JSON.stringify(problem), {
    status: 503,
    headers: { 'content-type': 'application/problem+json', 'retry-after': '2' },
  });
}
