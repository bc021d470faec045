import type { Arrival } from './arrival.ts';
import type { ClientRequest, ClientResponse } from './client-message.ts';
import type { GatewayState } from './gateway.ts';

/** Pages in a browser may call with keys that name their origin (https://fetch.spec.whatwg.org/#http-cors-protocol, 2026-11).
 *  For all other pages there are no headers of this protocol, and browsers keep the answers from them. */

/** How long a browser need not ask again; a key's origins may change. */
const maxAgeSeconds = 600;
const requestedHeadersLengthMax = 1_024;
/** What a page may read beside the body. */
const exposedHeaders = [
  'x-carrier-exchange-id',
  'x-carrier-deployment',
  'x-carrier-attempts',
  'x-carrier-served-model',
  'x-carrier-cost',
  'x-carrier-loss',
  'x-carrier-fault',
  'x-carrier-sandbox',
  'retry-after',
  'request-id',
  'x-request-id',
].join(', ');

/** Lets a page of this origin read the answer. */
export function allowPage(response: ClientResponse, origin: string): void {
  response.setHeader('access-control-allow-origin', origin);
  response.setHeader('access-control-expose-headers', exposedHeaders);
  response.setHeader('vary', 'origin');
}

export function isPreflight({ method, headers }: ClientRequest): boolean {
  return method === 'OPTIONS' && headers.origin !== undefined && headers['access-control-request-method'] !== undefined;
}

/** A browser asks, without a key, whether a page may call. Some key must name its origin; which one the call itself shows.
 *  False, without an answer, when none does. */
export function answerPreflight({ ports }: GatewayState, { request, response }: Arrival, method: string): boolean {
  const { origin = '' } = request.headers;
  const asked = request.headers['access-control-request-headers'] ?? '';
  if (!ports.snapshot().allowsOrigin(origin)) return false;
  const isPlain = asked.length <= requestedHeadersLengthMax && /^[\w!#$%&'*+.^`|~, -]*$/.test(asked);
  const headers = [
    'access-control-allow-origin',
    origin,
    'access-control-allow-methods',
    method,
    ...(asked === '' || !isPlain ? [] : ['access-control-allow-headers', asked]),
    'access-control-max-age',
    String(maxAgeSeconds),
    'vary',
    'origin, access-control-request-method, access-control-request-headers',
  ];
  response.writeHead(204, headers);
  response.end();
  return true;
}
