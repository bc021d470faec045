import { request as httpRequest } from 'node:http';
import type { Socket } from 'node:net';
import { Fault } from '../completion/fault.ts';
import type { Arrival } from './arrival.ts';
import { clientAddress } from './client-address.ts';
import { notWatched, type Watched } from './deadlines.ts';
import type { GatewayState } from './gateway.ts';
import { isLocalRequest } from './local-request.ts';

/** Passes /api, /console and /metrics to the supervisor over its unix socket, streaming both ways, so that what an
 *  operator does never runs beside the exchanges. */
export function passToAdmin(gateway: GatewayState, arrival: Arrival): Promise<void> {
  const { adminSocket, limits } = gateway.settings;
  const { deadlines } = gateway;
  const { request, response, path, query, connection } = arrival;
  const remote = clientAddress(request, gateway.trustedProxies) ?? request.socket.remoteAddress ?? '';
  if (adminSocket === undefined || climbs.test(path)) throw new Fault('path_not_found');
  if (Number(request.headers['content-length'] ?? 0) > limits.bodyBytesMax) throw new Fault('body_too_large');
  if (open >= openMax) throw new Fault('overloaded');

  open++;
  return new Promise<void>((resolve, reject) => {
    let settled = false;
    const settle = (fault?: Fault) => {
      if (settled) return;
      settled = true;
      deadlines.unwatch(sender);
      connection.failBody = undefined;
      if (fault === undefined) resolve();
      else if (!response.headersSent) reject(fault);
      else {
        response.destroy();
        resolve();
      }
    };
    const upstream = httpRequest({
      socketPath: adminSocket,
      method: request.method ?? 'GET',
      path: query === '' ? path : `${path}?${query}`,
      headers: passedHeaders(request.rawHeaders, {
        remote,
        local: isLocalRequest(request),
        secure: isSecure(request.socket),
        exchangeId: arrival.id,
      }),
      // A connection of its own: one that is kept may have gone with the last supervisor.
      agent: false,
      timeout: idleMsMax,
    });
    upstream.on('response', answer => {
      response.writeHead(answer.statusCode ?? 502, endToEnd(answer.rawHeaders));
      answer.pipe(response);
      answer.on('error', () => settle(new Fault('internal', 'The admin server broke off its answer.')));
      response.on('finish', () => settle());
    });
    upstream.on('timeout', () => upstream.destroy(new Error('the admin server is silent')));
    upstream.on('error', error => {
      settle(new Fault('overloaded', 'The admin server does not answer; retry after a moment.', { cause: error }));
    });
    response.on('close', () => {
      upstream.destroy();
      settle();
    });
    /** The request cannot be passed on to its end. */
    const abandon = (fault: Fault) => {
      request.unpipe(upstream);
      settle(fault);
      upstream.destroy();
    };
    let bytes = 0;
    let lastAtMs = deadlines.now();
    request.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      lastAtMs = deadlines.nowMs;
      if (bytes > limits.bodyBytesMax) abandon(new Fault('body_too_large'));
    });
    const sender: Watched = {
      watchedAt: notWatched,
      checkDeadlines: nowMs => {
        // Silence while the admin server reads slowly is ours.
        if (request.complete || upstream.writableNeedDrain) lastAtMs = nowMs;
        else if (nowMs - lastAtMs >= limits.bodyIdleTimeoutMs) abandon(new Fault('request_timeout'));
      },
    };
    if (!request.complete) deadlines.watch(sender);
    connection.failBody = fault => {
      if (request.complete) return false;
      abandon(fault);
      return true;
    };
    if (request.headers.expect !== undefined) response.writeContinue();
    request.pipe(upstream);
  }).finally(() => {
    open--;
  });
}

/** Segments that go up or nowhere, as URL readers understand them: what is asked for here must be what is read there. */
const climbs = /[/\\](?:\.|%2e){1,2}(?:[/\\]|$)|\\/i;

/** Requests to the admin server that are open at once; an operator's pages need a handful. */
const openMax = 128;
let open = 0;
/** Neither side may be silent for longer; long work there sends progress. */
const idleMsMax = 120_000;

/** Added to what comes from this machine; a client's own never passes. */
export const localHeader = 'x-carrier-local';
/** What a page proves with that it is one of ours: the one header of this kind that is the client's own. */
const csrfHeader = 'x-carrier-csrf';
/** Added to what came over TLS. */
export const secureHeader = 'x-carrier-secure';

const hopByHop: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'expect',
]);

function endToEnd(rawHeaders: readonly string[]): string[] {
  const kept: string[] = [];
  for (let index = 0; index < rawHeaders.length; index += 2) {
    if (!hopByHop.has(rawHeaders[index]!.toLowerCase())) kept.push(rawHeaders[index]!, rawHeaders[index + 1]!);
  }
  return kept;
}

/** Cookies of a page that came over TLS go back over TLS only. */
function isSecure(socket: Socket): boolean {
  return 'encrypted' in socket && socket.encrypted === true;
}

/** The client's word about where it comes from is replaced by what we see. */
function passedHeaders(
  rawHeaders: readonly string[],
  seen: { readonly remote: string; readonly local: boolean; readonly secure: boolean; readonly exchangeId: string },
): string[] {
  const kept = endToEnd(rawHeaders);
  const passed: string[] = [];
  let chunked = true;
  for (let index = 0; index < kept.length; index += 2) {
    const name = kept[index]!.toLowerCase();
    if (name === 'content-length') chunked = false;
    if (name === csrfHeader || !/^x-(?:forwarded|carrier)-/.test(name)) passed.push(kept[index]!, kept[index + 1]!);
  }
  if (chunked && rawHeaders.some(name => name.toLowerCase() === 'transfer-encoding')) {
    passed.push('transfer-encoding', 'chunked');
  }
  // We close: a server that closes behind its answer may do so before our request's last, empty write, which then
  // fails and takes the answer with it.
  passed.push('connection', 'keep-alive');
  passed.push('x-forwarded-for', seen.remote, 'x-carrier-exchange-id', seen.exchangeId);
  // Its supervisor sees a unix socket; what it gives to this machine alone depends on our word.
  if (seen.local) passed.push(localHeader, '1');
  if (seen.secure) passed.push(secureHeader, '1');
  return passed;
}
